//! Byte scans over input, eight octets a step in plain integers.
//!
//! No `unsafe`, no target features: the same code runs on every target, and the compiler keeps a
//! whole step in registers.

use crate::grammar;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The first position at or after `from` whose octet a field value cannot hold: any control but
/// HTAB, or DEL (RFC 9110 §5.5). `input.len()` when there is none.
#[inline]
pub(crate) fn end_of_field_content(input: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        at = first_control(input, at);
        match input.get(at) {
            Some(b'\t') => at += 1,
            _ => return at,
        }
    }
}

/// The first position at or after `from` that holds a control octet (0x00 to 0x1F, 0x7F).
#[inline]
fn first_control(input: &[u8], from: usize) -> usize {
    let mut at = from;
    let mut rest = input.get(from..).unwrap_or_default();
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let controls = controls_in(u64::from_le_bytes(*word));
        if controls != 0 {
            return at + (controls.trailing_zeros() / 8) as usize;
        }
        at += 8;
        rest = tail;
    }
    at + rest.iter().position(|&octet| grammar::is_control(octet)).unwrap_or(rest.len())
}

/// The high bit of each octet that is a control. Octets above the lowest hit may be marked
/// wrongly (a borrow runs upwards), so only the lowest is to be used.
#[inline]
fn controls_in(word: u64) -> u64 {
    let below_space = word.wrapping_sub(LOW * 0x20) & !word;
    let not_del = word ^ (LOW * 0x7f);
    let del = not_del.wrapping_sub(LOW) & !not_del;
    (below_space | del) & HIGH
}

/// The first position at or after `from` whose octet is not in `class`; `input.len()` if none.
#[inline]
pub(crate) fn end_of_class(input: &[u8], from: usize, class: &[bool; 256]) -> usize {
    let rest = input.get(from..).unwrap_or_default();
    from + rest.iter().position(|&octet| !class[usize::from(octet)]).unwrap_or(rest.len())
}

/// `input[from..to]`, or nothing where the range does not fit.
#[inline]
pub(crate) fn slice(input: &[u8], from: usize, to: usize) -> &[u8] {
    input.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn every_octet_at_every_place_of_a_word_is_classified_as_one_by_one() {
        for octet in 0..=255u8 {
            for place in 0..24 {
                for filler in [b'a', b' ', 0x21, 0x80, 0xff, 0x7e, b'\t'] {
                    let mut input = vec![filler; 25];
                    input[place] = octet;
                    let expected = input
                        .iter()
                        .position(|&o| o != b'\t' && grammar::is_control(o))
                        .unwrap_or(input.len());
                    assert_eq!(end_of_field_content(&input, 0), expected, "{octet} at {place}");
                }
            }
        }
    }

    #[test]
    fn scans_start_where_they_are_told() {
        assert_eq!(end_of_field_content(b"\r\nabc\r\n", 2), 5);
        assert_eq!(end_of_field_content(b"abc", 3), 3);
        assert_eq!(end_of_field_content(b"abc", 9), 9);
        assert_eq!(end_of_class(b"abc:d", 0, &grammar::TCHAR), 3);
    }
}
