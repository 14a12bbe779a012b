//! Comparing strings that are mostly short.

/// Whether two strings are the same, without a call for short ones: a call costs more than most of
/// them, and above all for empty ones, whose pointer may be to nowhere, which slows some processors
/// down by a hundred cycles although nothing is loaded.
#[inline]
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    /// The first and the last `N` octets, which overlap or meet.
    #[inline]
    fn ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
        a.first_chunk::<N>() == b.first_chunk::<N>() && a.last_chunk::<N>() == b.last_chunk::<N>()
    }
    a.len() == b.len()
        && match a.len() {
            33.. => a == b,
            16..=32 => ends::<16>(a, b),
            8..16 => ends::<8>(a, b),
            4..8 => ends::<4>(a, b),
            _ => ends::<1>(a, b) && a.get(1) == b.get(1),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_and_every_length_counts() {
        let text = *b"an octet string of some length, neither short nor long";
        for len in 0..=text.len() {
            assert!(same(&{ text }[..len], &text[..len]));
            assert!(len == 0 || !same(&text[..len], &text[..len - 1]));
            for at in 0..len {
                let mut other = text;
                other[at] ^= 1;
                assert!(!same(&other[..len], &text[..len]));
            }
        }
    }
}
