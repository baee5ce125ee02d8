/// A plugin's machine code, as [`crate::Host::precompile`] made it: compiled once, it is loaded in many fresh processes.
#[derive(Clone, PartialEq, Eq)]
pub struct Precompiled(Vec<u8>);

impl std::fmt::Debug for Precompiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Precompiled({} bytes)", self.0.len())
    }
}

impl Precompiled {
    #[cfg_attr(not(feature = "wasmtime"), expect(dead_code, reason = "made by hosts that compile"))]
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept in a file that nobody else can write.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What was kept.
    ///
    /// # Safety
    /// The bytes are those that [`Precompiled::as_bytes`] gave, in this very program: they will be run as they are.
    pub unsafe fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}
