//! RST_STREAM (RFC 9113 §6.4): a stream ends at once.
//!
//! ```text
//! +---------------------------------------------------------------+
//! |                        Error Code (32)                        |
//! +---------------------------------------------------------------+
//! ```

use alloc::vec::Vec;

use super::{Header, kind, word};
use crate::error::ErrorCode;

/// Reads a frame whose header was checked.
pub(crate) fn parse(payload: &[u8]) -> ErrorCode {
    ErrorCode(word(payload))
}

pub(crate) fn write(stream: u32, code: ErrorCode, out: &mut Vec<u8>) {
    Header { length: 4, kind: kind::RST_STREAM, flags: 0, stream }.write(out);
    out.extend_from_slice(&code.0.to_be_bytes());
}
