//! The ledger against those who bring nothing: floods that only the table of charges knows, at either
//! role, with the default configuration. Those that have a number are in `attacks_h2_floods`.

use h2_proto::{
    Cause, ClientConnection, Config, ErrorCode, ErrorKind, Event, ServerConnection, StreamId,
};
use tests::field_block::{FieldBlock, Literal};
use tests::frames::{flag, kind};
use tests::h2::{self, Desk, more};

const MAX: u32 = 20_000;

// ---- floods at a server ----

/// Repeats a piece until the connection ends, and asserts that it is for this cause and within so
/// many pieces.
#[track_caller]
fn dies<C: h2::Endpoint>(
    desk: &mut Desk<C>,
    most: u32,
    cause: Cause,
    piece: impl Fn(u32) -> Vec<u8>,
) {
    for round in 0..most {
        desk.feed(piece(round));
        desk.take();
        if desk.error.is_some() {
            assert_eq!(desk.kind(), ErrorKind::Overdrawn(cause), "after {round}");
            return;
        }
    }
    panic!("{most} pieces, and it lives");
}

fn server() -> Desk<ServerConnection> {
    Desk::server(Config::default())
}

#[test]
fn requests_above_the_limit_die() {
    let mut desk = server();
    (0..100).for_each(|at| drop(desk.feed(h2::get(2 * at + 1))));
    // 10 for the stream, 10 for the reset that it provokes.
    dies(&mut desk, 1_000, Cause::Streams, |round| h2::get(2 * round + 201));
}

#[test]
fn resets_of_what_is_over_die() {
    let mut desk = server();
    desk.feed([h2::get(1), h2::priority(1, 1)].concat());
    dies(&mut desk, MAX / 2 + 1, Cause::Resets, |_| h2::cancel(1));
}

#[test]
fn window_updates_that_nothing_is_sent_for_die() {
    for stream in [0, 1] {
        let mut desk = server();
        desk.feed(h2::post(1));
        dies(&mut desk, MAX + 1, Cause::Windows, |_| h2::window_update(stream, 1));
    }
}

#[test]
fn blocks_in_crumbs_die_though_they_are_answered() {
    let mut desk = server();
    let mut pieces = 0;
    while desk.error.is_none() {
        let stream = 2 * pieces + 1;
        let mut octets = h2::frame(kind::HEADERS, flag::END_STREAM, stream, [0x82]);
        octets.extend(h2::frame(kind::CONTINUATION, 0, stream, []).repeat(6));
        octets.extend(h2::frame(kind::CONTINUATION, 0, stream, [0x86]));
        octets.extend(h2::frame(kind::CONTINUATION, flag::END_HEADERS, stream, [0x84]));
        desk.feed_with(octets, respond);
        desk.take();
        pieces += 1;
        assert!(pieces < 1_000);
    }
    assert_eq!(desk.kind(), ErrorKind::Overdrawn(Cause::EmptyFrames));
}

#[test]
fn fields_out_of_all_proportion_die_though_they_are_answered() {
    // A field of 3,900 octets, then requests that name it four times in an octet each.
    let mut desk = server();
    let long = vec![b'v'; 3_900];
    let block = FieldBlock::raw().literal(Literal::Incremental, "x", long);
    let first = [&[0x82, 0x86, 0x84][..], block.octets()].concat();
    desk.feed_with(h2::headers(1, flag::END_STREAM, first), respond);
    let mut pieces = 1;
    while desk.error.is_none() {
        let again = [0x82, 0x86, 0x84, 0xbe, 0xbe, 0xbe, 0xbe];
        desk.feed_with(h2::headers(2 * pieces + 1, flag::END_STREAM, again), respond);
        desk.take();
        pieces += 1;
        assert!(pieces < 1_000);
    }
    assert_eq!(desk.kind(), ErrorKind::Overdrawn(Cause::Expansion));
}

fn respond(event: &Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>) {
    if let Event::Request { stream, .. } = event {
        conn.respond(*stream, 200, [("a", "b")], b"content", out).unwrap();
    }
}

// ---- floods at a client ----

fn client() -> Desk<ClientConnection> {
    let mut desk = Desk::client(Config::default());
    desk.get();
    desk.feed(h2::headers(1, 0, [0x88]));
    desk.take();
    desk
}

#[test]
fn a_server_that_floods_dies() {
    dies(&mut client(), 10_001, Cause::Control, |_| h2::ping());
    dies(&mut client(), 10_001, Cause::Control, |_| h2::frame(0xbe, 0, 0, ""));
    dies(&mut client(), 5_001, Cause::Settings, |_| h2::settings(&[]));
    dies(&mut client(), 4_001, Cause::EmptyFrames, |_| h2::data(1, 0, ""));
    dies(&mut client(), 20_001, Cause::Windows, |_| h2::window_update(0, 1));
    dies(&mut client(), 20_001, Cause::Settings, |round| {
        h2::settings(&[(more::INITIAL_WINDOW_SIZE, 100 + round % 2)])
    });
    let mut desk = client();
    desk.conn.reset(StreamId::new(1), ErrorCode::CANCEL, &mut desk.out).unwrap();
    dies(&mut desk, 20_001, Cause::Data, |_| h2::data(1, 0, "x"));
    let mut desk = client();
    desk.conn.reset(StreamId::new(1), ErrorCode::CANCEL, &mut desk.out).unwrap();
    dies(&mut desk, 2_001, Cause::Streams, |_| h2::headers(1, 0, [0x88]));
}

#[test]
fn a_server_that_promises_without_end_dies() {
    let mut config = Config::default();
    config.push = true;
    let mut desk = Desk::client(config);
    desk.get();
    let promise = |round: u32| {
        let id = (2 * round + 2).to_be_bytes();
        let payload = [&id[..], &[0x82, 0x86, 0x84, 0x01, 0x01, b'a']].concat();
        h2::frame(more::PUSH_PROMISE, flag::END_HEADERS, 1, payload)
    };
    dies(&mut desk, 2_000, Cause::Streams, promise);
}
