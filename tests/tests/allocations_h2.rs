//! Memory of HTTP/2: a warm connection allocates nothing for a request, however its input is cut.

use core::time::Duration;

use h2_proto::{
    ClientConnection, Config, Event, FieldBuf, RequestLine, ServerConnection, StreamId,
};
use hpack::{Encoder, Field};
use tests::counting;
use tests::rng::Rng;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

#[test]
fn the_allocator_counts() {
    counting::assert_counts();
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// Requests before counting begins, and while it does, in each way to cut.
const WARM: usize = 40;
const COUNTED: usize = 40;
const CONTENT: [u8; 700] = [b'.'; 700];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// How the transport cuts what comes: the longest piece. Every other is as it is.
#[derive(Clone, Copy, Debug)]
enum Cuts {
    Whole,
    Single,
    Random(usize),
}

const CUTS: [Cuts; 7] = [
    Cuts::Single,
    Cuts::Whole,
    Cuts::Random(2),
    Cuts::Random(7),
    Cuts::Random(30),
    Cuts::Random(100),
    Cuts::Random(500),
];

impl Cuts {
    fn next(self, rng: &mut Rng, left: usize) -> usize {
        let piece = match self {
            Self::Whole => left,
            Self::Single => 1,
            Self::Random(max) => 1 + rng.below(max),
        };
        piece.min(left)
    }
}

/// What the peer sends, a piece for each request. Every message has fields that are inserted into
/// the table, fields that are found there, and content with and without padding.
fn script(requests: usize, request: bool) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(4096);
    (0..requests)
        .map(|number| {
            let mut out = Vec::new();
            if number == 0 {
                if request {
                    out.extend_from_slice(h2_proto::PREFACE);
                }
                frame(SETTINGS, 0, 0, b"", &mut out);
                frame(SETTINGS, 1, 0, b"", &mut out);
            }
            let stream = 2 * number as u32 + 1;
            let mut block = Vec::new();
            let value = format!("a value that is new each time, {number}");
            let mut fields = if request {
                vec![(":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
            } else {
                vec![(":status", "200")]
            };
            fields.extend([("x-constant", "the same"), ("x-new", value.as_str())]);
            let fields =
                fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
            encoder.encode_block(fields, &mut block);
            let (first, rest) = block.split_at(block.len() / 2);
            frame(HEADERS, 0, stream, first, &mut out);
            frame(CONTINUATION, 4, stream, rest, &mut out);
            frame(DATA, 0, stream, &CONTENT[..300], &mut out);
            frame(PING, 0, 0, b"12345678", &mut out);
            let mut padded = vec![10];
            padded.extend_from_slice(&CONTENT[..310]);
            frame(DATA, 8, stream, &padded, &mut out);
            frame(WINDOW_UPDATE, 0, 0, &700_u32.to_be_bytes(), &mut out);
            if number % 2 == 0 {
                block.clear();
                encoder.encode_block([Field::new(b"x-end", b"yes")], &mut block);
                frame(HEADERS, 5, stream, &block, &mut out);
            } else {
                frame(DATA, 1, stream, b"", &mut out);
            }
            out
        })
        .collect()
}

const NONE: [(&str, &str); 0] = [];

/// Sends what has its turn; a message ends with trailers.
macro_rules! pump {
    ($conn:expr, $out:expr) => {
        while let Some((stream, capacity)) = $conn.next_writable() {
            assert!(capacity as usize >= CONTENT.len());
            assert_eq!($conn.send_data(stream, &CONTENT, false, $out), Ok(CONTENT.len()));
            $conn.send_trailers(stream, [("x-end", "yes")], $out).unwrap();
        }
    };
}

/// Feeds a piece of the script in cuts: octets of content, and messages that ended.
macro_rules! feed {
    ($conn:expr, $fields:expr, $out:expr, $input:expr, $cuts:expr, $rng:expr, $answer:expr) => {{
        let input: &[u8] = $input;
        let mut at = 0;
        let mut ended = 0;
        while at < input.len() {
            let piece = $cuts.next($rng, input.len() - at);
            let mut rest = &input[at..at + piece];
            at += piece;
            while let Some(event) = $conn.next_event(&mut rest, $fields, $out).unwrap() {
                ended += $answer(&event, &mut $conn, $out);
                pump!($conn, $out);
            }
            $conn.advance(Duration::ZERO, $out).unwrap();
            $conn.wrote($out.len());
            $out.clear();
        }
        ended
    }};
}

fn config(manual: bool) -> Config {
    let mut config = Config::default();
    config.manual_release = manual;
    config
}

fn server(manual: bool) {
    let pieces = script(CUTS.len() * (WARM + COUNTED), true);
    let (mut out, mut fields) = (Vec::with_capacity(1 << 16), FieldBuf::new());
    let mut conn = ServerConnection::new(config(manual), Duration::ZERO, &mut out);
    let mut credit = 0;
    let mut answer = |event: &Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>| {
        let ended = match *event {
            Event::Request { stream, .. } => {
                conn.send_informational(stream, 103, [("link", "</a>")], out).unwrap();
                conn.send_response(stream, 200, [("x-constant", "the same")], false, out).unwrap();
                None
            }
            Event::Data { stream, credit: more, end_stream, .. } => {
                credit += more;
                end_stream.then_some(stream)
            }
            Event::Trailers { stream, .. } => Some(stream),
            _ => None,
        };
        let Some(stream) = ended else { return 0 };
        conn.want_send(stream).unwrap();
        if credit > 0 {
            conn.release(stream, credit, out).unwrap();
            credit = 0;
        }
        1
    };
    let mut rng = Rng::new(1);
    let mut pieces = pieces.iter();
    // Every way to cut before any is counted: what is carried depends on it.
    for (count, counts) in [(WARM, false), (COUNTED, true)] {
        for cuts in CUTS {
            let mut ended = 0;
            let blocks = counting::blocks(|| {
                for piece in pieces.by_ref().take(count) {
                    ended += feed!(conn, &mut fields, &mut out, piece, cuts, &mut rng, answer);
                }
            });
            assert_eq!(ended, count);
            assert!(!counts || blocks == 0, "{blocks} blocks, {cuts:?}, manual {manual}");
        }
    }
    assert_eq!(conn.snapshot().peer_streams, 0);
}

fn client(manual: bool) {
    let pieces = script(CUTS.len() * (WARM + COUNTED), false);
    let (mut out, mut fields) = (Vec::with_capacity(1 << 16), FieldBuf::new());
    let mut conn = ClientConnection::new(config(manual), Duration::ZERO, &mut out);
    let mut credit = 0;
    let mut answer = |event: &Event<'_, '_>, conn: &mut ClientConnection, out: &mut Vec<u8>| {
        let ended = match *event {
            Event::Data { stream, credit: more, end_stream, .. } => {
                credit += more;
                end_stream.then_some(stream)
            }
            Event::Trailers { stream, .. } => Some(stream),
            _ => None,
        };
        let Some(stream) = ended else { return 0 };
        if credit > 0 {
            conn.release(stream, credit, out).unwrap();
            credit = 0;
        }
        1
    };
    let mut rng = Rng::new(1);
    let mut pieces = pieces.iter();
    for (count, counts) in [(WARM, false), (COUNTED, true)] {
        for cuts in CUTS {
            let mut ended = 0;
            let blocks = counting::blocks(|| {
                for piece in pieces.by_ref().take(count) {
                    let line = RequestLine::new("POST", "https", "a.example", "/");
                    let stream: StreamId = conn
                        .send_request(line, [("x-constant", "the same")], false, &mut out)
                        .unwrap();
                    conn.want_send(stream).unwrap();
                    pump!(conn, &mut out);
                    ended += feed!(conn, &mut fields, &mut out, piece, cuts, &mut rng, answer);
                }
            });
            assert_eq!(ended, count);
            assert!(!counts || blocks == 0, "{blocks} blocks, {cuts:?}, manual {manual}");
        }
    }
    assert_eq!(conn.snapshot().own_streams, 0);
}

#[test]
fn a_warm_server_allocates_nothing() {
    server(false);
    server(true);
}

#[test]
fn a_warm_client_allocates_nothing() {
    client(false);
    client(true);
}

/// An idle connection that was parked holds its tables and little else.
#[test]
fn an_idle_connection_is_small() {
    let ((conn, _), asked) = counting::watch(|| {
        let mut out = Vec::new();
        let mut conn = ServerConnection::new(Config::default(), Duration::ZERO, &mut out);
        let mut fields = FieldBuf::new();
        let mut input = h2_proto::PREFACE.to_vec();
        frame(SETTINGS, 0, 0, b"", &mut input);
        frame(SETTINGS, 1, 0, b"", &mut input);
        frame(HEADERS, 5, 1, b"\x82\x87\x84", &mut input);
        let mut rest = input.as_slice();
        while let Some(event) = conn.next_event(&mut rest, &mut fields, &mut out).unwrap() {
            if let Event::Request { stream, .. } = event {
                conn.send_response(stream, 204, NONE, true, &mut out).unwrap();
            }
        }
        conn.wrote(out.len());
        conn.shrink();
        (conn, ())
    });
    assert_eq!(conn.snapshot().peer_streams, 0);
    // The configuration is its own here; usually it is shared.
    let config = size_of::<Config>() + 16;
    assert!(asked.held <= 1024 + config, "{asked:?}");
}
