//! Whole conversations of HTTP/2 as they are read: what came, what it was taken for, what went, what
//! is next. The logs are in `snapshots/`; a change of any frame or event shows there.
//!
//! ```text
//! > a frame in, its fields below      the event that it made
//! < a frame out, its fields below     = what the driver does next, if it is not to read
//! ! an error                          ... time that passes
//! ```

use core::fmt::Write as _;
use core::time::Duration;

use h2_proto::testing::{Frame, FrameLog, bytes, client_bytes, setting};
use h2_proto::{
    ClientConnection, Config, ErrorCode, NextStep, PREFACE, RequestLine, ServerConnection, StreamId,
};
use tests::h2::{Desk, Endpoint};

const NOW: Duration = Duration::ZERO;
const NONE: [(&str, &str); 0] = [];

/// A connection on a desk, and the log of what happens to it.
struct Talk<C> {
    desk: Desk<C>,
    log: String,
    heard: FrameLog,
    sent: FrameLog,
    told: bool,
}

/// A server whose client has said nothing.
fn silent_server() -> Talk<ServerConnection> {
    Talk::of(Desk::silent_server(Config::default()), FrameLog::client(), FrameLog::server())
}

/// A server past the greeting of both sides.
fn server() -> Talk<ServerConnection> {
    Talk::of(Desk::server(Config::default()), FrameLog::server(), FrameLog::server())
}

/// A client past the greeting of both sides.
fn client(config: Config) -> Talk<ClientConnection> {
    Talk::of(Desk::client(config), FrameLog::server(), FrameLog::server())
}

impl<C: Endpoint> Talk<C> {
    fn of(desk: Desk<C>, heard: FrameLog, sent: FrameLog) -> Self {
        Self { desk, log: String::new(), heard, sent, told: false }
    }

    /// Frames come in.
    fn hear(&mut self, frames: impl IntoIterator<Item = Frame>) -> &mut Self {
        self.hear_bytes(&bytes(frames))
    }

    fn hear_bytes(&mut self, octets: &[u8]) -> &mut Self {
        self.heard.feed(octets);
        lines('>', &self.heard.take_text(), &mut self.log);
        let log = &mut self.log;
        self.desk.feed_with(octets, |event, _, _| _ = writeln!(log, "  {event}"));
        self.next()
    }

    /// The application does something.
    fn say(&mut self, act: impl FnOnce(&mut C, &mut Vec<u8>)) -> &mut Self {
        act(&mut self.desk.conn, &mut self.desk.out);
        self.sent();
        // What was kept while the connection was paused, or was not told yet.
        let log = &mut self.log;
        self.desk.feed_with("", |event, _, _| _ = writeln!(log, "  {event}"));
        self.next()
    }

    /// Time passes.
    fn wait(&mut self, time: Duration) -> &mut Self {
        let _ = writeln!(self.log, "... {time:?}");
        self.desk.tick(time);
        self.next()
    }

    fn next(&mut self) -> &mut Self {
        if let Some(error) = self.desk.error.as_ref().filter(|_| !self.told) {
            let _ = writeln!(self.log, "! {error}");
            self.told = true;
        }
        self.sent();
        let next = self.desk.conn.next_step();
        if next != NextStep::Read {
            let _ = writeln!(self.log, "= {next:?}");
        }
        self
    }

    fn sent(&mut self) {
        self.sent.feed(&self.desk.take());
        assert!(self.sent.is_between_frames());
        lines('<', &self.sent.take_text(), &mut self.log);
    }
}

/// Content that an application has: of which stream, how many octets, and how many it offers at
/// once.
type Content = (u32, usize, usize);

impl Talk<ServerConnection> {
    /// Whoever may send does, in their turns.
    fn pump(&mut self, contents: &mut [Content]) -> &mut Self {
        self.say(|conn, out| {
            while let Some((stream, _)) = conn.next_writable() {
                let content = contents.iter_mut().find(|it| it.0 == stream.get());
                let (_, left, at_once) = content.expect("it wants to send");
                let offered = (*left).min(*at_once);
                let end = offered == *left;
                let sent = conn.send_data(stream, &vec![b'x'; offered], end, out).unwrap();
                *left -= sent;
                if sent == offered && !end {
                    conn.want_send(stream).unwrap();
                }
            }
        })
    }
}

/// Text, a mark before each line.
fn lines(mark: char, text: &str, log: &mut String) {
    text.lines().for_each(|line| _ = writeln!(log, "{mark} {line}"));
}

const ONE: StreamId = StreamId::new(1);
const THREE: StreamId = StreamId::new(3);

#[test]
fn get_from_the_first_octet_to_the_last() {
    let mut talk = silent_server();
    talk.say(|_, _| {})
        .hear_bytes(&client_bytes([
            Frame::settings([(setting::ENABLE_PUSH, 0), (setting::INITIAL_WINDOW_SIZE, 1 << 20)]),
            Frame::window_update(0, 1 << 20),
            Frame::get(1, "/hello?name=world").field(("accept", "*/*")),
        ]))
        .say(|conn, out| {
            let fields = [("content-type", "text/plain")];
            assert_eq!(conn.respond(ONE, 200, fields, b"hello, world\n", out), Ok(13));
        })
        .hear([Frame::settings_ack(), Frame::ping(*b"are you?")])
        .hear([Frame::get(3, "/nothing")])
        .say(|conn, out| _ = conn.respond(THREE, 404, NONE, b"", out).unwrap())
        .hear([Frame::goaway(0, ErrorCode::NO_ERROR, "enough")]);
    insta::assert_snapshot!(talk.log);
}

#[test]
fn post_with_continue_and_trailers() {
    let mut talk = server();
    let post = Frame::request(1, "POST", "/upload");
    talk.hear([post.fields([("expect", "100-continue"), ("trailer", "digest")])])
        .say(|conn, out| conn.send_informational(ONE, 100, NONE, out).unwrap())
        .hear([Frame::data(1, "hello")])
        .hear([Frame::data(1, ", world").padded(4)])
        .hear([Frame::headers(1, [("digest", "sha-256=:x:")]).end_stream()])
        .say(|conn, out| {
            conn.send_response(ONE, 201, [("location", "/1")], false, out).unwrap();
            conn.send_data(ONE, b"stored", false, out).unwrap();
            conn.send_trailers(ONE, [("x-seconds", "0.1")], out).unwrap();
        });
    insta::assert_snapshot!(talk.log);
}

#[test]
fn an_extended_connect_is_a_tunnel() {
    let mut talk = server();
    let connect = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https")];
    let rest = [(":authority", "a.example"), (":path", "/chat"), ("sec-websocket-version", "13")];
    talk.hear([Frame::headers(1, connect).fields(rest)])
        .say(|conn, out| conn.send_response(ONE, 200, NONE, false, out).unwrap())
        .hear([Frame::data(1, [0x81, 0x02, b'h', b'i'])])
        .say(|conn, out| _ = conn.send_data(ONE, b"\x81\x02yo", false, out).unwrap())
        .hear([Frame::data(1, [0x88, 0x00]).end_stream()])
        .say(|conn, out| _ = conn.send_data(ONE, b"\x88\x00", true, out).unwrap());
    insta::assert_snapshot!(talk.log);
}

fn begin_responses(talk: &mut Talk<ServerConnection>, streams: &[u32]) {
    talk.say(|conn, out| {
        for stream in streams.iter().copied().map(StreamId::new) {
            conn.send_response(stream, 200, NONE, false, out).unwrap();
            conn.want_send(stream).unwrap();
        }
    });
}

#[test]
fn responses_go_by_urgency_and_incremental_ones_share() {
    let mut talk = server();
    let get = |stream, priority| Frame::get(stream, "/").field(("priority", priority));
    talk.hear([get(1, "u=5"), get(3, "i"), get(5, "u=3, i"), get(7, "u=0"), get(9, "u=1")])
        .hear([Frame::priority_update(1, "u=0")]);
    begin_responses(&mut talk, &[1, 3, 5, 7, 9]);
    let whole = usize::MAX;
    talk.pump(&mut [(1, 8, whole), (3, 8, 4), (5, 8, 4), (7, 8, whole), (9, 4, whole)]);
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_priority_that_is_early_or_changes_reorders() {
    let mut talk = server();
    talk.hear([Frame::priority_update(3, "u=1"), Frame::get(1, "/"), Frame::get(3, "/")]);
    begin_responses(&mut talk, &[1, 3]);
    let mut contents = [(1, 4, 4), (3, 70_000, 70_000)];
    // The windows stop stream 3; meanwhile it becomes the last.
    talk.pump(&mut contents)
        .hear([Frame::priority_update(3, "u=7"), Frame::window_update(0, 1 << 20)])
        .hear([Frame::window_update(3, 1 << 20)])
        .pump(&mut contents);
    insta::assert_snapshot!(talk.log);
}

fn pushing(config: Config) -> Talk<ClientConnection> {
    let mut talk = client(config);
    let line = RequestLine::new("GET", "https", "a.example", "/");
    talk.say(|conn, out| _ = conn.send_request(line, NONE, true, out).unwrap());
    let pushed = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example")];
    talk.hear([Frame::push_promise(1, 2, pushed).field((":path", "/style.css"))]);
    talk
}

#[test]
fn a_push_that_was_not_allowed_breaks_the_connection() {
    let talk = pushing(Config::default());
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_push_that_nobody_wants_is_refused() {
    let mut config = Config::default();
    config.push = true;
    let mut talk = pushing(config);
    talk.say(|conn, out| conn.reset(StreamId::new(2), ErrorCode::CANCEL, out).unwrap())
        .hear([Frame::response(2, 200), Frame::data(2, "body {}").end_stream()])
        .hear([Frame::response(1, 204).end_stream()]);
    insta::assert_snapshot!(talk.log);
}

#[test]
fn content_waits_for_windows() {
    let mut talk = server();
    talk.hear([Frame::settings([(setting::INITIAL_WINDOW_SIZE, 10)]), Frame::get(1, "/")]);
    begin_responses(&mut talk, &[1]);
    let mut contents = [(1, 40, 40)];
    talk.pump(&mut contents)
        .hear([Frame::window_update(1, 5)])
        .pump(&mut contents)
        // Below what is in flight: the window is less than nothing.
        .hear([Frame::settings([(setting::INITIAL_WINDOW_SIZE, 0)]), Frame::window_update(1, 9)])
        .pump(&mut contents)
        .hear([Frame::settings([(setting::INITIAL_WINDOW_SIZE, 100)])])
        .pump(&mut contents);
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_stalled_response_is_given_up() {
    let mut talk = server();
    talk.hear([Frame::settings([(setting::INITIAL_WINDOW_SIZE, 0)]), Frame::get(1, "/")]);
    begin_responses(&mut talk, &[1]);
    talk.wait(Duration::from_secs(29)).wait(Duration::from_secs(1)).say(|_, _| {});
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_shutdown_loses_no_request() {
    let mut talk = server();
    talk.hear([Frame::get(1, "/slow")])
        .say(|conn, out| conn.shutdown(out))
        // Sent before the client knew.
        .hear([Frame::get(3, "/under-way")])
        .hear([Frame::ping_ack(*b"goaway 1")])
        .hear([Frame::get(5, "/too-late")])
        .say(|conn, out| _ = conn.respond(THREE, 200, NONE, b"in time", out).unwrap())
        .say(|conn, out| _ = conn.respond(ONE, 200, NONE, b"goodbye", out).unwrap())
        .wait(Duration::from_secs(2));
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_client_is_told_what_to_send_again() {
    let mut talk = client(Config::default());
    let line = |path| RequestLine::new("GET", "https", "a.example", path);
    talk.say(|conn, out| {
        conn.send_request(line("/1"), NONE, true, out).unwrap();
        conn.send_request(line("/2"), NONE, true, out).unwrap();
    })
    .hear([Frame::goaway(1, ErrorCode::NO_ERROR, "")])
    .hear([Frame::response(1, 200), Frame::data(1, "one").end_stream()]);
    insta::assert_snapshot!(talk.log);
}

#[test]
fn data_on_stream_0_breaks_the_connection() {
    let mut talk = server();
    talk.hear([Frame::get(1, "/"), Frame::data(0, "for all"), Frame::get(3, "/")])
        .wait(Duration::from_secs(2));
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_field_block_that_is_none_breaks_the_connection() {
    let mut talk = server();
    talk.hear(Frame::get(1, "/").field(("cookie", "a=b")).split(20))
        .hear([Frame::headers_of_block(3, [0x82, 0xff, 0xff])]);
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_malformed_request_is_reset_and_others_go_on() {
    let mut talk = server();
    talk.hear([Frame::get(1, "/").field(("Upper", "case")), Frame::get(3, "/")])
        .say(|conn, out| _ = conn.respond(THREE, 204, NONE, b"", out).unwrap());
    insta::assert_snapshot!(talk.log);
}

#[test]
fn http_1_1_is_told_from_http_2() {
    let mut text = String::new();
    for octets in [
        &client_bytes([Frame::settings([]), Frame::get(1, "/")])[..],
        b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n",
        b"PRI / HTTP/1.1\r\nhost: a.example\r\n\r\n",
    ] {
        let conn = ServerConnection::with_prior_knowledge(Config::default(), NOW);
        let desk = Desk::around(conn, Vec::new());
        let mut talk = Talk::of(desk, FrameLog::client(), FrameLog::server());
        talk.hear_bytes(octets);
        lines('>', &talk.heard.to_string(), &mut talk.log);
        let Desk { error, input, .. } = talk.desk;
        text += &talk.log;
        if let Some(error) = error {
            // All that came, for another protocol.
            let octets = [&PREFACE[..error.offset() as usize], &input].concat();
            let mut other = h1_proto::buffered::Server::new(h1_proto::Config::default(), NOW);
            other.feed_bytes(&octets);
            while let Some((event, _)) = other.poll_event().unwrap() {
                _ = writeln!(text, "  HTTP/1.1: {event}");
            }
        }
        text += "\n";
    }
    insta::assert_snapshot!(text);
}
