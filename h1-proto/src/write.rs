//! What goes out: start lines, fields, framing. It is checked while it is written, and taken back if it
//! is refused: so a refused call leaves nothing behind.

use alloc::vec::Vec;
use core::ops::{Deref, Range};

use crate::error::SendError;
use crate::event::Field;
use crate::framing::Options;
use crate::grammar;

/// Output that is taken back unless it is kept: after an error, and when an iterator of the caller's
/// panics, `out` is what it was before.
pub(crate) struct Draft<'o> {
    out: &'o mut Vec<u8>,
    /// Octets that stay.
    kept: usize,
}

impl<'o> Draft<'o> {
    #[inline]
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        let kept = out.len();
        out.reserve(HEAD_BYTES);
        Self { out, kept }
    }

    #[inline]
    pub(crate) fn put(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// All of it stays: how many octets that are.
    #[inline]
    pub(crate) fn keep(mut self) -> usize {
        let octets = self.out.len() - self.kept;
        self.kept = self.out.len();
        octets
    }
}

/// What most heads have room in.
const HEAD_BYTES: usize = 256;

impl Drop for Draft<'_> {
    #[inline]
    fn drop(&mut self) {
        self.out.truncate(self.kept);
    }
}

impl Deref for Draft<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.out
    }
}

/// What the caller's fields say that the connection must know.
#[derive(Default)]
pub(crate) struct Checked {
    pub(crate) connection: Options,
    /// Content-Length as given, with its index.
    pub(crate) content_length: Option<(u64, usize)>,
    pub(crate) upgrade: bool,
    pub(crate) te: bool,
    pub(crate) expects_continue: bool,
    /// Host fields: how many, and whether one is invalid.
    pub(crate) hosts: usize,
    pub(crate) host_invalid: bool,
    /// Where in the draft the value of the last one is.
    pub(crate) host: Range<usize>,
}

/// Writes the field lines of a head (RFC 9110 §5.1, §5.5): no name that is no token, no CR, LF, NUL or
/// other control in a value, no framing but the connection's own. `checked` is fresh; it is not
/// given back in a `Result`, because compilers take it apart bit by bit then, up to 240 instructions for a head.
#[inline]
pub(crate) fn put_fields<'a, I>(
    fields: I,
    checked: &mut Checked,
    draft: &mut Draft<'_>,
) -> Result<(), SendError>
where
    I: IntoIterator,
    I::Item: Into<Field<'a>>,
{
    for (index, field) in fields.into_iter().enumerate() {
        let field = field.into();
        put_field(index, field, draft)?;
        if matches!(field.name.len(), 2 | 4 | 6 | 7 | 10 | 14 | 17) {
            checked.note(index, field, draft.len())?;
        }
    }
    Ok(())
}

impl Checked {
    /// Takes note of a field whose line ends at `end` in the draft.
    #[inline(never)]
    fn note(&mut self, index: usize, field: Field<'_>, end: usize) -> Result<(), SendError> {
        let Field { name, value } = field;
        match name.len() {
            2 if is_name(name, b"te") => {
                // R9112-089: chunked is always acceptable and never listed.
                let coding = |element: &[u8]| {
                    grammar::trim_ows(
                        element.split(|&octet| octet == b';').next().unwrap_or(element),
                    )
                    .eq_ignore_ascii_case(b"chunked")
                };
                if grammar::list(value).any(coding) {
                    return Err(SendError::FramingField(index));
                }
                self.te = true;
            }
            4 if is_name(name, b"host") => {
                self.hosts += 1;
                self.host_invalid |= !value.is_empty() && grammar::authority(value).is_none();
                self.host = end - 2 - value.len()..end - 2;
            }
            6 if is_name(name, b"expect") => {
                self.expects_continue |= grammar::list_contains(value, b"100-continue");
            }
            7 if is_name(name, b"upgrade") => self.upgrade = true,
            10 if is_name(name, b"connection") => self.connection.note(value),
            14 if is_name(name, b"content-length") => {
                if self.content_length.is_some() {
                    return Err(SendError::FramingField(index));
                }
                let octets = grammar::decimal(value).map_err(|_| SendError::FramingField(index))?;
                self.content_length = Some((octets, index));
            }
            17 if is_name(name, b"transfer-encoding") => {
                return Err(SendError::FramingField(index));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Writes the field lines of a trailer section (RFC 9110 §6.5.1).
pub(crate) fn put_trailers<'a, I>(fields: I, draft: &mut Draft<'_>) -> Result<(), SendError>
where
    I: IntoIterator,
    I::Item: Into<Field<'a>>,
{
    for (index, field) in fields.into_iter().enumerate() {
        let field = field.into();
        put_field(index, field, draft)?;
        if grammar::is_forbidden_trailer(field.name) {
            return Err(SendError::FramingField(index));
        }
    }
    Ok(())
}

/// Whether a name is this one, which most callers spell in lower case.
#[inline]
fn is_name(name: &[u8], lower: &[u8]) -> bool {
    name == lower || name.eq_ignore_ascii_case(lower)
}

/// Writes a field line.
#[inline]
pub(crate) fn put_field(
    index: usize,
    Field { name, value }: Field<'_>,
    draft: &mut Draft<'_>,
) -> Result<(), SendError> {
    if !grammar::is_token(name) {
        return Err(SendError::InvalidFieldName(index));
    }
    if !grammar::is_field_value(value) {
        return Err(SendError::InvalidFieldValue(index));
    }
    draft.put(name);
    draft.put(b": ");
    draft.put(value);
    draft.put(b"\r\n");
    Ok(())
}

/// `HTTP-version SP status-code SP reason-phrase CRLF` (RFC 9112 §4): the space behind the code
/// is there also without a reason.
#[inline]
pub(crate) fn put_status_line(status: u16, reason: Option<&[u8]>, draft: &mut Draft<'_>) {
    if status == 200 && reason.is_none() {
        draft.put(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    draft.put(b"HTTP/1.1 ");
    put_decimal(u64::from(status), draft.out);
    draft.put(b" ");
    draft.put(reason.unwrap_or_else(|| grammar::reason(status).as_bytes()));
    draft.put(b"\r\n");
}

/// The line of Content-Length in one piece, with what ends it.
pub(crate) fn put_content_length<const N: usize>(
    mut octets: u64,
    end: &[u8; N],
    draft: &mut Draft<'_>,
) {
    const NAME: &[u8; 16] = b"content-length: ";
    /// Room for the name, twenty digits and the end.
    const ROOM: usize = 40;
    let mut line = [0; ROOM];
    line[ROOM - N..].copy_from_slice(end);
    let mut first = ROOM - N;
    loop {
        first -= 1;
        line[first] = b'0' + (octets % 10) as u8;
        octets /= 10;
        if octets == 0 {
            break;
        }
    }
    first -= NAME.len();
    line[first..first + NAME.len()].copy_from_slice(NAME);
    draft.put(&line[first..]);
}

pub(crate) fn put_decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first -= 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// The chunk-size line of a chunk (RFC 9112 §7.1).
pub(crate) fn put_chunk_size(mut octets: usize, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut line = *b"0000000000000000\r\n";
    let mut first = 16;
    while first > 0 {
        first -= 1;
        line[first] = DIGITS[octets & 15];
        octets >>= 4;
        if octets == 0 {
            break;
        }
    }
    out.extend_from_slice(line.get(first..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for number in [0, 1, 9, 10, 99, 100, 255, 256, 65_535, 65_536, u64::MAX] {
            let mut out = Vec::new();
            put_decimal(number, &mut out);
            assert_eq!(out, format!("{number}").as_bytes());
            out.clear();
            let mut draft = Draft::new(&mut out);
            put_content_length(number, b"\r\n\r\n", &mut draft);
            draft.keep();
            assert_eq!(out, format!("content-length: {number}\r\n\r\n").as_bytes());
            let octets = usize::try_from(number).unwrap();
            out.clear();
            put_chunk_size(octets, &mut out);
            assert_eq!(out, format!("{octets:x}\r\n").as_bytes());
        }
    }

    #[test]
    fn rfc9110_5_5_nothing_that_splits_a_message_goes_out() {
        let check = |name: &str, value: &str| {
            let mut out = b"before".to_vec();
            let mut draft = Draft::new(&mut out);
            let put = put_fields([(name, value)].iter(), &mut Checked::default(), &mut draft);
            drop(draft);
            assert_eq!(out, b"before");
            put
        };
        assert_eq!(check("x", "a"), Ok(()));
        for value in ["a\r\nX: y", "a\n", "a\r", "a\0b", " a", "a ", "\x7f"] {
            assert_eq!(check("x", value), Err(SendError::InvalidFieldValue(0)), "{value:?}");
        }
        for name in ["", "a b", "a:", "a\r\n", "é"] {
            assert_eq!(check(name, "a"), Err(SendError::InvalidFieldName(0)), "{name:?}");
        }
        assert_eq!(check("Transfer-Encoding", "gzip"), Err(SendError::FramingField(0)));
        assert_eq!(check("content-length", "+1"), Err(SendError::FramingField(0)));
        let mut out = Vec::new();
        let put = put_trailers([("host", "a")].iter(), &mut Draft::new(&mut out));
        assert_eq!((put, out.len()), (Err(SendError::FramingField(0)), 0));
    }
}
