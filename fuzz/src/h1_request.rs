//! A server under arbitrary octets.
//!
//! The first octet chooses how the application behaves and how tight the limits are; the rest is
//! what the client sends.

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, Event, Field, Head, NextStep, RequestLine,
    ServerConnection,
};

use crate::transcript::Transcript;
use crate::{cuts, limits};

/// Octets looked at for each octet received: once when it comes in an unfinished head, once when
/// it turns out to end a line, once with its line, once with the complete head.
const WORK_PER_OCTET: u64 = 4;

/// What the first octet chooses.
#[derive(Clone, Copy)]
struct Options {
    answer: Answer,
    small: bool,
    lenient: bool,
    eof: bool,
}

/// When and how the application answers. Nothing here depends on how data is cut.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    AtHead,
    ChunkedAtEnd,
    AbandonThenWhenPaused,
    OnlyWhenPaused,
    AfterInterim,
    Switch,
    Never,
    UntilCloseAndDrain,
}

impl Options {
    fn of(octet: u8) -> Self {
        let answer = match octet & 7 {
            0 => Answer::AtHead,
            1 => Answer::ChunkedAtEnd,
            2 => Answer::AbandonThenWhenPaused,
            3 => Answer::OnlyWhenPaused,
            4 => Answer::AfterInterim,
            5 => Answer::Switch,
            6 => Answer::Never,
            _ => Answer::UntilCloseAndDrain,
        };
        Self { answer, small: octet & 8 != 0, lenient: octet & 16 != 0, eof: octet & 32 != 0 }
    }
}

/// A server must never panic, must not let the cuts of its input show, must do bounded work, must
/// repeat its errors, must leave input only while it is paused; and what it sends, a client reads.
///
/// # Panics
/// If one of these does not hold.
pub fn check(input: &[u8]) {
    let Some((&first, octets)) = input.split_first() else { return };
    let options = Options::of(first);
    // Later runs find what the ones before have left in it.
    let (mut whole, mut head) = (None, Head::new());
    for pieces in cuts::all(octets).into_iter().chain([vec![octets]]) {
        let (transcript, exchanges) =
            Run::new(options, &mut head).over(&pieces, octets.len() as u64);
        match &whole {
            None => {
                check_answers(&transcript.out, &exchanges);
                whole = Some(transcript);
            }
            Some(whole) => assert_eq!(&transcript, whole, "the cuts of the input show"),
        }
    }
}

/// A request, or what was broken in its place, and where its answer is.
struct Exchange {
    method: Vec<u8>,
    from: usize,
    content: Vec<u8>,
    upgrades: bool,
    /// The final response has gone, whoever made it.
    answered: bool,
    /// The server answered by itself.
    broken: bool,
}

struct Run<'h> {
    options: Options,
    config: Config,
    conn: ServerConnection,
    head: &'h mut Head,
    transcript: Transcript,
    exchanges: Vec<Exchange>,
}

impl<'h> Run<'h> {
    fn new(options: Options, head: &'h mut Head) -> Self {
        let config = limits::config(options.small, options.lenient);
        Self {
            options,
            conn: ServerConnection::new(config.clone(), Duration::ZERO),
            config,
            head,
            transcript: Transcript::default(),
            exchanges: Vec::new(),
        }
    }

    fn over(mut self, pieces: &[&[u8]], octets: u64) -> (Transcript, Vec<Exchange>) {
        let mut kept = Vec::new();
        for piece in pieces {
            kept.extend_from_slice(piece);
            self.pull(&mut kept);
        }
        if self.options.eof {
            self.conn.eof();
            self.pull(&mut kept);
        }
        let received = self.conn.received();
        assert!(received <= octets, "received {received} of {octets}");
        let (work, bound) = (self.conn.work(), WORK_PER_OCTET * octets);
        assert!(work <= bound, "work {work} for {octets} octets");
        self.transcript.next = Some(self.conn.next_step());
        if self.transcript.is_upgraded() {
            assert_eq!(received + kept.len() as u64, octets, "octets lost at the switch");
            self.transcript.left = kept;
        }
        misuse(&mut self.conn);
        (self.transcript, self.exchanges)
    }

    fn pull(&mut self, kept: &mut Vec<u8>) {
        let mut rest = kept.as_slice();
        let mut steps_left = 8 + 4 * rest.len();
        loop {
            steps_left = steps_left.checked_sub(1).expect("pulling does not end");
            let mut head = core::mem::take(self.head);
            let before = rest.len();
            let pulled = self.conn.next_event(&mut rest, &mut head);
            assert!(rest.len() <= before);
            let go_on = match &pulled {
                Ok(Some(event)) => {
                    self.transcript.push(event, &self.config);
                    self.answer(event);
                    true
                }
                Ok(None) => {
                    assert!(rest.is_empty() || self.conn.is_paused(), "input left, not paused");
                    self.answer_late()
                }
                Err(error) => {
                    let mut other = Head::new();
                    let again = self.conn.next_event(&mut &b"GET"[..], &mut other);
                    assert_eq!(again.err().as_ref(), Some(error));
                    if let Some(before) = &self.transcript.error {
                        assert_eq!(before, error, "another error");
                    } else {
                        self.transcript.error = Some(error.clone());
                        // Content that was abandoned may break too; then its own answer is owed.
                        let answered = self.exchanges.last().is_none_or(|last| last.answered);
                        if self.transcript.is_between() && answered {
                            self.open(b"GET");
                        }
                        let exchange = self.exchanges.last_mut().expect("just opened");
                        (exchange.answered, exchange.broken) = (true, true);
                        self.conn.respond_error(error, &mut self.transcript.out);
                        let next = self.conn.next_step();
                        assert!(!matches!(next, NextStep::Read | NextStep::HandOver), "{next:?}");
                    }
                    false
                }
            };
            *self.head = head;
            if !go_on {
                break;
            }
        }
        let used = kept.len() - rest.len();
        kept.drain(..used);
    }

    fn open(&mut self, method: &[u8]) {
        self.exchanges.push(Exchange {
            method: method.to_vec(),
            from: self.transcript.out.len(),
            content: Vec::new(),
            upgrades: false,
            answered: false,
            broken: false,
        });
    }

    fn answer(&mut self, event: &Event<'_, '_>) {
        match (event, self.options.answer) {
            (Event::Head { head, body, expects_continue, .. }, answer) => {
                self.open(head.method());
                if !self.options.lenient {
                    check_forwarded(head, *body);
                }
                match answer {
                    Answer::AtHead => self.respond(b"hello"),
                    Answer::AbandonThenWhenPaused if !is_empty(*body) => {
                        self.conn.abandon_body();
                        self.transcript.abandon();
                    }
                    Answer::AfterInterim => {
                        let out = &mut self.transcript.out;
                        if *expects_continue {
                            self.conn.send_informational(100, NONE, out).expect("owed");
                        }
                        let hints = [("link", "</a.css>; rel=preload")];
                        self.conn.send_informational(103, hints, out).expect("owed");
                    }
                    Answer::UntilCloseAndDrain => {
                        self.conn.drain();
                        let (status, out) = (self.status(), &mut self.transcript.out);
                        let body = BodyLength::UntilClose;
                        self.conn.send_response(status, NONE, body, out).expect("owed");
                        self.send(b"the last words");
                        self.conn.finish(&mut self.transcript.out).expect("begun");
                    }
                    _ => {}
                }
            }
            (Event::End { .. }, Answer::ChunkedAtEnd) => {
                let (status, out) = (self.status(), &mut self.transcript.out);
                self.conn.send_response(status, NONE, BodyLength::Chunked, out).expect("owed");
                self.send(b"one,");
                self.send(b"two");
                let trailers = [("x-sum", "7")];
                self.conn.send_trailers(trailers, &mut self.transcript.out).expect("begun");
            }
            (Event::End { .. }, Answer::AfterInterim) => self.respond(b""),
            (Event::End { .. }, Answer::Switch) => {
                let is_connect = self.is_connect();
                let out = &mut self.transcript.out;
                let fields = [("upgrade", "echo")];
                if self.conn.send_response(101, fields, BodyLength::None, out).is_ok() {
                    let exchange = self.exchanges.last_mut().expect("an event follows a head");
                    (exchange.answered, exchange.upgrades) = (true, true);
                } else if is_connect {
                    self.conn.send_response(200, NONE, BodyLength::None, out).expect("owed");
                    self.note(b"");
                } else {
                    self.respond(b"no switch");
                }
            }
            _ => {}
        }
    }

    /// A 2xx to CONNECT has no content; only one policy opens tunnels.
    fn status(&self) -> u16 {
        if self.is_connect() { 405 } else { 200 }
    }

    fn is_connect(&self) -> bool {
        self.exchanges.last().is_some_and(|exchange| exchange.method == b"CONNECT")
    }

    /// Whether it answered, so that pulling goes on.
    fn answer_late(&mut self) -> bool {
        let late = [Answer::OnlyWhenPaused, Answer::AbandonThenWhenPaused];
        if !late.contains(&self.options.answer)
            || !self.conn.is_paused()
            || !self.conn.owes_answer()
        {
            return false;
        }
        self.respond(b"late");
        true
    }

    fn respond(&mut self, content: &[u8]) {
        let fields = [("content-type", "text/plain")];
        self.conn.respond(self.status(), fields, content, &mut self.transcript.out).expect("owed");
        self.note(content);
    }

    fn send(&mut self, data: &[u8]) {
        let sent = self.conn.send_data(data, &mut self.transcript.out);
        assert_eq!(sent, Ok(data.len()));
        self.note(data);
    }

    fn note(&mut self, content: &[u8]) {
        let exchange = self.exchanges.last_mut().expect("an answer follows a head");
        exchange.answered = true;
        if exchange.method != b"HEAD" {
            exchange.content.extend_from_slice(content);
        }
    }
}

const NONE: [Field<'static>; 0] = [];

/// Without content a message ends at once, so there is nothing to abandon.
fn is_empty(body: BodyLength) -> bool {
    matches!(body, BodyLength::None | BodyLength::Known(0))
}

/// Each answer, read by a client that asked the like.
fn check_answers(out: &[u8], exchanges: &[Exchange]) {
    let ends = exchanges.iter().skip(1).map(|exchange| exchange.from).chain([out.len()]);
    for (exchange, end) in exchanges.iter().zip(ends) {
        let mut input = &out[exchange.from..end];
        if input.is_empty() || !exchange.answered {
            continue;
        }
        let mut client = ClientConnection::new(Config::client(), Duration::ZERO);
        let target: &[u8] = if exchange.method == b"CONNECT" { b"a:1" } else { b"/" };
        let line =
            RequestLine { method: &exchange.method, target, version: h1_proto::Version::Http11 };
        let upgrade = [("host", "a:1"), ("connection", "upgrade"), ("upgrade", "echo")];
        let fields = if exchange.upgrades { &upgrade[..] } else { &upgrade[..1] };
        client.send_request(line, fields, BodyLength::None, &mut Vec::new()).expect("a request");
        let mut transcript = Transcript::default();
        let mut head = Head::new();
        let mut content = Vec::new();
        let mut ended = false;
        loop {
            match client.next_event(&mut input, &mut head) {
                Ok(Some(event)) => {
                    transcript.push(&event, &Config::client());
                    match event {
                        Event::Data(data) => content.extend_from_slice(data),
                        Event::End { .. } => ended = true,
                        _ => {}
                    }
                }
                Ok(None) if !ended => {
                    assert!(input.is_empty());
                    client.eof();
                    ended = true;
                }
                Ok(None) => break,
                Err(error) => panic!("a client refuses what the server sent: {error}"),
            }
        }
        assert!(transcript.is_between() || transcript.is_upgraded(), "an answer was cut");
        assert!(input.is_empty(), "more than an answer");
        assert!(exchange.broken || content == exchange.content, "other content than was sent");
    }
}

/// What the server took, a client can send on, and a server reads the same there.
fn check_forwarded(head: &Head, body: BodyLength) {
    let mut client = ClientConnection::new(Config::client(), Duration::ZERO);
    let mut out = Vec::new();
    let line =
        RequestLine { method: head.method(), target: head.target(), version: head.version() };
    if client.send_request(line, head.end_to_end_fields(), body, &mut out).is_err() {
        // A Host that the request-target overrides is to be replaced by who sends it on.
        let overridden = head.field("host").is_some_and(|host| head.authority() != Some(host));
        assert!(overridden, "cannot be sent on: {head}");
        return;
    }
    let mut config = Config::default();
    config.head_bytes_max *= 2;
    config.field_bytes_max *= 2;
    config.fields_max += 1;
    let mut server = ServerConnection::new(config, Duration::ZERO);
    let mut again = Head::new();
    let event = server.next_event(&mut out.as_slice(), &mut again);
    let Ok(Some(Event::Head { head: again, body: body_again, .. })) = event else {
        panic!("{event:?} for what was sent on: {head}");
    };
    assert_eq!((again.method(), again.target()), (head.method(), head.target()));
    assert_eq!((again.version(), body_again), (head.version(), body));
    let framing = |field: &Field<'_>| !field.name.eq_ignore_ascii_case(b"transfer-encoding");
    assert!(again.fields().filter(framing).eq(head.end_to_end_fields()), "{again} for {head}");
}

/// Calls that fit no state; none may panic.
fn misuse(conn: &mut ServerConnection) {
    let mut out = Vec::new();
    let _ = conn.send_informational(103, NONE, &mut out);
    let _ = conn.send_data(b"x", &mut out);
    let _ = conn.finish(&mut out);
    let _ = conn.send_trailers(NONE, &mut out);
    let _ = conn.respond(200, NONE, b"x", &mut out);
    let _ = conn.send_response(101, NONE, BodyLength::None, &mut out);
    conn.wrote(usize::MAX);
    assert_eq!(conn.unsent(), 0);
    conn.abandon_body();
    conn.abort_response();
    conn.shrink();
    conn.drain();
    let _ = conn.advance(Duration::MAX);
    let _ = conn.next_event(&mut &b"\r\nGET"[..], &mut Head::new());
    let _ = conn.next_step();
    let _ = conn.next_deadline();
}
