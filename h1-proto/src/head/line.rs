//! Lines and their ends (RFC 9112 §2.2), and where they are in a section.

use crate::error::ErrorKind;

/// The end of a good line, or why there is none.
pub(super) type Found = Result<usize, Flaw>;

/// Why there is no good line.
#[derive(Clone, Copy)]
pub(super) enum Flaw {
    /// The input ended before the line did.
    Short,
    /// Something is wrong at this position.
    Fault(ErrorKind, usize),
}

/// The end of a line whose content ended at `at`.
#[inline]
pub(super) fn line_end(input: &[u8], at: usize, bare_lf: bool, otherwise: ErrorKind) -> Found {
    if input.get(at..).is_some_and(|rest| rest.starts_with(b"\r\n")) {
        return Ok(at + 2);
    }
    odd_line_end(input, at, bare_lf, otherwise)
}

#[cold]
fn odd_line_end(input: &[u8], at: usize, bare_lf: bool, otherwise: ErrorKind) -> Found {
    match input.get(at) {
        Some(b'\r') => match input.get(at + 1) {
            Some(_) => Err(Flaw::Fault(ErrorKind::BareCr, at)),
            None => Err(Flaw::Short),
        },
        Some(b'\n') if bare_lf => Ok(at + 1),
        Some(b'\n') => Err(Flaw::Fault(ErrorKind::BareLf, at)),
        Some(_) => Err(Flaw::Fault(otherwise, at)),
        None => Err(Flaw::Short),
    }
}

/// A position as an offset of 32 bits: a section is never longer (`read::line_limit`).
#[inline]
pub(super) fn offset(position: usize) -> u32 {
    narrow(position.min(u32::MAX as usize))
}

/// The same for a position that is known to be one.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "sections have at most u32::MAX octets")]
pub(super) fn narrow(position: usize) -> u32 {
    position as u32
}
