/// FNV-1a, 64 bits, in hex (Fowler, Noll and Vo; IETF draft-eastlake-fnv). Against slips and accidents, not against intent: who
/// wants other figures writes them.
pub(crate) fn fnv1a(bytes: &[u8]) -> String {
    let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_cases() {
        // Of the draft's test vectors.
        for (text, hash) in [("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8")] {
            assert_eq!(fnv1a(text.as_bytes()), hash, "{text}");
        }
    }
}
