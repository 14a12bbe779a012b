//! Attacks by slowness. Time is an input: nothing here waits.

use core::time::Duration;

use h2_proto::{
    Config, Deadline, ErrorCode, ErrorKind, Event, NextStep, OwnedEvent, Phase, ResetBy,
    ServerConnection, StreamId,
};
use tests::frames::{Frame, PREFACE, flag, kind};
use tests::h2::{self, Desk, more};

const SECOND: Duration = Duration::from_secs(1);

fn server() -> Desk<ServerConnection> {
    Desk::server(Config::default())
}

/// Answers requests with a head; content is to follow.
fn answer(event: &Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>) {
    if let Event::Request { stream, .. } = event {
        conn.send_response(*stream, 200, [("x", "y")].iter(), false, out).unwrap();
        conn.want_send(*stream).unwrap();
    }
}

/// Sends from bodies of 1 MiB each, as far as windows allow; the transport takes it.
fn pump(desk: &mut Desk<ServerConnection>) -> Vec<Frame> {
    let content = vec![b'x'; 1 << 20];
    while let Some((stream, _)) = desk.conn.next_writable() {
        desk.conn.send_data(stream, &content, false, &mut desk.out).unwrap();
    }
    desk.sent()
}

/// The streams that were reset because nothing could be sent on them.
fn stalled(events: &[OwnedEvent]) -> Vec<u32> {
    let why = ErrorKind::Deadline(Deadline::Send);
    let stalled = events.iter().filter_map(|event| match event {
        OwnedEvent::Reset { stream, by: ResetBy::Us(kind), .. } if *kind == why => {
            Some(stream.get())
        }
        _ => None,
    });
    stalled.collect()
}

/// Waits for whatever is waited for, until the connection is closed; when that is.
#[track_caller]
fn wait_for_the_end(desk: &mut Desk<ServerConnection>) -> Duration {
    for _ in 0..20 {
        if desk.conn.phase() == Phase::Closed {
            return desk.now;
        }
        desk.wait();
        desk.pull();
        desk.take();
    }
    panic!("it does not end: {:?}", desk.conn);
}

#[test]
fn b14_a_window_that_stays_closed() {
    let mut desk = server();
    desk.feed(h2::settings(&[(more::INITIAL_WINDOW_SIZE, 0)]));
    desk.feed_with([h2::get(1), h2::get(3)].concat(), answer);
    pump(&mut desk);
    desk.tick(29 * SECOND);
    desk.feed(h2::window_update(3, 1));
    assert_eq!(pump(&mut desk).len(), 1);
    // A drop just before the end is no progress.
    assert_eq!(desk.wait(), 30 * SECOND);
    assert_eq!(stalled(&desk.pull()), [1, 3]);
    for id in [1, 3] {
        desk.conn.done(StreamId::new(id), &mut desk.out).unwrap();
    }
    desk.take();
    // Every stream is held so long, whenever it began.
    desk.feed_with(h2::get(5), answer);
    desk.take();
    assert_eq!(desk.wait(), 60 * SECOND);
    assert_eq!(stalled(&desk.pull()), [5]);
    assert_eq!(desk.error, None);
}

#[test]
fn b21_slow_read() {
    let mut desk = server();
    desk.feed(h2::settings(&[(more::INITIAL_WINDOW_SIZE, 1)]));
    desk.feed_with(h2::get(1), answer);
    pump(&mut desk);
    let mut events = Vec::new();
    for _ in 0..29 {
        desk.tick(SECOND);
        events.extend(desk.feed(h2::window_update(1, 1)));
        pump(&mut desk);
    }
    assert_eq!(stalled(&events), [0; 0]);
    assert_eq!(desk.wait(), 30 * SECOND);
    assert_eq!(stalled(&desk.pull()), [1]);
    assert_eq!(h2::resets(&desk.sent()), [(1, ErrorCode::ENHANCE_YOUR_CALM)]);
    assert_eq!(desk.error, None, "the others are not touched");
    // Its place is the application's to give back.
    assert_eq!(desk.conn.snapshot().peer_streams, 1);
    desk.conn.done(StreamId::new(1), &mut desk.out).unwrap();
    assert_eq!(desk.conn.snapshot().peer_streams, 0);
}

#[test]
fn b21_a_stall_is_told_once() {
    for reset_by_peer in [false, true] {
        let mut desk = server();
        desk.feed(h2::settings(&[(more::INITIAL_WINDOW_SIZE, 0)]));
        desk.feed_with(h2::get(1), answer);
        desk.take();
        if reset_by_peer {
            desk.feed(h2::cancel(1));
            desk.tick(30 * SECOND);
            assert_eq!(desk.pull(), []);
        } else {
            desk.wait();
            assert_eq!(stalled(&desk.pull()), [1]);
            assert_eq!(desk.sent().len(), 1);
        }
        // The application takes its time.
        for _ in 0..10 {
            desk.tick(SECOND);
            assert_eq!((desk.pull(), desk.sent()), (vec![], vec![]));
        }
        assert!(desk.conn.next_deadline().is_none_or(|at| at > desk.now));
    }
}

#[test]
fn b21_a_slow_but_honest_reader_lives() {
    let mut desk = server();
    desk.feed_with(h2::get(1), answer);
    pump(&mut desk);
    for _ in 0..100 {
        desk.tick(29 * SECOND);
        assert_eq!(
            desk.feed([h2::window_update(1, 1_024), h2::window_update(0, 1_024)].concat()),
            []
        );
        pump(&mut desk);
    }
    assert_eq!(desk.error, None);
}

#[test]
fn b21_slow_read_by_the_window_of_the_connection() {
    let mut desk = server();
    // The first takes the whole window; the second has its turn when there is none left.
    desk.feed_with([h2::get(1), h2::get(3)].concat(), answer);
    pump(&mut desk);
    let mut events = Vec::new();
    for _ in 0..200 {
        desk.tick(SECOND);
        events.extend(desk.pull());
        pump(&mut desk);
    }
    assert_eq!(stalled(&events), [1, 3]);
}

#[test]
fn b21_an_application_that_is_slow_is_not_the_fault_of_the_peer() {
    let mut desk = server();
    desk.feed(h2::settings(&[(more::INITIAL_WINDOW_SIZE, 0)]));
    desk.feed_with(h2::get(1), answer);
    desk.tick(SECOND);
    // Window enough; the content is still being made.
    desk.feed(h2::window_update(1, 1 << 20));
    assert_eq!(desk.conn.next_writable().map(|it| it.0.get()), Some(1));
    desk.take();
    for _ in 0..60 {
        desk.tick(SECOND);
        assert_eq!(stalled(&desk.pull()), [0; 0]);
    }
}

#[test]
fn b21_a_transport_that_takes_nothing() {
    let mut desk = server();
    desk.feed_with(h2::get(1), answer);
    desk.conn.send_data(StreamId::new(1), &[b'x'; 10_000], false, &mut desk.out).unwrap();
    desk.tick(Duration::ZERO);
    for _ in 0..29 {
        desk.conn.wrote(1);
        assert!(desk.tick(SECOND));
    }
    assert_eq!(desk.wait(), 30 * SECOND);
    assert_eq!(desk.kind(), ErrorKind::Deadline(Deadline::Send));
}

#[test]
fn b21_a_transport_that_takes_nothing_does_not_hold_what_is_closed() {
    let mut desk = server();
    desk.feed_with(h2::get(1), answer);
    desk.conn.send_data(StreamId::new(1), &[b'x'; 10_000], false, &mut desk.out).unwrap();
    desk.tick(Duration::ZERO);
    desk.wait();
    assert_eq!(desk.kind(), ErrorKind::Deadline(Deadline::Send));
    let ends = desk.conn.next_step() == NextStep::Close || desk.conn.next_deadline().is_some();
    assert!(ends, "{:?}", desk.conn.next_step());
}

#[test]
fn b30_settings_that_are_never_acknowledged() {
    let mut desk = Desk::silent_server(Config::default());
    desk.feed([PREFACE, &h2::settings(&[])].concat());
    desk.sent();
    // Work does not excuse it.
    for round in 0..9 {
        desk.tick(SECOND);
        desk.feed(h2::get(2 * round + 1));
    }
    desk.take();
    assert_eq!(desk.wait(), 10 * SECOND);
    assert_eq!(desk.kind(), ErrorKind::Deadline(Deadline::SettingsAck));
    assert_eq!(h2::farewell(&desk.sent()), Some(ErrorCode::SETTINGS_TIMEOUT));
}

#[test]
fn b30_a_pause_does_not_keep_a_driver_spinning() {
    let mut desk = Desk::silent_server(Config::default());
    desk.feed([PREFACE, &h2::settings(&[])].concat());
    desk.take();
    for _ in 0..300 {
        desk.feed(h2::ping());
    }
    assert!(desk.conn.is_paused());
    // Nothing is taken: only the transport is to blame, at its time.
    while desk.error.is_none() {
        desk.wait();
    }
    assert_eq!((desk.now, desk.kind()), (30 * SECOND, ErrorKind::Deadline(Deadline::Send)));
}

#[test]
fn b50_half_a_preface() {
    for (octets, greeted) in [
        (Vec::new(), false),
        (PREFACE[..23].to_vec(), false),
        (PREFACE.to_vec(), true),
        ([PREFACE, &h2::settings(&[])[..8]].concat(), true),
    ] {
        let mut desk = Desk::silent_server(Config::default());
        desk.take();
        // However it drips in.
        for octet in octets {
            desk.tick(SECOND / 8);
            desk.feed([octet]);
        }
        assert_eq!(desk.conn.phase() == Phase::Settings, greeted);
        assert_eq!(desk.wait(), 10 * SECOND);
        assert_eq!(desk.kind(), ErrorKind::Deadline(Deadline::Preface));
        assert_eq!(h2::farewell(&desk.sent()), Some(ErrorCode::PROTOCOL_ERROR));
    }
}

#[test]
fn b51_slow_field_block() {
    let mut desk = server();
    // A stream that is open and quiet keeps the connection from being idle.
    desk.feed(h2::get(1));
    desk.tick(SECOND);
    desk.feed(h2::frame(kind::HEADERS, flag::END_STREAM, 3, [0x82]));
    for _ in 0..7 {
        desk.tick(SECOND);
        desk.feed(h2::frame(kind::CONTINUATION, 0, 3, ""));
    }
    assert_eq!(desk.wait(), 11 * SECOND, "from its first frame");
    assert_eq!(desk.kind(), ErrorKind::Deadline(Deadline::HeaderBlock));
    assert_eq!(h2::farewell(&desk.sent()), Some(ErrorCode::PROTOCOL_ERROR));
}

#[test]
fn b51_slow_field_block_within_a_frame() {
    let mut desk = server();
    desk.feed(h2::get(1));
    let block = h2::get(3);
    desk.feed(&block[..block.len() - 1]);
    assert_eq!(desk.conn.next_deadline(), Some(10 * SECOND));
    desk.wait();
    assert_eq!(desk.kind(), ErrorKind::Deadline(Deadline::HeaderBlock));
}

#[test]
fn b52_a_shutdown_ends_whatever_comes() {
    // A frame that breaks the connection.
    let mut desk = server();
    desk.feed(h2::get(1));
    desk.conn.shutdown(&mut desk.out);
    desk.feed(h2::data(9, 0, ""));
    assert_eq!((desk.conn.phase(), desk.kind()), (Phase::Closed, ErrorKind::StreamIdle));
    assert_eq!(h2::farewell(&desk.sent()), Some(ErrorCode::PROTOCOL_ERROR));
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. }));
    // A stream without an end, a PING without an answer, half a frame, half a block.
    for more in
        [h2::post(3), Vec::new(), h2::ping()[..12].to_vec(), h2::frame(kind::HEADERS, 0, 3, [0x82])]
    {
        let mut desk = server();
        desk.feed([h2::post(1), more].concat());
        desk.conn.shutdown(&mut desk.out);
        desk.take();
        assert!(wait_for_the_end(&mut desk) <= 30 * SECOND);
    }
}

#[test]
fn b52_every_phase_has_an_end() {
    let fresh = || Desk::silent_server(Config::default());
    // Nobody says anything.
    assert_eq!(wait_for_the_end(&mut fresh()), 10 * SECOND);
    // Nobody asks for anything.
    assert_eq!(wait_for_the_end(&mut server()), 60 * SECOND);
    // A shutdown that finds nothing to wait for: the announcement is answered, or not.
    let mut desk = server();
    desk.conn.shutdown(&mut desk.out);
    desk.take();
    assert!(wait_for_the_end(&mut desk) <= 30 * SECOND);
    // A shutdown before anything was said.
    let mut desk = fresh();
    desk.conn.shutdown(&mut desk.out);
    desk.take();
    assert!(wait_for_the_end(&mut desk) <= 30 * SECOND);
    // The peer goes away and leaves a stream open.
    let mut desk = server();
    desk.feed([h2::post(1), h2::goaway(0, ErrorCode::NO_ERROR, "")].concat());
    assert!(wait_for_the_end(&mut desk) <= 30 * SECOND);
}

#[test]
fn b52_a_connection_that_is_used_is_not_idle() {
    let none: [(&str, &str); 0] = [];
    let mut desk = server();
    for round in 0..100 {
        desk.tick(SECOND);
        desk.feed_with(h2::get(2 * round + 1), |event, conn, out| {
            if let Event::Request { stream, .. } = event {
                conn.send_response(*stream, 204, none.iter(), true, out).unwrap();
            }
        });
        let sent = desk.sent();
        assert_eq!(sent.len(), 1, "after {:?}: {sent:?}", desk.now);
    }
    assert_eq!(desk.conn.phase(), Phase::Open);
}

/// Content that drips, or does not come: only for those who set `body_timeout`.
#[test]
fn content_that_drips() {
    let mut config = Config::default();
    config.body_timeout = Some(Duration::from_secs(30));
    config.manual_release = true;
    // One octet a second is no progress.
    let mut desk = Desk::server(config.clone());
    desk.feed(h2::post(1));
    for _ in 0..29 {
        desk.tick(Duration::from_secs(1));
        desk.feed(h2::data(1, 0, "x"));
    }
    assert_eq!(h2::resets(&desk.sent()), []);
    desk.tick(Duration::from_secs(1));
    desk.pull();
    assert_eq!(h2::resets(&desk.sent()), [(1, ErrorCode::ENHANCE_YOUR_CALM)]);
    assert_eq!(desk.error, None, "the connection lives");
    // 1 KiB within the time is.
    let mut desk = Desk::server(config.clone());
    desk.feed(h2::post(1));
    for _ in 0..10 {
        desk.tick(Duration::from_secs(29));
        desk.feed([h2::data(1, 0, [0; 1024]), h2::ping()].concat());
    }
    assert_eq!(h2::resets(&desk.sent()), []);
    // Who has no window is not blamed, and has its time again when there is some.
    let mut desk = Desk::server(config);
    let stream = StreamId::new(1);
    desk.feed([h2::post(1), h2::data(1, 0, [0; 16_384]).repeat(4)].concat());
    desk.tick(Duration::from_secs(59));
    desk.conn.release(stream, 65_536, &mut desk.out).unwrap();
    desk.tick(Duration::from_secs(29));
    assert_eq!(h2::resets(&desk.sent()), []);
    desk.tick(Duration::from_secs(30));
    assert_eq!(h2::resets(&desk.sent()), [(1, ErrorCode::ENHANCE_YOUR_CALM)]);
    // By default nobody is in a hurry.
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::post(1));
    for _ in 0..1000 {
        desk.tick(Duration::from_secs(30));
    }
    assert_eq!((h2::resets(&desk.sent()), desk.error), (vec![], None));
}
