//! What reviews found in HTTP/2: each test states the rule.

use core::time::Duration;

use h2_proto::testing::{Frame, bytes, client_bytes, setting};
use h2_proto::{
    ClientConnection, Config, ErrorCode, Event, FieldBuf, NextStep, OwnedEvent, Phase, RequestLine,
    ServerConnection, StreamId,
};
use tests::h2::{self, Desk};

const NONE: [(&str, &str); 0] = [];
const SECOND: Duration = Duration::from_secs(1);

fn id(s: u32) -> StreamId {
    StreamId::new(s)
}

/// Per wake of a driver: read, pull, answer, `advance`, write.
fn wake(desk: &mut Desk<ServerConnection>, after: Duration, octets: &[u8]) {
    desk.now += after;
    desk.feed(octets);
    desk.take();
}

#[test]
fn a_peer_that_takes_all_output_at_once_is_no_slow_reader() {
    let mut config = Config::default();
    config.idle_timeout = None;
    let mut desk = Desk::server(config);
    wake(&mut desk, SECOND, &h2::ping());
    assert_eq!(desk.conn.unsent(), 0);
    // A keep-alive PING every 30 s, each answered and written at once.
    wake(&mut desk, 30 * SECOND, &h2::ping());
    assert_eq!(desk.error, None);
}

#[test]
fn also_every_10_seconds() {
    let mut config = Config::default();
    config.idle_timeout = None;
    let mut desk = Desk::server(config);
    for _ in 0..4 {
        wake(&mut desk, 10 * SECOND, &h2::ping());
        assert_eq!(desk.conn.unsent(), 0);
    }
    assert_eq!(desk.error, None);
}

/// A request, a millisecond after the one before, that is answered at once.
fn answered(desk: &mut Desk<ServerConnection>, stream: u32, head: &Frame) {
    desk.now += Duration::from_millis(1);
    desk.feed(head.clone().end_stream().to_bytes());
    assert_eq!(desk.error, None, "at stream {stream}, debt {}", desk.conn.debt());
    desk.conn.respond(id(stream), 200, NONE, b"ok", &mut desk.out).unwrap();
    desk.take();
}

#[test]
fn requests_with_large_fields_that_are_indexed_live() {
    let mut desk = Desk::server(Config::default());
    let mut encoder = hpack::Encoder::new(4096);
    let token = "t".repeat(2000);
    for n in 0..5_000_u32 {
        let stream = 2 * n + 1;
        let fields = [
            (":method", "POST"),
            (":scheme", "https"),
            (":path", "/helloworld.Greeter/SayHello"),
            (":authority", "a.example"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("user-agent", "grpc-go/1.60.1"),
            ("x-token", token.as_str()),
        ];
        answered(&mut desk, stream, &Frame::headers_by(&mut encoder, stream, fields));
    }
}

#[test]
fn a_browsers_usual_fields_through_a_gateway_live() {
    let mut desk = Desk::server(Config::default());
    let mut encoder = hpack::Encoder::new(4096);
    let cookie =
        format!("session={}; _ga=GA1.2.1234567890.1234567890; theme=dark", "s".repeat(300));
    for n in 0..20_000_u32 {
        let stream = 2 * n + 1;
        let fields = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/a/page/of/the/site"),
            (":authority", "www.example.com"),
            (
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            ),
            (
                "accept",
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
            ),
            ("accept-language", "en-US,en;q=0.9,de;q=0.8"),
            ("accept-encoding", "gzip, deflate, br, zstd"),
            (
                "sec-ch-ua",
                "\"Google Chrome\";v=\"131\", \"Chromium\";v=\"131\", \"Not_A Brand\";v=\"24\"",
            ),
            ("sec-ch-ua-mobile", "?0"),
            ("sec-ch-ua-platform", "\"Linux\""),
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-user", "?1"),
            ("sec-fetch-dest", "document"),
            ("upgrade-insecure-requests", "1"),
            ("cookie", cookie.as_str()),
        ];
        answered(&mut desk, stream, &Frame::headers_by(&mut encoder, stream, fields));
    }
}

#[test]
fn after_50_days_content_that_waits_for_a_window_has_its_time() {
    let mut config = Config::default();
    config.idle_timeout = None;
    let mut desk = Desk::server(config);
    desk.now = 50 * 86_400 * SECOND;
    desk.tick(SECOND);
    desk.feed(bytes([
        Frame::settings([(setting::INITIAL_WINDOW_SIZE, 2_000)]),
        Frame::get(1, "/"),
    ]));
    desk.conn.send_response(id(1), 200, NONE, false, &mut desk.out).unwrap();
    // A slow reader, but one that reads 2,000 octets every 10 s.
    let mut resets = Vec::new();
    for _ in 0..8 {
        desk.conn.send_data(id(1), &[0; 20_000], false, &mut desk.out).unwrap_or(0);
        desk.tick(10 * SECOND);
        desk.feed(Frame::window_update(1, 2_000).to_bytes());
        resets.extend(h2::resets(&desk.sent()));
    }
    assert_eq!(resets, []);
}

#[test]
fn after_50_days_content_that_flows_is_no_silence() {
    let mut config = Config::default();
    config.idle_timeout = None;
    config.body_timeout = Some(10 * SECOND);
    let mut desk = Desk::server(config);
    desk.now = 50 * 86_400 * SECOND;
    desk.tick(SECOND);
    desk.feed(Frame::request(1, "POST", "/").without(1).to_bytes());
    let mut resets = Vec::new();
    for _ in 0..30 {
        desk.tick(SECOND);
        desk.feed(Frame::data(1, [0; 5_000]).to_bytes());
        resets.extend(h2::resets(&desk.sent()));
    }
    assert_eq!(resets, []);
}

#[test]
fn a_pause_does_not_switch_the_body_timeout_off() {
    let mut config = Config::default();
    config.idle_timeout = None;
    config.body_timeout = Some(10 * SECOND);
    let mut desk = Desk::server(config);
    desk.feed(Frame::request(1, "POST", "/").without(1).to_bytes());
    desk.sent();
    // The client does not read for a while: input pauses.
    let pings: Vec<u8> = (0..300).flat_map(|_| h2::ping()).collect();
    desk.feed(&pings);
    assert!(desk.conn.is_paused());
    desk.tick(10 * SECOND);
    desk.take();
    desk.feed([]);
    assert!(!desk.conn.is_paused());
    let mut resets = Vec::new();
    for _ in 0..100 {
        desk.tick(SECOND);
        desk.feed([]);
        resets.extend(h2::resets(&desk.sent()));
    }
    assert_eq!(resets.len(), 1, "no content for 100 s, with 10 s allowed");
}

#[test]
fn priority_updates_count_active_streams_not_held_ones() {
    let mut desk = Desk::server(Config::default());
    desk.feed(bytes((0..100).map(|n| Frame::get(2 * n + 1, "/"))));
    // The client gives all of them up; the application has not noticed yet.
    desk.feed(bytes((0..100).map(|n| Frame::rst_stream(2 * n + 1, ErrorCode::CANCEL))));
    desk.feed(bytes([Frame::priority_update(201, "u=1")]));
    assert_eq!(desk.error, None);
}

#[test]
fn settings_do_not_overflow_windows_of_closed_streams() {
    let mut desk = Desk::server(Config::default());
    desk.feed(bytes([
        Frame::get(1, "/"),
        Frame::window_update(1, 0x7fff_ffff - 65_535),
        Frame::rst_stream(1, ErrorCode::CANCEL),
        Frame::settings([(setting::INITIAL_WINDOW_SIZE, 65_536)]),
    ]));
    assert_eq!(desk.error, None);
}

#[test]
fn a_client_that_gives_a_response_up_says_cancel() {
    let mut desk = Desk::client(Config::default());
    let stream = desk.get();
    desk.feed(Frame::response(stream.get(), 200).to_bytes());
    desk.sent();
    desk.conn.done(stream, &mut desk.out).unwrap();
    assert_eq!(h2::resets(&desk.sent()), [(1, ErrorCode::CANCEL)]);
}

#[test]
fn trailers_of_a_response_that_refuses_connect() {
    let mut desk = Desk::client(Config::default());
    let line = RequestLine {
        method: b"CONNECT",
        authority: Some(b"a.example:443"),
        ..RequestLine::default()
    };
    let stream = desk.conn.send_request(line, NONE.iter(), false, &mut desk.out).unwrap();
    let events = desk.feed(bytes([
        Frame::response(stream.get(), 403),
        Frame::data(stream.get(), "no"),
        Frame::headers(stream.get(), [("x", "y")]).end_stream(),
    ]));
    assert!(matches!(events.last(), Some(OwnedEvent::Trailers { .. })), "{events:?}");
}

#[test]
fn a_server_sends_them() {
    let mut desk = Desk::server(Config::default());
    desk.feed(
        Frame::headers(1, [(":method", "CONNECT"), (":authority", "a.example:443")]).to_bytes(),
    );
    desk.conn.send_response(id(1), 403, NONE, false, &mut desk.out).unwrap();
    assert_eq!(desk.conn.send_trailers(id(1), [("x", "y")], &mut desk.out), Ok(()));
}

#[test]
fn rfc9110_9_3_6_connect_needs_a_port() {
    for authority in ["a.example", "a.example:", "a.example:0"] {
        let mut desk = Desk::server(Config::default());
        let events = desk.feed(
            Frame::headers(1, [(":method", "CONNECT"), (":authority", authority)]).to_bytes(),
        );
        assert!(
            !matches!(events.first(), Some(OwnedEvent::Request { .. })),
            "{authority}: {events:?}"
        );
    }
}

#[test]
fn began_is_when_the_first_octet_came() {
    let mut desk = Desk::server(Config::default());
    let head = Frame::get(1, "/").to_bytes();
    desk.feed(&head[..5]);
    desk.now += 5 * SECOND;
    let events = desk.feed(&head[5..]);
    let Some(OwnedEvent::Request { began, .. }) = events.first() else { panic!("{events:?}") };
    assert_eq!(*began, Duration::ZERO);
}

#[test]
fn settings_that_are_announced_are_kept() {
    let mut desk = Desk::server(Config::default());
    let result = desk.conn.update_settings(|it| it.header_table_bytes = 1 << 31, &mut desk.out);
    if result.is_ok() {
        desk.feed(h2::settings_ack());
        // A table size update to 2^30 + 1, below what was announced.
        let mut block = vec![0x3f];
        let mut rest = (1_u32 << 30) + 1 - 31;
        while rest >= 128 {
            block.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        block.push(rest as u8);
        block.extend([0x82, 0x86, 0x84]);
        desk.feed(Frame::headers_of_block(1, block).end_stream().to_bytes());
        assert_eq!(desk.error, None);
    }
}

#[test]
fn a_promise_after_our_goaway_is_not_taken_up() {
    let mut config = Config::default();
    config.push = true;
    let mut desk = Desk::client(config);
    let stream = desk.get();
    desk.conn.shutdown(&mut desk.out);
    let fields =
        [(":method", "GET"), (":scheme", "http"), (":path", "/x"), (":authority", "a.example")];
    let events = desk.feed(Frame::push_promise(stream.get(), 2, fields).to_bytes());
    assert!(!matches!(events.first(), Some(OwnedEvent::PushPromise { .. })), "{events:?}");
}

#[test]
fn no_promise_is_surfaced_on_a_stream_that_we_reset() {
    let mut config = Config::default();
    config.push = true;
    let mut desk = Desk::client(config);
    let stream = desk.get();
    desk.conn.reset(stream, ErrorCode::CANCEL, &mut desk.out).unwrap();
    let fields =
        [(":method", "GET"), (":scheme", "http"), (":path", "/x"), (":authority", "a.example")];
    let events = desk.feed(Frame::push_promise(stream.get(), 2, fields).to_bytes());
    assert!(!matches!(events.first(), Some(OwnedEvent::PushPromise { .. })), "{events:?}");
}

#[test]
fn no_reset_of_a_stream_that_the_application_is_done_with() {
    let mut desk = Desk::client(Config::default());
    let (a, b) = (desk.get(), desk.get());
    let mut done = false;
    let events =
        desk.feed_with(Frame::goaway(0, ErrorCode::NO_ERROR, "").to_bytes(), |event, conn, out| {
            if matches!(event, Event::GoAway { .. }) {
                conn.done(a, out).unwrap();
                done = true;
            }
        });
    assert!(done);
    let resets =
        events.iter().filter(|it| matches!(it, OwnedEvent::Reset { stream, .. } if *stream == a));
    assert_eq!(resets.count(), 0, "{events:?}");
    let _ = b;
}

#[test]
fn a_connection_window_in_small_steps_is_no_fault_of_a_stream_that_waits_for_its_turn() {
    let mut desk = Desk::server(Config::default());
    desk.feed(bytes([Frame::window_update(1, 1 << 20).clone()][..0].iter().cloned()));
    desk.feed(bytes([Frame::get(1, "/"), Frame::get(3, "/")]));
    for s in [1, 3] {
        desk.conn.send_response(id(s), 200, NONE, false, &mut desk.out).unwrap();
        desk.conn.want_send(id(s)).unwrap();
    }
    let mut resets = Vec::new();
    for _ in 0..40 {
        while let Some((stream, _)) = desk.conn.next_writable() {
            desk.conn.send_data(stream, &[0; 200_000], true, &mut desk.out).unwrap();
        }
        desk.tick(SECOND);
        // The client reads 500 octets a second.
        desk.feed(bytes([Frame::window_update(0, 500), Frame::window_update(1, 500)]));
        resets.extend(h2::resets(&desk.sent()));
    }
    assert_eq!(resets, []);
}

#[test]
fn a_client_ends_nothing_because_the_server_shuts_down_gracefully() {
    let mut desk = Desk::client(Config::default());
    let stream = desk.get();
    desk.feed(Frame::response(stream.get(), 200).to_bytes());
    desk.feed(Frame::goaway(0x7fff_ffff, ErrorCode::NO_ERROR, "").to_bytes());
    let mut got = 0;
    for _ in 0..60 {
        desk.tick(SECOND);
        got += desk.feed(Frame::data(stream.get(), [0; 1000]).to_bytes()).len();
        desk.take();
        assert_eq!(desk.error, None, "while the response flows, after {got} s");
    }
}

#[test]
fn informational_max_of_255_is_a_limit() {
    let mut config = Config::default();
    config.informational_max = 255;
    let mut desk = Desk::client(config);
    let stream = desk.get();
    desk.feed(bytes((0..1000).map(|_| Frame::response(stream.get(), 103))));
    assert_ne!(h2::resets(&desk.sent()), []);
}

#[test]
fn toggling_a_priority_gives_no_more_turns() {
    let mut desk = Desk::server(Config::default());
    desk.feed(bytes([Frame::window_update(0, 1 << 30)]));
    for s in [1, 3] {
        desk.feed(Frame::get(s, "/").field(("priority", "i")).to_bytes());
        desk.conn.send_response(id(s), 200, NONE, false, &mut desk.out).unwrap();
        desk.feed(Frame::window_update(s, 1 << 30).to_bytes());
        desk.conn.want_send(id(s)).unwrap();
    }
    for _ in 0..8 {
        desk.feed(bytes([
            Frame::priority_update(1, "u=4, i"),
            Frame::priority_update(1, "u=3, i"),
        ]));
    }
    let mut turns = [0, 0];
    for _ in 0..100 {
        let (stream, _) = desk.conn.next_writable().unwrap();
        turns[(stream.get() / 2) as usize] += 1;
        desk.conn.send_data(stream, &[0; 1000], false, &mut desk.out).unwrap();
        desk.conn.want_send(stream).unwrap();
        desk.take();
    }
    assert!(turns[0] < 60, "{turns:?}");
}

/// A client that shuts down before the server's SETTINGS have come loses a request that waits; once the
/// application is done with that, too, the connection is over, however much of the input is at hand.
#[test]
fn a_connection_is_over_at_the_same_octet_however_the_input_is_cut() {
    let input = [h2::settings(&[]), h2::ping(), h2::settings_ack()].concat();
    let run = |octets: usize| {
        let (mut out, mut fields) = (Vec::new(), FieldBuf::new());
        let mut config = Config::default();
        config.streams_max = 0;
        let mut conn = ClientConnection::new(config, Duration::ZERO, &mut out);
        let line = RequestLine::new("GET", "http", "a", "/");
        let stream = conn.send_request(line, NONE, true, &mut out).unwrap();
        conn.shutdown(&mut out);
        conn.done(stream, &mut out).unwrap();
        for mut piece in input.chunks(octets) {
            while conn.next_event(&mut piece, &mut fields, &mut out).unwrap().is_some() {}
        }
        (conn.phase(), out)
    };
    let whole = run(input.len());
    for octets in 1..input.len() {
        assert_eq!(run(octets), whole, "{octets} at a time");
    }
}

/// The same of a server that has told its last GOAWAY, when its application has released the last content.
#[test]
fn a_connection_is_over_with_the_release_of_its_last_content() {
    let post = Frame::request(1, "POST", "/");
    let content = Frame::data(1, b"some").end_stream();
    let begin = client_bytes([Frame::settings([]), Frame::settings_ack(), post, content]);
    let (mut out, mut fields) = (Vec::new(), FieldBuf::new());
    let mut config = Config::default();
    config.manual_release = true;
    let mut conn = ServerConnection::new(config, Duration::ZERO, &mut out);
    let mut rest = begin.as_slice();
    while conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some() {}
    conn.send_response(id(1), 200, NONE, true, &mut out).unwrap();
    conn.shutdown(&mut out);
    conn.shutdown(&mut out);
    assert_eq!(conn.phase(), Phase::Goaway);
    conn.release(id(1), 4, &mut out).unwrap();
    assert_eq!(conn.phase(), Phase::Closed);
    conn.wrote(out.len());
    out.clear();
    assert!(matches!(conn.next_step(), NextStep::Linger { .. }));
    // What comes now is not answered, in one piece or octet by octet.
    let mut late = &*bytes([Frame::settings([]), Frame::ping([1; 8])]);
    assert_eq!(conn.next_event(&mut late, &mut fields, &mut out).unwrap(), None);
    assert!(out.is_empty());
}
