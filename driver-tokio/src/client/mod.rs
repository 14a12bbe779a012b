//! The client: requests over connections that it keeps, or over any byte stream.
//!
//! [`Client`] finds a connection for each request: it keeps those of HTTP/1.1 for the next one and
//! shares those of HTTP/2. [`http1`] and [`http2`] are single connections over any byte stream.

mod body;
mod broken;
mod budget;
mod builder;
mod call;
mod close;
mod connect;
mod content;
mod dial;
mod error;
mod h1;
mod h2;
mod pool;
mod send;
mod settings;
#[cfg(feature = "tls")]
mod tls;
mod upgrade;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use self::budget::Budget;
use self::call::{Call, Outcome};
use self::error::BoxError;
use self::pool::{Lease, Pool};

pub use self::body::Body;
pub use self::builder::Builder;
pub use self::call::OnInformational;
pub use self::connect::{Connect, Connecting, Target};
pub use self::error::{Error, ErrorKind};
pub use self::send::{Connection, SendRequest, http1, http2};
pub use self::settings::Settings;
pub use self::upgrade::upgrade;
pub use crate::protocol::Protocol;

/// Sends requests to any server. Clones share its connections, which end with the last of them.
///
/// A request is sent again, within [`retries_max`](Settings::retries_max) and a budget, only if the
/// server provably did not process it and its content is there again: none, one piece, or not asked
/// for yet. [`Settings::repeat_idempotent`] adds what is safe to repeat.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use driver_tokio::client::{Body, Client};
///
/// let client = Client::new();
/// let request = http::Request::get("https://example.com/").body(Body::empty())?;
/// let response = client.request(request).await?;
/// println!("{} {:?}", response.status(), response.headers());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    pool: Pool,
    budget: Budget,
}

impl Client {
    /// A client with the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A client with other limits.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn over(pool: Pool) -> Self {
        let budget = Budget::new(pool.settings.retry_percent, pool.settings.retry_reserve);
        Self(Arc::new(Inner { pool, budget }))
    }

    /// Sends a request to the server of its URI; the response when its head has come.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn request<B>(
        &self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Body>, Error>> + Send + use<B>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (inner, call) = (Arc::clone(&self.0), Call::new(request));
        async move {
            let call = Box::new(call?);
            let timeout = inner.pool.settings.request_timeout;
            let sending = inner.send(call);
            match timeout {
                Some(timeout) => tokio::time::timeout(timeout, sending)
                    .await
                    .unwrap_or_else(|_| Err(Error::timeout("the response did not begin"))),
                None => sending.await,
            }
        }
    }
}

impl Inner {
    async fn send(&self, mut call: Box<Call>) -> Result<Response<Body>, Error> {
        let target = Target::of(&call.parts.method, &call.parts.uri)?;
        self.budget.earn();
        let settings = &self.pool.settings;
        let mut may_repeat = settings.repeat_idempotent && call.parts.method.is_idempotent();
        let mut retries = 0;
        loop {
            let failed = match self.try_once(&target, call, retries > 0).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let unprocessed = failed.error.is_retryable();
            match failed.call {
                Some(again)
                    if (unprocessed || may_repeat && failed.unheard)
                        && retries < settings.retries_max
                        && self.budget.spend() =>
                {
                    tracing::debug!(error = %failed.error, "a request is sent again");
                    // RFC 9110 §9.2.2: what was repeated on a guess is not repeated again.
                    may_repeat &= unprocessed;
                    retries += 1;
                    call = again;
                }
                _ => return Err(failed.error),
            }
        }
    }

    async fn try_once(&self, target: &Target, call: Box<Call>, fresh: bool) -> Outcome {
        let leased = self.pool.lease(target, fresh).await.map_err(call::Failed::new)?;
        let Lease { sender, give_back, slot, reused } = leased;
        sender.dispatch(call, give_back, slot).await.map_err(|mut failed| {
            failed.unheard &= reused;
            failed
        })
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.0.pool.settings).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for Client
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    /// Always: requests wait for their connection themselves.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(self.request(request))
    }
}
