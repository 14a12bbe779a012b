//! GOAWAY (RFC 9113 §6.8): no further streams; which were the last.
//!
//! ```text
//! +-+-------------------------------------------------------------+
//! |R|                  Last-Stream-ID (31)                        |
//! +-+-------------------------------------------------------------+
//! |                      Error Code (32)                          |
//! +---------------------------------------------------------------+
//! |                  Additional Debug Data (*)                    |
//! +---------------------------------------------------------------+
//! ```

use alloc::vec::Vec;

use super::{Header, STREAM_ID_MAX, kind, word};
use crate::error::ErrorCode;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GoAway<'a> {
    /// No stream above it was or will be processed.
    pub(crate) last_stream: u32,
    pub(crate) code: ErrorCode,
    pub(crate) debug_data: &'a [u8],
}

/// Reads a frame whose header was checked.
pub(crate) fn parse(payload: &[u8]) -> GoAway<'_> {
    GoAway {
        last_stream: word(payload) & STREAM_ID_MAX,
        code: ErrorCode(word(payload.get(4..).unwrap_or_default())),
        debug_data: payload.get(8..).unwrap_or_default(),
    }
}

pub(crate) fn write(last_stream: u32, code: ErrorCode, out: &mut Vec<u8>) {
    Header { length: 8, kind: kind::GOAWAY, flags: 0, stream: 0 }.write(out);
    out.extend_from_slice(&last_stream.to_be_bytes());
    out.extend_from_slice(&code.0.to_be_bytes());
}
