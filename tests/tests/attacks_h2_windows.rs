//! Attacks on windows: content in crumbs, windows that overflow, credit that is lost, output that
//! piles up.

use h2_proto::{Cause, Config, ErrorCode, ErrorKind, Event, ServerConnection, StreamId};
use tests::counting::{Counting, assert_counts, watch};
use tests::frames::{Frame, flag, kind};
use tests::h2::{self, Desk, more};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn it_counts() {
    assert_counts();
}

/// Answers requests with a head; content is to follow.
fn answer(event: &Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>) {
    if let Event::Request { stream, .. } = event {
        conn.send_response(*stream, 200, [("x", "y")].iter(), false, out).unwrap();
        conn.want_send(*stream).unwrap();
    }
}

/// Sends from bodies without an end, as long as it can; how many pieces.
fn pump(desk: &mut Desk<ServerConnection>) -> usize {
    let content = vec![b'x'; 100_000];
    let mut pieces = 0;
    while let Some((stream, capacity)) = desk.conn.next_writable() {
        assert!(capacity > 0);
        let sent = desk.conn.send_data(stream, &content, false, &mut desk.out).unwrap();
        assert!(sent > 0, "who may send is heard");
        if sent == content.len() {
            desk.conn.want_send(stream).unwrap();
        }
        pieces += 1;
        assert!(pieces < 100_000, "it comes to an end");
    }
    pieces
}

fn content(frames: &[Frame], stream: u32) -> usize {
    let data = frames.iter().filter(|it| it.kind == kind::DATA && it.stream == stream);
    data.map(|frame| frame.payload.len()).sum()
}

#[test]
fn b01_data_dribble() {
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::settings(&[(more::INITIAL_WINDOW_SIZE, 1)]));
    for round in 0..100 {
        desk.feed_with(h2::get(2 * round + 1), answer);
    }
    assert_eq!(pump(&mut desk), 100);
    desk.take();
    let mut updates = 0;
    while desk.error.is_none() && updates < 10_000 {
        desk.feed(h2::window_update(2 * (updates % 100) + 1, 1));
        updates += 1;
        assert!(pump(&mut desk) <= 1, "a frame an update, at most");
        desk.take();
    }
    assert!(updates < 5_000, "{updates}");
    assert_eq!(desk.kind(), ErrorKind::Overdrawn(Cause::Windows));
}

#[test]
fn b07_open_windows_and_a_closed_transport() {
    let mut desk = Desk::server(Config::default());
    let open = 0x7fff_ffff - 65_535;
    desk.feed(
        [h2::settings(&[(more::INITIAL_WINDOW_SIZE, 0x7fff_ffff)]), h2::window_update(0, open)]
            .concat(),
    );
    for round in 0..100 {
        desk.feed_with(h2::get(2 * round + 1), answer);
        pump(&mut desk);
    }
    let max = 256 << 10;
    assert!(desk.conn.unsent() >= max, "all of it is used");
    // Frame heads and heads of responses on top.
    assert!(desk.conn.unsent() < max + 100 * 64, "{}", desk.conn.unsent());
    // What the caller made does not keep input from coming in.
    assert!(!desk.conn.is_paused());
    // Once it is taken, it goes on.
    desk.take();
    assert!(pump(&mut desk) > 0);
}

#[test]
fn b18_window_overflow() {
    let log = h2::server(h2::window_update(0, 0x7fff_ffff));
    log.assert_broke(ErrorKind::WindowTooLarge);
    assert_eq!(log.error.unwrap().code(), ErrorCode::FLOW_CONTROL_ERROR);
    let log = h2::server([h2::get(1), h2::window_update(1, 0x7fff_ffff)].concat());
    log.assert_reset(1, ErrorKind::WindowTooLarge);
    // Up to the brim, and one more.
    let brim = 0x7fff_ffff - 65_535;
    h2::server(h2::window_update(0, brim)).assert_fine();
    h2::server([h2::window_update(0, brim), h2::window_update(0, 1)].concat())
        .assert_broke(ErrorKind::WindowTooLarge);
    h2::server([h2::get(1), h2::window_update(1, brim)].concat()).assert_fine();
}

#[test]
fn b19_settings_make_a_window_negative() {
    let initial = |value| h2::settings(&[(more::INITIAL_WINDOW_SIZE, value)]);
    let mut desk = Desk::server(Config::default());
    desk.feed_with([h2::get(1), h2::window_update(0, 1 << 20)].concat(), answer);
    pump(&mut desk);
    assert_eq!(content(&desk.sent(), 1), 65_535);
    // 65,535 below nothing.
    desk.feed(initial(0));
    desk.feed(h2::window_update(1, 65_535));
    assert_eq!(pump(&mut desk), 0);
    desk.feed(h2::window_update(1, 1));
    pump(&mut desk);
    assert_eq!(content(&desk.sent(), 1), 1);
    desk.feed(initial(10));
    pump(&mut desk);
    assert_eq!(content(&desk.sent(), 1), 10);
    assert_eq!(desk.error, None);
}

#[test]
fn b19_settings_make_a_window_overflow() {
    let initial = |value| h2::settings(&[(more::INITIAL_WINDOW_SIZE, value)]);
    h2::server([h2::get(1), initial(0x7fff_ffff)].concat()).assert_fine();
    let log = h2::server([h2::get(1), h2::window_update(1, 1), initial(0x7fff_ffff)].concat());
    log.assert_broke(ErrorKind::WindowTooLarge);
}

#[test]
fn b19_content_beyond_the_window() {
    let mut config = Config::default();
    config.manual_release = true;
    config.stream_window_bytes = 100;
    config.connection_window_bytes = 65_535;
    let desk = Desk::server(config);
    let log = h2::every_cut(
        &desk,
        [h2::post(1), h2::data(1, 0, [0; 60]), h2::data(1, 0, [0; 41])].concat(),
        |_, _, _| {},
    );
    log.assert_reset(1, ErrorKind::WindowExceeded);
    // Whoever breaks the windows of streams, again and again, does not use up the connection's.
    let mut desk = desk.clone();
    for round in 0..90 {
        let stream = 2 * round + 1;
        desk.feed([h2::post(stream), h2::data(stream, 0, [0; 16_384])].concat());
        desk.take();
    }
    assert_eq!(desk.error, None, "what is refused is given back");
}

/// A way to lose content: what is sent on a stream.
type Way = fn(u32) -> Vec<u8>;

#[test]
fn b53_content_that_nobody_gets_is_credited() {
    const SIZE: usize = 1_000;
    let ways: [(&str, Way); 8] = [
        ("delivered", |id| [h2::post(id), h2::data(id, flag::END_STREAM, [0; SIZE])].concat()),
        ("padding", |id| {
            let mut payload = vec![0; SIZE];
            payload[0] = 255;
            [h2::post(id), h2::data(id, flag::PADDED, payload), h2::cancel(id)].concat()
        }),
        ("reset by us before", |id| {
            [h2::post(id), h2::priority(id, id), h2::data(id, 0, [0; SIZE])].concat()
        }),
        ("reset by the peer before", |id| {
            [h2::post(id), h2::cancel(id), h2::data(id, 0, [0; SIZE])].concat()
        }),
        ("behind the end", |id| [h2::get(id), h2::data(id, 0, [0; SIZE])].concat()),
        ("longer than announced", |id| {
            let block = h2::get_block(&[("content-length", "4")]);
            [h2::headers(id, 0, block), h2::data(id, 0, [0; SIZE])].concat()
        }),
        ("a request that is malformed", |id| {
            let block = h2::get_block(&[("A", "b")]);
            [h2::headers(id, 0, block), h2::data(id, 0, [0; SIZE])].concat()
        }),
        ("a section that is too large", |id| {
            let block = [&[0x82, 0x86, 0x84][..], &[0x90; 200]].concat();
            [h2::headers(id, 0, block), h2::data(id, 0, [0; SIZE])].concat()
        }),
    ];
    for (name, way) in ways {
        for manual_release in [false, true] {
            let mut config = Config::default();
            config.connection_window_bytes = 65_535;
            config.manual_release = manual_release;
            config.ledger_units_max = u32::MAX;
            let mut desk = Desk::server(config);
            let mut credit = 0;
            for round in 0..400 {
                let stream = 2 * round + 1;
                desk.feed(way(stream));
                // The application leaves; all that it did not release comes back.
                let _ = desk.conn.done(StreamId::new(stream), &mut desk.out);
                credit += h2::credit(&desk.sent(), 0);
            }
            assert_eq!(desk.error, None, "{name}, {manual_release}: the window ran out");
            let snapshot = desk.conn.snapshot();
            assert_eq!((snapshot.unreleased_bytes, snapshot.peer_streams), (0, 0), "{name}");
            // Exactly what was sent, but for what waits to be worth a frame.
            let missing = 400 * SIZE as u32 - credit;
            assert!(missing < 32_767, "{name}, {manual_release}: {missing} are missing");
            assert_eq!(snapshot.receive_window, 65_535 - missing as i32, "{name}");
        }
    }
}

#[test]
fn b53_content_behind_a_goaway_of_ours() {
    let mut config = Config::default();
    config.connection_window_bytes = 65_535;
    let mut desk = Desk::server(config);
    desk.feed(h2::post(1));
    desk.conn.shutdown(&mut desk.out);
    let ping = desk.sent().into_iter().find(|frame| frame.kind == kind::PING).unwrap();
    desk.feed(h2::frame(kind::PING, flag::ACK, 0, ping.payload));
    assert_eq!(h2::farewell(&desk.sent()), Some(ErrorCode::NO_ERROR), "the final one");
    let mut credit = 0;
    for round in 0..200 {
        let stream = 2 * round + 3;
        let events = desk.feed([h2::post(stream), h2::data(stream, 0, [0; 1000])].concat());
        assert_eq!(events, [], "it is ignored");
        credit += h2::credit(&desk.sent(), 0);
    }
    assert_eq!(desk.error, None);
    assert!(200_000 - credit < 32_767, "{credit}");
    // What was open before goes on.
    let events = desk.feed(h2::data(1, flag::END_STREAM, "x"));
    assert_eq!(events.len(), 1);
}

#[test]
fn b53_content_without_a_stream_in_small_pieces() {
    // A stream that is reset in the middle of a frame.
    let mut config = Config::default();
    config.connection_window_bytes = 65_535;
    config.manual_release = true;
    let mut desk = Desk::server(config);
    let mut credit = 0;
    for round in 0..100 {
        let stream = 2 * round + 1;
        let frame = h2::data(stream, 0, [0; 2_000]);
        desk.feed([h2::post(stream), frame[..1_000].to_vec()].concat());
        desk.conn.reset(StreamId::new(stream), ErrorCode::CANCEL, &mut desk.out).unwrap();
        assert_eq!(desk.feed(&frame[1_000..]), []);
        credit += h2::credit(&desk.sent(), 0);
    }
    assert_eq!(desk.error, None);
    let snapshot = desk.conn.snapshot();
    assert_eq!(snapshot.unreleased_bytes, 0);
    assert_eq!(snapshot.receive_window as u32, 65_535 - (200_000 - credit));
    assert!(200_000 - credit < 32_767);
}

#[test]
fn b54_a_stream_that_nobody_reads_stalls_no_other() {
    let mut config = Config::default();
    config.manual_release = true;
    config.connection_window_bytes = 65_535;
    let mut desk = Desk::server(config);
    desk.feed([h2::post(1), h2::post(3)].concat());
    // All that the first may send, never released.
    let (mut window, mut stalled, mut sent) = (65_535_i64, 0, 0);
    for _ in 0..60 {
        desk.feed(h2::data(1, 0, [0; 1_000]));
        window += i64::from(h2::credit(&desk.sent(), 0)) - 1_000;
        stalled += 1_000;
        assert!(window > 0);
    }
    // The other goes on for ever, by what the windows allow.
    let mut stream_window = 65_536_i64;
    for _ in 0..500 {
        assert!(window >= 1_000 && stream_window >= 1_000, "{window} {stream_window}");
        desk.feed_with(h2::data(3, 0, [0; 1_000]), |event, conn, out| {
            if let Event::Data { stream, credit, .. } = event {
                conn.release(*stream, *credit, out).unwrap();
            }
        });
        let frames = desk.sent();
        window += i64::from(h2::credit(&frames, 0)) - 1_000;
        stream_window += i64::from(h2::credit(&frames, 3)) - 1_000;
        sent += 1_000;
    }
    assert_eq!((desk.error.as_ref(), stalled, sent), (None, 60_000, 500_000));
    assert_eq!(desk.conn.snapshot().unreleased_bytes, 60_000);
}

#[test]
fn b55_small_content_takes_no_memory() {
    for manual_release in [false, true] {
        let mut config = Config::default();
        config.manual_release = manual_release;
        let mut desk = Desk::server(config);
        desk.feed(h2::post(1));
        let frame = h2::data(1, 0, "x");
        desk.feed(&frame);
        let ((), asked) = watch(|| {
            for _ in 1..65_000 {
                desk.feed_with(&frame, |event, _, _| {
                    assert!(matches!(event, Event::Data { data: b"x", .. }));
                });
                desk.take();
            }
        });
        assert_eq!(desk.error, None);
        assert!(asked.held <= 64 && asked.peak < 1_024, "{asked:?}");
        let unreleased = if manual_release { 65_000 } else { 0 };
        assert_eq!(desk.conn.snapshot().unreleased_bytes, unreleased);
    }
}
