//! Between the machine's heads and the `http` types.

use std::iter::FilterMap;

use h1_proto::{Field, Head, TargetForm, grammar};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Uri, Version};

/// A request head as `http` types; `None` if its target is none that `http::Uri` takes.
pub(crate) fn request(head: &Head) -> Option<http::Request<()>> {
    let mut request = http::Request::new(());
    *request.method_mut() = Method::from_bytes(head.method()).ok()?;
    *request.uri_mut() = match head.target_form() {
        TargetForm::Origin | TargetForm::Absolute | TargetForm::Authority => {
            Uri::try_from(head.target()).ok()?
        }
        TargetForm::Asterisk => Uri::from_static("*"),
    };
    *request.version_mut() = match head.version() {
        h1_proto::Version::Http10 => Version::HTTP_10,
        h1_proto::Version::Http11 => Version::HTTP_11,
    };
    *request.headers_mut() = header_map(head);
    Some(request)
}

/// Fields as a map. What the machine lets through is valid here too; names lose their case.
pub(crate) fn header_map(head: &Head) -> HeaderMap {
    let fields = head.fields();
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(field.name), HeaderValue::from_bytes(field.value))
        {
            map.append(name, value);
        }
    }
    map
}

/// A map as fields, without Transfer-Encoding, which the machine decides.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) map: &'a HeaderMap,
    /// Whether a Content-Length may go; a 204 has none (RFC 9110 §8.6).
    pub(crate) length: bool,
}

type Entry<'a> = (&'a HeaderName, &'a HeaderValue);

impl<'a> IntoIterator for Fields<'a> {
    type Item = Field<'a>;
    type IntoIter =
        FilterMap<http::header::Iter<'a, HeaderValue>, fn(Entry<'a>) -> Option<Field<'a>>>;

    fn into_iter(self) -> Self::IntoIter {
        fn field<'a>((name, value): Entry<'a>) -> Option<Field<'a>> {
            (name != TRANSFER_ENCODING).then(|| Field {
                name: name.as_str().as_bytes(),
                value: grammar::trim_ows(value.as_bytes()),
            })
        }
        let without_length: fn(Entry<'a>) -> Option<Field<'a>> =
            |entry| (entry.0 != CONTENT_LENGTH).then(|| field(entry)).flatten();
        self.map.iter().filter_map(if self.length { field } else { without_length })
    }
}
