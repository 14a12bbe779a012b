//! PING (RFC 9113 §6.7): eight octets that come back.
//!
//! ```text
//! +---------------------------------------------------------------+
//! |                                                               |
//! |                      Opaque Data (64)                         |
//! |                                                               |
//! +---------------------------------------------------------------+
//! ```

use alloc::vec::Vec;

use super::{Header, flag, kind};

/// Reads a frame whose header was checked.
pub(crate) fn parse(payload: &[u8]) -> [u8; 8] {
    payload.first_chunk().copied().unwrap_or_default()
}

pub(crate) fn write(data: [u8; 8], ack: bool, out: &mut Vec<u8>) {
    let flags = if ack { flag::ACK } else { 0 };
    Header { length: 8, kind: kind::PING, flags, stream: 0 }.write(out);
    out.extend_from_slice(&data);
}
