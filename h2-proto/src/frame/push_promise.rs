//! PUSH_PROMISE (RFC 9113 §6.6): a server announces a response that nobody asked for.
//!
//! ```text
//! +---------------+
//! |Pad Length? (8)|   if PADDED
//! +-+-------------+-----------------------------------------------+
//! |R|                  Promised Stream ID (31)                    |
//! +-+-----------------------------+-------------------------------+
//! |                   Field Block Fragment (*)                  ...
//! +---------------------------------------------------------------+
//! |                           Padding (*)                       ...
//! +---------------------------------------------------------------+
//! ```

use super::{Header, STREAM_ID_MAX, without_padding, word};
use crate::error::{ErrorKind, Fault};

/// Reads a frame whose header was checked: the promised stream and the fragment.
pub(crate) fn parse<'a>(header: &Header, payload: &'a [u8]) -> Result<(u32, &'a [u8]), Fault> {
    let rest = without_padding(header, payload)?;
    let (promised, fragment) =
        rest.split_at_checked(4).ok_or(Fault::Connection(ErrorKind::Padding))?;
    Ok((word(promised) & STREAM_ID_MAX, fragment))
}
