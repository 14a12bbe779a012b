//! Properties of both roles over random messages, cuts, octets and orders of calls.
//!
//! The generator is seeded: a failure comes again.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use h1_proto::{
    BodyLength, ChunkedDecoder, ClientConnection, Config, ConnectionError, Deadline, Decoded,
    ErrorKind, Event, Head, NextStep, OwnedEvent, ServerConnection, Version, grammar,
};
use quickcheck::{Arbitrary, Gen, QuickCheck, Testable};
use tests::endpoint::Endpoint;

fn check(cases: u64, size: usize, property: impl Testable) {
    let generator = Gen::from_size_and_seed(size, 0x6831);
    QuickCheck::new().rng(generator).tests(cases).max_tests(cases).quickcheck(property);
}

fn below(g: &mut Gen, end: usize) -> usize {
    usize::arbitrary(g) % end
}

/// Octets of a class, fewer than `end`.
fn octets(g: &mut Gen, end: usize, class: impl Fn(u8) -> bool) -> Vec<u8> {
    let len = below(g, end);
    let mut found = Vec::new();
    while found.len() < len {
        let octet = u8::arbitrary(g);
        if class(octet) {
            found.push(octet);
        }
    }
    found
}

fn token(g: &mut Gen) -> Vec<u8> {
    let mut name = octets(g, 12, |octet| grammar::TCHAR[usize::from(octet)]);
    name.push(b'x');
    name
}

fn content(octet: u8) -> bool {
    octet == b'\t' || !grammar::is_control(octet)
}

/// Without the names that mean something to the connection.
fn field(g: &mut Gen) -> (Vec<u8>, Vec<u8>) {
    let mut name = token(g);
    while grammar::is_hop_by_hop(&name) || grammar::is_forbidden_trailer(&name) {
        name.push(b'-');
    }
    let value = grammar::trim_ows(&octets(g, 40, content)).to_vec();
    (name, value)
}

type Lines = Vec<(Vec<u8>, Vec<u8>)>;

fn fields(g: &mut Gen) -> Lines {
    (0..below(g, 6)).map(|_| field(g)).collect()
}

// ---- messages ----

/// Fields and content of a message.
#[derive(Clone, PartialEq, Eq)]
struct Message {
    fields: Lines,
    body: BodyLength,
    pieces: Vec<Vec<u8>>,
    trailers: Lines,
}

impl Arbitrary for Message {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut pieces: Vec<Vec<u8>> = Arbitrary::arbitrary(g);
        let mut trailers = Vec::new();
        let body = match below(g, 4) {
            0 => {
                pieces.clear();
                BodyLength::None
            }
            1 => BodyLength::Known(pieces.iter().map(|piece| piece.len() as u64).sum()),
            _ => {
                trailers = fields(g);
                BodyLength::Chunked
            }
        };
        Self { fields: fields(g), body, pieces, trailers }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let this = self.clone();
        let fewer = self.fields.shrink().map(move |fields| Self { fields, ..this.clone() });
        let fewer = fewer.filter(|message| good(&message.fields));
        let this = self.clone();
        let shorter = self.pieces.shrink().filter_map(move |pieces| {
            let body = match this.body {
                BodyLength::None => return None,
                BodyLength::Known(_) => {
                    BodyLength::Known(pieces.iter().map(|p| p.len() as u64).sum())
                }
                other => other,
            };
            Some(Self { pieces, body, ..this.clone() })
        });
        let this = self.clone();
        let plain = self.trailers.shrink().map(move |trailers| Self { trailers, ..this.clone() });
        Box::new(fewer.chain(shorter).chain(plain.filter(|message| good(&message.trailers))))
    }
}

/// Still fields after they were shrunk.
fn good(lines: &Lines) -> bool {
    lines.iter().all(|(name, value)| grammar::is_token(name) && grammar::is_field_value(value))
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.fields {
            write!(f, " [{}: {}]", name.escape_ascii(), value.escape_ascii())?;
        }
        write!(f, " {:?}", self.body)?;
        for piece in &self.pieces {
            write!(f, " \"{}\"", piece.escape_ascii())?;
        }
        for (name, value) in &self.trailers {
            write!(f, " [{}: {}]", name.escape_ascii(), value.escape_ascii())?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Request {
    method: Vec<u8>,
    target: Vec<u8>,
    message: Message,
}

impl Arbitrary for Request {
    fn arbitrary(g: &mut Gen) -> Self {
        let path = octets(g, 20, |octet| grammar::TARGET[usize::from(octet)]);
        let (method, target) = match below(g, 8) {
            0 => (b"OPTIONS".to_vec(), b"*".to_vec()),
            1 => (b"GET".to_vec(), [b"http://a.example/".as_slice(), &path].concat()),
            2 => (b"HEAD".to_vec(), [b"/".as_slice(), &path].concat()),
            _ => (token(g), [b"/".as_slice(), &path].concat()),
        };
        Self { method, target, message: Message::arbitrary(g) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let this = self.clone();
        Box::new(self.message.shrink().map(move |message| Self { message, ..this.clone() }))
    }
}

#[derive(Clone, Debug)]
struct Response {
    /// It answers HEAD.
    head: bool,
    status: u16,
    reason: Option<Vec<u8>>,
    interim: Option<u16>,
    message: Message,
}

impl Arbitrary for Response {
    fn arbitrary(g: &mut Gen) -> Self {
        let status = match below(g, 6) {
            0 => 204,
            1 => 304,
            _ => 200 + u16::try_from(below(g, 800)).unwrap(),
        };
        let mut message = Message::arbitrary(g);
        // These have no content (RFC 9110 §6.4.1, §15.3.6).
        if matches!(status, 204 | 205) {
            message =
                Message { body: BodyLength::None, pieces: vec![], trailers: vec![], ..message };
        }
        let interim = bool::arbitrary(g).then(|| [100, 102, 103, 199][below(g, 4)]);
        let reason = bool::arbitrary(g).then(|| octets(g, 20, content));
        Self { head: below(g, 5) == 0, status, reason, interim, message }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let this = self.clone();
        Box::new(self.message.shrink().map(move |message| Self { message, ..this.clone() }))
    }
}

/// Where the transport cuts: lengths of pieces, again and again.
#[derive(Clone, Debug)]
struct Cuts(Vec<u8>);

impl Arbitrary for Cuts {
    fn arbitrary(g: &mut Gen) -> Self {
        let max = [1, 3, 10, 60, 255][below(g, 5)];
        Self((0..below(g, 8)).map(|_| u8::arbitrary(g) % max).collect())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

impl Cuts {
    fn pieces<'i>(&self, mut input: &'i [u8]) -> Vec<&'i [u8]> {
        let mut pieces = Vec::new();
        for length in self.0.iter().cycle() {
            if input.is_empty() {
                break;
            }
            let (piece, rest) = input.split_at((usize::from(*length) + 1).min(input.len()));
            pieces.push(piece);
            input = rest;
        }
        if !input.is_empty() {
            pieces.push(input);
        }
        pieces
    }
}

// ---- running ----

/// What happened, adjacent data joined.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    events: Vec<OwnedEvent>,
    output: Vec<u8>,
    error: Option<ConnectionError>,
    next_step: NextStep,
}

fn run<C: Endpoint>(
    conn: &mut C,
    pieces: &[&[u8]],
    eof: bool,
    mut answer: impl FnMut(&Event<'_, '_>, &mut C, &mut Vec<u8>),
) -> Run {
    let (mut events, mut output, mut error) = (Vec::new(), Vec::new(), None);
    let mut input = Vec::new();
    let ends: &[Option<&[u8]>] = if eof { &[None] } else { &[] };
    for piece in pieces.iter().map(|piece| Some(*piece)).chain(ends.iter().copied()) {
        match piece {
            Some(octets) => input.extend_from_slice(octets),
            None => conn.eof(),
        }
        let (mut head, mut out) = (Head::new(), Vec::new());
        let mut rest = input.as_slice();
        loop {
            match conn.next_event(&mut rest, &mut head) {
                Ok(Some(event)) => {
                    if let (Event::Data(more), Some(OwnedEvent::Data(data))) =
                        (&event, events.last_mut())
                    {
                        data.extend_from_slice(more);
                    } else {
                        events.push(event.to_owned());
                    }
                    answer(&event, conn, &mut out);
                }
                Ok(None) => break,
                Err(found) => {
                    conn.on_error(&found, &mut out);
                    let _ = error.get_or_insert(found);
                    break;
                }
            }
        }
        let used = input.len() - rest.len();
        input.drain(..used);
        conn.wrote(out.len());
        output.extend_from_slice(&out);
    }
    Run { events, output, error, next_step: conn.next_step() }
}

/// A message as it was received.
#[derive(Debug, Default)]
struct Received {
    head: Head,
    body: BodyLength,
    content: Vec<u8>,
    trailers: Head,
}

/// The complete messages and the interim responses.
fn messages(events: &[OwnedEvent]) -> (Vec<Received>, Vec<u16>) {
    let (mut all, mut interim) = (Vec::new(), Vec::new());
    let mut current = None;
    for event in events {
        match event {
            OwnedEvent::Head { head, body, .. } => {
                let begun = Received { head: head.clone(), body: *body, ..Received::default() };
                assert!(current.replace(begun).is_none(), "one message behind the other");
            }
            OwnedEvent::Informational(head) => interim.push(head.status()),
            OwnedEvent::Data(data) => {
                current.as_mut().expect("a head comes first").content.extend_from_slice(data);
            }
            OwnedEvent::End { trailers } => {
                let mut complete = current.take().expect("a head comes first");
                complete.trailers = trailers.clone();
                all.push(complete);
            }
            other => panic!("{other}"),
        }
    }
    assert!(current.is_none(), "every message is complete");
    (all, interim)
}

/// The fields but those that the connection writes.
fn own_fields(head: &Head) -> Lines {
    const WRITTEN: [&str; 4] = ["host", "connection", "content-length", "transfer-encoding"];
    let own = head.fields().filter(|field| {
        !WRITTEN.iter().any(|name| field.name.eq_ignore_ascii_case(name.as_bytes()))
    });
    own.map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

/// Sends the pieces of a message, every other one as a splice.
macro_rules! send_content {
    ($conn:expr, $message:expr, $out:expr) => {
        if $message.body != BodyLength::None {
            for (index, piece) in $message.pieces.iter().enumerate() {
                if index % 2 == 0 {
                    assert_eq!($conn.send_data(piece, $out), Ok(piece.len()));
                } else {
                    let splice = $conn.send_data_splice(piece.len(), $out).unwrap();
                    $out.splice(splice.at..splice.at, piece[..splice.len].iter().copied());
                }
            }
            if $message.trailers.is_empty() {
                $conn.finish($out).unwrap();
            } else {
                $conn.send_trailers(&$message.trailers, $out).unwrap();
            }
        }
    };
}

fn send_request(conn: &mut ClientConnection, request: &Request, out: &mut Vec<u8>) {
    let Request { method, target, message } = request;
    let mut lines = vec![(b"host".to_vec(), b"a.example".to_vec())];
    lines.extend_from_slice(&message.fields);
    conn.send_request((method, target), &lines, message.body, out).unwrap();
    send_content!(conn, message, out);
}

fn send_response(conn: &mut ServerConnection, response: &Response, out: &mut Vec<u8>) {
    let Response { status, reason, interim, message, .. } = response;
    if let Some(status) = interim {
        conn.send_informational(*status, &message.fields, out).unwrap();
    }
    match reason {
        Some(reason) => {
            conn.send_response((*status, reason), &message.fields, message.body, out).unwrap();
        }
        None => conn.send_response(*status, &message.fields, message.body, out).unwrap(),
    }
    send_content!(conn, message, out);
}

fn no_fields() -> [(&'static str, &'static str); 0] {
    []
}

fn asking(responses: &[Response]) -> (ClientConnection, Vec<u8>) {
    let mut config = Config::client();
    config.pipeline_max = responses.len();
    let mut conn = ClientConnection::new(config, Duration::ZERO);
    let mut out = Vec::new();
    for response in responses {
        let method = if response.head { "HEAD" } else { "GET" };
        conn.send_request((method, "/"), [("host", "a")], BodyLength::None, &mut out).unwrap();
    }
    conn.wrote(out.len());
    (conn, out)
}

/// What a server sends when it answers these requests with these responses.
fn answered(requests: &[u8], responses: &[Response], cuts: &Cuts) -> Run {
    let mut server = ServerConnection::new(Config::default(), Duration::ZERO);
    let mut next = responses.iter();
    run(&mut server, &cuts.pieces(requests), false, |event, conn, out| {
        if let Event::End { .. } = event {
            send_response(conn, next.next().expect("as many as were asked for"), out);
        }
    })
}

// ---- encode, then parse ----

#[test]
fn what_a_client_sends_a_server_receives() {
    fn property(requests: Vec<Request>, cuts: Cuts) {
        let mut config = Config::client();
        config.pipeline_max = requests.len();
        let mut client = ClientConnection::new(config, Duration::ZERO);
        let mut sent = Vec::new();
        requests.iter().for_each(|request| send_request(&mut client, request, &mut sent));
        assert_eq!(client.unsent(), sent.len() as u64);

        let mut server = ServerConnection::new(Config::default(), Duration::ZERO);
        let log = run(&mut server, &cuts.pieces(&sent), false, |event, conn, out| {
            if let Event::End { .. } = event {
                conn.respond(204, no_fields(), b"", out).unwrap();
            }
        });
        assert_eq!((&log.error, log.next_step), (&None, NextStep::Read));
        let (received, _) = messages(&log.events);
        assert_eq!(received.len(), requests.len());
        for (received, Request { method, target, message }) in received.iter().zip(&requests) {
            assert_eq!((received.head.method(), received.head.target()), (&**method, &**target));
            assert_eq!(received.head.version(), Version::Http11);
            assert_eq!(received.head.authority(), Some(&b"a.example"[..]));
            assert_eq!(own_fields(&received.head), message.fields);
            assert_eq!(received.body, message.body);
            assert_eq!(received.content, message.pieces.concat());
            assert_eq!(own_fields(&received.trailers), message.trailers);
        }
    }
    check(1500, 20, property as fn(Vec<Request>, Cuts));
}

#[test]
fn what_a_server_sends_a_client_receives() {
    fn property(responses: Vec<Response>, cuts: (Cuts, Cuts)) {
        let (mut client, requests) = asking(&responses);
        let sent = answered(&requests, &responses, &cuts.0);
        assert_eq!((&sent.error, sent.next_step), (&None, NextStep::Read));

        let log = run(&mut client, &cuts.1.pieces(&sent.output), false, |_, _, _| {});
        assert_eq!((&log.error, client.in_flight()), (&None, 0));
        let (received, interim) = messages(&log.events);
        let sent_interim: Vec<_> = responses.iter().filter_map(|sent| sent.interim).collect();
        // Behind content no 100 goes; these requests have none.
        assert_eq!(interim, sent_interim);
        assert_eq!(received.len(), responses.len());
        for (received, sent) in received.iter().zip(&responses) {
            let Response { status, reason, message, .. } = sent;
            assert_eq!(received.head.status(), *status);
            let reason = reason.as_deref().unwrap_or_else(|| grammar::reason(*status).as_bytes());
            assert_eq!(received.head.reason(), reason);
            assert_eq!(own_fields(&received.head), message.fields);
            if sent.head || matches!(status, 204 | 304) {
                assert_eq!(received.body, BodyLength::None);
                assert!(received.content.is_empty() && own_fields(&received.trailers).is_empty());
                continue;
            }
            let body = match message.body {
                BodyLength::None => BodyLength::Known(0),
                other => other,
            };
            assert_eq!(received.body, body);
            assert_eq!(received.content, message.pieces.concat());
            assert_eq!(own_fields(&received.trailers), message.trailers);
        }
    }
    check(1500, 20, property as fn(Vec<Response>, (Cuts, Cuts)));
}

#[test]
fn content_until_close_ends_with_the_connection() {
    fn property(pieces: Vec<Vec<u8>>, cuts: Cuts) {
        let mut server = ServerConnection::new(Config::default(), Duration::ZERO);
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice();
        let sent = run(&mut server, &[request], false, |event, conn, out| {
            if let Event::Head { .. } = event {
                conn.send_response(200, no_fields(), BodyLength::UntilClose, out).unwrap();
                for piece in &pieces {
                    assert_eq!(conn.send_data(piece, out), Ok(piece.len()));
                }
                conn.finish(out).unwrap();
            }
        });
        assert!(matches!(sent.next_step, NextStep::Linger { .. } | NextStep::Close));
        for eof in [true, false] {
            let mut client = ClientConnection::new(Config::client(), Duration::ZERO);
            let mut out = Vec::new();
            let host = [("host", "a")];
            client.send_request(("GET", "/"), host, BodyLength::None, &mut out).unwrap();
            client.wrote(out.len());
            let log = run(&mut client, &cuts.pieces(&sent.output), eof, |_, _, _| {});
            assert_eq!(log.error, None);
            let ended = matches!(log.events.last(), Some(OwnedEvent::End { .. }));
            assert_eq!((ended, log.next_step == NextStep::Close), (eof, eof));
            let data = log.events.iter().filter_map(|event| match event {
                OwnedEvent::Data(data) => Some(data.as_slice()),
                _ => None,
            });
            assert_eq!(data.collect::<Vec<_>>().concat(), pieces.concat());
        }
    }
    check(500, 30, property as fn(Vec<Vec<u8>>, Cuts));
}

// ---- octets of all sorts ----

/// Octets that may be a message, a piece of one, or nothing.
#[derive(Clone)]
struct Mess(Vec<u8>);

impl Arbitrary for Mess {
    fn arbitrary(g: &mut Gen) -> Self {
        const WORDS: &[&str] = &[
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
            "HEAD / HTTP/1.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 103 X\r\nlink: y\r\n\r\n",
            "HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "5\r\nhello\r\n",
            "3;a=\"b\"\r\nabc\r\n",
            "0\r\nx: y\r\n\r\n",
            "0\r\n\r\n",
            "\r\n",
            "x: y\r\n",
            " folded\r\n",
            "Connection: close\r\n",
            "Content-Length: 7\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
        ];
        let mut octets = Vec::new();
        for _ in 0..below(g, 8) {
            match below(g, 8) {
                0 => octets.extend_from_slice(&Vec::<u8>::arbitrary(g)),
                1 => octets.push(*g.choose(b"\r\n\t :;,=0\0\x7f\xff").unwrap()),
                _ => octets.extend_from_slice(g.choose(WORDS).unwrap().as_bytes()),
            }
        }
        if below(g, 3) == 0 && !octets.is_empty() {
            let at = below(g, octets.len());
            octets[at] = u8::arbitrary(g);
        }
        Self(octets)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

impl fmt::Debug for Mess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Answers by what it sees, whatever the cuts.
fn answer(event: &Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>) {
    match *event {
        Event::Head { head, .. } if head.method() == b"CONNECT" => {
            conn.respond(200, no_fields(), b"", out).unwrap();
        }
        Event::Head { head, .. } if head.field("upgrade") == Some(b"x") => {
            // Refused if the offer is none.
            let _ = conn.send_response(101, [("upgrade", "x")], BodyLength::None, out);
        }
        Event::Head { expects_continue: true, .. } => {
            conn.send_informational(100, no_fields(), out).unwrap();
        }
        Event::End { .. } if conn.owes_answer() => {
            conn.respond(200, [("x", "y")], b"ok", out).unwrap();
        }
        _ => {}
    }
}

/// Four requests: the last may switch.
fn asked() -> ClientConnection {
    let mut conn = ClientConnection::new(Config::client(), Duration::ZERO);
    let mut out = Vec::new();
    for method in ["GET", "HEAD", "POST"] {
        conn.send_request((method, "/"), [("host", "a")], BodyLength::None, &mut out).unwrap();
    }
    let offer = [("host", "a"), ("connection", "upgrade"), ("upgrade", "x")];
    conn.send_request(("GET", "/"), offer, BodyLength::None, &mut out).unwrap();
    conn.wrote(out.len());
    conn
}

/// The octets looked at are a small multiple of those that came.
fn assert_bounded(conn: &impl Endpoint, fed: usize) {
    assert!(conn.received() <= fed as u64);
    assert!(conn.work() <= 4 * fed as u64 + 64, "{} for {fed} octets", conn.work());
}

#[test]
fn cuts_make_no_difference_to_a_server() {
    fn property(input: Mess, cuts: Cuts, eof: bool) {
        let config = Arc::new(Config::default());
        let in_pieces = |pieces: &[&[u8]]| {
            let mut conn = ServerConnection::new(Arc::clone(&config), Duration::ZERO);
            let log = run(&mut conn, pieces, eof, answer);
            assert_bounded(&conn, input.0.len());
            log
        };
        assert_eq!(in_pieces(&cuts.pieces(&input.0)), in_pieces(&[&input.0]));
    }
    check(8000, 30, property as fn(Mess, Cuts, bool));
}

#[test]
fn cuts_make_no_difference_to_a_client() {
    fn property(input: Mess, cuts: Cuts, eof: bool) {
        let in_pieces = |pieces: &[&[u8]]| {
            let mut conn = asked();
            let log = run(&mut conn, pieces, eof, |_, _, _| {});
            assert_bounded(&conn, input.0.len());
            (log, conn.unfinished().collect::<Vec<_>>())
        };
        assert_eq!(in_pieces(&cuts.pieces(&input.0)), in_pieces(&[&input.0]));
    }
    check(8000, 30, property as fn(Mess, Cuts, bool));
}

#[test]
fn cuts_make_no_difference_to_a_decoder() {
    fn property(input: Mess, cuts: Cuts) {
        let config = Arc::new(Config::default());
        let in_pieces = |pieces: &[&[u8]]| {
            let mut decoder = ChunkedDecoder::new(Arc::clone(&config));
            let mut trailers = Head::new();
            let (mut content, mut used, mut error) = (Vec::new(), 0, None);
            for piece in pieces {
                let mut rest = *piece;
                loop {
                    match decoder.decode(&mut rest, &mut trailers) {
                        Ok(Decoded::Data(data)) => content.extend_from_slice(data),
                        Ok(Decoded::NeedInput | Decoded::End) => break,
                        Err(found) => {
                            error = Some(found);
                            break;
                        }
                    }
                }
                used += piece.len() - rest.len();
            }
            // Behind an error, how much was held before depends on the cuts.
            let used = if error.is_none() { used } else { 0 };
            (content, used, error, decoder.is_complete())
        };
        assert_eq!(in_pieces(&cuts.pieces(&input.0)), in_pieces(&[&input.0]));
    }
    check(8000, 30, property as fn(Mess, Cuts));
}

#[test]
fn octets_without_sense_are_no_trouble() {
    fn property(input: Vec<u8>, cuts: Cuts) {
        let mut server = ServerConnection::new(Config::default(), Duration::ZERO);
        run(&mut server, &cuts.pieces(&input), true, answer);
        assert_bounded(&server, input.len());
        let mut client = asked();
        run(&mut client, &cuts.pieces(&input), true, |_, _, _| {});
        assert_bounded(&client, input.len());
    }
    check(3000, 300, property as fn(Vec<u8>, Cuts));
}

// ---- calls in all orders ----

/// One call.
#[derive(Clone, Debug)]
enum Call {
    Feed(Mess),
    Pull,
    Eof,
    Respond(u16),
    Informational(u16),
    Begin(u16, BodyLength),
    Data(u8),
    Splice(u8),
    Finish,
    Trailers,
    Abandon,
    Abort,
    Drain,
    Request(&'static str, BodyLength),
    RespondError,
    Wrote(u16),
    Arrived(u16),
    Advance(u16),
    Shrink,
}

impl Arbitrary for Call {
    fn arbitrary(g: &mut Gen) -> Self {
        let status = *g.choose(&[0, 100, 101, 103, 199, 200, 204, 304, 404, 999, 1000]).unwrap();
        let lengths = [
            BodyLength::None,
            BodyLength::Known(0),
            BodyLength::Known(20),
            BodyLength::Chunked,
            BodyLength::UntilClose,
        ];
        let body = *g.choose(&lengths).unwrap();
        match below(g, 32) {
            0..=6 => Self::Feed(Mess::arbitrary(g)),
            7..=9 => Self::Pull,
            10 => Self::Eof,
            11..=13 => Self::Respond(status),
            14 => Self::Informational(status),
            15..=16 => Self::Begin(status, body),
            17 => Self::Data(u8::arbitrary(g)),
            18 => Self::Splice(u8::arbitrary(g)),
            19..=20 => Self::Finish,
            21 => Self::Trailers,
            22 => Self::Abandon,
            23 => Self::Abort,
            24 => Self::Drain,
            25 | 26 => {
                let method = *g.choose(&["GET", "HEAD", "POST", "CONNECT", "G T"]).unwrap();
                Self::Request(method, body)
            }
            27 => Self::RespondError,
            28 => Self::Wrote(u16::arbitrary(g)),
            29 => Self::Arrived(u16::arbitrary(g)),
            30 => Self::Advance(u16::arbitrary(g)),
            _ => Self::Shrink,
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match self {
            Self::Feed(mess) => Box::new(mess.shrink().map(Self::Feed)),
            _ => quickcheck::empty_shrinker(),
        }
    }
}

/// A small configuration, so that limits and deadlines are met.
fn tight(mut config: Config) -> Config {
    (config.output_bytes_max, config.unread_body_bytes_max) = (200, 10);
    (config.requests_max, config.pipeline_max) = (Some(5), 3);
    (config.head_timeout, config.body_timeout) =
        (Duration::from_millis(90), Duration::from_millis(70));
    config.send_timeout = Duration::from_millis(110);
    config
}

/// A connection under calls, with what must be true of it after each.
struct Bench<C> {
    conn: C,
    input: Vec<u8>,
    head: Head,
    out: Vec<u8>,
    fed: usize,
    now: Duration,
    error: Option<ConnectionError>,
    unsent: u64,
}

impl<C: Endpoint> Bench<C> {
    fn new(conn: C) -> Self {
        Self {
            conn,
            input: Vec::new(),
            head: Head::new(),
            out: Vec::new(),
            fed: 0,
            now: Duration::ZERO,
            error: None,
            unsent: 0,
        }
    }

    /// Pulls to the end. One error is the same for ever.
    fn pull(&mut self) {
        let mut rest = self.input.as_slice();
        loop {
            match self.conn.next_event(&mut rest, &mut self.head) {
                Ok(Some(event)) => {
                    assert_eq!(self.error, None, "{event} behind an error");
                    if let Event::Data(data) = event {
                        assert!(!data.is_empty());
                    }
                }
                Ok(None) => {
                    assert!(rest.is_empty() || self.conn.is_paused(), "waits for nothing");
                    assert_eq!(self.error, None, "the error was told before");
                    break;
                }
                Err(error) => {
                    assert_eq!(*self.error.get_or_insert_with(|| error.clone()), error);
                    break;
                }
            }
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
    }

    fn time(&mut self, millis: u16) {
        self.now += Duration::from_millis(u64::from(millis % 64));
        if let Err(error) = self.conn.advance(self.now) {
            // Behind the first error only the output and the end of it all are waited for.
            let late =
                matches!(error.kind(), ErrorKind::Deadline(Deadline::Send | Deadline::Drain));
            assert!(self.error.is_none() || late, "{error} behind {:?}", self.error);
            let _ = self.error.get_or_insert(error);
        }
        let next = self.conn.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "a driver would spin: {next:?}");
    }

    /// After a call to send: an error has changed nothing, and what was appended is accounted.
    fn sent<T, E>(&mut self, before: usize, promised: usize, result: &Result<T, E>, unsent: u64) {
        let appended = self.out.len() - before + promised;
        assert!(result.is_ok() || appended == 0, "a refused call wrote something");
        assert_eq!(unsent, self.unsent + appended as u64);
        self.unsent = unsent;
    }
}

#[test]
fn no_order_of_calls_breaks_a_server() {
    fn property(calls: Vec<Call>) {
        let conn = ServerConnection::new(tight(Config::default()), Duration::ZERO);
        let mut bench = Bench::new(conn);
        let content = [b'x'; 255];
        for call in calls {
            let (before, mut promised) = (bench.out.len(), 0);
            let (conn, out) = (&mut bench.conn, &mut bench.out);
            let result = match call {
                Call::Feed(Mess(octets)) => {
                    bench.fed += octets.len();
                    bench.input.extend_from_slice(&octets);
                    bench.pull();
                    Ok(())
                }
                Call::Pull => {
                    bench.pull();
                    Ok(())
                }
                Call::Eof => {
                    conn.eof();
                    bench.pull();
                    Ok(())
                }
                Call::Respond(status) => conn.respond(status, [("x", "y")], b"hello", out),
                Call::Informational(status) => conn.send_informational(status, [("x", "y")], out),
                Call::Begin(status, body) => {
                    conn.send_response(status, [("upgrade", "x")], body, out)
                }
                Call::Data(octets) => {
                    conn.send_data(&content[..usize::from(octets)], out).map(|_| ())
                }
                Call::Splice(octets) => conn.send_data_splice(octets.into(), out).map(|splice| {
                    promised = splice.len;
                }),
                Call::Finish => conn.finish(out),
                Call::Trailers => conn.send_trailers([("x", "y")], out),
                Call::Abandon => {
                    conn.abandon_body();
                    Ok(())
                }
                Call::Abort => {
                    conn.abort_response();
                    Ok(())
                }
                Call::Drain => {
                    conn.drain();
                    Ok(())
                }
                Call::RespondError => {
                    if let Some(error) = &bench.error {
                        conn.respond_error(error, out);
                    }
                    Ok(())
                }
                Call::Wrote(octets) => {
                    let octets = u64::from(octets).min(bench.unsent);
                    conn.wrote(usize::try_from(octets).unwrap());
                    bench.unsent -= octets;
                    Ok(())
                }
                Call::Arrived(millis) => {
                    bench.now += Duration::from_millis(u64::from(millis % 8));
                    conn.arrived(bench.now);
                    Ok(())
                }
                Call::Advance(millis) => {
                    bench.time(millis);
                    Ok(())
                }
                Call::Shrink => {
                    conn.shrink();
                    Ok(())
                }
                Call::Request(..) => Ok(()),
            };
            let unsent = bench.conn.unsent();
            bench.sent(before, promised, &result, unsent);
            assert_bounded(&bench.conn, bench.fed);
            let _ = bench.conn.next_step();
        }
    }
    check(6000, 60, property as fn(Vec<Call>));
}

#[test]
fn no_order_of_calls_breaks_a_client() {
    fn property(calls: Vec<Call>) {
        let conn = ClientConnection::new(tight(Config::client()), Duration::ZERO);
        let mut bench = Bench::new(conn);
        let content = [b'x'; 255];
        for call in calls {
            let (before, mut promised) = (bench.out.len(), 0);
            let (conn, out) = (&mut bench.conn, &mut bench.out);
            let result = match call {
                Call::Feed(Mess(octets)) => {
                    bench.fed += octets.len();
                    bench.input.extend_from_slice(&octets);
                    bench.pull();
                    Ok(())
                }
                Call::Pull => {
                    bench.pull();
                    Ok(())
                }
                Call::Eof => {
                    conn.eof();
                    bench.pull();
                    Ok(())
                }
                Call::Request(method, body) => {
                    let target = if method == "CONNECT" { "a:1" } else { "/" };
                    let fields = [("host", if method == "CONNECT" { "a:1" } else { "a" })];
                    let able = conn.can_send_request();
                    let sent = conn.send_request((method, target), fields, body, out);
                    assert!(able || sent.is_err(), "it said that it cannot");
                    sent.map(|_| ())
                }
                Call::Respond(_) => {
                    let fields = [("host", "a"), ("upgrade", "x"), ("connection", "upgrade")];
                    conn.send_request(("GET", "/"), fields, BodyLength::None, out).map(|_| ())
                }
                Call::Begin(..) => {
                    let fields = [("host", "a"), ("expect", "100-continue")];
                    let body = BodyLength::Chunked;
                    conn.send_request(("PUT", "/"), fields, body, out).map(|_| ())
                }
                Call::Data(octets) => {
                    conn.send_data(&content[..usize::from(octets)], out).map(|_| ())
                }
                Call::Splice(octets) => conn.send_data_splice(octets.into(), out).map(|splice| {
                    promised = splice.len;
                }),
                Call::Finish => conn.finish(out),
                Call::Trailers => conn.send_trailers([("x", "y")], out),
                Call::Abandon | Call::Abort => {
                    conn.abandon_request();
                    Ok(())
                }
                Call::Drain => {
                    conn.drain();
                    Ok(())
                }
                Call::Wrote(octets) => {
                    let octets = u64::from(octets).min(bench.unsent);
                    conn.wrote(usize::try_from(octets).unwrap());
                    bench.unsent -= octets;
                    Ok(())
                }
                Call::Arrived(millis) => {
                    bench.now += Duration::from_millis(u64::from(millis % 8));
                    conn.arrived(bench.now);
                    Ok(())
                }
                Call::Advance(millis) => {
                    bench.time(millis);
                    Ok(())
                }
                Call::Shrink => {
                    conn.shrink();
                    Ok(())
                }
                Call::RespondError | Call::Informational(_) => Ok(()),
            };
            let unsent = bench.conn.unsent();
            bench.sent(before, promised, &result, unsent);
            assert_bounded(&bench.conn, bench.fed);
            assert_eq!(bench.conn.unfinished().count(), bench.conn.in_flight());
            assert!(bench.conn.in_flight() <= 3);
            let _ = bench.conn.next_step();
        }
    }
    check(6000, 60, property as fn(Vec<Call>));
}

// ---- linear work ----

/// The work of a server that gets this octet by octet.
#[track_caller]
fn work_of(input: &[u8]) -> u64 {
    let mut config = Config::default();
    (config.start_line_bytes_max, config.head_bytes_max) = (1 << 20, 1 << 20);
    (config.field_bytes_max, config.fields_max) = (1 << 20, 100_000);
    (config.trailers_bytes_max, config.trailers_max) = (1 << 20, 100_000);
    (config.chunk_line_bytes_max, config.chunk_extension_bytes_max) = (1 << 20, 1 << 20);
    let mut conn = ServerConnection::new(config, Duration::ZERO);
    let pieces: Vec<&[u8]> = input.chunks(1).collect();
    let log = run(&mut conn, &pieces, false, answer);
    assert_eq!(log.error, None);
    assert!(matches!(log.events.last(), Some(OwnedEvent::End { .. })), "it was read to its end");
    conn.work()
}

#[test]
fn the_work_is_linear_octet_by_octet() {
    type Make = fn(usize) -> String;
    let get = "GET / HTTP/1.1\r\nHost: a\r\n";
    let shapes: &[(&str, Make)] = &[
        ("one long field", |octets| format!("x: {}\r\n\r\n", "y".repeat(octets))),
        ("one long name", |octets| format!("{}: y\r\n\r\n", "x".repeat(octets))),
        ("short fields", |octets| "x: y\r\n".repeat(octets / 6) + "\r\n"),
        ("the shortest fields", |octets| "x:\r\n".repeat(octets / 4) + "\r\n"),
        ("fields of all lengths", |octets| {
            let mut lines = String::new();
            for length in (0..).take_while(|length| length * length / 2 < octets) {
                lines.push_str(&format!("x: {}\r\n", "y".repeat(length)));
            }
            lines + "\r\n"
        }),
        ("a field of spaces", |octets| format!("x:{}\r\n\r\n", " ".repeat(octets))),
    ];
    for (name, make) in shapes {
        for octets in [1 << 10, 4 << 10, 64 << 10] {
            let input = format!("{get}{}", make(octets));
            let (work, most) = (work_of(input.as_bytes()), 4 * input.len() as u64);
            assert!(work <= most, "{name}, {octets} octets: {work} over {most}");
        }
    }
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for octets in [1 << 10, 64 << 10] {
        for input in [
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(octets)),
            format!("{chunked}0\r\n{}\r\n", "x: y\r\n".repeat(octets / 6)),
            format!("{chunked}0\r\nx: {}\r\n\r\n", "y".repeat(octets)),
            format!("{chunked}0;a={}\r\n\r\n", "y".repeat(octets)),
            format!("{chunked}{}0\r\n\r\n", "1\r\nx\r\n".repeat(octets / 6)),
        ] {
            let (work, most) = (work_of(input.as_bytes()), 4 * input.len() as u64);
            assert!(work <= most, "{octets} octets: {work} over {most}");
        }
    }
}
