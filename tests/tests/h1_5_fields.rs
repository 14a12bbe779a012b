//! RFC 9112 §5: field lines.

use h1_proto::{BodyLength, ClientConnection, Config, ErrorKind, SendError};
use tests::split::{self, Log, Then, ok_at_end};

const LINES: &str = "Host: a\r\nAccept:x\r\nX-CaSe:   one  \r\naccept: \ty\t\r\nx-empty:\r\n\
                     X-case: two\r\nX-Inner: a  b\tc\r\n";

fn get(conn: &mut ClientConnection, out: &mut Vec<u8>) {
    conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, out).unwrap();
}

fn both() -> [Log; 2] {
    [
        split::server(format!("GET / HTTP/1.1\r\n{LINES}\r\n"), ok_at_end),
        split::client(get, format!("HTTP/1.1 204 N\r\n{LINES}\r\n"), Then::Open),
    ]
}

#[test]
fn order_and_letter_case_are_kept() {
    for log in both() {
        let fields: Vec<_> = log.heads()[0]
            .fields()
            .map(|field| (field.name.escape_ascii().to_string(), field.value.to_vec()))
            .collect();
        let expected = [
            ("Host", &b"a"[..]),
            ("Accept", b"x"),
            ("X-CaSe", b"one"),
            ("accept", b"y"),
            ("x-empty", b""),
            ("X-case", b"two"),
            ("X-Inner", b"a  b\tc"),
        ];
        assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
    }
}

#[test]
fn every_octet_of_the_head_is_there() {
    let [request, response] = both();
    assert_eq!(request.heads()[0].raw(), format!("GET / HTTP/1.1\r\n{LINES}\r\n").as_bytes());
    assert_eq!(response.heads()[0].raw(), format!("HTTP/1.1 204 N\r\n{LINES}\r\n").as_bytes());
}

#[test]
fn names_are_found_whatever_their_letter_case() {
    for log in both() {
        let head = log.heads()[0];
        for name in ["x-case", "X-CASE", "X-CaSe"] {
            assert_eq!(head.field(name), Some(&b"one"[..]), "the first");
            assert_eq!(head.field_values(name).collect::<Vec<_>>(), [b"one", b"two"]);
        }
        assert_eq!((head.field("x-empty"), head.field("x-cas")), (Some(&b""[..]), None));
    }
}

#[test]
fn a_server_sends_fields_in_order_and_in_their_letter_case() {
    let log = split::server("GET / HTTP/1.1\r\nHost: a\r\n\r\n", |event, conn, out| {
        if let h1_proto::Event::End { .. } = event {
            let fields = [("Set-Cookie", "b"), ("x-A", "1"), ("set-cookie", "a"), ("Empty", "")];
            conn.respond(200, &fields, b"", out).unwrap();
        }
    });
    assert_eq!(
        log.output_text(),
        "HTTP/1.1 200 OK\r\nSet-Cookie: b\r\nx-A: 1\r\nset-cookie: a\r\nEmpty: \r\n\
         content-length: 0\r\n\r\n"
    );
}

// R9112-040
#[test]
fn white_space_before_the_colon_is_refused() {
    for line in ["X : y", "X\t: y", "Host : a"] {
        let input = format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
        split::server(input, ok_at_end).assert_refused(400);
        let log = split::client(get, format!("HTTP/1.1 204 N\r\n{line}\r\n\r\n"), Then::Open);
        assert_eq!(log.kind(), ErrorKind::FieldName, "in a response no proxy could repair");
    }
}

// R9112-042
#[test]
fn nothing_folded_is_sent() {
    let mut conn = ClientConnection::new(Config::client(), split::START);
    let mut out = Vec::new();
    let fields = [("host", "a"), ("x", "a\r\n b")];
    let sent = conn.send_request(("GET", "/"), &fields, BodyLength::None, &mut out);
    assert_eq!((sent, out.len()), (Err(SendError::InvalidFieldValue(1)), 0));
}

// R9112-043
#[test]
fn a_folded_line_in_a_request_is_refused() {
    for lines in ["X: a\r\n b\r\n", "X: a\r\n\tb\r\n", "X:\r\n b\r\n", "X: a\r\n \r\n"] {
        let log = split::server(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"), ok_at_end);
        assert_eq!(log.kind(), ErrorKind::FoldedField);
        log.assert_refused(400);
    }
}

// R9112-045
#[test]
fn a_folded_line_in_a_response_becomes_spaces() {
    for (lines, value) in [
        ("X: a\r\n b\r\n", "a   b"),
        ("X: a\r\n\tb\r\n", "a  \tb"),
        ("X:\r\n b\r\n", "b"),
        ("X: a\r\n \r\n", "a"),
        ("X: a\r\n b\r\n c\r\n", "a   b   c"),
        ("X: a \r\n  b \r\n", "a     b"),
    ] {
        let log = split::client(get, format!("HTTP/1.1 204 N\r\n{lines}Y: z\r\n\r\n"), Then::Open);
        log.assert_fine();
        let head = log.heads()[0];
        let found = head.field("x").map(|value| value.escape_ascii().to_string());
        assert_eq!(found.as_deref(), Some(&*value.escape_default().to_string()), "{lines:?}");
        assert_eq!((head.field("y"), head.fields().len()), (Some(&b"z"[..]), 2));
        assert!(!head.raw().contains(&b'\r') || !head.raw().windows(3).any(|w| w == b"\r\n "));
    }
}

#[test]
fn what_a_folded_line_hides_is_a_value_and_no_field() {
    let response = "HTTP/1.1 200 OK\r\nX: a\r\n Transfer-Encoding: chunked\r\n\
                    Content-Length:\r\n 5\r\n\r\nhello";
    let log = split::client(get, response, Then::Open);
    log.assert_fine();
    assert_eq!((log.bodies(), log.content()), (vec![BodyLength::Known(5)], b"hello".to_vec()));
    let log = split::client(get, "HTTP/1.1 204 N\r\nContent-Length: 1\r\n 2\r\n\r\n", Then::Open);
    log.assert_fine();
    let log = split::client(get, "HTTP/1.1 200 N\r\nContent-Length: 1\r\n 2\r\n\r\n", Then::Open);
    assert_eq!(log.kind(), ErrorKind::ContentLengthInvalid, "`1   2` is no number");
}

#[test]
fn a_folded_line_in_a_response_is_refused_where_that_is_wished() {
    let mut config = Config::client();
    config.leniency.folded_response_fields = false;
    let response = "HTTP/1.1 204 N\r\nX: a\r\n b\r\n\r\n";
    let log = split::client_with(config, get, response, Then::Open, |_, _, _| {});
    assert_eq!(log.kind(), ErrorKind::FoldedField);
}

#[test]
fn connection_nominates_what_a_proxy_does_not_forward() {
    let input = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop\r\nTE: gzip\r\nx-hop: 1\r\n\
                 X-End: 2\r\nkeep-alive: 5\r\nUpgrade: x\r\nProxy-Connection: x\r\n\r\n";
    let log = split::server(input, ok_at_end);
    let names: Vec<_> = log.heads()[0].end_to_end_fields().map(|field| field.name).collect();
    assert_eq!(names, [&b"Host"[..], b"X-End"]);
}

// R9112-062
#[test]
fn what_frames_twice_is_not_forwarded_so() {
    let mut config = Config::default();
    config.leniency.content_length_with_transfer_encoding = true;
    let input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX: y\r\n\
                 Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let log = split::server_with(config, Then::Open, input, ok_at_end);
    log.assert_fine();
    let names: Vec<_> = log.heads()[0].end_to_end_fields().map(|field| field.name).collect();
    assert_eq!(names, [&b"Host"[..], b"X"], "the length was none");
}
