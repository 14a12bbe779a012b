//! What the harnesses of HTTP/2 share: one loop for either role, and what it came to in a form that
//! does not depend on how the input was cut.

use core::time::Duration;

use h2_proto::testing::{Frame, kind};
use h2_proto::{
    ClientConnection, Config, ConnectionError, ErrorCode, ErrorKind, Event, FieldBuf, OwnedEvent,
    Phase, SendError, ServerConnection, Snapshot, StreamId,
};

use crate::{cuts, h2_wire, memory};

/// A role.
pub(crate) trait Connection {
    fn next_event<'i, 'f>(
        &mut self,
        input: &mut &'i [u8],
        fields: &'f mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'i, 'f>>, ConnectionError>;
    fn send_data(
        &mut self,
        stream: StreamId,
        data: &[u8],
        end: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, SendError>;
    fn send_trailer(&mut self, stream: StreamId, out: &mut Vec<u8>) -> Result<(), SendError>;
    fn want_send(&mut self, stream: StreamId) -> Result<(), SendError>;
    fn next_writable(&mut self) -> Option<(StreamId, u32)>;
    fn release(&mut self, id: StreamId, octets: u32, out: &mut Vec<u8>) -> Result<(), SendError>;
    fn reset(&mut self, stream: StreamId, out: &mut Vec<u8>) -> Result<(), SendError>;
    fn ping(&mut self, out: &mut Vec<u8>) -> Result<(), SendError>;
    fn set_window(&mut self, octets: u32, out: &mut Vec<u8>) -> Result<(), SendError>;
    fn shutdown(&mut self, out: &mut Vec<u8>);
    fn advance(&mut self, now: Duration, out: &mut Vec<u8>) -> Result<(), ConnectionError>;
    fn eof(&mut self);
    fn is_paused(&self) -> bool;
    fn wrote(&mut self, octets: usize);
    fn unsent(&self) -> u64;
    fn phase(&self) -> Phase;
    fn snapshot(&self) -> Snapshot;
    fn work(&self) -> u64;
}

macro_rules! connection {
    ($connection:ty) => {
        impl Connection for $connection {
            fn next_event<'i, 'f>(
                &mut self,
                input: &mut &'i [u8],
                fields: &'f mut FieldBuf,
                out: &mut Vec<u8>,
            ) -> Result<Option<Event<'i, 'f>>, ConnectionError> {
                self.next_event(input, fields, out)
            }
            fn send_data(
                &mut self,
                stream: StreamId,
                data: &[u8],
                end: bool,
                out: &mut Vec<u8>,
            ) -> Result<usize, SendError> {
                self.send_data(stream, data, end, out)
            }
            fn send_trailer(
                &mut self,
                stream: StreamId,
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                self.send_trailers(stream, [("x-end", "yes")], out)
            }
            fn want_send(&mut self, stream: StreamId) -> Result<(), SendError> {
                self.want_send(stream)
            }
            fn next_writable(&mut self) -> Option<(StreamId, u32)> {
                self.next_writable()
            }
            fn release(
                &mut self,
                id: StreamId,
                octets: u32,
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                self.release(id, octets, out)
            }
            fn reset(&mut self, stream: StreamId, out: &mut Vec<u8>) -> Result<(), SendError> {
                self.reset(stream, ErrorCode::CANCEL, out)
            }
            fn ping(&mut self, out: &mut Vec<u8>) -> Result<(), SendError> {
                self.ping(*b"a ping!!", out)
            }
            fn set_window(&mut self, octets: u32, out: &mut Vec<u8>) -> Result<(), SendError> {
                self.update_settings(|settings| settings.window_bytes = octets, out)
            }
            fn shutdown(&mut self, out: &mut Vec<u8>) {
                self.shutdown(out);
            }
            fn advance(&mut self, now: Duration, out: &mut Vec<u8>) -> Result<(), ConnectionError> {
                self.advance(now, out)
            }
            fn eof(&mut self) {
                self.eof();
            }
            fn is_paused(&self) -> bool {
                self.is_paused()
            }
            fn wrote(&mut self, octets: usize) {
                self.wrote(octets);
            }
            fn unsent(&self) -> u64 {
                self.unsent()
            }
            fn phase(&self) -> Phase {
                self.phase()
            }
            fn snapshot(&self) -> Snapshot {
                self.snapshot()
            }
            fn work(&self) -> u64 {
                self.work()
            }
        }
    };
}

connection!(ServerConnection);
connection!(ClientConnection);

/// What runs on a connection. It looks at content only where it ends, so that the cuts of the
/// input cannot show in what it does.
pub(crate) trait App<C> {
    fn on_event(&mut self, event: &Event<'_, '_>, conn: &mut C, out: &mut Vec<u8>);
    /// Sends what has its turn.
    fn pump(&mut self, conn: &mut C, out: &mut Vec<u8>);
    /// Gives up every stream that it knows of.
    fn give_up(&mut self, conn: &mut C, out: &mut Vec<u8>);
    /// A stream that it knows of, if it does.
    fn any_stream(&self) -> Option<StreamId>;
    /// A stream for content that it does not want, and what the peer sends before that.
    fn probe(&mut self, conn: &mut C, out: &mut Vec<u8>) -> Option<(StreamId, Vec<u8>)>;
    /// Octets that it asked to be sent, in heads and in content.
    fn sent(&self) -> usize;
}

/// Events with adjacent content joined, the error, and the output.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    events: Vec<OwnedEvent>,
    error: Option<ConnectionError>,
    out: Vec<u8>,
    phase: Option<Phase>,
    /// Of an input that is no HTTP/2: what is left to be answered in another protocol.
    left: Vec<u8>,
}

/// A connection, its application, and what they came to.
pub(crate) struct Run<C, A> {
    pub(crate) conn: C,
    pub(crate) app: A,
    fields: FieldBuf,
    out: Vec<u8>,
    /// `None` while memory is counted.
    record: Option<Record>,
    error: Option<ConnectionError>,
    received: usize,
    sent: usize,
}

impl<C: Connection, A: App<C>> Run<C, A> {
    pub(crate) fn new(conn: C, app: A, out: Vec<u8>, records: bool) -> Self {
        let record = records.then(Record::default);
        let mut run = Self {
            conn,
            app,
            fields: FieldBuf::new(),
            out,
            record,
            error: None,
            received: 0,
            sent: 0,
        };
        run.write();
        run
    }

    /// A read: everything is pulled, answered and written.
    pub(crate) fn read(&mut self, input: &[u8]) {
        let mut rest = input;
        loop {
            let event = self.conn.next_event(&mut rest, &mut self.fields, &mut self.out);
            match event {
                Ok(Some(event)) => {
                    if let Some(record) = &mut self.record {
                        note(&mut record.events, &event);
                    }
                    self.app.on_event(&event, &mut self.conn, &mut self.out);
                    self.app.pump(&mut self.conn, &mut self.out);
                    self.write();
                }
                Ok(None) if self.conn.is_paused() => {
                    assert!(!self.out.is_empty(), "paused, and nothing to write");
                    self.write();
                }
                Ok(None) => {
                    assert!(rest.is_empty() || self.conn.phase() == Phase::Closed);
                    break;
                }
                Err(error) => {
                    let first = self.error.get_or_insert_with(|| error.clone());
                    assert_eq!(*first, error, "another error");
                    if error.kind() == ErrorKind::Preface
                        && let Some(record) = &mut self.record
                    {
                        record.left.extend_from_slice(rest);
                    }
                    break;
                }
            }
        }
        self.received += input.len() - rest.len();
        self.write();
    }

    pub(crate) fn eof(&mut self) {
        self.conn.eof();
        self.read(b"");
    }

    fn write(&mut self) {
        self.conn.wrote(self.out.len());
        assert_eq!(self.conn.unsent(), 0, "the account of the output is wrong");
        self.sent += self.out.len();
        if let Some(record) = &mut self.record {
            record.out.extend_from_slice(&self.out);
        }
        self.out.clear();
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.error.is_some()
    }

    /// After an error: one GOAWAY, nothing behind it, and no call adds any.
    fn check_farewell(&mut self) {
        let Some(error) = self.error.clone() else { return };
        let out = &self.record.as_ref().expect("a record").out;
        let out = out.strip_prefix(h2_proto::PREFACE).unwrap_or(out);
        let last = h2_wire::frames(out).last();
        // Before our SETTINGS there is nothing to say.
        let silent = out.is_empty() && error.kind() == ErrorKind::Incomplete;
        if error.kind() != ErrorKind::Preface && !silent {
            let last = last.expect("a last frame");
            assert_eq!((last.kind, last.flags, last.stream), (kind::GOAWAY, 0, 0), "{error}");
            assert_eq!(last.payload[4..], error.code().0.to_be_bytes());
        }
        assert_eq!(self.conn.phase(), Phase::Closed);
        let (conn, out) = (&mut self.conn, &mut self.out);
        assert_eq!(conn.next_event(&mut &b"\0\0\x08\x06\0\0\0\0\0"[..], &mut self.fields, out), {
            Err(error.clone())
        });
        assert_eq!(conn.advance(Duration::from_secs(1_000), out), Err(error));
        assert_eq!(conn.ping(out), Err(SendError::Closed));
        assert_eq!(conn.set_window(1, out), Err(SendError::Closed));
        assert_eq!(conn.next_writable(), None);
        if let Some(stream) = self.app.any_stream() {
            assert_eq!(conn.want_send(stream), Err(SendError::Closed));
            assert_eq!(conn.send_data(stream, b"x", true, out), Err(SendError::Closed));
            assert_eq!(conn.send_trailer(stream, out), Err(SendError::Closed));
        }
        conn.shutdown(out);
        self.app.give_up(conn, out);
        assert!(out.is_empty(), "sent behind the farewell: {}", out.escape_ascii());
    }

    /// All streams are over and everything is released: the window is what it was.
    fn check_credit(&mut self, config: &Config) {
        if self.is_broken() || self.conn.phase() == Phase::Closed {
            return;
        }
        self.app.give_up(&mut self.conn, &mut self.out);
        self.write();
        let before = self.conn.snapshot();
        assert_eq!((before.peer_streams, before.own_streams, before.pending), (0, 0, 0));
        assert_eq!(before.unreleased_bytes, 0);
        let window = i32::try_from(config.connection_window_bytes.max(65_535)).expect("a window");
        // What was not announced is so once enough of what nobody wants has come.
        let Some((stream, head)) = self.app.probe(&mut self.conn, &mut self.out) else { return };
        self.write();
        self.record = None;
        self.read(&head);
        let mut data = Vec::new();
        h2_wire::frame(0, 0, stream.get(), &[0; 1 << 14], &mut data);
        let mut last = before.receive_window;
        for _ in 0..=window >> 14 {
            if !self.is_broken() {
                self.app.give_up(&mut self.conn, &mut self.out);
                self.write();
                self.read(&data);
            }
            if let Some(error) = &self.error {
                assert!(error.kind() != ErrorKind::WindowExceeded, "credit is lost");
                return;
            }
            if self.conn.phase() == Phase::Closed {
                return;
            }
            let now = self.conn.snapshot().receive_window;
            if now > last {
                assert_eq!(now, window, "credit is lost, or made");
                return;
            }
            last = now;
        }
        panic!("no credit comes back: {}", self.conn.snapshot());
    }
}

fn note(events: &mut Vec<OwnedEvent>, event: &Event<'_, '_>) {
    if let Event::Data { stream, data, credit, end_stream } = event {
        assert!(!data.is_empty() || *end_stream, "empty content");
        if let Some(OwnedEvent::Data { stream: last, data: joined, credit: sum, end_stream: end }) =
            events.last_mut()
            && last == stream
            && !*end
        {
            joined.extend_from_slice(data);
            *sum += credit;
            *end = *end_stream;
            return;
        }
    }
    events.push(event.to_owned());
}

/// A whole run: greeting, input, perhaps its end.
pub(crate) struct Script<'i> {
    pub(crate) greeting: &'i [u8],
    pub(crate) input: &'i [u8],
    pub(crate) eof: bool,
    /// The input ends where a frame does.
    pub(crate) framed: bool,
}

/// The same in every cut, within memory, with the right farewell, and no credit lost.
pub(crate) fn check<C: Connection, A: App<C>>(
    script: &Script<'_>,
    config: &Config,
    begin: impl Fn(&mut Vec<u8>) -> (C, A),
) {
    let mut whole: Option<Record> = None;
    for pieces in cuts::all(script.input) {
        let mut out = Vec::new();
        let (conn, app) = begin(&mut out);
        let mut run = Run::new(conn, app, out, true);
        run.read(script.greeting);
        for piece in pieces {
            if run.is_broken() {
                // The rest is as if it had never come.
                if let Some(record) = run.record.as_mut().filter(|record| !record.left.is_empty()) {
                    record.left.extend_from_slice(piece);
                }
                continue;
            }
            run.read(piece);
        }
        if script.eof {
            run.eof();
        }
        run.app.pump(&mut run.conn, &mut run.out);
        run.write();
        let first = whole.is_none();
        let credit = first && script.framed && !script.eof;
        check_output(&run);
        let record = run.record.as_mut().expect("a record");
        record.error.clone_from(&run.error);
        record.phase = Some(run.conn.phase());
        match &whole {
            None => whole = Some(record.clone()),
            Some(whole) => same(whole, record),
        }
        run.check_farewell();
        if credit {
            run.check_credit(config);
        }
    }
    check_memory(script, config, begin);
}

fn same(whole: &Record, cut: &Record) {
    for (index, (one, other)) in whole.events.iter().zip(&cut.events).enumerate() {
        assert_eq!(one, other, "event {index}, whole and cut");
    }
    assert_eq!(whole.events.len(), cut.events.len(), "events, whole and cut");
    assert_eq!((&whole.error, &whole.phase), (&cut.error, &cut.phase));
    assert!(whole.left == cut.left, "what is left of another protocol");
    if whole.out != cut.out {
        let frames = |out: &[u8]| {
            let out = out.strip_prefix(h2_proto::PREFACE).unwrap_or(out);
            let text = |frame: Frame| format!("{frame}: {}", frame.payload.escape_ascii());
            h2_wire::frames(out).map(text).collect::<Vec<_>>()
        };
        let (one, other) = (frames(&whole.out), frames(&cut.out));
        let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
        panic!("the output, from frame {same}: {:?}, cut {:?}", &one[same..], &other[same..]);
    }
}

/// Frames, SETTINGS first, and not much more than what came.
fn check_output<C: Connection, A: App<C>>(run: &Run<C, A>) {
    let out = &run.record.as_ref().expect("a record").out;
    let out = out.strip_prefix(h2_proto::PREFACE).unwrap_or(out);
    for (index, frame) in h2_wire::frames(out).enumerate() {
        let greets = frame.kind == kind::SETTINGS;
        assert!(index > 0 || greets, "{frame} comes first");
        assert!(frame.stream >> 31 == 0, "{frame:?}");
    }
    let most = 256 + 4 * run.received + run.app.sent();
    assert!(run.sent <= most, "{} octets sent for {}", run.sent, run.received);
}

/// Nothing is kept but what the configuration bounds. Content comes in pieces of 100 octets.
fn check_memory<C: Connection, A: App<C>>(
    script: &Script<'_>,
    config: &Config,
    begin: impl Fn(&mut Vec<u8>) -> (C, A),
) {
    let mut greeting = Vec::new();
    let (conn, app) = begin(&mut greeting);
    let held = greeting.len() + app.sent();
    drop((conn, app));
    let ((), octets) = memory::peak(|| {
        let mut out = Vec::with_capacity(OUTPUT);
        let (conn, app) = begin(&mut out);
        let mut run = Run::new(conn, app, out, false);
        run.read(script.greeting);
        for piece in script.input.chunks(100) {
            if run.is_broken() {
                break;
            }
            run.read(piece);
        }
        assert!(run.out.capacity() == OUTPUT, "more output than thought of");
        // Each block may be as large decoded as a section and what the table holds, and the ledger
        // ends a connection whose blocks are so all the time.
        let octets = (script.greeting.len() + script.input.len()) as u64;
        let blocks = octets / 10 + 1;
        let most =
            u64::from(config.table_bytes_max) * blocks + 64 * u64::from(config.ledger_units_max);
        let worst = u64::from(config.section_bytes_max) + 4 * u64::from(config.table_bytes_max);
        assert!(run.conn.work() <= 16 * octets + most + worst, "work {}", run.conn.work());
    });
    // Fields are the caller's; the application here has room for its streams.
    let fields = 4 * (config.section_bytes_max as usize + 64) + 12 * config.fields_max as usize;
    let most = OUTPUT + held + config.memory_max_bytes() + fields + APP;
    assert!(octets <= most, "{octets} octets of {most}");
}

/// Octets of output between two writes.
const OUTPUT: usize = 140 << 10;
/// Octets of the application's own.
const APP: usize = 16 << 10;

/// Limits that a short input can exhaust, and what else the first octets choose.
pub(crate) fn config(bits: u8) -> Config {
    let mut config = Config::default();
    config.connection_window_bytes = 65_535;
    config.output_bytes_max = 80_000;
    if bits & 1 != 0 {
        config.streams_max = 3;
        config.section_bytes_max = 200;
        config.fields_max = 6;
        config.block_bytes_max = 100;
        config.continuations_max = 2;
        config.settings_entries_max = 3;
        config.table_bytes_max = 100;
        config.encoder_table_bytes_max = 100;
        config.stream_window_bytes = 40;
        config.connection_unreleased_bytes_max = 60;
        config.body_bytes_max = Some(100);
        config.informational_max = 2;
        config.caused_output_bytes_max = 34;
        config.debug_data_bytes_max = 4;
        config.unacknowledged_max = 2;
        config.pending_max = 2;
    }
    config.manual_release = bits & 2 != 0;
    config.unknown_frames = bits & 4 != 0;
    if bits & 8 != 0 {
        config.ledger_units_max = 60;
    }
    config.push = bits & 16 != 0;
    config
}

/// Content to be sent.
pub(crate) static FILLER: [u8; 1 << 17] = [b'.'; 1 << 17];

/// A message that is being sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) stream: StreamId,
    /// Octets to be sent.
    pub(crate) left: usize,
    pub(crate) trailer: bool,
    pub(crate) sends: bool,
    /// Octets of what was received that are to be released.
    pub(crate) credit: u32,
}

/// Sends what has its turn; how much of it.
pub(crate) fn pump<C: Connection>(
    messages: &mut [Message],
    conn: &mut C,
    out: &mut Vec<u8>,
) -> usize {
    let mut sent = 0;
    while let Some((stream, capacity)) = conn.next_writable() {
        let Some(message) = messages.iter_mut().find(|it| it.stream == stream && it.sends) else {
            panic!("{stream} has the turn, and nothing to say");
        };
        // No window, but the turn: what is sent goes nowhere (HEAD).
        let most = if capacity == 0 { message.left } else { capacity as usize };
        let octets = message.left.min(most);
        let last = octets == message.left;
        let end = last && !message.trailer;
        let accepted = conn.send_data(stream, &FILLER[..octets], end, out);
        assert_eq!(accepted, Ok(octets), "the turn was for {capacity}");
        sent += octets + 64;
        message.left -= octets;
        if !last {
            conn.want_send(stream).expect("it may send");
            continue;
        }
        message.sends = false;
        if message.trailer {
            let before = out.len();
            // The peer may allow no fields.
            if let Err(error) = conn.send_trailer(stream, out) {
                assert_eq!(error, SendError::SectionTooLong);
                assert_eq!(out.len(), before);
                conn.reset(stream, out).expect("it is open");
            }
        }
    }
    sent
}

/// Releases what came on a stream, and no octet more than that.
pub(crate) fn release<C: Connection>(message: &mut Message, conn: &mut C, out: &mut Vec<u8>) {
    let credit = core::mem::take(&mut message.credit);
    if credit == 0 {
        return;
    }
    let before = out.len();
    let more = conn.release(message.stream, credit + 1, out);
    assert!(matches!(more, Err(SendError::ReleasedTooMuch | SendError::NoStream)), "{more:?}");
    assert_eq!(out.len(), before);
    if more == Err(SendError::ReleasedTooMuch) {
        assert_eq!(conn.release(message.stream, credit, out), Ok(()));
    }
}
