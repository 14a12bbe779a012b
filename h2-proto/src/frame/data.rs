//! DATA (RFC 9113 §6.1): content. Its payload is never kept: pieces are handed out as they come.
//!
//! ```text
//! +---------------+
//! |Pad Length? (8)|   if PADDED
//! +---------------+-----------------------------------------------+
//! |                            Data (*)                         ...
//! +---------------------------------------------------------------+
//! |                           Padding (*)                       ...
//! +---------------------------------------------------------------+
//! ```

use alloc::vec::Vec;

use super::{Header, flag, kind};

/// The header of a frame of `length` octets without padding.
pub(crate) fn header(stream: u32, length: u32, end_stream: bool) -> Header {
    let flags = if end_stream { flag::END_STREAM } else { 0 };
    Header { length, kind: kind::DATA, flags, stream }
}

/// A frame without padding.
pub(crate) fn write(stream: u32, data: &[u8], end_stream: bool, out: &mut Vec<u8>) {
    header(stream, data.len() as u32, end_stream).write(out);
    out.extend_from_slice(data);
}
