//! Integers (RFC 7541 §5.1): a prefix in the rest of an octet, and seven bits in each further one.
//!
//! ```text
//!   0   1   2   3   4   5   6   7
//! +---+---+---+---+---+---+---+---+
//! | ? | ? | ? | 1   1   1   1   1 |   a prefix of 5 bits, all ones: more follows
//! +---+---+---+-------------------+
//! | 1 |    value - 31, low 7 bits |   one: more follows
//! +---+---------------------------+
//! | 0 |    the most significant   |
//! +---+---------------------------+
//! ```

use alloc::vec::Vec;

use crate::error::{DecodeError, DecodeErrorKind};

/// Octets after the prefix, also if they are zeros that add nothing.
const CONTINUATION_OCTETS_MAX: usize = 5;
/// More than any length or index can mean.
const VALUE_MAX: u64 = 1 << 31;

/// Reads the integer whose prefix is the low `prefix_bits` of the octet at `*at`, and steps over
/// it. At most 2^31, in at most 5 octets after the prefix.
#[inline]
pub(crate) fn decode(block: &[u8], at: &mut usize, prefix_bits: u32) -> Result<usize, DecodeError> {
    let mask = u8::MAX >> (8 - prefix_bits);
    let Some(&first) = block.get(*at) else {
        return Err(DecodeError::new(DecodeErrorKind::Truncated, block.len()));
    };
    *at += 1;
    if first & mask < mask { Ok(usize::from(first & mask)) } else { decode_rest(block, at, mask) }
}

fn decode_rest(block: &[u8], at: &mut usize, mask: u8) -> Result<usize, DecodeError> {
    let start = *at - 1;
    let mut value = u64::from(mask);
    for position in 0..CONTINUATION_OCTETS_MAX {
        let Some(&octet) = block.get(*at) else {
            return Err(DecodeError::new(DecodeErrorKind::Truncated, block.len()));
        };
        *at += 1;
        value += u64::from(octet & 0x7F) << (7 * position);
        if octet & 0x80 == 0 {
            if value > VALUE_MAX {
                break;
            }
            return Ok(value as usize);
        }
    }
    Err(DecodeError::new(DecodeErrorKind::IntegerTooLarge, start))
}

/// Appends `value`, whose prefix shares its octet with the bits of `flags` above it.
#[inline]
pub(crate) fn encode(value: usize, prefix_bits: u32, flags: u8, out: &mut Vec<u8>) {
    let mask = (1_usize << prefix_bits) - 1;
    if value < mask {
        out.push(flags | value as u8);
        return;
    }
    out.push(flags | mask as u8);
    let mut rest = value - mask;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(octets: &[u8], prefix_bits: u32) -> Result<(usize, usize), DecodeErrorKind> {
        let mut at = 0;
        decode(octets, &mut at, prefix_bits).map(|value| (value, at)).map_err(|it| it.kind())
    }

    #[test]
    fn appendix_c_1() {
        for (value, prefix_bits, octets) in
            [(10, 5, &[10][..]), (1337, 5, &[0x1F, 0x9A, 0x0A]), (42, 8, &[42])]
        {
            let mut out = Vec::new();
            encode(value, prefix_bits, 0, &mut out);
            assert_eq!(out, octets);
            assert_eq!(decoded(octets, prefix_bits), Ok((value, octets.len())));
        }
    }

    #[test]
    fn every_prefix_there_and_back() {
        for prefix_bits in 1..=8 {
            for value in (0..1000).chain((10..31).flat_map(|bits| [(1 << bits) - 1, 1 << bits])) {
                let mut out = Vec::new();
                encode(value, prefix_bits, 0, &mut out);
                assert_eq!(decoded(&out, prefix_bits), Ok((value, out.len())));
                for cut in 0..out.len() {
                    assert_eq!(decoded(&out[..cut], prefix_bits), Err(DecodeErrorKind::Truncated));
                }
            }
        }
    }

    #[test]
    fn rfc7541_5_1_too_large_or_too_long() {
        let too_large = Err(DecodeErrorKind::IntegerTooLarge);
        assert_eq!(decoded(&[0xFF, 0x81, 0xFF, 0xFF, 0xFF, 0x07], 7), Ok((1 << 31, 6)));
        assert_eq!(decoded(&[0xFF, 0x82, 0xFF, 0xFF, 0xFF, 0x07], 7), too_large);
        assert_eq!(decoded(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], 7), too_large);
        // Zeros that add nothing, within and beyond the bound of their number.
        assert_eq!(decoded(&[0xFF, 0x80, 0x80, 0x80, 0x80, 0x00], 7), Ok((127, 6)));
        assert_eq!(decoded(&[0xFF, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 7), too_large);
    }
}
