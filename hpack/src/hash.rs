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

const fn octets(octets: &[u8], seed: u64) -> u64 {
    let mut hash = seed ^ octets.len() as u64;
    let mut rest = octets;
    while let Some((word, tail)) = rest.split_first_chunk() {
        hash = mix(hash ^ u64::from_le_bytes(*word), K[0]);
        rest = tail;
    }
    // 0 to 7 octets: two words that overlap, or three octets of which two may be the same.
    let last = if let (Some(head), Some(tail)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (u32::from_le_bytes(*head) as u64) << 32 | u32::from_le_bytes(*tail) as u64
    } else if let (Some(first), Some(last)) = (rest.first(), rest.last()) {
        (*first as u64) << 16 | (rest[rest.len() / 2] as u64) << 8 | *last as u64
    } else {
        0
    };
    mix(hash ^ last, K[1])
}

/// Both halves of the product, folded.
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
