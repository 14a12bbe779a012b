//! Attacks on what follows a message on the same connection: content that nobody reads taken for
//! a request, a protocol changed too early, more requests than are answered.

use core::time::Duration;

use h1_proto::{BodyLength, Config, Event, KeepAlive, NextStep, OwnedEvent, ServerConnection};
use tests::desk::Desk;
use tests::split::{self, Then, ok_at_end, ok_at_head, silent};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

fn with_length(method: &str, length: usize, rest: &str) -> String {
    format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{rest}")
}

#[test]
fn a16_0_cl_an_early_answer_closes() {
    // The content never came; the answer was begun before any of it.
    let log = split::server(with_length("POST", 5, ""), ok_at_head);
    log.assert_fine();
    assert!(log.output_text().contains("\r\nconnection: close\r\n"), "{log:?}");
    assert!(matches!(log.next_step, NextStep::Linger { .. }), "{log:?}");
    // Nor does it help to send it along: the answer is the same, however the octets come.
    let log = split::server(with_length("POST", 5, "hello") + SMUGGLED, ok_at_head);
    assert!(log.output_text().contains("\r\nconnection: close\r\n"), "{log:?}");
    assert_eq!(log.targets(), ["/"], "nothing behind it is parsed");
}

#[test]
fn a16_content_of_an_earlier_request_is_not_that_of_this_one() {
    let mut desk = Desk::server(Config::default());
    desk.feed(with_length("POST", 5, "hello"));
    desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
    assert!(!desk.take().contains("connection: close"));
    desk.feed(with_length("POST", 5, ""));
    desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
    assert!(desk.take().contains("connection: close"));
}

#[test]
fn a16_an_answer_to_complete_content_keeps_the_connection() {
    let log = split::server(with_length("POST", 5, "hello") + SMUGGLED, ok_at_end);
    log.assert_fine();
    assert!(!log.output_text().contains("connection: close"), "{log:?}");
    assert_eq!(log.statuses(), [200, 200]);
    // No content to wait for is content that has come.
    let log = split::server(with_length("POST", 0, "") + SMUGGLED, ok_at_head);
    assert!(!log.output_text().contains("connection: close"), "{log:?}");
    assert_eq!(log.statuses(), [200, 200]);
}

#[test]
fn a17_cl_0_content_that_the_application_ignores() {
    let attack = with_length("GET", SMUGGLED.len(), SMUGGLED);
    let log = split::server(&attack, ok_at_head);
    log.assert_fine();
    assert_eq!((log.targets(), log.statuses()), (vec!["/".to_owned()], vec![200]));
    // Nor is it parsed when the application says that it does without.
    let next = format!("{attack}GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    let log = split::server(&next, |event, conn, out| {
        if let Event::Head { .. } = event {
            conn.abandon_body();
            conn.respond(200, [("x", "y")], b"", out).unwrap();
        }
    });
    assert!(!log.targets().contains(&"/smuggled".to_owned()), "{log:?}");
}

#[test]
fn a19_too_much_unread_content_closes() {
    let mut config = Config::default();
    config.body_bytes_max = 4 << 30;
    let mut desk = Desk::server(config);
    desk.feed(with_length("POST", 1 << 30, "x"));
    desk.conn.respond(200, [("x", "y")], b"ok", &mut desk.out).unwrap();
    assert!(desk.take().starts_with("HTTP/1.1 200 OK\r\n"));
    let NextStep::Linger { octets_max, until } = desk.conn.next_step() else {
        panic!("{:?}", desk.conn.next_step())
    };
    assert_eq!((octets_max, until), (1 << 20, Duration::from_secs(5)));
    assert_eq!(desk.feed(SMUGGLED), []);
}

#[test]
fn a19_unread_chunks_are_drained_within_a_bound() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n";
    let mut desk = Desk::server(Config::default());
    desk.feed(head);
    desk.conn.respond(200, [("x", "y")], b"ok", &mut desk.out).unwrap();
    assert!(!desk.take().contains("connection: close"), "some came, so the rest will");
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
    let mut drained = 0;
    while desk.conn.next_step() == NextStep::Read {
        assert_eq!(desk.feed(&chunk), [], "it is not surfaced");
        drained += chunk.len();
        assert!(drained < 100_000);
    }
    assert!((64 << 10..66 << 10).contains(&drained), "{drained}");
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. }));
    assert_eq!(desk.feed(format!("0\r\n\r\n{SMUGGLED}")), []);
}

#[test]
fn a19_unread_content_is_drained_within_a_time() {
    let mut desk = Desk::server(Config::default());
    desk.feed(with_length("POST", 100, "x"));
    desk.conn.respond(200, [("x", "y")], b"ok", &mut desk.out).unwrap();
    desk.take();
    desk.tick(Duration::ZERO);
    assert_eq!(desk.wait(), Duration::from_secs(2));
    assert_eq!(desk.error, None, "the answer has gone; this is nobody's error");
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. }));
}

#[test]
fn a19_little_unread_content_is_drained_and_the_connection_goes_on() {
    let mut desk = Desk::server(Config::default());
    desk.feed(with_length("POST", 5, "h"));
    desk.conn.respond(200, [("x", "y")], b"ok", &mut desk.out).unwrap();
    assert!(!desk.take().contains("close"));
    let events = desk.feed(format!("ello{SMUGGLED}"));
    assert!(matches!(&events[..], [OwnedEvent::Head { .. }, OwnedEvent::End { .. }]), "{events:?}");
}

#[test]
fn a20_no_early_switch() {
    let attack = format!(
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n{SMUGGLED}"
    );
    let log = split::server(&attack, ok_at_end);
    log.assert_fine();
    assert!(!log.upgraded());
    assert_eq!(log.targets(), ["/chat", "/smuggled"], "the offer was not taken: it is HTTP");
    assert_eq!((log.statuses(), log.left.len()), (vec![200, 200], 0));
    // While nothing is answered, nothing behind it is looked at.
    let log = split::server(&attack, silent);
    assert_eq!((log.targets().len(), log.upgraded()), (1, false));
    assert_eq!(log.left, SMUGGLED.as_bytes());
}

#[test]
fn a20_a_connect_that_is_refused_is_no_tunnel() {
    let attack = format!("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n{SMUGGLED}");
    let log = split::server(attack, |event, conn, out| {
        if let Event::End { .. } = event {
            conn.respond(403, [("x", "y")], b"", out).unwrap();
        }
    });
    assert_eq!((log.upgraded(), log.statuses()), (false, vec![403, 403]));
}

#[test]
fn a43_a_pipeline_flood_is_taken_one_by_one() {
    let mut desk = Desk::server(Config::default());
    let flood = SMUGGLED.repeat(10_000);
    let events = desk.feed(&flood);
    assert_eq!(events.len(), 2, "one request, and no more before it is answered");
    assert!(desk.conn.is_paused());
    assert_eq!(desk.conn.next_step(), NextStep::Write, "nothing is read meanwhile");
    assert_eq!(desk.input.len(), flood.len() - SMUGGLED.len(), "nothing is queued inside");
    for _ in 0..100 {
        assert_eq!(desk.pull(), []);
    }
    desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
    assert_eq!(desk.pull().len(), 2);
}

#[test]
fn a51_h2c_upgrade_smuggling() {
    let attack = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n{SMUGGLED}"
    );
    let log = split::server(attack, ok_at_end);
    log.assert_fine();
    assert_eq!((log.upgraded(), log.statuses()), (false, vec![200, 200]), "it is ignored");
    let forwarded: Vec<_> = log.heads()[0].end_to_end_fields().map(|field| field.name).collect();
    assert_eq!(forwarded, [b"Host"], "and a proxy does not pass it on");
}

#[test]
fn a51_an_h2c_offer_without_its_connection_option_is_no_offer() {
    let input = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n";
    split::server_with(Config::default(), Then::Open, input, |event, conn, out| {
        if let Event::End { .. } = event {
            let upgrade = [("connection", "upgrade"), ("upgrade", "h2c")];
            let sent = conn.send_response(101, &upgrade, BodyLength::None, out);
            assert_eq!(sent, Err(h1_proto::SendError::NoUpgrade));
            conn.respond(200, [("x", "y")], b"", out).unwrap();
        }
    });
}

#[test]
fn an_answer_cannot_promise_what_was_already_given_up() {
    let mut conn = ServerConnection::new(Config::default(), Duration::ZERO);
    let mut head = h1_proto::Head::new();
    let request = with_length("POST", 5, "");
    let mut input = request.as_bytes();
    while conn.next_event(&mut input, &mut head).unwrap().is_some() {}
    let mut out = Vec::new();
    conn.respond(200, [("x", "y")], b"", &mut out).unwrap();
    assert_eq!(conn.keep_alive(), KeepAlive::Close);
}
