//! The server that foreign clients are tried against: native handlers, over TCP, with TLS or without.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::SocketAddr;

use driver_tokio::{BodyLength, Handler, HandlerError, Request, Response, Server, Stop, Tls};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const KIND: (&str, &str) = ("content-type", "application/octet-stream");

/// The routes; it tells of handlers that ended because nobody takes their answer.
struct Routes(mpsc::UnboundedSender<&'static str>);

impl Handler for Routes {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        match request.head().path_and_query() {
            b"/seen" => {
                let info = request.connection();
                let peer = info.peer().map_or(0, |peer| peer.port());
                let alpn = info.alpn().unwrap_or(b"none").escape_ascii();
                let seen = format!("{} {alpn} {peer}", request.head().version());
                response.respond(200, [KIND], seen.as_bytes())?;
            }
            // How much came, a sum of it, and what its trailers say.
            b"/sum" => {
                let (mut octets, mut sum) = (0, 0);
                while let Some(data) = request.data().await? {
                    octets += data.len();
                    sum = add(sum, data);
                }
                let trailer = request.trailers().value("x-sum").unwrap_or(b"none").escape_ascii();
                let text = format!("{octets} {sum} {trailer}");
                response.respond(200, [KIND], text.as_bytes())?;
            }
            b"/echo" => {
                // Before content has come, HTTP/1.1 would have to say that it closes.
                let mut begun = false;
                while let Some(data) = request.data().await? {
                    if !begun {
                        response.send_response(200, [KIND], BodyLength::Unknown)?;
                        begun = true;
                    }
                    response.send_data(data).await?;
                }
                if !begun {
                    response.respond(200, [KIND], b"")?;
                }
            }
            b"/trailers" => {
                let fields = [KIND, ("trailer", "x-sum, x-more")];
                response.send_response(200, fields, BodyLength::Unknown)?;
                response.send_data(b"before the trailers").await?;
                response.send_trailers([("x-sum", "17"), ("x-more", "and more")])?;
            }
            b"/hints" => {
                for link in ["</1.css>", "</2.css>"] {
                    response.send_informational(103, [("link", link)])?;
                }
                response.respond(200, [KIND], b"after the hints")?;
            }
            b"/large" => {
                response.send_response(200, [KIND], BodyLength::Known(LARGE as u64))?;
                if request.head().method() == b"HEAD" {
                    return Ok(());
                }
                for piece in pattern(LARGE).chunks(10_000) {
                    response.send_data(piece).await?;
                }
            }
            b"/endless" => {
                response.send_response(200, [KIND], BodyLength::Unknown)?;
                // Whether sending fails, or the handler is dropped while it sends.
                let _ended = Ended(self.0.clone());
                loop {
                    response.send_data(&[b'x'; 10_000]).await?;
                }
            }
            // Less than it promised.
            b"/short" => {
                response.send_response(200, [KIND], BodyLength::Known(10))?;
                response.send_data(b"12345").await?;
            }
            b"/refuses" => response.respond(413, [KIND], b"too much for me")?,
            _ => response.respond(404, [KIND], b"nothing there")?,
        }
        Ok(())
    }
}

/// Tells that a handler has ended, however it did.
struct Ended(mpsc::UnboundedSender<&'static str>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.send("ended");
    }
}

/// Larger than every window and buffer.
pub(crate) const LARGE: usize = 3_000_000;

/// Content in which no piece can be lost or moved unseen.
pub(crate) fn pattern(octets: usize) -> Vec<u8> {
    (0..octets).map(|at| (at.wrapping_mul(2_654_435_761) >> 16) as u8).collect()
}

/// A sum of octets in which their order counts.
pub(crate) fn add(sum: u64, data: &[u8]) -> u64 {
    data.iter().fold(sum, |sum, &octet| sum.wrapping_mul(31).wrapping_add(octet.into()))
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) stop: Stop,
    pub(crate) serving: JoinHandle<()>,
    /// What the handlers tell.
    pub(crate) told: mpsc::UnboundedReceiver<&'static str>,
    scheme: &'static str,
}

pub(crate) async fn run(tls: Option<Tls>) -> Running {
    let (tell, told) = mpsc::unbounded_channel();
    let mut server = Server::new(Routes(tell));
    let scheme = if tls.is_some() { "https" } else { "http" };
    if let Some(tls) = tls {
        server = server.tls(tls);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let signals = stop.clone();
    let serving = tokio::spawn(async move { server.serve(listener, &signals).await });
    Running { address, stop, serving, told, scheme }
}

impl Running {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }
}
