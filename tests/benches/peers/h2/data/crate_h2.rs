//! The crate h2: `Bytes` that are shared.

use std::cell::RefCell;
use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::crate_h2::context;
use super::{
    FRAME, FRAMES, Fetching, MIB, PAYLOAD, Received, Sending, WINDOW, one_request, refill,
};

/// Octets on their way. A piece of the payload is kept as where it is.
#[derive(Default)]
struct Way {
    octets: Vec<u8>,
    /// Behind how many octets each goes, and where it is.
    pieces: Vec<(usize, &'static [u8])>,
    /// How much was read of the octets, the pieces, and the next piece.
    read: (usize, usize, usize),
}

impl Way {
    fn write(&mut self, slice: &[u8]) {
        match offset(slice) {
            Some(offset) => {
                self.pieces.push((self.octets.len(), &PAYLOAD[offset..offset + slice.len()]));
            }
            None => self.octets.extend_from_slice(slice),
        }
    }

    fn read(&mut self, buffer: &mut ReadBuf<'_>) {
        let (at, number, within) = &mut self.read;
        while buffer.remaining() > 0 {
            let piece = self.pieces.get(*number);
            let end = piece.map_or(self.octets.len(), |piece| piece.0);
            if *at < end {
                let octets = (end - *at).min(buffer.remaining());
                buffer.put_slice(&self.octets[*at..*at + octets]);
                *at += octets;
            } else if let Some((_, piece)) = piece {
                let octets = (piece.len() - *within).min(buffer.remaining());
                buffer.put_slice(&piece[*within..*within + octets]);
                *within += octets;
                if *within == piece.len() {
                    (*number, *within) = (*number + 1, 0);
                }
            } else {
                break;
            }
        }
        if *at == self.octets.len() && *number == self.pieces.len() {
            *self = Self {
                octets: std::mem::take(&mut self.octets),
                pieces: std::mem::take(&mut self.pieces),
                read: (0, 0, 0),
            };
            self.octets.clear();
            self.pieces.clear();
        }
    }
}

/// Where a slice is in the payload, if it is of it.
fn offset(slice: &[u8]) -> Option<usize> {
    let offset = slice.as_ptr().addr().checked_sub(PAYLOAD.as_ptr().addr())?;
    (offset + slice.len() <= PAYLOAD.len() && slice.len() >= 64).then_some(offset)
}

type Shared = Rc<RefCell<Way>>;

/// An end of a transport: where it reads, and where it writes.
struct Pipe(Shared, Shared);

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        self.0.borrow_mut().read(buffer);
        if buffer.filled().len() == before { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.1.borrow_mut().write(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut way = self.1.borrow_mut();
        slices.iter().for_each(|slice| way.write(slice));
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
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

type Server = h2::server::Connection<Pipe, Bytes>;
type Sender = h2::SendStream<Bytes>;

/// Answers what has come with a head.
fn accept(server: &mut Server) -> Option<Sender> {
    let mut stream = None;
    while let Poll::Ready(request) = server.poll_accept(&mut context()) {
        let (_, mut respond) = request.expect("it goes on").expect("good");
        stream = Some(respond.send_response(Response::new(()), false).expect("open"));
    }
    stream
}

fn payload() -> Bytes {
    Bytes::from_static(&PAYLOAD[..MIB])
}

pub(super) struct Sends {
    input: Shared,
    output: Shared,
    server: Server,
    stream: Sender,
    payload: Bytes,
}

impl Sending for Sends {
    const NAME: &'static str = "h2";

    fn new() -> Self {
        let (input, output) = (Shared::default(), Shared::default());
        input.borrow_mut().write(&one_request());
        let mut handshake = h2::server::Builder::new()
            .max_send_buffer_size(2 * MIB)
            .handshake(Pipe(input.clone(), output.clone()));
        let Poll::Ready(Ok(mut server)) = Pin::new(&mut handshake).poll(&mut context()) else {
            panic!("the preface is there");
        };
        let stream = accept(&mut server).expect("a request");
        assert!(accept(&mut server).is_none());
        Self { input, output, server, stream, payload: payload() }
    }

    fn refill(&mut self) {
        self.input.borrow_mut().write(&refill(1));
        assert!(accept(&mut self.server).is_none());
        *self.output.borrow_mut() = Way {
            octets: Vec::with_capacity(4096),
            pieces: Vec::with_capacity(FRAMES),
            ..Way::default()
        };
    }

    fn send(&mut self) -> usize {
        self.stream.send_data(self.payload.slice(..FRAME * FRAMES), false).expect("open");
        assert!(self.server.poll_accept(&mut context()).is_pending());
        let output = self.output.borrow();
        // The first octets of a payload are copied behind the header, of nine octets.
        let copied = output.octets.len() - FRAMES * 9;
        copied + output.pieces.iter().map(|piece| piece.1.len()).sum::<usize>()
    }
}

pub(super) struct Fetches {
    client: h2::client::Connection<Pipe, Bytes>,
    sender: h2::client::SendRequest<Bytes>,
    server: Server,
    payload: Bytes,
}

impl Fetching for Fetches {
    const NAME: &'static str = "h2";

    fn new() -> Self {
        let (up, down) = (Shared::default(), Shared::default());
        let handshake = h2::client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(1 << 20)
            .handshake(Pipe(down.clone(), up.clone()));
        let Poll::Ready(Ok((sender, mut client))) = std::pin::pin!(handshake).poll(&mut context())
        else {
            panic!("a client waits for nothing");
        };
        assert!(Pin::new(&mut client).poll(&mut context()).is_pending());
        let mut handshake = h2::server::Builder::new().handshake(Pipe(up, down));
        let Poll::Ready(Ok(server)) = Pin::new(&mut handshake).poll(&mut context()) else {
            panic!("the preface is there");
        };
        Self { client, sender, server, payload: payload() }
    }

    fn fetch(&mut self, octets: usize, received: &mut Received) {
        assert!(self.sender.poll_ready(&mut context()).is_ready());
        let request = Request::get("https://example.com/").body(()).expect("a good one");
        let (mut response, _) = self.sender.send_request(request, true).expect("room");
        assert!(Pin::new(&mut self.client).poll(&mut context()).is_pending());
        let mut stream = accept(&mut self.server).expect("a request");
        let (mut sent, mut body) = (0, None);
        loop {
            // A MiB at a time, and the next before it runs out.
            while sent < octets && received.octets + MIB / 2 >= sent {
                let len = (octets - sent).min(MIB);
                sent += len;
                stream.send_data(self.payload.slice(..len), sent == octets).expect("open");
            }
            assert!(accept(&mut self.server).is_none());
            assert!(Pin::new(&mut self.client).poll(&mut context()).is_pending());
            if body.is_none()
                && let Poll::Ready(response) = Pin::new(&mut response).poll(&mut context())
            {
                body = Some(response.expect("good").into_body());
            }
            let Some(body) = &mut body else { continue };
            while let Poll::Ready(Some(data)) = body.poll_data(&mut context()) {
                let data = data.expect("good");
                received.data(&data);
                body.flow_control().release_capacity(data.len()).expect("so many were taken");
            }
            if body.is_end_stream() {
                return;
            }
            assert!(Pin::new(&mut self.client).poll(&mut context()).is_pending());
        }
    }
}
