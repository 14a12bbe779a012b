//! What goes out: start lines, fields, framing. Everything is checked first and written second,
//! so a refused call leaves nothing behind.

use alloc::vec::Vec;

use crate::error::SendError;
use crate::event::Field;
use crate::framing::Options;
use crate::grammar;

/// What the caller's fields say that the connection must know.
#[derive(Clone, Copy, Default)]
pub(crate) struct Checked {
    pub(crate) connection: Options,
    /// Content-Length as given, with its index.
    pub(crate) content_length: Option<(u64, usize)>,
    pub(crate) upgrade: bool,
    pub(crate) te: bool,
    pub(crate) expects_continue: bool,
    /// Host fields: how many, and whether all are valid.
    pub(crate) hosts: usize,
    pub(crate) hosts_valid: bool,
    /// Octets that the field lines take.
    pub(crate) octets: usize,
}

/// Checks the fields of a head (RFC 9110 §5.1, §5.5): no name that is no token, no CR, LF, NUL or
/// other control in a value, no framing but the connection's own.
pub(crate) fn check_head<'a, I>(fields: I) -> Result<Checked, SendError>
where
    I: Iterator,
    I::Item: Into<Field<'a>>,
{
    let mut checked = Checked { hosts_valid: true, ..Checked::default() };
    for (index, field) in fields.enumerate() {
        let Field { name, value } = field.into();
        check_field(index, name, value)?;
        checked.octets += name.len() + value.len() + 4;
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
                checked.te = true;
            }
            4 if is_name(name, b"host") => {
                checked.hosts += 1;
                checked.hosts_valid &= value.is_empty() || grammar::authority(value).is_some();
            }
            6 if is_name(name, b"expect") => {
                checked.expects_continue |= grammar::list_contains(value, b"100-continue");
            }
            7 if is_name(name, b"upgrade") => checked.upgrade = true,
            10 if is_name(name, b"connection") => checked.connection.note(value),
            14 if is_name(name, b"content-length") => {
                if checked.content_length.is_some() {
                    return Err(SendError::FramingField(index));
                }
                let octets = grammar::decimal(value).map_err(|_| SendError::FramingField(index))?;
                checked.content_length = Some((octets, index));
            }
            17 if is_name(name, b"transfer-encoding") => {
                return Err(SendError::FramingField(index));
            }
            _ => {}
        }
    }
    Ok(checked)
}

/// Checks the fields of a trailer section (RFC 9110 §6.5.1).
pub(crate) fn check_trailers<'a, I>(fields: I) -> Result<(), SendError>
where
    I: Iterator,
    I::Item: Into<Field<'a>>,
{
    for (index, field) in fields.enumerate() {
        let Field { name, value } = field.into();
        check_field(index, name, value)?;
        if grammar::is_forbidden_trailer(name) {
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

#[inline]
fn check_field(index: usize, name: &[u8], value: &[u8]) -> Result<(), SendError> {
    if !grammar::is_token(name) {
        return Err(SendError::InvalidFieldName(index));
    }
    if !grammar::is_field_value(value) {
        return Err(SendError::InvalidFieldValue(index));
    }
    Ok(())
}

/// Writes checked field lines.
pub(crate) fn put_fields<'a, I>(fields: I, out: &mut Vec<u8>)
where
    I: Iterator,
    I::Item: Into<Field<'a>>,
{
    for field in fields {
        let Field { name, value } = field.into();
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

/// `HTTP-version SP status-code SP reason-phrase CRLF` (RFC 9112 §4): the space behind the code
/// is there also without a reason.
pub(crate) fn put_status_line(status: u16, reason: Option<&[u8]>, out: &mut Vec<u8>) {
    if status == 200 && reason.is_none() {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    put_decimal(u64::from(status), out);
    out.push(b' ');
    out.extend_from_slice(reason.unwrap_or_else(|| grammar::reason(status).as_bytes()));
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn put_content_length(octets: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"content-length: ");
    put_decimal(octets, out);
    out.extend_from_slice(b"\r\n");
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
            let octets = usize::try_from(number).unwrap();
            out.clear();
            put_chunk_size(octets, &mut out);
            assert_eq!(out, format!("{octets:x}\r\n").as_bytes());
        }
    }

    #[test]
    fn rfc9110_5_5_nothing_that_splits_a_message_goes_out() {
        let check = |name: &str, value: &str| check_head([(name, value)].iter()).map(|_| ());
        assert_eq!(check("x", "a"), Ok(()));
        for value in ["a\r\nX: y", "a\n", "a\r", "a\0b", " a", "a ", "\x7f"] {
            assert_eq!(check("x", value), Err(SendError::InvalidFieldValue(0)), "{value:?}");
        }
        for name in ["", "a b", "a:", "a\r\n", "é"] {
            assert_eq!(check(name, "a"), Err(SendError::InvalidFieldName(0)), "{name:?}");
        }
        assert_eq!(check("Transfer-Encoding", "gzip"), Err(SendError::FramingField(0)));
        assert_eq!(check("content-length", "+1"), Err(SendError::FramingField(0)));
        assert_eq!(check_trailers([("host", "a")].iter()), Err(SendError::FramingField(0)),);
    }
}
