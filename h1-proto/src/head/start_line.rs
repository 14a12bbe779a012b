//! Start lines: of requests (RFC 9112 §3) and of responses (§4).

use super::line::{Flaw, Found, line_end, narrow, offset};
use super::{Kind, StartLine, TargetForm};
use crate::config::Config;
use crate::error::ErrorKind;
use crate::event::Version;
use crate::grammar;
use crate::scan::{class_len, content_len, slice, target_len};

/// `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3).
#[inline]
pub(super) fn request_line(input: &[u8], config: &Config, start: &mut StartLine) -> Found {
    let method_end = class_len(input, &grammar::TCHAR);
    if method_end > config.method_bytes_max {
        return Err(Flaw::Fault(ErrorKind::MethodTooLong, config.method_bytes_max));
    }
    let (method, rest) = match input.split_at_checked(method_end) {
        Some((method, [b' ', rest @ ..])) => (method, rest),
        Some((_, [_, ..])) => return Err(Flaw::Fault(ErrorKind::Method, method_end)),
        _ => return Err(Flaw::Short),
    };
    let text = method_end + 1;
    let text_end = text + target_len(rest);
    let (target, rest) = match rest.split_at_checked(text_end - text) {
        Some((target, rest @ [b' ', ..])) if !target.is_empty() => (target, rest),
        Some((target, [b'\r' | b'\n', ..])) if !target.is_empty() => {
            return Err(Flaw::Fault(ErrorKind::Version, text_end));
        }
        Some((_, [_, ..])) => return Err(Flaw::Fault(ErrorKind::Target, text_end)),
        _ => return Err(Flaw::Short),
    };
    let (version, end) = if rest.starts_with(b" HTTP/1.1\r\n") {
        (Version::Http11, text_end + 11)
    } else {
        let version = version(input, text_end + 1)?;
        (version, line_end(input, text_end + 9, config.leniency.bare_lf, ErrorKind::Version)?)
    };
    *start = StartLine {
        kind: Kind::Request,
        version,
        method_end: narrow(method_end),
        text: narrow(text),
        text_end: narrow(text_end),
        ..StartLine::NONE
    };
    // The commonest form needs no further look.
    if target.first() == Some(&b'/') && method != b"CONNECT" {
        return Ok(end);
    }
    match target_form(method, target) {
        Some((form, from, to)) => {
            start.form = form;
            start.authority = offset(text + from);
            start.authority_end = offset(text + to);
            Ok(end)
        }
        None => Err(Flaw::Fault(ErrorKind::Target, text)),
    }
}

/// The form of a request-target and where in it the authority is (RFC 9112 §3.2). `None` if it
/// has no form that the method allows.
pub(crate) fn target_form(method: &[u8], target: &[u8]) -> Option<(TargetForm, usize, usize)> {
    if method == b"CONNECT" {
        let port = grammar::authority(target)?.port?;
        return (port != 0).then_some((TargetForm::Authority, 0, target.len()));
    }
    match target {
        [b'/', ..] => Some((TargetForm::Origin, 0, 0)),
        b"*" => (method == b"OPTIONS").then_some((TargetForm::Asterisk, 0, 0)),
        _ => {
            let colon = target.iter().position(|&octet| octet == b':')?;
            let (scheme, rest) = target.split_at_checked(colon)?;
            let rest = rest.strip_prefix(b"://")?;
            let octets =
                rest.iter().position(|octet| matches!(octet, b'/' | b'?')).unwrap_or(rest.len());
            grammar::authority(rest.get(..octets)?)?;
            let from = colon + 3;
            grammar::is_scheme(scheme).then_some((TargetForm::Absolute, from, from + octets))
        }
    }
}

/// `HTTP-version SP status-code [ SP reason-phrase ] CRLF` (RFC 9112 §4; the last space is
/// often left out with the reason).
#[inline]
pub(super) fn status_line(input: &[u8], config: &Config, start: &mut StartLine) -> Found {
    let version = version(input, 0)?;
    let fits = |at: usize, octet: u8| match at {
        8 => octet == b' ',
        9 => matches!(octet, b'1'..=b'9'),
        10 | 11 => octet.is_ascii_digit(),
        _ => matches!(octet, b' ' | b'\r' | b'\n'),
    };
    for at in 8..13 {
        match input.get(at) {
            Some(&octet) if fits(at, octet) => {}
            Some(_) => return Err(Flaw::Fault(ErrorKind::StatusLine, at)),
            None => return Err(Flaw::Short),
        }
    }
    let status =
        slice(input, 9, 12).iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let text = if input.get(12) == Some(&b' ') { 13 } else { 12 };
    let text_end = text + content_len(slice(input, text, input.len()));
    *start = StartLine {
        kind: Kind::Response,
        version,
        status,
        text: offset(text),
        text_end: offset(text_end),
        ..StartLine::NONE
    };
    line_end(input, text_end, config.leniency.bare_lf, ErrorKind::StatusLine)
}

/// `HTTP/1.0` or `HTTP/1.1` at `from`; a higher minor version counts as 1.1 (RFC 9110 §2.5).
#[inline]
fn version(input: &[u8], from: usize) -> Result<Version, Flaw> {
    match input.get(from..from + 8) {
        Some(b"HTTP/1.1") => Ok(Version::Http11),
        Some(b"HTTP/1.0") => Ok(Version::Http10),
        _ => odd_version(input, from),
    }
}

#[cold]
fn odd_version(input: &[u8], from: usize) -> Result<Version, Flaw> {
    for (index, &expected) in b"HTTP/0.0".iter().enumerate() {
        match input.get(from + index) {
            None => return Err(Flaw::Short),
            Some(octet) if expected == b'0' && octet.is_ascii_digit() => {}
            Some(&octet) if octet == expected => {}
            Some(_) => return Err(Flaw::Fault(ErrorKind::Version, from + index)),
        }
    }
    match input.get(from + 5) {
        Some(b'1') => Ok(Version::Http11),
        _ => Err(Flaw::Fault(ErrorKind::VersionUnsupported, from + 5)),
    }
}
