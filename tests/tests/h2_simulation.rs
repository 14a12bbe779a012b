//! A client and a server of HTTP/2 in virtual time: random requests, windows, cuts, delays and
//! releases. Every request has its whole answer, and at the end both sides are closed.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use h2_proto::{
    ClientConnection, Config, ConnectionError, Event, FieldBuf, NextStep, Phase, Priority,
    RequestLine, SendError, ServerConnection, StreamId,
};
use tests::rng::Rng;

const SEEDS: u64 = 300;
/// Wakes after which a run counts as endless.
const WAKES_MAX: usize = 100_000;

/// A role.
trait Connection {
    fn next_event<'i, 'f>(
        &mut self,
        input: &mut &'i [u8],
        fields: &'f mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'i, 'f>>, ConnectionError>;
    fn advance(&mut self, now: Duration, out: &mut Vec<u8>) -> Result<(), ConnectionError>;
    fn next_deadline(&self) -> Option<Duration>;
    fn next_step(&self) -> NextStep;
    fn arrived(&mut self, now: Duration);
    fn wrote(&mut self, octets: usize);
    fn eof(&mut self);
    fn next_writable(&mut self) -> Option<(StreamId, u32)>;
    fn want_send(&mut self, stream: StreamId) -> Result<(), SendError>;
    fn send(&mut self, stream: StreamId, data: &[u8], end: bool, out: &mut Vec<u8>) -> usize;
    fn release(&mut self, stream: StreamId, octets: u32, out: &mut Vec<u8>);
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
            fn advance(&mut self, now: Duration, out: &mut Vec<u8>) -> Result<(), ConnectionError> {
                self.advance(now, out)
            }
            fn next_deadline(&self) -> Option<Duration> {
                self.next_deadline()
            }
            fn next_step(&self) -> NextStep {
                self.next_step()
            }
            fn arrived(&mut self, now: Duration) {
                self.arrived(now);
            }
            fn wrote(&mut self, octets: usize) {
                self.wrote(octets);
            }
            fn eof(&mut self) {
                self.eof();
            }
            fn next_writable(&mut self) -> Option<(StreamId, u32)> {
                self.next_writable()
            }
            fn want_send(&mut self, stream: StreamId) -> Result<(), SendError> {
                self.want_send(stream)
            }
            fn send(
                &mut self,
                stream: StreamId,
                data: &[u8],
                end: bool,
                out: &mut Vec<u8>,
            ) -> usize {
                self.send_data(stream, data, end, out).unwrap()
            }
            fn release(&mut self, stream: StreamId, octets: u32, out: &mut Vec<u8>) {
                self.release(stream, octets, out).unwrap();
            }
        }
    };
}

connection!(ServerConnection);
connection!(ClientConnection);

/// Content on its way out and in, of a stream.
#[derive(Debug, Default)]
struct Body {
    rest: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
    credit: u32,
}

/// What a side knows of its streams.
type Bodies = BTreeMap<StreamId, Body>;

trait App<C> {
    fn on_event(
        &mut self,
        event: &Event<'_, '_>,
        conn: &mut C,
        out: &mut Vec<u8>,
        all: &mut Bodies,
    );
    fn pump(&mut self, conn: &mut C, out: &mut Vec<u8>, all: &mut Bodies);
}

/// One end, and the wire towards it.
struct Side<C, A> {
    conn: C,
    app: A,
    bodies: Bodies,
    fields: FieldBuf,
    input: Vec<u8>,
    out: Vec<u8>,
    /// What is on the way here, and when it arrives; nothing means the end.
    wire: VecDeque<(Duration, Vec<u8>)>,
    /// When what was received is released.
    releases: Duration,
    shut: bool,
    closed: bool,
}

struct Wires {
    rng: Rng,
    latency_max: usize,
}

impl Wires {
    fn delay(&mut self) -> Duration {
        Duration::from_micros(1 + self.rng.below(self.latency_max + 1) as u64)
    }

    fn send(&mut self, now: Duration, octets: Vec<u8>, wire: &mut VecDeque<(Duration, Vec<u8>)>) {
        let last = wire.back().map_or(Duration::ZERO, |it| it.0);
        wire.push_back(((now + self.delay()).max(last), octets));
    }
}

impl<C: Connection, A: App<C>> Side<C, A> {
    fn new(conn: C, out: Vec<u8>, app: A) -> Self {
        Self {
            conn,
            app,
            bodies: Bodies::new(),
            fields: FieldBuf::new(),
            input: Vec::new(),
            out,
            wire: VecDeque::new(),
            releases: Duration::ZERO,
            shut: false,
            closed: false,
        }
    }

    /// The loop of every driver, once. Whether anything moved.
    fn wake(
        &mut self,
        now: Duration,
        wires: &mut Wires,
        peer: &mut VecDeque<(Duration, Vec<u8>)>,
    ) -> bool {
        if self.closed {
            return false;
        }
        let mut moved = false;
        let step = self.conn.next_step();
        if matches!(step, NextStep::Read | NextStep::Linger { .. })
            && self.wire.front().is_some_and(|it| it.0 <= now)
            && let Some((_, octets)) = self.wire.pop_front()
        {
            moved = true;
            self.conn.arrived(now);
            if octets.is_empty() {
                self.conn.eof();
                self.closed = step != NextStep::Read;
            } else if step == NextStep::Read {
                self.input.extend_from_slice(&octets);
            }
        }
        self.pull();
        self.app.pump(&mut self.conn, &mut self.out, &mut self.bodies);
        while let Some((stream, capacity)) = self.conn.next_writable() {
            let body = self.bodies.get_mut(&stream).unwrap();
            let rest = &body.rest[body.sent..];
            let piece = &rest[..rest.len().min(capacity as usize)];
            let end = piece.len() == rest.len();
            assert_eq!(self.conn.send(stream, piece, end, &mut self.out), piece.len());
            body.sent += piece.len();
            if !end {
                self.conn.want_send(stream).unwrap();
            }
        }
        if self.releases <= now {
            moved |= self.release(now, wires);
        }
        self.conn.advance(now, &mut self.out).unwrap();
        let next = self.conn.next_deadline();
        assert!(next.is_none_or(|at| at > now), "a deadline that is past: {next:?}, now {now:?}");
        if !self.out.is_empty() {
            let octets = match wires.rng.below(4) {
                0 => 1,
                1 => 1 + wires.rng.below(self.out.len()),
                _ => self.out.len(),
            };
            self.conn.wrote(octets);
            wires.send(now, self.out.drain(..octets).collect(), peer);
            // What was kept while input paused comes before more is read.
            self.pull();
            moved = true;
        }
        if self.out.is_empty() {
            self.close(now, wires, peer);
        }
        moved || self.closed
    }

    fn pull(&mut self) {
        let mut rest = self.input.as_slice();
        while let Some(event) =
            self.conn.next_event(&mut rest, &mut self.fields, &mut self.out).unwrap()
        {
            if let Event::Data { stream, data, credit, .. } = event {
                let body = self.bodies.get_mut(&stream).unwrap();
                body.received.extend_from_slice(data);
                body.credit += credit;
            }
            self.app.on_event(&event, &mut self.conn, &mut self.out, &mut self.bodies);
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
    }

    /// Gives a part of everything back, now and then.
    fn release(&mut self, now: Duration, wires: &mut Wires) -> bool {
        let mut moved = false;
        for (stream, body) in self.bodies.iter_mut().filter(|(_, body)| body.credit > 0) {
            let part = 1 + wires.rng.below(body.credit as usize) as u32;
            self.conn.release(*stream, part, &mut self.out);
            body.credit -= part;
            moved = true;
        }
        if moved {
            self.releases = now + wires.delay();
        }
        moved
    }

    fn close(
        &mut self,
        now: Duration,
        wires: &mut Wires,
        peer: &mut VecDeque<(Duration, Vec<u8>)>,
    ) {
        let step = self.conn.next_step();
        if matches!(step, NextStep::Linger { .. } | NextStep::Close) && !self.shut {
            self.shut = true;
            wires.send(now, Vec::new(), peer);
        }
        self.closed |= match step {
            NextStep::Linger { until, .. } => now >= until,
            NextStep::Close => true,
            _ => false,
        };
    }

    fn next_wake(&self, now: Duration) -> Option<Duration> {
        if self.closed {
            return None;
        }
        let step = self.conn.next_step();
        let reads = matches!(step, NextStep::Read | NextStep::Linger { .. });
        let arrival = self.wire.front().filter(|_| reads).map(|it| it.0);
        let linger = match step {
            NextStep::Linger { until, .. } => Some(until),
            _ => None,
        };
        let holds = self.bodies.values().any(|body| body.credit > 0);
        let release = (holds && self.releases > now).then_some(self.releases);
        [arrival, linger, release, self.conn.next_deadline()].into_iter().flatten().min()
    }
}

/// What an answer tells of its request.
fn answer(content: &[u8], len: usize) -> Vec<u8> {
    let sum = content.iter().fold(7_u8, |sum, octet| sum.rotate_left(3) ^ octet);
    (0..len).map(|index| sum.wrapping_add(index as u8)).collect()
}

struct Client {
    rng: Rng,
    /// Requests to be made, and how many at a time.
    left: usize,
    at_a_time: usize,
    /// What is waited for: the octets of an answer.
    waiting: BTreeMap<StreamId, usize>,
    answered: usize,
    shuts_down: bool,
}

impl App<ClientConnection> for Client {
    fn on_event(
        &mut self,
        event: &Event<'_, '_>,
        conn: &mut ClientConnection,
        out: &mut Vec<u8>,
        all: &mut Bodies,
    ) {
        match *event {
            Event::Data { stream, end_stream: true, .. } => {
                let body = all.get_mut(&stream).unwrap();
                let len = self.waiting.remove(&stream).expect("an answer has its request");
                assert_eq!(body.sent, body.rest.len());
                assert_eq!(body.received, answer(&body.rest, len));
                if body.credit > 0 {
                    conn.release(stream, body.credit, out).unwrap();
                    body.credit = 0;
                }
                all.remove(&stream);
                self.answered += 1;
            }
            Event::Reset { .. } | Event::Refused { .. } => panic!("{event}"),
            _ => {}
        }
    }

    fn pump(&mut self, conn: &mut ClientConnection, out: &mut Vec<u8>, all: &mut Bodies) {
        while self.left > 0 && self.waiting.len() < self.at_a_time {
            self.left -= 1;
            let (content, len) = (self.rng.below(3_000), self.rng.below(3_000));
            let rest: Vec<u8> = (0..content).map(|_| self.rng.bits() as u8).collect();
            let path = format!("/{len}");
            let line = RequestLine::new("POST", "https", "a.example", &path);
            let length = rest.len().to_string();
            let mut fields = vec![("x-a", "b"), ("x-path", path.as_str())];
            if self.rng.once_in(2) {
                fields.push(("content-length", &length));
            }
            let stream = conn.send_request(line, fields.iter(), false, out).unwrap();
            conn.want_send(stream).unwrap();
            if self.rng.once_in(3) {
                let urgency = self.rng.below(8) as u8;
                let priority = Priority { urgency, incremental: self.rng.once_in(2) };
                conn.set_priority(stream, priority, out).unwrap();
            }
            if self.rng.once_in(8) {
                let _ = conn.ping([7; 8], out);
            }
            if self.rng.once_in(8) {
                let window = 100 + self.rng.below(3_000) as u32;
                let _ = conn.update_settings(|settings| settings.window_bytes = window, out);
            }
            all.insert(stream, Body { rest, ..Body::default() });
            self.waiting.insert(stream, len);
        }
        if self.left == 0 && self.waiting.is_empty() && self.shuts_down && !conn.is_draining() {
            conn.shutdown(out);
        }
    }
}

struct Server {
    rng: Rng,
    paths: BTreeMap<StreamId, usize>,
    left: usize,
    shuts_down: bool,
}

impl App<ServerConnection> for Server {
    fn on_event(
        &mut self,
        event: &Event<'_, '_>,
        conn: &mut ServerConnection,
        out: &mut Vec<u8>,
        all: &mut Bodies,
    ) {
        match *event {
            Event::Request { stream, head, .. } => {
                let path = core::str::from_utf8(&head.path().unwrap()[1..]).unwrap();
                assert_eq!(head.field("x-path").unwrap()[1..], *path.as_bytes());
                self.paths.insert(stream, path.parse().unwrap());
                all.insert(stream, Body::default());
                self.left -= 1;
                if self.rng.once_in(3) {
                    conn.send_informational(stream, 103, [("link", "</a>")], out).unwrap();
                }
                if self.rng.once_in(8) {
                    let window = 100 + self.rng.below(3_000) as u32;
                    let _ = conn.update_settings(|settings| settings.window_bytes = window, out);
                }
            }
            Event::Data { stream, end_stream: true, .. } => {
                let body = all.get_mut(&stream).unwrap();
                body.rest = answer(&body.received, self.paths[&stream]);
                conn.send_response(stream, 200, [("x-answer", "yes")], false, out).unwrap();
                if body.credit > 0 {
                    conn.release(stream, body.credit, out).unwrap();
                    body.credit = 0;
                }
                conn.want_send(stream).unwrap();
            }
            Event::Reset { .. } | Event::Refused { .. } => panic!("{event}"),
            _ => {}
        }
    }

    fn pump(&mut self, conn: &mut ServerConnection, out: &mut Vec<u8>, _: &mut Bodies) {
        if self.left == 0 && self.shuts_down && !conn.is_draining() {
            conn.shutdown(out);
        }
    }
}

fn config(rng: &mut Rng) -> Config {
    let mut config = Config::default();
    config.stream_window_bytes = 100 + rng.below(3_000) as u32;
    config.connection_window_bytes = 65_535;
    config.manual_release = rng.once_in(2);
    config.output_bytes_max = 300 + rng.below(2_000) as u64;
    config.table_bytes_max = rng.below(500) as u32;
    config.encoder_table_bytes_max = rng.below(500) as u32;
    config.send_progress_bytes_min = 1;
    config
}

/// `crowded`: more requests at a time than the server allows.
fn simulate(seed: u64, crowded: bool) {
    let mut rng = Rng::new(seed);
    let requests = 1 + rng.below(25);
    let (mut server_config, client_config) = (config(&mut rng), config(&mut rng));
    let at_a_time = 1 + rng.below(8);
    if crowded {
        server_config.streams_max = 1 + rng.below(at_a_time) as u32;
    }
    let (mut server_out, mut client_out) = (Vec::new(), Vec::new());
    let now = Duration::ZERO;
    let server = ServerConnection::new(server_config, now, &mut server_out);
    let client = ClientConnection::new(client_config, now, &mut client_out);
    let by_client = rng.once_in(2);
    let server_app = Server {
        rng: Rng::new(seed + 1_000_000),
        paths: BTreeMap::new(),
        left: requests,
        shuts_down: !by_client,
    };
    let client_app = Client {
        rng: Rng::new(seed + 2_000_000),
        left: requests,
        at_a_time,
        waiting: BTreeMap::new(),
        answered: 0,
        shuts_down: by_client,
    };
    let mut server = Side::new(server, server_out, server_app);
    let mut client = Side::new(client, client_out, client_app);
    let mut wires = Wires { latency_max: rng.below(100_000), rng };
    let mut now = Duration::ZERO;
    for _ in 0..WAKES_MAX {
        let moved = server.wake(now, &mut wires, &mut client.wire);
        if client.wake(now, &mut wires, &mut server.wire) || moved {
            continue;
        }
        let next = [server.next_wake(now), client.next_wake(now)].into_iter().flatten().min();
        let Some(next) = next else { break };
        assert!(next > now, "woken in the past");
        now = next;
    }
    assert!(server.closed && client.closed, "no end at {now:?}");
    assert_eq!(client.app.answered, requests);
    assert_eq!((client.conn.phase(), server.conn.phase()), (Phase::Closed, Phase::Closed));
    // Nothing of it took a deadline to end.
    assert!(now < Duration::from_secs(30), "it took until {now:?}");
}

fn all(crowded: bool) {
    for seed in 0..SEEDS {
        let run = std::panic::catch_unwind(|| simulate(seed, crowded));
        assert!(run.is_ok(), "seed {seed}");
    }
}

#[test]
fn random_requests_are_answered() {
    all(false);
}

#[test]
fn requests_that_wait_for_a_stream_are_answered() {
    all(true);
}

// ---- what was found on the way, each by itself ----

/// A server behind its greeting, without its output.
fn greeted_server(config: Config) -> (ServerConnection, Vec<u8>, FieldBuf) {
    let (mut out, mut fields) = (Vec::new(), FieldBuf::new());
    let mut conn = ServerConnection::new(config, Duration::ZERO, &mut out);
    let greeting = [h2_proto::PREFACE, &b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0"[..]];
    let greeting = greeting.concat();
    let mut rest = greeting.as_slice();
    while conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some() {}
    conn.wrote(out.len());
    out.clear();
    (conn, out, fields)
}

const GET_1: &[u8] = b"\0\0\x03\x01\x05\0\0\0\x01\x82\x87\x84";
const POST_1: &[u8] = b"\0\0\x03\x01\x04\0\0\0\x01\x83\x87\x84";

#[test]
fn nothing_is_sent_behind_the_farewell() {
    let (mut conn, mut out, mut fields) = greeted_server(Config::default());
    let mut rest = POST_1;
    assert!(conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some());
    // A PING on a stream.
    let mut rest = &b"\0\0\x08\x06\0\0\0\0\x0112345678"[..];
    conn.next_event(&mut rest, &mut fields, &mut out).unwrap_err();
    out.clear();
    let _ = conn.done(StreamId::new(1), &mut out);
    assert_eq!(out, b"");
}

#[test]
fn a_linger_ends() {
    let (mut conn, mut out, mut fields) = greeted_server(Config::default());
    let mut rest = &b"\0\0\x08\x06\0\0\0\0\x0112345678"[..];
    conn.next_event(&mut rest, &mut fields, &mut out).unwrap_err();
    conn.wrote(out.len());
    let NextStep::Linger { until, .. } = conn.next_step() else { panic!() };
    let _ = conn.advance(until, &mut out);
    let over = match conn.next_step() {
        NextStep::Linger { until: again, .. } => again <= until,
        step => step == NextStep::Close,
    };
    assert!(over, "{:?}", conn.next_step());
}

#[test]
fn a_negative_window_takes_the_end() {
    // Sent: the peer's SETTINGS make the window negative; END_STREAM needs none of it.
    let (mut conn, mut out, mut fields) = greeted_server(Config::default());
    let mut rest = GET_1;
    assert!(conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some());
    let stream = StreamId::new(1);
    conn.send_response(stream, 200, [("a", "b")], false, &mut out).unwrap();
    assert_eq!(conn.send_data(stream, &[0; 100], false, &mut out), Ok(100));
    let mut rest = &b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\x0a"[..];
    assert!(conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some());
    assert_eq!(conn.send_data(stream, b"x", true, &mut out), Ok(0));
    assert_eq!(conn.send_data(stream, b"", true, &mut out), Ok(0));
}

#[test]
fn a_negative_window_receives_the_end() {
    let mut config = Config::default();
    config.manual_release = true;
    let (mut conn, mut out, mut fields) = greeted_server(config);
    let input = [POST_1, b"\0\0\x64\0\0\0\0\0\x01", &[0; 100]].concat();
    let mut rest = input.as_slice();
    while conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some() {}
    conn.update_settings(|settings| settings.window_bytes = 10, &mut out).unwrap();
    let input = b"\0\0\0\x04\x01\0\0\0\0\0\0\0\0\x01\0\0\0\x01";
    let mut rest = &input[..];
    let mut ended = false;
    while let Some(event) = conn.next_event(&mut rest, &mut fields, &mut out).unwrap() {
        ended |= matches!(event, Event::Data { end_stream: true, .. });
    }
    assert!(ended);
}

#[test]
fn no_goaway_raises_the_last_stream() {
    let (mut conn, mut out, mut fields) = greeted_server(Config::default());
    let mut rest = POST_1;
    assert!(conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some());
    conn.shutdown(&mut out);
    conn.shutdown(&mut out);
    out.clear();
    let mut rest = &b"\0\0\x03\x01\x05\0\0\0\x03\x82\x87\x84\0\0\x08\x06\x01\0\0\0\0goaway 1"[..];
    while conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some() {}
    assert_eq!(conn.snapshot().goaway_sent, Some(1));
}

#[test]
fn a_flood_in_one_read_pauses() {
    let (mut conn, mut out, mut fields) = greeted_server(Config::default());
    let input = b"\0\0\x08\x06\0\0\0\0\x0012345678".repeat(5_000);
    let mut rest = input.as_slice();
    assert!(conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_none());
    assert!(conn.is_paused() && out.len() <= 4_352 + 17, "{} octets", out.len());
}

/// A client whose server allows no stream, with a request that waits.
fn waiting_client() -> (ClientConnection, Vec<u8>, FieldBuf) {
    let (mut out, mut fields) = (Vec::new(), FieldBuf::new());
    let mut conn = ClientConnection::new(Config::default(), Duration::ZERO, &mut out);
    let mut rest = &b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x04\x01\0\0\0\0"[..];
    while conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some() {}
    let line = RequestLine::new("GET", "https", "a.example", "/");
    conn.send_request(line, [("a", "b")], true, &mut out).unwrap();
    assert_eq!(conn.pending(), 1);
    conn.wrote(out.len());
    out.clear();
    (conn, out, fields)
}

#[test]
fn a_request_that_waits_is_idle_on_the_wire() {
    for frame in [&b"\0\0\x01\x01\x05\0\0\0\x01\x88"[..], b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08"] {
        let (mut conn, mut out, mut fields) = waiting_client();
        let mut rest = frame;
        assert!(conn.next_event(&mut rest, &mut fields, &mut out).is_err(), "§5.1");
    }
}

#[test]
fn a_shutdown_ends_what_waits() {
    let (mut conn, mut out, mut fields) = waiting_client();
    conn.shutdown(&mut out);
    let mut told = false;
    while let Some(event) = conn.next_event(&mut &b""[..], &mut fields, &mut out).unwrap() {
        told |= matches!(event, Event::Reset { .. });
        conn.done(StreamId::new(1), &mut Vec::new()).unwrap();
    }
    assert!(told && conn.phase() == Phase::Closed, "{}", conn.snapshot());
}

#[test]
fn nothing_is_opened_behind_a_goaway() {
    let (mut conn, mut out, mut fields) = waiting_client();
    let input =
        b"\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x09";
    let mut rest = &input[..];
    while conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some() {}
    // An acknowledgement of SETTINGS and nothing else (§6.8).
    assert_eq!(out, b"\0\0\0\x04\x01\0\0\0\0");
}
