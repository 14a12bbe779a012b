//! Properties of both roles over random messages, cuts and octets.

mod properties_h1_made;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use h1_proto::{
    BodyLength, ChunkedDecoder, ClientConnection, Config, ConnectionError, Decoded, Event, Head,
    NextStep, OwnedEvent, ServerConnection, Version, grammar,
};
use properties_h1_made::{
    Lines, Mess, assert_bounded, below, check, content, fields, octets, token,
};
use quickcheck::{Arbitrary, Gen};
use tests::endpoint::Endpoint;

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
