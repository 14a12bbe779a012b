//! A request made ready to be sent, again if need be.

use bytes::Bytes;
use h1_proto::{BodyLength, grammar};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Uri};
use http_body::Body;
use std::fmt;
use std::iter::Once;
use std::sync::Arc;

use super::content::Content;
use super::error::{BoxError, Error};
use crate::convert;
use crate::head::Field;

/// Put into the extensions of a request, it is called for each interim response (RFC 9110 §15.2).
/// It must not block.
///
/// ```
/// use driver_tokio::client::OnInformational;
/// let mut request = http::Request::get("http://example.com/").body(()).unwrap();
/// request.extensions_mut().insert(OnInformational::new(|status, fields| {
///     println!("{status}: {fields:?}");
/// }));
/// ```
#[derive(Clone)]
pub struct OnInformational(Arc<Callee>);

type Callee = dyn Fn(StatusCode, &HeaderMap) + Send + Sync;

impl OnInformational {
    /// Calls this function.
    pub fn new(call: impl Fn(StatusCode, &HeaderMap) + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    pub(crate) fn call(&self, status: u16, fields: &HeaderMap) {
        if let Ok(status) = StatusCode::from_u16(status) {
            (self.0)(status, fields);
        }
    }
}

impl fmt::Debug for OnInformational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnInformational")
    }
}

/// See the module.
pub(crate) struct Call {
    pub(crate) parts: Parts,
    /// What Host or `:authority` say; the fields do not have it.
    pub(crate) authority: Bytes,
    pub(crate) content: Content,
}

impl Call {
    pub(crate) fn new<B>(request: http::Request<B>) -> Result<Self, Error>
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (mut parts, body) = request.into_parts();
        let host = parts.headers.remove(HOST);
        let authority = match (&host, parts.uri.authority()) {
            // The target of CONNECT is the authority.
            (_, Some(authority)) if parts.method == Method::CONNECT => {
                Bytes::copy_from_slice(without_user(authority.as_str()).as_bytes())
            }
            (Some(host), _) => Bytes::copy_from_slice(host.as_bytes()),
            (None, Some(authority)) => {
                Bytes::copy_from_slice(without_user(authority.as_str()).as_bytes())
            }
            (None, None) => return Err(Error::request("it has neither an authority nor a Host")),
        };
        Ok(Self { parts, authority, content: Content::new(body) })
    }

    /// The request-target of HTTP/1 (RFC 9112 §3.2).
    pub(crate) fn target(&self) -> &[u8] {
        if self.parts.method == Method::CONNECT {
            return &self.authority;
        }
        self.path()
    }

    pub(crate) fn path(&self) -> &[u8] {
        path_of(&self.parts.uri).as_bytes()
    }

    /// What the request says of its length.
    pub(crate) fn announced(&self) -> Option<u64> {
        let value = self.parts.headers.get(CONTENT_LENGTH)?;
        grammar::decimal(grammar::trim_ows(value.as_bytes())).ok()
    }

    /// How its content goes by HTTP/1.
    pub(crate) fn length(&self) -> BodyLength {
        let wants_length = matches!(self.parts.method, Method::POST | Method::PUT | Method::PATCH);
        match (self.content.exact(), self.announced()) {
            // RFC 9110 §8.6: a method that expects content says that there is none.
            (Some(0), None) if !wants_length => BodyLength::None,
            (Some(octets), _) | (None, Some(octets)) => BodyLength::Known(octets),
            (None, None) => BodyLength::Chunked,
        }
    }

    /// Its content waits for a 100 (Continue).
    pub(crate) fn expects_continue(&self) -> bool {
        let expects = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
        !self.content.is_over() && self.parts.headers.get(EXPECT).is_some_and(expects)
    }

    pub(crate) fn on_informational(&self) -> Option<OnInformational> {
        self.parts.extensions.get().cloned()
    }

    /// The fields as HTTP/1 has them: Host first (RFC 9110 §7.2).
    pub(crate) fn h1_fields(&self) -> H1Fields<'_> {
        H1Fields { host: &self.authority, map: &self.parts.headers }
    }
}

/// User information is for us, not for the server (RFC 9110 §4.2.4).
fn without_user(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or(authority)
}

fn path_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}

/// See [`Call::h1_fields`].
#[derive(Clone, Copy)]
pub(crate) struct H1Fields<'a> {
    host: &'a [u8],
    map: &'a HeaderMap,
}

type ToH1<'a> = fn(Field<'a>) -> h1_proto::Field<'a>;

impl<'a> IntoIterator for H1Fields<'a> {
    type Item = h1_proto::Field<'a>;
    type IntoIter =
        std::iter::Chain<Once<h1_proto::Field<'a>>, std::iter::Map<convert::Entries<'a>, ToH1<'a>>>;

    fn into_iter(self) -> Self::IntoIter {
        let host = h1_proto::Field { name: b"host", value: self.host };
        std::iter::once(host).chain(h1_trailers(self.map))
    }
}

/// A map as fields of HTTP/1.
pub(crate) fn h1_trailers(map: &HeaderMap) -> std::iter::Map<convert::Entries<'_>, ToH1<'_>> {
    let fields = convert::Fields { map, length: true, h2: false };
    fields.into_iter().map(|field| h1_proto::Field { name: field.name, value: field.value })
}

/// A map as trailers of HTTP/1, walked as often as the machine likes.
#[derive(Clone, Copy)]
pub(crate) struct H1Trailers<'a>(pub(crate) &'a HeaderMap);

impl<'a> IntoIterator for H1Trailers<'a> {
    type Item = h1_proto::Field<'a>;
    type IntoIter = std::iter::Map<convert::Entries<'a>, ToH1<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        h1_trailers(self.0)
    }
}

/// A request that got no response, with itself if it can be sent again.
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) call: Option<Box<Call>>,
    /// The connection closed before an octet of the response came; what the server did is not known.
    pub(crate) unheard: bool,
}

impl Failed {
    /// A request that is over, and not to be sent again.
    pub(crate) fn new(error: Error) -> Self {
        Self { error, call: None, unheard: false }
    }

    /// A request that the server provably did not process: it can be sent again unless its content is
    /// gone.
    pub(crate) fn unprocessed(error: Error, mut call: Box<Call>) -> Self {
        let call = call.content.rewind().then_some(call);
        Self { error: error.unprocessed(true), call, unheard: false }
    }

    /// A request that the connection ended before an octet of its response: with itself unless its
    /// content is gone.
    pub(crate) fn unheard(error: Error, mut call: Box<Call>) -> Self {
        let call = call.content.rewind().then_some(call);
        Self { error, call, unheard: true }
    }
}

/// What becomes of a request.
pub(crate) type Outcome = Result<http::Response<super::Body>, Failed>;
