//! Hashes by which the encoder finds matches.
//!
//! They need not withstand an attacker: whatever a hash finds is compared octet by octet, and a
//! lookup looks at no more than four places (see `index`), so names that collide cost their sender
//! compression and nobody time.

const K: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93];

/// The hash of a name.
#[inline]
pub(crate) const fn name(name: &[u8]) -> u64 {
    octets(name, K[0])
}

/// The hash of a field, from that of its name.
#[inline]
pub(crate) const fn field(name_hash: u64, value: &[u8]) -> u64 {
    octets(value, name_hash ^ K[1])
}

/// Sixteen octets a step, two steps side by side where there are more than 32, so that the chain of
/// multiplications is short.
#[inline]
const fn octets(octets: &[u8], seed: u64) -> u64 {
    let mut hash = seed ^ octets.len() as u64;
    let (a, b) = if let Some(last) = octets.last_chunk::<16>() {
        let mut rest = octets;
        let mut beside = 0;
        while rest.len() > 32
            && let Some((block, tail)) = rest.split_first_chunk::<32>()
        {
            hash = mix(word(block, 0) ^ K[0], word(block, 8) ^ hash);
            beside = mix(word(block, 16) ^ K[1], word(block, 24) ^ beside);
            rest = tail;
        }
        if rest.len() > 16
            && let Some(block) = rest.first_chunk::<16>()
        {
            hash = mix(word(block, 0) ^ K[0], word(block, 8) ^ hash);
        }
        hash ^= beside;
        // The last sixteen, of which some may have been in a block before.
        (word(last, 0), word(last, 8))
    } else if let (Some(head), Some(tail)) = (octets.first_chunk(), octets.last_chunk()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (octets.first_chunk(), octets.last_chunk()) {
        (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64)
    } else if let (Some(first), Some(last)) = (octets.first(), octets.last()) {
        (*first as u64, (octets[octets.len() / 2] as u64) << 8 | *last as u64)
    } else {
        (0, 0)
    };
    mix(mix(a ^ K[0], b ^ hash), K[1])
}

/// The eight octets at `at`.
#[inline]
const fn word<const N: usize>(block: &[u8; N], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(block.split_at(at).1.split_at(8).0);
    u64::from_le_bytes(word)
}

/// Both halves of the product, folded.
#[inline]
const fn mix(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_counts() {
        let text = *b"an octet string of some length, neither short nor long";
        for len in 0..=text.len() {
            let hash = name(&text[..len]);
            for at in 0..len {
                let mut other = text;
                other[at] ^= 1;
                assert_ne!(name(&other[..len]), hash);
            }
            assert_ne!(field(name(b"a"), &text[..len]), field(name(b"b"), &text[..len]));
        }
    }
}
