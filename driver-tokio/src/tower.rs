//! Any `tower_service::Service<http::Request<Body>>` as a [`Handler`].

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Poll, ready};

use bytes::{Buf, Bytes};
use h1_proto::grammar;
use http::header::CONTENT_LENGTH;
use http_body::Frame;
use tower_service::Service;

use crate::body::Feed;
use crate::convert::{self, Fields};
use crate::error::HandlerError;
use crate::h1::Asked as AskedH1;
use crate::handler::Handler;
use crate::head::BodyLength;
use crate::request::{Asked, Request};
use crate::response::Response;

/// Serves a tower service. Each request gets a clone of the service, which is polled on the
/// connection's own task; content streams in both directions at the pace of the slower side.
///
/// ```
/// use std::convert::Infallible;
/// use std::future::{Ready, ready};
/// use std::task::{Context, Poll};
/// use driver_tokio::{Server, tower::{Body, Tower}};
///
/// #[derive(Clone)]
/// struct Echo;
///
/// impl tower_service::Service<http::Request<Body>> for Echo {
///     type Response = http::Response<Body>;
///     type Error = Infallible;
///     type Future = Ready<Result<Self::Response, Infallible>>;
///
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, request: http::Request<Body>) -> Self::Future {
///         ready(Ok(http::Response::new(request.into_body())))
///     }
/// }
///
/// let server = Server::new(Tower(Echo));
/// ```
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a service as a handler")]
pub struct Tower<S>(pub S);

pub use crate::body::Body;
pub use crate::protocol::Protocol;
pub use crate::request_info::RequestInfo;
pub use crate::serve::{Cloned, MakeConnection, PerPeer, Serve, serve};
pub use crate::stamped::{SUBMITTED_AT, SUBMITTED_AT_CLIENT, Stamped};

type BoxError = Box<dyn Error + Send + Sync>;

impl<S, B> Handler for Tower<S>
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body + Send,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let Some(mut head) = convert::request(request.head()) else {
            let fields = [("content-type", "text/plain")];
            response.respond(400, fields, b"400 Bad Request\n")?;
            return Ok(());
        };
        let is_head = head.method() == http::Method::HEAD;
        let is_connect = head.method() == http::Method::CONNECT;
        let mut service = self.0.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
        let length = request.body_length();
        match &mut request.0 {
            Asked::H1(asked) => {
                let (body, mut feed) = match length {
                    BodyLength::None | BodyLength::Known(0) => (Body::empty(), Feed::none()),
                    BodyLength::Known(octets) => Body::channel(Some(octets)),
                    BodyLength::Unknown => Body::channel(None),
                };
                let (info, interim) = asked.info();
                head.extensions_mut().insert(info);
                let mut answer = pin!(service.call(head.map(|()| body)));
                let answering = pin!(poll_fn(|cx| {
                    let polled = answer.as_mut().poll(cx);
                    interim.send(cx, response);
                    polled
                }));
                let answer = alongside(answering, &mut feed, asked).await.map_err(Into::into)?;
                let (answer, body) = answer.into_parts();
                let mut body = pin!(body);
                let mut first = None;
                if feed.is_abandoned() {
                    // If the content is here already the connection need not close for it.
                    asked.skip_ready();
                } else {
                    // An answer that is made of the content should not begin before the content
                    // does: the connection would have to close after it. But it does not wait.
                    let exact = body.size_hint().exact();
                    let frame = poll_fn(|cx| body.as_mut().poll_frame(cx).map_err(Into::into));
                    let frame = at_hand(pin!(frame), &mut feed, asked).await;
                    first = frame.map(|frame| First { frame, exact });
                }
                let sending = pin!(send(answer, body, first, is_head, is_connect, false, response));
                alongside(sending, &mut feed, asked).await
            }
            Asked::H2(asked) => {
                let body = match length {
                    BodyLength::None => Body::empty(),
                    BodyLength::Known(octets) => Body::stream(asked.take_body(), Some(octets)),
                    BodyLength::Unknown => Body::stream(asked.take_body(), None),
                };
                head.extensions_mut().insert(asked.info());
                if let Some(protocol) = asked.head().protocol() {
                    let protocol = Protocol(Bytes::copy_from_slice(protocol));
                    head.extensions_mut().insert(protocol);
                }
                let answer = service.call(head.map(|()| body)).await.map_err(Into::into)?;
                let (answer, body) = answer.into_parts();
                send(answer, pin!(body), None, is_head, is_connect, true, response).await
            }
        }
    }
}

/// What `main` comes to without waiting.
async fn at_hand<F: Future>(
    mut main: Pin<&mut F>,
    feed: &mut Feed,
    asked: &mut AskedH1<'_>,
) -> Option<F::Output> {
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(output) = main.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if feed.poll_feed(cx, asked).is_pending() {
                return Poll::Ready(None);
            }
        }
    })
    .await
}

/// Polls `main` while the content of the request is fed to whoever reads it.
async fn alongside<F: Future>(
    mut main: Pin<&mut F>,
    feed: &mut Feed,
    asked: &mut AskedH1<'_>,
) -> F::Output {
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(output) = main.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            ready!(feed.poll_feed(cx, asked));
        }
    })
    .await
}

/// The next frame of a body, or its end.
type Next<D> = Option<Result<Frame<D>, BoxError>>;

/// What was already taken of a body, and its length as it was known before.
struct First<D> {
    frame: Next<D>,
    exact: Option<u64>,
}

/// Sends an answer with its content and trailers.
async fn send<B>(
    head: http::response::Parts,
    mut body: Pin<&mut B>,
    first: Option<First<B::Data>>,
    is_head: bool,
    is_connect: bool,
    h2: bool,
    response: &mut Response<'_>,
) -> Result<(), HandlerError>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let (mut first, exact) = match first {
        Some(First { frame, exact }) => (Some(frame), exact),
        None => (None, body.size_hint().exact()),
    };
    let announced = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| grammar::decimal(grammar::trim_ows(value.as_bytes())).ok());
    let length = match (exact, announced) {
        // These have no content (RFC 9110 §15.3.5, §15.3.6, §15.4.5), whatever the body says.
        _ if matches!(head.status.as_u16(), 204 | 205 | 304) => BodyLength::None,
        // A length without content is that of what GET would get.
        (Some(0), _) => BodyLength::None,
        (Some(octets), _) | (None, Some(octets)) => BodyLength::Known(octets),
        (None, None) => BodyLength::Unknown,
    };
    // These have no length either (RFC 9110 §8.6).
    let bare = matches!(head.status.as_u16(), 101 | 204) || is_connect && head.status.is_success();
    let fields = Fields { map: &head.headers, length: !bare, h2 };
    response.send_response(head.status.as_u16(), fields, length)?;
    if length == BodyLength::None {
        return Ok(());
    }
    if is_head {
        response.finish()?;
        return Ok(());
    }
    loop {
        let next = match first.take() {
            Some(next) => next,
            None => poll_fn(|cx| body.as_mut().poll_frame(cx).map_err(Into::into)).await,
        };
        let Some(frame) = next.transpose()? else { break };
        match frame.into_data() {
            Ok(mut data) => {
                let over = body.is_end_stream();
                while data.has_remaining() {
                    let mut rest = data.chunk();
                    let octets = rest.len();
                    let last = over && octets == data.remaining();
                    poll_fn(|cx| response.poll_send_data(cx, &mut rest, last)).await?;
                    data.advance(octets);
                }
            }
            Err(frame) => {
                if let Ok(fields) = frame.into_trailers() {
                    if h2 || length == BodyLength::Unknown {
                        response.send_trailers(Fields { map: &fields, length: true, h2 })?;
                        return Ok(());
                    }
                    // Content of a known length has no place for trailers (RFC 9112 §7.1.2).
                    tracing::debug!("trailers behind content of a known length were dropped");
                }
            }
        }
    }
    response.finish()?;
    Ok(())
}
