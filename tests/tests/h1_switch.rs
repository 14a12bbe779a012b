//! Changing the protocol: CONNECT (RFC 9110 §9.3.6) and Upgrade (§7.8), both sides.

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, ErrorKind, Event, NextStep, OwnedEvent, SendError,
    ServerConnection,
};
use tests::desk::Desk;
use tests::split::{self, Then, ok_at_end};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
const CONNECT: &str = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn switch(event: &Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>) {
    if let Event::Head { head, .. } = event {
        let connect = head.method() == b"CONNECT";
        if connect {
            conn.send_response(200, [("x", "y")], BodyLength::None, out).unwrap();
        } else {
            let fields = [("Upgrade", "websocket")];
            conn.send_response(101, &fields, BodyLength::None, out).unwrap();
        }
    }
}

fn offer(conn: &mut ClientConnection, out: &mut Vec<u8>) {
    let fields = [("host", "a"), ("connection", "upgrade"), ("upgrade", "websocket")];
    conn.send_request(("GET", "/chat"), &fields, BodyLength::None, out).unwrap();
}

fn connect(conn: &mut ClientConnection, out: &mut Vec<u8>) {
    conn.send_request(("CONNECT", "a:1"), [("host", "a:1")], BodyLength::None, out).unwrap();
}

#[test]
fn a_server_hands_over_with_every_octet_that_follows() {
    for (request, answer) in [
        (
            UPGRADE,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        ),
        (CONNECT, "HTTP/1.1 200 OK\r\nx: y\r\n\r\n"),
    ] {
        for rest in ["", "\x01", "\r\n", GET, "\0\0\0"] {
            let log = split::server(format!("{request}{rest}"), switch);
            log.assert_fine();
            assert_eq!((log.upgraded(), log.left.as_slice()), (true, rest.as_bytes()));
            assert_eq!((log.output_text(), log.next_step), (answer.to_owned(), NextStep::HandOver));
        }
    }
}

#[test]
fn a_client_hands_over_with_every_octet_that_follows() {
    for rest in ["", "\x01", "\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
        let response = "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        let log = split::client(offer, format!("{response}{rest}"), Then::Open);
        log.assert_fine();
        assert_eq!((log.upgraded(), log.left.as_slice()), (true, rest.as_bytes()));
        assert_eq!(log.next_step, NextStep::HandOver);
        let log = split::client(connect, format!("HTTP/1.1 299 C\r\n\r\n{rest}"), Then::Open);
        log.assert_fine();
        assert_eq!((log.upgraded(), log.left.as_slice()), (true, rest.as_bytes()));
        assert_eq!(log.next_step, NextStep::HandOver);
    }
}

#[test]
fn the_request_ends_before_the_protocol_changes() {
    let request = UPGRADE.replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n");
    let log = split::server(format!("{request}hello\x01"), |event, conn, out| {
        if let Event::Data(_) = event {
            // Only once, whatever the pieces.
            let fields = [("Upgrade", "websocket")];
            let _ = conn.send_response(101, &fields, BodyLength::None, out);
        }
    });
    log.assert_fine();
    assert_eq!((log.content(), log.left.as_slice()), (b"hello".to_vec(), &b"\x01"[..]));
    assert!(matches!(
        &log.events[..],
        [
            OwnedEvent::Head { .. },
            OwnedEvent::Data(_),
            OwnedEvent::End { .. },
            OwnedEvent::Upgraded
        ]
    ));
}

#[test]
fn nothing_changes_before_the_answer() {
    let mut desk = Desk::server(Config::default());
    assert_eq!(desk.feed(format!("{UPGRADE}{GET}")).len(), 2);
    assert!(desk.conn.is_paused());
    assert_eq!(desk.pull(), []);
    assert_eq!(desk.input, GET.as_bytes());
    desk.conn
        .send_response(101, [("upgrade", "websocket")], BodyLength::None, &mut desk.out)
        .unwrap();
    assert_eq!(desk.pull(), [OwnedEvent::Upgraded]);
    assert_eq!(desk.conn.next_step(), NextStep::Write, "the answer goes first");
    desk.take();
    assert_eq!(
        (desk.conn.next_step(), desk.input.as_slice()),
        (NextStep::HandOver, GET.as_bytes())
    );
    assert_eq!(desk.pull(), []);
}

#[test]
fn an_offer_that_is_not_taken_changes_nothing() {
    let log = split::server(format!("{UPGRADE}{GET}"), ok_at_end);
    log.assert_fine();
    assert_eq!((log.upgraded(), log.statuses()), (false, vec![200, 200]));
    for (setup, status) in [(offer as fn(&mut _, &mut _), 200), (connect, 403)] {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        let log = split::client(setup, answer, Then::Open);
        log.assert_fine();
        assert_eq!((log.upgraded(), log.next_step), (false, NextStep::Read));
    }
}

#[test]
fn a_101_needs_an_offer_and_its_field() {
    let refused = |request: &str, field: (&str, &str)| {
        split::server(request, |event, conn, out| {
            if let Event::Head { .. } = event {
                let sent = conn.send_response(101, [field], BodyLength::None, out);
                assert_eq!((sent, out.len()), (Err(SendError::NoUpgrade), 0), "{request}");
            }
        });
    };
    refused(GET, ("upgrade", "websocket"));
    refused(UPGRADE, ("x", "y"));
    refused("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", ("upgrade", "websocket"));
    refused("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n", ("upgrade", "websocket"));
    refused(&UPGRADE.replace("1.1", "1.0"), ("upgrade", "websocket"));
    refused(CONNECT, ("upgrade", "websocket"));
}

#[test]
fn a_101_without_an_offer_is_an_error_of_the_server() {
    let get = |conn: &mut ClientConnection, out: &mut Vec<u8>| {
        conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, out).unwrap();
    };
    let log = split::client(get, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n", Then::Open);
    assert_eq!((log.kind(), log.upgraded()), (ErrorKind::UnexpectedSwitch, false));
}

#[test]
fn a_client_sends_nothing_behind_what_may_switch() {
    for setup in [offer, connect] {
        let mut desk = Desk::client(Config::client());
        setup(&mut desk.conn, &mut desk.out);
        let sent =
            desk.conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut desk.out);
        assert_eq!(sent, Err(SendError::PipelineFull), "it would go into the tunnel");
        desk.take();
        desk.feed("HTTP/1.1 403 F\r\nContent-Length: 0\r\n\r\n");
        assert!(desk.conn.can_send_request());
    }
}

#[test]
fn http_says_nothing_in_a_tunnel() {
    let mut desk = Desk::server(Config::default());
    desk.feed(CONNECT);
    desk.conn.send_response(200, [("x", "y")], BodyLength::None, &mut desk.out).unwrap();
    assert_eq!(desk.pull(), [OwnedEvent::Upgraded]);
    desk.take();
    assert!(desk.tick(Duration::from_secs(10_000)));
    assert_eq!(desk.conn.next_deadline(), None);
    desk.conn.drain();
    assert_eq!(desk.conn.next_deadline(), None, "what the tunnel holds is not ours to end");
    desk.eof();
    assert_eq!(desk.conn.next_step(), NextStep::HandOver);
    let sent = desk.conn.send_response(200, [("x", "y")], BodyLength::None, &mut desk.out);
    assert_eq!((sent, desk.out.len()), (Err(SendError::Closed), 0));
}

#[test]
fn a_drain_that_began_before_ends_no_tunnel() {
    let mut desk = Desk::server(Config::default());
    desk.feed(CONNECT);
    desk.conn.drain();
    desk.conn.send_response(200, [("x", "y")], BodyLength::None, &mut desk.out).unwrap();
    assert_eq!(desk.pull(), [OwnedEvent::Upgraded]);
    desk.take();
    assert!(desk.tick(Duration::from_secs(10_000)));
    assert_eq!(desk.conn.next_step(), NextStep::HandOver);
}

#[test]
fn interim_responses_may_come_before_the_switch() {
    let response = "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n\x01";
    let log = split::client(offer, response, Then::Open);
    log.assert_fine();
    assert_eq!((log.interim(), log.upgraded(), log.left), (vec![103], true, vec![1]));
}

#[test]
fn http_1_1_fields_of_the_application_stay_as_they_are() {
    let log = split::server(UPGRADE, |event, conn, out| {
        if let Event::End { .. } = event {
            let fields = [
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Accept", "x"),
            ];
            conn.send_response(101, &fields, BodyLength::None, out).unwrap();
        }
    });
    assert_eq!(
        log.output_text(),
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: x\r\n\r\n"
    );
}
