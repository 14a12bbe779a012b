//! Any `tower_service::Service<http::Request<Body>>` as a [`Handler`].

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use tower_service::Service;

use crate::answer::{Answer, Asker, BoxError};
use crate::body::Feed;
use crate::convert;
use crate::error::HandlerError;
use crate::handler::Handler;
use crate::head::BodyLength;
use crate::interim::InterimQueue;
use crate::request::{Asked, Request};
use crate::response::Response;

/// Serves a tower service. Each request gets a clone of the service, which is polled on the
/// connection's own task; content streams in both directions at the pace of the slower side.
///
/// Over HTTP/1.1 the fields of answers that come again stay in memory, by thread, unless there is a Set-Cookie, a
/// Location, a Date or a value marked by `HeaderValue::set_sensitive` among them.
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
        let mut service = self.0.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
        let (asker, mut feed, interim);
        let answer = {
            // The request is made in place, and this future has no room for it behind this point.
            let mut answering = pin!({
                let Some(mut head) = head_of(request) else {
                    let fields = [("content-type", "text/plain")];
                    response.respond(400, fields, b"400 Bad Request\n")?;
                    return Ok(());
                };
                let (body, beside) = around(request, &mut head);
                Beside { asker, feed, interim } = beside;
                service.call(http::Request::from_parts(head, body))
            });
            match (&mut request.0, &interim) {
                (Asked::H1(asked), Some(interim)) => {
                    poll_fn(|cx| {
                        loop {
                            let answered = answering.as_mut().poll(cx);
                            interim.send(cx, answered.is_pending(), response);
                            if let Poll::Ready(answer) = answered {
                                return Poll::Ready(answer);
                            }
                            ready!(feed.poll_feed(cx, asked));
                        }
                    })
                    .await
                }
                _ => answering.await,
            }
            .map_err(Into::into)?
        };
        let (mut answer, body) = {
            let (head, body) = answer.into_parts();
            if let Asked::H1(asked) = &request.0
                && !head.status.is_success()
                && let Some(broken) = asked.broken()
            {
                // The service knows that it got no content, not why: that is told as it is.
                return Err(broken.into());
            }
            (Answer::new(head, asker), body)
        };
        let mut body = pin!(body);
        let Asked::H1(asked) = &mut request.0 else {
            return poll_fn(|cx| answer.poll(cx, body.as_mut(), response, true)).await;
        };
        let mut must = feed.is_abandoned();
        if must && !matches!(asked.body_length(), BodyLength::None | BodyLength::Known(0)) {
            // If the content is here already the connection need not close for it.
            asked.skip_ready();
        }
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(sent) = answer.poll(cx, body.as_mut(), response, must) {
                    return Poll::Ready(sent);
                }
                if feed.poll_feed(cx, asked).is_pending() {
                    if answer.has_begun() {
                        return Poll::Pending;
                    }
                    // An answer that is made of the content should not begin before the content does: the
                    // connection would have to close after it. But it does not wait.
                    must = true;
                }
            }
        })
        .await
    }
}

/// What stays here of a request while its service is at work.
struct Beside {
    asker: Asker,
    feed: Feed,
    /// In HTTP/1.
    interim: Option<Arc<InterimQueue>>,
}

/// The head for the service; `None` if `http` has no such request.
#[inline]
fn head_of(request: &mut Request<'_>) -> Option<Parts> {
    match &mut request.0 {
        Asked::H1(asked) => {
            let (head, made) = asked.head_and_made();
            made.parts(head)
        }
        Asked::H2(asked) => convert::request_h2(asked.head()),
    }
}

/// What else the service gets.
fn around(request: &mut Request<'_>, head: &mut Parts) -> (Body, Beside) {
    let asker = Asker {
        is_head: head.method == http::Method::HEAD,
        is_connect: head.method == http::Method::CONNECT,
        h2: matches!(request.0, Asked::H2(_)),
    };
    let length = request.body_length();
    let (mut body, mut feed, mut interim) = (Body::empty(), Feed::none(), None);
    match &mut request.0 {
        Asked::H1(asked) => {
            if !matches!(length, BodyLength::None | BodyLength::Known(0)) {
                (body, feed) = Body::channel(length.octets());
            }
            let (info, queue) = asked.info();
            head.extensions.insert(info);
            interim = Some(queue);
        }
        Asked::H2(asked) => {
            if length != BodyLength::None {
                body = Body::stream(asked.take_body(), length.octets());
            }
            head.extensions.insert(asked.info());
            if let Some(protocol) = asked.head().protocol() {
                head.extensions.insert(Protocol(Bytes::copy_from_slice(protocol)));
            }
        }
    }
    (body, Beside { asker, feed, interim })
}
