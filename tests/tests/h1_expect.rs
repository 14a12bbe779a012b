//! RFC 9110 §10.1.1: Expect: 100-continue on both sides, and interim responses (§15.2).

use core::time::Duration;

use h1_proto::{BodyLength, Config, Event, NextStep, OwnedEvent, SendError, Verdict};
use tests::desk::Desk;
use tests::split::{self, Log, Then, ok_at_end, ok_at_head};

const SECOND: Duration = Duration::from_secs(1);
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const EXPECT: &str =
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn expects(log: &Log) -> Vec<bool> {
    let flag = |event: &OwnedEvent| match event {
        OwnedEvent::Head { expects_continue, .. } => Some(*expects_continue),
        _ => None,
    };
    log.events.iter().filter_map(flag).collect()
}

fn continues(event: &Event<'_, '_>, conn: &mut h1_proto::ServerConnection, out: &mut Vec<u8>) {
    match event {
        Event::Head { expects_continue: true, .. } => {
            conn.send_informational(100, [("x", "y"); 0], out).unwrap();
        }
        Event::End { .. } => conn.respond(200, [("x", "y")], b"", out).unwrap(),
        _ => {}
    }
}

#[test]
fn a_server_tells_who_waits() {
    for (head, waits) in [
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue", true),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\nexpect: 100-Continue", true),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue", true),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: x, 100-continue", true),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 200-ok", false),
        ("POST / HTTP/1.1\r\nContent-Length: 5", false),
        ("POST / HTTP/1.1\r\nContent-Length: 0\r\nExpect: 100-continue", false),
        ("GET / HTTP/1.1\r\nExpect: 100-continue", false),
        ("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue", false),
    ] {
        let log = split::server(format!("{head}\r\nHost: a\r\n\r\n"), |_, _, _| {});
        assert_eq!(expects(&log), [waits], "{head}");
    }
}

#[test]
fn a_server_sends_100_and_then_the_answer() {
    let log = split::server(format!("{EXPECT}hello{GET}"), continues);
    log.assert_fine();
    assert_eq!(log.statuses(), [100, 200, 200]);
    assert!(log.output_text().starts_with(CONTINUE));
    assert!(!log.output_text().contains("close"));
}

#[test]
fn no_100_goes_once_content_was_seen_or_to_an_old_client() {
    let late = |event: &Event<'_, '_>, conn: &mut h1_proto::ServerConnection, out: &mut Vec<u8>| {
        if let Event::End { .. } = event {
            assert_eq!(conn.send_informational(100, [("x", "y"); 0], out), Ok(()));
            conn.respond(200, [("x", "y")], b"", out).unwrap();
        }
    };
    let log = split::server(format!("{EXPECT}hello"), late);
    assert_eq!(log.statuses(), [200]);
    let old = EXPECT.replace("1.1", "1.0");
    let log = split::server(format!("{old}hello"), late);
    assert_eq!(log.statuses(), [200]);
}

#[test]
fn a_final_answer_instead_of_100_closes() {
    for rest in ["", "hello"] {
        let log = split::server(format!("{EXPECT}{rest}{GET}"), |event, conn, out| {
            if let Event::Head { .. } = event {
                conn.respond(417, [("x", "y")], b"", out).unwrap();
            }
        });
        log.assert_fine();
        assert_eq!((log.statuses(), log.heads().len()), (vec![417], 1), "{rest}");
        assert!(log.output_text().contains("connection: close\r\n"));
        assert!(matches!(log.next_step, NextStep::Linger { .. }));
    }
}

#[test]
fn a_server_that_waits_for_the_application_does_not_blame_the_client() {
    let mut desk = Desk::server(Config::default());
    desk.feed(EXPECT);
    assert_eq!(desk.conn.next_deadline(), None);
    assert!(desk.tick(1000 * SECOND));
    desk.conn.send_informational(100, [("x", "y"); 0], &mut desk.out).unwrap();
    assert_eq!(desk.take(), CONTINUE);
    assert!(desk.tick(Duration::ZERO));
    assert_eq!(desk.conn.next_deadline(), Some(1030 * SECOND), "now the content has to come");
    assert_eq!(desk.feed("hello").len(), 2);
}

#[test]
fn a_client_that_began_to_send_unasked_has_to_go_on() {
    let mut desk = Desk::server(Config::default());
    desk.feed(EXPECT);
    assert_eq!(desk.conn.next_deadline(), None);
    desk.feed("he");
    assert_eq!(desk.wait(), 30 * SECOND);
    assert_eq!(desk.error.as_ref().and_then(|error| error.status()), Some(408));
}

#[test]
fn a_client_that_does_not_wait_after_all_is_served() {
    let log = split::server(format!("{EXPECT}hello{GET}"), ok_at_end);
    log.assert_fine();
    assert_eq!((log.statuses(), log.content()), (vec![200, 200], b"hello".to_vec()));
}

#[test]
fn unread_content_that_nobody_was_asked_for_is_not_waited_for() {
    let mut desk = Desk::server(Config::default());
    desk.feed(EXPECT);
    desk.conn.abandon_body();
    desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
    assert!(desk.take().contains("connection: close"));
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. }));
}

fn waiting_client() -> Desk<h1_proto::ClientConnection> {
    let mut desk = Desk::client(Config::client());
    let fields = [("host", "a"), ("Expect", "100-Continue")];
    let body = BodyLength::Known(5);
    desk.conn.send_request(("POST", "/"), &fields, body, &mut desk.out).unwrap();
    assert!(desk.take().ends_with("Expect: 100-Continue\r\ncontent-length: 5\r\n\r\n"));
    desk.tick(Duration::ZERO);
    assert!(desk.conn.awaits_continue());
    desk
}

#[test]
fn a_client_waits_for_100() {
    let mut desk = waiting_client();
    let events = desk.feed(CONTINUE);
    assert!(matches!(&events[..], [OwnedEvent::Informational(head)] if head.status() == 100));
    assert!(!desk.conn.awaits_continue());
    desk.conn.send_data(b"hello", &mut desk.out).unwrap();
    desk.conn.finish(&mut desk.out).unwrap();
    assert_eq!(desk.take(), "hello");
    desk.feed("HTTP/1.1 204 N\r\n\r\n");
    assert!(desk.conn.is_idle());
}

#[test]
fn another_interim_response_is_no_100() {
    let mut desk = waiting_client();
    desk.feed("HTTP/1.1 103 E\r\n\r\n");
    assert!(desk.conn.awaits_continue());
}

#[test]
fn a_client_waits_a_second_and_no_longer() {
    let mut desk = waiting_client();
    assert_eq!(desk.conn.next_deadline(), Some(SECOND));
    assert!(desk.tick(SECOND - Duration::from_nanos(1)) && desk.conn.awaits_continue());
    assert!(desk.tick(Duration::from_nanos(1)), "that is no error");
    assert!(!desk.conn.awaits_continue());
    assert_ne!(desk.conn.next_deadline(), Some(SECOND));
}

#[test]
fn a_final_status_ends_the_wait_and_the_content_is_still_owed() {
    let mut desk = waiting_client();
    desk.feed("HTTP/1.1 417 E\r\nContent-Length: 0\r\n\r\n");
    assert!(!desk.conn.awaits_continue());
    assert!(!desk.conn.can_send_request() && !desk.conn.is_idle());
    desk.conn.abandon_request();
    assert_eq!(desk.conn.next_step(), NextStep::Close);
    assert_eq!(desk.conn.unfinished().count(), 0);
}

#[test]
fn the_end_of_the_input_before_a_100_is_an_unknown_verdict() {
    let mut desk = waiting_client();
    desk.eof();
    assert!(desk.error.is_some());
    assert_eq!(desk.conn.unfinished().map(|(_, verdict)| verdict).next(), Some(Verdict::Unknown));
}

#[test]
fn a_client_without_content_waits_for_nothing() {
    for body in [BodyLength::None, BodyLength::Known(0)] {
        let mut desk = Desk::client(Config::client());
        let fields = [("host", "a"), ("expect", "100-continue")];
        desk.conn.send_request(("POST", "/"), &fields, body, &mut desk.out).unwrap();
        assert!(!desk.conn.awaits_continue());
    }
}

#[test]
fn early_hints_go_both_ways() {
    let log = split::server(GET, |event, conn, out| {
        if let Event::End { .. } = event {
            for link in ["a", "b"] {
                conn.send_informational(103, [("Link", link)], out).unwrap();
            }
            conn.respond(200, [("x", "y")], b"", out).unwrap();
            let late = conn.send_informational(103, [("Link", "c")], out);
            assert_eq!(late, Err(SendError::WrongState), "the final response has gone");
        }
    });
    assert_eq!(log.statuses(), [103, 103, 200]);
    let log = split::client(
        |conn, out| {
            conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, out).unwrap();
        },
        log.output,
        Then::Open,
    );
    log.assert_fine();
    assert_eq!((log.interim(), log.ends().len()), (vec![103, 103], 1));
    let links: Vec<_> = log
        .events
        .iter()
        .filter_map(|event| match event {
            OwnedEvent::Informational(head) => head.field("link").map(<[u8]>::to_vec),
            _ => None,
        })
        .collect();
    assert_eq!(links, [b"a", b"b"]);
}

#[test]
fn an_old_client_gets_no_interim_response() {
    let log = split::server("GET / HTTP/1.0\r\n\r\n", |event, conn, out| {
        if let Event::End { .. } = event {
            assert_eq!(conn.send_informational(103, [("Link", "a")], out), Ok(()));
            conn.respond(200, [("x", "y")], b"", out).unwrap();
        }
    });
    assert_eq!(log.statuses(), [200]);
}

#[test]
fn the_expectation_of_one_request_is_not_that_of_the_next() {
    let log = split::server(format!("{EXPECT}hello{GET}"), ok_at_end);
    assert_eq!(expects(&log), [true, false]);
    let plain = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    let log = split::server(format!("{plain}{EXPECT}"), ok_at_end);
    assert_eq!(expects(&log), [false, true]);
    let log = split::server(EXPECT, ok_at_head);
    assert!(log.output_text().contains("connection: close"));
}
