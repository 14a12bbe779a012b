//! The ceiling: sockets and an answer for each request, without a protocol.
//!
//! For HTTP/1.1 all requests of a connection are taken to be as long as its first one; for HTTP/2 only the
//! kind, the length and the stream of each frame are looked at.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};

use http::Uri;
use http::header::{HOST, HeaderValue, USER_AGENT};
use http_body_util::BodyExt;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use tests::frames::{Frame, PREFACE, flag, kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_service::Service;

use crate::process::Protocol;
use crate::servers::CONTENT;
use crate::speak::Counter;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\
    date: Sat, 21 Nov 2026 08:12:31 GMT\r\n\r\nHello, World!";

/// `:status: 200`, then literals with names of the static table: content-type, content-length.
const ANSWER_BLOCK: &[u8] = b"\x88\x0f\x10\x0atext/plain\x0f\x0d\x0213";

/// More than one read gives.
const ANSWERS_MAX: usize = 512;

const READ_BYTES: usize = 8 << 10;

/// What a connection is answered.
enum Replies {
    H1 { counter: Counter, answers: &'static [u8] },
    H2 { input: Vec<u8>, out: Vec<u8>, greeted: bool },
}

/// How connections of a kind are answered.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    protocol: Protocol,
    /// What a request of HTTP/1.1 ends with.
    end: &'static [u8],
    answers: &'static [u8],
}

impl Kind {
    /// `echoes`: requests have content.
    pub(crate) fn new(protocol: Protocol, echoes: bool) -> Self {
        let end: &[u8] = if echoes { CONTENT.as_bytes() } else { b"\r\n\r\n" };
        Self { protocol, end, answers: ANSWER.repeat(ANSWERS_MAX).leak() }
    }

    fn replies(self) -> Replies {
        match self.protocol {
            Protocol::H1 => Replies::H1 { counter: Counter::new(self.end), answers: self.answers },
            Protocol::H2 => Replies::H2 { input: Vec::new(), out: Vec::new(), greeted: false },
        }
    }
}

impl Replies {
    /// What is said to these octets.
    fn to(&mut self, octets: &[u8]) -> &[u8] {
        match self {
            Self::H1 { counter, answers } => &answers[..counter.count(octets) * ANSWER.len()],
            Self::H2 { input, out, greeted } => {
                out.clear();
                input.extend_from_slice(octets);
                let mut left = &**input;
                if !*greeted {
                    let Some(behind) = left.strip_prefix(PREFACE) else { return out };
                    (left, *greeted) = (behind, true);
                    Frame::new(kind::SETTINGS, 0, 0, b"").write(out);
                    Frame::new(kind::SETTINGS, flag::ACK, 0, b"").write(out);
                }
                while let Some((header, behind)) = left.split_first_chunk::<9>() {
                    let [high, middle, low, kind, _, stream @ ..] = *header;
                    let length =
                        usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                    let Some(behind) = behind.get(length..) else { break };
                    left = behind;
                    if kind == kind::HEADERS {
                        answer(u32::from_be_bytes(stream), out);
                    }
                }
                let rest = input.len() - left.len();
                input.drain(..rest);
                out
            }
        }
    }
}

fn answer(stream: u32, out: &mut Vec<u8>) {
    for (kind, flags, payload) in [
        (kind::HEADERS, flag::END_HEADERS, ANSWER_BLOCK),
        (kind::DATA, flag::END_STREAM, CONTENT.as_bytes()),
    ] {
        out.extend_from_slice(&[0, 0, payload.len() as u8, kind, flags]);
        out.extend_from_slice(&stream.to_be_bytes());
        out.extend_from_slice(payload);
    }
}

/// A task for each connection, with a buffer.
pub(crate) async fn tokio_loop(listener: tokio::net::TcpListener, kind: Kind) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut buffer = vec![0; READ_BYTES];
            let mut replies = kind.replies();
            while let Ok(octets @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(replies.to(&buffer[..octets])).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// The same around an axum application, which gets a request that is made without being read, and whose
/// answer is taken apart and not written: what axum and `http` take on top, whoever serves them.
pub(crate) async fn tokio_axum_loop(
    listener: tokio::net::TcpListener,
    router: axum::Router,
) -> io::Result<()> {
    let agent = HeaderValue::from_static("h2load nghttp2/1.52.0");
    let host = HeaderValue::from_static("127.0.0.1:8080");
    let target = Uri::from_static("/plaintext");
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (agent, host, target) = (agent.clone(), host.clone(), target.clone());
        let mut router = router.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; READ_BYTES];
            while let Ok(1..) = stream.read(&mut buffer).await {
                let mut request = http::Request::new(axum::body::Body::empty());
                *request.uri_mut() = target.clone();
                request.headers_mut().insert(HOST, host.clone());
                request.headers_mut().insert(USER_AGENT, agent.clone());
                let Ok(answer) = router.call(request).await;
                let (head, mut body) = answer.into_parts();
                let fields =
                    head.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
                black_box(fields.sum::<usize>());
                let frame = body.frame().await;
                black_box(frame.is_some());
                if stream.write_all(ANSWER).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// One loop over the system's readiness, one buffer for all.
pub(crate) fn epoll_loop(listener: std::net::TcpListener, kind: Kind) -> io::Result<()> {
    const LISTENER: Token = Token(0);
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut connections = HashMap::new();
    let mut buffer = vec![0; READ_BYTES];
    for next in 1.. {
        // Tokens are not given twice, and a round of accepts needs one at most for each turn.
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() != LISTENER {
                on_connection(event, &mut connections, &mut buffer);
                continue;
            }
            for place in 0.. {
                let Ok((mut stream, _)) = listener.accept() else { break };
                stream.set_nodelay(true)?;
                let token = Token(next << 16 | place);
                poll.registry().register(&mut stream, token, Interest::READABLE)?;
                connections.insert(token, (stream, kind.replies()));
            }
        }
    }
    Ok(())
}

fn on_connection(
    event: &Event,
    connections: &mut HashMap<Token, (TcpStream, Replies)>,
    buffer: &mut [u8],
) {
    let Some((stream, replies)) = connections.get_mut(&event.token()) else { return };
    loop {
        let octets = match stream.read(buffer) {
            Ok(0) => break,
            Ok(octets) => octets,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => break,
        };
        // A client that reads takes so little at once.
        if stream.write_all(replies.to(&buffer[..octets])).is_err() {
            break;
        }
        // Less than there is place for: there is no more.
        if octets < buffer.len() {
            return;
        }
    }
    connections.remove(&event.token());
}
