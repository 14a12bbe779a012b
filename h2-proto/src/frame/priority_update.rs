//! PRIORITY_UPDATE (RFC 9218 §7.1): a client changes the priority of a response.
//!
//! ```text
//! +-+-------------------------------------------------------------+
//! |R|                Prioritized Stream ID (31)                   |
//! +-+-------------------------------------------------------------+
//! |                  Priority Field Value (*)                     |
//! +---------------------------------------------------------------+
//! ```

use alloc::vec::Vec;

use super::{Header, STREAM_ID_MAX, kind, word};
use crate::error::{ErrorKind, Fault};

/// Reads a frame whose header was checked: the stream, and the value of a `priority` field.
pub(crate) fn parse(payload: &[u8]) -> Result<(u32, &[u8]), Fault> {
    match word(payload) & STREAM_ID_MAX {
        0 => Err(Fault::Connection(ErrorKind::PriorityUpdate)),
        stream => Ok((stream, payload.get(4..).unwrap_or_default())),
    }
}

pub(crate) fn write(stream: u32, value: &[u8], out: &mut Vec<u8>) {
    let length = 4 + value.len() as u32;
    Header { length, kind: kind::PRIORITY_UPDATE, flags: 0, stream: 0 }.write(out);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(value);
}
