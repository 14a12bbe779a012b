//! RFC 8441: a tunnel to another protocol on one stream of HTTP/2 (extended CONNECT).
//!
//! R8441-002 and -004 are permissions, which these tests make use of. R8441-007 and -008 bind whoever
//! speaks WebSocket: no machine of HTTP/2 chooses a protocol or a scheme. So does -006, by which a
//! server opens no connection to `:authority`: that is the application's to do or not, and all that
//! it needs to tell the two apart is told.

use h2_proto::testing::{Frame, FrameLog, bytes, client_bytes, setting};
use h2_proto::{
    ClientConnection, Config, ErrorCode, ErrorKind, Event, OwnedEvent, RequestLine, ResetBy,
    SendError, StreamId,
};
use tests::h2::{self, Desk};

const NONE: [(&str, &str); 0] = [];
const ONE: StreamId = StreamId::new(1);
/// The pseudo-fields of the example in §5.1.
const CONNECT: [(&str, &str); 5] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/chat"),
    (":authority", "server.example.com"),
];

fn line() -> RequestLine<'static> {
    let line = RequestLine::new("CONNECT", "https", "server.example.com", "/chat");
    RequestLine { protocol: Some(b"websocket"), ..line }
}

fn allow(value: u32) -> Frame {
    Frame::settings([(setting::ENABLE_CONNECT_PROTOCOL, value)])
}

/// A client whose server takes extended CONNECT.
fn allowed() -> Desk<ClientConnection> {
    let mut desk = Desk::client(Config::default());
    desk.feed(allow(1).to_bytes());
    desk.take();
    desk
}

/// What was sent, as text.
fn text(octets: &[u8]) -> String {
    let mut log = FrameLog::server();
    log.feed(octets);
    log.to_string()
}

/// R8441-001.
#[test]
fn rfc8441_3_the_value_is_0_or_1() {
    for value in [0, 1] {
        h2::client(allow(value).to_bytes()).assert_fine();
        h2::server(allow(value).to_bytes()).assert_fine();
    }
    for value in [2, u32::MAX] {
        h2::client(allow(value).to_bytes()).assert_broke(ErrorKind::SettingValue);
        h2::server(allow(value).to_bytes()).assert_broke(ErrorKind::SettingValue);
    }
    assert_eq!(ErrorKind::SettingValue.code(), ErrorCode::PROTOCOL_ERROR);
}

/// R8441-001: what a server announces; what a client says has no meaning.
#[test]
fn rfc8441_3_a_server_announces_what_it_takes() {
    let mut config = Config::default();
    let announced = |config: Config| Desk::silent_server(config).take();
    assert!(text(&announced(config.clone())).contains(" ENABLE_CONNECT_PROTOCOL=1"));
    config.connect_protocol = false;
    assert!(!text(&announced(config)).contains("ENABLE_CONNECT_PROTOCOL"));
    let mut greeting = Vec::new();
    _ = ClientConnection::new(Config::default(), core::time::Duration::ZERO, &mut greeting);
    let mut log = FrameLog::client();
    log.feed(&greeting);
    assert!(!log.to_string().contains("ENABLE_CONNECT_PROTOCOL"), "{log}");
}

/// R8441-002: not before the server has allowed it.
#[test]
fn rfc8441_3_a_client_waits_for_permission() {
    let mut desk = Desk::client(Config::default());
    for refused in [Frame::settings([]), allow(0)] {
        desk.feed(refused.to_bytes());
        desk.take();
        let sent = desk.conn.send_request(line(), NONE, false, &mut desk.out);
        assert_eq!(sent, Err(SendError::NotAllowed));
        assert_eq!(desk.take(), b"");
    }
    desk.feed(allow(1).to_bytes());
    desk.take();
    assert_eq!(desk.conn.send_request(line(), NONE, false, &mut desk.out), Ok(ONE));
}

/// R8441-003.
#[test]
fn rfc8441_3_what_was_allowed_is_not_taken_back() {
    let mut desk = Desk::server(Config::default());
    let change = |value: bool| move |it: &mut h2_proto::Settings| it.connect_protocol = value;
    let taken_back = desk.conn.update_settings(change(false), &mut desk.out);
    assert_eq!((taken_back, desk.take()), (Err(SendError::InvalidSetting), vec![]));
    let mut config = Config::default();
    config.connect_protocol = false;
    let mut desk = Desk::server(config);
    desk.conn.update_settings(change(true), &mut desk.out).unwrap();
    assert_eq!(text(&desk.take()), "SETTINGS ENABLE_CONNECT_PROTOCOL=1\n");
    // Not even before the peer has taken note of it.
    let taken_back = desk.conn.update_settings(change(false), &mut desk.out);
    assert_eq!((taken_back, desk.take()), (Err(SendError::InvalidSetting), vec![]));
}

/// R8441-003: a peer that does it all the same.
#[test]
fn rfc8441_3_a_server_that_takes_it_back_breaks_the_connection() {
    h2::client(bytes([allow(0), allow(1), allow(1)])).assert_fine();
    h2::client(bytes([allow(1), allow(0)])).assert_broke(ErrorKind::SettingTakenBack);
    // Also within one frame, whose entries count in order.
    let both = |first, last| {
        let id = setting::ENABLE_CONNECT_PROTOCOL;
        Frame::settings([(id, first), (id, last)]).to_bytes()
    };
    h2::client(both(0, 1)).assert_fine();
    h2::client(both(1, 0)).assert_broke(ErrorKind::SettingTakenBack);
}

/// R8441-004, R8441-006: the head tells a tunnel to another protocol from one to a host.
#[test]
fn rfc8441_4_the_head_tells_which_connect_it_is() {
    let octets = bytes([
        Frame::headers(1, CONNECT),
        Frame::headers(3, [(":method", "CONNECT"), (":authority", "server.example.com:443")]),
    ]);
    let mut desk = Desk::server(Config::default());
    let mut heads = Vec::new();
    desk.feed_with(octets, |event, _, _| {
        if let Event::Request { head, .. } = event {
            heads.push((head.protocol().map(<[u8]>::to_vec), head.path().map(<[u8]>::to_vec)));
        }
    });
    assert_eq!(heads, [(Some(b"websocket".to_vec()), Some(b"/chat".to_vec())), (None, None)]);
}

/// R8441-005, received.
#[test]
fn rfc8441_4_scheme_path_and_authority_are_there() {
    h2::server(Frame::headers(1, CONNECT).to_bytes()).assert_fine();
    for missing in [":scheme", ":path", ":authority"] {
        let fields = CONNECT.into_iter().filter(|field| field.0 != missing);
        h2::server(Frame::headers(1, fields).to_bytes())
            .assert_reset(1, ErrorKind::PseudoFieldMissing);
    }
}

/// R8441-005, sent.
#[test]
fn rfc8441_4_a_client_sends_scheme_path_and_authority() {
    let mut desk = allowed();
    for line in [
        RequestLine { scheme: None, ..line() },
        RequestLine { path: None, ..line() },
        RequestLine { authority: None, ..line() },
    ] {
        let sent = desk.conn.send_request(line, NONE, false, &mut desk.out);
        assert_eq!((sent, desk.take()), (Err(SendError::InvalidTarget), vec![]));
    }
    let get = RequestLine { method: b"GET", ..line() };
    let sent = desk.conn.send_request(get, NONE, false, &mut desk.out);
    assert_eq!((sent, desk.take()), (Err(SendError::InvalidMethod), vec![]));
}

/// R8441-004: one value, in a CONNECT, in the head of a request.
#[test]
fn rfc8441_4_protocol_has_one_place() {
    let malformed = |fields: &[(&str, &str)]| {
        h2::server(Frame::headers(1, fields).to_bytes()).assert_reset(1, ErrorKind::PseudoField);
    };
    malformed(&[&CONNECT[..], &[(":protocol", "websocket")]].concat());
    malformed(&[&[(":method", "GET")], &CONNECT[1..]].concat());
    for value in ["", "web socket", "a,b"] {
        malformed(&[&CONNECT[..1], &[(":protocol", value)], &CONNECT[2..]].concat());
    }
    // Behind a field, and in trailers.
    malformed(&[&CONNECT[..1], &CONNECT[2..], &[("a", "b"), (":protocol", "websocket")]].concat());
    let trailers = Frame::headers(1, [(":protocol", "websocket")]).end_stream();
    h2::server(bytes([Frame::request(1, "POST", "/"), trailers]))
        .assert_reset(1, ErrorKind::PseudoField);
    let response = Frame::response(1, 200).field((":protocol", "websocket"));
    h2::client(response.to_bytes()).assert_reset(1, ErrorKind::PseudoField);
}

/// §3: without permission the request is malformed, and only its stream suffers.
#[test]
fn rfc8441_3_without_permission_the_stream_is_reset() {
    let mut config = Config::default();
    config.connect_protocol = false;
    let octets = bytes([Frame::headers(1, CONNECT), Frame::get(3, "/")]);
    let log = h2::every_cut(&Desk::server(config), octets, |_, _, _| {});
    log.assert_reset(1, ErrorKind::PseudoField);
    assert_eq!(log.requests(), 1);
}

/// R8441-009.
#[test]
fn rfc8441_5_fields_of_a_connection_are_not_included() {
    let mut desk = allowed();
    for field in [("connection", "Upgrade"), ("upgrade", "websocket")] {
        h2::server(Frame::headers(1, CONNECT).field(field).to_bytes())
            .assert_reset(1, ErrorKind::ConnectionField);
        let sent = desk.conn.send_request(line(), [field], false, &mut desk.out);
        assert_eq!((sent, desk.take()), (Err(SendError::ForbiddenField(0)), vec![]));
    }
}

/// §5: END_STREAM is the orderly end, of each direction by itself.
#[test]
fn rfc8441_5_end_stream_is_an_orderly_end() {
    let mut desk = Desk::server(Config::default());
    desk.feed(Frame::headers(1, CONNECT).to_bytes());
    desk.conn.send_response(ONE, 200, NONE, false, &mut desk.out).unwrap();
    let events = desk.feed(Frame::data(1, "last").end_stream().to_bytes());
    assert!(matches!(&events[..], [OwnedEvent::Data { end_stream: true, .. }]), "{events:?}");
    desk.take();
    assert_eq!(desk.conn.send_data(ONE, b"still", false, &mut desk.out), Ok(5));
    assert_eq!(desk.conn.send_data(ONE, b"", true, &mut desk.out), Ok(0));
    assert_eq!(
        text(&desk.take()),
        "DATA stream=1 len=5 \"still\"\nDATA stream=1 END_STREAM len=0 \"\"\n"
    );
    assert_eq!(desk.conn.snapshot().peer_streams, 0);
}

/// §5: RST_STREAM with CANCEL is what a reset of TCP is, in both directions.
#[test]
fn rfc8441_5_cancel_is_a_reset() {
    let mut desk = Desk::server(Config::default());
    desk.feed(bytes([Frame::headers(1, CONNECT), Frame::headers(3, CONNECT)]));
    desk.take();
    let events = desk.feed(Frame::rst_stream(1, ErrorCode::CANCEL).to_bytes());
    let [OwnedEvent::Reset { stream, code, by, .. }] = events[..] else { panic!("{events:?}") };
    assert_eq!((stream, code, by), (ONE, ErrorCode::CANCEL, ResetBy::Peer));
    desk.conn.reset(StreamId::new(3), ErrorCode::CANCEL, &mut desk.out).unwrap();
    assert_eq!(text(&desk.take()), "RST_STREAM stream=3 CANCEL\n");
}

/// §5.1, as far as it is HTTP/2: a client and a server of ours.
#[test]
fn rfc8441_5_1_the_example() {
    let mut client = allowed();
    let mut server = Desk::silent_server(Config::default());
    server.feed(client_bytes([Frame::settings([]), Frame::settings_ack()]));
    server.take();
    let fields = [("sec-websocket-protocol", "chat, superchat"), ("sec-websocket-version", "13")];
    client.conn.send_request(line(), fields, false, &mut client.out).unwrap();
    let head = "HEADERS stream=1 END_HEADERS len=97
    :method: CONNECT
    :scheme: https
    :authority: server.example.com
    :path: /chat
    :protocol: websocket
    sec-websocket-protocol: chat, superchat
    sec-websocket-version: 13
";
    let request = client.take();
    assert_eq!(text(&request), head);
    server.feed_with(request, |_, conn, out| {
        let fields = [("sec-websocket-protocol", "chat")];
        conn.send_response(ONE, 200, fields, false, out).unwrap();
        assert_eq!(conn.send_data(ONE, b"\x81\x02hi", true, out), Ok(4));
    });
    let events = client.feed(server.take());
    assert!(matches!(&events[0], OwnedEvent::Response { end_stream: false, .. }), "{events:?}");
    assert!(
        matches!(&events[1], OwnedEvent::Data { data, end_stream: true, .. } if data == b"\x81\x02hi")
    );
    assert_eq!(client.conn.send_data(ONE, b"\x81\x02yo", true, &mut client.out), Ok(4));
    let events = server.feed(client.take());
    assert!(matches!(&events[..], [OwnedEvent::Data { end_stream: true, .. }]), "{events:?}");
    assert_eq!((client.error, server.error), (None, None));
}
