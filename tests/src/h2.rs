//! A connection of HTTP/2 on a desk, past its greeting: a test feeds it by hand, reads what it
//! sends as frames, and is its clock. And split invariance: however the octets are cut, the same
//! happens.

use core::fmt;
use core::time::Duration;

use h2_proto::testing::{FrameLog, bytes};
use h2_proto::{
    ClientConnection, Config, ConnectionError, ErrorCode, ErrorKind, Event, NextStep, OwnedEvent,
    RequestLine, ServerConnection, StreamId,
};
use hpack::FieldBuf;

use crate::field_block::{FieldBlock, Literal};
use crate::frames::{Frame, PREFACE, flag, kind};

/// Types of frames and settings that only tests of HTTP/2 speak of.
pub mod more {
    pub use h2_proto::testing::kind::{PRIORITY, PRIORITY_UPDATE, PUSH_PROMISE};
    pub use h2_proto::testing::setting::{INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE};
}

/// What both roles have, so that one desk holds either.
pub trait Endpoint: Clone {
    /// See the connection's `next_event`.
    ///
    /// # Errors
    /// As there.
    fn next_event<'i, 'f>(
        &mut self,
        input: &mut &'i [u8],
        fields: &'f mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'i, 'f>>, ConnectionError>;
    /// See the connection's `wrote`.
    fn wrote(&mut self, octets: usize);
    /// See the connection's `is_paused`.
    fn is_paused(&self) -> bool;
    /// See the connection's `eof`.
    fn eof(&mut self);
    /// See the connection's `arrived`.
    fn arrived(&mut self, now: Duration);
    /// See the connection's `advance`.
    ///
    /// # Errors
    /// As there.
    fn advance(&mut self, now: Duration, out: &mut Vec<u8>) -> Result<(), ConnectionError>;
    /// See the connection's `next_deadline`.
    fn next_deadline(&self) -> Option<Duration>;
    /// See the connection's `next_step`.
    fn next_step(&self) -> NextStep;
}

macro_rules! endpoint {
    ($connection:ty) => {
        impl Endpoint for $connection {
            fn next_event<'i, 'f>(
                &mut self,
                input: &mut &'i [u8],
                fields: &'f mut FieldBuf,
                out: &mut Vec<u8>,
            ) -> Result<Option<Event<'i, 'f>>, ConnectionError> {
                self.next_event(input, fields, out)
            }
            fn wrote(&mut self, octets: usize) {
                self.wrote(octets);
            }
            fn is_paused(&self) -> bool {
                self.is_paused()
            }
            fn eof(&mut self) {
                self.eof();
            }
            fn arrived(&mut self, now: Duration) {
                self.arrived(now);
            }
            fn advance(&mut self, now: Duration, out: &mut Vec<u8>) -> Result<(), ConnectionError> {
                self.advance(now, out)
            }
            fn next_deadline(&self) -> Option<Duration> {
                self.next_deadline()
            }
            fn next_step(&self) -> NextStep {
                self.next_step()
            }
        }
    };
}

endpoint!(ServerConnection);
endpoint!(ClientConnection);

// ---- octets that a peer sends ----

/// A frame.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    Frame::new(kind, flags, stream, payload.as_ref()).to_bytes()
}

/// HEADERS with a whole field block.
#[must_use]
pub fn headers(stream: u32, flags: u8, block: impl AsRef<[u8]>) -> Vec<u8> {
    Frame::headers_of_block(stream, block).flag(flags).to_bytes()
}

/// The smallest request, without content: GET, http, `/`.
#[must_use]
pub fn get(stream: u32) -> Vec<u8> {
    headers(stream, flag::END_STREAM, [0x82, 0x86, 0x84])
}

/// The head of a POST.
#[must_use]
pub fn post(stream: u32) -> Vec<u8> {
    headers(stream, 0, [0x83, 0x86, 0x84])
}

/// The field block of a GET with further fields.
#[must_use]
pub fn get_block(fields: &[(&str, &str)]) -> FieldBlock {
    block(&[&[(":method", "GET"), (":scheme", "http"), (":path", "/")], fields].concat())
}

/// A field block that leaves the tables alone.
#[must_use]
pub fn block(fields: &[(&str, &str)]) -> FieldBlock {
    fields.iter().fold(FieldBlock::raw(), |block, (name, value)| {
        block.literal(Literal::Without, *name, value)
    })
}

/// DATA.
#[must_use]
pub fn data(stream: u32, flags: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    Frame::data(stream, payload).flag(flags).to_bytes()
}

/// RST_STREAM with CANCEL.
#[must_use]
pub fn cancel(stream: u32) -> Vec<u8> {
    Frame::rst_stream(stream, ErrorCode::CANCEL).to_bytes()
}

/// WINDOW_UPDATE.
#[must_use]
pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    Frame::window_update(stream, increment).to_bytes()
}

/// PING.
#[must_use]
pub fn ping() -> Vec<u8> {
    Frame::ping(*b"12345678").to_bytes()
}

/// PRIORITY, with a weight of 16.
#[must_use]
pub fn priority(stream: u32, depends_on: u32) -> Vec<u8> {
    Frame::priority(stream, depends_on, 16).to_bytes()
}

/// SETTINGS.
#[must_use]
pub fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    Frame::settings(entries.iter().copied()).to_bytes()
}

/// The acknowledgement of SETTINGS.
#[must_use]
pub fn settings_ack() -> Vec<u8> {
    Frame::settings_ack().to_bytes()
}

/// GOAWAY.
#[must_use]
pub fn goaway(last_stream: u32, code: ErrorCode, debug_data: impl AsRef<[u8]>) -> Vec<u8> {
    Frame::goaway(last_stream, code, debug_data).to_bytes()
}

// ---- what a connection sent ----

/// The frames in these octets.
///
/// # Panics
/// If they are not whole frames, each well-formed.
#[must_use]
#[track_caller]
pub fn parse(octets: &[u8]) -> Vec<Frame> {
    let mut rest = octets;
    let frames: Vec<_> = core::iter::from_fn(|| Frame::read(&mut rest)).collect();
    assert!(rest.is_empty(), "half a frame: {}", rest.escape_ascii());
    for frame in &frames {
        assert_eq!(frame.fault(), None, "{frame}");
    }
    frames
}

/// The streams that were reset, and the codes.
#[must_use]
pub fn resets(frames: &[Frame]) -> Vec<(u32, ErrorCode)> {
    let resets = frames.iter().filter(|frame| frame.kind == kind::RST_STREAM);
    resets.map(|frame| (frame.stream, word(&frame.payload))).collect()
}

/// The code of the GOAWAY that is the last frame, if one is.
#[must_use]
pub fn farewell(frames: &[Frame]) -> Option<ErrorCode> {
    let last = frames.last().filter(|frame| frame.kind == kind::GOAWAY)?;
    Some(word(&last.payload[4..]))
}

/// Octets that the WINDOW_UPDATE frames of a stream, 0 for the connection, give back.
#[must_use]
pub fn credit(frames: &[Frame], stream: u32) -> u32 {
    let updates = frames.iter().filter(|it| it.kind == kind::WINDOW_UPDATE && it.stream == stream);
    updates.map(|frame| word(&frame.payload).0).sum()
}

fn word(payload: &[u8]) -> ErrorCode {
    ErrorCode(u32::from_be_bytes(*payload.first_chunk().expect("32 bits")))
}

// ---- the desk ----

/// One connection with its buffers, at a time that the test sets.
#[derive(Clone, Debug)]
pub struct Desk<C> {
    /// The connection.
    pub conn: C,
    /// Output that the transport has not taken.
    pub out: Vec<u8>,
    /// Input that the connection has not used.
    pub input: Vec<u8>,
    /// The first error.
    pub error: Option<ConnectionError>,
    /// What time it is.
    pub now: Duration,
    fields: FieldBuf,
}

impl Desk<ServerConnection> {
    /// A server at time 0, whose client has said nothing.
    #[must_use]
    pub fn silent_server(config: Config) -> Self {
        let mut out = Vec::new();
        Self::around(ServerConnection::new(config, Duration::ZERO, &mut out), out)
    }

    /// A server at time 0, past the greeting of both sides; its output is taken.
    #[must_use]
    pub fn server(config: Config) -> Self {
        let mut desk = Self::silent_server(config);
        desk.feed([PREFACE, &settings(&[]), &settings_ack()].concat());
        desk.sent();
        desk
    }
}

impl Desk<ClientConnection> {
    /// A client at time 0, past the greeting of both sides; its output is taken.
    ///
    /// # Panics
    /// If it does not greet.
    #[must_use]
    pub fn client(config: Config) -> Self {
        let mut out = Vec::new();
        let conn = ClientConnection::new(config, Duration::ZERO, &mut out);
        assert!(out.starts_with(PREFACE));
        let mut desk = Self::around(conn, out);
        desk.feed([settings(&[]), settings_ack()].concat());
        desk.take();
        desk
    }

    /// Sends a GET.
    ///
    /// # Panics
    /// If it cannot.
    pub fn get(&mut self) -> StreamId {
        let line = RequestLine::new("GET", "http", "a.example", "/");
        let none: [(&str, &str); 0] = [];
        self.conn.send_request(line, none.iter(), true, &mut self.out).expect("a stream is free")
    }
}

impl<C: Endpoint> Desk<C> {
    /// A connection with what it has sent.
    #[must_use]
    pub fn around(conn: C, out: Vec<u8>) -> Self {
        let (input, fields) = (Vec::new(), FieldBuf::new());
        Self { conn, out, input, error: None, now: Duration::ZERO, fields }
    }

    /// Octets arrive: pulls all events, then tells the time.
    pub fn feed(&mut self, octets: impl AsRef<[u8]>) -> Vec<OwnedEvent> {
        self.feed_with(octets, |_, _, _| {})
    }

    /// As [`feed`](Self::feed); each event is answered.
    pub fn feed_with(
        &mut self,
        octets: impl AsRef<[u8]>,
        answer: impl FnMut(&Event<'_, '_>, &mut C, &mut Vec<u8>),
    ) -> Vec<OwnedEvent> {
        self.input.extend_from_slice(octets.as_ref());
        self.conn.arrived(self.now);
        let events = self.pull_with(answer);
        self.tick(Duration::ZERO);
        events
    }

    /// Pulls all events of the input that is there.
    pub fn pull(&mut self) -> Vec<OwnedEvent> {
        self.pull_with(|_, _, _| {})
    }

    fn pull_with(
        &mut self,
        mut answer: impl FnMut(&Event<'_, '_>, &mut C, &mut Vec<u8>),
    ) -> Vec<OwnedEvent> {
        let mut events = Vec::new();
        let mut rest = self.input.as_slice();
        loop {
            match self.conn.next_event(&mut rest, &mut self.fields, &mut self.out) {
                Ok(Some(event)) => {
                    push(&mut events, &event);
                    answer(&event, &mut self.conn, &mut self.out);
                }
                Ok(None) => break,
                Err(error) => {
                    self.error.get_or_insert(error);
                    break;
                }
            }
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        events
    }

    /// Time passes. Whether nothing expired.
    pub fn tick(&mut self, time: Duration) -> bool {
        self.now += time;
        let error = self.conn.advance(self.now, &mut self.out).err();
        let fine = error.is_none();
        if let Some(error) = error {
            self.error.get_or_insert(error);
        }
        fine
    }

    /// Waits for the next deadline, whatever it is, and lets it pass.
    ///
    /// # Panics
    /// If nothing is waited for.
    #[track_caller]
    pub fn wait(&mut self) -> Duration {
        let until = self.conn.next_deadline().expect("something is waited for");
        assert!(until > self.now, "a deadline that has passed would keep a driver spinning");
        self.tick(until - self.now);
        until
    }

    /// The transport takes all of the output.
    pub fn take(&mut self) -> Vec<u8> {
        self.conn.wrote(self.out.len());
        core::mem::take(&mut self.out)
    }

    /// The transport takes all of the output: its frames.
    #[track_caller]
    pub fn sent(&mut self) -> Vec<Frame> {
        parse(&self.take())
    }

    /// What broke the connection.
    ///
    /// # Panics
    /// If nothing did.
    #[must_use]
    #[track_caller]
    pub fn kind(&self) -> ErrorKind {
        self.error.as_ref().expect("an error of the connection").kind()
    }
}

fn push(events: &mut Vec<OwnedEvent>, event: &Event<'_, '_>) {
    if let (
        Event::Data { stream, data, credit, end_stream },
        Some(OwnedEvent::Data { stream: last, data: joined, credit: sum, end_stream: end }),
    ) = (event, events.last_mut())
        && last == stream
    {
        joined.extend_from_slice(data);
        *sum += credit;
        *end |= end_stream;
    } else {
        events.push(event.to_owned());
    }
}

// ---- however it is cut ----

/// What happened, whatever the cuts.
#[derive(Clone, PartialEq, Eq)]
pub struct Log {
    /// The events, adjacent data merged.
    pub events: Vec<OwnedEvent>,
    /// All that was sent.
    pub frames: Vec<Frame>,
    /// What ended it, if something did.
    pub error: Option<ConnectionError>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events.iter().try_for_each(|event| writeln!(f, "  {event:?}"))?;
        let mut log = FrameLog::server();
        log.feed(&bytes(&self.frames));
        log.to_string().lines().try_for_each(|line| writeln!(f, "  > {line}"))?;
        write!(f, "  {:?}", self.error)
    }
}

impl Log {
    /// Asserts that the connection broke by this, and said so last.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn assert_broke(&self, kind: ErrorKind) -> &Self {
        let error = self.error.as_ref().unwrap_or_else(|| panic!("no {kind:?}\n{self:?}"));
        assert_eq!(error.kind(), kind, "{self:?}");
        assert_eq!(farewell(&self.frames), Some(kind.code()), "{self:?}");
        self
    }

    /// Asserts that the connection lives, and that this stream alone was reset, by this.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    pub fn assert_reset(&self, stream: u32, kind: ErrorKind) -> &Self {
        assert_eq!(self.error, None, "{self:?}");
        assert_eq!(resets(&self.frames), [(stream, kind.code())], "{self:?}");
        let named = self.events.iter().any(|event| match event {
            OwnedEvent::Refused { stream: id, kind: why } => id.get() == stream && *why == kind,
            OwnedEvent::Reset { stream: id, by, .. } => {
                id.get() == stream && *by == h2_proto::ResetBy::Us(kind)
            }
            _ => false,
        });
        assert!(named, "{kind:?} is told\n{self:?}");
        self
    }

    /// Asserts that nothing is wrong.
    ///
    /// # Panics
    /// If something is.
    #[track_caller]
    pub fn assert_fine(&self) -> &Self {
        assert_eq!(self.error, None, "{self:?}");
        assert_eq!(resets(&self.frames), [], "{self:?}");
        self
    }

    /// How many requests were surfaced.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, OwnedEvent::Request { .. })).count()
    }
}

/// Feeds a server past its greeting, in all cuts; nobody answers.
#[track_caller]
pub fn server(input: impl AsRef<[u8]>) -> Log {
    every_cut(&Desk::server(Config::default()), input, |_, _, _| {})
}

/// Feeds a client past its greeting, which has sent a GET on stream 1, in all cuts.
#[track_caller]
pub fn client(input: impl AsRef<[u8]>) -> Log {
    let mut desk = Desk::client(Config::default());
    desk.get();
    desk.take();
    every_cut(&desk, input, |_, _, _| {})
}

/// Feeds a connection whole, octet by octet, and in two pieces at every place. The transport takes
/// what is sent, time stands still.
///
/// # Panics
/// If the cuts make a difference.
#[track_caller]
pub fn every_cut<C: Endpoint>(
    desk: &Desk<C>,
    input: impl AsRef<[u8]>,
    answer: impl Fn(&Event<'_, '_>, &mut C, &mut Vec<u8>),
) -> Log {
    let input = input.as_ref();
    let run = |pieces: &[&[u8]]| {
        let mut desk = desk.clone();
        let (mut events, mut output) = (Vec::new(), Vec::new());
        for piece in pieces {
            desk.input.extend_from_slice(piece);
            loop {
                desk.pull_with(|event, conn, out| {
                    push(&mut events, event);
                    answer(event, conn, out);
                });
                let paused = desk.conn.is_paused();
                output.extend(desk.take());
                if !paused || desk.error.is_some() {
                    break;
                }
            }
        }
        if let Some(error) = &desk.error {
            let (mut rest, mut out) = (input, Vec::new());
            let again = desk.conn.next_event(&mut rest, &mut desk.fields, &mut out);
            assert_eq!(again.err().as_ref(), Some(error), "the same error comes for ever");
            assert!(rest.len() == input.len() && out.is_empty(), "nothing happens after an error");
        }
        Log { events, frames: parse(&output), error: desk.error }
    };
    let whole = run(&[input]);
    let single: Vec<&[u8]> = input.chunks(1).collect();
    let log = run(&single);
    assert!(log == whole, "octet by octet:\n{log:?}\n\nwhole:\n{whole:?}");
    let step = (input.len() / 500).max(1);
    for cut in (1..input.len()).step_by(step) {
        let (before, behind) = input.split_at(cut);
        let log = run(&[before, behind]);
        assert!(log == whole, "cut at {cut}:\n{log:?}\n\nwhole:\n{whole:?}");
    }
    whole
}
