//! RFC 9112 §4: the status line.

use h1_proto::{BodyLength, ClientConnection, Config, Event, SendError, grammar};
use tests::split::{self, Log, Then};

fn get(conn: &mut ClientConnection, out: &mut Vec<u8>) {
    conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, out).unwrap();
}

/// A server that answers with this status.
fn answered(status: u16, reason: Option<&str>) -> Log {
    split::server("GET / HTTP/1.1\r\nHost: a\r\n\r\n", |event, conn, out| {
        if let Event::End { .. } = event {
            let sent = match reason {
                Some(reason) => conn.respond((status, reason), [("x", "y")], b"", out),
                None => conn.respond(status, [("x", "y")], b"", out),
            };
            assert_eq!(sent, Ok(()));
        }
    })
}

// R9112-036, R9112-038
#[test]
fn a_reason_is_optional_and_ignored() {
    for (line, reason) in [
        ("HTTP/1.1 204 No Content", &b"No Content"[..]),
        ("HTTP/1.1 204 ", b""),
        ("HTTP/1.1 204", b""),
        ("HTTP/1.1 204 200 OK", b"200 OK"),
        ("HTTP/1.1 204  two  spaces ", b" two  spaces "),
        ("HTTP/1.1 204 \tgr\u{fc}n", "\tgr\u{fc}n".as_bytes()),
    ] {
        let log = split::client(get, format!("{line}\r\n\r\n"), Then::Open);
        log.assert_fine();
        let head = log.heads()[0];
        assert_eq!((head.status(), head.reason()), (204, reason), "{line}");
    }
}

// R9112-039
#[test]
fn the_space_behind_the_code_is_sent_without_a_reason_too() {
    assert!(answered(299, None).output.starts_with(b"HTTP/1.1 299 \r\n"));
    assert!(answered(404, Some("")).output.starts_with(b"HTTP/1.1 404 \r\n"));
    assert!(answered(404, None).output.starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    assert!(answered(200, Some("Fine")).output.starts_with(b"HTTP/1.1 200 Fine\r\n"));
}

#[test]
fn every_registered_status_is_sent_with_its_reason() {
    for status in (200..=999).filter(|&status| !grammar::reason(status).is_empty()) {
        let line = format!("HTTP/1.1 {status} {}\r\n", grammar::reason(status));
        assert!(answered(status, None).output.starts_with(line.as_bytes()), "{line}");
    }
}

#[test]
fn a_status_that_is_none_is_not_sent() {
    for status in [0, 1, 99, 100, 103, 199, 1000, 2000, u16::MAX] {
        let log = split::server("GET / HTTP/1.1\r\nHost: a\r\n\r\n", |event, conn, out| {
            if let Event::End { .. } = event {
                let sent = conn.respond(status, [("x", "y")], b"", out);
                assert_eq!(sent, Err(SendError::InvalidStatus), "{status}");
            }
        });
        assert_eq!(log.output, b"");
    }
    let log = split::server_with(
        Config::default(),
        Then::Open,
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        |event, conn, out| {
            if let Event::End { .. } = event {
                for status in [0, 99, 101, 200, 1000] {
                    let sent = conn.send_informational(status, [("x", "y")], out);
                    assert_eq!(sent, Err(SendError::InvalidStatus), "{status}");
                }
            }
        },
    );
    assert_eq!(log.output, b"");
}
