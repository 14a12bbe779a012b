//! The time at which a request came, told to the application as a field.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{HeaderName, HeaderValue};
use tower_service::Service;

use crate::tower::RequestInfo;

/// `x-weft-submitted-at`
pub const SUBMITTED_AT: HeaderName = HeaderName::from_static("x-weft-submitted-at");
/// `x-weft-submitted-at-client`
pub const SUBMITTED_AT_CLIENT: HeaderName = HeaderName::from_static("x-weft-submitted-at-client");

/// Stamps each request with the time at which its first octet came, in milliseconds since 1970, as
/// [`SUBMITTED_AT`]: the time since then is what it has waited. A value that the client sent itself
/// is not believed; it is kept as [`SUBMITTED_AT_CLIENT`].
///
/// It goes around a service, around one that makes services of the peer's address (axum's
/// `into_make_service_with_connect_info`), and as a layer within: `tower::layer::layer_fn(Stamped)`.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a service within another")]
pub struct Stamped<S>(pub S);

impl<S, B> Service<http::Request<B>> for Stamped<S>
where
    S: Service<http::Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<B>) -> S::Future {
        let waited = request.extensions().get::<RequestInfo>().map(RequestInfo::waited);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let came = now.saturating_sub(waited.unwrap_or_default());
        let fields = request.headers_mut();
        fields.remove(SUBMITTED_AT_CLIENT);
        let stamp = u64::try_from(came.as_millis()).unwrap_or(u64::MAX);
        if let Some(claimed) = fields.insert(SUBMITTED_AT, HeaderValue::from(stamp)) {
            fields.insert(SUBMITTED_AT_CLIENT, claimed);
        }
        self.0.call(request)
    }
}

/// What makes a service for each peer makes them stamped.
impl<M> Service<SocketAddr> for Stamped<M>
where
    M: Service<SocketAddr>,
    M::Future: Send + 'static,
{
    type Response = Stamped<M::Response>;
    type Error = M::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, M::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, peer: SocketAddr) -> Self::Future {
        let making = self.0.call(peer);
        Box::pin(async move { making.await.map(Stamped) })
    }
}
