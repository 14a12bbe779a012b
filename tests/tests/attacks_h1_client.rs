//! Attacks on a client: by a hostile server, or by whoever gets octets into its connection.

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, ErrorKind, NextStep, OwnedEvent, SendError, Verdict,
};
use tests::desk::Desk;
use tests::split::{self, Log, Then};

fn send(conn: &mut ClientConnection, method: &str, out: &mut Vec<u8>) {
    let target = if method == "CONNECT" { "a:1" } else { "/" };
    let host = if method == "CONNECT" { "a:1" } else { "a" };
    conn.send_request((method, target), [("host", host)], BodyLength::None, out).unwrap();
}

/// What a client that asked with these methods makes of the input.
#[track_caller]
fn asked(methods: &[&str], input: impl AsRef<[u8]>, then: Then) -> Log {
    split::client(
        |conn, out| methods.iter().for_each(|method| send(conn, method, out)),
        input,
        then,
    )
}

#[track_caller]
fn refused(input: impl AsRef<[u8]>, kind: ErrorKind) -> Log {
    let log = asked(&["GET"], input, Then::Open);
    assert_eq!(log.kind(), kind, "{log:?}");
    assert_eq!(log.next_step, NextStep::Close, "{log:?}");
    assert!(log.ends().is_empty(), "no response counts as complete");
    log
}

#[test]
fn a22_a_final_status_instead_of_100_leaves_the_content_owed() {
    let mut desk = Desk::client(Config::client());
    let fields = [("host", "a"), ("expect", "100-continue")];
    desk.conn.send_request(("POST", "/"), &fields, BodyLength::Known(5), &mut desk.out).unwrap();
    desk.take();
    let events = desk.feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(events.len(), 2, "{events:?}");
    // Whatever goes now, the server takes for the content that was announced.
    assert!(!desk.conn.can_send_request() && !desk.conn.is_idle());
    let again =
        desk.conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut desk.out);
    assert_eq!(again, Err(SendError::WrongState));
    let mut sent = desk.conn.clone();
    // Either the content goes after all, and the connection is as good as ever …
    assert_eq!(sent.send_data(b"hello", &mut desk.out), Ok(5));
    sent.finish(&mut desk.out).unwrap();
    assert!(sent.can_send_request() && sent.is_idle());
    // … or it never does, and the connection is no more.
    desk.conn.abandon_request();
    assert!(!desk.conn.can_send_request());
    assert_eq!(desk.conn.next_step(), NextStep::Close);
}

#[test]
fn a44_a_flood_of_interim_responses() {
    let log = refused("HTTP/1.1 100 X\r\n\r\n".repeat(20), ErrorKind::TooManyInformational);
    assert_eq!(log.interim(), [100; 8]);
    assert_eq!(log.failure().offset(), 8 * 18);
    assert_eq!(log.failure().rule(), "informational_max");
}

#[test]
fn a44_long_interim_responses() {
    let long = format!("HTTP/1.1 103 X\r\nlink: {}\r\n\r\n", "x".repeat(5000));
    let log = refused(long.repeat(8), ErrorKind::InformationalTooLong);
    assert_eq!(log.interim(), [103; 3]);
    assert_eq!(log.failure().rule(), "informational_bytes_max");
}

#[test]
fn a44_the_limits_are_of_one_exchange() {
    let one = "HTTP/1.1 103 X\r\n\r\n".repeat(8) + "HTTP/1.1 204 N\r\n\r\n";
    let log = asked(&["GET", "GET", "GET"], one.repeat(3), Then::Open);
    log.assert_fine();
    assert_eq!((log.interim().len(), log.ends().len()), (24, 3));
}

#[test]
fn a45_content_behind_a_response_that_has_none() {
    for (method, response) in [
        ("GET", "HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n"),
        ("GET", "HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 N\r\nContent-Length: 5\r\n\r\n"),
        ("HEAD", "HTTP/1.1 404 N\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ] {
        let log = asked(&[method], format!("{response}hello"), Then::Open);
        assert_eq!(log.kind(), ErrorKind::Unsolicited, "{log:?}");
        assert_eq!(log.bodies(), [BodyLength::None]);
        assert_eq!(log.ends().len(), 1, "the response itself was complete");
        assert_eq!(log.failure().offset(), response.len() as u64);
        assert_eq!(log.next_step, NextStep::Close);
    }
}

#[test]
fn a45_a_response_that_nobody_asked_for() {
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let log = asked(&[], poison, Then::Open);
    assert_eq!((log.kind(), log.heads().len()), (ErrorKind::Unsolicited, 0));
    let good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
    let log = asked(&["GET"], format!("{good}{poison}"), Then::Open);
    assert_eq!((log.kind(), log.content()), (ErrorKind::Unsolicited, b"good".to_vec()));
    assert_eq!(log.failure().offset(), good.len() as u64);
}

#[test]
fn a45_octets_on_an_idle_connection_poison_no_later_request() {
    let mut desk = Desk::client(Config::client());
    desk.feed("H");
    assert_eq!(desk.error.as_ref().map(|error| error.kind()), Some(ErrorKind::Unsolicited));
    let sent =
        desk.conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut desk.out);
    assert_eq!(sent, Err(SendError::Closed));
    // Also behind empty lines, also if it is only the beginning of something.
    for input in ["\r\nH", "\r\n\r\nHTTP/1.1 200", "\r\nx", "HTTP/1.1 2"] {
        let log = asked(&[], input, Then::Open);
        assert_eq!(log.kind(), ErrorKind::Unsolicited, "{input:?}");
    }
    // Empty lines are no response.
    let mut desk = Desk::client(Config::client());
    assert_eq!(desk.feed("\r\n\r"), []);
    assert_eq!(desk.feed("\n"), []);
    assert!(desk.error.is_none() && desk.conn.is_idle());
}

#[test]
fn a46_framing_fields_where_there_is_no_content() {
    for fields in ["Transfer-Encoding: chunked", "Content-Length: 5", "Transfer-Encoding: x"] {
        for status in [204, 304] {
            let log =
                asked(&["GET"], format!("HTTP/1.1 {status} N\r\n{fields}\r\n\r\n"), Then::Open);
            log.assert_fine();
            assert_eq!((log.bodies(), log.ends().len()), (vec![BodyLength::None], 1), "{fields}");
            assert_eq!(log.next_step, NextStep::Read, "the connection goes on");
        }
        let interim = format!("HTTP/1.1 103 E\r\n{fields}\r\n\r\nHTTP/1.1 204 N\r\n\r\n");
        let log = asked(&["GET"], interim, Then::Open);
        log.assert_fine();
        assert_eq!((log.interim(), log.ends().len()), (vec![103], 1));
    }
}

#[test]
fn a46_framing_fields_in_a_2xx_to_connect() {
    for fields in ["Transfer-Encoding: chunked", "Content-Length: 5", "X: y"] {
        let log =
            asked(&["CONNECT"], format!("HTTP/1.1 200 C\r\n{fields}\r\n\r\nhello"), Then::Open);
        log.assert_fine();
        assert_eq!(log.bodies(), [BodyLength::None]);
        assert!(log.upgraded());
        assert_eq!((&log.left[..], log.next_step), (&b"hello"[..], NextStep::HandOver));
    }
}

#[test]
fn a47_malformed_status_line() {
    for status in ["99", "20", "2000", "-1", "099", "000", "2x0", "", " 200", "200\t", "+20", "2 0"]
    {
        refused(format!("HTTP/1.1 {status} OK\r\n\r\n"), ErrorKind::StatusLine);
    }
    for line in ["HTTP/1.1\r\n\r\n", "HTTP/1.1\t200 OK\r\n\r\n", "HTTP/1.1 200 O\0K\r\n\r\n"] {
        refused(line, ErrorKind::StatusLine);
    }
    for line in ["HTTP/1.x 200 OK\r\n\r\n", "HTTP/1 200 OK\r\n\r\n", "HTPP/1.1 200 OK\r\n\r\n"] {
        refused(line, ErrorKind::Version);
    }
    refused("HTTP/2.0 200 OK\r\n\r\n", ErrorKind::VersionUnsupported);
    refused("http/1.1 200 OK\r\n\r\n", ErrorKind::NotHttp);
    refused("ICY 200 OK\r\n\r\n", ErrorKind::NotHttp);
    refused("<html>", ErrorKind::NotHttp);
    refused("HTTP/1.1 200 OK\rX: y\r\n\r\n", ErrorKind::BareCr);
    refused("HTTP/1.1 200 OK\nX: y\r\n\r\n", ErrorKind::BareLf);
}

#[test]
fn a47_any_three_digits_from_100_are_a_status() {
    for status in [200, 299, 418, 599, 600, 999] {
        let log = asked(&["HEAD"], format!("HTTP/1.1 {status} X\r\n\r\n"), Then::Open);
        log.assert_fine();
        assert_eq!(log.heads()[0].status(), status);
    }
}

#[test]
fn a01_a04_a21_the_same_confusions_in_a_response() {
    for (fields, kind) in [
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            ErrorKind::ContentLengthWithTransferEncoding,
        ),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", ErrorKind::ContentLengthRepeated),
        ("Content-Length: +5\r\n", ErrorKind::ContentLengthInvalid),
        ("Content-Length: \r\n", ErrorKind::ContentLengthInvalid),
        ("Transfer-Encoding: chunked, chunked\r\n", ErrorKind::TransferEncodingInvalid),
        ("Transfer-Encoding: chunked;q=1\r\n", ErrorKind::TransferEncodingInvalid),
        ("Content-Length : 5\r\n", ErrorKind::FieldName),
        (": 5\r\n", ErrorKind::FieldName),
        ("X: a\x00b\r\n", ErrorKind::FieldValue),
        (" X: y\r\n", ErrorKind::SpaceBeforeFields),
    ] {
        let log = refused(format!("HTTP/1.1 200 OK\r\n{fields}\r\nhello"), kind);
        assert_eq!((log.events.len(), log.unfinished.clone()), (0, vec![Verdict::Unknown]));
    }
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    refused(old, ErrorKind::TransferEncodingInHttp10);
}

#[test]
fn a18_a_response_that_stalls_is_incomplete() {
    let mut desk = Desk::client(Config::client());
    send(&mut desk.conn, "GET", &mut desk.out);
    desk.take();
    desk.feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    desk.wait();
    let kind = desk.error.as_ref().map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::Deadline(h1_proto::Deadline::Body)));
    assert_eq!(desk.conn.next_step(), NextStep::Close);
    assert_eq!(desk.now, Duration::from_secs(30));
}

#[test]
fn a36_a_response_that_never_begins() {
    let mut desk = Desk::client(Config::client());
    assert_eq!(desk.conn.next_deadline(), None, "nothing was asked");
    send(&mut desk.conn, "GET", &mut desk.out);
    desk.take();
    assert!(desk.tick(Duration::ZERO));
    desk.wait();
    let kind = desk.error.as_ref().map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::Deadline(h1_proto::Deadline::Head)));
    assert_eq!(desk.now, Duration::from_secs(30));
}

#[test]
fn a20_a_101_that_nobody_offered() {
    let log = refused("HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\nhello", ErrorKind::UnexpectedSwitch);
    assert!(!log.upgraded());
}

#[test]
fn a42_a34_limits_hold_for_responses() {
    let fields = "a:\r\n".repeat(129);
    refused(format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), ErrorKind::TooManyFields);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    refused(format!("{chunked}{}", "a: b\r\n".repeat(40)), ErrorKind::TooManyTrailers);
    let mut config = Config::client();
    config.body_bytes_max = 10;
    let log = split::client_with(
        config,
        |conn, out| send(conn, "GET", out),
        "HTTP/1.1 200 OK\r\n\r\n0123456789x",
        Then::Eof,
        |_, _, _| {},
    );
    assert_eq!((log.kind(), log.content()), (ErrorKind::BodyTooLong, b"0123456789".to_vec()));
    assert!(matches!(log.events.last(), Some(OwnedEvent::Data(_))));
}
