//! Attacks by slowness. Time is an input: nothing here waits.

use core::time::Duration;

use h1_proto::{
    BodyLength, Config, Deadline, ErrorKind, NextStep, SendError, ServerConnection, Sniff, sniff,
};
use tests::desk::Desk;

const SECOND: Duration = Duration::from_secs(1);
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn server() -> Desk<ServerConnection> {
    Desk::server(Config::default())
}

#[track_caller]
fn expired(desk: &Desk<ServerConnection>) -> (Deadline, Option<u16>) {
    match desk.error.as_ref().map(|error| (error.kind(), error.status())) {
        Some((ErrorKind::Deadline(deadline), status)) => (deadline, status),
        other => panic!("no deadline: {other:?}"),
    }
}

#[test]
fn a18_a_stall_in_the_content_never_leaves_the_connection_open() {
    let mut desk = server();
    desk.feed(format!("{POST}some"));
    assert_eq!(desk.wait(), 30 * SECOND);
    assert_eq!(expired(&desk), (Deadline::Body, Some(408)));
    let answer = desk.take();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. } | NextStep::Close));
    // What would have been content does not come to life as a request.
    assert_eq!(desk.feed(GET), []);
}

#[test]
fn a18_a_stall_behind_an_answer_that_is_under_way_cuts_it() {
    let mut desk = server();
    desk.feed(format!("{POST}some"));
    desk.conn.send_response(200, [("x", "y")], BodyLength::Known(10), &mut desk.out).unwrap();
    desk.take();
    desk.wait();
    assert_eq!(expired(&desk).0, Deadline::Body);
    assert_eq!(desk.out, b"", "there is no second answer in the middle of the first");
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. } | NextStep::Close));
    let sent = desk.conn.send_data(b"more", &mut desk.out);
    assert_eq!(sent, Err(SendError::Closed));
}

#[test]
fn a36_slowloris_head() {
    let mut desk = server();
    let mut head = GET.bytes().cycle();
    let mut seconds = 0;
    while desk.error.is_none() {
        assert_eq!(desk.feed([head.next().unwrap()]), []);
        desk.tick(SECOND);
        seconds += 1;
        assert!(seconds < 100);
    }
    assert_eq!(desk.now, 5 * SECOND, "from the start of the connection, whatever drips in");
    assert_eq!(expired(&desk), (Deadline::Head, Some(408)));
    assert!(desk.take().starts_with("HTTP/1.1 408 "));
}

#[test]
fn a36_slowloris_head_of_a_later_request() {
    let mut desk = server();
    desk.feed(GET);
    desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
    desk.take();
    desk.tick(2 * SECOND);
    // The first octet ends the wait for a request and begins the wait for its head.
    desk.feed("G");
    for _ in 0..4 {
        assert!(desk.tick(SECOND));
        desk.feed("E");
    }
    assert_eq!(desk.conn.next_deadline(), Some(7 * SECOND));
    desk.tick(SECOND);
    assert_eq!(expired(&desk), (Deadline::Head, Some(408)));
}

#[test]
fn a36_a_head_that_is_there_beats_its_deadline() {
    let mut desk = server();
    desk.feed("GET / HTTP/1.1\r\n");
    // A wake that comes late: the input is pulled before the time is told.
    desk.now = 50 * SECOND;
    assert_eq!(desk.feed("Host: a\r\n\r\n").len(), 2);
    assert_eq!(desk.error, None);
}

#[test]
fn a37_slow_body() {
    let mut desk = server();
    desk.feed(POST);
    let mut seconds = 0;
    while desk.error.is_none() {
        seconds += 1;
        desk.tick(SECOND);
        if desk.error.is_none() {
            assert_eq!(desk.feed("x").len(), 1);
        }
        assert!(seconds < 100, "one octet a second is no progress");
    }
    assert_eq!(seconds, 30);
    assert_eq!(expired(&desk), (Deadline::Body, Some(408)));
    assert!(desk.take().starts_with("HTTP/1.1 408 "));
}

#[test]
fn a37_a_slow_but_honest_body_lives() {
    let mut desk = server();
    desk.feed(POST);
    for _ in 0..400 {
        desk.feed([b'x'; 1250]);
        assert!(desk.tick(20 * SECOND), "{:?}", desk.error);
    }
    assert!(desk.conn.is_paused(), "the request is complete");
}

#[test]
fn a37_back_pressure_of_our_own_is_not_the_fault_of_the_peer() {
    let mut desk = server();
    let head = POST.as_bytes();
    let input = [head, b"content"].concat();
    // One event is pulled, the content is left: the application is slow, not the client.
    let mut rest = input.as_slice();
    let mut buffer = h1_proto::Head::new();
    assert!(desk.conn.next_event(&mut rest, &mut buffer).unwrap().is_some());
    assert_eq!(rest, b"content");
    for _ in 0..100 {
        assert!(desk.tick(30 * SECOND));
    }
    assert_eq!(desk.conn.next_deadline(), None);
}

#[test]
fn a38_slow_read() {
    let mut desk = server();
    desk.feed(GET);
    desk.conn.respond(200, [("x", "y")], &[b'x'; 100_000], &mut desk.out).unwrap();
    desk.tick(SECOND);
    assert_eq!(desk.conn.next_deadline(), Some(31 * SECOND), "output is pending");
    // One octet now and then is no progress.
    for _ in 0..29 {
        desk.conn.wrote(1);
        assert!(desk.tick(SECOND));
    }
    desk.wait();
    assert_eq!(desk.now, 31 * SECOND);
    assert_eq!(expired(&desk), (Deadline::Send, None));
    assert_eq!(desk.conn.next_step(), NextStep::Close, "without waiting for the rest to go");
}

#[test]
fn a38_progress_of_earlier_answers_does_not_count() {
    let mut desk = server();
    desk.feed(GET);
    desk.conn.respond(200, [("x", "y")], &[b'x'; 100_000], &mut desk.out).unwrap();
    desk.take();
    desk.feed(GET);
    desk.conn.respond(200, [("x", "y")], &[b'x'; 100_000], &mut desk.out).unwrap();
    desk.tick(Duration::ZERO);
    for _ in 0..29 {
        desk.conn.wrote(1);
        assert!(desk.tick(SECOND));
    }
    desk.conn.wrote(1);
    assert!(!desk.tick(SECOND));
    assert_eq!(expired(&desk).0, Deadline::Send);
}

#[test]
fn a38_a_reader_that_makes_progress_lives() {
    let mut desk = server();
    desk.feed(GET);
    desk.conn.respond(200, [("x", "y")], &[b'x'; 100_000], &mut desk.out).unwrap();
    while desk.conn.unsent() > 0 {
        assert!(desk.tick(29 * SECOND));
        desk.conn.wrote(1024);
    }
    assert!(desk.now > 2000 * SECOND);
    assert!(desk.tick(SECOND));
}

#[test]
fn a39_silent_connect() {
    let mut desk = server();
    assert_eq!(desk.conn.next_deadline(), Some(5 * SECOND), "without any call");
    desk.wait();
    assert_eq!(expired(&desk), (Deadline::FirstOctet, None));
    assert_eq!(desk.take(), "", "nobody asked anything");
    assert_eq!(desk.conn.next_step(), NextStep::Close);
}

#[test]
fn a39_a_stalled_sniff() {
    let begun = b"PRI * HT";
    assert_eq!(sniff(begun), Sniff::More);
    // Sniffing consumes nothing, so the connection that was made at accept has had its deadline
    // all the time.
    let mut desk = server();
    desk.tick(4 * SECOND);
    desk.feed(begun);
    desk.wait();
    assert_eq!(desk.now, 5 * SECOND);
    assert_eq!(expired(&desk), (Deadline::Head, Some(408)));
    desk.take();
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. } | NextStep::Close));
}

#[test]
fn a39_empty_lines_do_not_prolong_anything() {
    let mut desk = server();
    for _ in 0..3 {
        desk.tick(SECOND);
        assert_eq!(desk.feed("\r\n"), []);
    }
    desk.wait();
    assert_eq!(desk.now, 5 * SECOND);
    assert_eq!(expired(&desk).0, Deadline::FirstOctet);
}
