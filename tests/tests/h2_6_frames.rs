//! RFC 9113 §6: each type of frame.

use h2_proto::{
    ClientConnection, Config, ErrorCode, ErrorKind, OwnedEvent, RequestLine, SendError,
    ServerConnection, StreamId,
};
use tests::frames::{Frame, flag, kind};
use tests::h2::{self, Desk, more};

const NONE: [(&str, &str); 0] = [];
const ONE: StreamId = StreamId::new(1);

fn promise(stream: u32, promised: u32, flags: u8) -> Vec<u8> {
    let block = h2::get_block(&[]);
    let authority = h2::block(&[(":authority", "a.example")]);
    let payload = [&promised.to_be_bytes()[..], block.octets(), authority.octets()].concat();
    h2::frame(more::PUSH_PROMISE, flags, stream, payload)
}

fn push(stream: u32, promised: u32) -> Vec<u8> {
    promise(stream, promised, flag::END_HEADERS)
}

/// A client that takes promises, and has sent a GET on stream 1.
fn pushed_to() -> Desk<ClientConnection> {
    let mut config = Config::default();
    config.push = true;
    let mut desk = Desk::client(config);
    desk.get();
    desk.take();
    desk
}

fn end() -> Vec<u8> {
    h2::headers(1, flag::END_STREAM, [0x88])
}

/// Both roles, with an open stream 1.
#[track_caller]
fn both(frame: impl AsRef<[u8]>, assert: impl Fn(&h2::Log)) {
    let frame = frame.as_ref();
    assert(&h2::server([&h2::post(1), frame].concat()));
    assert(&h2::client([&h2::headers(1, 0, [0x88]), frame].concat()));
}

#[test]
fn rfc9113_6_1_data() {
    both(h2::data(0, 0, "x"), |log| _ = log.assert_broke(ErrorKind::StreamZero));
    both(h2::data(1, flag::PADDED, [4, 1, 2, 3]), |log| _ = log.assert_broke(ErrorKind::Padding));
    // Padding is not content; what is in it does not matter.
    for payload in [&b"\x02abc\0\0"[..], b"\x02abc\x01\xff", b"\x00abc"] {
        both(h2::data(1, flag::PADDED | flag::END_STREAM, payload), |log| {
            let last = log.assert_fine().events.last();
            assert!(
                matches!(last, Some(OwnedEvent::Data { data, end_stream: true, .. }) if data == b"abc")
            );
        });
    }
}

#[test]
fn rfc9113_6_2_headers() {
    both(h2::headers(0, 0, [0x88]), |log| _ = log.assert_broke(ErrorKind::StreamZero));
    let padded = flag::PADDED | flag::END_STREAM;
    for payload in [&[5, 0x82, 0x86, 0x84][..], &[255, 0x82], &[1]] {
        h2::server(h2::headers(1, padded, payload)).assert_broke(ErrorKind::Padding);
        h2::client(h2::headers(1, padded, payload)).assert_broke(ErrorKind::Padding);
    }
    let log = h2::server(h2::headers(1, padded, [2, 0x82, 0x86, 0x84, 9, 9]));
    assert_eq!(log.assert_fine().requests(), 1);
    let block = [&[1, 0x80, 0, 0, 7, 255][..], &[0x82, 0x86, 0x84], &[0]].concat();
    let log = h2::server(h2::headers(1, padded | flag::PRIORITY, block));
    assert_eq!(log.assert_fine().requests(), 1);
}

#[test]
fn rfc9113_6_2_and_6_10_a_block_goes_on_in_continuation_frames() {
    let begin = h2::frame(kind::HEADERS, flag::END_STREAM, 1, [0x82]);
    let go_on = |stream, flags, block: &[u8]| h2::frame(kind::CONTINUATION, flags, stream, block);
    let done = flag::END_HEADERS;
    let whole = [begin.clone(), go_on(1, 0, &[0x86]), go_on(1, 0, &[]), go_on(1, done, &[0x84])];
    assert_eq!(h2::server(whole.concat()).assert_fine().requests(), 1);
    for other in [
        go_on(3, done, &[]),
        go_on(0, done, &[]),
        h2::get(1),
        h2::get(3),
        h2::data(1, 0, ""),
        h2::priority(1, 3),
        h2::cancel(1),
        h2::settings(&[]),
        h2::ping(),
        h2::goaway(0, ErrorCode::NO_ERROR, ""),
        h2::window_update(0, 1),
    ] {
        for before in [begin.clone(), [begin.clone(), go_on(1, 0, &[0x86])].concat()] {
            for log in [
                h2::server([&before[..], &other].concat()),
                h2::client([&before[..], &other].concat()),
            ] {
                log.assert_broke(ErrorKind::BlockInterrupted);
                assert_eq!(log.error.unwrap().code(), ErrorCode::PROTOCOL_ERROR);
            }
        }
    }
    // Without a block to continue; on no stream it is no better.
    both(go_on(1, done, &[0x88]), |log| _ = log.assert_broke(ErrorKind::BlockInterrupted));
    both(go_on(0, done, &[0x88]), |log| {
        assert_eq!(h2::farewell(&log.frames), Some(ErrorCode::PROTOCOL_ERROR));
    });
}

#[test]
fn rfc9113_6_3_priority() {
    both(h2::priority(0, 1), |log| _ = log.assert_broke(ErrorKind::StreamZero));
    for length in [0, 4, 6] {
        both(h2::frame(more::PRIORITY, 0, 1, vec![0; length]), |log| {
            log.assert_reset(1, ErrorKind::FrameLength);
            assert_eq!(h2::resets(&log.frames), [(1, ErrorCode::FRAME_SIZE_ERROR)]);
        });
    }
}

#[test]
fn rfc9113_6_4_rst_stream() {
    both(h2::cancel(0), |log| _ = log.assert_broke(ErrorKind::StreamZero));
    both(h2::cancel(7), |log| _ = log.assert_broke(ErrorKind::StreamIdle));
    for length in [0, 3, 5] {
        both(h2::frame(kind::RST_STREAM, 0, 1, vec![0; length]), |log| {
            log.assert_broke(ErrorKind::FrameLength);
        });
    }
    both(h2::cancel(1), |log| {
        let last = log.assert_fine().events.last();
        assert!(matches!(last, Some(OwnedEvent::Reset { code: ErrorCode::CANCEL, .. })));
    });
    // A request that waits was never sent: it is not reset, either.
    let mut desk = Desk::client(Config::default());
    desk.feed(h2::settings(&[(3, 0)]));
    let stream = desk.get();
    desk.sent();
    desk.conn.reset(stream, ErrorCode::CANCEL, &mut desk.out).unwrap();
    assert_eq!((desk.sent(), desk.conn.pending()), (vec![], 0));
}

#[test]
fn rfc9113_6_5_settings() {
    both(h2::frame(kind::SETTINGS, 0, 1, ""), |log| _ = log.assert_broke(ErrorKind::NotStreamZero));
    both(h2::frame(kind::SETTINGS, flag::ACK, 0, [0; 6]), |log| {
        log.assert_broke(ErrorKind::FrameLength);
    });
    both(h2::frame(kind::SETTINGS, 0, 0, [0; 7]), |log| {
        _ = log.assert_broke(ErrorKind::FrameLength)
    });
    for (entry, kind) in [
        ((2, 2), ErrorKind::SettingPush),
        ((4, 1 << 31), ErrorKind::SettingWindow),
        ((5, 16_383), ErrorKind::SettingValue),
        ((5, 1 << 24), ErrorKind::SettingValue),
    ] {
        both(h2::settings(&[entry]), |log| _ = log.assert_broke(kind));
    }
    assert_eq!(ErrorKind::SettingWindow.code(), ErrorCode::FLOW_CONTROL_ERROR);
    h2::client(h2::settings(&[(2, 1)])).assert_broke(ErrorKind::SettingPush);
    h2::server(h2::settings(&[(2, 1)])).assert_fine();
    h2::client(h2::settings(&[(2, 0)])).assert_fine();
}

#[test]
fn rfc9113_6_5_2_what_we_announce() {
    let announced = |frames: Vec<Frame>| -> Vec<(u16, u32)> { frames[0].entries().collect() };
    let server = announced(Desk::silent_server(Config::default()).sent());
    assert!(server.iter().all(|entry| entry.0 != 2), "a server does not speak of pushes");
    let mut out = Vec::new();
    let _ = ClientConnection::new(Config::default(), core::time::Duration::ZERO, &mut out);
    let client = announced(h2::parse(&out[tests::frames::PREFACE.len()..]));
    assert!(client.contains(&(2, 0)), "{client:?}");
    // What cannot be announced.
    let mut desk = Desk::server(Config::default());
    for change in [
        |it: &mut h2_proto::Settings| it.frame_bytes_max = 16_383,
        |it: &mut h2_proto::Settings| it.frame_bytes_max = 1 << 24,
        |it: &mut h2_proto::Settings| it.window_bytes = 1 << 31,
    ] {
        let result = desk.conn.update_settings(change, &mut desk.out);
        assert_eq!((result, desk.sent()), (Err(SendError::InvalidSetting), vec![]));
    }
    desk.conn.update_settings(|it| it.push = true, &mut desk.out).unwrap();
    assert!(desk.sent().iter().all(|frame| frame.entries().next().is_none()));
}

#[test]
fn rfc9113_6_5_3_settings_are_applied_in_order_and_acknowledged() {
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::get(1));
    desk.conn.send_response(ONE, 200, NONE.iter(), false, &mut desk.out).unwrap();
    desk.sent();
    desk.feed(h2::settings(&[(4, 5), (0xbeef, 1), (4, 7)]));
    assert_eq!(desk.sent(), [Frame::new(kind::SETTINGS, flag::ACK, 0, "")]);
    assert_eq!(desk.conn.send_data(ONE, &[0; 100], false, &mut desk.out), Ok(7));
    // Each by itself.
    desk.sent();
    desk.feed(h2::settings(&[]).repeat(3));
    assert_eq!(desk.sent().len(), 3);
}

#[test]
fn rfc9113_6_6_push_promise() {
    for frame in [push(1, 2), push(3, 2)] {
        h2::server([&h2::post(1)[..], &frame].concat()).assert_broke(ErrorKind::PushForbidden);
        h2::client(frame).assert_broke(ErrorKind::PushForbidden);
    }
    let run = |input: Vec<u8>| h2::every_cut(&pushed_to(), input, |_, _, _| {});
    let log = run(push(1, 2));
    assert!(matches!(log.assert_fine().events[..], [OwnedEvent::PushPromise { .. }]));
    run(push(0, 2)).assert_broke(ErrorKind::StreamZero);
    // A stream that cannot be promised; a stream that it cannot be promised on.
    for input in [push(1, 0), push(1, 3), push(1, 1), [push(1, 4), push(1, 2)].concat()] {
        run(input).assert_broke(ErrorKind::StreamId);
    }
    for input in [push(3, 2), push(2, 4)] {
        assert_eq!(h2::farewell(&run(input).frames), Some(ErrorCode::PROTOCOL_ERROR));
    }
    run(h2::frame(more::PUSH_PROMISE, flag::END_HEADERS | flag::PADDED, 1, [5, 0, 0, 0, 2, 0x82]))
        .assert_broke(ErrorKind::Padding);
    let begin = promise(1, 2, 0);
    let go_on = h2::frame(kind::CONTINUATION, flag::END_HEADERS, 1, "");
    run([&begin[..], &go_on].concat()).assert_fine();
    for other in [h2::ping(), h2::frame(kind::CONTINUATION, flag::END_HEADERS, 2, "")] {
        run([&begin[..], &other].concat()).assert_broke(ErrorKind::BlockInterrupted);
    }
}

#[test]
fn rfc9113_6_6_a_promise_behind_our_reset() {
    let mut desk = pushed_to();
    desk.conn.reset(ONE, ErrorCode::CANCEL, &mut desk.out).unwrap();
    desk.sent();
    // It reserves its stream, whatever became of this one.
    let log = h2::every_cut(&desk, [push(1, 2), h2::headers(2, 0, [0x88])].concat(), |_, _, _| {});
    assert_eq!((&log.error, log.events.is_empty()), (&None, false), "{log:?}");
}

#[test]
fn rfc9113_6_6_a_promise_on_a_closed_stream_is_a_protocol_error() {
    for before in [end(), h2::cancel(1)] {
        let log = h2::every_cut(&pushed_to(), [before, push(1, 2)].concat(), |_, _, _| {});
        assert_eq!(log.error.unwrap().code(), ErrorCode::PROTOCOL_ERROR);
    }
}

#[test]
fn rfc9113_6_7_ping() {
    both(h2::ping(), |log| {
        let answer = Frame::new(kind::PING, flag::ACK, 0, "12345678");
        assert_eq!((&log.error, &log.frames), (&None, &vec![answer]));
    });
    // An answer to nothing is not answered.
    both(h2::frame(kind::PING, flag::ACK, 0, "12345678"), |log| assert_eq!(log.frames, []));
    both(h2::frame(kind::PING, 0, 1, "12345678"), |log| {
        log.assert_broke(ErrorKind::NotStreamZero);
    });
    for length in [0, 7, 9] {
        both(h2::frame(kind::PING, 0, 0, vec![0; length]), |log| {
            log.assert_broke(ErrorKind::FrameLength);
        });
    }
    let mut desk = Desk::server(Config::default());
    desk.conn.ping(*b"abcdefgh", &mut desk.out).unwrap();
    assert_eq!(desk.sent(), [Frame::new(kind::PING, 0, 0, "abcdefgh")]);
    let events = desk.feed(h2::frame(kind::PING, flag::ACK, 0, "abcdefgh"));
    assert!(matches!(events[..], [OwnedEvent::Pong { .. }]));
}

#[test]
fn rfc9113_6_8_goaway() {
    both(h2::frame(kind::GOAWAY, 0, 1, [0; 8]), |log| {
        log.assert_broke(ErrorKind::NotStreamZero);
    });
    for last in [1, 0x7fff_ffff] {
        let mut desk = Desk::client(Config::default());
        desk.get();
        desk.sent();
        desk.feed(h2::goaway(last, ErrorCode::NO_ERROR, "bye"));
        let line = RequestLine::new("GET", "http", "a.example", "/");
        let result = desk.conn.send_request(line, NONE.iter(), true, &mut desk.out);
        assert_eq!(result, Err(SendError::ShuttingDown));
        assert!(desk.sent().iter().all(|frame| frame.kind != kind::HEADERS));
        // What was sent before is answered.
        assert!(matches!(desk.feed(end())[..], [OwnedEvent::Response { .. }]));
    }
}

#[test]
fn rfc9113_6_8_no_stream_is_opened_behind_a_goaway() {
    let mut desk = Desk::client(Config::default());
    desk.feed(h2::settings(&[(3, 1)]));
    let first = desk.get();
    desk.get();
    desk.sent();
    desk.feed(h2::goaway(0x7fff_ffff, ErrorCode::NO_ERROR, ""));
    desk.conn.done(first, &mut desk.out).unwrap();
    assert!(desk.sent().iter().all(|frame| frame.kind != kind::HEADERS));
}

#[test]
fn rfc9113_6_8_a_request_that_waits_is_given_back() {
    let mut desk = Desk::client(Config::default());
    desk.feed(h2::settings(&[(3, 1)]));
    desk.get();
    desk.get();
    // It names a stream that was not opened: what is known is that no more is.
    let events = desk.feed(h2::goaway(5, ErrorCode::NO_ERROR, ""));
    let reset =
        |event: &OwnedEvent| matches!(event, OwnedEvent::Reset { stream, .. } if stream.get() == 3);
    assert!(events.iter().any(reset), "{events:?}");
}

/// A server that has said that 1 is the last stream.
fn leaving() -> Desk<ServerConnection> {
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::post(1));
    desk.conn.shutdown(&mut desk.out);
    desk.conn.shutdown(&mut desk.out);
    desk
}

fn last_streams(frames: &[Frame]) -> Vec<u32> {
    let all = frames.iter().filter(|frame| frame.kind == kind::GOAWAY);
    all.map(|frame| u32::from_be_bytes(*frame.payload.first_chunk().unwrap())).collect()
}

#[test]
fn rfc9113_6_8_a_shutdown_announces_and_then_names_the_last_stream() {
    let mut desk = leaving();
    assert_eq!(last_streams(&desk.sent()), [0x7fff_ffff, 1]);
    // What comes behind is decoded and counted, and no more: see the attacks.
    let events = desk.feed([h2::get(3), h2::data(1, flag::END_STREAM, "x")].concat());
    assert!(matches!(events[..], [OwnedEvent::Data { .. }]), "{events:?}");
}

#[test]
fn rfc9113_6_8_the_last_stream_is_never_raised() {
    for ends in [h2::goaway(0, ErrorCode::NO_ERROR, ""), h2::data(0, 0, "x")] {
        let mut desk = leaving();
        desk.feed([h2::get(3), ends].concat());
        assert!(last_streams(&desk.sent()).is_sorted_by(|a, b| a >= b));
    }
    let mut desk = leaving();
    desk.feed(h2::get(3));
    desk.conn.shutdown(&mut desk.out);
    assert!(last_streams(&desk.sent()).is_sorted_by(|a, b| a >= b));
}

#[test]
fn rfc9113_6_9_window_update() {
    both(h2::window_update(0, 0), |log| _ = log.assert_broke(ErrorKind::IncrementZero));
    both(h2::window_update(1, 0), |log| _ = log.assert_reset(1, ErrorKind::IncrementZero));
    both(h2::window_update(0, 0x7fff_ffff), |log| _ = log.assert_broke(ErrorKind::WindowTooLarge));
    h2::server([h2::post(1), h2::window_update(1, 0x7fff_ffff)].concat())
        .assert_reset(1, ErrorKind::WindowTooLarge);
    // On what is half-closed or closed it is no error.
    h2::server([h2::get(1), h2::window_update(1, 9)].concat()).assert_fine();
    h2::client([end(), h2::window_update(1, 9)].concat()).assert_fine();
}

#[test]
fn rfc9113_6_9_1_an_empty_frame_ends_a_stream_without_a_window() {
    let mut desk = Desk::server(Config::default());
    desk.feed([h2::settings(&[(4, 0)]), h2::get(1)].concat());
    desk.conn.send_response(ONE, 200, NONE.iter(), false, &mut desk.out).unwrap();
    desk.sent();
    assert_eq!(desk.conn.send_data(ONE, b"x", true, &mut desk.out), Ok(0));
    assert_eq!(desk.conn.send_data(ONE, b"", true, &mut desk.out), Ok(0));
    assert_eq!(desk.sent(), [Frame::new(kind::DATA, flag::END_STREAM, 1, "")]);
}

#[test]
fn rfc9113_6_9_2_and_6_9_3_windows_of_ours_that_shrink() {
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::post(1));
    desk.conn.update_settings(|it| it.window_bytes = 10, &mut desk.out).unwrap();
    desk.sent();
    // Until it is acknowledged the old one holds; then all streams have the new one.
    let before = h2::data(1, 0, [0; 16_384]);
    desk.feed([&before[..], &h2::settings_ack()].concat());
    assert_eq!((h2::resets(&desk.sent()), &desk.error), (vec![], &None));
    desk.feed([h2::post(3), h2::data(3, 0, [0; 11])].concat());
    assert_eq!(h2::resets(&desk.sent()), [(3, ErrorCode::FLOW_CONTROL_ERROR)]);
}
