//! Attacks by number: frames that cost their receiver more than their sender. Each flood is cut off
//! by the ledger, a limit or the pause of the input, while what it costs is still small.

use h2_proto::{Cause, Config, ErrorCode, ErrorKind, OwnedEvent, Phase, ServerConnection};
use tests::frames::{Frame, flag, kind};
use tests::h2::{self, Desk, more};

fn server() -> Desk<ServerConnection> {
    Desk::server(Config::default())
}

/// Repeats a piece of input, the transport taking everything, until the connection ends; how many
/// pieces it took, and the events.
#[track_caller]
fn flood(
    desk: &mut Desk<ServerConnection>,
    max: u32,
    piece: impl Fn(u32) -> Vec<u8>,
) -> (u32, Vec<OwnedEvent>) {
    let mut events = Vec::new();
    for round in 0..max {
        events.extend(desk.feed(piece(round)));
        let frames = desk.sent();
        if desk.error.is_some() {
            assert_eq!(h2::farewell(&frames), Some(desk.kind().code()));
            assert_eq!(desk.conn.phase(), Phase::Closed);
            return (round + 1, events);
        }
    }
    panic!("{max} pieces, and the connection lives with a debt of {}", desk.conn.debt());
}

/// A flood that the ledger ends, within so many pieces, naming the cause.
#[track_caller]
fn calmed(max: u32, cause: Cause, piece: impl Fn(u32) -> Vec<u8>) -> Vec<OwnedEvent> {
    let mut desk = server();
    let (_, events) = flood(&mut desk, max, piece);
    assert_eq!(desk.kind(), ErrorKind::Overdrawn(cause));
    assert_eq!(desk.kind().code(), ErrorCode::ENHANCE_YOUR_CALM);
    events
}

fn requests(events: &[OwnedEvent]) -> usize {
    events.iter().filter(|event| matches!(event, OwnedEvent::Request { .. })).count()
}

/// The stream of a round.
const fn id(round: u32) -> u32 {
    2 * round + 1
}

#[test]
fn b02_ping_flood() {
    // Nothing is drained: input pauses, and what waits is bounded.
    let mut desk = server();
    desk.feed(h2::ping().repeat(10_000));
    assert!(desk.conn.is_paused());
    assert!(desk.out.len() < 4352 + 2 * 17, "{}", desk.out.len());
    assert!(desk.input.len() > 9_000 * 17, "the rest is not taken");
    // Drained, it goes on where it stopped.
    let acks = desk.sent().len();
    assert!(acks >= 256);
    desk.pull();
    assert!(desk.out.len() > 4000);
    // Drained all the time, the ledger ends it.
    calmed(10_001, Cause::Control, |_| h2::ping());
}

#[test]
fn b03_resource_loop() {
    calmed(10_001, Cause::Control, |round| h2::priority(id(round), 2 * (round % 7) + 100_001));
}

#[test]
fn b04_reset_flood() {
    let block = h2::get_block(&[("X-Upper", "v")]);
    let events =
        calmed(1_001, Cause::Resets, |round| h2::headers(id(round), flag::END_STREAM, &block));
    assert_eq!(requests(&events), 0);
}

#[test]
fn b05_settings_flood() {
    let mut desk = server();
    desk.feed(h2::settings(&[]).repeat(10_000));
    assert!(desk.conn.is_paused());
    assert!(desk.out.len() < 4352 + 2 * 9, "{}", desk.out.len());
    calmed(5_001, Cause::Settings, |_| h2::settings(&[]));
}

#[test]
fn b08_empty_frames() {
    let mut desk = server();
    desk.feed(h2::post(1));
    let (pieces, events) = flood(&mut desk, 4_001, |_| h2::data(1, 0, ""));
    assert!(pieces > 100, "a few are harmless");
    assert_eq!(events, [], "and nothing of it is told");
    assert_eq!(desk.kind(), ErrorKind::Overdrawn(Cause::EmptyFrames));
    // HEADERS that carry nothing and end nothing.
    calmed(4_001, Cause::Resets, |round| h2::headers(id(round), 0, ""));
}

#[test]
fn b09_rapid_reset() {
    let events =
        calmed(1_700, Cause::Resets, |round| [h2::get(id(round)), h2::cancel(id(round))].concat());
    assert!(requests(&events) <= 100, "streams count until the application is done with them");
}

#[test]
fn b09_rapid_reset_of_an_application_that_is_quick() {
    // It lets go at once: the ledger alone bounds it.
    let mut desk = server();
    let mut surfaced = 0;
    for round in 0..1_700 {
        let piece = [h2::get(id(round)), h2::cancel(id(round))].concat();
        desk.feed_with(piece, |event, conn, out| {
            if let h2_proto::Event::Reset { stream, .. } = event {
                conn.done(*stream, out).unwrap();
                surfaced += 1;
            }
        });
        desk.take();
    }
    assert_eq!(desk.kind(), ErrorKind::Overdrawn(Cause::Streams));
    assert!(surfaced < 1_700);
}

#[test]
fn b09_rapid_reset_paid_for_by_octets() {
    // Two pieces of content of an octet each, on a stream that stays open.
    let mut desk = server();
    desk.feed(h2::post(1));
    let content = h2::data(1, 0, "x").repeat(2);
    for round in 1..5_000 {
        let piece = [h2::get(id(round)), h2::cancel(id(round)), content.clone()].concat();
        desk.feed_with(piece, |event, conn, out| {
            if let h2_proto::Event::Reset { stream, .. } = event {
                conn.done(*stream, out).unwrap();
            }
        });
        desk.take();
    }
    assert_eq!(desk.kind(), ErrorKind::Overdrawn(Cause::Streams));
}

/// Six ways to make a server reset a stream (CVE-2025-8671), behind a request.
fn provoke(way: u32, stream: u32) -> Vec<u8> {
    match way {
        0 => h2::window_update(stream, 0),
        1 => h2::window_update(stream, 0x7fff_ffff),
        2 => h2::data(stream, 0, "x"),
        3 => h2::get(stream),
        4 => h2::frame(more::PRIORITY, 0, stream, [0; 4]),
        _ => h2::priority(stream, stream),
    }
}

#[test]
fn b10_made_you_reset() {
    for way in 0..6 {
        let mut desk = server();
        let (pieces, events) =
            flood(&mut desk, 2_001, |round| [h2::get(id(round)), provoke(way, id(round))].concat());
        assert!(pieces >= 200, "{way}: a few are forgiven");
        assert!(matches!(desk.kind(), ErrorKind::Overdrawn(_)), "{way}: {:?}", desk.kind());
        assert_eq!(requests(&events), 100, "{way}: places are held until the application is done");
    }
}

#[test]
fn b10_made_you_reset_codes() {
    let kinds = [
        ErrorKind::IncrementZero,
        ErrorKind::WindowTooLarge,
        ErrorKind::StreamClosed,
        ErrorKind::StreamClosed,
        ErrorKind::FrameLength,
        ErrorKind::SelfDependency,
    ];
    for (way, kind) in (0..).zip(kinds) {
        let log = h2::server([h2::get(1), provoke(way, 1)].concat());
        log.assert_reset(1, kind);
    }
}

#[test]
fn b15_empty_data_is_not_queued() {
    // The application pulls nothing: the core holds nothing.
    let mut desk = server();
    desk.feed(h2::post(1));
    let events = desk.feed(h2::data(1, 0, "").repeat(1_000));
    assert_eq!(events, []);
    assert_eq!(desk.conn.snapshot().unreleased_bytes, 0);
    assert_eq!(desk.out, b"");
}

#[test]
fn b16_provoked_resets_are_not_queued_without_end() {
    let mut desk = server();
    let block = h2::get_block(&[("X", "v")]);
    let mut input = Vec::new();
    for round in 0..10_000 {
        input.extend(h2::headers(id(round), flag::END_STREAM, &block));
    }
    desk.feed(input);
    // Nothing is drained.
    assert!(desk.conn.is_paused() || desk.error.is_some());
    assert!(desk.out.len() <= 4352 + 2 * 17, "{}", desk.out.len());
}

#[test]
fn b17_streams_that_nobody_accepts() {
    let mut desk = server();
    let mut events = Vec::new();
    for round in 0..300 {
        events.extend(desk.feed([h2::get(id(round)), h2::cancel(id(round))].concat()));
        desk.take();
    }
    assert_eq!(requests(&events), 100);
    assert_eq!(desk.conn.snapshot().peer_streams, 100, "none more is kept");
}

#[test]
fn b26_frames_that_mean_nothing() {
    calmed(10_001, Cause::Control, |_| h2::frame(0xbe, 0, 0, ""));
    calmed(10_001, Cause::Control, |_| h2::frame(0xbe, 0xff, 7, [0; 100]));
    // On a stream that was reset, everything is ignored; nothing is free.
    let mut desk = server();
    desk.feed([h2::get(1), h2::priority(1, 1)].concat());
    let (_, events) = flood(&mut desk, 30_000, |_| h2::data(1, 0, "x"));
    assert_eq!(events, []);
}

#[test]
fn b26_field_blocks_on_a_stream_that_was_reset() {
    let mut desk = server();
    desk.feed([h2::get(1), h2::priority(1, 1)].concat());
    flood(&mut desk, 30_000, |_| h2::get(1));
}

#[test]
fn b27_priority_updates_for_idle_streams() {
    let update = |stream: u32| {
        h2::frame(more::PRIORITY_UPDATE, 0, 0, [&stream.to_be_bytes()[..], b"u=1"].concat())
    };
    calmed(10_001, Cause::Control, |round| update(id(round % 100)));
    // What is kept is used, for as many streams as may be open; more break a rule (RFC 9218 §7.1).
    let mut desk = server();
    for round in 0..100 {
        assert_eq!(desk.feed(update(id(round))), []);
    }
    assert_eq!(desk.error, None);
    desk.feed(update(id(100)));
    assert_eq!(desk.kind(), ErrorKind::TooManyPriorities);
    assert_eq!(h2::farewell(&desk.sent()), Some(ErrorCode::PROTOCOL_ERROR));
}

#[test]
fn b29_large_settings() {
    let entries: Vec<(u16, u32)> = (0..2730).map(|_| (0xf000, 1)).collect();
    let mut desk = server();
    desk.feed(h2::settings(&entries));
    assert_eq!(desk.kind(), ErrorKind::TooManySettings);
    assert_eq!(h2::farewell(&desk.sent()), Some(ErrorCode::ENHANCE_YOUR_CALM));
    // At the limit.
    h2::server(h2::settings(&entries[..32])).assert_fine();
    h2::server(h2::settings(&entries[..33])).assert_broke(ErrorKind::TooManySettings);
}

#[test]
fn b32_initial_window_toggle() {
    let mut desk = server();
    for round in 0..100 {
        desk.feed(h2::get(id(round)));
    }
    // 4, an entry, and an eighth of the streams.
    let before = desk.conn.debt();
    desk.feed(h2::settings(&[(more::INITIAL_WINDOW_SIZE, 0)]));
    assert_eq!(desk.conn.debt() - before, 4 + 1 + 100 / 8);
    let (pieces, _) = flood(&mut desk, 1_200, |round| {
        h2::settings(&[(more::INITIAL_WINDOW_SIZE, if round % 2 == 0 { 65_535 } else { 0 })])
    });
    assert!(pieces > 500);
    assert_eq!(desk.kind(), ErrorKind::Overdrawn(Cause::Settings));
}

#[test]
fn b33_header_table_size_toggle() {
    let mut desk = server();
    for round in 0..1_000 {
        let size = if round % 2 == 0 { u32::MAX } else { 0 };
        desk.feed([h2::settings(&[(1, size)]), h2::get(id(round))].concat());
        let stream = h2_proto::StreamId::new(id(round));
        let value = format!("{round:0>200}");
        desk.conn
            .send_response(stream, 200, [("x-y", &value)].iter(), true, &mut desk.out)
            .unwrap();
        let sent: Vec<Frame> = desk.sent();
        assert!(sent.iter().any(|frame| frame.kind == kind::HEADERS));
        assert!(desk.conn.snapshot().encoder_table_bytes <= 4096);
    }
    calmed(4_001, Cause::Settings, |round| h2::settings(&[(1, (round % 2) * u32::MAX)]));
}

#[test]
fn b58_altsvc_and_origin_where_they_do_not_belong() {
    for kind in [0x0a, 0x0c] {
        for stream in [0, 1, 2] {
            for length in [0, 1, 16_384] {
                let mut desk = server();
                assert_eq!(desk.feed(h2::frame(kind, 0xff, stream, vec![b'x'; length])), []);
                assert_eq!((desk.error.as_ref(), desk.out.len()), (None, 0));
            }
        }
        calmed(10_001, Cause::Control, |_| h2::frame(kind, 0, 1, "\0\x01ax"));
    }
}
