//! A service that takes and gives content of any length, slowly, behind both front doors.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use driver_tokio::tower::{Body, Tower};
use driver_tokio::{
    BodyLength, Ended, Gone, Handler, HandlerError, Request, Response, Server, Settings, Stop,
};
use http_body::{Body as _, Frame, SizeHint};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use crate::driver_h2_client::MOMENT;

/// Content is made of these; the octet is in no chunk's line.
pub(crate) const PIECE: &[u8] = &[b'x'; 16 << 10];
/// Pieces between two pauses of one that reads.
const READS: usize = 64;

/// By which front door requests come in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Door {
    Native,
    Tower,
}

/// `/upload` reads slowly and answers with one octet, `/download?n` gives n octets, `/echo` gives what it
/// gets, `/never` does nothing.
#[derive(Clone, Default)]
pub(crate) struct Service {
    /// Octets that it gave so far.
    pub(crate) given: Arc<AtomicUsize>,
}

/// Serves a connection; `budget`: octets of a window, and of output.
pub(crate) fn serve(
    io: DuplexStream,
    door: Door,
    budget: usize,
    service: &Service,
) -> JoinHandle<Ended> {
    let service = service.clone();
    match door {
        Door::Native => serve_by(io, service, budget),
        Door::Tower => serve_by(io, Tower(service), budget),
    }
}

fn serve_by(io: DuplexStream, handler: impl Handler, budget: usize) -> JoinHandle<Ended> {
    let mut config = h1_proto::Config::default();
    config.output_bytes_max = budget;
    let mut h2_config = h2_proto::Config::default();
    h2_config.stream_window_bytes = budget as u32;
    h2_config.connection_window_bytes = budget as u32;
    h2_config.output_bytes_max = budget as u64;
    let server =
        Server::new(handler).config(config).h2_config(h2_config).settings(Settings::default());
    tokio::spawn(async move { server.serve_connection(io, &Stop::new()).await })
}

/// Octets that are asked for.
fn asked(query: Option<&str>) -> usize {
    query.and_then(|it| it.parse().ok()).unwrap_or(0)
}

impl Handler for Service {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let target = String::from_utf8(request.head().path_and_query().to_vec()).unwrap();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let fields = [("content-type", "text/plain")];
        match path {
            "/upload" => {
                let mut count = 0;
                while request.data().await?.is_some() {
                    count += 1;
                    if count % READS == 0 {
                        tokio::time::sleep(MOMENT).await;
                    }
                }
                response.respond(200, fields, b"x")?;
            }
            "/download" => {
                let octets = asked(Some(query));
                response.send_response(200, fields, BodyLength::Known(octets as u64))?;
                for _ in 0..octets / PIECE.len() {
                    response.send_data(PIECE).await?;
                    self.given.fetch_add(PIECE.len(), Ordering::Relaxed);
                }
            }
            "/echo" => {
                let mut begun = false;
                while let Some(data) = request.data().await? {
                    if !begun {
                        response.send_response(200, fields, BodyLength::Unknown)?;
                        begun = true;
                    }
                    response.send_data(data).await?;
                }
            }
            _ => std::future::pending().await,
        }
        Ok(())
    }
}

/// Content that a service gives.
pub(crate) enum Given {
    Pieces { left: usize, given: Arc<AtomicUsize> },
    Echo(Body),
}

impl http_body::Body for Given {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        match &mut *self {
            Self::Pieces { left: 0, .. } => Poll::Ready(None),
            Self::Pieces { left, given } => {
                let octets = PIECE.len().min(*left);
                *left -= octets;
                given.fetch_add(octets, Ordering::Relaxed);
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE[..octets])))))
            }
            Self::Echo(body) => pin!(body).poll_frame(cx),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Pieces { left, .. } => SizeHint::with_exact(*left as u64),
            Self::Echo(body) => body.size_hint(),
        }
    }
}

impl tower_service::Service<http::Request<Body>> for Service {
    type Response = http::Response<Given>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let given = Arc::clone(&self.given);
        Box::pin(async move {
            let (head, mut body) = request.into_parts();
            let content = match head.uri.path() {
                "/upload" => {
                    let mut count = 0;
                    while let Some(frame) = poll_fn(|cx| pin!(&mut body).poll_frame(cx)).await {
                        frame.unwrap();
                        count += 1;
                        if count % READS == 0 {
                            tokio::time::sleep(MOMENT).await;
                        }
                    }
                    Given::Pieces { left: 1, given }
                }
                "/download" => Given::Pieces { left: asked(head.uri.query()), given },
                "/echo" => Given::Echo(body),
                _ => std::future::pending().await,
            };
            Ok(http::Response::new(content))
        })
    }
}
