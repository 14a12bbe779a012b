//! Between the machine's heads and the `http` types.

mod known;
mod made;
mod octets;
mod sent;
mod table;

use std::cell::RefCell;

use h1_proto::grammar;
use h2_proto::RequestHead;
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use http::uri::{self, Uri};
use http::{Method, Version, request};

pub(crate) use self::made::Made;
use self::octets::Octets;
pub(crate) use self::sent::{is_length_right, known_lines};
use crate::head::{self, Field};

/// A request of HTTP/2 as `http` has it; `None` if `http` has no such request.
pub(crate) fn request_h2(head: RequestHead<'_>) -> Option<request::Parts> {
    let (mut made, ()) = http::Request::new(()).into_parts();
    made.method = Method::from_bytes(head.method()).ok()?;
    made.version = Version::HTTP_2;
    let mut octets = Octets::of(head.raw());
    let (mut map, crumbs) = map_of(head::Fields::of_request(head), &mut octets);
    if crumbs > 1 {
        join_crumbs(&mut map);
    }
    made.headers = map;
    let mut parts = uri::Parts::default();
    // `http::Uri` has no scheme without an authority.
    if let Some(authority) = head.authority() {
        parts.authority = Some(known::authority(authority, |it| octets.share(it))?);
        parts.scheme = head.scheme().map(TryFrom::try_from).transpose().ok()?;
    }
    if let Some(path) = head.path() {
        parts.path_and_query = Some(known::path(path, |path| octets.share_last(path))?);
    }
    made.uri = Uri::from_parts(parts).ok()?;
    Some(made)
}

/// The fields of a request, and how many of them are Cookie.
fn map_of(fields: head::Fields<'_>, octets: &mut Octets<'_>) -> (HeaderMap, usize) {
    let mut map = take_map(fields.len());
    let mut cookies = 0;
    for field in fields {
        if let Some((name, value)) = known::line(field, |value| octets.share(value)) {
            cookies += usize::from(name == COOKIE);
            map.append(name, value);
        }
    }
    (map, cookies)
}

/// What is not made for HTTP/2 expects the crumbs of cookies in one field (RFC 9113 §8.2.3).
fn join_crumbs(map: &mut HeaderMap) {
    let crumbs =
        map.get_all(COOKIE).into_iter().map(|crumb| Field::new(b"cookie", crumb.as_bytes()));
    let mut joined = Vec::new();
    h2_proto::message::join_cookies(crumbs, &mut joined);
    if let Ok(value) = HeaderValue::from_bytes(&joined) {
        map.insert(COOKIE, value);
    }
}

/// Fields as a map. What the machines let through is valid here too; names lose their case.
pub(crate) fn header_map(fields: head::Fields<'_>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name);
        if let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_bytes(field.value)) {
            value.set_sensitive(field.sensitive);
            map.append(name, value);
        }
    }
    map
}

/// Maps that a thread keeps: those of answers become those of requests.
const KEPT: usize = 8;
/// One with room for more fields is not kept.
const KEPT_FIELDS_MAX: usize = 64;

thread_local! {
    static MAPS: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// A map with room for so many fields.
fn take_map(fields: usize) -> HeaderMap {
    MAPS.with_borrow_mut(|maps| maps.pop_if(|map| map.capacity() >= fields))
        .unwrap_or_else(|| HeaderMap::with_capacity(fields))
}

/// A map that nobody needs any more.
pub(crate) fn put_map_back(mut map: HeaderMap) {
    let is_wanted = MAPS.with_borrow(|maps| maps.len() < KEPT);
    if is_wanted && (1..=KEPT_FIELDS_MAX).contains(&map.capacity()) {
        // Without the borrow: what it drops may be the application's.
        map.clear();
        MAPS.with_borrow_mut(|maps| maps.push(map));
    }
}

/// A map as fields, without those that the machine decides.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) map: &'a HeaderMap,
    /// Whether a Content-Length may go; a 204 has none (RFC 9110 §8.6).
    pub(crate) length: bool,
    /// Whether it goes by HTTP/2, which has no fields of the connection (RFC 9113 §8.2.2).
    pub(crate) h2: bool,
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = Field<'a>;
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        Entries { entries: self.map.iter(), length: self.length, h2: self.h2 }
    }
}

/// See [`Fields`].
pub(crate) struct Entries<'a> {
    entries: http::header::Iter<'a, HeaderValue>,
    length: bool,
    h2: bool,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Field<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Field<'a>> {
        let (length, h2) = (self.length, self.h2);
        let (name, value) = loop {
            let (name, value) = self.entries.next()?;
            let name = name.as_str().as_bytes();
            // Told by their length first, which most do not share.
            let goes = match name.len() {
                7 => !h2 || name != b"upgrade",
                10 => !h2 || !matches!(name, b"connection" | b"keep-alive"),
                14 => length || name != b"content-length",
                16 => !h2 || name != b"proxy-connection",
                17 => name != b"transfer-encoding",
                _ => true,
            };
            if goes {
                break (name, value);
            }
        };
        let sensitive = value.is_sensitive();
        let value = match value.as_bytes() {
            padded @ ([b' ' | b'\t', ..] | [.., b' ' | b'\t']) => grammar::trim_ows(padded),
            bare => bare,
        };
        Some(Field { name, value, sensitive })
    }
}
