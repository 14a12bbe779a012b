//! A client under arbitrary octets.
//!
//! The first octet chooses which requests are outstanding and how tight the limits are; the rest
//! is what the server sends.

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, Event, Head, NextStep, OwnedEvent, RequestLine, Version,
};

use crate::transcript::Transcript;
use crate::{cuts, limits};

/// As for a server; see `h1_request`.
const WORK_PER_OCTET: u64 = 4;

/// What the first octet chooses.
#[derive(Clone, Copy)]
struct Options {
    requests: &'static [Request],
    small: bool,
    lenient: bool,
    eof: bool,
}

#[derive(Clone, Copy)]
enum Request {
    Get,
    Head,
    Connect,
    Upgrade,
    Old,
    Last,
    /// With content that is not complete.
    Expect,
}

impl Options {
    fn of(octet: u8) -> Self {
        use Request::{Connect, Expect, Get, Head, Last, Old, Upgrade};
        let requests: &[Request] = match octet & 7 {
            0 => &[Get],
            1 => &[Get, Head, Get, Get],
            2 => &[Connect],
            3 => &[Upgrade],
            4 => &[Expect],
            5 => &[Old, Head],
            6 => &[],
            _ => &[Get, Last],
        };
        Self { requests, small: octet & 8 != 0, lenient: octet & 16 != 0, eof: octet & 32 != 0 }
    }
}

/// A client must never panic, must not let the cuts of its input show, must do bounded work, must
/// repeat its errors, must leave input only while it is paused, must take no more answers than it
/// has requests and must know which of them have none.
///
/// # Panics
/// If one of these does not hold.
pub fn check(input: &[u8]) {
    let Some((&first, octets)) = input.split_first() else { return };
    let options = Options::of(first);
    // Later runs find what the ones before have left in it.
    let (mut whole, mut head) = (None, Head::new());
    for pieces in cuts::all(octets).into_iter().chain([vec![octets]]) {
        let transcript = Run::new(options, &mut head).over(&pieces, octets.len() as u64);
        match &whole {
            None => whole = Some(transcript),
            Some(whole) => assert_eq!(&transcript, whole, "the cuts of the input show"),
        }
    }
}

struct Run<'h> {
    options: Options,
    config: Config,
    conn: ClientConnection,
    sent: usize,
    head: &'h mut Head,
    transcript: Transcript,
}

impl<'h> Run<'h> {
    fn new(options: Options, head: &'h mut Head) -> Self {
        let config = limits::config(options.small, options.lenient);
        let mut transcript = Transcript::default();
        let mut conn = ClientConnection::new(config.clone(), Duration::ZERO);
        for request in options.requests {
            send(*request, &mut conn, &mut transcript.out);
        }
        conn.wrote(transcript.out.len());
        let sent = options.requests.len();
        Self { options, config, conn, sent, head, transcript }
    }

    fn over(mut self, pieces: &[&[u8]], octets: u64) -> Transcript {
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
        let is_end = |event: &&OwnedEvent| matches!(event, OwnedEvent::End { .. });
        let ended = self.transcript.events.iter().filter(is_end).count();
        assert_eq!(ended + self.conn.unfinished().count(), self.sent);
        self.transcript.next = Some(self.conn.next_step());
        if self.transcript.is_upgraded() {
            assert_eq!(self.transcript.next, Some(NextStep::HandOver));
            assert_eq!(received + kept.len() as u64, octets, "octets lost at the switch");
            self.transcript.left = kept;
        }
        misuse(&mut self.conn);
        self.transcript
    }

    fn pull(&mut self, kept: &mut Vec<u8>) {
        let mut rest = kept.as_slice();
        let mut steps_left = 8 + 4 * rest.len();
        loop {
            steps_left = steps_left.checked_sub(1).expect("pulling does not end");
            let before = rest.len();
            match self.conn.next_event(&mut rest, self.head) {
                Ok(Some(event)) => {
                    assert!(rest.len() <= before);
                    check_status(&event);
                    self.transcript.push(&event, &self.config);
                }
                Ok(None) => {
                    assert!(rest.is_empty() || self.conn.is_paused(), "input left, not paused");
                    break;
                }
                Err(error) => {
                    let again = self.conn.next_event(&mut &b"HTTP"[..], self.head);
                    assert_eq!(again.err().as_ref(), Some(&error));
                    assert_eq!(self.conn.next_step(), NextStep::Close);
                    assert!(!self.conn.can_send_request());
                    if let Some(before) = &self.transcript.error {
                        assert_eq!(before, &error, "another error");
                    }
                    self.transcript.error = Some(error);
                    break;
                }
            }
        }
        let used = kept.len() - rest.len();
        kept.drain(..used);
    }
}

fn check_status(event: &Event<'_, '_>) {
    if let Event::Head { head, body, .. } = event {
        let status = head.status();
        assert!((200..1000).contains(&status) || status == 101, "{status}");
        assert!(!matches!(status, 101 | 204 | 304) || *body == BodyLength::None);
    }
}

fn send(request: Request, conn: &mut ClientConnection, out: &mut Vec<u8>) {
    let (method, target) = match request {
        Request::Head => ("HEAD", "/"),
        Request::Connect => ("CONNECT", "a:1"),
        Request::Expect => ("POST", "/"),
        Request::Get | Request::Upgrade | Request::Old | Request::Last => ("GET", "/"),
    };
    let fields: &[(&str, &str)] = match request {
        Request::Upgrade => &[("host", "a"), ("connection", "upgrade"), ("upgrade", "echo")],
        Request::Old => &[("host", "a"), ("connection", "keep-alive")],
        Request::Last => &[("host", "a"), ("connection", "close")],
        Request::Expect => &[("host", "a"), ("expect", "100-continue")],
        Request::Connect => &[("host", "a:1")],
        Request::Get | Request::Head => &[("host", "a")],
    };
    let version = match request {
        Request::Old => Version::Http10,
        _ => Version::Http11,
    };
    let body = match request {
        Request::Expect => BodyLength::Chunked,
        _ => BodyLength::None,
    };
    let line = RequestLine { method: method.as_bytes(), target: target.as_bytes(), version };
    conn.send_request(line, fields, body, out).expect("a request");
}

/// Calls that fit no state; none may panic.
fn misuse(conn: &mut ClientConnection) {
    let mut out = Vec::new();
    let _ = conn.send_data(b"x", &mut out);
    let _ = conn.finish(&mut out);
    let _ = conn.send_trailers([("a", "b")], &mut out);
    let _ = conn.send_request(("GET", "/"), [("host", "a")], BodyLength::Known(3), &mut out);
    conn.abandon_request();
    conn.wrote(usize::MAX);
    assert_eq!(conn.unsent(), 0);
    conn.shrink();
    conn.drain();
    let _ = conn.advance(Duration::MAX);
    let _ = conn.next_event(&mut &b"\r\nHTTP"[..], &mut Head::new());
    let _ = conn.next_step();
    let _ = conn.next_deadline();
}
