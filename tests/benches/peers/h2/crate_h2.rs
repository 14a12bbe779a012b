//! The crate h2, polled by hand on a stream in memory.

use std::cell::RefCell;
use std::future::Future as _;
use std::hint::black_box;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue, SERVER};
use http::{HeaderName, Request, Response, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::script::{CONTENT, REQUEST, RESPONSE};
use super::{Client, Server};

/// Both directions of a transport. It is never closed.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) input: Vec<u8>,
    /// How much of the input was read.
    read: usize,
    pub(crate) output: Vec<u8>,
}

/// An end of a [`Wire`].
#[derive(Clone, Default)]
pub(crate) struct Pipe(pub(crate) Rc<RefCell<Wire>>);

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = self.0.borrow_mut();
        let rest = &wire.input[wire.read..];
        let octets = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..octets]);
        wire.read += octets;
        if wire.read == wire.input.len() {
            wire.input.clear();
            wire.read = 0;
        }
        if octets == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().output.extend_from_slice(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let output = &mut self.0.borrow_mut().output;
        let before = output.len();
        slices.iter().for_each(|slice| output.extend_from_slice(slice));
        Poll::Ready(Ok(output.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// For what is polled by hand.
pub(crate) fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

type Connection = h2::server::Connection<Pipe, Bytes>;
type Respond = h2::server::SendResponse<Bytes>;

pub(crate) struct CrateServer {
    pipe: Pipe,
    handshake: Option<h2::server::Handshake<Pipe, Bytes>>,
    connection: Option<Connection>,
    streams: Vec<(Respond, h2::RecvStream)>,
}

impl CrateServer {
    fn pull(&mut self, input: &[u8]) {
        self.pipe.0.borrow_mut().input.extend_from_slice(input);
        if let Some(mut handshake) = self.handshake.take() {
            match Pin::new(&mut handshake).poll(&mut context()) {
                Poll::Ready(connection) => self.connection = connection.ok(),
                Poll::Pending => panic!("the preface is there"),
            }
        }
        let connection = self.connection.as_mut().expect("a connection");
        while let Poll::Ready(request) = connection.poll_accept(&mut context()) {
            let (request, respond) = request.expect("it goes on").expect("a good client");
            black_box(request.uri().path());
            self.streams.push((respond, request.into_body()));
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        let connection = self.connection.as_mut().expect("a connection");
        assert!(connection.poll_accept(&mut context()).is_pending());
        out.append(&mut self.pipe.0.borrow_mut().output);
    }
}

fn response() -> Response<()> {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.reserve(5);
    let names = [CONTENT_TYPE, CONTENT_LENGTH, DATE, SERVER, CACHE_CONTROL];
    for (name, (_, value)) in names.into_iter().zip(RESPONSE) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Server for CrateServer {
    const NAME: &'static str = "h2";
    const SIZE: usize = size_of::<Connection>();

    fn new() -> Self {
        let pipe = Pipe::default();
        let handshake = Some(h2::server::Builder::new().handshake(pipe.clone()));
        Self { pipe, handshake, connection: None, streams: Vec::new() }
    }

    fn serve(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        self.pull(input);
        let count = self.streams.len();
        for (mut respond, _) in self.streams.drain(..) {
            let mut stream = respond.send_response(response(), false).expect("open");
            stream.send_data(Bytes::from_static(&CONTENT), true).expect("open");
        }
        self.flush(out);
        count
    }

    fn hold(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.pull(input);
        self.flush(out);
    }

    fn idle(&mut self, _: bool) {
        self.streams = Vec::new();
        *self.pipe.0.borrow_mut() = Wire::default();
    }
}

pub(crate) struct CrateClient {
    pipe: Pipe,
    connection: h2::client::Connection<Pipe, Bytes>,
    sender: h2::client::SendRequest<Bytes>,
    responses: Vec<h2::client::ResponseFuture>,
    bodies: Vec<h2::RecvStream>,
}

impl CrateClient {
    fn flush(&mut self, out: &mut Vec<u8>) {
        assert!(Pin::new(&mut self.connection).poll(&mut context()).is_pending());
        out.append(&mut self.pipe.0.borrow_mut().output);
    }
}

impl Client for CrateClient {
    fn new(out: &mut Vec<u8>) -> Self {
        let pipe = Pipe::default();
        let handshake = h2::client::Builder::new().handshake(pipe.clone());
        let Poll::Ready(Ok((sender, connection))) = std::pin::pin!(handshake).poll(&mut context())
        else {
            panic!("a client waits for nothing");
        };
        let (responses, bodies) = (Vec::new(), Vec::new());
        let mut client = Self { pipe, connection, sender, responses, bodies };
        client.flush(out);
        client
    }

    fn ask(&mut self, paths: &[&'static str], out: &mut Vec<u8>) {
        for path in paths {
            assert!(self.sender.poll_ready(&mut context()).is_ready());
            let mut request = Request::new(());
            *request.uri_mut() = Uri::builder()
                .scheme("https")
                .authority(REQUEST[0].1)
                .path_and_query(*path)
                .build()
                .expect("a good one");
            request.headers_mut().reserve(4);
            for (name, value) in &REQUEST[1..] {
                let name = HeaderName::from_static(name);
                request.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            let (response, _) = self.sender.send_request(request, true).expect("room");
            self.responses.push(response);
        }
        self.flush(out);
    }

    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        self.pipe.0.borrow_mut().input.extend_from_slice(input);
        assert!(Pin::new(&mut self.connection).poll(&mut context()).is_pending());
        let (responses, bodies) = (&mut self.responses, &mut self.bodies);
        responses.retain_mut(|response| match Pin::new(response).poll(&mut context()) {
            Poll::Ready(response) => {
                let response = response.expect("a good server");
                assert_eq!(response.status(), 200);
                bodies.push(response.into_body());
                false
            }
            Poll::Pending => true,
        });
        let mut ended = 0;
        bodies.retain_mut(|body| {
            while let Poll::Ready(Some(data)) = body.poll_data(&mut context()) {
                let octets = data.expect("a good server").len();
                body.flow_control().release_capacity(octets).expect("so many were taken");
            }
            ended += usize::from(body.is_end_stream());
            !body.is_end_stream()
        });
        self.flush(out);
        ended
    }
}
