//! Properties of HTTP/2 over random octets and random calls: nothing panics, an error of the caller
//! changes nothing, cuts make no difference, and nobody gets out more than a multiple of what he
//! puts in.
//!
//! The generator is seeded: a failure names its seed.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use h2_proto::{
    ClientConnection, Config, ErrorCode, FieldBuf, Priority, RequestLine, SendError,
    ServerConnection, Snapshot, StreamId,
};
use tests::frames::{PREFACE, flag, kind};
use tests::h2::{self, Desk, every_cut, more};
use tests::rng::Rng;

fn for_seeds(seeds: u64, property: impl Fn(u64)) {
    let times = if cfg!(debug_assertions) { 5 } else { 100 };
    for seed in 5_000_000..5_000_000 + times * seeds {
        let run = catch_unwind(AssertUnwindSafe(|| property(seed)));
        assert!(run.is_ok(), "seed {seed}");
    }
}

// ---- what a peer may send ----

/// Field blocks: messages that are right, and some that are not.
const BLOCKS: [&[u8]; 12] = [
    b"\x82\x86\x84",
    b"\x83\x86\x84",
    b"\x88",
    b"\x08\x03100",
    b"\x40\x01a\x01b",
    b"\x82\x86\x84\x40\x05x-new\x05value",
    b"\x83\x86\x84\x5c\x0210",
    b"\x88\x5c\x011",
    b"\x82\x86\x84\xbe",
    b"\x3f\xe1\x1f\x82\x86\x84",
    b"\x82\x84",
    b"\x00\x01A\x01b",
];

/// A frame that may be sent at some time, but nearly never now.
fn wild_frame(rng: &mut Rng) -> Vec<u8> {
    let stream = rng.below(12) as u32;
    let flags = [0, flag::END_STREAM, flag::END_HEADERS, 5, 5, 4, 0x0d, 0x25][rng.below(8)];
    let word: u32 = [0, 1, 5, 100, 65_535, 0x7fff_ffff][rng.below(6)];
    let block = BLOCKS[rng.below(BLOCKS.len())];
    match rng.below(12) {
        0 => h2::headers(stream | 1, flags & flag::END_STREAM, block),
        1 => h2::frame(kind::HEADERS, flags, stream, [&[0; 5], block].concat()),
        2 => h2::frame(kind::CONTINUATION, flags, stream, block),
        3 => h2::data(stream | 1, flags & 9, vec![3; rng.below(40)]),
        4 => h2::data(stream, flags, vec![0; rng.below(300)]),
        5 => h2::frame(kind::RST_STREAM, 0, stream, word.to_be_bytes()),
        6 => h2::settings(&[(rng.below(10) as u16, word)]),
        7 => h2::settings_ack(),
        8 => h2::window_update(stream * (rng.below(2) as u32), word),
        9 => h2::goaway(word, ErrorCode::NO_ERROR, "bye"),
        10 => h2::frame(more::PUSH_PROMISE, flags, stream, [&word.to_be_bytes(), block].concat()),
        _ => h2::priority(stream, word),
    }
}

/// A peer that mostly keeps to the rules.
struct Peer {
    /// To a server; if not, to a client that has sent a few requests.
    server: bool,
    /// Its next stream; to a client, the next that is answered.
    next: u32,
    /// Streams that it has not ended.
    open: Vec<u32>,
}

/// Requests that a client has sent before anything is answered.
const REQUESTS: u32 = 4;

impl Peer {
    const fn new(server: bool) -> Self {
        Self { server, next: 1, open: Vec::new() }
    }

    fn frame(&mut self, rng: &mut Rng) -> Vec<u8> {
        if rng.once_in(100) {
            return wild_frame(rng);
        }
        let may_begin = self.server || self.next < 2 * REQUESTS;
        let end = if rng.once_in(3) { flag::END_STREAM } else { 0 };
        let at = rng.below(self.open.len().max(1));
        let open = self.open.get(at).copied();
        match (rng.below(16), open) {
            (0..4, _) | (_, None) if may_begin => {
                let stream = self.next;
                self.next += 2;
                let good = if self.server { &BLOCKS[..2] } else { &BLOCKS[2..4] };
                let block =
                    if rng.once_in(6) { BLOCKS[4 + rng.below(8)] } else { good[rng.below(2)] };
                let end = if block == BLOCKS[3] { 0 } else { end };
                if end == 0 {
                    self.open.push(stream);
                }
                h2::headers(stream, end, block)
            }
            (4..8, Some(stream)) => {
                if end > 0 {
                    self.open.swap_remove(at);
                }
                let padded = if rng.once_in(4) { flag::PADDED } else { 0 };
                h2::data(stream, end | padded, vec![3; 4 + rng.below(5)])
            }
            (8, Some(stream)) => {
                self.open.swap_remove(at);
                h2::cancel(stream)
            }
            (9, Some(stream)) => h2::window_update(stream, 1 + rng.below(1_000) as u32),
            (10, Some(stream)) if !self.server => h2::headers(stream, 0, BLOCKS[2]),
            (11, _) => h2::settings(&[(4, rng.below(1_000) as u32), (3, rng.below(9) as u32)]),
            (12, _) if self.server => {
                let payload = [&(self.next + 2).to_be_bytes()[..], b"u=2, i"].concat();
                h2::frame(more::PRIORITY_UPDATE, 0, 0, payload)
            }
            (13, _) => h2::ping(),
            _ => h2::window_update(0, 1 + rng.below(5_000) as u32),
        }
    }
}

/// What a peer sends first, nearly always.
fn greeting(rng: &mut Rng, server: bool) -> Vec<u8> {
    let preface = if server { PREFACE } else { b"" };
    let entries = [(4, 10 + rng.below(200) as u32), (3, rng.below(4) as u32)];
    let settings = h2::settings(&entries[..rng.below(3)]);
    [preface, &settings, &h2::settings_ack()].concat()
}

/// A conversation, sometimes with octets that were changed, lost or put in.
fn random_input(rng: &mut Rng, server: bool, frames: usize) -> Vec<u8> {
    let mut input = greeting(rng, server);
    let mut peer = Peer::new(server);
    (0..frames).for_each(|_| input.extend(peer.frame(rng)));
    for _ in 0..[0, 0, 0, 0, 0, 0, 1, 3][rng.below(8)] {
        let at = rng.below(input.len());
        match rng.below(3) {
            0 => input[at] ^= 1 << rng.below(8),
            1 => drop(input.remove(at)),
            _ => input.insert(at, rng.bits() as u8),
        }
    }
    input
}

fn config(rng: &mut Rng) -> Config {
    let mut config = Config::default();
    config.streams_max = 1 + rng.below(5) as u32;
    config.manual_release = rng.once_in(2);
    config.stream_window_bytes = [10, 1_000, 65_535][rng.below(3)];
    config.connection_window_bytes = 65_535;
    config.connection_unreleased_bytes_max = [0, 100, 1 << 30][rng.below(3)];
    config.output_bytes_max = [100, 1 << 20][rng.below(2)];
    config.caused_output_bytes_max = [20, 4_352][rng.below(2)];
    config.pending_max = 3;
    config.push = rng.once_in(2);
    config.unknown_frames = rng.once_in(2);
    config.informational_max = 2;
    config.ping_interval = rng.once_in(3).then_some(Duration::from_secs(5));
    config.body_bytes_max = rng.once_in(3).then_some(100);
    config
}

// ---- calls ----

/// What an application does; the number decides the rest.
#[derive(Clone, Copy, Debug)]
struct Call {
    what: usize,
    number: u64,
}

const CALLS: usize = 22;

/// A run of calls on a connection: what was seen of it.
#[derive(Debug, PartialEq)]
struct Run {
    results: Vec<String>,
    output: Vec<u8>,
    last: Snapshot,
}

const FIELDS: [&[(&str, &str)]; 7] = [
    &[],
    &[("a", "b")],
    &[("content-length", "5")],
    &[("content-length", "0")],
    &[("connection", "close")],
    &[("a b", "c")],
    &[("x-long", "a value that the other side has no room for, as it says of itself")],
];

fn settings(number: u64, settings: &mut h2_proto::Settings) {
    match number % 6 {
        0 => settings.window_bytes = number as u32 >> 1,
        1 => settings.header_table_bytes = number as u32 % 10_000,
        2 => settings.frame_bytes_max = number as u32 % 40_000,
        3 => settings.push = !settings.push,
        4 => settings.streams_max = number as u32 % 10,
        _ => settings.connect_protocol = !settings.connect_protocol,
    }
}

/// Makes one call; its result, and whether it was an error of the caller.
macro_rules! call {
    ($conn:expr, $call:expr, $input:expr, $rest:expr, $fields:expr, $now:expr, $out:expr, $role:expr) => {{
        let (conn, out, number) = ($conn, $out, $call.number);
        // Mostly one of the first few that a client opens.
        let stream = (number >> 8) as u32;
        let odd = if stream % 16 == 0 { 0 } else { 1 };
        let stream = StreamId::new((stream >> 4) % 12 | odd);
        let len = [0, 1, 5, 9, 100, 30_000][(number >> 16) as usize % 6];
        let (end, lines) = (number & 1 == 1, FIELDS[(number >> 24) as usize % FIELDS.len()]);
        let content = vec![b'c'; len];
        let show = |result: Result<String, SendError>| result;
        match $call.what {
            0..7 => {
                let taken = (number as usize % 200).min($rest.len());
                $input.extend($rest.drain(..taken));
                let mut left = $input.as_slice();
                let mut seen = String::new();
                loop {
                    match conn.next_event(&mut left, $fields, out) {
                        Ok(Some(event)) => seen.push_str(&format!("{event:?}\n")),
                        Ok(None) => break,
                        Err(error) => {
                            seen.push_str(&format!("{error:?}"));
                            break;
                        }
                    }
                }
                let used = $input.len() - left.len();
                $input.drain(..used);
                show(Ok(seen))
            }
            7 => conn.send_data(stream, &content, end, out).map(|it| it.to_string()),
            8 => conn.send_data_splice(stream, len, end, out).map(|splice| {
                // The payload goes where it belongs.
                out.splice(splice.at..splice.at, content[..splice.len].iter().copied());
                format!("{splice:?}")
            }),
            9 => conn.send_trailers(stream, lines.iter(), out).map(|()| String::new()),
            10 => conn.want_send(stream).map(|()| String::new()),
            11 => show(Ok(format!("{:?}", conn.next_writable()))),
            12 => conn.release(stream, len as u32, out).map(|()| String::new()),
            13 => conn.done(stream, out).map(|()| String::new()),
            14 => conn.reset(stream, ErrorCode(number as u32 % 20), out).map(|()| String::new()),
            15 => conn.ping(number.to_be_bytes(), out).map(|()| String::new()),
            16 => conn.update_settings(|it| settings(number, it), out).map(|()| String::new()),
            17 => {
                let priority = Priority { urgency: number as u8, incremental: end };
                conn.set_priority(stream, priority, out).map(|()| String::new())
            }
            18 => {
                match number % 100 {
                    0 => conn.shutdown(out),
                    1 => conn.eof(),
                    2..20 => conn.shrink(),
                    _ => conn.wrote(number as usize % 2_000),
                }
                show(Ok(format!("{:?} {:?}", conn.next_step(), conn.next_deadline())))
            }
            19 => {
                $now += Duration::from_millis(number % 300);
                conn.arrived($now);
                show(Ok(format!("{:?}", conn.advance($now, out))))
            }
            _ => $role(conn, number, stream, lines, &content, out),
        }
    }};
}

macro_rules! run {
    ($name:ident, $connection:ident, $server:literal, $first:expr, $role:expr) => {
        /// Runs the calls but those that are left out; what came, and which were errors.
        fn $name(seed: u64, calls: &[Call], without: &[bool]) -> (Run, Vec<bool>) {
            let mut rng = Rng::new(seed);
            let (mut out, mut fields, mut now) = (Vec::new(), FieldBuf::new(), Duration::ZERO);
            let config = config(&mut rng);
            let mut rest = random_input(&mut rng, $server, 60);
            let mut input: Vec<u8> = Vec::new();
            let mut conn = $connection::new(config, now, &mut out);
            $first(&mut conn, &mut out);
            let (mut results, mut errors) = (Vec::new(), Vec::new());
            for (at, call) in calls.iter().enumerate() {
                if without.get(at) == Some(&true) {
                    continue;
                }
                let (before, len) = (conn.snapshot(), out.len());
                let result = call!(&mut conn, call, input, rest, &mut fields, now, &mut out, $role);
                errors.push(result.is_err());
                match result {
                    Ok(result) => results.push(result),
                    Err(error) => {
                        assert_eq!(out.len(), len, "{call:?}: {error}");
                        assert_eq!(conn.snapshot(), before, "{call:?}: {error}");
                    }
                }
            }
            (Run { results, output: out, last: conn.snapshot() }, errors)
        }
    };
}

/// The first requests of a client; some have content.
fn ask(conn: &mut ClientConnection, out: &mut Vec<u8>) {
    for at in 0..REQUESTS {
        let line = RequestLine::new(["GET", "POST"][at as usize % 2], "http", "a.example", "/");
        let _ = conn.send_request(line, [("a", "b")].iter(), at % 2 == 0, out);
    }
}

run!(
    run_server,
    ServerConnection,
    true,
    |_: &mut ServerConnection, _: &mut Vec<u8>| {},
    |conn: &mut ServerConnection,
     number: u64,
     stream,
     lines: &[(&str, &str)],
     content: &[u8],
     out: &mut Vec<u8>| {
        let status = [100, 103, 200, 204, 304, 99, 1_000][(number >> 32) as usize % 7];
        let end = number & 8 == 8;
        match number % 4 {
            0 => conn.send_informational(stream, status, lines.iter(), out).map(|()| 0),
            1 => conn.respond(stream, status, lines.iter(), content, out),
            _ => conn.send_response(stream, status, lines.iter(), end, out).map(|()| 0),
        }
        .map(|it| it.to_string())
    }
);

run!(
    run_client,
    ClientConnection,
    false,
    ask,
    |conn: &mut ClientConnection,
     number: u64,
     _,
     lines: &[(&str, &str)],
     _: &[u8],
     out: &mut Vec<u8>| {
        let method = ["GET", "HEAD", "POST", "CONNECT", "B@D"][(number >> 32) as usize % 5];
        let path = ["/", "/a?b", "*", " "][(number >> 40) as usize % 4];
        let line = RequestLine::new(method, "https", "a.example", path);
        conn.send_request(line, lines.iter(), number & 8 == 8, out)
            .map(|stream| format!("{stream} {} {:?}", conn.pending(), conn.unfinished().last()))
    }
);

fn random_calls(seed: u64) -> Vec<Call> {
    let mut rng = Rng::new(seed ^ 0x6832);
    let count = 50 + rng.below(300);
    (0..count).map(|_| Call { what: rng.below(CALLS), number: rng.bits() }).collect()
}

/// Runs a script.
type Runner = fn(u64, &[Call], &[bool]) -> (Run, Vec<bool>);

/// A run of any calls at all; then again without those that were errors.
fn errors_change_nothing(seed: u64, run: Runner) -> usize {
    let calls = random_calls(seed);
    let (with, errors) = run(seed, &calls, &[]);
    let (without, rest) = run(seed, &calls, &errors);
    assert!(rest.iter().all(|error| !error), "what was right is right without the errors");
    assert_eq!(with, without);
    errors.iter().filter(|error| **error).count()
}

#[test]
fn no_order_of_calls_panics_and_a_send_error_changes_nothing_at_a_server() {
    for_seeds(1_000, |seed| {
        errors_change_nothing(seed, run_server);
    });
    let errors: usize = (0..20).map(|seed| errors_change_nothing(seed, run_server)).sum();
    assert!(errors > 200, "{errors}");
}

#[test]
fn no_order_of_calls_panics_and_a_send_error_changes_nothing_at_a_client() {
    for_seeds(1_000, |seed| {
        errors_change_nothing(seed, run_client);
    });
    let errors: usize = (0..20).map(|seed| errors_change_nothing(seed, run_client)).sum();
    assert!(errors > 200, "{errors}");
}

// ---- cuts ----

#[test]
fn cuts_make_no_difference_to_a_server() {
    for_seeds(60, |seed| {
        let mut rng = Rng::new(seed);
        let mut config = config(&mut rng);
        // What goes out while input pauses depends on when it is written.
        config.caused_output_bytes_max = 1 << 20;
        let input = random_input(&mut rng, true, 12);
        every_cut(&Desk::silent_server(config), input, |event, conn, out| {
            if let h2_proto::Event::Request { stream, .. } = event {
                let _ = conn.send_response(*stream, 200, [("a", "b")].iter(), true, out);
            }
        });
    });
}

#[test]
fn cuts_make_no_difference_to_a_client() {
    for_seeds(60, |seed| {
        let mut rng = Rng::new(seed);
        let mut config = config(&mut rng);
        config.caused_output_bytes_max = 1 << 20;
        let mut out = Vec::new();
        let conn = ClientConnection::new(config, Duration::ZERO, &mut out);
        let mut desk = Desk::around(conn, out);
        // Sent once the server has greeted.
        desk.feed(h2::settings(&[]));
        ask(&mut desk.conn, &mut desk.out);
        desk.take();
        every_cut(&desk, random_input(&mut rng, false, 12), |_, _, _| {});
    });
}

// ---- what is caused ----

#[test]
fn what_a_peer_causes_is_a_multiple_of_what_it_sends_at_most() {
    for_seeds(300, |seed| {
        let mut rng = Rng::new(seed);
        let mut config = config(&mut rng);
        config.ledger_units_max = u32::MAX;
        config.caused_output_bytes_max = [20, 4_352][rng.below(2)];
        let mut desk = Desk::silent_server(config);
        desk.take();
        let (mut received, mut caused, mut peer) = (0, 0, Peer::new(true));
        for round in 0..200 {
            let octets = if round == 0 { greeting(&mut rng, true) } else { peer.frame(&mut rng) };
            received += octets.len();
            desk.feed(octets);
            while desk.conn.is_paused() {
                caused += desk.take().len();
                desk.pull();
            }
            caused += desk.take().len();
            if desk.error.is_some() {
                break;
            }
            // RST_STREAM, 13 octets, for the shortest frame, 9; a 431 is shorter than what it is
            // for. Then a farewell.
            assert!(caused <= 3 * received / 2 + 200, "{caused} octets for {received}");
        }
        assert!(caused <= 3 * received / 2 + 200, "{caused} octets for {received}");
    });
}
