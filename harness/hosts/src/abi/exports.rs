use tollgate_fixtures::{HeaderPath, Plugin};

use super::{Callback, Version};

/// The allocators that a guest may export, in the order in which Envoy looks for them (the specification has it the
/// other way round, and only TinyGo exports both).
pub(crate) const ALLOCATORS: [&str; 2] = ["malloc", "proxy_on_memory_allocate"];

/// Checks what a plugin must export; `functions` and `has_memory` are what it does export. A plugin that is held to
/// a workload must handle the headers that this is about, any other something of a request.
pub(crate) fn check_exports(functions: &[&str], has_memory: bool, plugin: &Plugin) -> Result<Version, String> {
    let version = Version::of_exports(functions.iter().copied())?;
    if !has_memory {
        return Err("it exports no `memory`, so the host could not read its strings; export the memory under that \
             name (wasm-ld does so unless told `--import-memory`)"
            .to_owned());
    }
    if !ALLOCATORS.iter().any(|allocator| functions.contains(allocator)) {
        return Err("it exports neither `malloc` nor `proxy_on_memory_allocate`, so nothing could be handed to it; \
             export one of them"
            .to_owned());
    }
    let exports = |callback: &Callback| functions.contains(&callback.name());
    let work = match plugin.on {
        HeaderPath::Request => Callback::RequestHeaders,
        HeaderPath::Response => Callback::ResponseHeaders,
    };
    if plugin.workload_checked && !exports(&work) {
        return Err(format!(
            "it exports no `{}`, so it would do nothing and look fast; export that callback (SDKs do so for every \
             registered context)",
            work.name()
        ));
    }
    let is_tcp = Callback::OF_CONNECTIONS.iter().any(|name| functions.contains(name));
    if is_tcp && !Callback::OF_REQUESTS.iter().any(exports) {
        return Err(
            "it exports callbacks of TCP streams and none of HTTP requests, which is all that is measured here; \
             give a plugin that exports `proxy_on_request_headers`"
                .to_owned(),
        );
    }
    if !Callback::OF_REQUESTS.iter().any(exports) {
        return Err("it exports no `proxy_on_request_headers` and no other callback of a request, so it would do \
             nothing and look fast; export at least one"
            .to_owned());
    }
    Ok(version)
}
