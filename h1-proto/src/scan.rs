//! How far octets of a class reach: what parsing a head spends its time on.
//!
//! No `unsafe`, no target features: the same code runs on every target. Sixteen octets are asked one
//! question without a branch, which compilers turn into a few vector instructions, and the answers are
//! looked at as one number.

use core::hint::black_box;

use crate::grammar;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How many leading octets a field value can hold: no control but HTAB, no DEL (RFC 9110 §5.5).
#[inline]
pub(crate) fn content_len(octets: &[u8]) -> usize {
    let end = octets_before_control(octets);
    if octets.get(end) == Some(&b'\t') { content_len_with_tabs(octets, end) } else { end }
}

#[cold]
fn content_len_with_tabs(octets: &[u8], mut end: usize) -> usize {
    while octets.get(end) == Some(&b'\t') {
        end += 1 + octets_before_control(slice(octets, end + 1, octets.len()));
    }
    end
}

/// How many octets come before the first control (0x00 to 0x1F, 0x7F).
#[inline(always)]
fn octets_before_control(octets: &[u8]) -> usize {
    match len_until(octets, grammar::is_control) {
        Some(end) => end,
        None => short_before_control(octets),
    }
}

/// The same for less than sixteen octets.
#[inline]
fn short_before_control(octets: &[u8]) -> usize {
    if let (Some(first), Some(last)) = (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
        let controls = controls_in(u64::from_le_bytes(*first));
        if controls != 0 {
            return (controls.trailing_zeros() / 8) as usize;
        }
        return match controls_in(u64::from_le_bytes(*last)) {
            0 => octets.len(),
            controls => octets.len() - 8 + (controls.trailing_zeros() / 8) as usize,
        };
    }
    octets.iter().position(|&octet| grammar::is_control(octet)).unwrap_or(octets.len())
}

/// How many leading octets do not stop; `None` for less than sixteen.
#[inline(always)]
fn len_until(octets: &[u8], stops: impl Fn(u8) -> bool + Copy) -> Option<usize> {
    let last = octets.last_chunk::<16>()?;
    let mut rest = octets;
    while let Some((block, tail)) = rest.split_first_chunk::<16>() {
        let end = first_stop(block, stops);
        if end < 16 {
            return Some(octets.len() - rest.len() + end);
        }
        rest = tail;
    }
    // What is left, in a block with octets before it of which none stops.
    Some(octets.len() - 16 + first_stop(last, stops))
}

/// Where the first octet is that stops; 16 without one.
#[inline(always)]
fn first_stop(block: &[u8; 16], stops: impl Fn(u8) -> bool) -> usize {
    let mut hits = [0; 16];
    for (hit, &octet) in hits.iter_mut().zip(block) {
        *hit = if stops(octet) { 0xff } else { 0 };
    }
    // Or compilers take the vector apart again to get at the halves.
    let hits = u128::from_le_bytes(black_box(hits));
    let (low, high) = (hits as u64, (hits >> 64) as u64);
    let bits = if low != 0 { low.trailing_zeros() } else { 64 + high.trailing_zeros() };
    (bits / 8) as usize
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

/// Whether these are eight to sixteen lower-case letters and hyphens: what most field names are.
#[inline]
pub(crate) fn is_plain_name(octets: &[u8]) -> bool {
    match (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
        (Some(first), Some(last)) if octets.len() <= 16 => {
            are_plain(u64::from_le_bytes(*first)) && are_plain(u64::from_le_bytes(*last))
        }
        _ => false,
    }
}

/// Octets below 0x80 carry nothing into their neighbours here, and others are plain in no case.
#[inline]
fn are_plain(word: u64) -> bool {
    let from_a = word.wrapping_add(LOW * (0x80 - 0x61));
    let beyond_z = word.wrapping_add(LOW * (0x80 - 0x7b));
    let no_hyphen = (word ^ (LOW * 0x2d)).wrapping_add(LOW * 0x7f);
    (from_a & !beyond_z | !no_hyphen) & !word & HIGH == HIGH
}

/// How many leading octets a request-target can hold ([`grammar::TARGET`]).
#[inline(always)]
pub(crate) fn target_len(octets: &[u8]) -> usize {
    match len_until(octets, stops_target) {
        Some(end) => end,
        None => class_len(octets, &grammar::TARGET),
    }
}

/// The same class in arithmetic, for blocks: without `"` and `#`, `<` and `>`.
#[inline(always)]
fn stops_target(octet: u8) -> bool {
    let quotes = octet.wrapping_sub(b'"') < 2;
    let brackets = octet | 2 == b'>';
    quotes | brackets | (octet <= b' ') | (octet >= 0x7f)
}

/// How many leading octets are in `class`.
#[inline(always)]
pub(crate) fn class_len(octets: &[u8], class: &[bool; 256]) -> usize {
    let mut rest = octets;
    // Eight at a time only to count less often.
    while let Some((block, tail)) = rest.split_first_chunk::<8>() {
        for (index, &octet) in block.iter().enumerate() {
            if !class[usize::from(octet)] {
                return octets.len() - rest.len() + index;
            }
        }
        rest = tail;
    }
    for (index, &octet) in rest.iter().enumerate() {
        if !class[usize::from(octet)] {
            return octets.len() - rest.len() + index;
        }
    }
    octets.len()
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
            for length in [5, 8, 13, 25] {
                for place in 0..length {
                    for filler in [b'a', b' ', 0x21, 0x80, 0xff, 0x7e, b'\t'] {
                        let mut input = vec![filler; length];
                        input[place] = octet;
                        let expected = input
                            .iter()
                            .position(|&o| o != b'\t' && grammar::is_control(o))
                            .unwrap_or(input.len());
                        assert_eq!(content_len(&input), expected, "{octet} at {place} of {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn plain_names_are_lower_case_letters_and_hyphens() {
        for octet in 0..=255u8 {
            for length in 1..20 {
                for place in 0..length {
                    for filler in [b'a', b'z', b'-', b'q'] {
                        let mut name = vec![filler; length];
                        name[place] = octet;
                        let plain = octet.is_ascii_lowercase() || octet == b'-';
                        let expected = plain && (8..=16).contains(&length);
                        assert_eq!(is_plain_name(&name), expected, "{octet} at {place}");
                    }
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
                assert_eq!(target_len(&input), end);
                assert_eq!(class_len(&input, &grammar::TARGET), end);
            }
        }
    }
}
