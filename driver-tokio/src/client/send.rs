//! Single connections, over any byte stream.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tokio::sync::{mpsc, oneshot};

use super::Body;
use super::call::{Call, Failed, Outcome};
use super::error::{BoxError, Error};
use super::h1::{self, GiveBack, Sent};
use super::h2::{self, Slot};
use crate::info::ConnectionInfo;
use crate::protocol::Protocol;
use crate::stop::Stop;
use crate::wire::{Io, Wire};

/// Octets of a read, as those of a server.
const READ_BYTES: usize = 16 << 10;

/// Sends requests on one connection. Clones share it; the connection ends when there are none left.
/// On HTTP/1.1 one request goes after the other, on HTTP/2 all at once.
#[derive(Clone)]
pub struct SendRequest(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    H1(mpsc::Sender<Sent>),
    H2(h2::Sender, Duration),
}

/// A connection at work: to be polled, or spawned, until it ends.
#[must_use = "nothing happens on a connection that is not polled"]
pub struct Connection(Pin<Box<dyn Future<Output = ()> + Send>>);

/// A client's side of HTTP/1.1 on a byte stream. Content that stays silent while it is read fails after
/// [`body_timeout`](h1_proto::Config::body_timeout), 30 s unless it says otherwise; `Duration::MAX` is
/// never. Every octet is progress, because it is the reader who sets the pace.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use driver_tokio::client;
///
/// let (ours, mut theirs) = tokio::io::duplex(1024);
/// let (sender, connection) = client::http1(ours, h1_proto::Config::client());
/// tokio::spawn(connection);
/// tokio::spawn(async move {
///     theirs.read(&mut [0; 1024]).await.unwrap();
///     theirs.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
/// });
/// let request = http::Request::get("/").header("host", "example.com").body(client::Body::empty());
/// assert_eq!(sender.send(request.unwrap()).await.unwrap().status(), 204);
/// # }
/// ```
pub fn http1(
    io: impl Io + 'static,
    config: impl Into<Arc<h1_proto::Config>>,
) -> (SendRequest, Connection) {
    let mut config = config.into();
    if config.body_progress_bytes_min != 1 {
        Arc::make_mut(&mut config).body_progress_bytes_min = 1;
    }
    let (calls, receiver) = mpsc::channel(1);
    let driver = h1::Driver::new(wire(Box::new(io)), config, READ_BYTES, receiver);
    (SendRequest(Kind::H1(calls)), Connection(Box::pin(driver.run())))
}

/// A client's side of HTTP/2 on a byte stream: agreed upon by ALPN, or with prior knowledge
/// (RFC 9113 §3.3). Windows are given back as content is read
/// ([`manual_release`](h2_proto::Config::manual_release)), and there is no push. Silent content has
/// [`body_timeout`](h2_proto::Config::body_timeout), none unless it says so.
pub fn http2(
    io: impl Io + 'static,
    config: impl Into<Arc<h2_proto::Config>>,
) -> (SendRequest, Connection) {
    http2_with(Box::new(io), config.into(), h1_proto::Config::client().continue_timeout)
}

pub(crate) fn http2_with(
    io: Box<dyn Io>,
    mut config: Arc<h2_proto::Config>,
    continue_timeout: Duration,
) -> (SendRequest, Connection) {
    if !config.manual_release || config.push {
        let config = Arc::make_mut(&mut config);
        config.manual_release = true;
        config.push = false;
    }
    let (sender, driver) = h2::Driver::new(wire(io), config, READ_BYTES);
    (SendRequest(Kind::H2(sender, continue_timeout)), Connection(Box::pin(driver.run())))
}

fn wire(io: Box<dyn Io>) -> Wire {
    Wire::new(io, &Stop::default(), ConnectionInfo::default())
}

impl SendRequest {
    /// Sends a request; the response when its head has come. Dropped before that, it gives up its
    /// stream (HTTP/2) or its connection (HTTP/1.1).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send<B>(&self, request: Request<B>) -> Result<Response<Body>, Error>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let call = Box::new(Call::new(request)?);
        self.dispatch(call, None, None).await.map_err(|failed| failed.error)
    }

    /// Whether the connection takes no more requests.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match &self.0 {
            Kind::H1(calls) => calls.is_closed(),
            Kind::H2(sender, _) => sender.is_closed(),
        }
    }

    /// Whether a place for a request on it is taken.
    pub(crate) fn is_at_work(&self) -> bool {
        match &self.0 {
            Kind::H1(_) => true,
            Kind::H2(sender, _) => sender.is_at_work(),
        }
    }

    /// Whether it is HTTP/2.
    #[must_use]
    pub fn is_http2(&self) -> bool {
        matches!(self.0, Kind::H2(..))
    }

    /// Sends what can be sent again. `give_back` is called when a connection of HTTP/1.1 can be used
    /// again, `slot` holds a stream of HTTP/2.
    pub(crate) async fn dispatch(
        &self,
        call: Box<Call>,
        give_back: Option<GiveBack>,
        slot: Option<Slot>,
    ) -> Outcome {
        match &self.0 {
            Kind::H1(calls) => {
                let (reply, response) = oneshot::channel();
                if let Err(mpsc::error::SendError(sent)) =
                    calls.send(Sent { call, reply, give_back }).await
                {
                    return Err(Failed::unprocessed(Error::closed(), sent.call));
                }
                response.await.unwrap_or_else(|_| Err(Failed::new(Error::closed())))
            }
            Kind::H2(sender, timeout) => {
                if call.parts.extensions.get::<Protocol>().is_some() {
                    sender.greeted().await;
                }
                sender.send(call, slot)?.response(*timeout).await
            }
        }
    }
}

impl fmt::Debug for SendRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_http2() { "SendRequest(HTTP/2)" } else { "SendRequest(HTTP/1.1)" })
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}
