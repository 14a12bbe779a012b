//! WINDOW_UPDATE (RFC 9113 §6.9): a window grows.
//!
//! ```text
//! +-+-------------------------------------------------------------+
//! |R|              Window Size Increment (31)                     |
//! +-+-------------------------------------------------------------+
//! ```

use alloc::vec::Vec;

use super::{Header, STREAM_ID_MAX, kind, word};
use crate::error::{ErrorKind, Fault};

/// Reads a frame whose header was checked. An increment of 0 is an error of what the window
/// belongs to.
pub(crate) fn parse(header: &Header, payload: &[u8]) -> Result<u32, Fault> {
    match word(payload) & STREAM_ID_MAX {
        0 if header.stream == 0 => Err(Fault::Connection(ErrorKind::IncrementZero)),
        0 => Err(Fault::Stream(ErrorKind::IncrementZero)),
        increment => Ok(increment),
    }
}

pub(crate) fn write(stream: u32, increment: u32, out: &mut Vec<u8>) {
    Header { length: 4, kind: kind::WINDOW_UPDATE, flags: 0, stream }.write(out);
    out.extend_from_slice(&increment.to_be_bytes());
}
