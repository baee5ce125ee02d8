/// What a header map compares before it looks at a name: the name's first and last eight bytes in lower case, and a
/// tag made of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) head: u64,
    pub(crate) tail: u64,
    tag: u8,
}

impl Key {
    /// Up to this length in bytes, head, tail and length say all of a name.
    pub(crate) const WHOLE: usize = 16;

    /// Number of tags.
    pub(crate) const TAGS: usize = 64;

    /// A number below [`Key::TAGS`], the same for all names that are equal.
    #[inline]
    pub(crate) fn tag(&self) -> usize {
        usize::from(self.tag) % Self::TAGS
    }

    #[inline]
    pub(crate) fn new(name: &[u8]) -> Self {
        let (head, tail) = ends(name);
        let (head, tail) = (lower_case(head), lower_case(tail));
        // One folded multiplication (constants of SplitMix64): the tag only has to spread, the names are compared.
        let product =
            u128::from(head ^ 0x9e37_79b9_7f4a_7c15) * u128::from(tail ^ 0xbf58_476d_1ce4_e5b9 ^ name.len() as u64);
        let folded = (product >> 64) as u64 ^ product as u64;
        Self { head, tail, tag: (folded >> 56) as u8 }
    }

    /// Appends the name in lower case. Names of 8 to 16 bytes take 16: a copy of fixed length is much the faster.
    #[inline]
    pub(crate) fn push_lower_case(&self, name: &[u8], bytes: &mut Vec<u8>) {
        if (8..=Self::WHOLE).contains(&name.len()) {
            // Made in registers: two copies into a buffer would stall the third, out of it.
            let rest = self.tail.checked_shr(8 * (Self::WHOLE - name.len()) as u32).unwrap_or(0);
            bytes.extend_from_slice(&(u128::from(self.head) | u128::from(rest) << 64).to_le_bytes());
        } else {
            let at = bytes.len();
            bytes.extend_from_slice(name);
            bytes[at..].make_ascii_lowercase();
        }
    }
}

/// The first and the last eight bytes, overlapping as they may; shorter names in a way that keeps them apart.
#[inline]
fn ends(name: &[u8]) -> (u64, u64) {
    if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        return (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
    }
    if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        return (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)));
    }
    match *name {
        [] => (0, 0),
        _ => {
            let byte = |index: usize| u64::from(name[index]);
            (byte(0) | byte(name.len() / 2) << 8 | byte(name.len() - 1) << 16, 0)
        }
    }
}

/// ASCII upper case to lower case in all eight bytes at once.
#[inline]
fn lower_case(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x80 * ONES;
    let low_bits = word & !HIGH_BITS;
    let from_a = low_bits + (0x80 - b'A' as u64) * ONES;
    let above_z = low_bits + (0x7f - b'Z' as u64) * ONES;
    let upper = !word & (from_a ^ above_z) & HIGH_BITS;
    word | (upper >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_is_ascii_lower_case_of_each_byte() {
        for byte in 0..=u8::MAX {
            let word = u64::from_le_bytes([b'@', byte, b'A', byte, byte, b'Z', 0xff, byte]);
            let mut expected = word.to_le_bytes();
            expected.make_ascii_lowercase();
            assert_eq!(lower_case(word).to_le_bytes(), expected, "{byte:#x}");
        }
    }

    #[test]
    fn short_names_are_told_apart_by_their_ends() {
        // All names of up to three bytes over three letters, and all of 4 to 16 bytes that differ in one place.
        let mut names: Vec<Vec<u8>> = vec![vec![]];
        for length in 1..=3 {
            for code in 0..3usize.pow(length) {
                names.push((0..length).map(|place| b"xyz"[code / 3usize.pow(place) % 3]).collect());
            }
        }
        for length in 4..=Key::WHOLE {
            for place in 0..length {
                let mut name = vec![b'x'; length];
                name[place] = b'y';
                names.push(name);
            }
        }
        let keys: std::collections::HashSet<_> =
            names.iter().map(|name| (name.len(), Key::new(name).head, Key::new(name).tail)).collect();
        assert_eq!(keys.len(), names.len());
    }
}
