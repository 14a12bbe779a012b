//! Attacks by streams: identifiers, places, promises, ends; and what stays behind of them.

use h2_proto::{Config, ErrorCode, ErrorKind, OwnedEvent, Phase, ResetBy, StreamId, Verdict};
use tests::counting::{Counting, assert_counts, watch};
use tests::frames::{Frame, flag, kind};
use tests::h2::{self, Desk, more};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn it_counts() {
    assert_counts();
}

fn push_promise(stream: u32, promised: u32, block: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = [&promised.to_be_bytes()[..], block.as_ref()].concat();
    h2::frame(more::PUSH_PROMISE, flag::END_HEADERS, stream, payload)
}

fn promised_get() -> impl AsRef<[u8]> {
    h2::get_block(&[]).literal(tests::field_block::Literal::Without, 1, "a.example")
}

#[test]
fn b22_identifiers_that_a_client_cannot_open() {
    for id in [2, 4, 0x7fff_fffe] {
        h2::server(h2::get(id)).assert_broke(ErrorKind::StreamId);
    }
    h2::server(h2::get(0)).assert_broke(ErrorKind::StreamZero);
    // Used again, or below one that was used: nothing of it is a request.
    for (first, second) in [(3, 1), (1, 1), (5, 3)] {
        let log = h2::server([h2::get(first), h2::get(second)].concat());
        assert_eq!(log.requests(), 1);
        let reset = h2::resets(&log.frames) == [(second, ErrorCode::STREAM_CLOSED)];
        assert!(reset || log.error.is_some(), "{log:?}");
    }
}

#[test]
fn b22_identifiers_that_decrease_break_the_connection() {
    h2::server([h2::get(3), h2::get(1)].concat()).assert_broke(ErrorKind::StreamId);
}

#[test]
fn b22_the_last_identifier() {
    let last = 0x7fff_ffff;
    let mut desk = Desk::server(Config::default());
    let events = desk.feed(h2::get(last));
    assert!(matches!(events[..], [OwnedEvent::Request { .. }]));
    // The reserved bit changes nothing: it is the same stream again.
    let events = desk.feed(h2::get(last | 1 << 31));
    assert!(matches!(events[..], [OwnedEvent::Reset { .. }]), "{events:?}");
    assert_eq!(h2::resets(&desk.sent()), [(last, ErrorCode::STREAM_CLOSED)]);
    let events = desk.feed(h2::get(1));
    assert!(!matches!(events[..], [OwnedEvent::Request { .. }]), "none is left");
}

#[test]
fn b23_more_streams_than_there_are_places() {
    let mut desk = Desk::server(Config::default());
    let input: Vec<u8> = (0..101).flat_map(|round| h2::get(2 * round + 1)).collect();
    let events = desk.feed(&input);
    assert_eq!(desk.error, None);
    let refused =
        OwnedEvent::Refused { stream: StreamId::new(201), kind: ErrorKind::StreamRefused };
    assert_eq!((events.len(), events.last()), (101, Some(&refused)));
    assert_eq!(h2::resets(&desk.sent()), [(201, ErrorCode::REFUSED_STREAM)]);
    // A place that is given back is a place.
    desk.conn.done(StreamId::new(7), &mut desk.out).unwrap();
    desk.sent();
    assert!(matches!(desk.feed(h2::get(203))[..], [OwnedEvent::Request { .. }]));
    assert_eq!(desk.conn.snapshot().peer_streams, 100);
}

#[test]
fn b34_push_to_a_server() {
    h2::server([h2::get(1), push_promise(1, 2, promised_get())].concat())
        .assert_broke(ErrorKind::PushForbidden);
}

#[test]
fn b34_push_to_a_client_that_does_not_allow_it() {
    let log = h2::client(push_promise(1, 2, promised_get()));
    log.assert_broke(ErrorKind::PushForbidden);
    assert_eq!(log.events, []);
}

#[test]
fn b34_push_flood() {
    let mut config = Config::default();
    config.push = true;
    let mut desk = Desk::client(config);
    desk.get();
    let mut promises = 0;
    for round in 1..=300 {
        let events = desk.feed(push_promise(1, 2 * round, promised_get()));
        promises += usize::from(matches!(events[..], [OwnedEvent::PushPromise { .. }]));
        desk.take();
    }
    assert_eq!(desk.error, None);
    assert_eq!(promises, 100, "the others are refused");
    // What cannot be promised.
    for (promised, block) in [(1, h2::get_block(&[])), (601, h2::get_block(&[]))] {
        let mut again = desk.clone();
        again.feed(push_promise(1, promised, block));
        assert_eq!(again.kind(), ErrorKind::StreamId);
    }
}

#[test]
fn b35_goaway_that_raises_its_last_stream() {
    let goaway = |last| h2::goaway(last, ErrorCode::NO_ERROR, "");
    h2::client([goaway(7), goaway(9)].concat()).assert_broke(ErrorKind::GoAwayRaised);
    h2::client([goaway(0x7fff_ffff), goaway(7), goaway(7), goaway(1)].concat()).assert_fine();
}

#[test]
fn b35_nothing_leaks_with_a_goaway() {
    let mut desk = Desk::client(Config::default());
    let streams: Vec<StreamId> = (0..5).map(|_| desk.get()).collect();
    let events = desk.feed(
        [h2::cancel(1), h2::goaway(3, ErrorCode::NO_ERROR, ""), h2::cancel(5), h2::cancel(3)]
            .concat(),
    );
    let resets: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            OwnedEvent::Reset { stream, by, verdict, .. } => Some((stream.get(), *by, *verdict)),
            _ => None,
        })
        .collect();
    assert_eq!(resets.len(), 5, "each is told once: {events:?}");
    for id in [5, 7, 9] {
        assert!(resets.contains(&(id, ResetBy::Connection, Verdict::NotProcessed)), "{resets:?}");
    }
    for stream in streams {
        desk.conn.done(stream, &mut desk.out).unwrap();
    }
    assert_eq!(desk.conn.snapshot().own_streams, 0);
    assert_eq!(desk.conn.phase(), Phase::Closed, "the last stream is done");
}

#[test]
fn b35_requests_behind_a_goaway_of_the_client_are_not_left_hanging() {
    // It speaks of streams that the server opens (§6.8), and there are none.
    let mut desk = Desk::server(Config::default());
    desk.feed([h2::get(1), h2::goaway(0, ErrorCode::NO_ERROR, "")].concat());
    let events = desk.feed(h2::get(3));
    let sent = desk.sent();
    let surfaced = matches!(events[..], [OwnedEvent::Request { .. }]);
    let refused = !h2::resets(&sent).is_empty() || h2::farewell(&sent).is_some();
    assert!(surfaced || refused, "{events:?} {sent:?}");
}

#[test]
fn b37_informational_flood() {
    let early = || h2::headers(1, 0, h2::block(&[(":status", "103")]));
    let log = h2::client(early().repeat(9));
    log.assert_reset(1, ErrorKind::TooManyInformational);
    assert_eq!(h2::resets(&log.frames), [(1, ErrorCode::ENHANCE_YOUR_CALM)]);
    assert_eq!(log.events.len(), 8 + 1);
    let mut desk = Desk::client(Config::default());
    desk.get();
    let events = desk.feed(early().repeat(100));
    assert_eq!(events.len(), 9, "what comes later means nothing");
    h2::client(early().repeat(8)).assert_fine();
}

#[test]
fn b49_upgrade_with_content() {
    // There is no upgrade to HTTP/2: in HTTP/1.1 the field is like any other, content is content.
    let input = "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n\
                 Upgrade: h2c\r\nHTTP2-Settings: \r\nContent-Length: 24\r\n\r\n\
                 PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let log = tests::split::server(input, tests::split::ok_at_end);
    log.assert_fine();
    assert!(!log.upgraded());
    assert_eq!((log.statuses(), log.content().len()), (vec![200], 24));
}

#[test]
fn b59_frames_on_idle_streams() {
    for frame in [h2::cancel(9), h2::window_update(9, 1), h2::data(9, 0, "x"), h2::data(2, 0, "")] {
        let log = h2::server(frame);
        log.assert_broke(ErrorKind::StreamIdle);
        assert_eq!(log.error.unwrap().code(), ErrorCode::PROTOCOL_ERROR);
    }
    for frame in [h2::cancel(3), h2::window_update(3, 1), h2::data(3, 0, "x"), h2::cancel(2)] {
        h2::client(frame).assert_broke(ErrorKind::StreamIdle);
    }
    // What was open is closed, not idle.
    for late in [h2::cancel(1), h2::window_update(1, 1)] {
        h2::server([h2::get(1), h2::cancel(1), h2::get(9), late].concat()).assert_fine();
    }
}

#[test]
fn b60_closed_streams_take_no_memory() {
    const STREAMS: u32 = 200_000;
    let none: [(&str, &str); 0] = [];
    let mut config = Config::default();
    config.idle_timeout = None;
    let mut desk = Desk::server(config);
    let one = |desk: &mut Desk<_>, round: u32| {
        let stream = 2 * round + 1;
        let late = if round > 50 { h2::window_update(stream - 100, 1) } else { Vec::new() };
        let piece = match round % 4 {
            0 => [h2::get(stream), h2::cancel(stream), late].concat(),
            1 => [h2::get(stream), h2::data(stream, 0, "x")].concat(),
            _ => [late, h2::get(stream)].concat(),
        };
        desk.feed_with(piece, |event, conn: &mut h2_proto::ServerConnection, out| match event {
            h2_proto::Event::Request { stream, .. } if round % 4 > 1 => {
                conn.send_response(*stream, 204, none.iter(), true, out).unwrap();
            }
            h2_proto::Event::Reset { stream, .. } => conn.done(*stream, out).unwrap(),
            _ => {}
        });
        desk.take();
        // Time repays what resets cost.
        desk.now += core::time::Duration::from_secs(1);
    };
    (0..1_000).for_each(|round| one(&mut desk, round));
    let ((), asked) = watch(|| (1_000..STREAMS).for_each(|round| one(&mut desk, round)));
    assert_eq!(desk.error, None);
    assert_eq!(desk.conn.snapshot().last_peer_stream, 2 * STREAMS - 1);
    assert_eq!(desk.conn.snapshot().peer_streams, 0);
    assert!(asked.held < 1024, "{asked:?}");
    assert!(asked.peak < 4096, "{asked:?}");
}

#[test]
fn b60_late_frames_are_answered_and_forgotten() {
    let mut desk = Desk::server(Config::default());
    for round in 0..100 {
        let stream = 2 * round + 1;
        desk.feed([h2::get(stream), h2::priority(stream, stream)].concat());
        desk.conn.done(StreamId::new(stream), &mut desk.out).unwrap();
    }
    desk.take();
    // We reset it just now: content under way means nothing.
    assert_eq!(desk.feed(h2::data(199, 0, "x")), []);
    assert_eq!(desk.sent(), []);
    // So long ago that nobody knows.
    desk.feed(h2::data(1, 0, "x"));
    let sent: Vec<Frame> = desk.sent();
    assert!(matches!(&sent[..], [reset] if reset.kind == kind::RST_STREAM && reset.stream == 1));
    assert_eq!(desk.error, None);
}
