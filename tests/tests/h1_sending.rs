//! What goes out is checked while it is written: a call that is refused, or that the caller's fields break
//! off, leaves the output and the connection as they were.

use std::panic::{AssertUnwindSafe, catch_unwind};

use h1_proto::{BodyLength, Config, Field, FieldLines, SendError};
use tests::desk::Desk;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn asked() -> Desk<h1_proto::ServerConnection> {
    let mut desk = Desk::server(Config::default());
    desk.feed(GET);
    desk.out.extend_from_slice(b"before");
    desk
}

#[test]
fn a_refused_head_leaves_nothing_behind() {
    let mut desk = asked();
    let long = "x".repeat(1000);
    let bad = [
        [("a", long.as_str()), ("b c", "d")],
        [("a", "b"), ("c", "d\r\ne: f")],
        [("content-length", "1"), ("content-length", "1")],
        [("a", "b"), ("transfer-encoding", "chunked")],
        [("te", "gzip, chunked"), ("a", "b")],
        [("content-length", "7"), ("a", "b")],
    ];
    for fields in bad {
        let sent = desk.conn.respond(200, fields, b"ok", &mut desk.out);
        assert!(sent.is_err(), "{fields:?}");
        let sent = desk.conn.send_response(200, fields, BodyLength::Chunked, &mut desk.out);
        assert!(sent.is_err(), "{fields:?}");
        let sent = desk.conn.send_informational(103, fields, &mut desk.out);
        assert!(sent.is_err(), "{fields:?}");
        assert_eq!((&desk.out[..], desk.conn.unsent()), (&b"before"[..], 0), "{fields:?}");
        assert!(desk.conn.owes_answer());
    }
    let sent = desk.conn.respond(204, [("a", "b")], b"ok", &mut desk.out);
    assert_eq!((sent, &desk.out[..]), (Err(SendError::BodyNotAllowed), &b"before"[..]));
    let sent = desk.conn.respond(101, [("upgrade", "x")], b"", &mut desk.out);
    assert_eq!((sent, &desk.out[..]), (Err(SendError::NoUpgrade), &b"before"[..]));

    desk.conn.send_response(200, [("a", "b")], BodyLength::Chunked, &mut desk.out).unwrap();
    let before = desk.out.clone();
    let sent = desk.conn.send_trailers([("a", "b"), ("host", "c")], &mut desk.out);
    assert_eq!((sent, &desk.out), (Err(SendError::FramingField(1)), &before));
    desk.conn.send_trailers([("a", "b")], &mut desk.out).unwrap();
    assert!(desk.out.ends_with(b"\r\n\r\n0\r\na: b\r\n\r\n"));
}

#[test]
fn a_refused_request_leaves_nothing_behind() {
    let mut desk = Desk::client(Config::client());
    desk.out.extend_from_slice(b"before");
    for fields in
        [[("host", "a"), ("host", "a")], [("a", "b"), ("c", "d")], [("host", "b"), ("c", "d")]]
    {
        let sent =
            desk.conn.send_request(("GET", "http://a/"), fields, BodyLength::None, &mut desk.out);
        assert_eq!((sent, &desk.out[..]), (Err(SendError::Host), &b"before"[..]), "{fields:?}");
    }
    let fields = [("x", "y"), ("Host", "a")];
    desk.conn.send_request(("GET", "http://a/"), fields, BodyLength::None, &mut desk.out).unwrap();
    assert_eq!(desk.out, b"beforeGET http://a/ HTTP/1.1\r\nx: y\r\nHost: a\r\n\r\n");
}

#[test]
fn fields_that_panic_leave_nothing_behind() {
    let mut desk = asked();
    let fields = (0..3).map(|index| {
        assert!(index < 2, "on purpose");
        Field::from(("a", "b"))
    });
    let broken = AssertUnwindSafe(|| desk.conn.respond(200, fields, b"ok", &mut desk.out));
    assert!(catch_unwind(broken).is_err());
    assert_eq!((&desk.out[..], desk.conn.unsent()), (&b"before"[..], 0));
    desk.conn.respond(500, [("a", "b")], b"", &mut desk.out).unwrap();
    let answer = b"beforeHTTP/1.1 500 Internal Server Error\r\na: b\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(desk.out, answer);
}

#[test]
fn shared_lines_stand_behind_the_fields() {
    let lines = [("date", "today"), ("server", "x")].map(|line| FieldLines::new([line]).unwrap());
    let lines = lines.each_ref();
    let both = [("a", "b"), ("date", "today"), ("server", "x")];
    for content in [&b""[..], b"ok"] {
        let (mut one, mut other) = (asked(), asked());
        one.conn.respond(200, both, content, &mut one.out).unwrap();
        other.conn.respond_with(&lines, 200, [("a", "b")], content, &mut other.out).unwrap();
        assert_eq!(one.out.escape_ascii().to_string(), other.out.escape_ascii().to_string());
        assert_eq!(one.conn.unsent(), other.conn.unsent());
    }
    for body in
        [BodyLength::None, BodyLength::Known(2), BodyLength::Chunked, BodyLength::UntilClose]
    {
        let (mut one, mut other) = (asked(), asked());
        one.conn.send_response(200, both, body, &mut one.out).unwrap();
        let sent = other.conn.send_response_with(&lines, 200, [("a", "b")], body, &mut other.out);
        assert_eq!(sent, Ok(()));
        assert_eq!(one.out.escape_ascii().to_string(), other.out.escape_ascii().to_string());
    }
}
