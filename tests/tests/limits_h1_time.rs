//! Limits of time, and of what happens at the end of a connection, at both sides; `limits_h1` has the others.

mod limits_h1_table;

use core::time::Duration;

use h1_proto::{
    BodyLength, Config, ConnectionError, Deadline, ErrorKind, NextStep, ServerConnection,
};
use limits_h1_table::{CHUNKED, GET, SECOND, TICK, asked, config, get, over};
use tests::desk::Desk;

/// Waits until the last nanosecond before the deadline, then that one; the error then.
#[track_caller]
fn expires<C: tests::endpoint::Endpoint>(desk: &mut Desk<C>, after: Duration) -> ConnectionError {
    let until = desk.now + after;
    assert_eq!(desk.conn.next_deadline(), Some(until));
    assert!(desk.tick(after - TICK), "not yet: {:?}", desk.error);
    assert!(!desk.tick(TICK), "now");
    desk.error.clone().expect("it is told")
}

#[test]
fn head_timeout() {
    let config = config(|config| config.head_timeout = SECOND * 7);
    let head = ErrorKind::Deadline(Deadline::Head);
    let first = ErrorKind::Deadline(Deadline::FirstOctet);
    // In silence before the first octet …
    let mut desk = Desk::server(config.clone());
    over(&expires(&mut desk, SECOND * 7), "head_timeout", first, None);
    assert_eq!((desk.take(), desk.conn.next_step()), (String::new(), NextStep::Close));
    // … with an answer behind it, from the start of the connection …
    let mut desk = Desk::server(config.clone());
    desk.tick(SECOND);
    desk.feed("G");
    over(&expires(&mut desk, SECOND * 6), "head_timeout", head, Some(408));
    assert!(desk.take().starts_with("HTTP/1.1 408 "));
    // … for a later head from its first octet.
    let mut desk = asked(config.clone(), GET);
    desk.conn.respond(200, [("x", "y"); 0], b"", &mut desk.out).unwrap();
    desk.take();
    desk.tick(SECOND);
    desk.feed("G");
    over(&expires(&mut desk, SECOND * 7), "head_timeout", head, Some(408));
    // A client waits so long for a response to begin and to be complete.
    let mut desk = Desk::client(config);
    get(&mut desk.conn, &mut desk.out);
    desk.take();
    desk.tick(Duration::ZERO);
    assert_eq!(expires(&mut desk, SECOND * 7).kind(), head);
}

#[test]
fn keep_alive_timeout() {
    let config = config(|config| config.keep_alive_timeout = SECOND * 9);
    let kind = ErrorKind::Deadline(Deadline::KeepAlive);
    let mut desk = asked(config.clone(), GET);
    desk.tick(SECOND * 100);
    desk.conn.respond(200, [("x", "y"); 0], b"", &mut desk.out).unwrap();
    desk.pull();
    desk.take();
    desk.tick(Duration::ZERO);
    over(&expires(&mut desk, SECOND * 9), "keep_alive_timeout", kind, None);
    assert_eq!((desk.take(), desk.conn.next_step()), (String::new(), NextStep::Close));
    let mut desk = Desk::client(config);
    desk.tick(Duration::ZERO);
    assert_eq!(expires(&mut desk, SECOND * 9).kind(), kind);
}

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";

#[test]
fn body_timeout() {
    let config = config(|config| config.body_timeout = SECOND * 11);
    let kind = ErrorKind::Deadline(Deadline::Body);
    let mut desk = asked(config.clone(), POST);
    over(&expires(&mut desk, SECOND * 11), "body_timeout", kind, Some(408));
    assert!(desk.take().starts_with("HTTP/1.1 408 "));
    let mut desk = Desk::client(config);
    get(&mut desk.conn, &mut desk.out);
    desk.take();
    desk.feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(expires(&mut desk, SECOND * 11).kind(), kind);
}

#[test]
fn body_progress_bytes_min() {
    let config = config(|config| {
        (config.body_timeout, config.body_progress_bytes_min) = (SECOND * 11, 10);
    });
    let fed = |octets: usize| {
        let mut desk = asked(config.clone(), POST);
        desk.tick(SECOND);
        desk.feed("x".repeat(octets));
        desk.conn.next_deadline().unwrap()
    };
    assert_eq!((fed(9), fed(10)), (SECOND * 11, SECOND * 12));
    // The end of the content is progress, however little it is.
    let mut desk = asked(config, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    desk.feed("x");
    assert_eq!(desk.conn.next_deadline(), None);
}

#[test]
fn send_timeout() {
    let mut desk = asked(config(|config| config.send_timeout = SECOND * 13), GET);
    desk.conn.respond(200, [("x", "y"); 0], &[b'x'; 5000], &mut desk.out).unwrap();
    desk.tick(Duration::ZERO);
    let kind = ErrorKind::Deadline(Deadline::Send);
    over(&expires(&mut desk, SECOND * 13), "send_timeout", kind, None);
    assert_eq!(desk.conn.next_step(), NextStep::Close, "also with output unsent");
}

#[test]
fn send_progress_bytes_min() {
    let taken = |octets: usize| {
        let mut desk = asked(
            config(|config| {
                (config.send_timeout, config.send_progress_bytes_min) = (SECOND * 13, 10);
            }),
            GET,
        );
        desk.conn.respond(200, [("x", "y"); 0], &[b'x'; 5000], &mut desk.out).unwrap();
        desk.tick(Duration::ZERO);
        desk.conn.wrote(octets);
        desk.tick(SECOND);
        desk.conn.next_deadline()
    };
    assert_eq!((taken(9), taken(10)), (Some(SECOND * 13), Some(SECOND * 14)));
}

// ---- the end of a connection ----

/// A request with this much content of which one octet was read, answered.
fn answered_early(config: Config, octets: usize) -> Desk<ServerConnection> {
    let mut desk = Desk::server(config);
    desk.feed(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {octets}\r\n\r\nx"));
    desk.conn.respond(200, [("x", "y"); 0], b"", &mut desk.out).unwrap();
    desk.take();
    desk.feed("");
    desk
}

#[test]
fn unread_body_bytes_max() {
    let config = config(|config| config.unread_body_bytes_max = 100);
    let mut desk = answered_early(config.clone(), 101);
    let events = desk.feed("x".repeat(100) + GET);
    assert_eq!((events.len(), desk.conn.requests()), (2, 2), "it persists: {events:?}");
    let mut desk = answered_early(config.clone(), 102);
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. }), "known to be too much");
    assert!(desk.feed("x".repeat(101) + GET).is_empty());

    // Where the length is not known, what comes is counted, the coding included.
    let chunked = |octets: usize| {
        let mut desk = Desk::server(config.clone());
        desk.feed(format!("{CHUNKED}1\r\nx\r\n"));
        desk.conn.respond(200, [("x", "y"); 0], b"", &mut desk.out).unwrap();
        desk.take();
        // 11 octets beside the content.
        let content = "x".repeat(octets - 11);
        desk.feed(format!("{:x}\r\n{content}\r\n0\r\n\r\n{GET}", content.len()));
        desk.conn.requests()
    };
    assert_eq!((chunked(100), chunked(101)), (2, 1));
}

#[test]
fn unread_body_timeout() {
    let config = config(|config| config.unread_body_timeout = SECOND * 3);
    let mut desk = answered_early(config.clone(), 50);
    assert_eq!(desk.conn.next_deadline(), Some(SECOND * 3));
    desk.tick(SECOND * 3 - TICK);
    assert_eq!(desk.conn.next_step(), NextStep::Read);
    // The answer went; nobody is blamed.
    assert!(desk.tick(TICK) && desk.error.is_none());
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. }));
    let mut desk = answered_early(config, 50);
    desk.tick(SECOND * 3 - TICK);
    assert_eq!(desk.feed("x".repeat(49) + GET).len(), 2);
}

fn lingering(config: Config) -> NextStep {
    let mut desk = Desk::server(config);
    desk.tick(SECOND);
    desk.feed("broken\r\n\r\n");
    assert_eq!(desk.conn.next_step(), NextStep::Write, "the answer goes first");
    desk.tick(SECOND);
    desk.take();
    let step = desk.conn.next_step();
    desk.tick(SECOND);
    assert_eq!(desk.conn.next_step(), step, "the end stands fast");
    step
}

#[test]
fn linger_bytes_max() {
    for limit in [0, 1, 12_345] {
        let step = lingering(config(|config| config.linger_bytes_max = limit));
        assert!(matches!(step, NextStep::Linger { octets_max, .. } if octets_max == limit));
    }
}

#[test]
fn linger_timeout() {
    for timeout in [Duration::ZERO, TICK, SECOND * 17] {
        let step = lingering(config(|config| config.linger_timeout = timeout));
        let end = SECOND * 2 + timeout;
        assert!(matches!(step, NextStep::Linger { until, .. } if until == end), "{step:?}");
    }
}

#[test]
fn drain_timeout() {
    let mut desk = asked(config(|config| config.drain_timeout = SECOND * 19), GET);
    desk.conn.drain();
    let kind = ErrorKind::Deadline(Deadline::Drain);
    desk.tick(Duration::ZERO);
    over(&expires(&mut desk, SECOND * 19), "drain_timeout", kind, None);
    assert_eq!(desk.conn.next_step(), NextStep::Close);
    // In time it ends in order.
    let mut desk = asked(config(|config| config.drain_timeout = SECOND * 19), GET);
    desk.conn.drain();
    assert!(desk.tick(SECOND * 19 - TICK));
    desk.conn.respond(200, [("x", "y"); 0], b"", &mut desk.out).unwrap();
    assert!(desk.take().contains("connection: close"));
    assert!(desk.error.is_none());
}

#[test]
fn continue_timeout() {
    let mut desk = Desk::client(config(|config| config.continue_timeout = SECOND * 2));
    let fields = [("host", "a"), ("expect", "100-continue")];
    desk.conn.send_request(("PUT", "/"), fields, BodyLength::Known(5), &mut desk.out).unwrap();
    desk.take();
    desk.tick(Duration::ZERO);
    assert_eq!(desk.conn.next_deadline(), Some(SECOND * 2));
    assert!(desk.tick(SECOND * 2 - TICK) && desk.conn.awaits_continue());
    assert!(desk.tick(TICK) && !desk.conn.awaits_continue(), "it goes on without");
}
