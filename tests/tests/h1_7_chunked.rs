//! RFC 9112 §7: the chunked coding and trailers, received and sent.

use h1_proto::{
    BodyLength, ClientConnection, Config, ErrorKind, Event, SendError, ServerConnection,
};
use tests::split::{self, Log, START, Then, ok_at_end};

const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

fn decode(body: &str) -> Log {
    split::chunked(Config::default(), body)
}

fn chunked_request(octets_max: usize) -> (ClientConnection, Vec<u8>) {
    let mut config = Config::client();
    config.output_bytes_max = octets_max;
    let (mut conn, mut out) = (ClientConnection::new(config, START), Vec::new());
    conn.send_request(("POST", "/"), [("host", "a")], BodyLength::Chunked, &mut out).unwrap();
    conn.wrote(out.len());
    out.clear();
    (conn, out)
}

// R9112-076
#[test]
fn a_decoder_alone_stops_at_the_end_of_the_body() {
    let log = decode("4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
    log.assert_fine();
    assert_eq!((log.content(), &log.left[..]), (b"Wikipedia".to_vec(), &b"GET / HTTP/1.1\r\n"[..]));
    let log = decode("4\r\nWiki\r\n0\r\nA: b\r\nC: d\r\n\r\n");
    assert_eq!(log.ends()[0].to_string(), " [A: b, C: d]");
}

// R9112-078
#[test]
fn large_sizes_neither_overflow_nor_lose_digits() {
    let huge = |size| split::chunked(Config::client(), format!("{size}\r\nx"));
    for size in ["7fffffffffffffff", "ffffffffffffffff", "100000000", "000000000000ffff"] {
        let log = huge(size);
        log.assert_fine();
        assert_eq!(log.content(), b"x");
    }
    for size in ["10000000000000000", "fffffffffffffffff", "00000000000000001"] {
        assert_eq!(huge(size).kind(), ErrorKind::ChunkSizeOverflow);
    }
}

// R9112-079, R9112-084
#[test]
fn parameters_of_a_coding_are_an_error() {
    for value in ["chunked;a=b", "chunked; a", "gzip;q=1, chunked"] {
        let input =
            format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {value}\r\n\r\n0\r\n\r\n");
        split::server(input, ok_at_end).assert_refused(400);
    }
}

// R9112-080
#[test]
fn unknown_extensions_are_ignored() {
    let log = decode("1;foo\r\na\r\n1 ; foo = \"b;a\\\"r\" ;x=y\r\nb\r\n0;last\r\n\r\n");
    log.assert_fine();
    assert_eq!(log.content(), b"ab");
}

// R9112-081, R9112-082, R9112-083
#[test]
fn trailers_come_apart_from_the_header_section() {
    let input = format!("{HEAD}1\r\nx\r\n0\r\nETag: \"1\"\r\nX: y\r\netag: \"2\"\r\n\r\n");
    let log = split::server(input, ok_at_end);
    log.assert_fine();
    assert_eq!(log.heads()[0].field("etag"), None);
    let trailers = log.ends()[0];
    assert_eq!(trailers.field_values("etag").collect::<Vec<_>>(), [b"\"1\"", b"\"2\""]);
    assert_eq!((trailers.method(), trailers.status(), trailers.authority()), (&b""[..], 0, None));
    assert_eq!(trailers.raw(), b"ETag: \"1\"\r\nX: y\r\netag: \"2\"\r\n\r\n");
}

#[test]
fn a_client_receives_trailers() {
    let log = split::client(
        |conn, out| {
            conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, out).unwrap();
        },
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: u\r\n\r\n",
        Then::Open,
    );
    log.assert_fine();
    assert_eq!(log.ends()[0].field("t"), Some(&b"u"[..]));
}

#[test]
fn each_call_sends_a_chunk_and_an_empty_one_sends_none() {
    let (mut conn, mut out) = chunked_request(1 << 20);
    assert_eq!(conn.send_data(b"hello", &mut out), Ok(5));
    assert_eq!(conn.send_data(b"", &mut out), Ok(0), "it would end the content");
    assert_eq!(conn.send_data(&[b'x'; 26], &mut out), Ok(26));
    conn.finish(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text, format!("5\r\nhello\r\n1a\r\n{}\r\n0\r\n\r\n", "x".repeat(26)));
}

#[test]
fn trailers_are_sent_in_both_directions() {
    let (mut conn, mut out) = chunked_request(1 << 20);
    conn.send_data(b"hi", &mut out).unwrap();
    for name in ["Host", "content-length", "Transfer-Encoding", "connection", "trailer"] {
        let sent = conn.send_trailers([("x", "y"), (name, "1")], &mut out);
        assert_eq!(sent, Err(SendError::FramingField(1)), "{name}");
    }
    conn.send_trailers([("Digest", "1"), ("digest", "2")], &mut out).unwrap();
    assert_eq!(out, b"2\r\nhi\r\n0\r\nDigest: 1\r\ndigest: 2\r\n\r\n");

    let log = split::server("GET / HTTP/1.1\r\nHost: a\r\n\r\n", |event, conn, out| {
        if let Event::End { .. } = event {
            conn.send_response(200, [("trailer", "t")], BodyLength::Chunked, out).unwrap();
            conn.send_data(b"hi", out).unwrap();
            conn.send_trailers([("t", "u")], out).unwrap();
        }
    });
    let end = "trailer: t\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nt: u\r\n\r\n";
    assert!(log.output_text().ends_with(end), "{log:?}");
}

#[test]
fn trailers_need_chunked() {
    split::server("GET / HTTP/1.1\r\nHost: a\r\n\r\n", |event, conn, out| {
        if let Event::End { .. } = event {
            conn.send_response(200, [("x", "y")], BodyLength::Known(0), out).unwrap();
            let sent = conn.send_trailers([("t", "u")], out);
            assert_eq!(sent, Err(SendError::TrailersNotAllowed));
            conn.finish(out).unwrap();
        }
    });
}

#[test]
fn a_splice_leaves_the_place_for_a_payload() {
    let (mut conn, mut out) = chunked_request(1 << 20);
    let splice = conn.send_data_splice(5, &mut out).unwrap();
    assert_eq!(splice.len, 5);
    conn.finish(&mut out).unwrap();
    assert_eq!(conn.unsent(), out.len() as u64 + 5, "the payload counts before it is there");
    out.splice(splice.at..splice.at, *b"hello");
    assert_eq!(out, b"5\r\nhello\r\n0\r\n\r\n");
    conn.wrote(out.len());
    assert_eq!(conn.unsent(), 0);
}

#[test]
fn output_is_bounded_and_what_was_written_makes_room() {
    let (mut conn, mut out) = chunked_request(100);
    assert_eq!(conn.send_data(&[b'x'; 60], &mut out), Ok(60));
    // What is unsent now: 60 octets and their framing of 6.
    assert_eq!(conn.unsent(), 66);
    assert_eq!(conn.send_data(&[b'x'; 60], &mut out), Ok(34));
    assert_eq!(conn.send_data(b"x", &mut out), Ok(0), "not an error: offer it again");
    assert_eq!(conn.send_data_splice(5, &mut out).map(|splice| splice.len), Ok(0));
    conn.wrote(out.len());
    assert_eq!(conn.send_data(b"x", &mut out), Ok(1));
}

#[test]
fn what_one_side_sends_the_other_receives() {
    let (mut conn, mut out) = chunked_request(1 << 20);
    let mut content = Vec::new();
    for octets in [1, 15, 16, 17, 255, 256, 257, 4095, 4096] {
        let data = vec![octets.to_string().as_bytes()[0]; octets];
        conn.send_data(&data, &mut out).unwrap();
        content.extend_from_slice(&data);
    }
    conn.send_trailers([("a", "b")], &mut out).unwrap();
    let log = split::chunked(Config::default(), &out);
    log.assert_fine();
    assert_eq!((log.content() == content, log.ends().len(), log.left.len()), (true, 1, 0));
}

#[test]
fn the_end_of_the_input_within_a_chunked_body_is_an_error_with_its_offset() {
    let body = "3\r\nabc\r\n0\r\nT: u\r\n\r\n";
    for cut in 0..body.len() {
        let input = format!("{HEAD}{}", &body[..cut]);
        let log = split::server_with(Config::default(), Then::Eof, &input, ok_at_end);
        assert_eq!((log.kind(), log.ends().len()), (ErrorKind::Incomplete, 0), "{cut}");
        assert_eq!(log.failure().offset(), input.len() as u64, "{cut}");
    }
}

#[test]
fn limits_count_what_was_decoded() {
    let mut config = Config::default();
    config.body_bytes_max = 10;
    let run = |config: &Config, body: &str| {
        let caller: fn(&Event<'_, '_>, &mut ServerConnection, &mut Vec<u8>) = ok_at_end;
        split::server_with(config.clone(), Then::Open, format!("{HEAD}{body}"), caller)
    };
    run(&config, &format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(10))).assert_fine();
    let log = run(&config, &"1\r\nx\r\n".repeat(11));
    assert_eq!((log.kind(), log.content().len()), (ErrorKind::BodyTooLong, 10));
    log.assert_refused(413);
    run(&config, "b\r\n").assert_refused(413);
}
