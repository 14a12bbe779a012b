//! What went wrong once, so that it does not again.

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, ErrorKind, NextStep, SendError, ServerConnection,
};
use tests::desk::Desk;
use tests::split;

/// An empty line before octets that answer nothing hid them behind another error, or behind none.
#[test]
fn unsolicited_octets_behind_an_empty_line_are_unsolicited_in_every_cut() {
    for octets in ["X", "\r\nX", "\r\nHTTP/1.1 2", "\r\nHTTP/1.1 200 OK\r\n\r\n", "\r\n\r\nH"] {
        let log = split::client(|_, _| {}, octets, split::Then::Open);
        assert_eq!(log.kind(), ErrorKind::Unsolicited, "{octets:?}");
    }
    assert_eq!(split::client(|_, _| {}, "\rX", split::Then::Open).kind(), ErrorKind::BareCr);
}

/// With a start line longer than the head the carry filled up and nothing ever came of it.
#[test]
fn a_start_line_is_no_longer_than_the_head() {
    let mut config = Config::default();
    config.head_bytes_max = 100;
    config.start_line_bytes_max = 200;
    let line = format!("GET /{} HTTP/1.1\r\n", "a".repeat(120));
    let log = split::server_with(config, split::Then::Open, line, split::silent);
    assert_eq!((log.kind(), log.failure().offset()), (ErrorKind::HeadTooLong, 100));
}

/// A deadline that passed while the answer to an error was not taken became the error.
#[test]
fn the_first_error_stays_the_error() {
    let mut server = Desk::server(Config::default());
    server.feed("GET / HTTP/1.1\r\n\r\n");
    assert!(server.error.is_some());
    let first = server.error.clone().unwrap();
    let (mut head, mut input) = (h1_proto::Head::new(), &b""[..]);
    for seconds in [1, 40, 80] {
        let _ = server.conn.advance(Duration::from_secs(seconds));
        assert_eq!(server.conn.next_event(&mut input, &mut head), Err(first.clone()));
    }
    assert_eq!(server.conn.next_step(), NextStep::Close);
}

/// RFC 9110 §15.3.6: a 205 has no content.
#[test]
fn a_205_has_no_content() {
    let mut conn = ServerConnection::new(Config::default(), Duration::ZERO);
    let (mut head, mut out) = (h1_proto::Head::new(), Vec::new());
    let mut input = &b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..];
    conn.next_event(&mut input, &mut head).unwrap();
    let fields = [("x", "y")];
    for body in [BodyLength::Known(1), BodyLength::Chunked, BodyLength::UntilClose] {
        let refused = conn.send_response(205, &fields, body, &mut out);
        assert_eq!(refused, Err(SendError::BodyNotAllowed));
    }
    conn.send_response(205, &fields, BodyLength::None, &mut out).unwrap();
    assert!(out.ends_with(b"x: y\r\ncontent-length: 0\r\n\r\n"));
}

/// R9112-089, R9112-091: TE means this connection only, and does not name chunked.
#[test]
fn r9112_091_te_goes_with_its_connection_option() {
    let send = |fields: &[(&str, &str)]| {
        let mut conn = ClientConnection::new(Config::client(), Duration::ZERO);
        let mut out = Vec::new();
        conn.send_request(("GET", "/"), fields, BodyLength::None, &mut out)
            .map(|_| String::from_utf8(out).unwrap())
    };
    let host = ("host", "a");
    let text = send(&[host, ("te", "trailers")]).unwrap();
    assert!(text.contains("\r\nconnection: te\r\n"), "{text}");
    let text = send(&[host, ("TE", "trailers"), ("Connection", "close, TE")]).unwrap();
    assert!(!text.contains("connection: te"), "{text}");
    for value in ["chunked", "trailers, Chunked", "chunked;q=0.5"] {
        assert_eq!(send(&[host, ("te", value)]), Err(SendError::FramingField(1)), "{value}");
    }
}

/// The limit of a field line was applied to a request line, but only in some cuts.
#[test]
fn a_request_line_is_not_judged_by_the_limit_of_a_field() {
    let mut config = Config::default();
    (config.start_line_bytes_max, config.head_bytes_max) = (8192, 8192);
    config.field_bytes_max = 1000;
    let line = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(1200));
    split::server_with(config, split::Then::Open, line, split::silent).assert_fine();
}

/// The method was looked at beyond the limit of its line.
#[test]
fn a_method_is_judged_within_its_line() {
    let mut config = Config::default();
    (config.start_line_bytes_max, config.method_bytes_max) = (4, 4);
    let log =
        split::server_with(config, split::Then::Open, "OPTIONS / HTTP/1.1\r\n", split::silent);
    assert_eq!((log.kind(), log.failure().offset()), (ErrorKind::StartLineTooLong, 4));
}

/// A switch whose request was abandoned waited for ever.
#[test]
fn a_switch_ends_with_its_abandoned_request() {
    let mut server = Desk::server(Config::default());
    server.feed(
        "POST / HTTP/1.1\r\nhost: a\r\nupgrade: x\r\nconnection: upgrade\r\n\
         content-length: 100000\r\n\r\n",
    );
    let fields = [("upgrade", "x")];
    server.conn.send_response(101, &fields, BodyLength::None, &mut server.out).unwrap();
    server.conn.abandon_body();
    server.take();
    assert!(matches!(server.conn.next_step(), NextStep::Linger { .. }));
}

/// The account of a promise near the end of the numbers overflowed.
#[test]
fn a_promise_of_any_length_is_accounted() {
    let mut config = Config::default();
    config.output_bytes_max = usize::MAX;
    let mut server = Desk::server(config);
    server.feed("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let fields = [("x", "y")];
    server.conn.send_response(200, &fields, BodyLength::Chunked, &mut server.out).unwrap();
    let promised = server.conn.send_data_splice(usize::MAX, &mut server.out).unwrap().len;
    assert!(server.conn.unsent() >= promised as u64);
}

/// The end of a linger moved on with the clock.
#[test]
fn a_linger_ends_at_one_time() {
    let mut server = Desk::server(Config::default());
    server.feed("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n");
    let fields = [("x", "y")];
    server.conn.send_response(200, &fields, BodyLength::Known(2), &mut server.out).unwrap();
    server.conn.send_data(b"hi", &mut server.out).unwrap();
    server.conn.wrote(server.out.len());
    server.conn.finish(&mut server.out).unwrap();
    let mut ends = Vec::new();
    for seconds in 1..5 {
        server.conn.advance(Duration::from_secs(seconds)).unwrap();
        let NextStep::Linger { until, .. } = server.conn.next_step() else { panic!() };
        ends.push(until);
    }
    assert_eq!(ends, [Duration::from_secs(6); 4]);
}

/// RFC 9110 §7.8: Upgrade goes with its connection option, in both directions.
#[test]
fn upgrade_goes_with_its_connection_option() {
    let mut server = Desk::server(Config::default());
    server.feed("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let fields = [("upgrade", "websocket")];
    server.conn.respond(426, &fields, b"", &mut server.out).unwrap();
    assert!(server.take().contains("\r\nconnection: upgrade\r\n"));
    let mut client = Desk::client(Config::client());
    let fields = [("host", "a"), ("upgrade", "websocket")];
    client.conn.send_request(("GET", "/"), &fields, BodyLength::None, &mut client.out).unwrap();
    assert!(client.take().contains("\r\nconnection: upgrade\r\n"));
}

/// Content that is too much to be thrown away ends the reading, and with it the switch that would come behind.
#[test]
fn nothing_switches_when_nothing_more_is_read() {
    for (request, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n", 101),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n", 200),
    ] {
        let mut config = Config::default();
        config.unread_body_bytes_max = 2;
        let mut conn = ServerConnection::new(config, Duration::ZERO);
        let (mut head, mut out) = (h1_proto::Head::new(), Vec::new());
        let request = format!("{request}Content-Length: 4\r\n\r\nabcd");
        let mut input = request.as_bytes();
        assert!(conn.next_event(&mut input, &mut head).unwrap().is_some());
        conn.abandon_body();
        let sent = conn.send_response(status, [("upgrade", "x")], BodyLength::None, &mut out);
        assert_eq!((sent, out.len()), (Err(SendError::NoUpgrade), 0));
        conn.respond(400, [("x", "y")], b"", &mut out).unwrap();
        conn.wrote(out.len());
        assert!(matches!(conn.next_step(), NextStep::Linger { .. }));
    }
}
