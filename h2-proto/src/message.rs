//! What makes a message out of a field section (RFC 9113 §8): pseudo-fields, field validity, what
//! frames content. A message that breaks a rule is an error of its stream.

use h1_proto::grammar;
use hpack::{Field, FieldBuf};

use crate::error::{ErrorKind, SendError};
use crate::event::{Pseudo, PseudoFields, RequestHead, ResponseHead};

/// What the fields of a section say to the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) content_length: Option<u64>,
    /// The index of the first `priority` field (RFC 9218 §4).
    pub(crate) priority: Option<usize>,
    host: Option<usize>,
}

/// What an octet is in a field name: part of a token, of one in upper case, or neither.
const LOWER: u8 = 0;
const UPPER: u8 = 1;
const NO_NAME: u8 = 2;

const NAME: [u8; 256] = {
    let mut table = [NO_NAME; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = match octet as u8 {
            b'!'
            | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
            | b'0'..=b'9'
            | b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            _ => NO_NAME,
        };
        octet += 1;
    }
    table
};

/// All that the octets of a name are; names of HTTP/2 are all [`LOWER`] (RFC 9113 §8.2.1).
#[inline]
fn classes(name: &[u8]) -> u8 {
    let none = if name.is_empty() { NO_NAME } else { LOWER };
    name.iter().fold(none, |classes, &octet| classes | NAME[usize::from(octet)])
}

/// A field that speaks of the connection it came on (RFC 9113 §8.2.2). `te` may say one thing, in the
/// head of a request.
#[inline]
fn is_connection_field(field: &Field<'_>, section: Section) -> bool {
    match field.name {
        b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade" => {
            true
        }
        b"te" => section != Section::Request || !field.value.eq_ignore_ascii_case(b"trailers"),
        _ => false,
    }
}

/// What kind of section fields stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Request,
    Response,
    Trailers,
}

/// Whether nothing more is to be said of a field, wherever it stands: what is asked of it alone is
/// so, and it says nothing to the machine. A decoder asks this once for each field that comes as a
/// literal, and remembers it with the entries of its table.
pub(crate) fn is_settled(field: Field<'_>) -> bool {
    match field.name {
        b":method" => grammar::is_token(field.value),
        b":scheme" => grammar::is_scheme(field.value),
        b":authority" => is_authority(field.value),
        b":path" => grammar::is_target(field.value),
        b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade"
        | b"te" | b"content-length" | b"host" | b"priority" | b"trailer" => false,
        name => classes(name) == LOWER && grammar::is_field_value(field.value),
    }
}

/// The fields behind the pseudo-fields, each by itself, and what they say.
fn regular_fields(fields: &FieldBuf, first: usize, section: Section) -> Result<Facts, ErrorKind> {
    let mut facts = Facts::default();
    for (field, index) in fields.iter_from(first).zip(first..) {
        if fields.is_marked(index) {
            if field.name.first() == Some(&b':') {
                return Err(ErrorKind::PseudoField);
            }
            continue;
        }
        if classes(field.name) != LOWER {
            let pseudo = field.name.first() == Some(&b':');
            return Err(if pseudo { ErrorKind::PseudoField } else { ErrorKind::FieldName });
        }
        if !grammar::is_field_value(field.value) {
            return Err(ErrorKind::FieldValue);
        }
        match field.name {
            _ if section == Section::Trailers => {
                if is_connection_field(&field, section) {
                    return Err(ErrorKind::ConnectionField);
                }
                if grammar::is_forbidden_trailer(field.name) {
                    return Err(ErrorKind::TrailerForbidden);
                }
            }
            b"content-length" => {
                let length = grammar::decimal(field.value).map_err(|_| ErrorKind::ContentLength)?;
                if facts.content_length.replace(length).is_some() {
                    return Err(ErrorKind::ContentLength);
                }
            }
            b"host" if facts.host.is_some() => return Err(ErrorKind::Host),
            b"host" => facts.host = Some(index),
            b"priority" => {
                facts.priority.get_or_insert(index);
            }
            _ if is_connection_field(&field, section) => return Err(ErrorKind::ConnectionField),
            _ => {}
        }
    }
    Ok(facts)
}

/// Reads a request (RFC 9113 §8.3.1, RFC 8441 §4). `connect_protocol`: extended CONNECT was
/// allowed.
pub(crate) fn request(
    fields: &FieldBuf,
    connect_protocol: bool,
) -> Result<(RequestHead<'_>, Facts), ErrorKind> {
    let mut pseudo = PseudoFields::none();
    let mut values = [None; 5];
    for field in fields {
        match Pseudo::of(field.name) {
            Some(name) if pseudo.add(name) => values[name as usize] = Some(field.value),
            None if field.name.first() != Some(&b':') => break,
            _ => return Err(ErrorKind::PseudoField),
        }
    }
    let [method, scheme, authority, path, protocol] = values;
    // Whether the grammar of a value is still to be looked at.
    let is_open = |name| pseudo.place(name).is_some_and(|index| !fields.is_marked(index));
    let facts = regular_fields(fields, pseudo.count(), Section::Request)?;
    let head = pseudo.head(fields);
    let method = method.ok_or(ErrorKind::PseudoFieldMissing)?;
    if is_open(Pseudo::Method) && !grammar::is_token(method) {
        return Err(ErrorKind::Method);
    }
    if method == b"CONNECT" && protocol.is_none() {
        // §8.5: the authority and nothing else.
        if scheme.is_some() || path.is_some() {
            return Err(ErrorKind::PseudoField);
        }
        let authority = authority.ok_or(ErrorKind::PseudoFieldMissing)?;
        if !has_port(authority) {
            return Err(ErrorKind::Authority);
        }
    } else {
        if let Some(protocol) = protocol {
            if method != b"CONNECT" || !connect_protocol {
                return Err(ErrorKind::PseudoField);
            }
            if !grammar::is_token(protocol) {
                return Err(ErrorKind::PseudoField);
            }
            authority.ok_or(ErrorKind::PseudoFieldMissing)?;
        }
        let scheme = scheme.ok_or(ErrorKind::PseudoFieldMissing)?;
        let path = path.ok_or(ErrorKind::PseudoFieldMissing)?;
        let http = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
        if !http && is_open(Pseudo::Scheme) && !grammar::is_scheme(scheme) {
            return Err(ErrorKind::Scheme);
        }
        if is_open(Pseudo::Path) && !grammar::is_target(path) || !is_path(method, http, path) {
            return Err(ErrorKind::Path);
        }
    }
    if is_open(Pseudo::Authority) && authority.is_some_and(|authority| !is_authority(authority)) {
        return Err(ErrorKind::Authority);
    }
    if let Some(host) = facts.host.and_then(|index| fields.get(index)) {
        let port = |it| without_default_port(it, scheme);
        let same = authority.is_none_or(|it| port(it).eq_ignore_ascii_case(port(host.value)));
        if !same || !(host.value.is_empty() || is_authority(host.value)) {
            return Err(ErrorKind::Host);
        }
    }
    Ok((head, facts))
}

/// `*` alone for OPTIONS; for http and https an absolute path; never empty.
fn is_path(method: &[u8], http: bool, path: &[u8]) -> bool {
    match path.first() {
        None => false,
        Some(b'/') => true,
        Some(_) => !http || path == b"*" && method == b"OPTIONS",
    }
}

/// An authority without the port that its scheme has anyway: it names the same (RFC 9110 §4.2.3).
fn without_default_port<'a>(authority: &'a [u8], scheme: Option<&[u8]>) -> &'a [u8] {
    let port: &[u8] = match scheme {
        Some(scheme) if scheme.eq_ignore_ascii_case(b"https") => b":443",
        Some(scheme) if scheme.eq_ignore_ascii_case(b"http") => b":80",
        _ => return authority,
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

/// What CONNECT is for: a host and a port that there is (RFC 9110 §9.3.6).
pub(crate) fn has_port(authority: &[u8]) -> bool {
    grammar::authority(authority).is_some_and(|it| it.port.is_some_and(|port| port > 0))
}

/// A host and perhaps a port; user information is neither.
fn is_authority(authority: &[u8]) -> bool {
    grammar::authority(authority).is_some()
}

/// Reads a response (RFC 9113 §8.3.2).
pub(crate) fn response(fields: &FieldBuf) -> Result<(ResponseHead<'_>, Facts), ErrorKind> {
    let first = fields.get(0).ok_or(ErrorKind::PseudoFieldMissing)?;
    if first.name != b":status" {
        let is_pseudo = first.name.first() == Some(&b':');
        return Err(if is_pseudo { ErrorKind::PseudoField } else { ErrorKind::PseudoFieldMissing });
    }
    let status = match *first.value {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
        }
        _ => return Err(ErrorKind::Status),
    };
    // §8.6: there is no switching of protocols.
    if status == 101 {
        return Err(ErrorKind::Status);
    }
    let facts = regular_fields(fields, 1, Section::Response)?;
    Ok((ResponseHead { status, fields }, facts))
}

/// Checks trailers (RFC 9113 §8.1): no pseudo-fields, nothing that frames or routes.
pub(crate) fn trailers(fields: &FieldBuf) -> Result<(), ErrorKind> {
    regular_fields(fields, 0, Section::Trailers).map(|_| ())
}

/// What the fields say that a caller wants to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    /// Their size by the account of SETTINGS_MAX_HEADER_LIST_SIZE.
    pub(crate) size: usize,
    /// The Content-Length that they announce.
    pub(crate) content_length: Option<u64>,
    /// A name has upper case, which has to go.
    pub(crate) has_upper_case: bool,
}

/// Checks the fields that a caller wants to send.
pub(crate) fn outgoing<'a>(
    fields: impl Iterator<Item = Field<'a>>,
    section: Section,
    authority: Option<&[u8]>,
) -> Result<Outgoing, SendError> {
    let mut sum = Outgoing { size: 0, content_length: None, has_upper_case: false };
    for (field, index) in fields.zip(0..) {
        let mut lowered = [0; 24];
        let name = match classes(field.name) {
            LOWER => field.name,
            UPPER => {
                sum.has_upper_case = true;
                // No name that means something here is longer.
                lower(field.name, &mut lowered).unwrap_or(field.name)
            }
            _ if field.name.first() == Some(&b':') => {
                return Err(SendError::ForbiddenField(index));
            }
            _ => return Err(SendError::InvalidFieldName(index)),
        };
        if !grammar::is_field_value(field.value) {
            return Err(SendError::InvalidFieldValue(index));
        }
        if is_connection_field(&Field { name, ..field }, section)
            || section == Section::Trailers && grammar::is_forbidden_trailer(name)
        {
            return Err(SendError::ForbiddenField(index));
        }
        if name == b"host" && authority.is_some_and(|it| !it.eq_ignore_ascii_case(field.value)) {
            return Err(SendError::ForbiddenField(index));
        }
        if name == b"content-length" {
            let length =
                grammar::decimal(field.value).map_err(|_| SendError::InvalidFieldValue(index))?;
            if sum.content_length.replace(length).is_some() {
                return Err(SendError::ForbiddenField(index));
            }
        }
        sum.size += field.size();
    }
    Ok(sum)
}

/// A short name in lower case.
pub(crate) fn lower<'a, const N: usize>(name: &[u8], room: &'a mut [u8; N]) -> Option<&'a [u8]> {
    let place = room.get_mut(..name.len())?;
    place.copy_from_slice(name);
    place.make_ascii_lowercase();
    Some(place)
}

/// The fields that a proxy forwards (RFC 9110 §7.6.1): without those of the connection, and without
/// those that a `connection` field nominates, which a message of HTTP/1.1 may have.
pub fn end_to_end<'a, I>(fields: I) -> impl Iterator<Item = Field<'a>>
where
    I: IntoIterator<Item = Field<'a>>,
    I::IntoIter: Clone,
{
    let fields = fields.into_iter();
    let all = fields.clone();
    let is_nominated = move |name: &[u8]| {
        all.clone().any(|field| {
            field.name.eq_ignore_ascii_case(b"connection")
                && grammar::list_contains(field.value, name)
        })
    };
    fields.filter(move |field| !grammar::is_hop_by_hop(field.name) && !is_nominated(field.name))
}

/// Joins the crumbs of a cookie (RFC 9113 §8.2.3) for those who need it in one line; they were
/// counted one by one before. `false`, and nothing appended, if there is none.
pub fn join_cookies<'a>(
    fields: impl IntoIterator<Item = Field<'a>>,
    out: &mut alloc::vec::Vec<u8>,
) -> bool {
    let start = out.len();
    let mut found = false;
    for field in fields.into_iter().filter(|field| field.name == b"cookie") {
        if found {
            out.extend_from_slice(b"; ");
        }
        found = true;
        out.extend_from_slice(field.value);
    }
    found || {
        out.truncate(start);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];

    fn read(fields: &[(&str, &str)]) -> Result<Facts, ErrorKind> {
        request(&fields.iter().collect(), true).map(|(_, facts)| facts)
    }

    fn with<'a>(more: &[(&'a str, &'a str)]) -> alloc::vec::Vec<(&'a str, &'a str)> {
        [&GET[..], more].concat()
    }

    #[test]
    fn rfc9113_8_3_1_pseudo_fields_of_requests() {
        assert_eq!(read(&GET), Ok(Facts::default()));
        for missing in [0, 1, 3] {
            let mut fields = GET.to_vec();
            fields.remove(missing);
            assert_eq!(read(&fields), Err(ErrorKind::PseudoFieldMissing));
        }
        assert_eq!(read(&GET.map(|it| it)[..2]), Err(ErrorKind::PseudoFieldMissing));
        for repeated in GET {
            assert_eq!(read(&with(&[repeated])), Err(ErrorKind::PseudoField));
        }
        assert_eq!(read(&with(&[("a", "b"), (":path", "/")])), Err(ErrorKind::PseudoField));
        for unknown in [":", ":status", ":Method", ":protocol"] {
            assert_eq!(read(&with(&[(unknown, "x")])), Err(ErrorKind::PseudoField), "{unknown}");
        }
        let one = |name, value| GET.map(|it| if it.0 == name { (name, value) } else { it });
        for path in ["", "x", "*", "/ x", "/\r\nx: y", "/\u{80}", "http://a/", "/#f"] {
            assert_eq!(read(&one(":path", path)), Err(ErrorKind::Path), "{path}");
        }
        for method in ["", "G T", "GET\r\n", "GE:T"] {
            assert_eq!(read(&one(":method", method)), Err(ErrorKind::Method), "{method}");
        }
        for scheme in ["", "1a", "ht tp", "https:"] {
            assert_eq!(read(&one(":scheme", scheme)), Err(ErrorKind::Scheme), "{scheme}");
        }
        for authority in ["u@a.example", "a b", "a/b", "a:x", "[::1"] {
            assert_eq!(read(&one(":authority", authority)), Err(ErrorKind::Authority));
        }
        let options =
            one(":path", "*").map(|it| if it.0 == ":method" { (it.0, "OPTIONS") } else { it });
        assert!(read(&options).is_ok());
    }

    #[test]
    fn rfc9113_8_3_1_host_beside_authority() {
        assert!(read(&with(&[("host", "A.example")])).is_ok());
        for hosts in [&[("host", "b.example")][..], &[("host", "a.example"), ("host", "a.example")]]
        {
            assert_eq!(read(&with(hosts)), Err(ErrorKind::Host));
        }
        let without: alloc::vec::Vec<_> =
            GET.into_iter().filter(|it| it.0 != ":authority").collect();
        assert!(read(&without).is_ok());
        assert!(read(&[&without[..], &[("host", "c.example")]].concat()).is_ok());
        assert_eq!(read(&[&without[..], &[("host", "c d")]].concat()), Err(ErrorKind::Host));
    }

    #[test]
    fn rfc9113_8_5_and_rfc8441_connect() {
        let connect = [(":method", "CONNECT"), (":authority", "a.example:443")];
        assert!(read(&connect).is_ok());
        assert_eq!(read(&connect[..1]), Err(ErrorKind::PseudoFieldMissing));
        for more in [(":scheme", "https"), (":path", "/")] {
            assert_eq!(read(&[&connect[..], &[more]].concat()), Err(ErrorKind::PseudoField));
        }
        let extended =
            [&connect[..], &[(":scheme", "https"), (":path", "/"), (":protocol", "websocket")]]
                .concat();
        assert!(read(&extended).is_ok());
        let fields = extended.iter().collect();
        assert_eq!(request(&fields, false).map(|_| ()), Err(ErrorKind::PseudoField));
        assert_eq!(read(&extended[..4]), Err(ErrorKind::PseudoField));
        assert_eq!(read(&with(&[(":protocol", "websocket")])), Err(ErrorKind::PseudoField));
    }

    #[test]
    fn rfc9113_8_2_names_and_values() {
        for name in ["", "A", "aB", "a b", "a:", "a\0", "a\u{e9}", "a\r\nb"] {
            assert_eq!(read(&with(&[(name, "v")])), Err(ErrorKind::FieldName), "{name:?}");
        }
        for value in [" v", "v ", "\tv", "v\t", "a\r\nX: y", "a\0", "a\n", "\x7f"] {
            assert_eq!(read(&with(&[("a", value)])), Err(ErrorKind::FieldValue), "{value:?}");
        }
        for (name, value) in [("a", ""), ("a", "b c\td"), ("x-_.~!", "\u{e9}"), ("te", "trailers")]
        {
            assert!(read(&with(&[(name, value)])).is_ok(), "{name}");
        }
        for (name, value) in [
            ("connection", "close"),
            ("proxy-connection", "x"),
            ("keep-alive", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("te", "trailers, gzip"),
        ] {
            assert_eq!(read(&with(&[(name, value)])), Err(ErrorKind::ConnectionField), "{name}");
        }
        assert_eq!(read(&with(&[("content-length", "7")])).unwrap().content_length, Some(7));
        for value in ["", "-1", "+1", "1 2", "1,1", "18446744073709551616"] {
            assert_eq!(read(&with(&[("content-length", value)])), Err(ErrorKind::ContentLength));
        }
        let twice = with(&[("content-length", "7"), ("content-length", "7")]);
        assert_eq!(read(&twice), Err(ErrorKind::ContentLength));
    }

    #[test]
    fn rfc9113_8_3_2_responses() {
        let read =
            |fields: &[(&str, &str)]| response(&fields.iter().collect()).map(|it| it.0.status);
        assert_eq!(read(&[(":status", "200"), ("a", "b")]), Ok(200));
        for status in ["", "20", "2000", "099", "2x0", "+20", "101", " 200"] {
            assert_eq!(read(&[(":status", status)]), Err(ErrorKind::Status), "{status}");
        }
        assert_eq!(read(&[]), Err(ErrorKind::PseudoFieldMissing));
        assert_eq!(read(&[("a", "b"), (":status", "200")]), Err(ErrorKind::PseudoFieldMissing));
        assert_eq!(read(&[(":status", "200"), (":status", "200")]), Err(ErrorKind::PseudoField));
        assert_eq!(read(&[(":method", "GET")]), Err(ErrorKind::PseudoField));
    }

    #[test]
    fn rfc9113_8_1_trailers() {
        let read = |fields: &[(&str, &str)]| trailers(&fields.iter().collect());
        assert_eq!(read(&[("grpc-status", "0"), ("x", "")]), Ok(()));
        assert_eq!(read(&[(":status", "200")]), Err(ErrorKind::PseudoField));
        assert_eq!(read(&[("content-length", "1")]), Err(ErrorKind::TrailerForbidden));
        assert_eq!(read(&[("connection", "x")]), Err(ErrorKind::ConnectionField));
    }

    #[test]
    fn proxies_forward_what_goes_end_to_end() {
        let fields: FieldBuf = [
            ("Connection", "close, X-One"),
            ("x-one", "1"),
            ("keep-alive", "5"),
            ("cookie", "a=1"),
            ("te", "trailers"),
            ("cookie", "b=2"),
        ]
        .into_iter()
        .collect();
        let kept: alloc::vec::Vec<_> = end_to_end(&fields).map(|field| field.value).collect();
        assert_eq!(kept, [b"a=1", b"b=2"]);
        let mut cookie = alloc::vec::Vec::new();
        assert!(join_cookies(&fields, &mut cookie));
        assert_eq!(cookie, b"a=1; b=2");
        assert!(!join_cookies(&FieldBuf::new(), &mut cookie));
    }
}
