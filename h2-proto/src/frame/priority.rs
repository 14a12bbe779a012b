//! PRIORITY (RFC 9113 §6.3): deprecated, read for its one rule, charged, and thrown away.
//!
//! ```text
//! +-+-------------------------------------------------------------+
//! |E|                  Stream Dependency (31)                     |
//! +-+-------------+-----------------------------------------------+
//! |   Weight (8)  |
//! +-+-------------+
//! ```

use super::{Header, STREAM_ID_MAX, word};
use crate::error::{ErrorKind, Fault};

/// Octets of these fields, also in HEADERS.
pub(crate) const LEN: usize = 5;

/// The stream that is depended on.
pub(crate) fn dependency(fields: &[u8]) -> u32 {
    word(fields) & STREAM_ID_MAX
}

/// Reads a PRIORITY frame whose header was checked.
pub(crate) fn parse(header: &Header, payload: &[u8]) -> Result<(), Fault> {
    if dependency(payload) == header.stream {
        return Err(Fault::Stream(ErrorKind::SelfDependency));
    }
    Ok(())
}
