//! What both versions of HTTP need of RFC 9110 and RFC 3986: octet classes, lists, numbers,
//! authorities, status rules. Pure functions over borrowed octets; no allocation, no state.

use core::net::Ipv6Addr;

use crate::scan::{class_len, content_len, is_plain_name, target_len};

/// `tchar` of RFC 9110 §5.6.2: the octets of tokens, so of methods and field names.
pub const TCHAR: [bool; 256] = class(b"!#$%&'*+-.^_`|~", true);

/// What a request-target may hold: RFC 3986 `pchar`, `/`, `?`, brackets, and the octets that the
/// WHATWG URL standard leaves as they are in a query (`\ ^ \` { | }`), because browsers send
/// them. No control, no space, no `#`, no quote or angle bracket, nothing above 0x7E.
pub const TARGET: [bool; 256] = class(b"-._~!$&'()*+,;=:@/?%[]\\^`{|}", true);

/// `reg-name` without the percent sign: `unreserved` and `sub-delims` of RFC 3986 §2.
const REG_NAME: [bool; 256] = class(b"-._~!$&'()*+,;=", true);

const fn class(marks: &[u8], alphanumeric: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = alphanumeric && (octet as u8).is_ascii_alphanumeric();
        octet += 1;
    }
    let mut mark = 0;
    while mark < marks.len() {
        table[marks[mark] as usize] = true;
        mark += 1;
    }
    table
}

/// Is this a control octet: 0x00 to 0x1F, or 0x7F?
#[inline]
#[must_use]
pub const fn is_control(octet: u8) -> bool {
    octet < 0x20 || octet == 0x7f
}

/// Is this a `token` (RFC 9110 §5.6.2), so a valid method or field name?
#[inline]
#[must_use]
pub fn is_token(octets: &[u8]) -> bool {
    is_plain_name(octets) || !octets.is_empty() && class_len(octets, &TCHAR) == octets.len()
}

/// Is this a valid field value (RFC 9110 §5.5): no control but HTAB, no white space around it?
/// The empty value is valid.
#[inline]
#[must_use]
pub fn is_field_value(octets: &[u8]) -> bool {
    content_len(octets) == octets.len()
        && !octets.first().is_some_and(is_ows)
        && !octets.last().is_some_and(is_ows)
}

/// Is this a valid `reason-phrase` (RFC 9112 §4): HTAB, SP, visible and opaque octets?
#[must_use]
pub fn is_reason(octets: &[u8]) -> bool {
    content_len(octets) == octets.len()
}

/// Is every octet one that a request-target may hold? See [`TARGET`].
#[must_use]
pub fn is_target(octets: &[u8]) -> bool {
    !octets.is_empty() && target_len(octets) == octets.len()
}

/// A name of four to sixteen octets to compare others with, whatever their letter case, in two
/// comparisons of words. To be made as a constant: so the words are constants as well.
pub(crate) struct Name<const N: usize> {
    lower: [u8; N],
    /// The bit that tells the case of a letter; nothing else is folded.
    fold: [u8; N],
}

impl<const N: usize> Name<N> {
    pub(crate) const fn new(lower: &[u8; N]) -> Self {
        assert!(N >= 4 && N <= 16);
        let mut fold = [0; N];
        let mut at = 0;
        while at < N {
            assert!(!lower[at].is_ascii_uppercase());
            if lower[at].is_ascii_lowercase() {
                fold[at] = 0x20;
            }
            at += 1;
        }
        Self { lower: *lower, fold }
    }

    #[inline(always)]
    pub(crate) fn is(&self, octets: &[u8]) -> bool {
        if octets.len() != N {
            return false;
        }
        if N < 8 {
            let word = |it: Option<&[u8; 4]>| it.map_or(0, |it| u32::from_le_bytes(*it));
            let same = |octets, fold, lower| word(octets) | word(fold) == word(lower);
            same(octets.first_chunk(), self.fold.first_chunk(), self.lower.first_chunk())
                && same(octets.last_chunk(), self.fold.last_chunk(), self.lower.last_chunk())
        } else {
            let word = |it: Option<&[u8; 8]>| it.map_or(0, |it| u64::from_le_bytes(*it));
            let same = |octets, fold, lower| word(octets) | word(fold) == word(lower);
            same(octets.first_chunk(), self.fold.first_chunk(), self.lower.first_chunk())
                && same(octets.last_chunk(), self.fold.last_chunk(), self.lower.last_chunk())
        }
    }
}

#[inline]
fn is_ows(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// Without the optional white space (SP, HTAB) around it.
#[inline]
#[must_use]
pub fn trim_ows(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = octets {
        octets = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1), white space trimmed. Empty elements
/// come as empty slices, for the caller to ignore or refuse; an empty value is one empty element.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|&octet| octet == b',').map(trim_ows)
}

/// Does the list hold this token? ASCII letter case does not matter (RFC 9110 §7.6.1).
#[must_use]
pub fn list_contains(value: &[u8], token: &[u8]) -> bool {
    list(value).any(|element| element.eq_ignore_ascii_case(token))
}

/// A decimal number of digits only (`1*DIGIT`): no sign, no space, no separator.
///
/// # Errors
/// [`DecimalError::Malformed`] for anything but digits, also for nothing at all;
/// [`DecimalError::Overflow`] above 2^64 - 1.
pub fn decimal(octets: &[u8]) -> Result<u64, DecimalError> {
    if octets.is_empty() {
        return Err(DecimalError::Malformed);
    }
    let mut number = Some(0_u64);
    for octet in octets {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return Err(DecimalError::Malformed);
        }
        number = number.and_then(|number| number.checked_mul(10)?.checked_add(digit.into()));
    }
    number.ok_or(DecimalError::Overflow)
}

/// Why octets are no decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecimalError {
    /// Empty, or something else than digits.
    Malformed,
    /// More than 64 bits.
    Overflow,
}

/// A host with its optional port, as in Host, `:authority` and the authority form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// A registered name, an IPv4 address, or an IP literal with its brackets.
    pub host: &'a [u8],
    /// The digits after the colon as a number; `None` without a colon or without digits.
    pub port: Option<u16>,
}

/// Reads `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2): a registered name with
/// percent-encoding, an IPv4 address, an IPv6 or IPvFuture literal in brackets; a port of digits
/// up to 65535. `None` when it is none of these, so also with user information or an empty host.
#[inline]
#[must_use]
pub fn authority(octets: &[u8]) -> Option<Authority<'_>> {
    let (host, port) = match octets {
        [b'[', literal @ ..] => {
            let end = literal.iter().position(|&octet| octet == b']')?;
            let (address, rest) = literal.split_at_checked(end)?;
            if !is_ip_literal(address) {
                return None;
            }
            let host = octets.get(..end + 2)?;
            match rest.get(1..)? {
                [] => (host, None),
                [b':', port @ ..] => (host, Some(port)),
                _ => return None,
            }
        }
        _ => {
            let (host, rest) = octets.split_at_checked(reg_name_len(octets))?;
            match rest {
                [] => (host, None),
                [b':', port @ ..] => (host, Some(port)),
                _ => return None,
            }
        }
    };
    if host.is_empty() {
        return None;
    }
    let port = match port {
        None | Some([]) => None,
        Some(digits) => Some(port_number(digits)?),
    };
    Some(Authority { host, port })
}

/// Is this an [`authority`]? Without reading it where it is a plain name with a port or none.
#[inline]
pub(crate) fn is_authority(octets: &[u8]) -> bool {
    let name = class_len(octets, &REG_NAME);
    match octets.get(name..) {
        Some([]) => name > 0,
        Some([b':', port @ ..]) if name > 0 && port.len() <= 5 => {
            port.iter().all(u8::is_ascii_digit) && (port.len() < 5 || *port <= b"65535"[..])
        }
        _ => authority(octets).is_some(),
    }
}

fn port_number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |sum, octet| match octet {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u16::from(octet - b'0')),
        _ => None,
    })
}

/// How many leading octets a registered name can hold.
#[inline]
fn reg_name_len(octets: &[u8]) -> usize {
    let mut rest = octets;
    loop {
        rest = rest.get(class_len(rest, &REG_NAME)..).unwrap_or_default();
        match rest {
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = tail;
            }
            _ => return octets.len() - rest.len(),
        }
    }
}

fn is_ip_literal(octets: &[u8]) -> bool {
    if let [b'v' | b'V', rest @ ..] = octets {
        let Some(dot) = rest.iter().position(|&octet| octet == b'.') else { return false };
        let (version, tail) = rest.split_at(dot);
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && tail.len() > 1
            && tail.iter().all(|&octet| octet == b':' || REG_NAME[usize::from(octet)]);
    }
    core::str::from_utf8(octets).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// Is this a URI scheme (RFC 3986 §3.1)?
#[must_use]
pub fn is_scheme(octets: &[u8]) -> bool {
    octets.first().is_some_and(u8::is_ascii_alphabetic)
        && octets.iter().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(octet))
}

/// May a response with this status have content at all? Not 1xx, 204 and 304 (RFC 9110 §6.4.1).
#[must_use]
pub const fn status_allows_content(status: u16) -> bool {
    !(status < 200 || status == 204 || status == 304)
}

/// Fields that must not come in a trailer section because they frame or route the message
/// (RFC 9110 §6.5.1): taking them there would let a body rewrite what was already decided.
#[must_use]
pub fn is_forbidden_trailer(name: &[u8]) -> bool {
    const FORBIDDEN: [&[u8]; 5] =
        [b"content-length", b"transfer-encoding", b"host", b"connection", b"trailer"];
    FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

/// Fields that mean this connection only and must not be forwarded (RFC 9110 §7.6.1).
#[must_use]
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    const HOP_BY_HOP: [&[u8]; 7] = [
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"trailer",
    ];
    HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop))
}

/// The reason phrase that the status code registry gives (RFC 9110 §15); empty when unknown.
#[must_use]
pub const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_follow_rfc_3986() {
        let good: [&[u8]; 14] = [
            b"a",
            b"example.com",
            b"example.com:80",
            b"example.com:",
            b"127.0.0.1:8080",
            b"999.1.1.1",
            b"[::1]",
            b"[::1]:443",
            b"[::ffff:192.0.2.1]",
            b"[v1.fe80::a]",
            b"a%20b",
            b"a_b-c~d",
            b"xn--bcher-kva.example",
            b"a:65535",
        ];
        for host in good {
            assert!(authority(host).is_some(), "{}", host.escape_ascii());
            assert!(is_authority(host), "{}", host.escape_ascii());
        }
        let bad: [&[u8]; 20] = [
            b"",
            b":80",
            b"a@b",
            b"a:b",
            b"a:65536",
            b"a:+1",
            b"a:1:2",
            b"a/b",
            b"a b",
            b"a%2",
            b"a%zz",
            b"a\x00b",
            b"a\xffb",
            b"[::1",
            b"[::1]x",
            b"[:::1]",
            b"[1.2.3.4]",
            b"[fe80::1%25eth0]",
            b"[v.a]",
            b"a#b",
        ];
        for host in bad {
            assert!(authority(host).is_none(), "{}", host.escape_ascii());
            assert!(!is_authority(host), "{}", host.escape_ascii());
        }
        assert_eq!(authority(b"[::1]:443"), Some(Authority { host: b"[::1]", port: Some(443) }));
        assert_eq!(authority(b"a:"), Some(Authority { host: b"a", port: None }));
    }

    #[test]
    fn every_port_up_to_65535_and_no_other() {
        for port in (0..=70_000u32).chain([99_999, 100_000, 4_294_967_295]) {
            let host = alloc::format!("a:{port}");
            assert_eq!(is_authority(host.as_bytes()), port <= 65_535, "{host}");
        }
        for (port, is_one) in
            [("", true), ("00080", true), ("000080", true), ("8 ", false), ("6553x", false)]
        {
            let host = alloc::format!("a:{port}");
            assert_eq!(is_authority(host.as_bytes()), is_one, "{host}");
            assert_eq!(authority(host.as_bytes()).is_some(), is_one, "{host}");
        }
    }

    #[test]
    fn names_are_compared_without_their_letter_case_and_nothing_else() {
        const HOST: Name<4> = Name::new(b"host");
        const CLOSE: Name<5> = Name::new(b"close");
        const KEEP_ALIVE: Name<10> = Name::new(b"keep-alive");
        for octet in 0..=255u8 {
            for place in 0..10 {
                let mut name = *b"keep-alive";
                name[place] = octet;
                assert_eq!(KEEP_ALIVE.is(&name), name.eq_ignore_ascii_case(b"keep-alive"));
            }
            for place in 0..5 {
                let mut name = *b"close";
                name[place] = octet;
                assert_eq!(CLOSE.is(&name), name.eq_ignore_ascii_case(b"close"));
            }
        }
        assert!(HOST.is(b"Host") && !HOST.is(b"hosts") && !HOST.is(b"hos"));
    }

    #[test]
    fn decimals_are_digits_only() {
        assert_eq!(decimal(b"0"), Ok(0));
        assert_eq!(decimal(b"00018"), Ok(18));
        assert_eq!(decimal(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), Err(DecimalError::Overflow));
        for bad in [&b""[..], b"+5", b"-5", b" 5", b"5 ", b"0x5", b"1_0", b"5,5", b"\xb2"] {
            assert_eq!(decimal(bad), Err(DecimalError::Malformed), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn lists_split_at_commas() {
        let parts: alloc::vec::Vec<_> = list(b" a ,\tb,,c").collect();
        assert_eq!(parts, [&b"a"[..], b"b", b"", b"c"]);
        assert!(list_contains(b"keep-alive, Close", b"close"));
        assert!(!list_contains(b"closed", b"close"));
    }

    #[test]
    fn values_hold_no_controls_and_no_outer_space() {
        for good in [&b""[..], b"a", b"a b", b"a\tb", b"\x80\xff"] {
            assert!(is_field_value(good));
        }
        for bad in [&b" a"[..], b"a ", b"\ta", b"a\r", b"a\nb", b"\0", b"\x7f"] {
            assert!(!is_field_value(bad));
        }
        assert!(is_token(b"M-SEARCH"));
        assert!(!is_token(b""));
        assert!(!is_token(b"a b"));
        assert!(is_target(b"/a?b=[1]|2"));
        assert!(!is_target(b"/a#b"));
    }
}
