//! Memory: what a connection allocates, holds while idle, and holds under attack.
//!
//! A counting allocator watches each thread by itself, so tests that run beside each other do not
//! disturb.

use core::time::Duration;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use h1_proto::{
    BodyLength, ChunkedDecoder, ClientConnection, Config, Decoded, ErrorKind, Event, Head,
    ServerConnection,
};
use tests::endpoint::Endpoint;
use tests::rng::Rng;

struct Counting;

thread_local! {
    /// Blocks that this thread asked for.
    static BLOCKS: Cell<u64> = const { Cell::new(0) };
    /// Octets that this thread asked for less those that it gave back.
    static HELD: Cell<usize> = const { Cell::new(0) };
    /// The most that `HELD` was.
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn note(blocks: u64, more: usize, less: usize) {
    // A thread that is being torn down has nothing to tell.
    let _ = BLOCKS.try_with(|count| count.set(count.get() + blocks));
    let _ = HELD.try_with(|held| {
        held.set(held.get().wrapping_add(more).wrapping_sub(less));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), 0);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, 0, layout.size());
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size, layout.size());
        // SAFETY: the caller's promises are the same.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many blocks `work` asks for.
fn blocks(work: impl FnOnce()) -> u64 {
    let before = BLOCKS.get();
    work();
    BLOCKS.get() - before
}

/// Octets that are held more than when `HELD` was `before`.
fn held_since(before: usize) -> usize {
    HELD.get().wrapping_sub(before)
}

#[test]
fn the_allocator_counts() {
    let before = HELD.get();
    let mut vector = Vec::<u8>::with_capacity(100);
    assert_eq!(held_since(before), 100);
    assert_eq!(blocks(|| vector.reserve_exact(1000)), 1);
    assert_eq!(held_since(before), 1000);
    drop(vector);
    assert_eq!(held_since(before), 0);
}

/// How the transport cuts what comes.
#[derive(Clone, Debug)]
enum Cuts {
    /// Not at all.
    Whole,
    /// The first octet, then the rest: as much as can be is carried.
    First,
    /// Every octet by itself.
    Single,
    /// Pieces of random length up to this.
    Random(Rng, usize),
}

impl Cuts {
    fn next(&mut self, at: usize, left: usize) -> usize {
        let piece = match self {
            Self::Whole => left,
            Self::First if at > 0 => left,
            Self::First | Self::Single => 1,
            Self::Random(rng, max) => 1 + rng.below(*max),
        };
        piece.min(left)
    }
}

/// The cuts that are counted once those of [`warm_up`] are behind.
fn all_cuts() -> Vec<Cuts> {
    let mut all = vec![Cuts::Whole, Cuts::First, Cuts::Single];
    for (seed, max) in [2, 3, 7, 20, 60, 150, 400].into_iter().enumerate() {
        all.push(Cuts::Random(Rng::new(seed as u64), max));
    }
    all
}

/// Feeds the input in such cuts and pulls as a driver does, without keeping anything.
fn feed<C: Endpoint>(
    conn: &mut C,
    head: &mut Head,
    out: &mut Vec<u8>,
    input: &[u8],
    cuts: &mut Cuts,
    mut answer: impl FnMut(&Event<'_, '_>, &mut C, &mut Vec<u8>),
) {
    let mut at = 0;
    while at < input.len() {
        let piece = cuts.next(at, input.len() - at);
        let mut rest = &input[at..at + piece];
        at += piece;
        while let Some(event) = conn.next_event(&mut rest, head).expect("the input is good") {
            answer(&event, conn, out);
        }
        assert!(rest.is_empty(), "every answer is complete, so nothing pauses");
        conn.advance(Duration::ZERO).expect("time stands still");
        conn.wrote(out.len());
        out.clear();
    }
}

const REQUESTS: &[u8] = b"GET /a HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\nUser-Agent: x\r\n\r\n\
    POST /b HTTP/1.1\r\nHost: a.example\r\nContent-Length: 26\r\nContent-Type: text/plain\r\n\r\n\
    abcdefghijklmnopqrstuvwxyz\
    POST /c HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n\
    5;a=b\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nx: y\r\nx-long: zzzzzzzzzzzzzzzz\r\n\r\n\
    HEAD /d HTTP/1.1\r\nHost: a.example\r\nAccept: text/html;q=0.5\r\n\r\n\
    POST /e HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok\
    OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const REQUESTS_EACH: usize = 6;

/// Answers when the request is complete, in a way that depends on it.
fn serve(event: &Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>) {
    let fields = [("content-type", "text/plain"), ("server", "t"), ("x-request", "1")];
    match *event {
        Event::Head { expects_continue: true, .. } => {
            conn.send_informational(100, [("x", "y"); 0], out).unwrap();
        }
        Event::End { trailers } if trailers.fields().len() > 0 => {
            conn.send_response(200, fields, BodyLength::Chunked, out).unwrap();
            assert_eq!(conn.send_data(b"some content", out), Ok(12));
            let splice = conn.send_data_splice(9, out).unwrap();
            conn.wrote(splice.len);
            conn.send_trailers([("x-digest", "abc")], out).unwrap();
        }
        Event::End { .. } => conn.respond(200, fields, b"hello", out).unwrap(),
        _ => {}
    }
}

#[test]
fn a_warm_server_allocates_nothing_per_request() {
    let mut conn = ServerConnection::new(Config::default(), Duration::ZERO);
    let (mut head, mut out) = (Head::new(), Vec::new());
    let mut run = |cuts: &mut Cuts| {
        feed(&mut conn, &mut head, &mut out, REQUESTS, cuts, serve);
    };
    let cold = blocks(|| run(&mut Cuts::First));
    assert!(cold > 0, "the buffers grew, and the counter saw it");
    for mut cuts in all_cuts() {
        let count = blocks(|| (0..50).for_each(|_| run(&mut cuts)));
        assert_eq!(count, 0, "{cuts:?}");
    }
    let served = conn.requests() as usize;
    assert_eq!(served, REQUESTS_EACH * (1 + 50 * all_cuts().len()));
}

#[test]
fn a_server_that_is_fed_whole_requests_allocates_nothing_itself() {
    let config = Arc::new(Config::default());
    let (mut head, mut out) = (Head::new(), Vec::new());
    let mut first = ServerConnection::new(Arc::clone(&config), Duration::ZERO);
    feed(&mut first, &mut head, &mut out, REQUESTS, &mut Cuts::Whole, serve);
    // The buffers are warm; the connection is as cold as one can be.
    let count = blocks(|| {
        let mut conn = ServerConnection::new(Arc::clone(&config), Duration::ZERO);
        feed(&mut conn, &mut head, &mut out, REQUESTS, &mut Cuts::Whole, serve);
    });
    assert_eq!(count, 0);
}

const RESPONSES: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello\
    HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n\
    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    5\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nx: y\r\nx-long: zzzzzzzzzzzzzzzz\r\n\r\n\
    HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 100\r\n\r\n\
    HTTP/1.1 201 Created\r\nx-folded: a\r\n b\r\nContent-Length: 0\r\n\r\n";

/// Four requests at once, with and without content.
fn ask(conn: &mut ClientConnection, out: &mut Vec<u8>) {
    let fields = [("host", "a.example"), ("user-agent", "t"), ("accept", "*/*")];
    conn.send_request(("GET", "/a"), fields, BodyLength::None, out).unwrap();
    conn.send_request(("POST", "/b"), fields, BodyLength::Chunked, out).unwrap();
    assert_eq!(conn.send_data(b"some content", out), Ok(12));
    conn.send_trailers([("x-digest", "abc")], out).unwrap();
    conn.send_request(("GET", "/c"), fields, BodyLength::None, out).unwrap();
    conn.send_request(("PUT", "/d"), fields, BodyLength::Known(9), out).unwrap();
    let splice = conn.send_data_splice(9, out).unwrap();
    conn.finish(out).unwrap();
    conn.wrote(out.len() + splice.len);
    out.clear();
}

#[test]
fn a_warm_client_allocates_nothing_per_request() {
    let mut conn = ClientConnection::new(Config::client(), Duration::ZERO);
    let (mut head, mut out) = (Head::new(), Vec::new());
    let mut ends = 0;
    let mut run = |cuts: &mut Cuts| {
        ask(&mut conn, &mut out);
        feed(&mut conn, &mut head, &mut out, RESPONSES, cuts, |event, _, _| {
            ends += usize::from(matches!(event, Event::End { .. }));
        });
        assert_eq!(conn.in_flight(), 0);
    };
    let cold = blocks(|| run(&mut Cuts::First));
    assert!(cold > 0, "the buffers grew, and the counter saw it");
    for mut cuts in all_cuts() {
        let count = blocks(|| (0..50).for_each(|_| run(&mut cuts)));
        assert_eq!(count, 0, "{cuts:?}");
    }
    assert_eq!(ends, 4 * (1 + 50 * all_cuts().len()));
}

#[test]
fn a_decoder_alone_allocates_nothing_but_for_trailers_that_are_cut() {
    let body = b"5;a=b\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
    let config = Arc::new(Config::default());
    let mut trailers = Head::new();
    let mut decode = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = ChunkedDecoder::new(Arc::clone(&config));
        for mut piece in pieces {
            while let Decoded::Data(_) = decoder.decode(&mut piece, &mut trailers).unwrap() {}
        }
        assert!(decoder.is_complete());
    };
    decode(&mut body.chunks(body.len()));
    assert_eq!(blocks(|| decode(&mut body.chunks(body.len()))), 0);
    // A CR without its LF: one small block.
    assert_eq!(blocks(|| decode(&mut body.chunks(1))), 1);
}

// ---- what an idle connection holds ----

const IDLE_BYTES_MAX: usize = 512;

#[test]
fn an_idle_server_is_small_after_many_requests() {
    let config = Arc::new(Config::default());
    let (mut head, mut out) = (Head::new(), Vec::new());
    let mut warm = ServerConnection::new(Arc::clone(&config), Duration::ZERO);
    feed(&mut warm, &mut head, &mut out, REQUESTS, &mut Cuts::First, serve);
    drop(warm);

    let before = HELD.get();
    let mut conn = ServerConnection::new(Arc::clone(&config), Duration::ZERO);
    let mut cuts = Cuts::Random(Rng::new(1), 100);
    while conn.requests() < 1100 {
        feed(&mut conn, &mut head, &mut out, REQUESTS, &mut cuts, serve);
    }
    assert!(held_since(before) > 0, "the carry is warm");
    conn.shrink();
    let heap = held_since(before);
    println!("idle server: {} bytes and {heap} on the heap", size_of_val(&conn));
    assert!(conn.is_idle());
    assert!(size_of_val(&conn) + heap <= IDLE_BYTES_MAX);
    assert_eq!(heap, 0, "nothing that could be given back is kept");
}

#[test]
fn an_idle_client_is_small_after_many_requests() {
    let config = Arc::new(Config::client());
    let (mut head, mut out) = (Head::new(), Vec::new());
    let run = |conn: &mut ClientConnection, head: &mut Head, out: &mut Vec<u8>| {
        ask(conn, out);
        feed(conn, head, out, RESPONSES, &mut Cuts::Random(Rng::new(1), 100), |_, _, _| {});
    };
    let mut warm = ClientConnection::new(Arc::clone(&config), Duration::ZERO);
    run(&mut warm, &mut head, &mut out);
    drop(warm);

    let before = HELD.get();
    let mut conn = ClientConnection::new(Arc::clone(&config), Duration::ZERO);
    (0..275).for_each(|_| run(&mut conn, &mut head, &mut out));
    assert!(held_since(before) > 0, "the carry and the pipeline are warm");
    conn.shrink();
    let heap = held_since(before);
    println!("idle client: {} bytes and {heap} on the heap", size_of_val(&conn));
    assert!(conn.is_idle());
    assert!(size_of_val(&conn) + heap <= IDLE_BYTES_MAX);
    assert_eq!(heap, 0, "nothing that could be given back is kept");
}

// ---- what a connection holds under attack ----

/// What became of a connection under attack.
struct Siege {
    /// The most that the connection held at any time, itself included.
    held_max: usize,
    kind: Option<ErrorKind>,
}

/// Feeds the pieces until an error, twice: the first run makes the caller's buffers warm, so in
/// the second one only the connection asks for memory, and it is watched within each call. What
/// it does not use is lost.
fn besiege<C: Endpoint>(
    config: &Config,
    new: impl Fn(Arc<Config>) -> C,
    mut answer: impl FnMut(&Event<'_, '_>, &mut C, &mut Vec<u8>),
    pieces: impl Iterator<Item = Vec<u8>> + Clone,
) -> Siege {
    let config = Arc::new(config.clone());
    let (mut head, mut out) = (Head::new(), Vec::new());
    let mut run = |pieces: &mut dyn Iterator<Item = Vec<u8>>| {
        let mut siege = Siege { held_max: 0, kind: None };
        let before = HELD.get();
        let mut conn = new(Arc::clone(&config));
        for piece in pieces {
            PEAK.set(HELD.get());
            let mut rest = piece.as_slice();
            let error = loop {
                match conn.next_event(&mut rest, &mut head) {
                    Ok(Some(event)) => answer(&event, &mut conn, &mut out),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            if let Some(error) = &error {
                conn.on_error(error, &mut out);
            }
            conn.wrote(out.len());
            out.clear();
            let held = PEAK.get() - before - piece.capacity() + size_of::<C>();
            siege.held_max = siege.held_max.max(held);
            if let Some(error) = error {
                siege.kind = Some(error.kind());
                break;
            }
        }
        siege
    };
    run(&mut pieces.clone());
    let siege = run(&mut { pieces });
    let (held, max) = (siege.held_max, config.memory_max_bytes());
    assert!(held <= max, "{held} of at most {max}");
    siege
}

/// Roomy, default and tight limits.
fn configs(base: &Config) -> Vec<Config> {
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = base.clone();
        // Content is not held; an endless one need not take long.
        config.body_bytes_max = 8 << 10;
        change(&mut config);
        config
    };
    vec![
        with(&|_| {}),
        with(&|config| {
            (config.start_line_bytes_max, config.head_bytes_max) = (100, 300);
            (config.trailers_bytes_max, config.pipeline_max) = (200, 1);
        }),
        with(&|config| {
            (config.head_bytes_max, config.fields_max) = (80 << 10, 10_000);
            (config.start_line_bytes_max, config.field_bytes_max) = (40 << 10, 80 << 10);
        }),
        with(&|config| {
            (config.trailers_bytes_max, config.trailers_max) = (40 << 10, 10_000);
            config.head_bytes_max = 1 << 10;
        }),
        // The start line has more room than the head.
        with(&|config| (config.start_line_bytes_max, config.head_bytes_max) = (64 << 10, 1 << 10)),
    ]
}

/// `first`, then `again` without end, in pieces of so many octets; a negative number is cut once
/// more behind the first octet of what has no end, so that the rest meets a carry.
fn endless<'a>(
    first: &'a str,
    again: &'a str,
    piece: isize,
) -> impl Iterator<Item = Vec<u8>> + Clone + use<'a> {
    let mut octets = first.bytes().chain(again.bytes().cycle());
    let mut cut = (piece < 0).then_some(first.len() + 1);
    core::iter::from_fn(move || {
        let length = cut.take().unwrap_or_else(|| piece.unsigned_abs());
        Some(octets.by_ref().take(length).collect())
    })
}

const PIECES: [isize; 8] = [1, 2, 63, 1000, 16 << 10, 100 << 10, -(16 << 10), -(100 << 10)];

fn server(config: Arc<Config>) -> ServerConnection {
    ServerConnection::new(config, Duration::ZERO)
}

#[test]
fn an_endless_request_is_held_within_the_bound() {
    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n";
    const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let trailers = format!("{POST}0\r\n");
    let extension = format!("{POST}5");
    for config in configs(&Config::default()) {
        for piece in PIECES {
            for (first, again) in [
                ("", "GET"),
                ("GET /", "a"),
                (GET, "x"),
                (GET, "x: y\r\n"),
                (GET, ":\r\n"),
                ("GET / HTTP/1.1\r\nhost: ", "a"),
                (&trailers, "x: y\r\n"),
                (&trailers, "x"),
                (&trailers, "transfer-encoding: chunked\r\n\r\n"),
                (&extension, ";a"),
                (POST, "5\r\nhello\r\n"),
            ] {
                let siege = besiege(&config, server, serve, endless(first, again, piece));
                assert!(siege.kind.is_some(), "it is bounded, so it ends: {first:?} {again:?}");
            }
        }
    }
}

#[test]
fn the_bound_is_no_exaggeration() {
    let config = Config::default();
    let line = format!("x: {}\r\n", "y".repeat(400));
    let attack = endless("GET / HTTP/1.1\r\nHost: a\r\n", &line, 1);
    let siege = besiege(&config, server, serve, attack);
    assert_eq!(siege.kind, Some(ErrorKind::HeadTooLong));
    assert!(siege.held_max * 3 > config.memory_max_bytes(), "{}", siege.held_max);
}

#[test]
fn a_flood_of_requests_is_held_within_the_bound() {
    // Nobody answers: the server pauses, and what it does not take is not in it.
    for piece in PIECES {
        let flood = endless("", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", piece).take(20);
        let siege = besiege(&Config::default(), server, |_, _, _| {}, flood);
        assert_eq!(siege.kind, None);
        // A head that was cut is carried with what came in one read with its rest.
        assert!(piece < 0 || siege.held_max <= 1024, "{}", siege.held_max);
    }
}

#[test]
fn many_cuts_are_held_within_the_bound() {
    for config in [Config::default(), Config::small()] {
        for max in [2, 5, 40, 300] {
            let mut rng = Rng::new(max as u64);
            let mut octets = REQUESTS.iter().copied().cycle();
            let pieces = (0..2000).map(move |_| octets.by_ref().take(1 + rng.below(max)).collect());
            let siege = besiege(&config, server, serve, pieces);
            assert_eq!(siege.kind, None);
            assert!(siege.held_max <= 4096, "what was carried is behind: {}", siege.held_max);
        }
    }
}

fn asking(config: Arc<Config>) -> ClientConnection {
    let mut conn = ClientConnection::new(config, Duration::ZERO);
    while conn.can_send_request() {
        // The output is the caller's.
        let mut out = Vec::new();
        conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut out).unwrap();
        conn.wrote(out.len());
    }
    conn
}

#[test]
fn an_endless_response_is_held_within_the_bound() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let trailers = format!("{CHUNKED}0\r\n");
    let folded = format!("{OK}x: y\r\n");
    for config in configs(&Config::client()) {
        for piece in PIECES {
            for (first, again) in [
                ("", "HTTP/1.1 103 X\r\n\r\n"),
                ("", "HTTP/1.1 103 X\r\nlink: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\r\n"),
                ("", "HTTP/1.1 204 X\r\n\r\n"),
                ("HTTP/1.1 200 ", "O"),
                (OK, "x: y\r\n"),
                (OK, "x"),
                (&folded, " folded\r\n"),
                (&trailers, "x: y\r\n"),
                (CHUNKED, "5\r\nhello\r\n"),
                ("HTTP/1.1 200 OK\r\n\r\n", "until close"),
            ] {
                let siege = besiege(&config, asking, |_, _, _| {}, endless(first, again, piece));
                assert!(siege.kind.is_some(), "it is bounded, so it ends: {first:?} {again:?}");
            }
        }
    }
}

#[test]
fn a_full_pipeline_is_held_within_the_bound() {
    for pipeline_max in [0, 1, 2, 3, 31, 32, 33, 500] {
        let mut config = Config::client();
        (config.pipeline_max, config.head_bytes_max) = (pipeline_max, 64);
        (config.trailers_bytes_max, config.start_line_bytes_max) = (64, 64);
        let siege = besiege(&config, asking, |_, _, _| {}, endless("", "HTTP/", 1).take(3));
        assert_eq!(siege.kind.is_some(), pipeline_max == 0, "unsolicited");
    }
}
