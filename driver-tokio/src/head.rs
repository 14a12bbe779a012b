//! Heads and field sections of both protocols, seen through one pair of eyes.

use std::fmt;

use h1_proto::TargetForm;
use h2_proto::{FieldBuf, RequestHead};

pub use h2_proto::Field;

/// The version of HTTP that a message came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// How long the content of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum BodyLength {
    /// There is none.
    None,
    /// So many octets.
    Known(u64),
    /// Its end will tell: chunked, or by the end of the stream.
    Unknown,
}

impl BodyLength {
    /// How many octets, if that is known.
    #[cfg(feature = "tower")]
    pub(crate) fn octets(self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Known(octets) => Some(octets),
            Self::Unknown => None,
        }
    }
}

impl From<h1_proto::BodyLength> for BodyLength {
    fn from(length: h1_proto::BodyLength) -> Self {
        match length {
            h1_proto::BodyLength::None => Self::None,
            h1_proto::BodyLength::Known(octets) => Self::Known(octets),
            h1_proto::BodyLength::Chunked | h1_proto::BodyLength::UntilClose => Self::Unknown,
        }
    }
}

impl From<BodyLength> for h1_proto::BodyLength {
    fn from(length: BodyLength) -> Self {
        match length {
            BodyLength::None => Self::None,
            BodyLength::Known(octets) => Self::Known(octets),
            BodyLength::Unknown => Self::Chunked,
        }
    }
}

/// The head of a request.
#[derive(Clone, Copy)]
pub struct Head<'a>(pub(crate) Kind<'a>);

#[derive(Clone, Copy)]
pub(crate) enum Kind<'a> {
    H1(&'a h1_proto::Head),
    H2(RequestHead<'a>),
}

impl<'a> Head<'a> {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &'a [u8] {
        match self.0 {
            Kind::H1(head) => head.method(),
            Kind::H2(head) => head.method(),
        }
    }

    /// The scheme, if the request says it: HTTP/1.1 does in the absolute form only.
    #[must_use]
    pub fn scheme(&self) -> Option<&'a [u8]> {
        match self.0 {
            Kind::H1(head) if head.target_form() == TargetForm::Absolute => {
                head.target().split(|&octet| octet == b':').next()
            }
            Kind::H1(_) => None,
            Kind::H2(head) => head.scheme(),
        }
    }

    /// The authority that the request is for: of its target, or of Host.
    #[must_use]
    pub fn authority(&self) -> Option<&'a [u8]> {
        match self.0 {
            Kind::H1(head) => head.authority(),
            Kind::H2(head) => head.authority().or_else(|| head.field("host")),
        }
    }

    /// Path and query. `OPTIONS *` and CONNECT have none: empty.
    #[must_use]
    pub fn path_and_query(&self) -> &'a [u8] {
        match self.0 {
            Kind::H1(head) => head.path_and_query(),
            Kind::H2(head) => head.path().filter(|path| path != b"*").unwrap_or_default(),
        }
    }

    /// The protocol of an extended CONNECT (RFC 8441).
    #[must_use]
    pub fn protocol(&self) -> Option<&'a [u8]> {
        match self.0 {
            Kind::H1(_) => None,
            Kind::H2(head) => head.protocol(),
        }
    }

    /// The version of the protocol.
    #[must_use]
    pub fn version(&self) -> Version {
        match self.0 {
            Kind::H1(head) => match head.version() {
                h1_proto::Version::Http10 => Version::Http10,
                h1_proto::Version::Http11 => Version::Http11,
            },
            Kind::H2(_) => Version::Http2,
        }
    }

    /// The fields, in the order in which they came.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields(match self.0 {
            Kind::H1(head) => Section::H1(head.fields()),
            Kind::H2(head) => Section::H2(head.fields()),
        })
    }

    /// The value of the first field with this name; letter case does not matter.
    #[must_use]
    pub fn field(&self, name: impl AsRef<[u8]>) -> Option<&'a [u8]> {
        self.fields().value(name)
    }

    /// The head of HTTP/1, if the request came by it: letter case, target form, raw octets.
    #[must_use]
    pub fn h1(&self) -> Option<&'a h1_proto::Head> {
        match self.0 {
            Kind::H1(head) => Some(head),
            Kind::H2(_) => None,
        }
    }
}

impl fmt::Display for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::H1(head) => head.fmt(f),
            Kind::H2(head) => head.fmt(f),
        }
    }
}

impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

/// A field section, field by field.
#[derive(Clone)]
pub struct Fields<'a>(Section<'a>);

#[derive(Clone)]
enum Section<'a> {
    H1(h1_proto::Fields<'a>),
    H2(h2_proto::Fields<'a>),
}

impl<'a> Fields<'a> {
    /// Those of a request of HTTP/2.
    #[cfg(feature = "tower")]
    pub(crate) fn of_request(head: RequestHead<'a>) -> Self {
        Self(Section::H2(head.fields()))
    }

    /// The fields or trailers of a message of HTTP/1.
    pub(crate) fn of_head(head: &'a h1_proto::Head) -> Self {
        Self(Section::H1(head.fields()))
    }

    /// The trailers of a message of HTTP/2.
    pub(crate) fn of_buffer(fields: &'a FieldBuf) -> Self {
        Self(Section::H2(fields.iter()))
    }

    /// The value of the first field with this name, of those that are still to come; letter case
    /// does not matter.
    #[must_use]
    pub fn value(&self, name: impl AsRef<[u8]>) -> Option<&'a [u8]> {
        let name = name.as_ref();
        let mut fields = self.clone();
        fields.find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        match &mut self.0 {
            Section::H1(fields) => fields.next().map(|field| Field::new(field.name, field.value)),
            Section::H2(fields) => fields.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Section::H1(fields) => fields.size_hint(),
            Section::H2(fields) => fields.size_hint(),
        }
    }
}

impl ExactSizeIterator for Fields<'_> {}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
