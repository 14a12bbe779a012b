//! Byte scans over input.
//!
//! No `unsafe`, no target features: the same code runs on every target. A block of sixteen
//! octets is asked one question without a branch, which compilers turn into a few vector
//! instructions; what it does not settle is looked at in words or one by one.

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
    let mut rest = skip_blocks(input.get(from..).unwrap_or_default(), grammar::is_control);
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let controls = controls_in(u64::from_le_bytes(*word));
        if controls != 0 {
            return input.len() - rest.len() + (controls.trailing_zeros() / 8) as usize;
        }
        rest = tail;
    }
    let octets = rest.iter().position(|&octet| grammar::is_control(octet)).unwrap_or(rest.len());
    input.len() - rest.len() + octets
}

/// Without the leading blocks that hold no octet that `stops`.
#[inline]
fn skip_blocks(mut rest: &[u8], stops: impl Fn(u8) -> bool) -> &[u8] {
    while let Some((block, tail)) = rest.split_first_chunk::<16>() {
        if block.iter().fold(false, |found, &octet| found | stops(octet)) {
            break;
        }
        rest = tail;
    }
    rest
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

/// The first position at or after `from` whose octet a request-target cannot hold
/// ([`grammar::TARGET`]); `input.len()` if none.
#[inline]
pub(crate) fn end_of_target(input: &[u8], from: usize) -> usize {
    let rest = skip_blocks(input.get(from..).unwrap_or_default(), stops_target);
    end_of_class(input, input.len() - rest.len(), &grammar::TARGET)
}

/// The same class in arithmetic: no control, space, `"`, `#`, `<`, `>`, and nothing from 0x7F on.
#[inline]
fn stops_target(octet: u8) -> bool {
    (octet <= b' ') | (octet >= 0x7f) | (octet & !1 == b'"') | (octet & !2 == b'<')
}

/// The first position at or after `from` whose octet is not in `class`; `input.len()` if none.
#[inline]
pub(crate) fn end_of_class(input: &[u8], from: usize, class: &[bool; 256]) -> usize {
    let mut rest = input.get(from..).unwrap_or_default();
    // Eight at a time only to count less often.
    while let Some((block, tail)) = rest.split_first_chunk::<8>() {
        for (index, &octet) in block.iter().enumerate() {
            if !class[usize::from(octet)] {
                return input.len() - rest.len() + index;
            }
        }
        rest = tail;
    }
    let octets = rest.iter().position(|&octet| !class[usize::from(octet)]).unwrap_or(rest.len());
    input.len() - rest.len() + octets
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
    fn targets_are_the_same_class_in_arithmetic_and_in_the_table() {
        for octet in 0..=255u8 {
            assert_eq!(stops_target(octet), !grammar::TARGET[usize::from(octet)], "{octet}");
            for place in 0..40 {
                let mut input = vec![b'a'; 41];
                input[place] = octet;
                let end = if stops_target(octet) { place } else { input.len() };
                assert_eq!(end_of_target(&input, 0), end);
                assert_eq!(end_of_class(&input, 0, &grammar::TARGET), end);
            }
        }
    }

    #[test]
    fn scans_start_where_they_are_told() {
        assert_eq!(end_of_field_content(b"\r\nabc\r\n", 2), 5);
        assert_eq!(end_of_field_content(b"abc", 3), 3);
        assert_eq!(end_of_field_content(b"abc", 9), 3);
        assert_eq!(end_of_class(b"abc:d", 0, &grammar::TCHAR), 3);
    }
}
