//! RFC 9112 §2: parsing messages, the version.

use core::time::Duration;

use h1_proto::{BodyLength, ClientConnection, Config, ErrorKind, NextStep, Version};
use tests::split::{self, START, Then, ok_at_end};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// R9112-001
#[test]
fn messages_are_octets_not_text() {
    let value: Vec<u8> = (0x80..=0xff).chain(0x20..0x7f).collect();
    let line = [b"X: \x80", &value[..], b"\r\n"].concat();
    let request = [b"GET / HTTP/1.1\r\nHost: a\r\n", &line[..], b"\r\n"].concat();
    let log = split::server(request, ok_at_end);
    log.assert_fine();
    let expected = [b"\x80", value.trim_ascii_end()].concat();
    assert_eq!(log.heads()[0].field("x"), Some(&expected[..]));

    let response = [b"HTTP/1.1 204 \xff\xfe\r\n", &line[..], b"\r\n"].concat();
    let log = split::client(get, response, Then::Open);
    log.assert_fine();
    assert_eq!(log.heads()[0].reason(), b"\xff\xfe");
    assert_eq!(log.heads()[0].field("x"), Some(&expected[..]));
}

fn get(conn: &mut ClientConnection, out: &mut Vec<u8>) {
    conn.send_request(("GET", "/"), [("Host", "a")], BodyLength::None, out).unwrap();
}

// R9112-002
#[test]
fn a_bare_lf_ends_a_line_only_where_it_is_allowed() {
    let response = "HTTP/1.1 204 N\nX: y\n\n";
    assert_eq!(split::client(get, response, Then::Open).kind(), ErrorKind::BareLf);
    let mut config = Config::client();
    config.leniency.bare_lf = true;
    let log = split::client_with(config, get, response, Then::Open, |_, _, _| {});
    log.assert_fine();
    assert_eq!(log.heads()[0].field("x"), Some(&b"y"[..]));
}

// R9112-003, R9112-005, R9112-008
#[test]
fn a_client_sends_requests_and_nothing_around_them() {
    let mut conn = ClientConnection::new(Config::client(), START);
    let mut out = Vec::new();
    let fields = [("Host", "a"), ("X-Odd", "y")];
    let body = BodyLength::Known(2);
    conn.send_request(("POST", "/"), &fields, body, &mut out).unwrap();
    conn.send_data(b"hi", &mut out).unwrap();
    conn.finish(&mut out).unwrap();
    get(&mut conn, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "POST / HTTP/1.1\r\nHost: a\r\nX-Odd: y\r\ncontent-length: 2\r\n\r\nhi\
         GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    );
}

// R9112-006
#[test]
fn a_line_end_at_the_end_of_content_is_content() {
    let mut conn = ClientConnection::new(Config::client(), START);
    let mut out = Vec::new();
    conn.send_request(("POST", "/"), [("Host", "a")], BodyLength::Known(4), &mut out).unwrap();
    conn.send_data(b"hi\r\n", &mut out).unwrap();
    conn.finish(&mut out).unwrap();
    out.extend_from_slice(GET.as_bytes());
    let log = split::server(out, ok_at_end);
    log.assert_fine();
    assert_eq!((log.content(), log.heads().len()), (b"hi\r\n".to_vec(), 2));
}

// R9112-007
#[test]
fn empty_lines_before_a_request_are_skipped() {
    for lines in 0..=4 {
        let input = format!("{}{GET}", "\r\n".repeat(lines)).repeat(3);
        let log = split::server(input, ok_at_end);
        log.assert_fine();
        assert_eq!(log.statuses(), [200; 3], "{lines}");
    }
    let log = split::server("\r\n".repeat(5), ok_at_end);
    assert_eq!((log.kind(), log.failure().offset()), (ErrorKind::TooManyEmptyLines, 8));
    assert_eq!(log.failure().rule(), "empty_lines_max");
    log.assert_refused(400);
}

// R9112-004, R9112-009, R9112-010
#[test]
fn what_is_no_message_is_answered_400_and_the_connection_closes() {
    for input in [
        "hello\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \ry\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
        "\0\0\0\0",
    ] {
        let log = split::server(input, ok_at_end);
        log.assert_refused(400);
        let until = START + Duration::from_secs(5);
        let linger = NextStep::Linger { octets_max: 1 << 20, until };
        assert_eq!(log.next_step, linger, "so that the answer is not lost to a reset");
    }
}

#[test]
fn an_offset_counts_from_the_beginning_of_the_connection() {
    let body = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                3\r\nabc\r\n0\r\nt: u\r\n\r\n";
    let good = format!("\r\n{GET}{body}");
    let log = split::server(format!("{good}GET / HTTP/1.1\r\nHost: a\r\nX y\r\n\r\n"), ok_at_end);
    let at = good.len() + "GET / HTTP/1.1\r\nHost: a\r\nX".len();
    assert_eq!((log.kind(), log.failure().offset()), (ErrorKind::FieldName, at as u64));
    assert_eq!(log.failure().field(), Some("X"));
    assert_eq!(
        log.failure().to_string(),
        format!(
            "a field name is malformed or not followed by a colon at octet {at} in field `X` \
             (RFC 9112 §5.1; answer 400)"
        )
    );
}

#[test]
fn versions() {
    for (version, expected) in [
        ("1.0", Version::Http10),
        ("1.1", Version::Http11),
        ("1.2", Version::Http11),
        ("1.9", Version::Http11),
    ] {
        let log = split::server(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"), ok_at_end);
        log.assert_fine();
        assert_eq!(log.heads()[0].version(), expected, "{version}");
        // R9112-013: an answer has our own version.
        assert!(log.output.starts_with(b"HTTP/1.1 200 OK\r\n"), "{version}");
        let log = split::client(get, format!("HTTP/{version} 204 N\r\n\r\n"), Then::Open);
        log.assert_fine();
        assert_eq!(log.heads()[0].version(), expected, "{version}");
    }
    let log = split::server("GET / HTTP/2.0\r\nHost: a\r\n\r\n", ok_at_end);
    log.assert_refused(505);
    let log = split::server("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ok_at_end);
    log.assert_refused(505);
}
