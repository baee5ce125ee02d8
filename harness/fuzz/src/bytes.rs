/// Takes numbers off the front of an input; past its end all are 0.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    pub(crate) fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    /// One of so many, at most 256.
    pub(crate) fn choose(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// As many bytes as the next one says, or as there are.
    pub(crate) fn slice(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte()).min(self.0.len());
        let (slice, rest) = self.0.split_at(length);
        self.0 = rest;
        slice.to_vec()
    }
}
