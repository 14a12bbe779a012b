//! Field lines that many messages share.

use alloc::vec::Vec;

use crate::error::SendError;
use crate::event::Field;
use crate::grammar;
use crate::write::{self, Draft};

/// Field lines that are checked once and then go out as they are: the Date that all responses of a
/// second share, the Server, fields of security policies.
///
/// ```
/// use h1_proto::{FieldLines, SendError};
/// let lines = FieldLines::new([("server", "weft"), ("x-content-type-options", "nosniff")]).unwrap();
/// assert_eq!(lines.as_bytes(), b"server: weft\r\nx-content-type-options: nosniff\r\n");
/// let framing = FieldLines::new([("content-length", "5")]);
/// assert_eq!(framing, Err(SendError::FramingField(0)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldLines {
    octets: Vec<u8>,
}

impl FieldLines {
    /// None at all. Allocates nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self { octets: Vec::new() }
    }

    /// Checks them and writes them down.
    ///
    /// # Errors
    /// A field is invalid, or it is one that says how a message is framed or means this connection only
    /// ([`SendError::FramingField`]): a connection must see those with each message.
    pub fn new<'a, I>(fields: I) -> Result<Self, SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        let mut octets = Vec::new();
        let mut draft = Draft::new(&mut octets);
        for (index, field) in fields.into_iter().enumerate() {
            let field = field.into();
            if decides(field.name) {
                return Err(SendError::FramingField(index));
            }
            write::put_field(index, field, &mut draft)?;
        }
        draft.keep();
        octets.shrink_to_fit();
        Ok(Self { octets })
    }

    /// The lines, each with its line end.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets
    }
}

/// Whether a connection looks at such a field of a message that it sends.
fn decides(name: &[u8]) -> bool {
    grammar::is_hop_by_hop(name)
        || [&b"content-length"[..], b"host", b"expect"]
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_must_see_is_no_shared_line() {
        for name in ["Connection", "TE", "Transfer-Encoding", "upgrade", "Host", "expect"] {
            let lines = FieldLines::new([("a", "b"), (name, "c")]);
            assert_eq!(lines, Err(SendError::FramingField(1)), "{name}");
        }
    }

    #[test]
    fn rfc9110_5_5_nothing_that_splits_a_message_is_a_shared_line() {
        assert_eq!(FieldLines::new([("a b", "c")]), Err(SendError::InvalidFieldName(0)));
        assert_eq!(FieldLines::new([("a", "b\r\nc: d")]), Err(SendError::InvalidFieldValue(0)));
    }
}
