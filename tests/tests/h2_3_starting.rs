//! RFC 9113 §3: how a connection begins.

use core::time::Duration;

use h2_proto::{
    ClientConnection, Config, ErrorCode, ErrorKind, OwnedEvent, Phase, ServerConnection,
};
use tests::frames::{Frame, PREFACE, flag, kind};
use tests::h2::{self, Desk, parse};

fn silent_client() -> Desk<ClientConnection> {
    let mut out = Vec::new();
    let conn = ClientConnection::new(Config::default(), Duration::ZERO, &mut out);
    Desk::around(conn, out)
}

fn is_settings(frame: &Frame) -> bool {
    frame.kind == kind::SETTINGS && frame.flags == 0 && frame.stream == 0
}

fn is_settings_ack(frame: &Frame) -> bool {
    *frame == Frame::new(kind::SETTINGS, flag::ACK, 0, "")
}

#[test]
fn rfc9113_3_4_a_client_sends_magic_and_settings_first() {
    let mut desk = silent_client();
    let sent = desk.take();
    let frames = sent.strip_prefix(PREFACE).expect("the magic");
    assert!(is_settings(&parse(frames)[0]));
    // It does not wait for the server's before it goes on: see the requests that wait.
    assert_eq!(desk.conn.phase(), Phase::Preface);
}

#[test]
fn rfc9113_3_4_a_server_sends_settings_first() {
    let mut desk = Desk::silent_server(Config::default());
    assert!(is_settings(&desk.sent()[0]), "before the client has said anything");
}

#[test]
fn rfc9113_3_3_a_server_with_prior_knowledge_sends_settings_once_the_magic_is_there() {
    let conn = ServerConnection::with_prior_knowledge(Config::default(), Duration::ZERO);
    let desk = Desk::around(conn, Vec::new());
    let log = h2::every_cut(&desk, [PREFACE, &h2::settings(&[])].concat(), |_, _, _| {});
    assert!(is_settings(&log.frames[0]), "{log:?}");
    // Ours comes before the acknowledgement of theirs.
    assert!(is_settings_ack(log.frames.last().unwrap()), "{log:?}");
    log.assert_fine();
    // Nothing before the magic is whole.
    let mut desk = desk;
    desk.feed(&PREFACE[..23]);
    assert_eq!(desk.out, b"");
}

#[test]
fn rfc9113_3_4_the_first_settings_are_acknowledged_behind_our_own() {
    let server = Desk::silent_server(Config::default());
    let input = [PREFACE, &h2::settings(&[(3, 7)])].concat();
    let mut desk = server.clone();
    assert_eq!(desk.feed(&input), [OwnedEvent::SettingsChanged]);
    let sent = desk.sent();
    assert!(is_settings(&sent[0]) && is_settings_ack(sent.last().unwrap()), "{sent:?}");
    assert_eq!(desk.conn.phase(), Phase::Open);

    let mut desk = silent_client();
    desk.take();
    assert_eq!(desk.feed(h2::settings(&[])), [OwnedEvent::SettingsChanged]);
    let sent = desk.sent();
    assert!(matches!(&sent[..], [ack] if is_settings_ack(ack)), "{sent:?}");
    assert_eq!(desk.conn.phase(), Phase::Open);
}

#[test]
fn rfc9113_3_4_the_first_settings_may_be_empty() {
    let mut server = Desk::silent_server(Config::default());
    server.sent();
    let log = h2::every_cut(&server, [PREFACE, &h2::settings(&[])].concat(), |_, _, _| {});
    assert_eq!(log.assert_fine().events, [OwnedEvent::SettingsChanged]);
}

#[test]
fn rfc9113_3_4_requests_may_follow_at_once() {
    // Before the acknowledgement of the server's SETTINGS, in the same packet.
    let mut server = Desk::silent_server(Config::default());
    server.sent();
    let input = [PREFACE, &h2::settings(&[]), &h2::get(1), &h2::settings_ack()].concat();
    let log = h2::every_cut(&server, input, |_, _, _| {});
    assert_eq!(log.assert_fine().requests(), 1);
    assert_eq!(log.events.last(), Some(&OwnedEvent::SettingsAcked));
}

#[test]
fn rfc9113_3_4_a_server_takes_nothing_but_the_magic() {
    // With ALPN it is HTTP/2 or nothing.
    for wrong in
        [&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", b"\0"]
    {
        let mut server = Desk::silent_server(Config::default());
        server.sent();
        let log = h2::every_cut(&server, wrong, |_, _, _| {});
        let error = log.error.expect("no preface");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Preface, ErrorCode::PROTOCOL_ERROR));
        // A GOAWAY may be omitted here.
        assert_eq!((log.events, log.frames), (vec![], vec![]));
    }
}

#[test]
fn rfc9113_3_4_the_first_frame_of_a_server_is_settings() {
    for first in [
        h2::headers(1, 0, [0x88]),
        h2::ping(),
        h2::window_update(0, 1),
        h2::settings_ack(),
        h2::goaway(0, ErrorCode::NO_ERROR, ""),
        h2::frame(0xbe, 0, 0, ""),
    ] {
        let mut client = silent_client();
        client.take();
        let log = h2::every_cut(&client, &first, |_, _, _| {});
        log.assert_broke(ErrorKind::FirstFrame);
        assert_eq!(log.error.unwrap().code(), ErrorCode::PROTOCOL_ERROR);
        assert_eq!(log.events, []);
    }
    // A server that speaks HTTP/1.1: its octets are no frame that could come first.
    let mut client = silent_client();
    client.take();
    client.feed("HTTP/1.1 400 Bad Request\r\n\r\n");
    assert!(client.error.is_some());
}

#[test]
fn rfc9113_3_4_first_settings_of_a_wrong_form_break_the_connection() {
    for (first, kind) in [
        (h2::frame(kind::SETTINGS, 0, 1, ""), ErrorKind::NotStreamZero),
        (h2::frame(kind::SETTINGS, 0, 0, [0; 5]), ErrorKind::FrameLength),
        (h2::settings(&[(2, 2)]), ErrorKind::SettingPush),
    ] {
        let mut server = Desk::silent_server(Config::default());
        server.sent();
        h2::every_cut(&server, [PREFACE, &first].concat(), |_, _, _| {}).assert_broke(kind);
        let mut client = silent_client();
        client.take();
        h2::every_cut(&client, &first, |_, _, _| {}).assert_broke(kind);
    }
}

#[test]
fn rfc9113_3_4_a_client_may_send_before_it_hears_the_server() {
    // Requests wait until it is known how many streams there may be; then they go, in order.
    let mut desk = silent_client();
    let stream = desk.get();
    assert_eq!((stream.get(), desk.conn.pending()), (1, 1));
    let sent = desk.take();
    let before = parse(sent.strip_prefix(PREFACE).unwrap());
    assert!(before.iter().all(|frame| frame.kind != kind::HEADERS));
    desk.feed(h2::settings(&[]));
    let sent = desk.sent();
    assert!(is_settings_ack(&sent[0]));
    assert_eq!((sent[1].kind, sent[1].stream), (kind::HEADERS, 1));
}
