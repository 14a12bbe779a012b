//! Between the machine's heads and the `http` types.

use h1_proto::{TargetForm, grammar};
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::{Parts, PathAndQuery, Uri};
use http::{Method, Version};

use crate::head::{self, Field, Head, Kind};

/// A request head as `http` types; `None` if its target is none that `http::Uri` takes.
pub(crate) fn request(head: Head<'_>) -> Option<http::Request<()>> {
    let mut request = http::Request::new(());
    *request.method_mut() = Method::from_bytes(head.method()).ok()?;
    *request.uri_mut() = match head.0 {
        Kind::H1(head) if head.target_form() != TargetForm::Asterisk => {
            Uri::try_from(head.target()).ok()?
        }
        Kind::H1(_) => Uri::from_static("*"),
        Kind::H2(head) => {
            let mut parts = Parts::default();
            parts.scheme = head.scheme().map(TryFrom::try_from).transpose().ok()?;
            parts.authority = head.authority().map(TryFrom::try_from).transpose().ok()?;
            parts.path_and_query = head.path().map(PathAndQuery::try_from).transpose().ok()?;
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
    let mut map = header_map(head.fields());
    if map.get_all(COOKIE).iter().nth(1).is_some() {
        // What is not made for HTTP/2 expects its crumbs in one field (RFC 9113 §8.2.3).
        let mut joined = Vec::new();
        h2_proto::message::join_cookies(head.fields(), &mut joined);
        if let Ok(value) = HeaderValue::from_bytes(&joined) {
            map.insert(COOKIE, value);
        }
    }
    *request.headers_mut() = map;
    Some(request)
}

/// Fields as a map. What the machines let through is valid here too; names lose their case.
pub(crate) fn header_map(fields: head::Fields<'_>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        if let (Ok(name), Ok(mut value)) =
            (HeaderName::from_bytes(field.name), HeaderValue::from_bytes(field.value))
        {
            value.set_sensitive(field.sensitive);
            map.append(name, value);
        }
    }
    map
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

    fn next(&mut self) -> Option<Field<'a>> {
        let (length, h2) = (self.length, self.h2);
        let (name, value) = self.entries.find(|(name, _)| match **name {
            TRANSFER_ENCODING => false,
            CONTENT_LENGTH => length,
            CONNECTION | UPGRADE => !h2,
            ref name => !h2 || !matches!(name.as_str(), "keep-alive" | "proxy-connection"),
        })?;
        Some(Field {
            name: name.as_str().as_bytes(),
            value: grammar::trim_ows(value.as_bytes()),
            sensitive: value.is_sensitive(),
        })
    }
}
