//! What calls of HTTP/2 refuse at their limits, and what they leave as it was; the defaults of the limits.

use std::time::Duration;

use h2_proto::buffered::{Client, Server};
use h2_proto::testing::{Frame, bytes, client_bytes, setting};
use h2_proto::{
    Config, ErrorCode, ErrorKind, OwnedEvent, RequestLine, SendError, StreamId, Verdict,
};

const NONE: [(&str, &str); 0] = [];

fn server(config: Config, frames: Vec<Frame>) -> (Server, Vec<OwnedEvent>) {
    let mut server = Server::new(config, Duration::ZERO);
    let greeting = vec![Frame::settings([]), Frame::settings_ack()];
    server.feed_bytes(&client_bytes([greeting, frames].concat()));
    let mut events = Vec::new();
    while let Some((event, _)) = server.poll_event().unwrap() {
        events.push(event.to_owned());
    }
    let _ = server.poll_transmit();
    (server, events)
}

fn client(config: Config, settings: Frame) -> Client {
    let mut client = Client::new(config, Duration::ZERO);
    client.feed_bytes(&bytes([settings, Frame::settings_ack()]));
    while client.poll_event().unwrap().is_some() {}
    let _ = client.poll_transmit();
    client
}

fn id(number: u32) -> StreamId {
    StreamId::new(number)
}

fn post() -> Frame {
    Frame::request(1, "POST", "/")
}

const LINE: [&str; 4] = ["GET", "https", "a", "/"];

fn line() -> RequestLine<'static> {
    let [method, scheme, authority, path] = LINE;
    RequestLine::new(method, scheme, authority, path)
}

#[test]
fn content_is_as_long_as_announced() {
    let (mut it, _) = server(Config::default(), vec![Frame::get(1, "/"), Frame::get(3, "/")]);
    let length = [("content-length", "5")];
    it.conn.send_response(id(1), 200, length, false, &mut it.out).unwrap();
    let sent = it.out.len();
    let long = it.conn.send_data(id(1), b"123456", true, &mut it.out);
    assert_eq!(long, Err(SendError::BodyTooLong));
    let short = it.conn.send_data(id(1), b"1234", true, &mut it.out);
    assert_eq!(short, Err(SendError::BodyTooShort));
    let trailers = it.conn.send_trailers(id(1), [("a", "b")], &mut it.out);
    assert_eq!(trailers, Err(SendError::BodyTooShort));
    let nothing = it.conn.send_response(id(3), 200, length, true, &mut it.out);
    assert_eq!(nothing, Err(SendError::BodyTooShort));
    assert_eq!(it.out.len(), sent, "nothing of it was sent");
    assert_eq!(it.conn.send_data(id(1), b"12345", true, &mut it.out), Ok(5));
}

#[test]
fn requests_wait_up_to_a_number_and_to_octets() {
    let mut config = Config::default();
    (config.pending_max, config.streams_max) = (2, 1);
    let mut it = client(config, Frame::settings([]));
    for _ in 0..3 {
        it.conn.send_request(line(), NONE, true, &mut it.out).unwrap();
    }
    let more = it.conn.send_request(line(), NONE, true, &mut it.out);
    assert_eq!((more, it.conn.pending()), (Err(SendError::TooManyPending), 2));
    let mut config = Config::default();
    (config.pending_bytes_max, config.streams_max) = (500, 1);
    let mut it = client(config, Frame::settings([]));
    // Four fields, 32 octets each and what is in them.
    let size = 4 * 32 + LINE.concat().len() + ":method:scheme:authority:path".len();
    let mut sent = 0;
    while it.conn.send_request(line(), NONE, true, &mut it.out).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 1 + 500 / size);
}

#[test]
fn settings_are_acknowledged_one_after_the_other() {
    let (mut it, _) = server(Config::default(), vec![]);
    for number in 1..=8 {
        it.conn.update_settings(|it| it.streams_max = number, &mut it.out).unwrap();
    }
    let more = it.conn.update_settings(|it| it.streams_max = 9, &mut it.out);
    assert_eq!(more, Err(SendError::TooManyUnacknowledged));
    for number in 1..=8 {
        it.feed_bytes(&Frame::settings_ack().to_bytes());
        while it.poll_event().unwrap().is_some() {}
        assert_eq!(it.conn.snapshot().local_settings.streams_max, number);
        assert_eq!(it.conn.snapshot().settings_unacknowledged, 8 - number as usize);
    }
    it.feed_bytes(&Frame::settings_ack().to_bytes());
    assert_eq!(it.poll_event().unwrap_err().kind(), ErrorKind::SettingsAck);
}

#[test]
fn content_up_to_the_limit() {
    let mut config = Config::default();
    config.body_bytes_max = Some(5);
    let is_reset =
        |it: &OwnedEvent| matches!(it, OwnedEvent::Reset { code: ErrorCode::CANCEL, .. });
    for (content, expected) in [("12345", false), ("123456", true)] {
        let frames = vec![post(), Frame::data(1, content).end_stream()];
        let (_, events) = server(config.clone(), frames);
        assert_eq!(events.iter().any(is_reset), expected, "{events:?}");
    }
}

#[test]
fn no_more_is_released_than_was_taken() {
    let mut config = Config::default();
    config.manual_release = true;
    let (mut it, _) = server(config, vec![post(), Frame::data(1, "12345")]);
    let released = [6, 5, 1].map(|octets| it.conn.release(id(1), octets, &mut it.out));
    let too_much = Err(SendError::ReleasedTooMuch);
    assert_eq!(released, [too_much, Ok(()), too_much]);
}

#[test]
fn what_became_of_requests_is_known_after_an_error() {
    let limit = Frame::settings([(setting::MAX_CONCURRENT_STREAMS, 2)]);
    let mut it = client(Config::default(), limit);
    for _ in 0..3 {
        it.conn.send_request(line(), NONE, true, &mut it.out).unwrap();
    }
    it.feed_bytes(&bytes([Frame::response(1, 200), Frame::data(0, "x")]));
    while let Ok(Some(_)) = it.poll_event() {}
    let became: Vec<_> = it.conn.unfinished().map(|(id, verdict)| (id.get(), verdict)).collect();
    let expected = [Verdict::Processed, Verdict::Unknown, Verdict::NotProcessed];
    assert_eq!(became, [1, 3, 5].into_iter().zip(expected).collect::<Vec<_>>());
}

/// Reading costs no more than a multiple of what came, whatever came.
#[test]
fn work_is_bounded_by_octets() {
    let table = vec![("x-filler", "v".repeat(4000))];
    let mut encoder = hpack::Encoder::new(4096);
    let mut block = Vec::new();
    encoder.begin(&mut block);
    for field in [(":method", "GET"), (":scheme", "http"), (":path", "/")] {
        encoder.encode(field, &mut block);
    }
    for (name, value) in &table {
        encoder.encode((*name, value.as_str()), &mut block);
    }
    let mut it = Server::new(Config::default(), Duration::ZERO);
    let mut input = client_bytes([Frame::settings([]), Frame::settings_ack()]);
    for stream in 0..50 {
        input.extend(Frame::headers_of_block(2 * stream + 1, &*block).end_stream().to_bytes());
        // Four references to what fills the table.
        block = vec![0x82, 0x86, 0x84, 0xbe, 0xbe, 0xbe, 0xbe];
    }
    it.feed_bytes(&input);
    while let Ok(Some(_)) = it.poll_event() {}
    let sections = 50 * u64::from(Config::default().section_bytes_max);
    assert!(it.conn.work() <= 8 * input.len() as u64 + sections, "{}", it.conn.work());
}

#[test]
fn the_defaults_of_the_limits() {
    let seconds = Duration::from_secs;
    let config = Config::default();
    assert_eq!(
        (config.streams_max, config.section_bytes_max, config.fields_max),
        (100, 16 << 10, 128)
    );
    assert_eq!((config.block_bytes_max, config.continuations_max), (32 << 10, 8));
    assert_eq!((config.frame_bytes_max, config.settings_entries_max), (16_384, 32));
    assert_eq!((config.table_bytes_max, config.encoder_table_bytes_max), (4096, 4096));
    assert_eq!((config.stream_window_bytes, config.connection_window_bytes), (64 << 10, 1 << 20));
    assert_eq!(config.connection_unreleased_bytes_max, 100 * (64 << 10));
    assert_eq!((config.manual_release, config.body_bytes_max), (false, None));
    assert_eq!((config.informational_max, config.pending_max), (8, 100));
    assert_eq!((config.pending_bytes_max, config.output_bytes_max), (64 << 10, 256 << 10));
    assert_eq!((config.caused_output_bytes_max, config.debug_data_bytes_max), (256 * 17, 256));
    assert_eq!(config.unacknowledged_max, 8);
    assert_eq!((config.ledger_units_max, config.ledger_repayment_units_per_second), (20_000, 100));
    assert_eq!((config.push, config.connect_protocol, config.unknown_frames), (false, true, false));
    assert_eq!((config.preface_timeout, config.settings_timeout), (seconds(10), seconds(10)));
    assert_eq!(
        (config.header_block_timeout, config.idle_timeout),
        (seconds(10), Some(seconds(60)))
    );
    assert_eq!((config.send_timeout, config.send_progress_bytes_min), (seconds(30), 1024));
    assert_eq!((config.body_timeout, config.ping_interval), (None, None));
    assert_eq!((config.ping_timeout, config.age_max), (seconds(20), None));
    assert_eq!(config.drain_timeout, seconds(30));
    assert!(config.memory_max_bytes() <= 256 << 10, "{}", config.memory_max_bytes());
}
