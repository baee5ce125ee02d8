use std::ops::Range;

/// Where some bytes lie in the arena of a header map. Outdated once the map is changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    at: u32,
    len: u32,
}

impl Span {
    /// # Panics
    /// When it would end beyond 4 GiB.
    #[inline]
    pub(crate) fn new(at: usize, len: usize) -> Self {
        let fits = |length| u32::try_from(length).expect("a header map holds at most 4 GiB; limit what is put in");
        Self { at: fits(at), len: fits(len) }
    }

    /// Where it begins.
    #[inline]
    pub(crate) fn at(self) -> usize {
        self.at as usize
    }

    /// Length in bytes.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        self.at()..self.at() + self.len()
    }
}
