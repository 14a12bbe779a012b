//! The native front door: a handler gets the head and the content of a request and writes into the
//! output, without `http` types, whatever the protocol.

use std::future::Future;

use crate::error::HandlerError;
use crate::request::Request;
use crate::response::Response;

/// Answers requests: in HTTP/1 one at a time on each connection, in HTTP/2 as many at a time as the
/// client has streams. A handler is polled on the connection's own task.
///
/// ```
/// use driver_tokio::{Handler, HandlerError, Request, Response};
///
/// struct Hello;
///
/// impl Handler for Hello {
///     async fn handle(
///         &self,
///         request: &mut Request<'_>,
///         response: &mut Response<'_>,
///     ) -> Result<(), HandlerError> {
///         match request.head().path_and_query() {
///             b"/" => response.respond(200, [("content-type", "text/plain")], b"hello")?,
///             _ => response.respond(404, [("content-type", "text/plain")], b"not here")?,
///         }
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot answer requests",
    label = "not a `driver_tokio::Handler`",
    note = "a tower service is one within `driver_tokio::tower::Tower(…)`: `Service<http::Request<driver_tokio::tower::Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static`",
    note = "its future is `Send`, its error `Into<Box<dyn Error + Send + Sync>>`, and so is that of `B: http_body::Body + Send`"
)]
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. When it returns, an answer that was begun is finished, and one that
    /// was not is a 500. Content that it did not read is thrown away within bounds, or the
    /// connection closes (HTTP/1) or the stream is reset (HTTP/2).
    ///
    /// # Errors
    /// An error, or a panic, is answered with 500 if no answer was begun; else the answer is cut,
    /// and the connection closes (HTTP/1) or the stream is reset (HTTP/2). What the client did wrong
    /// ([`HandlerError::Gone`] out of [`Request::data`]) is answered as the protocol says.
    fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;
}
