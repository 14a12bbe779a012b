//! Where the reader of heads and `httparse` differ, and why.

use h1_proto::ErrorKind::{self, *};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Side {
    Request,
    Response,
}

/// Something that `httparse` accepts and we refuse.
pub(crate) struct Refusal {
    pub(crate) side: Side,
    pub(crate) kind: ErrorKind,
    /// An input of which only this is wrong.
    pub(crate) example: &'static [u8],
    /// What is there at the offset of the error.
    pub(crate) is: fn(&[u8], usize) -> bool,
    pub(crate) why: &'static str,
}

const fn request(
    kind: ErrorKind,
    example: &'static [u8],
    is: fn(&[u8], usize) -> bool,
    why: &'static str,
) -> Refusal {
    Refusal { side: Side::Request, kind, example, is, why }
}

const fn response(
    kind: ErrorKind,
    example: &'static [u8],
    is: fn(&[u8], usize) -> bool,
    why: &'static str,
) -> Refusal {
    Refusal { side: Side::Response, kind, example, is, why }
}

fn octet(input: &[u8], at: usize) -> u8 {
    input.get(at).copied().unwrap_or_default()
}

/// A LF without its CR.
fn bare_lf(input: &[u8], at: usize) -> bool {
    octet(input, at) == b'\n' && (at == 0 || octet(input, at - 1) != b'\r')
}

/// An octet that no request-target holds (RFC 3986, and what browsers send nevertheless).
fn not_in_a_target(input: &[u8], at: usize) -> bool {
    matches!(octet(input, at), b'"' | b'#' | b'<' | b'>' | 0x80..)
}

/// The first octet of a request-target: all of them are good, but they have no form.
fn begins_a_target(input: &[u8], at: usize) -> bool {
    at > 0 && octet(input, at - 1) == b' ' && !not_in_a_target(input, at)
}

/// The value of a field with this name.
fn is_value_of(input: &[u8], at: usize, name: &str) -> bool {
    let before = &input[..at];
    let line = before.iter().rposition(|&octet| octet == b'\n').map_or(0, |end| end + 1);
    // A fold may stand between the name and the value.
    let name_end = before[line..].iter().position(|&octet| octet == b':');
    name_end.is_none_or(|end| before[line..line + end].eq_ignore_ascii_case(name.as_bytes()))
}

fn host(input: &[u8], at: usize) -> bool {
    is_value_of(input, at, "host")
}

fn content_length(input: &[u8], at: usize) -> bool {
    is_value_of(input, at, "content-length")
}

fn transfer_encoding(input: &[u8], at: usize) -> bool {
    is_value_of(input, at, "transfer-encoding")
}

fn anywhere(_: &[u8], _: usize) -> bool {
    true
}

pub(crate) const REFUSED: &[Refusal] = &[
    request(BareLf, b"GET / HTTP/1.1\nHost: a\r\n\r\n", bare_lf, "a LF ends a line (RFC 9112 2.2)"),
    request(BareLf, b"GET / HTTP/1.1\r\nHost: a\n\r\n", bare_lf, "a LF ends a field"),
    request(BareLf, b"GET / HTTP/1.1\r\nHost: a\r\n\n", bare_lf, "a LF ends a head"),
    request(BareLf, b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", bare_lf, "a LF is an empty line"),
    request(Target, b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", not_in_a_target, "no URI has it"),
    request(Target, b"GET /# HTTP/1.1\r\nHost: a\r\n\r\n", not_in_a_target, "no request-target has it"),
    request(Target, b"GET /\" HTTP/1.1\r\nHost: a\r\n\r\n", not_in_a_target, "no URI has it (RFC 3986)"),
    request(Target, b"GET /< HTTP/1.1\r\nHost: a\r\n\r\n", not_in_a_target, "no URI has it (RFC 3986)"),
    request(Target, b"GET /> HTTP/1.1\r\nHost: a\r\n\r\n", not_in_a_target, "no URI has it (RFC 3986)"),
    request(
        Target,
        b"GET index.html HTTP/1.1\r\nHost: a\r\n\r\n",
        begins_a_target,
        "none of the four forms, or not that of the method (RFC 9112 3.2)",
    ),
    request(HostMissing, b"GET / HTTP/1.1\r\n\r\n", anywhere, "HTTP/1.1 needs Host (RFC 9112 3.2)"),
    request(HostRepeated, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", host, "and only one"),
    request(HostInvalid, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", host, "that is an authority"),
    request(
        ContentLengthInvalid,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        content_length,
        "digits only (RFC 9112 6.3)",
    ),
    request(
        ContentLengthRepeated,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
        content_length,
        "once (RFC 9112 6.3)",
    ),
    request(
        BodyTooLong,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n",
        content_length,
        "a limit",
    ),
    request(
        ContentLengthWithTransferEncoding,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        content_length,
        "two framings (RFC 9112 6.3)",
    ),
    request(
        TransferEncodingInvalid,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        transfer_encoding,
        "chunked is the last and comes once (RFC 9112 6.3)",
    ),
    request(
        TransferEncodingUnknown,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        transfer_encoding,
        "a coding that is not implemented (RFC 9112 6.1)",
    ),
    request(
        TransferEncodingInHttp10,
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        transfer_encoding,
        "not in HTTP/1.0 (RFC 9112 6.1)",
    ),
    request(
        MethodTooLong,
        b"ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\nHost: a\r\n\r\n",
        anywhere,
        "a limit",
    ),
    request(
        StartLineTooLong,
        b"GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
        HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n",
        anywhere,
        "a limit",
    ),
    request(
        FieldTooLong,
        b"GET / HTTP/1.1\r\nHost: a\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\
        yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n",
        anywhere,
        "a limit",
    ),
    request(
        TooManyFields,
        b"GET / HTTP/1.1\r\nHost: a\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n\r\n",
        anywhere,
        "a limit",
    ),
    request(
        HeadTooLong,
        b"GET / HTTP/1.1\r\nHost: a\r\n\
        a: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\
        b: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\
        c: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\
        d: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n",
        anywhere,
        "a limit",
    ),
    request(
        TooManyEmptyLines,
        b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        anywhere,
        "a limit",
    ),
    response(BareLf, b"HTTP/1.1 200 OK\n\r\n", bare_lf, "a LF ends a line (RFC 9112 2.2)"),
    response(BareLf, b"HTTP/1.1 200 OK\r\n\n", bare_lf, "a LF ends a head"),
    response(BareLf, b"\nHTTP/1.1 200 OK\r\n\r\n", bare_lf, "a LF is an empty line"),
    response(
        StatusLine,
        b"HTTP/1.1 099 X\r\n\r\n",
        |input, at| octet(input, at) == b'0' && octet(input, at - 1) == b' ',
        "no status begins with 0 (RFC 9110 15)",
    ),
    response(
        UnexpectedSwitch,
        b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        anywhere,
        "nobody offered it (RFC 9110 15.2.2)",
    ),
    response(
        ContentLengthInvalid,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1 1\r\n\r\n",
        content_length,
        "digits only (RFC 9112 6.3)",
    ),
    response(
        ContentLengthRepeated,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        content_length,
        "once (RFC 9112 6.3)",
    ),
    response(
        BodyTooLong,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        content_length,
        "a limit",
    ),
    response(
        ContentLengthWithTransferEncoding,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        content_length,
        "two framings (RFC 9112 6.3)",
    ),
    response(
        TransferEncodingInvalid,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        transfer_encoding,
        "chunked comes once (RFC 9112 6.1)",
    ),
    response(
        TransferEncodingUnknown,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: br, chunked\r\n\r\n",
        transfer_encoding,
        "a coding that is not implemented (RFC 9112 6.1)",
    ),
    response(
        TransferEncodingInHttp10,
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        transfer_encoding,
        "not in HTTP/1.0 (RFC 9112 6.1)",
    ),
    response(
        StartLineTooLong,
        b"HTTP/1.1 200 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
        aaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n",
        anywhere,
        "a limit",
    ),
    response(
        FieldTooLong,
        b"HTTP/1.1 200 OK\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\
        yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n",
        anywhere,
        "a limit",
    ),
    response(
        TooManyFields,
        b"HTTP/1.1 200 OK\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n\r\n",
        anywhere,
        "a limit",
    ),
    response(
        HeadTooLong,
        b"HTTP/1.1 200 OK\r\n\
        a: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\
        b: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\
        c: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\
        d: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n",
        anywhere,
        "a limit",
    ),
    response(
        TooManyEmptyLines,
        b"\r\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        anywhere,
        "a limit",
    ),
];

/// Whether a head is of some sort.
pub(crate) type IsHead = fn(&[u8]) -> bool;

/// Something that we accept and `httparse` refuses: an example, and how it is told.
pub(crate) const OURS_ALONE: &[(Side, &[u8], IsHead, &str)] = &[
    (
        Side::Request,
        b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        higher_minor,
        "a higher minor version counts as 1.1 (RFC 9110 2.5)",
    ),
    (
        Side::Response,
        b"HTTP/1.9 200 OK\r\n\r\n",
        higher_minor,
        "a higher minor version counts as 1.1 (RFC 9110 2.5)",
    ),
    (
        Side::Response,
        b"HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
        has_fold,
        "a fold is spaces (RFC 9112 5.2); httparse has a flag for it",
    ),
];

pub(crate) fn higher_minor(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|&octet| octet == b'\r').next().unwrap_or_default();
    let version = line.windows(8).rposition(|version| version.starts_with(b"HTTP/1."));
    version.is_some_and(|at| matches!(line[at + 7], b'2'..=b'9'))
}

pub(crate) fn has_fold(head: &[u8]) -> bool {
    head.windows(3).any(|octets| matches!(octets, b"\r\n " | b"\r\n\t"))
}
