//! Between the machine's heads and the `http` types.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use h1_proto::{TargetForm, grammar};
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, Parts, PathAndQuery, Uri};
use http::{Method, Version};

use crate::head::{self, Field, Head, Kind};

/// Writes a request head into `http` types; `None` if its target is none that `http::Uri` takes.
pub(crate) fn request<B>(head: Head<'_>, request: &mut http::Request<B>) -> Option<()> {
    *request.method_mut() = Method::from_bytes(head.method()).ok()?;
    let octets = Octets::of(head.octets());
    *request.uri_mut() = match head.0 {
        Kind::H1(head) if head.target_form() != TargetForm::Asterisk => {
            Uri::from_maybe_shared(octets.share(head.target())).ok()?
        }
        Kind::H1(_) => Uri::from_static("*"),
        Kind::H2(head) => {
            let mut parts = Parts::default();
            let path = head.path().map(|it| octets.share(it));
            parts.scheme = head.scheme().map(TryFrom::try_from).transpose().ok()?;
            parts.authority = match head.authority() {
                Some(it) => Some(authority(it, &octets)?),
                None => None,
            };
            parts.path_and_query = path.map(PathAndQuery::from_maybe_shared).transpose().ok()?;
            if parts.authority.is_none() {
                // `http::Uri` has no scheme without an authority.
                parts.scheme = None;
            }
            Uri::from_parts(parts).ok()?
        }
    };
    *request.version_mut() = match head.version() {
        head::Version::Http10 => Version::HTTP_10,
        head::Version::Http11 => Version::HTTP_11,
        head::Version::Http2 => Version::HTTP_2,
    };
    let mut map = take_map();
    let cookies = fill(&mut map, head.fields(), |value| {
        HeaderValue::from_maybe_shared(octets.share(value)).ok()
    });
    if cookies > 1 {
        // What is not made for HTTP/2 expects its crumbs in one field (RFC 9113 §8.2.3).
        let mut joined = Vec::new();
        h2_proto::message::join_cookies(head.fields(), &mut joined);
        if let Ok(value) = HeaderValue::from_bytes(&joined) {
            map.insert(COOKIE, value);
        }
    }
    *request.headers_mut() = map;
    Some(())
}

/// Authorities that a thread remembers: most requests are for one of a few.
const AUTHORITIES: usize = 8;
/// A longer one is not remembered.
const AUTHORITY_BYTES_MAX: usize = 256;
/// One takes the place of another after so many that were not found: where all are different, remembering
/// them costs little.
const MISSES: u8 = 8;

struct Known {
    authorities: [Option<Authority>; AUTHORITIES],
    missed: u8,
}

thread_local! {
    static KNOWN: RefCell<Known> =
        const { RefCell::new(Known { authorities: [const { None }; AUTHORITIES], missed: 0 }) };
}

/// An authority as `http` has it: one that is known, or a new one.
fn authority(octets: &[u8], all: &Octets) -> Option<Authority> {
    let ends = octets.first().zip(octets.last());
    let ends = ends.map_or(0, |(&first, &last)| usize::from(first ^ last));
    KNOWN.with_borrow_mut(|Known { authorities, missed }| {
        let place = authorities.get_mut((octets.len() ^ ends) % AUTHORITIES)?;
        if let Some(it) = place.as_ref().filter(|it| it.as_str().as_bytes() == octets) {
            return Some(it.clone());
        }
        let made = Authority::from_maybe_shared(all.share(octets)).ok()?;
        *missed = missed.saturating_add(1);
        if octets.len() <= AUTHORITY_BYTES_MAX && (place.is_none() || *missed >= MISSES) {
            *missed = 0;
            *place = Authority::try_from(octets).ok();
        }
        Some(made)
    })
}

/// Fields as a map. What the machines let through is valid here too; names lose their case.
pub(crate) fn header_map(fields: head::Fields<'_>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(fields.len());
    fill(&mut map, fields, |value| HeaderValue::from_bytes(value).ok());
    map
}

/// Adds fields to a map. How many of them are Cookie.
fn fill(
    map: &mut HeaderMap,
    fields: head::Fields<'_>,
    make: impl Fn(&[u8]) -> Option<HeaderValue>,
) -> usize {
    map.reserve(fields.len());
    let mut cookies = 0;
    for field in fields {
        if let (Ok(name), Some(mut value)) = (HeaderName::from_bytes(field.name), make(field.value))
        {
            value.set_sensitive(field.sensitive);
            cookies += usize::from(name == COOKIE);
            map.append(name, value);
        }
    }
    cookies
}

/// The octets of a head, once for all of its values.
struct Octets {
    shared: Bytes,
    /// Where those were that they are a copy of.
    start: usize,
}

impl Octets {
    fn of(octets: &[u8]) -> Self {
        let shared = if octets.len() > COPY_MAX {
            Bytes::copy_from_slice(octets)
        } else {
            COPIES.with_borrow_mut(|copies| {
                copies.reserve(octets.len());
                copies.extend_from_slice(octets);
                copies.split().freeze()
            })
        };
        Self { shared, start: octets.as_ptr() as usize }
    }

    /// A piece of what this is a copy of.
    fn share(&self, piece: &[u8]) -> Bytes {
        let start = (piece.as_ptr() as usize).wrapping_sub(self.start);
        match start.checked_add(piece.len()) {
            Some(end) if end <= self.shared.len() => self.shared.slice(start..end),
            // It lies elsewhere.
            _ => Bytes::copy_from_slice(piece),
        }
    }
}

/// Where a thread puts copies of heads, one behind the other. It is used again once none of its heads is
/// needed any more, and replaced when it is full before that.
const COPIES_BYTES: usize = 4 << 10;
/// A larger head has memory of its own.
const COPY_MAX: usize = COPIES_BYTES / 4;

thread_local! {
    static COPIES: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(COPIES_BYTES));
}

/// Maps that a thread keeps: those of answers become those of requests.
const KEPT: usize = 8;
/// One with room for more fields is not kept.
const KEPT_FIELDS_MAX: usize = 64;

thread_local! {
    static MAPS: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

fn take_map() -> HeaderMap {
    MAPS.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// A map that nobody needs any more.
pub(crate) fn put_map_back(mut map: HeaderMap) {
    if (1..=KEPT_FIELDS_MAX).contains(&map.capacity()) {
        map.clear();
        MAPS.with_borrow_mut(|maps| {
            if maps.len() < KEPT {
                maps.push(map);
            }
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_what_was_sent_whatever_is_known() {
        for round in 0..1000 {
            // Most of them fall on the place of another.
            for text in
                [format!("a{:03}.example:80", round % 10), format!("{round}"), "b".repeat(300)]
            {
                let read = authority(text.as_bytes(), &Octets::of(text.as_bytes()));
                assert_eq!(read.map(|it| it.to_string()), Some(text));
            }
            let none = b"a b";
            assert!(authority(none, &Octets::of(none)).is_none());
        }
    }
}
