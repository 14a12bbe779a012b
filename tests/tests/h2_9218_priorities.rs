//! RFC 9218: priorities, as the `priority` field and PRIORITY_UPDATE say them.
//!
//! R9218-013, -014, -020, -023 and -024 bind whoever chooses a priority, -045 to -048 intermediaries
//! and transports, -029 to -038 HTTP/3; -010 and -039 are permissions. Not held: -009, a client may
//! always update; -021 and -022, updates for more streams than may be open are ignored; -044, the
//! urgent may starve the others.

use h2_proto::testing::{Frame, FrameLog, bytes, flag, kind, setting};
use h2_proto::{
    ClientConnection, Config, ErrorCode, ErrorKind, Event, OwnedEvent, Priority, RequestLine,
    SendError, ServerConnection, StreamId,
};
use tests::h2::{self, Desk};

const NONE: [(&str, &str); 0] = [];

fn get(stream: u32, priority: &str) -> Frame {
    Frame::get(stream, "/").field(("priority", priority))
}

fn no_rfc7540_priorities(value: u32) -> Frame {
    Frame::settings([(setting::NO_RFC7540_PRIORITIES, value)])
}

fn broke_by_protocol_error(log: &h2::Log, kind: ErrorKind) {
    log.assert_broke(kind);
    assert_eq!(kind.code(), ErrorCode::PROTOCOL_ERROR);
}

/// What was sent, as text.
fn text(octets: &[u8]) -> String {
    let mut log = FrameLog::server();
    log.feed(octets);
    log.to_string()
}

/// The order in which a server sends the responses to these requests, each a piece of content; an
/// incremental one sends two.
fn order(frames: impl IntoIterator<Item = Frame>) -> Vec<u32> {
    let mut desk = Desk::server(Config::default());
    let mut left = answer(&mut desk, frames);
    turns(&mut desk, &mut left)
}

/// Begins the responses to these requests: the streams, and how many pieces each is to send.
fn answer(
    desk: &mut Desk<ServerConnection>,
    frames: impl IntoIterator<Item = Frame>,
) -> Vec<(StreamId, u32)> {
    let mut left = Vec::new();
    desk.feed_with(bytes(frames), |event, conn, out| {
        if let Event::Request { stream, head, .. } = event {
            conn.send_response(*stream, 200, NONE, false, out).unwrap();
            conn.want_send(*stream).unwrap();
            let incremental = head.field("priority").is_some_and(|it| it.ends_with(b"i"));
            left.push((*stream, 1 + u32::from(incremental)));
        }
    });
    assert_eq!(desk.error, None);
    left
}

fn turns(desk: &mut Desk<ServerConnection>, left: &mut [(StreamId, u32)]) -> Vec<u32> {
    let mut order = Vec::new();
    while let Some((stream, _)) = desk.conn.next_writable() {
        let (_, pieces) = left.iter_mut().find(|it| it.0 == stream).expect("it wants to");
        *pieces -= 1;
        order.push(stream.get());
        desk.conn.send_data(stream, b"piece", *pieces == 0, &mut desk.out).unwrap();
        if *pieces > 0 {
            desk.conn.want_send(stream).unwrap();
        }
    }
    order
}

/// R9218-001, R9218-002.
#[test]
fn rfc9218_2_1_the_setting_is_0_or_1() {
    for value in [0, 1] {
        h2::server(no_rfc7540_priorities(value).to_bytes()).assert_fine();
        h2::client(no_rfc7540_priorities(value).to_bytes()).assert_fine();
    }
    for value in [2, u32::MAX] {
        let octets = no_rfc7540_priorities(value).to_bytes();
        broke_by_protocol_error(&h2::server(&octets), ErrorKind::SettingValue);
        broke_by_protocol_error(&h2::client(&octets), ErrorKind::SettingValue);
    }
}

/// R9218-003.
#[test]
fn rfc9218_2_1_it_is_in_the_first_settings() {
    let server = text(&Desk::silent_server(Config::default()).take());
    let mut greeting = Vec::new();
    _ = ClientConnection::new(Config::default(), core::time::Duration::ZERO, &mut greeting);
    let client = text(greeting.strip_prefix(h2_proto::PREFACE).expect("a preface"));
    for first in [server, client] {
        let first = first.lines().next().expect("SETTINGS");
        assert!(first.starts_with("SETTINGS ") && first.ends_with(" NO_RFC7540_PRIORITIES=1"));
    }
}

/// R9218-004; and R9218-005: a peer that changes it does no harm.
#[test]
fn rfc9218_2_1_it_does_not_change() {
    let mut server = Desk::server(Config::default());
    let mut client = Desk::client(Config::default());
    let taken_back =
        server.conn.update_settings(|it| it.no_rfc7540_priorities = false, &mut server.out);
    assert_eq!((taken_back, server.take()), (Err(SendError::InvalidSetting), vec![]));
    let taken_back =
        client.conn.update_settings(|it| it.no_rfc7540_priorities = false, &mut client.out);
    assert_eq!((taken_back, client.take()), (Err(SendError::InvalidSetting), vec![]));
    // And it is not said again.
    server.conn.update_settings(|it| it.streams_max = 7, &mut server.out).unwrap();
    assert_eq!(text(&server.take()), "SETTINGS MAX_CONCURRENT_STREAMS=7\n");
    let changes = bytes([1, 0, 1].map(no_rfc7540_priorities));
    h2::server(&changes).assert_fine();
    h2::client(&changes).assert_fine();
}

/// R9218-006: whatever the setting, the signals of RFC 7540 change nothing.
#[test]
fn rfc9218_2_1_priorities_of_rfc_7540_are_ignored() {
    for value in [0, 1] {
        let frames = [
            no_rfc7540_priorities(value),
            Frame::get(1, "/").depends_on(3, 1),
            Frame::get(3, "/").depends_on(0, 256),
            Frame::get(5, "/"),
            Frame::priority(1, 5, 1),
            Frame::priority(5, 0, 256),
        ];
        assert_eq!(order(frames), [1, 3, 5]);
    }
}

/// R9218-007, R9218-008: a client has no signals of RFC 7540, before the server's SETTINGS and after.
#[test]
fn rfc9218_2_1_1_a_client_sends_none_of_rfc_7540() {
    let mut out = Vec::new();
    let conn = ClientConnection::new(Config::default(), core::time::Duration::ZERO, &mut out);
    out.clear();
    let mut desk = Desk::around(conn, out);
    let line = RequestLine::new("GET", "https", "a.example", "/");
    desk.conn.send_request(line, [("priority", "u=1")], true, &mut desk.out).unwrap();
    desk.feed(no_rfc7540_priorities(1).to_bytes());
    desk.conn.send_request(line, [("priority", "u=1")], true, &mut desk.out).unwrap();
    let sent = desk.sent();
    let heads: Vec<_> = sent.iter().filter(|it| it.kind == kind::HEADERS).collect();
    assert_eq!(heads.len(), 2);
    assert!(heads.iter().all(|head| !head.has(flag::PRIORITY)));
    assert!(sent.iter().all(|it| it.kind != kind::PRIORITY));
}

/// R9218-011.
#[test]
fn rfc9218_4_what_is_not_said_is_the_default() {
    assert_eq!(Priority::default(), Priority { urgency: 3, incremental: false });
    assert_eq!(order([get(1, "u=4"), Frame::get(3, "/"), get(5, "u=2")]), [5, 3, 1]);
    assert_eq!(order([Frame::get(1, "/"), get(3, "u=3"), Frame::get(5, "/")]), [1, 3, 5]);
}

/// R9218-012.
#[test]
fn rfc9218_4_what_means_nothing_is_ignored() {
    for value in ["u=8", "u=-1", "u=\"0\"", "u=0.5", "u", "i=1", "x=0", "U=0", ""] {
        assert_eq!(Priority::parse(value.as_bytes()), Priority::default(), "{value}");
        assert_eq!(order([Frame::get(1, "/"), get(3, value), get(5, "u=3")]), [1, 3, 5], "{value}");
    }
    assert_eq!(order([Frame::get(1, "/"), get(3, "x=\"y\", u=2;z=1, v")]), [3, 1]);
}

/// R9218-015: what cannot be parsed is no error, neither in a field nor in a frame.
#[test]
fn rfc9218_7_a_value_that_cannot_be_parsed_is_no_error() {
    for value in ["=", ";;", "u==1", "\u{7f}"] {
        let update = Frame::priority_update(1, value);
        h2::server(bytes([Frame::get(1, "/"), update])).assert_fine();
    }
    h2::server(get(1, "=,").to_bytes()).assert_fine();
}

/// R9218-016, R9218-017: an update before its request is kept, the last one counts, and it is worth
/// more than the field.
#[test]
fn rfc9218_7_an_early_update_is_kept() {
    let early = [
        Frame::priority_update(3, "u=7"),
        Frame::priority_update(3, "u=0"),
        Frame::get(1, "/"),
        get(3, "u=6"),
        // It was used up.
        get(5, "u=5"),
    ];
    assert_eq!(order(early), [3, 1, 5]);
    h2::server(Frame::priority_update(1, "u=0").to_bytes()).assert_fine();
}

/// §7: an update of a response that is under way; the application is told.
#[test]
fn rfc9218_7_an_update_lets_others_pass() {
    let mut desk = Desk::server(Config::default());
    let mut left = answer(&mut desk, [get(1, "u=1"), get(3, "u=2"), get(5, "u=3")]);
    let events = desk.feed(Frame::priority_update(1, "u=4, i").to_bytes());
    let (stream, priority) = (StreamId::new(1), Priority { urgency: 4, incremental: true });
    assert_eq!(events, [OwnedEvent::PriorityChanged { stream, priority }]);
    assert_eq!(turns(&mut desk, &mut left), [3, 5, 1]);
    // For a stream that is over there is nothing to do.
    assert_eq!(desk.feed(Frame::priority_update(1, "u=0").to_bytes()), []);
    assert_eq!(desk.error, None);
}

/// R9218-018, R9218-019.
#[test]
fn rfc9218_7_1_the_frame_is_on_stream_0() {
    for stream in [1, 2, 3] {
        let mut update = Frame::priority_update(1, "u=0");
        update.stream = stream;
        let octets = bytes([Frame::get(1, "/"), update]);
        broke_by_protocol_error(&h2::server(octets), ErrorKind::NotStreamZero);
    }
}

#[test]
fn rfc9218_7_1_the_frame_has_a_stream_in_it() {
    for length in 0..4 {
        let update = Frame::new(kind::PRIORITY_UPDATE, 0, 0, vec![0; length]);
        h2::server(update.to_bytes()).assert_broke(ErrorKind::FrameLength);
    }
    // Without a value all is as by default, and the reserved bit of the stream counts for nothing.
    let frames = [get(1, "u=1"), get(3, "u=2"), Frame::priority_update(1 << 31 | 1, "")];
    assert_eq!(order(frames), [3, 1]);
}

/// R9218-025.
#[test]
fn rfc9218_7_1_a_push_that_was_not_promised() {
    for stream in [2, 4, 0x7fff_fffe] {
        let update = Frame::priority_update(stream, "u=0").to_bytes();
        broke_by_protocol_error(&h2::server(update), ErrorKind::PriorityUpdate);
    }
}

/// R9218-026.
#[test]
fn rfc9218_7_1_an_update_of_stream_0() {
    for stream in [0, 1 << 31] {
        let update = Frame::priority_update(stream, "u=0").to_bytes();
        broke_by_protocol_error(&h2::server(&update), ErrorKind::PriorityUpdate);
        broke_by_protocol_error(&h2::client(&update), ErrorKind::PriorityUpdate);
    }
}

/// R9218-027: a server that changes its mind keeps it to itself.
#[test]
fn rfc9218_7_1_a_server_sends_no_update() {
    let mut desk = Desk::server(Config::default());
    let mut left = answer(&mut desk, [get(1, "u=1"), get(3, "u=1")]);
    desk.take();
    let priority = Priority { urgency: 0, incremental: false };
    desk.conn.set_priority(StreamId::new(3), priority, &mut desk.out).unwrap();
    assert_eq!(desk.take(), b"");
    assert_eq!(turns(&mut desk, &mut left).len(), 2);
}

/// R9218-028.
#[test]
fn rfc9218_7_1_an_update_breaks_a_client() {
    for stream in [1, 2, 3] {
        let update = Frame::priority_update(stream, "u=0").to_bytes();
        broke_by_protocol_error(&h2::client(update), ErrorKind::PriorityUpdate);
    }
}

/// A client's own, R9218-018 and -020: on stream 0, for a stream that is open; R9218-009: to a
/// server that heeds it.
#[test]
fn rfc9218_7_1_a_client_updates_what_it_asked_for() {
    let mut desk = Desk::client(Config::default());
    let stream = desk.get();
    let never = Priority { urgency: 7, incremental: false };
    desk.take();
    desk.conn.set_priority(stream, never, &mut desk.out).unwrap();
    assert_eq!(desk.take(), b"");
    desk.feed(Frame::settings([(setting::NO_RFC7540_PRIORITIES, 1)]).to_bytes());
    desk.take();
    let priority = Priority { urgency: 1, incremental: true };
    desk.conn.set_priority(stream, priority, &mut desk.out).unwrap();
    assert_eq!(text(&desk.take()), "PRIORITY_UPDATE prioritized=1 \"u=1, i\"\n");
    let other = StreamId::new(3);
    let unknown = desk.conn.set_priority(other, priority, &mut desk.out);
    assert_eq!((unknown, desk.take()), (Err(SendError::NoStream), vec![]));
}

/// A request that waits for a stream takes its priority with it.
#[test]
fn rfc9218_7_1_what_waits_is_told_when_it_goes() {
    let mut desk = Desk::client(Config::default());
    let limits = [(setting::NO_RFC7540_PRIORITIES, 1), (setting::MAX_CONCURRENT_STREAMS, 1)];
    desk.feed(Frame::settings(limits).to_bytes());
    let (_, waiting) = (desk.get(), desk.get());
    let priority = Priority { urgency: 0, incremental: false };
    desk.conn.set_priority(waiting, priority, &mut desk.out).unwrap();
    assert!(!text(&desk.take()).contains("PRIORITY_UPDATE"));
    desk.feed(Frame::headers(1, [(":status", "200")]).end_stream().to_bytes());
    assert!(text(&desk.take()).contains("PRIORITY_UPDATE prioritized=3 \"u=0\"\n"));
}

/// A server with responses on streams 1 and 3 that have content to send.
fn two_responses() -> Desk<ServerConnection> {
    let mut desk = Desk::server(Config::default());
    answer(&mut desk, [Frame::get(1, "/"), Frame::get(3, "/")]);
    desk
}

fn next(desk: &mut Desk<ServerConnection>) -> u32 {
    desk.conn.next_writable().expect("a stream has content").0.get()
}

/// R9218-040: a response that waits already moves, in both directions.
#[test]
fn rfc9218_7_a_waiting_response_becomes_more_urgent() {
    let mut desk = two_responses();
    desk.feed(Frame::priority_update(3, "u=0").to_bytes());
    assert_eq!((next(&mut desk), next(&mut desk)), (3, 1));
    let mut desk = two_responses();
    let priority = Priority { urgency: 7, incremental: false };
    desk.conn.set_priority(StreamId::new(1), priority, &mut desk.out).unwrap();
    assert_eq!((next(&mut desk), next(&mut desk)), (3, 1));
}

/// R9218-042: also after its own window was closed, and piece by piece.
#[test]
fn rfc9218_10_ascending_whatever_happens_between() {
    let mut desk = two_responses();
    desk.feed(Frame::window_update(0, 1 << 20).to_bytes());
    let one = StreamId::new(1);
    assert_eq!(next(&mut desk), 1);
    assert_eq!(desk.conn.send_data(one, &[0; 70_000], true, &mut desk.out), Ok(65_535));
    desk.feed(Frame::window_update(1, 1 << 20).to_bytes());
    assert_eq!(next(&mut desk), 1);
    desk.conn.send_data(one, b"piece", false, &mut desk.out).unwrap();
    desk.conn.want_send(one).unwrap();
    assert_eq!(next(&mut desk), 1);
}

/// R9218-022.
#[test]
fn rfc9218_7_1_no_more_priorities_than_streams() {
    let mut desk = Desk::server(Config::default());
    desk.feed(bytes((0..100).map(|at| Frame::priority_update(2 * at + 1, "u=0"))));
    assert_eq!(desk.error, None);
    desk.feed(Frame::priority_update(201, "u=0").to_bytes());
    assert_eq!(desk.kind(), ErrorKind::TooManyPriorities);
}

/// R9218-040, R9218-042: the most urgent first, and of one urgency in the order of the requests.
#[test]
fn rfc9218_10_by_urgency_then_by_stream() {
    let frames = [get(1, "u=7"), get(3, "u=3"), get(5, "u=0"), get(7, "u=3"), get(9, "u=0")];
    assert_eq!(order(frames), [5, 9, 3, 7, 1]);
}

/// R9218-041, R9218-043: incremental ones of one urgency share.
#[test]
fn rfc9218_10_incremental_ones_share() {
    assert_eq!(order([get(1, "i"), get(3, "i"), get(5, "i")]), [1, 3, 5, 1, 3, 5]);
    assert_eq!(order([get(1, "u=4, i"), get(3, "i"), get(5, "i")]), [3, 5, 3, 5, 1, 1]);
}

/// R9218-042: one that is not incremental keeps its turn while the connection's window is closed.
#[test]
fn rfc9218_10_a_turn_is_kept_until_it_is_done() {
    let mut desk = Desk::server(Config::default());
    let windows = Frame::settings([(setting::INITIAL_WINDOW_SIZE, 1 << 20)]);
    answer(&mut desk, [windows, Frame::get(1, "/"), Frame::get(3, "/")]);
    let (one, three) = (StreamId::new(1), StreamId::new(3));
    let content = vec![b'x'; 100_000];
    assert_eq!(desk.conn.next_writable(), Some((one, 65_535)));
    assert_eq!(desk.conn.send_data(one, &content, true, &mut desk.out), Ok(65_535));
    assert_eq!(desk.conn.next_writable(), None);
    desk.feed(Frame::window_update(0, 50_000).to_bytes());
    assert_eq!(desk.conn.next_writable(), Some((one, 50_000)));
    let rest = content.len() - 65_535;
    assert_eq!(desk.conn.send_data(one, &content[..rest], true, &mut desk.out), Ok(rest));
    assert_eq!(desk.conn.next_writable(), Some((three, 50_000 - rest as u32)));
}
