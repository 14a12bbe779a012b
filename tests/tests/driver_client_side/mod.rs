//! What the tests of the client share: a server to talk to, content to send, responses read to the end.
#![allow(dead_code, reason = "not every test needs everything")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use driver_tokio::client::{self, Body, Connecting, Error, SendRequest, Target};
use driver_tokio::{BodyLength, Ended, Handler, HandlerError, Io, Request, Response, Server, Stop};
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const TEXT: (&str, &str) = ("content-type", "text/plain");

/// Answers by path; whatever it does not know it echoes, trailers too.
pub(crate) struct Desk;

impl Handler for Desk {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let path = request.head().path_and_query().to_vec();
        let mut parts = path.split(|&octet| octet == b'/').skip(1);
        let name = parts.next().unwrap_or_default();
        let number = parts.next().and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
        match (name, number) {
            (b"hello", _) => response.respond(200, [TEXT], b"hello")?,
            (b"status", Some(status)) => {
                response.send_response(status as u16, [TEXT], BodyLength::None)?;
            }
            (b"hints", _) => {
                response.send_informational(103, [("link", "</a.css>")])?;
                response.send_informational(103, [("link", "</b.css>")])?;
                response.respond(200, [TEXT], b"hinted")?;
            }
            (b"bytes", Some(octets)) => {
                response.send_response(200, [TEXT], BodyLength::Known(octets))?;
                let mut left = octets;
                while left > 0 {
                    let piece = left.min(16 << 10);
                    response.send_data(&[b'x'; 16 << 10][..piece as usize]).await?;
                    left -= piece;
                }
            }
            (b"chunks", Some(octets)) => {
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                for _ in 0..octets {
                    response.send_data(b"x").await?;
                }
                response.send_trailers([("x-count", "all")])?;
            }
            (b"never", _) => std::future::pending().await,
            (b"stuck", _) => {
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                response.send_data(b"some").await?;
                response.flush().await?;
                std::future::pending().await
            }
            (b"close", _) => {
                response.respond(200, [("connection", "close")], b"the last")?;
            }
            (b"refuse", _) => response.respond(413, [("connection", "close")], b"no")?,
            (b"fields", _) => {
                let head = request.head();
                let mut text = format!("{}\n", head.authority().unwrap_or_default().escape_ascii());
                for field in head.fields() {
                    let (name, value) = (field.name.escape_ascii(), field.value.escape_ascii());
                    text.push_str(&format!("{name}: {value}\n"));
                }
                response.respond(200, [TEXT], text.as_bytes())?;
            }
            _ => echo(request, response).await?,
        }
        Ok(())
    }
}

async fn echo(request: &mut Request<'_>, response: &mut Response<'_>) -> Result<(), HandlerError> {
    let mut begun = false;
    while let Some(data) = request.data().await? {
        if !begun {
            response.send_response(200, [TEXT], BodyLength::Unknown)?;
            begun = true;
        }
        response.send_data(data).await?;
    }
    if !begun {
        response.send_response(200, [TEXT], BodyLength::Unknown)?;
    }
    let trailers: Vec<_> =
        request.trailers().map(|field| (field.name.to_vec(), field.value.to_vec())).collect();
    if trailers.is_empty() {
        response.finish()?
    } else {
        response.send_trailers(&trailers)?
    }
    Ok(())
}

/// How large the pipe between both sides is.
pub(crate) const PIPE_BYTES: usize = 64 << 10;

/// Which protocol a test is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    H1,
    H2,
}

/// A client on a connection to a server, and how the server's side ends.
pub(crate) fn connected(protocol: Protocol) -> (SendRequest, JoinHandle<Ended>) {
    let (ours, theirs) = duplex(PIPE_BYTES);
    (client_on(protocol, ours), serve(theirs))
}

pub(crate) fn client_on(protocol: Protocol, io: DuplexStream) -> SendRequest {
    let (sender, connection) = match protocol {
        Protocol::H1 => client::http1(io, h1_proto::Config::client()),
        Protocol::H2 => client::http2(io, h2_proto::Config::default()),
    };
    tokio::spawn(connection);
    sender
}

pub(crate) fn serve(io: DuplexStream) -> JoinHandle<Ended> {
    let server = Server::new(Desk);
    tokio::spawn(async move { server.serve_connection(io, &Stop::new()).await })
}

/// Connections whose other ends come into the hands of the test, in the order of connecting.
pub(crate) type Ends = Arc<Mutex<VecDeque<DuplexStream>>>;

pub(crate) fn scripted(ends: &Ends) -> impl Fn(&Target) -> Connecting + Send + Sync + use<> {
    let ends = Arc::clone(ends);
    move |_: &Target| {
        let (ours, theirs) = duplex(64 << 10);
        ends.lock().unwrap().push_back(theirs);
        Box::pin(async { Ok(Box::new(ours) as Box<dyn Io>) })
    }
}

pub(crate) async fn next_end(ends: &Ends) -> DuplexStream {
    until(|| !ends.lock().unwrap().is_empty()).await;
    ends.lock().unwrap().pop_front().unwrap()
}

pub(crate) fn settings(change: impl FnOnce(&mut client::Settings)) -> client::Settings {
    let mut settings = client::Settings::default();
    change(&mut settings);
    settings
}

/// Content of frames that come one by one.
pub(crate) struct Frames {
    frames: VecDeque<Frame<Bytes>>,
    size: SizeHint,
    /// Frames asked for so far, for whoever looks on.
    pub(crate) asked: Arc<std::sync::atomic::AtomicUsize>,
}

impl Frames {
    pub(crate) fn new(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Self {
        let (frames, size) = (frames.into_iter().collect(), SizeHint::default());
        Self { frames, size, asked: Default::default() }
    }

    /// One piece, whose length is known.
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        let size = SizeHint::with_exact(text.len() as u64);
        Self { size, ..Self::new([Frame::data(text)]) }
    }

    pub(crate) fn pieces(piece: &'static [u8], count: usize) -> Self {
        Self::new((0..count).map(|_| Frame::data(Bytes::from_static(piece))))
    }

    pub(crate) fn empty() -> Self {
        Self { size: SizeHint::with_exact(0), ..Self::new([]) }
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Poll::Ready(self.frames.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

/// Content that comes when the test says so; an error if the test drops its end.
pub(crate) struct Later(pub(crate) oneshot::Receiver<Bytes>, pub(crate) bool);

impl http_body::Body for Later {
    type Data = Bytes;
    type Error = oneshot::error::RecvError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.1 {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut self.0).poll(cx);
        polled.map(|it| {
            self.1 = true;
            Some(it.map(Frame::data))
        })
    }
}

use std::future::Future;

pub(crate) fn get(path: &str) -> http::Request<Frames> {
    let uri = format!("http://example.com{path}");
    http::Request::get(uri).body(Frames::empty()).unwrap()
}

pub(crate) fn post(path: &str, content: Frames) -> http::Request<Frames> {
    let uri = format!("http://example.com{path}");
    http::Request::post(uri).body(content).unwrap()
}

/// The next frame.
pub(crate) async fn next(body: &mut Body) -> Option<Result<Frame<Bytes>, Error>> {
    let mut body = Pin::new(body);
    poll_fn(|cx| body.as_mut().poll_frame(cx)).await
}

/// Content and trailers.
pub(crate) async fn read_all(body: Body) -> Result<(Vec<u8>, Option<HeaderMap>), Error> {
    let mut body = pin!(body);
    let (mut content, mut trailers) = (Vec::new(), None);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        match frame?.into_data() {
            Ok(data) => content.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok((content, trailers))
}

/// Status and content of a response.
pub(crate) async fn whole(response: http::Response<Body>) -> (u16, Vec<u8>) {
    let status = response.status().as_u16();
    (status, read_all(response.into_body()).await.unwrap().0)
}

/// Waits until this is true: tasks have their turn, and virtual time passes.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come to that");
}
