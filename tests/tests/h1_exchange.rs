//! The calls of an exchange: in which order they fit, what an error or a drain leaves possible.

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, ErrorKind, KeepAlive, NextStep, OwnedEvent, RequestId,
    SendError, ServerConnection,
};
use tests::desk::Desk;
use tests::split::{self, START, silent};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";

fn get(conn: &mut ClientConnection, target: &str, out: &mut Vec<u8>) -> RequestId {
    conn.send_request(("GET", target), [("host", "a")], BodyLength::None, out).unwrap()
}

fn lingers(step: NextStep) -> bool {
    matches!(step, NextStep::Linger { .. })
}

#[test]
fn drain_closes_an_idle_connection_now() {
    let mut desk = Desk::server(Config::default());
    desk.conn.drain();
    assert!(desk.conn.is_draining());
    assert_eq!(desk.conn.next_step(), NextStep::Close);
    assert_eq!(desk.feed(GET), [], "it is not served");
    let mut desk = Desk::client(Config::client());
    desk.conn.drain();
    assert_eq!(desk.conn.next_step(), NextStep::Close);
}

#[test]
fn drain_stamps_the_upcoming_answer() {
    let mut desk = Desk::server(Config::default());
    desk.feed(GET.repeat(2));
    desk.conn.drain();
    desk.conn.respond(200, [("x", "y")], b"ok", &mut desk.out).unwrap();
    assert!(desk.take().contains("\r\nconnection: close\r\n"));
    assert_eq!(desk.pull(), [], "the pipelined one is not taken");
    assert!(lingers(desk.conn.next_step()));
}

#[test]
fn drain_lets_a_begun_head_finish() {
    let mut desk = Desk::server(Config::default());
    desk.feed(&GET[..10]);
    desk.conn.drain();
    assert_eq!(desk.conn.next_step(), NextStep::Read);
    assert_eq!(desk.feed(&GET[10..]).len(), 2);
    desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
    assert!(desk.take().contains("connection: close"));
}

#[test]
fn drain_ends_at_its_deadline() {
    let mut desk = Desk::server(Config::default());
    desk.feed(GET);
    desk.conn.send_response(200, [("x", "y")], BodyLength::Chunked, &mut desk.out).unwrap();
    desk.take();
    desk.conn.drain();
    assert_eq!(desk.wait(), Duration::from_secs(30));
    assert_eq!(desk.conn.next_step(), NextStep::Close);
    let rule = desk.error.as_ref().map(|error| error.rule());
    assert_eq!(rule, Some("drain_timeout"));
}

#[test]
fn a_draining_client_gets_its_answers_and_closes() {
    let mut desk = Desk::client(Config::client());
    get(&mut desk.conn, "/", &mut desk.out);
    get(&mut desk.conn, "/", &mut desk.out);
    desk.take();
    desk.conn.drain();
    assert!(!desk.conn.can_send_request());
    desk.feed(OK);
    assert_eq!(desk.conn.next_step(), NextStep::Read);
    desk.feed(OK);
    assert_eq!((&desk.error, desk.conn.next_step()), (&None, NextStep::Close));
}

#[test]
fn an_answer_may_go_while_the_content_comes() {
    let mut desk = Desk::server(Config::default());
    desk.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab");
    desk.conn.send_response(200, [("x", "y")], BodyLength::Chunked, &mut desk.out).unwrap();
    // An echo: what comes goes.
    for piece in ["cd", "ef"] {
        for event in desk.feed(piece) {
            if let OwnedEvent::Data(data) = event {
                desk.conn.send_data(&data, &mut desk.out).unwrap();
            }
        }
    }
    desk.conn.finish(&mut desk.out).unwrap();
    let sent = desk.take();
    assert!(sent.ends_with("\r\n\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n"), "{sent}");
    assert!(!sent.contains("close"), "content had come when the answer began");
    assert_eq!(desk.feed(GET).len(), 2);
}

#[test]
fn calls_that_do_not_fit_are_refused_and_change_nothing() {
    let mut desk = Desk::server(Config::default());
    let none = BodyLength::None;
    let field = [("x", "y")];
    let wrong = Err(SendError::WrongState);
    assert_eq!(desk.conn.send_response(200, field, none, &mut desk.out), wrong);
    assert_eq!(desk.conn.send_informational(103, field, &mut desk.out), wrong);
    assert_eq!(desk.conn.send_data(b"x", &mut desk.out), Err(SendError::WrongState));
    assert_eq!(desk.conn.finish(&mut desk.out), wrong);
    desk.feed(GET);
    assert_eq!(desk.conn.send_data(b"x", &mut desk.out), Err(SendError::WrongState));
    assert_eq!(desk.conn.finish(&mut desk.out), wrong);
    desk.conn.send_response(200, field, BodyLength::Known(1), &mut desk.out).unwrap();
    let head = desk.out.clone();
    assert_eq!(desk.conn.send_response(200, field, none, &mut desk.out), wrong);
    assert_eq!(desk.conn.send_informational(103, field, &mut desk.out), wrong);
    assert_eq!(desk.out, head);
    desk.conn.send_data(b"x", &mut desk.out).unwrap();
    desk.conn.finish(&mut desk.out).unwrap();
    assert_eq!(desk.conn.send_response(200, field, none, &mut desk.out), wrong);
    desk.conn.drain();
    assert_eq!(desk.conn.send_response(200, field, none, &mut desk.out), Err(SendError::Closed));
}

#[test]
fn an_answer_under_way_may_be_finished_after_an_error() {
    let mut desk = Desk::server(Config::default());
    desk.feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    desk.conn.send_response(200, [("x", "y")], BodyLength::Known(4), &mut desk.out).unwrap();
    let mut input = &b"nonsense\r\n"[..];
    let mut head = h1_proto::Head::new();
    let error = desk.conn.next_event(&mut input, &mut head).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ChunkSize);
    assert_eq!(desk.conn.send_data(b"fine", &mut desk.out), Ok(4));
    assert_eq!(desk.conn.finish(&mut desk.out), Ok(()));
    assert!(desk.take().ends_with("\r\n\r\nfine"));
    assert!(lingers(desk.conn.next_step()));
}

#[test]
fn an_aborted_answer_is_cut_and_the_connection_closes() {
    let mut desk = Desk::server(Config::default());
    desk.feed(GET);
    desk.conn.send_response(200, [("x", "y")], BodyLength::Chunked, &mut desk.out).unwrap();
    desk.conn.send_data(b"half", &mut desk.out).unwrap();
    desk.conn.abort_response();
    assert!(desk.take().ends_with("4\r\nhalf\r\n"), "nothing marks an end");
    assert_eq!(desk.conn.next_step(), NextStep::Close);
    assert_eq!(desk.conn.send_data(b"x", &mut desk.out), Err(SendError::Closed));
}

#[test]
fn a_message_tells_when_it_began() {
    let mut desk = Desk::server(Config::default());
    desk.now = Duration::from_secs(1);
    desk.feed(&GET[..5]);
    desk.now = Duration::from_secs(2);
    let events = desk.feed(&GET[5..]);
    let Some(OwnedEvent::Head { began, .. }) = events.first() else { panic!("{events:?}") };
    assert_eq!(*began, Duration::from_secs(1), "when its first octet came");
}

#[test]
fn silence_of_the_application_is_no_error() {
    let log = split::server(GET, silent);
    log.assert_fine();
    assert_eq!((log.output.len(), log.next_step), (0, NextStep::Write));
    let mut conn = ServerConnection::new(Config::default(), START);
    assert_eq!(conn.keep_alive(), KeepAlive::Continue);
    conn.drain();
    assert_eq!(conn.keep_alive(), KeepAlive::Close);
}
