//! What reaches a decoder of HPACK, as the octets of an input: field blocks, and between them the
//! bounds of its table that the peer acknowledges.

use crate::table::SIZES;

/// One thing that happens to a decoder.
pub(crate) enum Step<'i> {
    /// The peer has acknowledged this bound of the table, in octets.
    Acknowledge(usize),
    Block(&'i [u8]),
}

/// The steps, each begun by one octet:
///
/// ```text
/// 00 to 7f   so many octets are a block
/// 80 to ef   a bound of the table is acknowledged, chosen by the low four bits
/// f0 to ff   the rest is one block
/// ```
pub(crate) fn steps(mut octets: &[u8]) -> impl Iterator<Item = Step<'_>> {
    core::iter::from_fn(move || {
        let (&first, rest) = octets.split_first()?;
        let (step, rest) = match first {
            0x80..=0xEF => (Step::Acknowledge(SIZES[usize::from(first & 0x0F)]), rest),
            _ => {
                let len = if first < 0x80 { usize::from(first) } else { rest.len() };
                let (block, rest) = rest.split_at(len.min(rest.len()));
                (Step::Block(block), rest)
            }
        };
        octets = rest;
        Some(step)
    })
}
