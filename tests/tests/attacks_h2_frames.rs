//! Attacks by single frames: lengths, padding, settings, sequences that no honest peer sends.

use h2_proto::{Config, ErrorCode, ErrorKind, NextStep, OwnedEvent, ServerConnection};
use tests::field_block::FieldBlock;
use tests::frames::{PREFACE, flag, kind};
use tests::h2::{self, Desk, more};

/// HEADERS without END_HEADERS, which begins a block.
fn begin(stream: u32) -> Vec<u8> {
    h2::frame(kind::HEADERS, flag::END_STREAM, stream, [0x82])
}

fn continuation(stream: u32, flags: u8, fragment: impl AsRef<[u8]>) -> Vec<u8> {
    h2::frame(kind::CONTINUATION, flags, stream, fragment)
}

#[test]
fn b11_continuation_flood() {
    // Indexed fields go on and on.
    let endless = [begin(1), continuation(1, 0, [0x86]).repeat(9)].concat();
    let log = h2::server(&endless);
    log.assert_broke(ErrorKind::TooManyContinuations);
    assert_eq!(log.error.unwrap().code(), ErrorCode::ENHANCE_YOUR_CALM);
    assert_eq!(log.events, []);
    // Few and long ones: their octets are counted, too.
    let literal =
        FieldBlock::raw().literal(tests::field_block::Literal::Without, "a", [b'b'; 16_000]);
    let long = [begin(1), continuation(1, 0, &literal).repeat(3)].concat();
    let mut desk = Desk::server(Config::default());
    desk.feed(&long);
    assert_eq!(desk.kind(), ErrorKind::BlockTooLong);
    assert_eq!(h2::farewell(&desk.sent()), Some(ErrorCode::ENHANCE_YOUR_CALM));
}

#[test]
fn b11_as_many_as_are_allowed() {
    let pieces = continuation(1, 0, "").repeat(7);
    let input = [begin(1), pieces, continuation(1, flag::END_HEADERS, [0x86, 0x84])].concat();
    let log = h2::server(input);
    assert_eq!(log.assert_fine().requests(), 1);
}

#[test]
fn b12_continuation_without_octets() {
    let input = [begin(1), continuation(1, 0, "").repeat(9)].concat();
    let log = h2::server(&input);
    log.assert_broke(ErrorKind::TooManyContinuations);
    // The ninth is at fault: behind the greeting, HEADERS and eight others.
    let greeting = PREFACE.len() + 2 * 9;
    assert_eq!(log.error.unwrap().offset(), (greeting + 10 + 8 * 9) as u64);
}

#[test]
fn b20_increment_zero() {
    h2::server(h2::window_update(0, 0)).assert_broke(ErrorKind::IncrementZero);
    h2::server([h2::get(1), h2::window_update(1, 0)].concat())
        .assert_reset(1, ErrorKind::IncrementZero);
    // The reserved bit is no increment.
    h2::server(h2::window_update(0, 1 << 31)).assert_broke(ErrorKind::IncrementZero);
    for length in [0, 3, 5] {
        let update = h2::frame(kind::WINDOW_UPDATE, 0, 0, vec![1; length]);
        h2::server(update).assert_broke(ErrorKind::FrameLength);
    }
}

#[test]
fn b24_padding_longer_than_its_frame() {
    let padded = |payload: &[u8]| h2::data(1, flag::PADDED, payload);
    for payload in [&[5, 0][..], &[1], &[255, 0, 0], &[3, b'x', 0]] {
        let log = h2::server([h2::post(1), padded(payload)].concat());
        log.assert_broke(ErrorKind::Padding);
        assert_eq!(log.events.len(), 1, "no octet of it is content");
    }
    let log = h2::server([h2::post(1), padded(&[])].concat());
    log.assert_broke(ErrorKind::FrameLength);
    for (flags, payload) in
        [(flag::PADDED, &[3, 0x82][..]), (flag::PADDED | flag::PRIORITY, &[4, 0, 0, 0, 0, 0, 0x82])]
    {
        h2::server(h2::headers(1, flags, payload)).assert_broke(ErrorKind::Padding);
    }
    // As long as what is left: all of it is padding.
    h2::server([h2::post(1), padded(&[2, 0, 0])].concat()).assert_fine();
}

#[test]
fn b25_self_dependency() {
    h2::server([h2::get(1), h2::priority(1, 1)].concat())
        .assert_reset(1, ErrorKind::SelfDependency);
    let mut payload = 1_u32.to_be_bytes().to_vec();
    payload.extend([0x10, 0x82, 0x86, 0x84]);
    let log = h2::server(h2::headers(1, flag::PRIORITY | flag::END_STREAM, payload));
    assert_eq!(log.assert_reset(1, ErrorKind::SelfDependency).requests(), 0);
    // An idle stream cannot be reset, nor can it be hurt.
    h2::server(h2::priority(9, 9)).assert_fine();
}

#[test]
fn b28_bad_settings() {
    for (entry, kind) in [
        ((more::MAX_FRAME_SIZE, 0), ErrorKind::SettingValue),
        ((more::MAX_FRAME_SIZE, 16_383), ErrorKind::SettingValue),
        ((more::MAX_FRAME_SIZE, 1 << 24), ErrorKind::SettingValue),
        ((2, 2), ErrorKind::SettingPush),
        ((more::INITIAL_WINDOW_SIZE, 1 << 31), ErrorKind::SettingWindow),
        ((8, 2), ErrorKind::SettingValue),
        ((9, 2), ErrorKind::SettingValue),
    ] {
        // Nothing of the frame is taken, also of what is right in it.
        let log = h2::server(h2::settings(&[(more::INITIAL_WINDOW_SIZE, 7), entry]));
        log.assert_broke(kind);
        assert_eq!(log.frames.len(), 1, "it is not acknowledged");
    }
    h2::client(h2::settings(&[(2, 1)])).assert_broke(ErrorKind::SettingPush);
    for entry in
        [(more::MAX_FRAME_SIZE, 16_384), (more::MAX_FRAME_SIZE, (1 << 24) - 1), (0xffff, 0)]
    {
        h2::server(h2::settings(&[entry])).assert_fine();
    }
}

#[test]
fn b31_settings_of_the_wrong_form() {
    let settings =
        |flags, stream, payload: &[u8]| h2::frame(kind::SETTINGS, flags, stream, payload);
    h2::server(settings(0, 1, b"")).assert_broke(ErrorKind::NotStreamZero);
    for length in [1, 5, 7] {
        h2::server(settings(0, 0, &vec![0; length])).assert_broke(ErrorKind::FrameLength);
    }
    h2::server(settings(flag::ACK, 0, &[0; 6])).assert_broke(ErrorKind::FrameLength);
    // An acknowledgement of nothing.
    h2::server(h2::settings_ack()).assert_broke(ErrorKind::SettingsAck);
}

#[test]
fn b36_goaway_with_much_to_say() {
    let said = vec![b'x'; 16_384 - 8];
    let mut desk = Desk::server(Config::default());
    let events = desk.feed([h2::get(1), h2::goaway(0, ErrorCode::NO_ERROR, &said)].concat());
    let [_, OwnedEvent::GoAway { debug_data, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(debug_data.len(), 256);
    assert_eq!(desk.error, None);
    h2::server(h2::frame(kind::GOAWAY, 0, 0, [0; 7])).assert_broke(ErrorKind::FrameLength);
    h2::server(h2::frame(kind::GOAWAY, 0, 1, [0; 8])).assert_broke(ErrorKind::NotStreamZero);
}

#[test]
fn b48_every_type_and_length() {
    let mut answers = Vec::new();
    for kind in 0..=255 {
        for length in 0..17 {
            for (flags, stream) in [(0, 0), (0xff, 0), (0, 1), (0xff, 1), (flag::PADDED, 2)] {
                let payload = vec![1; length];
                let mut desk = Desk::server(Config::default());
                desk.feed(h2::post(1));
                // It neither panics nor hangs; if it is an error, that is said.
                desk.feed(h2::frame(kind, flags, stream, payload));
                let sent = desk.sent();
                // A good GOAWAY of a client is answered by one.
                let farewell = h2::farewell(&sent).is_some();
                assert!(farewell == desk.error.is_some() || farewell && kind == kind::GOAWAY);
                if kind > 0x10 || (0x0a..0x10).contains(&kind) {
                    assert_eq!((&desk.error, sent.len()), (&None, 0), "{kind:#x} {length}");
                }
                answers.push(sent.len());
            }
        }
    }
    assert!(answers.iter().all(|&frames| frames <= 2));
}

#[test]
fn b48_an_unknown_frame_is_handed_out_if_that_is_wanted() {
    let mut config = Config::default();
    config.unknown_frames = true;
    let log = h2::every_cut(&Desk::server(config), h2::frame(0x0a, 3, 5, "abc"), |_, _, _| {});
    let [OwnedEvent::Extension { kind, flags, stream, payload }] = &log.events[..] else {
        panic!("{log:?}")
    };
    assert_eq!((*kind, *flags, *stream, &payload[..]), (0x0a, 3, 5, &b"abc"[..]));
}

#[test]
fn b50_wrong_magic() {
    let fresh = || {
        let config = Config::default();
        let conn = ServerConnection::with_prior_knowledge(config, core::time::Duration::ZERO);
        Desk::around(conn, Vec::new())
    };
    let mut desk = fresh();
    desk.feed("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(desk.kind(), ErrorKind::Preface);
    assert_eq!(desk.out, b"", "it may still be answered in HTTP/1.1");
    assert_eq!(desk.input, b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(desk.conn.next_step(), NextStep::Close);
    // One octet of the magic is wrong, wherever.
    for at in 0..PREFACE.len() {
        let mut magic = PREFACE.to_vec();
        magic[at] ^= 0x20;
        let log = h2::every_cut(&fresh(), &magic, |_, _, _| {});
        assert_eq!(log.error.map(|error| error.kind()), Some(ErrorKind::Preface), "{at}");
        assert_eq!(log.frames, [], "{at}");
    }
}

#[test]
fn b50_wrong_magic_that_begins_right() {
    let conn =
        ServerConnection::with_prior_knowledge(Config::default(), core::time::Duration::ZERO);
    let mut desk = Desk::around(conn, Vec::new());
    desk.feed("P");
    desk.feed("OST / HTTP/1.1\r\n\r\n");
    assert_eq!(desk.kind(), ErrorKind::Preface);
    // As many octets of the preface as the offset says, and what is left: nothing is lost.
    let matched = desk.error.as_ref().unwrap().offset() as usize;
    let all = [&PREFACE[..matched], &desk.input[..]].concat();
    assert_eq!(all, b"POST / HTTP/1.1\r\n\r\n");
}

#[test]
fn b56_before_settings() {
    for first in [
        h2::get(1),
        h2::data(1, 0, "x"),
        h2::ping(),
        h2::window_update(0, 1),
        h2::settings_ack(),
        h2::goaway(0, ErrorCode::NO_ERROR, ""),
        h2::frame(0xbe, 0, 0, ""),
        h2::frame(kind::DATA, 0, 0, ""),
    ] {
        let mut server = Desk::silent_server(Config::default());
        server.sent();
        let log = h2::every_cut(&server, [PREFACE, &first].concat(), |_, _, _| {});
        log.assert_broke(ErrorKind::FirstFrame);
        assert_eq!(log.events, []);
    }
}

#[test]
fn b56_within_a_field_block() {
    for (other, why) in [
        (h2::ping(), "PING"),
        (h2::data(1, 0, "x"), "DATA"),
        (h2::get(3), "HEADERS of another stream"),
        (h2::get(1), "HEADERS of the same stream"),
        (continuation(3, flag::END_HEADERS, ""), "CONTINUATION of another stream"),
        (continuation(0, flag::END_HEADERS, ""), "CONTINUATION of none"),
        (h2::cancel(1), "RST_STREAM"),
        (h2::frame(0xbe, 0, 1, ""), "a frame of an unknown type"),
    ] {
        let log = h2::server([begin(1), other].concat());
        log.assert_broke(ErrorKind::BlockInterrupted);
        assert_eq!(log.events, [], "{why}");
    }
    for input in [
        continuation(1, flag::END_HEADERS, [0x82]),
        [h2::get(1), continuation(1, flag::END_HEADERS, "")].concat(),
    ] {
        h2::server(input).assert_broke(ErrorKind::BlockInterrupted);
    }
}

#[test]
fn b57_longer_than_any_frame_may_be() {
    for kind in [kind::DATA, kind::HEADERS, kind::SETTINGS, kind::PING, 0xbe] {
        let mut desk = Desk::server(Config::default());
        desk.feed([0xff, 0xff, 0xff, kind, 0, 0, 0, 0]);
        assert_eq!(desk.error, None);
        desk.feed([1]);
        assert_eq!(desk.kind(), ErrorKind::FrameTooLong, "before an octet of the payload");
        assert_eq!(h2::farewell(&desk.sent()), Some(ErrorCode::FRAME_SIZE_ERROR));
    }
    // At the limit, and one more.
    let mut desk = Desk::server(Config::default());
    desk.feed([h2::post(1), h2::data(1, 0, vec![0; 16_384])].concat());
    assert_eq!(desk.error, None);
    desk.feed([0, 0x40, 1, kind::DATA, 0, 0, 0, 0, 1]);
    assert_eq!(desk.kind(), ErrorKind::FrameTooLong);
}
