/// Gives reqwest what it encrypts with: it takes the provider that the process has, and panics when there is none, even
/// for a client that never encrypts.
pub(crate) fn provide() {
    // Only the first call does it.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
