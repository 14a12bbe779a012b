use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use hpack::{Encoder, Field};

use super::{Frame, FrameLog, bytes, client_bytes, flag, kind, setting};
use crate::{ErrorCode, PREFACE};

/// A frame of every type, and some that no endpoint should send; the text of each.
fn samples() -> Vec<(Frame, &'static str)> {
    let get = Frame::get(1, "/");
    vec![
        (
            Frame::settings([(4, 65_535), (0x2a2a, 7)]),
            "SETTINGS INITIAL_WINDOW_SIZE=65535 0x2a2a=7",
        ),
        (Frame::settings_ack(), "SETTINGS ACK"),
        (
            get.clone().field(Field::sensitive(b"cookie", b"secret")),
            "HEADERS stream=1 END_STREAM|END_HEADERS len=74\
             \n    :method: GET\n    :scheme: https\n    :authority: a.example\n    :path: /\
             \n    cookie: (6 octets, sensitive)",
        ),
        (
            Frame::response(3, 200).depends_on(1 << 31, 256).padded(3),
            "HEADERS stream=3 END_HEADERS|PADDED|PRIORITY len=22 depends_on=0 weight=256 exclusive\
             \n    :status: 200",
        ),
        (Frame::data(1, "a\0b").padded(2), "DATA stream=1 PADDED len=6 \"a\\x00b\""),
        (Frame::data(1, "").end_stream().flag(0x40), "DATA stream=1 END_STREAM|0x40 len=0 \"\""),
        (
            Frame::data(1, [b'x'; 40]).reserved(),
            "DATA stream=1 reserved len=40 \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"...",
        ),
        (Frame::priority(5, 3, 16), "PRIORITY stream=5 depends_on=3 weight=16"),
        (Frame::rst_stream(3, ErrorCode::CANCEL), "RST_STREAM stream=3 CANCEL"),
        (Frame::rst_stream(3, ErrorCode(0xdead)), "RST_STREAM stream=3 0xdead"),
        (
            Frame::push_promise(1, 2, [(":path", "/a")]),
            "PUSH_PROMISE stream=1 END_HEADERS promised=2 len=14\n    :path: /a",
        ),
        (Frame::ping([1, 2, 3, 4, 5, 6, 7, 255]), "PING 01020304050607ff"),
        (Frame::ping_ack(*b"12345678"), "PING ACK 3132333435363738"),
        (Frame::goaway(5, ErrorCode::NO_ERROR, "bye"), "GOAWAY last=5 NO_ERROR \"bye\""),
        (Frame::goaway(0, ErrorCode(0xff), ""), "GOAWAY last=0 0xff"),
        (Frame::window_update(0, 7), "WINDOW_UPDATE stream=0 increment=7"),
        (Frame::priority_update(3, "u=1, i"), "PRIORITY_UPDATE prioritized=3 \"u=1, i\""),
        (Frame::new(0x2a, 0x81, 9, b"?".to_vec()), "0x2a stream=9 0x81 len=1 \"?\""),
        (
            Frame::data(0, "x"),
            "DATA stream=0 len=1 \"x\" (malformed: a frame that needs a stream has none)",
        ),
        (
            Frame::new(kind::PING, 0, 1, [0; 7]),
            "PING stream=1 len=7 \"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\" \
             (malformed: a frame of the connection is on a stream)",
        ),
        (
            Frame::new(kind::SETTINGS, 0, 0, *b"12345"),
            "SETTINGS len=5 \"12345\" (malformed: a frame has a length that its type cannot have)",
        ),
        (
            Frame::new(kind::DATA, flag::PADDED, 1, *b"\x05abc"),
            "DATA stream=1 PADDED len=4 \"\\x05abc\" (malformed: the padding does not fit its frame)",
        ),
        (
            Frame::window_update(1, 0),
            "WINDOW_UPDATE stream=1 len=4 \"\\x00\\x00\\x00\\x00\" \
             (malformed: a WINDOW_UPDATE adds nothing)",
        ),
    ]
}

#[test]
fn each_frame_is_a_line() {
    for (frame, text) in samples() {
        let mut log = FrameLog::server();
        log.feed(&frame.to_bytes());
        assert_eq!(log.to_string(), text.to_string() + "\n");
        assert_eq!(frame.to_string(), text.lines().next().unwrap());
        assert_eq!(frame.fault().is_some(), text.contains("(malformed: "));
        assert_eq!(log.next_frame(), Some(text.to_string() + "\n"));
        assert_eq!((log.next_frame(), log.to_string()), (None, String::new()));
    }
}

#[test]
fn however_it_is_cut_the_text_is_the_same() {
    let octets = client_bytes(samples().into_iter().map(|(frame, _)| frame));
    let mut whole = FrameLog::client();
    whole.feed(&octets);
    let mut single = FrameLog::client();
    for octet in octets.chunks(1) {
        single.feed(octet);
        let _ = single.to_string();
    }
    assert!(single.is_between_frames());
    assert_eq!(single.to_string(), whole.to_string());
    assert!(single.to_string().starts_with("PREFACE\nSETTINGS INITIAL"));
    assert_eq!(single.take_text(), whole.to_string());
}

#[test]
fn what_is_written_is_taken() {
    let frames: Vec<_> = samples().into_iter().map(|(frame, _)| frame).collect();
    let mut input = bytes(&frames);
    let mut octets = &input[..];
    assert!(core::iter::from_fn(|| Frame::read(&mut octets)).eq(frames.iter().cloned()));
    assert!(octets.is_empty());
    let mut taken = Vec::new();
    while let Some(frame) = Frame::take(&mut input) {
        taken.push(frame);
    }
    assert!(input.is_empty());
    assert_eq!(taken, frames);
    assert!(frames[0].entries().eq([(setting::INITIAL_WINDOW_SIZE, 65_535), (0x2a2a, 7)]));
    let mut half = Frame::ping([0; 8]).to_bytes();
    half.pop();
    assert_eq!((Frame::take(&mut half), half.len()), (None, 16));
    let mut rest = &half[..];
    assert_eq!((Frame::read(&mut rest), rest), (None, &half[..]));
}

/// Octet by octet as in the RFCs, so that the builders are not held against themselves alone.
#[test]
fn rfc9113_6_the_octets_of_each_frame() {
    let padded = Frame::data(1, "a").end_stream().padded(1).to_bytes();
    assert_eq!(padded, b"\0\0\x03\x00\x09\0\0\0\x01\x01a\0");
    assert_eq!(Frame::priority(3, 1, 16).to_bytes(), b"\0\0\x05\x02\0\0\0\0\x03\0\0\0\x01\x0f");
    let cancel = Frame::rst_stream(1, ErrorCode::CANCEL).to_bytes();
    assert_eq!(cancel, b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08");
    let settings = Frame::settings([(setting::MAX_FRAME_SIZE, 16_384)]).to_bytes();
    assert_eq!(settings, b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0");
    assert_eq!(Frame::settings_ack().to_bytes(), b"\0\0\0\x04\x01\0\0\0\0");
    let promise = Frame::push_promise(1, 2, [("a", "b")]).to_bytes();
    assert_eq!(promise, b"\0\0\x09\x05\x04\0\0\0\x01\0\0\0\x02\0\x01a\x01b");
    assert_eq!(Frame::ping_ack(*b"abcdefgh").to_bytes(), b"\0\0\x08\x06\x01\0\0\0\0abcdefgh");
    let goaway = Frame::goaway(1, ErrorCode::PROTOCOL_ERROR, "x").to_bytes();
    assert_eq!(goaway, b"\0\0\x09\x07\0\0\0\0\0\0\0\0\x01\0\0\0\x01x");
    assert_eq!(Frame::window_update(1, 2).to_bytes(), b"\0\0\x04\x08\0\0\0\0\x01\0\0\0\x02");
    let update = Frame::priority_update(1, "u=0").to_bytes();
    assert_eq!(update, b"\0\0\x07\x10\0\0\0\0\0\0\0\0\x01u=0");
    let headers = Frame::headers(1, [("a", "b")]).depends_on(3, 1).padded(1).reserved().to_bytes();
    assert_eq!(headers, b"\0\0\x0c\x01\x2c\x80\0\0\x01\x01\0\0\0\x03\0\0\x01a\x01b\0");
    let mut wrong = Vec::new();
    Frame::ping([0; 8]).write_as(0x12_3456, &mut wrong);
    assert_eq!(wrong[..4], *b"\x12\x34\x56\x06");
    assert_eq!(wrong.len(), 17);
}

#[test]
fn a_field_block_goes_on_in_continuation() {
    let long = "v".repeat(300);
    let frame = Frame::headers(1, [("name", &long)]).end_stream();
    let frames = frame.split(100);
    let kinds: Vec<_> = frames.iter().map(|it| (it.kind, it.flags, it.payload.len())).collect();
    let (last, length) = (flag::END_HEADERS, frame.payload.len() - 300);
    assert_eq!(kinds, [(1, 1, 100), (9, 0, 100), (9, 0, 100), (9, last, length)]);
    let fragments: Vec<_> = frames.iter().map(|it| it.fragment().unwrap()).collect();
    assert_eq!(fragments.concat(), frame.payload);
    let mut log = FrameLog::server();
    log.feed(&bytes(&frames));
    assert!(log.to_string().contains("CONTINUATION stream=1 END_HEADERS len=9\n    name: vvv"));
    assert!(log.to_string().ends_with("vvv... and 44 octets\n"));
    assert_eq!(frame.split(1000), [frame]);
    assert_eq!(Frame::headers_of_block(1, "").split(1).len(), 1);
}

#[test]
fn a_table_is_followed() {
    let mut encoder = Encoder::new(4096);
    let mut log = FrameLog::server();
    for stream in [1, 3] {
        let fields = [("x-request", "the same again and again")];
        log.feed(&Frame::headers_by(&mut encoder, stream, fields).to_bytes());
    }
    let second = log.to_string().lines().skip(2).map(String::from).collect::<Vec<_>>();
    assert_eq!(second[0], "HEADERS stream=3 END_HEADERS len=1", "an index");
    assert_eq!(second[1], "    x-request: the same again and again");
}

#[test]
fn what_cannot_be_read_is_said() {
    let read = |octets: &[u8]| {
        let mut log = FrameLog::server();
        log.feed(octets);
        log.to_string()
    };
    let broken = Frame::headers_of_block(1, [0xff]);
    assert!(read(&broken.to_bytes()).contains("\n    (malformed: the field block ends within a"));
    // The table is lost with it.
    let both = read(&bytes([broken, Frame::response(3, 200)]));
    assert!(both.ends_with("(RFC 7541 §6))\n") && !both.contains(":status"), "{both}");
    let [begin, go_on] = &Frame::response(1, 200).split(7)[..] else { panic!("two frames") };
    let interrupted = read(&bytes([begin, &Frame::ping([0; 8]), go_on]));
    assert_eq!(interrupted.matches("a field block is interrupted, or continued").count(), 2);
    assert!(interrupted.contains("fields that are not known"), "{interrupted}");
    assert_eq!(read(&[0; 5]), "(5 octets of a frame's header)\n");
    let mut log = FrameLog::client();
    log.feed(&PREFACE[..7]);
    assert_eq!(log.to_string(), "(7 octets of the preface)\n");
    log.feed(b"/1.1\r\nhost: a\r\n\r\n and so on");
    assert_eq!(log.to_string(), "(no preface: \"PRI * H/1.1\\r\\nhost: a\\r\\n\\r\\n\")\n");
    assert_eq!(log.next_frame(), None);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut log = FrameLog::server();
    let long = Frame::data(1, vec![b'x'; 1 << 20]).to_bytes();
    for piece in long.chunks(1000) {
        log.feed(piece);
        assert!(log.carry.capacity() <= 2 * (super::log::PAYLOAD_KEPT_MAX + 9));
    }
    assert!(log.to_string().starts_with("DATA stream=1 len=1048576 \"xxx"), "{log}");
    for _ in 0..100_000 {
        log.feed(&Frame::ping([0; 8]).to_bytes());
    }
    assert!(log.text_bytes <= 1 << 20);
    let text = log.to_string();
    assert!(text.len() <= 1 << 20);
    let lines = text.lines().count() as u64;
    assert_eq!(text.lines().next(), Some(&*alloc::format!("({} frames before)", 100_002 - lines)));
    log.feed(&Frame::headers_of_block(1, vec![0; 1 << 20]).to_bytes());
    assert!(
        log.take_text()
            .ends_with("(fields that are not known: a field block before was not read)\n")
    );
    assert_eq!((log.to_string(), log.text_bytes), (String::new(), 0));
}

/// Whatever comes: no panic, and the same however it is cut.
#[test]
fn any_octets_are_taken() {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
        (state >> 16) as u8
    };
    for round in 0..2000 {
        let mut octets = Vec::new();
        for _ in 0..8 {
            let length = usize::from(random() % 24);
            let payload: Vec<_> = (0..length).map(|_| random()).collect();
            let frame = Frame::new(random() % 12, random(), u32::from(random() % 3), payload);
            frame.write_as(u32::from(random() % 24), &mut octets);
            if round % 2 == 0 {
                octets.truncate(octets.len() - length);
                frame.write(&mut octets);
            }
        }
        let mut whole = FrameLog::server();
        whole.feed(&octets);
        let mut single = FrameLog::server();
        octets.chunks(1).for_each(|octet| single.feed(octet));
        assert_eq!(single.to_string(), whole.to_string());
    }
}
