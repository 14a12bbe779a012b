//! Input and output as completion-based I/O has them: a buffer belongs to the kernel or to the
//! program, never to both, and the kernel writes into its own whenever it likes.
//!
//! The connection borrows input only while events are pulled. The kernel here fills every buffer
//! with garbage the moment it gets it back, so whatever the connection had kept a reference to
//! would show; that it compiles says that nothing could.

use core::time::Duration;
use std::collections::VecDeque;

use h1_proto::{BodyLength, ClientConnection, Config, Event, Head, NextStep, ServerConnection};
use tests::rng::Rng;

/// A buffer that belongs to whoever holds it.
struct Buffer(Box<[u8]>);

/// Buffers that the kernel reads into, and what it has still to read.
struct Kernel {
    provided: VecDeque<Buffer>,
    wire: VecDeque<u8>,
    rng: Rng,
    completions: usize,
}

impl Kernel {
    fn new(buffers: usize, size: usize, wire: &[u8], seed: u64) -> Self {
        let mut kernel = Self {
            provided: VecDeque::new(),
            wire: wire.iter().copied().collect(),
            rng: Rng::new(seed),
            completions: 0,
        };
        (0..buffers).for_each(|_| kernel.provide(Buffer(vec![0; size].into())));
        kernel
    }

    /// A buffer goes back: from now on it holds anything.
    fn provide(&mut self, mut buffer: Buffer) {
        for octet in &mut buffer.0 {
            *octet = self.rng.bits().to_le_bytes()[0];
        }
        self.provided.push_back(buffer);
    }

    /// A read is complete: some octets, in a buffer that now belongs to the caller.
    fn complete(&mut self) -> Option<(Buffer, usize)> {
        let mut buffer = self.provided.pop_front().expect("every buffer was given back");
        let octets = self.wire.len().min(1 + self.rng.below(buffer.0.len()));
        if octets == 0 {
            self.provide(buffer);
            return None;
        }
        for (place, octet) in buffer.0.iter_mut().zip(self.wire.drain(..octets)) {
            *place = octet;
        }
        self.completions += 1;
        Some((buffer, octets))
    }
}

const CONTENT: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Requests without and with content, of known length and in chunks with trailers.
fn requests(times: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    for number in 0..times {
        let head = format!("PUT /{number} HTTP/1.1\r\nHost: a\r\nX-Number: {number}\r\n");
        wire.extend_from_slice(head.as_bytes());
        match number % 3 {
            0 => wire.extend_from_slice(b"\r\n"),
            1 => {
                wire.extend_from_slice(b"Content-Length: 36\r\n\r\n");
                wire.extend_from_slice(CONTENT);
            }
            _ => {
                wire.extend_from_slice(
                    b"Transfer-Encoding: chunked\r\n\r\n1;a=\"b\"\r\n0\r\n23\r\n",
                );
                wire.extend_from_slice(&CONTENT[1..]);
                wire.extend_from_slice(format!("\r\n0\r\nx-sum: {number}\r\n\r\n").as_bytes());
            }
        }
    }
    wire
}

/// A server over the kernel's buffers. A request is answered when it is complete with what was
/// kept of it: its head, in a buffer of the program's.
#[test]
fn the_kernel_gets_its_buffer_back_behind_the_pull_loop() {
    const REQUESTS: usize = 30;
    for seed in 0..40 {
        for size in [1, 7, 64, 700] {
            let mut kernel = Kernel::new(1, size, &requests(REQUESTS), seed);
            let mut conn = ServerConnection::new(Config::default(), Duration::ZERO);
            let (mut head, mut kept, mut out) = (Head::new(), Head::new(), Vec::new());
            let (mut content, mut answered) = (Vec::new(), 0);
            while let Some((buffer, octets)) = kernel.complete() {
                let mut input = &buffer.0[..octets];
                loop {
                    match conn.next_event(&mut input, &mut head).unwrap() {
                        Some(Event::Head { head, .. }) => kept = head.clone(),
                        Some(Event::Data(data)) => content.extend_from_slice(data),
                        Some(Event::End { trailers }) => {
                            let number = answered.to_string();
                            assert_eq!(kept.target(), format!("/{number}").as_bytes());
                            assert_eq!(kept.field("x-number"), Some(number.as_bytes()));
                            let sum = (answered % 3 == 2).then_some(number.as_bytes());
                            assert_eq!(trailers.field("x-sum"), sum);
                            let sent = if answered % 3 == 0 { &b""[..] } else { CONTENT };
                            assert_eq!(content, sent, "{}", content.escape_ascii());
                            content.clear();
                            conn.respond(200, [("x-number", &number)], b"", &mut out).unwrap();
                            answered += 1;
                        }
                        Some(event) => panic!("{event}"),
                        None => break,
                    }
                }
                assert!(input.is_empty(), "nothing pauses, so nothing is left in the buffer");
                // The next read is armed before anything else is done: with this very buffer.
                kernel.provide(buffer);
                conn.advance(Duration::ZERO).unwrap();
                // The output belongs to the kernel while it is written; the connection neither
                // reads nor keeps it.
                let in_flight = core::mem::take(&mut out);
                conn.wrote(in_flight.len());
                assert_eq!(conn.next_step(), NextStep::Read);
            }
            assert_eq!(answered, REQUESTS, "seed {seed}, buffers of {size}");
            assert!(kernel.completions >= requests(REQUESTS).len() / size);
        }
    }
}

/// Many connections that take turns, with one set of buffers between them: no connection leaves
/// anything in a buffer that it needs again, not in that of heads either.
#[test]
fn all_connections_of_a_thread_share_their_buffers() {
    const CONNECTIONS: usize = 20;
    let wire = requests(9);
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let mut kernels: Vec<_> =
            (0..CONNECTIONS).map(|index| Kernel::new(0, 0, &wire, index as u64)).collect();
        let mut conns = vec![ServerConnection::new(Config::default(), Duration::ZERO); CONNECTIONS];
        let mut answered = [0; CONNECTIONS];
        let (mut shared, mut head, mut out) =
            (Some(Buffer(vec![0; 50].into())), Head::new(), Vec::new());
        while answered.iter().sum::<usize>() < CONNECTIONS * 9 {
            let at = rng.below(CONNECTIONS);
            kernels[at].provide(shared.take().expect("it is back"));
            let Some((buffer, octets)) = kernels[at].complete() else {
                shared = kernels[at].provided.pop_front();
                continue;
            };
            let mut input = &buffer.0[..octets];
            while let Some(event) = conns[at].next_event(&mut input, &mut head).unwrap() {
                match event {
                    Event::Head { head, .. } => {
                        assert_eq!(head.target(), format!("/{}", answered[at]).as_bytes());
                    }
                    Event::End { trailers } => {
                        let sum = answered[at].to_string();
                        let sum = (answered[at] % 3 == 2).then_some(sum.as_bytes());
                        assert_eq!(trailers.field("x-sum"), sum);
                        answered[at] += 1;
                        conns[at].respond(204, [("x", "y"); 0], b"", &mut out).unwrap();
                    }
                    _ => {}
                }
            }
            assert!(input.is_empty());
            conns[at].wrote(out.len());
            out.clear();
            shared = Some(buffer);
        }
    }
}

/// A server that pauses leaves octets in the buffer: the caller keeps that one, and only that.
#[test]
fn a_paused_connection_leaves_its_input_with_the_caller() {
    let mut wire = requests(2);
    wire.extend_from_slice(b"PUT /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut kernel = Kernel::new(1, 4096, &wire, 0);
    let mut conn = ServerConnection::new(Config::default(), Duration::ZERO);
    let (mut head, mut out) = (Head::new(), Vec::new());
    let (mut kept, mut seen) = (Vec::new(), Vec::new());
    loop {
        let mut input = kept.as_slice();
        while let Some(event) = conn.next_event(&mut input, &mut head).unwrap() {
            if let Event::Head { head, .. } = event {
                seen.push(head.target().to_vec());
            }
        }
        let used = kept.len() - input.len();
        kept.drain(..used);
        conn.advance(Duration::ZERO).unwrap();
        match conn.next_step() {
            NextStep::Read => {
                assert!(kept.is_empty(), "it reads on only when all is used");
                let Some((buffer, octets)) = kernel.complete() else { break };
                kept.extend_from_slice(&buffer.0[..octets]);
                kernel.provide(buffer);
            }
            NextStep::Write => {
                conn.respond(204, [("x", "y"); 0], b"", &mut out).unwrap();
                conn.wrote(out.len());
                out.clear();
            }
            step => panic!("{step:?}"),
        }
    }
    assert_eq!(seen, [b"/0", b"/1", b"/2"]);
}

/// A proxy: pieces of content of one read are held together while the connection is used, since
/// an event borrows the input and not the connection; they go on with one vectored write.
#[test]
fn a_proxy_holds_the_pieces_of_one_read_together() {
    let wire = b"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n8\r\n, world!\r\n3\r\n\r\n.\r\n0\r\n\r\n";
    let mut from = ServerConnection::new(Config::default(), Duration::ZERO);
    let mut to = ClientConnection::new(Config::client(), Duration::ZERO);
    let (mut head, mut out) = (Head::new(), Vec::new());
    let mut input = wire.as_slice();
    let Some(Event::Head { head: request, body, .. }) =
        from.next_event(&mut input, &mut head).unwrap()
    else {
        panic!("a head comes first")
    };
    let fields = request.end_to_end_fields();
    to.send_request((request.method(), request.target()), fields, body, &mut out).unwrap();

    let mut trailers = Head::new();
    let mut pieces: Vec<&[u8]> = Vec::new();
    while let Some(event) = from.next_event(&mut input, &mut trailers).unwrap() {
        match event {
            // Both connections are used while earlier pieces are still held.
            Event::Data(data) => {
                assert_eq!(from.received(), (wire.len() - input.len()) as u64);
                pieces.push(data);
            }
            Event::End { .. } => break,
            event => panic!("{event}"),
        }
    }
    assert_eq!(pieces, [&b"hello"[..], b", world!", b"\r\n."]);
    for piece in &pieces {
        assert!(wire.as_ptr_range().contains(&piece.as_ptr()), "it lies where it was read");
    }

    // The framing is in `out`, the payloads stay where they are: one list of slices to write.
    let mut splices = Vec::new();
    for piece in &pieces {
        splices.push(to.send_data_splice(piece.len(), &mut out).unwrap());
    }
    to.finish(&mut out).unwrap();
    let mut slices: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    for (splice, piece) in splices.iter().zip(&pieces) {
        slices.push(&out[at..splice.at]);
        slices.push(&piece[..splice.len]);
        at = splice.at;
    }
    slices.push(&out[at..]);
    let written = slices.concat();
    to.wrote(written.len());
    assert_eq!(to.unsent(), 0);
    let forwarded = "POST /up HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n\
        5\r\nhello\r\n8\r\n, world!\r\n3\r\n\r\n.\r\n0\r\n\r\n";
    assert_eq!(written.escape_ascii().to_string(), forwarded.as_bytes().escape_ascii().to_string());

    // And the answer the other way, with a piece held across a call to the other connection.
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\nokok";
    let mut input = response.as_slice();
    out.clear();
    let mut held: Option<&[u8]> = None;
    while let Some(event) = to.next_event(&mut input, &mut head).unwrap() {
        match event {
            Event::Head { head, body, .. } => {
                let fields = head.end_to_end_fields();
                from.send_response(head.status(), fields, body, &mut out).unwrap();
            }
            Event::Data(data) => held = Some(data),
            Event::End { .. } => {
                let data = held.take().unwrap();
                assert_eq!(from.send_data(data, &mut out), Ok(4));
                from.finish(&mut out).unwrap();
            }
            event => panic!("{event}"),
        }
    }
    assert!(out.ends_with(b"X: y\r\n\r\nokok"), "{}", out.escape_ascii());
    assert_eq!(body, BodyLength::Chunked);
}
