//! RFC 9113 §4: what frames look like, how long they are, and field blocks.

use h2_proto::{Config, ErrorCode, ErrorKind, OwnedEvent, StreamId};
use tests::field_block::{FieldBlock, Literal};
use tests::frames::{Frame, HEADER_TABLE_SIZE, flag, kind};
use tests::h2::{self, Desk, more};

const NONE: [(&str, &str); 0] = [];

/// A frame with the reserved bit set.
fn reserved(mut frame: Vec<u8>) -> Vec<u8> {
    frame[5] |= 0x80;
    frame
}

#[test]
fn rfc9113_4_1_no_longer_frames_than_the_peer_allows() {
    let content = vec![b'x'; 60_000];
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::get(1));
    let stream = StreamId::new(1);
    // A long section, too: it goes on in CONTINUATION frames.
    let long = "v".repeat(20_000);
    let fields = [("a", long.as_str())];
    desk.conn.send_response(stream, 200, fields.iter(), false, &mut desk.out).unwrap();
    assert_eq!(desk.conn.send_data(stream, &content, true, &mut desk.out), Ok(60_000));
    let frames = desk.sent();
    assert!(frames.iter().all(|frame| frame.payload.len() <= 16_384));
    let kinds: Vec<u8> = frames.iter().map(|frame| frame.kind).collect();
    let mut expected = vec![kind::HEADERS, kind::CONTINUATION];
    expected.extend([kind::DATA; 4]);
    assert_eq!(kinds, expected);
    // Longer ones once that is allowed.
    desk.feed([h2::settings(&[(more::MAX_FRAME_SIZE, 50_000)]), h2::get(3)].concat());
    desk.feed([h2::window_update(0, 100_000)].concat());
    let stream = StreamId::new(3);
    desk.sent();
    desk.conn.send_response(stream, 200, fields.iter(), false, &mut desk.out).unwrap();
    assert_eq!(desk.conn.send_data(stream, &content, true, &mut desk.out), Ok(60_000));
    let lengths: Vec<_> = desk.sent().iter().map(|frame| frame.payload.len()).collect();
    assert_eq!(lengths[1..], [50_000, 10_000]);
    assert_eq!(lengths.len(), 3);
}

#[test]
fn rfc9113_4_1_frames_of_unknown_types_are_discarded() {
    for kind in [0x0a, 0x0c, 0x0f, 0x11, 0x7f, 0xff] {
        for stream in [0, 1, 2, 9] {
            for payload in [&b""[..], b"\0\0\0\x05abcdef"] {
                let unknown = h2::frame(kind, 0xff, stream, payload);
                let log = h2::server([&unknown[..], &h2::post(1), &unknown].concat());
                assert_eq!((log.events.len(), log.frames.len()), (1, 0), "{log:?}");
                let log = h2::client(&unknown);
                assert_eq!((log.assert_fine().events.len(), log.frames.len()), (0, 0));
            }
        }
    }
}

#[test]
fn rfc9113_4_1_unused_flags_are_ignored() {
    let none = |used: u8| !used;
    let (end, headers) = (flag::END_STREAM, flag::END_HEADERS);
    let input = [
        h2::headers(1, none(flag::PADDED | flag::PRIORITY | end), [0x83, 0x86, 0x84]),
        h2::data(1, none(flag::PADDED | end), "x"),
        h2::frame(kind::PING, none(flag::ACK), 0, "12345678"),
        h2::frame(kind::SETTINGS, none(flag::ACK), 0, ""),
        h2::frame(kind::WINDOW_UPDATE, 0xff, 0, [0, 0, 0, 1]),
        h2::frame(more::PRIORITY, 0xff, 1, [0, 0, 0, 0, 1]),
        h2::frame(kind::HEADERS, none(flag::PADDED | flag::PRIORITY | headers), 3, [0x82, 0x86]),
        h2::frame(kind::CONTINUATION, 0xff, 3, [0x84]),
        h2::frame(kind::RST_STREAM, 0xff, 1, [0, 0, 0, 8]),
    ]
    .concat();
    let log = h2::server(input);
    let [
        OwnedEvent::Request { end_stream: false, .. },
        OwnedEvent::Data { end_stream: false, .. },
        OwnedEvent::SettingsChanged,
        OwnedEvent::Request { end_stream: true, .. },
        OwnedEvent::Reset { .. },
    ] = &log.assert_fine().events[..]
    else {
        panic!("{log:?}")
    };
    let log = h2::server(h2::frame(kind::GOAWAY, 0xff, 0, [0; 8]));
    assert!(matches!(log.assert_fine().events[..], [OwnedEvent::GoAway { .. }]));
}

#[test]
fn rfc9113_4_1_the_reserved_bit_is_ignored() {
    let input = [
        reserved(h2::post(1)),
        reserved(h2::data(1, 0, "x")),
        reserved(h2::ping()),
        reserved(h2::settings(&[])),
        reserved(h2::window_update(0, 1 << 31 | 1)),
        reserved(h2::window_update(1, 1 << 31 | 1)),
        reserved(h2::frame(kind::HEADERS, flag::END_STREAM, 3, [0x82, 0x86])),
        h2::frame(kind::CONTINUATION, flag::END_HEADERS, 3, [0x84]),
        reserved(h2::cancel(1)),
        reserved(h2::goaway(1 << 31, ErrorCode::NO_ERROR, "")),
    ]
    .concat();
    let log = h2::server(input);
    assert_eq!(log.assert_fine().requests(), 2);
    assert!(matches!(log.events.last(), Some(OwnedEvent::GoAway { last_stream: 0, .. })));
}

/// Frames of all kinds, as a client makes them.
fn frames_of_a_client() -> Vec<Frame> {
    let mut desk = Desk::client(Config::default());
    // The server heeds priorities (RFC 9218 §2.1).
    desk.feed(h2::settings(&[(9, 1)]));
    let stream = desk.get();
    desk.conn.set_priority(stream, h2_proto::Priority::default(), &mut desk.out).unwrap();
    let line = h2_proto::RequestLine::new("POST", "http", "a.example", "/");
    let stream = desk.conn.send_request(line, NONE.iter(), false, &mut desk.out).unwrap();
    desk.conn.send_data(stream, b"abc", false, &mut desk.out).unwrap();
    desk.conn.send_trailers(stream, NONE.iter(), &mut desk.out).unwrap();
    desk.conn.ping(*b"abcdefgh", &mut desk.out).unwrap();
    desk.conn.update_settings(|it| it.window_bytes = 100_000, &mut desk.out).unwrap();
    desk.feed([h2::ping(), h2::settings(&[])].concat());
    desk.conn.reset(stream, ErrorCode::CANCEL, &mut desk.out).unwrap();
    desk.conn.shutdown(&mut desk.out);
    desk.sent()
}

#[test]
fn rfc9113_4_1_unused_flags_and_the_reserved_bit_are_not_sent() {
    let mut frames = frames_of_a_client();
    let mut desk = Desk::server(Config::default());
    desk.feed([h2::post(1), h2::post(3), h2::ping()].concat());
    let long = "v".repeat(20_000);
    let fields = [("a", long.as_str())];
    desk.conn.send_response(StreamId::new(1), 200, fields.iter(), true, &mut desk.out).unwrap();
    desk.conn.done(StreamId::new(3), &mut desk.out).unwrap();
    desk.conn.shutdown(&mut desk.out);
    for _ in 0..3 {
        desk.feed([h2::post(5), h2::data(5, 0, [0; 16_384])].concat());
    }
    frames.extend(desk.sent());
    let mut kinds = std::collections::BTreeSet::new();
    for frame in frames {
        let used = match frame.kind {
            kind::DATA => flag::END_STREAM,
            kind::HEADERS => flag::END_STREAM | flag::END_HEADERS,
            kind::CONTINUATION => flag::END_HEADERS,
            kind::SETTINGS | kind::PING => flag::ACK,
            _ => 0,
        };
        assert_eq!(frame.flags & !used, 0, "{frame:?}");
        assert_eq!(frame.stream >> 31, 0, "{frame:?}");
        kinds.insert(frame.kind);
    }
    assert!(kinds.len() >= 8, "{kinds:?}");
}

#[test]
fn rfc9113_4_2_frames_of_16384_octets_are_taken() {
    let mut desk = Desk::server(Config::default());
    let events = desk.feed([h2::post(1), h2::data(1, 0, [7; 16_384])].concat());
    assert!(matches!(&events[1], OwnedEvent::Data { data, .. } if data.len() == 16_384));
    // An extension of that length is discarded.
    desk.feed(h2::frame(0xbe, 0, 0, [0; 16_384]));
    let value = "v".repeat(16_000);
    let block = h2::get_block(&[("a", &value)]);
    let events = desk.feed(h2::headers(3, flag::END_STREAM, block));
    assert!(matches!(events[..], [OwnedEvent::Request { .. }]), "{events:?}");
    assert_eq!(desk.error, None);
}

#[test]
fn rfc9113_4_2_longer_frames_are_taken_once_they_were_announced() {
    let mut config = Config::default();
    config.frame_bytes_max = 20_000;
    let mut desk = Desk::server(config);
    desk.feed([h2::post(1), h2::data(1, 0, [7; 20_000])].concat());
    assert_eq!(desk.error, None);
    desk.feed([0, 0x4e, 0x21, kind::DATA, 0, 0, 0, 0, 1]);
    assert_eq!(desk.kind(), ErrorKind::FrameTooLong);
}

#[test]
fn rfc9113_4_2_wrong_lengths_are_frame_size_errors() {
    for (kind, flags, stream, lengths) in [
        (kind::RST_STREAM, 0, 1, &[0, 3, 5][..]),
        (kind::SETTINGS, 0, 0, &[1, 5, 7]),
        (kind::SETTINGS, flag::ACK, 0, &[1, 6]),
        (kind::PING, 0, 0, &[0, 7, 9]),
        (kind::PING, flag::ACK, 0, &[0, 7, 9]),
        (kind::GOAWAY, 0, 0, &[0, 7]),
        (kind::WINDOW_UPDATE, 0, 0, &[0, 3, 5]),
        (kind::WINDOW_UPDATE, 0, 1, &[0, 3, 5]),
        (kind::HEADERS, flag::END_HEADERS | flag::PADDED, 1, &[0]),
        (kind::HEADERS, flag::END_HEADERS | flag::PRIORITY, 1, &[0, 4]),
        (kind::HEADERS, flag::END_HEADERS | flag::PRIORITY | flag::PADDED, 1, &[5]),
    ] {
        for &length in lengths {
            let frame = h2::frame(kind, flags, stream, vec![0; length]);
            for log in [h2::server([&h2::post(1)[..], &frame].concat()), h2::client(&frame)] {
                log.assert_broke(ErrorKind::FrameLength);
                assert_eq!(log.error.unwrap().code(), ErrorCode::FRAME_SIZE_ERROR);
            }
        }
    }
}

#[test]
fn rfc9113_4_3_a_block_is_not_interrupted() {
    // HEADERS and its CONTINUATION frames stand together, whatever else is to be sent.
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::get(1));
    let long = "v".repeat(60_000);
    let fields = [("a", long.as_str())];
    desk.feed(h2::ping());
    desk.conn.send_response(StreamId::new(1), 200, fields.iter(), true, &mut desk.out).unwrap();
    desk.feed(h2::ping());
    let frames = desk.sent();
    let block = &frames[1..frames.len() - 1];
    assert_eq!((block[0].kind, block[0].flags), (kind::HEADERS, flag::END_STREAM));
    let (last, middle) = block[1..].split_last().unwrap();
    assert!(middle.iter().all(|it| (it.kind, it.flags, it.stream) == (kind::CONTINUATION, 0, 1)));
    assert_eq!((last.kind, last.flags, last.stream), (kind::CONTINUATION, flag::END_HEADERS, 1));
}

#[test]
fn rfc9113_4_3_a_block_that_cannot_be_decoded_breaks_the_connection() {
    for block in
        [&[0x80][..], &[0xc6], &[0x82, 0x86, 0x84, 0xff], &[0x40, 0x05, b'a'], &[0x82, 0x20]]
    {
        let frame = h2::headers(1, flag::END_STREAM, block);
        for log in [h2::server(&frame), h2::client(&frame)] {
            assert_eq!(h2::farewell(&log.frames), Some(ErrorCode::COMPRESSION_ERROR), "{log:?}");
            assert!(matches!(log.error.unwrap().kind(), ErrorKind::Compression(_)));
        }
        // As trailers, on a stream that is closed, and in pieces.
        let pieces = [
            h2::frame(kind::HEADERS, flag::END_STREAM, 5, block),
            h2::frame(kind::CONTINUATION, flag::END_HEADERS, 5, ""),
        ]
        .concat();
        for input in [
            [h2::post(1), frame.clone()].concat(),
            [h2::get(1), h2::cancel(1), frame.clone()].concat(),
            pieces,
        ] {
            let log = h2::server(input);
            assert_eq!(h2::farewell(&log.frames), Some(ErrorCode::COMPRESSION_ERROR), "{log:?}");
        }
    }
}

#[test]
fn rfc9113_4_3_blocks_that_nobody_wants_are_decoded() {
    // On a stream that was reset, of a request that is refused, malformed or too large.
    let add = |stream, fields: &[(&str, &str)], value: &str| {
        let block = h2::get_block(fields).literal(Literal::Incremental, "x", value);
        h2::headers(stream, flag::END_STREAM, block)
    };
    let mut config = Config::default();
    config.streams_max = 1;
    let mut desk = Desk::server(config);
    desk.feed([h2::post(1), add(3, &[], "refused")].concat());
    desk.conn.done(StreamId::new(1), &mut desk.out).unwrap();
    desk.feed([add(1, &[], "reset"), add(5, &[("A", "b")], "malformed")].concat());
    let block = [0x82, 0x86, 0x84, 0xbe, 0xbf, 0xc0];
    let events = desk.feed(h2::headers(7, flag::END_STREAM, block));
    let [OwnedEvent::Request { fields, .. }] = &events[..] else { panic!("{events:?}") };
    let values: Vec<_> = fields.iter().skip(3).map(|field| field.value).collect();
    assert_eq!(values, [&b"malformed"[..], b"reset", b"refused"]);
}

#[test]
fn rfc9113_4_3_1_a_smaller_table_is_announced_in_the_next_block() {
    let mut desk = Desk::server(Config::default());
    desk.feed([h2::get(1), h2::get(3)].concat());
    let fields = [("x-field", "a value")];
    desk.conn.send_response(StreamId::new(1), 200, fields.iter(), true, &mut desk.out).unwrap();
    desk.sent();
    desk.feed(h2::settings(&[(HEADER_TABLE_SIZE, 0), (HEADER_TABLE_SIZE, 100)]));
    desk.conn.send_response(StreamId::new(3), 200, fields.iter(), true, &mut desk.out).unwrap();
    let sent = desk.sent();
    assert_eq!((sent[0].kind, sent[0].flags), (kind::SETTINGS, flag::ACK));
    // Down to the lowest, and up to what it is now.
    let expected = FieldBlock::raw().size_update(0).size_update(100);
    assert!(sent[1].payload.starts_with(expected.octets()), "{sent:?}");
}

#[test]
fn rfc9113_4_3_1_a_peer_that_keeps_a_larger_table_than_it_acknowledged() {
    let mut desk = Desk::server(Config::default());
    let block = h2::get_block(&[]).literal(Literal::Incremental, "x", "y");
    desk.feed(h2::headers(1, flag::END_STREAM, block));
    desk.conn.update_settings(|it| it.header_table_bytes = 0, &mut desk.out).unwrap();
    desk.sent();
    // Before its acknowledgement the old table holds.
    let old = h2::headers(3, flag::END_STREAM, [0x82, 0x86, 0x84, 0xbe]);
    let log = h2::every_cut(&desk, [&old, &h2::settings_ack()[..]].concat(), |_, _, _| {});
    assert_eq!(log.assert_fine().requests(), 1);
    let behind =
        |block: &[u8]| [h2::settings_ack(), h2::headers(3, flag::END_STREAM, block)].concat();
    let log = h2::every_cut(&desk, behind(&[0x82, 0x86, 0x84]), |_, _, _| {});
    assert_eq!(log.error.unwrap().code(), ErrorCode::COMPRESSION_ERROR);
    let log = h2::every_cut(&desk, behind(&[0x20, 0x82, 0x86, 0x84]), |_, _, _| {});
    assert_eq!(log.assert_fine().requests(), 1);
}
