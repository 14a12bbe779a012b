//! Attacks by what messages say: sections that grow, and fields that another party would read in
//! another way.

use h2_proto::{Config, ErrorCode, ErrorKind, OwnedEvent, ServerConnection};
use tests::counting::{Counting, assert_counts, watch};
use tests::field_block::{FieldBlock, Literal};
use tests::frames::{flag, kind};
use tests::h2::{self, Desk, Log, more};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn it_counts() {
    assert_counts();
}

/// A request with these fields is reset, and nobody hears of it.
#[track_caller]
fn malformed(fields: &[(&str, &str)], kind: ErrorKind) {
    let log = h2::server(h2::headers(1, flag::END_STREAM, h2::block(fields)));
    assert_eq!(log.assert_reset(1, kind).requests(), 0);
}

/// As [`malformed`], of a GET that is fine without these fields.
#[track_caller]
fn malformed_field(name: &str, value: &str, kind: ErrorKind) {
    let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (name, value)];
    malformed(&fields, kind);
    // In trailers as well.
    let trailers = h2::headers(1, flag::END_STREAM, h2::block(&[(name, value)]));
    let log = h2::server([h2::post(1), trailers].concat());
    log.assert_reset(1, kind);
    assert_eq!(log.events.len(), 2, "{log:?}");
}

/// A block of many frames' octets, as HEADERS and CONTINUATION.
fn long_headers(stream: u32, block: &[u8]) -> Vec<u8> {
    let mut pieces = block.chunks(16_384).peekable();
    let (mut kind, mut octets) = (kind::HEADERS, Vec::new());
    let mut flags = flag::END_STREAM;
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            flags |= flag::END_HEADERS;
        }
        octets.extend(h2::frame(kind, flags, stream, piece));
        (kind, flags) = (kind::CONTINUATION, 0);
    }
    octets
}

/// A section over a limit is answered 431, the stream is over, the connection lives and the tables
/// are in step; what the core held for it.
#[track_caller]
fn too_large(block: &[u8], kind: ErrorKind) {
    let mut desk = Desk::server(Config::default());
    let input = long_headers(1, block);
    let (events, asked) = watch(|| desk.feed(&input));
    assert_eq!(desk.error, None);
    let [OwnedEvent::Refused { stream, kind: why }] = events[..] else { panic!("{events:?}") };
    assert_eq!((stream.get(), why), (1, kind));
    let sent = desk.sent();
    let [answer] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((answer.kind, answer.stream), (kind::HEADERS, 1));
    assert!(answer.has(flag::END_STREAM));
    assert!(asked.peak <= 256 << 10, "{asked:?}");
    assert!(matches!(desk.feed(h2::get(3))[..], [OwnedEvent::Request { .. }]));
}

#[test]
fn b06_fields_without_name_and_value() {
    too_large(&[0; 30_000], ErrorKind::TooManyFields);
    // One is enough to be wrong.
    malformed_field("", "", ErrorKind::FieldName);
}

#[test]
fn b13_hpack_bomb() {
    let bomb = FieldBlock::raw().literal(Literal::Incremental, "a", [b'v'; 3_000]);
    let bomb = [bomb.octets(), &[0xbe; 16_000]].concat();
    too_large(&bomb, ErrorKind::SectionTooLong);
}

#[test]
fn b13_hpack_bombs_one_after_another() {
    // Expansion is charged, too.
    let bomb = [&[0x82, 0x86, 0x84][..], &[0xbe; 5]].concat();
    let first = FieldBlock::raw().literal(Literal::Incremental, "a", [b'v'; 3_000]);
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::headers(1, flag::END_STREAM, first));
    let mut rounds = 0;
    while desk.error.is_none() && rounds < 2_000 {
        rounds += 1;
        desk.feed_with(h2::headers(2 * rounds + 1, flag::END_STREAM, &bomb), finish);
        desk.take();
    }
    assert!(rounds < 200, "{rounds} requests of 15 KiB in 8 octets");
    assert_eq!(desk.kind(), ErrorKind::Overdrawn(h2_proto::Cause::Expansion));
}

fn finish(event: &h2_proto::Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>) {
    if let h2_proto::Event::Request { stream, .. } = event {
        let none: [(&str, &str); 0] = [];
        conn.send_response(*stream, 204, none.iter(), true, out).unwrap();
    }
}

#[test]
fn b14_references_to_a_tiny_field() {
    let bomb = [&[0x40, 0x01, b'a', 0x00][..], &[0xbe; 30_000]].concat();
    too_large(&bomb, ErrorKind::TooManyFields);
    // At the limit, pseudo-fields included.
    let fields = |count: usize| {
        [&[0x82, 0x86, 0x84, 0x40, 0x01, b'a', 0x00][..], &vec![0xbe; count - 4]].concat()
    };
    h2::server(h2::headers(1, flag::END_STREAM, fields(128))).assert_fine();
    let log = h2::server(h2::headers(1, flag::END_STREAM, fields(129)));
    assert_eq!((log.requests(), log.events.len()), (0, 1));
}

#[test]
fn b38_trailers_that_do_not_end() {
    let log = h2::server([h2::post(1), h2::headers(1, 0, h2::block(&[("a", "b")]))].concat());
    log.assert_reset(1, ErrorKind::MessageOrder);
    let second = h2::headers(1, 0, [0x82, 0x86, 0x84]);
    h2::server([h2::post(1), second].concat()).assert_reset(1, ErrorKind::MessageOrder);
    for name in [":path", ":status", ":x"] {
        let trailers = h2::headers(1, flag::END_STREAM, h2::block(&[(name, "/")]));
        h2::server([h2::post(1), trailers].concat()).assert_reset(1, ErrorKind::PseudoField);
    }
    let trailers = h2::headers(1, flag::END_STREAM, h2::block(&[("content-length", "0")]));
    h2::server([h2::post(1), trailers].concat()).assert_reset(1, ErrorKind::TrailerForbidden);
    // Content before the head of a response.
    h2::client(h2::data(1, 0, "x")).assert_reset(1, ErrorKind::MessageOrder);
}

fn post_of(length: &str, rest: &[Vec<u8>]) -> Log {
    let head =
        [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("content-length", length)];
    h2::server([&[h2::headers(1, 0, h2::block(&head))], rest].concat().concat())
}

#[track_caller]
fn no_end(log: &Log) {
    let end = |event: &OwnedEvent| {
        matches!(event, OwnedEvent::Data { end_stream: true, .. } | OwnedEvent::Trailers { .. })
    };
    assert!(!log.events.iter().any(end), "the end is not told: {log:?}");
}

#[test]
fn b39_content_that_is_not_as_long_as_announced() {
    let end = flag::END_STREAM;
    for rest in [
        vec![h2::data(1, end, [b'x'; 16])],
        vec![h2::data(1, 0, [b'x'; 16])],
        vec![h2::data(1, 0, "xxx"), h2::data(1, 0, "xx")],
        vec![h2::data(1, end, "xxx")],
        vec![h2::data(1, 0, "xxx"), h2::data(1, end, "")],
        vec![h2::data(1, 0, "xxx"), h2::headers(1, end, h2::block(&[("a", "b")]))],
        // Padding is no content.
        vec![h2::data(1, flag::PADDED | end, [1, b'x', b'x', b'x', 0])],
    ] {
        let log = post_of("4", &rest);
        log.assert_reset(1, ErrorKind::ContentLengthMismatch);
        no_end(&log);
    }
    let padded = h2::data(1, flag::PADDED | end, [2, b'x', b'x', b'x', b'x', 0, 0]);
    post_of("4", &[padded]).assert_fine();
    for length in ["", "-4", "+4", "4,4", "0x4", "4 ", "18446744073709551616"] {
        let log = post_of(length, &[]);
        assert_eq!((log.requests(), h2::resets(&log.frames).len()), (0, 1), "{length}");
    }
    let get = [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("content-length", "1")];
    malformed(&get, ErrorKind::ContentLengthMismatch);
    // Twice, even if the same.
    let twice = [&get[..3], &[("content-length", "0"), ("content-length", "0")]].concat();
    malformed(&twice, ErrorKind::ContentLength);
}

#[test]
fn b40_transfer_encoding() {
    for value in ["chunked", "identity", ""] {
        malformed_field("transfer-encoding", value, ErrorKind::ConnectionField);
    }
}

#[test]
fn b41_names_and_values_that_split() {
    for value in ["a\r\nX: y", "a\nb", "a\rb", "a\0", "\0", " a", "a ", "\ta", "a\t", "\x7f"] {
        malformed_field("a", value, ErrorKind::FieldValue);
    }
    for name in ["a b", "a:", "A", "aB", "a\r\n", "a\0", "\u{e9}", "(a)", "a\t"] {
        malformed_field(name, "v", ErrorKind::FieldName);
    }
    for name in [":a", ": ", ":"] {
        malformed_field(name, "v", ErrorKind::PseudoField);
    }
}

#[test]
fn b42_pseudo_fields() {
    let get = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
    for (index, (name, _)) in get.into_iter().enumerate() {
        malformed(&[&get[..], &[(name, "x")]].concat(), ErrorKind::PseudoField);
        malformed(&[&get[..], &[("a", "b"), (name, "x")]].concat(), ErrorKind::PseudoField);
        let mut without = get.to_vec();
        without.remove(index);
        malformed(&without, ErrorKind::PseudoFieldMissing);
    }
    malformed(&[&get[..], &[(":status", "200")]].concat(), ErrorKind::PseudoField);
    for path in ["", "/ HTTP/1.1\r\nX:", "/ x", "x", "*", "/\0", "/\u{7f}"] {
        malformed(&[get[0], get[1], (":path", path)], ErrorKind::Path);
    }
    for method in ["", "GET / HTTP/1.1\r\n", "G T", "GET\0"] {
        malformed(&[(":method", method), get[1], get[2]], ErrorKind::Method);
    }
    for scheme in ["", "http://a/", "ht tp", "http\r\n"] {
        malformed(&[get[0], (":scheme", scheme), get[2]], ErrorKind::Scheme);
    }
    for status in ["", "20", "2000", "99", "2 0", "101", "200 OK"] {
        let response = h2::headers(1, flag::END_STREAM, h2::block(&[(":status", status)]));
        h2::client(response).assert_reset(1, ErrorKind::Status);
    }
}

#[test]
fn b43_authority_and_host_that_differ() {
    let with = |more: &[(&'static str, &'static str)]| {
        [&[(":method", "GET"), (":scheme", "http"), (":path", "/")], more].concat()
    };
    for more in [
        &[(":authority", "a.example"), ("host", "b.example")][..],
        &[(":authority", "a.example"), ("host", "a.example:81")],
        &[(":authority", "a.example"), ("host", "")],
        &[(":authority", "a.example"), ("host", "a.example"), ("host", "a.example")],
        &[("host", "a.example"), ("host", "b.example")],
        &[("host", "a b")],
        &[("host", "u@a.example")],
    ] {
        malformed(&with(more), ErrorKind::Host);
    }
    for authority in ["u@a.example", "a b", "a/b", "a\r\nb", "a:b"] {
        malformed(&with(&[(":authority", authority)]), ErrorKind::Authority);
    }
    let same = with(&[(":authority", "a.example"), ("host", "A.example")]);
    h2::server(h2::headers(1, flag::END_STREAM, h2::block(&same))).assert_fine();
}

#[test]
fn b43_an_empty_authority() {
    // http and https need a host (RFC 9110 §4.2.1).
    let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "")];
    malformed(&fields, ErrorKind::Authority);
}

#[test]
fn b44_connect_in_the_wrong_form() {
    let connect = [(":method", "CONNECT"), (":authority", "a.example:443")];
    for more in [(":path", "/"), (":scheme", "https")] {
        malformed(&[&connect[..], &[more]].concat(), ErrorKind::PseudoField);
    }
    malformed(&connect[..1], ErrorKind::PseudoFieldMissing);
    let get = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
    malformed(&[&get[..], &[(":protocol", "websocket")]].concat(), ErrorKind::PseudoField);
    // Extended, but not allowed.
    let extended =
        [&connect[..], &[(":scheme", "https"), (":path", "/"), (":protocol", "websocket")]]
            .concat();
    let block = h2::headers(1, 0, h2::block(&extended));
    h2::server(&block).assert_fine();
    let mut config = Config::default();
    config.connect_protocol = false;
    let log = h2::every_cut(&Desk::server(config), &block, |_, _, _| {});
    log.assert_reset(1, ErrorKind::PseudoField);
}

#[test]
fn b45_fields_of_a_connection() {
    for (name, value) in [
        ("connection", "close"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("te", ""),
    ] {
        malformed_field(name, value, ErrorKind::ConnectionField);
    }
    h2::server(h2::headers(1, flag::END_STREAM, h2::get_block(&[("te", "trailers")])))
        .assert_fine();
}

#[test]
fn b46_cookie_crumbs() {
    let crumbs = [&[0x82, 0x86, 0x84, 0x60, 0x00][..], &[0xbe; 10_000]].concat();
    too_large(&crumbs, ErrorKind::TooManyFields);
}

#[test]
fn b47_names_are_not_kept() {
    let mut desk = Desk::server(Config::default());
    let mut round = 0;
    let mut one = |desk: &mut Desk<_>| {
        round += 1;
        let name = format!("x-{round:0>8190}");
        let block = h2::get_block(&[]).literal(Literal::Incremental, name.as_str(), "");
        desk.feed_with(h2::headers(2 * round - 1, flag::END_STREAM, block), finish);
        desk.take();
    };
    (0..10).for_each(|_| one(&mut desk));
    let ((), asked) = watch(|| (0..1_000).for_each(|_| one(&mut desk)));
    assert_eq!(desk.error, None);
    assert!(asked.held < 1024, "{asked:?}");
    assert!(desk.conn.snapshot().decoder_table_bytes <= 4096);
}

#[test]
fn b14_a_section_over_the_limit_on_a_client() {
    let fields = [&[0x88, 0x40, 0x01, b'a', 0x00][..], &[0xbe; 127]].concat();
    let log = h2::client(h2::headers(1, 0, fields));
    log.assert_reset(1, ErrorKind::TooManyFields);
    assert_eq!(h2::resets(&log.frames), [(1, ErrorCode::ENHANCE_YOUR_CALM)]);
    // The window that it holds at nothing is a matter of time: see there.
    h2::server(h2::settings(&[(more::INITIAL_WINDOW_SIZE, 0)])).assert_fine();
}
