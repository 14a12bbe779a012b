//! Deadlines: from when each counts, what ends it, what follows. Attacks on them are elsewhere.

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, Deadline, ErrorKind, NextStep, ServerConnection,
};
use tests::desk::Desk;

const SECOND: Duration = Duration::from_secs(1);
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

fn server() -> Desk<ServerConnection> {
    Desk::server(Config::default())
}

fn client(requests: usize) -> Desk<ClientConnection> {
    let mut desk = Desk::client(Config::client());
    for _ in 0..requests {
        desk.conn
            .send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut desk.out)
            .unwrap();
    }
    desk.take();
    desk.tick(Duration::ZERO);
    desk
}

fn answer(desk: &mut Desk<ServerConnection>) {
    desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
    desk.take();
}

#[test]
fn each_head_has_its_own_time() {
    let mut desk = server();
    desk.tick(4 * SECOND);
    // A request and the beginning of the next in one read.
    desk.feed(format!("{GET}GET "));
    answer(&mut desk);
    desk.feed("");
    assert_eq!(desk.conn.next_deadline(), Some(9 * SECOND));
    // However often that happens.
    for _ in 0..20 {
        assert!(desk.tick(4 * SECOND), "{:?}", desk.error);
        let events = desk.feed("/ HTTP/1.1\r\nHost: a\r\n\r\nGET ");
        assert_eq!(events.len(), 2);
        answer(&mut desk);
        desk.feed("");
    }
}

#[test]
fn idleness_begins_anew_after_each_exchange() {
    let mut desk = server();
    for _ in 0..20 {
        desk.input.extend_from_slice(GET.as_bytes());
        assert_eq!(desk.pull().len(), 2);
        // The answer is taken before the time is told.
        answer(&mut desk);
        desk.tick(Duration::ZERO);
        assert_eq!(desk.conn.next_deadline(), Some(desk.now + 5 * SECOND));
        assert!(desk.tick(4 * SECOND), "{:?}", desk.error);
    }
}

#[test]
fn idleness_begins_when_the_answer_is_taken() {
    let mut desk = server();
    desk.feed(GET);
    desk.conn.respond(200, [("x", "y")], &[b'x'; 5000], &mut desk.out).unwrap();
    desk.tick(Duration::ZERO);
    assert!(desk.tick(20 * SECOND), "{:?}", desk.error);
    desk.take();
    desk.tick(Duration::ZERO);
    assert_eq!(desk.conn.next_deadline(), Some(25 * SECOND));
    assert!(!desk.tick(5 * SECOND));
    let kind = desk.error.as_ref().map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::Deadline(Deadline::KeepAlive)));
    assert_eq!((desk.take(), desk.conn.next_step()), (String::new(), NextStep::Close));
}

#[test]
fn each_content_has_its_own_time() {
    let mut desk = server();
    desk.feed(format!("{POST}h"));
    for _ in 0..10 {
        assert!(desk.tick(20 * SECOND), "{:?}", desk.error);
        desk.feed(format!("ello{POST}"));
        answer(&mut desk);
        desk.feed("h");
    }
}

#[test]
fn each_answer_of_a_pipeline_has_its_own_time() {
    let mut desk = client(5);
    for _ in 0..5 {
        assert!(desk.tick(29 * SECOND), "{:?}", desk.error);
        assert_eq!(desk.feed(OK).len(), 3);
    }
    assert!(desk.error.is_none() && desk.conn.is_idle());
}

#[test]
fn an_idle_client_has_its_time_after_each_exchange() {
    let mut desk = client(1);
    for _ in 0..5 {
        desk.feed(OK);
        assert_eq!(desk.conn.next_deadline(), Some(desk.now + 60 * SECOND));
        assert!(desk.tick(59 * SECOND), "{:?}", desk.error);
        desk.conn
            .send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut desk.out)
            .unwrap();
        desk.take();
    }
    desk.feed(OK);
    desk.wait();
    assert_eq!(desk.conn.next_step(), NextStep::Close);
}

#[test]
fn giving_up_on_unread_content_does_not_stop_the_drain() {
    let mut desk = server();
    desk.feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    desk.conn.abandon_body();
    desk.conn.send_response(200, [("x", "y")], BodyLength::Chunked, &mut desk.out).unwrap();
    desk.take();
    desk.conn.drain();
    desk.tick(Duration::ZERO);
    assert_eq!(desk.wait(), 2 * SECOND);
    assert_eq!(desk.error, None);
    assert_eq!(desk.wait(), 30 * SECOND);
    assert_eq!(desk.conn.next_step(), NextStep::Close);
}

#[test]
fn the_same_error_comes_for_ever() {
    let mut desk = server();
    desk.feed("nonsense\r\n");
    let first = desk.error.clone().unwrap();
    // Nobody takes the answer.
    while desk.conn.next_deadline().is_some() {
        desk.wait();
    }
    assert_eq!(desk.conn.next_step(), NextStep::Close);
    let mut head = h1_proto::Head::new();
    let again = desk.conn.next_event(&mut GET.as_bytes(), &mut head).unwrap_err();
    assert_eq!(again, first);
}

#[test]
fn time_that_goes_backwards_is_no_time() {
    let mut desk = server();
    desk.tick(3 * SECOND);
    desk.conn.arrived(SECOND);
    assert_eq!(desk.conn.advance(Duration::ZERO), Ok(()));
    let mut head = h1_proto::Head::new();
    let event = desk.conn.next_event(&mut GET.as_bytes(), &mut head).unwrap();
    let Some(h1_proto::Event::Head { began, .. }) = event else { panic!("{event:?}") };
    assert_eq!(began, 3 * SECOND);
    desk.feed("");
    answer(&mut desk);
    desk.conn.arrived(SECOND);
    assert_eq!(desk.conn.advance(SECOND), Ok(()));
    assert_eq!(desk.conn.next_deadline(), Some(8 * SECOND));
}

#[test]
fn nothing_is_left_to_wait_for_behind_the_end() {
    for input in ["nonsense\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"] {
        let mut desk = server();
        if !desk.feed(input).is_empty() {
            answer(&mut desk);
        }
        desk.take();
        desk.tick(Duration::ZERO);
        assert_eq!(desk.conn.next_deadline(), None, "{input}");
    }
}

#[test]
fn every_deadline_has_its_text_its_rule_and_its_status() {
    let mut seen = Vec::new();
    let mut note = |desk: &mut Desk<ServerConnection>| {
        desk.wait();
        let error = desk.error.take().unwrap();
        seen.push((error.rule(), error.status(), error.to_string()));
    };
    note(&mut server());
    let mut desk = server();
    desk.feed("G");
    note(&mut desk);
    let mut desk = server();
    desk.feed(GET);
    answer(&mut desk);
    desk.tick(Duration::ZERO);
    note(&mut desk);
    let mut desk = server();
    desk.feed(POST);
    note(&mut desk);
    let mut desk = server();
    desk.feed(GET);
    desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
    desk.tick(Duration::ZERO);
    note(&mut desk);
    let expected = [
        ("head_timeout", None, "no octet of a message came in time at octet 0 (head_timeout)"),
        (
            "head_timeout",
            Some(408),
            "the head was not complete in time at octet 1 (head_timeout; answer 408)",
        ),
        (
            "keep_alive_timeout",
            None,
            "the connection stood idle too long at octet 27 (keep_alive_timeout)",
        ),
        (
            "body_timeout",
            Some(408),
            "the content came too slowly at octet 47 (body_timeout; answer 408)",
        ),
        ("send_timeout", None, "the peer took the output too slowly at octet 27 (send_timeout)"),
    ];
    let expected = expected.map(|(rule, status, text)| (rule, status, text.to_owned()));
    assert_eq!(seen, expected);
}
