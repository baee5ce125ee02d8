use std::ops::Range;

/// Where some bytes lie in the arena of a header map. Outdated once the map is changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// Place in the lower half, length in the upper. One number, because a span is written in one function and read in
    /// the next: two halves that are read as one wait for both to reach the cache.
    packed: u64,
}

impl Span {
    /// # Panics
    /// When it would end beyond 4 GiB.
    #[inline]
    pub(crate) fn new(at: usize, len: usize) -> Self {
        let fits = |length| u32::try_from(length).expect("a header map holds at most 4 GiB; limit what is put in");
        Self { packed: u64::from(fits(at)) | u64::from(fits(len)) << 32 }
    }

    /// Where it begins.
    #[inline]
    pub(crate) fn at(self) -> usize {
        self.packed as u32 as usize
    }

    /// Length in bytes.
    #[inline]
    pub(crate) fn len(self) -> usize {
        (self.packed >> 32) as usize
    }

    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        self.at()..self.at() + self.len()
    }
}
