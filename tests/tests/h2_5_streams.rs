//! RFC 9113 §5: streams, their states and identifiers, windows, errors, extensions.

use h2_proto::{
    ClientConnection, Config, ErrorCode, ErrorKind, Event, NextStep, OwnedEvent, RequestLine,
    ResetBy, SendError, StreamId, Verdict,
};
use tests::frames::{Frame, flag, kind};
use tests::h2::{self, Desk, more};

const NONE: [(&str, &str); 0] = [];
const ONE: StreamId = StreamId::new(1);

fn ok() -> Vec<u8> {
    h2::headers(1, flag::END_STREAM, [0x88])
}

fn trailers(stream: u32) -> Vec<u8> {
    h2::headers(stream, flag::END_STREAM, h2::block(&[("a", "b")]))
}

fn push(stream: u32, promised: u32) -> Vec<u8> {
    let block = h2::get_block(&[]);
    let authority = h2::block(&[(":authority", "a.example")]);
    let payload = [&promised.to_be_bytes()[..], block.octets(), authority.octets()].concat();
    h2::frame(more::PUSH_PROMISE, flag::END_HEADERS, stream, payload)
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

#[test]
fn rfc9113_5_1_idle() {
    for frame in [h2::data(5, 0, ""), h2::cancel(5), h2::window_update(5, 1)] {
        for log in [h2::server(&frame), h2::client(&frame)] {
            log.assert_broke(ErrorKind::StreamIdle);
            assert_eq!(log.error.unwrap().code(), ErrorCode::PROTOCOL_ERROR);
        }
    }
    // PRIORITY may come, HEADERS open it.
    h2::client(h2::priority(5, 1)).assert_fine();
    assert_eq!(h2::server([h2::priority(5, 1), h2::get(5)].concat()).assert_fine().requests(), 1);
}

#[test]
fn rfc9113_5_1_idle_streams_that_the_peer_cannot_open() {
    // Of the server: not by HEADERS, and not the client's.
    for id in [2, 3, 4] {
        h2::client(h2::headers(id, 0, [0x88])).assert_broke(ErrorKind::StreamId);
    }
    h2::server(h2::get(2)).assert_broke(ErrorKind::StreamId);
}

#[test]
fn rfc9113_5_1_reserved_by_the_peer() {
    let desk = pushed_to();
    let run = |frame: Vec<u8>| h2::every_cut(&desk, [push(1, 2), frame].concat(), |_, _, _| {});
    for frame in [h2::data(2, 0, "x"), h2::window_update(2, 1), push(2, 4)] {
        let log = run(frame);
        assert_eq!(h2::farewell(&log.frames), Some(ErrorCode::PROTOCOL_ERROR), "{log:?}");
    }
    for frame in [h2::priority(2, 1), h2::cancel(2), h2::headers(2, 0, [0x88])] {
        run(frame).assert_fine();
    }
    // We send nothing on it but RST_STREAM and PRIORITY.
    let mut desk = desk.clone();
    desk.feed(push(1, 2));
    let promised = StreamId::new(2);
    assert!(desk.conn.send_data(promised, b"x", true, &mut desk.out).is_err());
    assert!(desk.conn.send_trailers(promised, NONE.iter(), &mut desk.out).is_err());
    assert_eq!(desk.sent(), []);
    desk.conn.reset(promised, ErrorCode::CANCEL, &mut desk.out).unwrap();
    assert_eq!(h2::resets(&desk.sent()), [(2, ErrorCode::CANCEL)]);
    // What was under way on it means nothing.
    assert_eq!(desk.feed([h2::headers(2, 0, [0x88]), h2::data(2, 0, "x")].concat()), []);
    assert_eq!((desk.sent(), desk.error), (vec![], None));
}

#[test]
fn rfc9113_5_1_half_closed_by_us() {
    // We send nothing more, and take everything.
    let mut desk = Desk::client(Config::default());
    desk.get();
    desk.sent();
    let wrong = Err(SendError::WrongState);
    assert_eq!(desk.conn.send_data(ONE, b"", true, &mut desk.out).map(|_| ()), wrong);
    assert_eq!(desk.conn.send_trailers(ONE, NONE.iter(), &mut desk.out), wrong);
    assert_eq!(desk.sent(), []);
    let input = [
        h2::headers(1, 0, [0x88]),
        h2::window_update(1, 1),
        h2::priority(1, 3),
        h2::data(1, 0, "x"),
        trailers(1),
    ];
    assert_eq!(h2::client(input.concat()).assert_fine().events.len(), 3);
}

#[test]
fn rfc9113_5_1_half_closed_by_the_peer() {
    for frame in [h2::data(1, 0, "x"), h2::data(1, flag::END_STREAM, ""), trailers(1)] {
        h2::server([&h2::get(1)[..], &frame].concat()).assert_reset(1, ErrorKind::StreamClosed);
        // The client is not done with its request.
        let mut desk = Desk::client(Config::default());
        let line = RequestLine::new("POST", "http", "a.example", "/");
        desk.conn.send_request(line, NONE.iter(), false, &mut desk.out).unwrap();
        desk.take();
        let log = h2::every_cut(&desk, [&ok()[..], &frame].concat(), |_, _, _| {});
        log.assert_reset(1, ErrorKind::StreamClosed);
        assert_eq!(h2::resets(&log.frames), [(1, ErrorCode::STREAM_CLOSED)]);
    }
    for frame in [h2::window_update(1, 1), h2::priority(1, 3), h2::cancel(1)] {
        h2::server([&h2::get(1)[..], &frame].concat()).assert_fine();
    }
}

#[test]
fn rfc9113_5_1_closed_by_both() {
    let answer =
        |event: &Event<'_, '_>, conn: &mut h2_proto::ServerConnection, out: &mut Vec<u8>| {
            if let Event::Request { stream, .. } = event {
                conn.send_response(*stream, 204, NONE.iter(), true, out).unwrap();
            }
        };
    let server = Desk::server(Config::default());
    let run = |frame: &[u8]| h2::every_cut(&server, [&h2::get(1)[..], frame].concat(), answer);
    for frame in [h2::window_update(1, 1), h2::cancel(1), h2::priority(1, 3)] {
        assert_eq!(run(&frame).assert_fine().events.len(), 1);
        assert_eq!(h2::client([&ok()[..], &frame].concat()).assert_fine().events.len(), 1);
    }
    for frame in [h2::data(1, 0, "x"), trailers(1)] {
        for log in [run(&frame), h2::client([&ok()[..], &frame].concat())] {
            log.assert_broke(ErrorKind::StreamClosed);
            assert_eq!(log.error.unwrap().code(), ErrorCode::STREAM_CLOSED);
        }
    }
}

#[test]
fn rfc9113_5_1_nothing_is_sent_on_a_closed_stream() {
    let mut desk = Desk::server(Config::default());
    desk.feed([h2::post(1), h2::cancel(1)].concat());
    for _ in 0..2 {
        assert!(desk.conn.send_response(ONE, 200, NONE.iter(), false, &mut desk.out).is_err());
        assert!(desk.conn.send_data(ONE, b"x", true, &mut desk.out).is_err());
        assert!(desk.conn.send_trailers(ONE, NONE.iter(), &mut desk.out).is_err());
        let _ = desk.conn.reset(ONE, ErrorCode::CANCEL, &mut desk.out);
        let _ = desk.conn.done(ONE, &mut desk.out);
    }
    assert_eq!(desk.sent(), []);
}

#[test]
fn rfc9113_5_1_what_comes_behind_our_reset_is_processed_and_discarded() {
    for times in [1, 5] {
        let mut desk = Desk::server(Config::default());
        desk.feed(h2::post(1));
        desk.conn.reset(ONE, ErrorCode::CANCEL, &mut desk.out).unwrap();
        desk.sent();
        let late = [h2::window_update(1, 1), h2::priority(1, 3), h2::data(1, 0, "abc")];
        let rest = [trailers(1), h2::cancel(1)];
        let log = h2::every_cut(
            &desk,
            [late.concat().repeat(times), rest.concat()].concat(),
            |_, _, _| {},
        );
        assert_eq!((&log.assert_fine().events, &log.frames), (&vec![], &vec![]));
    }
}

#[test]
fn rfc9113_5_1_1_identifiers() {
    let mut desk = Desk::client(Config::default());
    let ids: Vec<u32> = (0..5).map(|_| desk.get().get()).collect();
    assert_eq!(ids, [1, 3, 5, 7, 9]);
    for id in [2, 4] {
        h2::server(h2::get(id)).assert_broke(ErrorKind::StreamId);
    }
    // Not above the last; what was skipped is closed.
    let log = h2::server([h2::get(5), h2::get(3)].concat());
    log.assert_broke(ErrorKind::StreamId);
    assert_eq!(log.error.unwrap().code(), ErrorCode::PROTOCOL_ERROR);
    for promised in [3, 2] {
        let log =
            h2::every_cut(&pushed_to(), [push(1, 2), push(1, promised)].concat(), |_, _, _| {});
        log.assert_broke(ErrorKind::StreamId);
    }
}

/// A client that may have two streams, and has asked for four.
fn of_two_streams() -> Desk<ClientConnection> {
    let mut desk = Desk::client(Config::default());
    desk.feed(h2::settings(&[(3, 2)]));
    desk.sent();
    (0..4).for_each(|_| _ = desk.get());
    desk
}

/// The streams that are opened.
fn opened(desk: &mut Desk<ClientConnection>) -> Vec<u32> {
    let heads = desk.sent().into_iter().filter(|frame| frame.kind == kind::HEADERS);
    heads.map(|frame| frame.stream).collect()
}

#[test]
fn rfc9113_5_1_2_our_streams_keep_to_the_limit_of_the_peer() {
    let mut desk = of_two_streams();
    assert_eq!((opened(&mut desk), desk.conn.pending()), (vec![1, 3], 2));
    // One ends, one is opened; none while the limit is lower.
    desk.conn.done(ONE, &mut desk.out).unwrap();
    assert_eq!(opened(&mut desk), [5]);
    desk.feed(h2::settings(&[(3, 0)]));
    desk.conn.done(StreamId::new(3), &mut desk.out).unwrap();
    assert_eq!(opened(&mut desk), []);
    desk.feed(h2::settings(&[(3, 2)]));
    assert_eq!(opened(&mut desk), [7]);
}

#[test]
fn rfc9113_5_1_2_the_place_of_a_stream_that_ended_is_used() {
    let mut desk = of_two_streams();
    opened(&mut desk);
    desk.feed(ok());
    assert_eq!(opened(&mut desk), [5]);
    desk.feed([h2::headers(3, 0, [0x88]), h2::data(3, flag::END_STREAM, "x")].concat());
    assert_eq!((opened(&mut desk), desk.conn.pending()), (vec![7], 0));
}

#[test]
fn rfc9113_5_1_2_streams_beyond_our_limit_are_refused() {
    let mut config = Config::default();
    config.streams_max = 2;
    let desk = Desk::server(config);
    let log = h2::every_cut(&desk, [h2::post(1), h2::get(3), h2::get(5)].concat(), |_, _, _| {});
    assert_eq!(log.assert_reset(5, ErrorKind::StreamRefused).requests(), 2);
}

#[test]
fn rfc9113_5_2_1_content_keeps_to_both_windows() {
    let content = vec![b'x'; 200_000];
    let mut desk = Desk::client(Config::default());
    desk.feed(h2::settings(&[(more::INITIAL_WINDOW_SIZE, 40_000)]));
    desk.sent();
    let mut post = || {
        let line = RequestLine::new("POST", "http", "a.example", "/");
        let id = desk.conn.send_request(line, NONE.iter(), false, &mut desk.out).unwrap();
        desk.conn.send_data(id, &content, true, &mut desk.out).unwrap()
    };
    // By the stream's, then by what the connection's has left, then by nothing.
    assert_eq!([post(), post(), post()], [40_000, 25_535, 0]);
    assert!(desk.sent().iter().all(|frame| frame.flags & flag::END_STREAM == 0));
}

#[test]
fn rfc9113_5_4_1_a_connection_error_is_reported_and_ends_the_connection() {
    let mut desk = Desk::server(Config::default());
    desk.feed([h2::get(1), h2::get(3), h2::data(0, 0, "x"), h2::get(5)].concat());
    assert_eq!(desk.kind(), ErrorKind::StreamZero);
    assert_eq!(desk.conn.next_step(), NextStep::Write);
    let sent = desk.sent();
    let goaway = Frame::new(kind::GOAWAY, 0, 0, [0, 0, 0, 3, 0, 0, 0, 1]);
    assert_eq!(sent, [goaway], "with the last stream that came");
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. } | NextStep::Close));
    let response = desk.conn.send_response(ONE, 200, NONE.iter(), true, &mut desk.out);
    assert_eq!((response, desk.sent()), (Err(SendError::Closed), vec![]));
    desk.conn.eof();
    assert_eq!(desk.conn.next_step(), NextStep::Close);
    // A client has heard of no stream of the server.
    let log = h2::client(h2::data(0, 0, "x"));
    assert_eq!(log.frames.last().unwrap().payload[..4], [0; 4]);
}

#[test]
fn rfc9113_5_4_2_one_reset_for_a_stream_and_none_for_a_reset() {
    let late = [h2::data(1, 0, "x"), h2::data(1, 0, "y"), trailers(1), h2::cancel(1)].concat();
    h2::server([&h2::get(1)[..], &late].concat()).assert_reset(1, ErrorKind::StreamClosed);
    // RST_STREAM on what is closed, however, is answered by nothing.
    let resets = h2::cancel(1).repeat(3);
    let log = h2::server([&h2::post(1)[..], &resets].concat());
    assert_eq!((log.assert_fine().events.len(), log.frames.len()), (2, 0));
    let log = h2::client(resets);
    assert_eq!((log.assert_fine().events.len(), log.frames.len()), (1, 0));
}

#[test]
fn rfc9113_5_5_extensions_within_a_field_block() {
    let begin = |kind, stream, payload: &[u8]| h2::frame(kind, 0, stream, payload);
    let unknown = h2::frame(0xbe, 0, 0, "x");
    h2::server([begin(kind::HEADERS, 1, &[0x82]), unknown.clone()].concat())
        .assert_broke(ErrorKind::BlockInterrupted);
    h2::client([begin(kind::HEADERS, 1, &[0x88]), unknown.clone()].concat())
        .assert_broke(ErrorKind::BlockInterrupted);
    let promise = begin(more::PUSH_PROMISE, 1, &[0, 0, 0, 2, 0x82]);
    let log = h2::every_cut(&pushed_to(), [promise, unknown].concat(), |_, _, _| {});
    log.assert_broke(ErrorKind::BlockInterrupted);
}

#[test]
fn rfc9113_5_5_unknown_values_are_ignored() {
    h2::server(h2::settings(&[(0, 1), (0x0a0a, u32::MAX), (0xffff, 0)])).assert_fine();
    // Error codes: in RST_STREAM and in GOAWAY.
    let reset = h2::frame(kind::RST_STREAM, 0, 1, 0xdead_u32.to_be_bytes());
    let log = h2::client([reset, h2::goaway(1, ErrorCode(0xbeef), "")].concat());
    let expected = OwnedEvent::Reset {
        stream: ONE,
        code: ErrorCode(0xdead),
        by: ResetBy::Peer,
        verdict: Verdict::Unknown,
    };
    assert_eq!(log.assert_fine().events[0], expected);
    let said =
        |event: &OwnedEvent| matches!(event, OwnedEvent::GoAway { code, .. } if code.0 == 0xbeef);
    assert!(said(&log.events[1]));
}
