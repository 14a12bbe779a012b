//! Whole conversations as they are read: what came, what it was taken for, what went, what is
//! next. The logs are in `snapshots/`; a change of any octet or event shows there.
//!
//! ```text
//! > octets in, a line each      the event that they made
//! < octets out, a line each     = what the driver does next
//! ! an error                    ... time that passes
//! ```

use core::fmt::Write as _;
use core::time::Duration;

use h1_proto::{BodyLength, ClientConnection, Config, Field, ServerConnection, Verdict};
use tests::desk::Desk;
use tests::endpoint::Endpoint;

const NONE: [Field<'static>; 0] = [];

/// A connection on a desk, and the log of what happens to it.
struct Talk<C> {
    desk: Desk<C>,
    log: String,
    told: bool,
}

fn server() -> Talk<ServerConnection> {
    Talk { desk: Desk::server(Config::default()), log: String::new(), told: false }
}

fn client() -> Talk<ClientConnection> {
    Talk { desk: Desk::client(Config::client()), log: String::new(), told: false }
}

impl<C: Endpoint> Talk<C> {
    /// Octets come in.
    fn hear(&mut self, octets: &str) -> &mut Self {
        self.lines('>', octets);
        for event in self.desk.feed(octets) {
            let _ = writeln!(self.log, "  {event}");
        }
        self.next()
    }

    /// The application does something.
    fn say(&mut self, act: impl FnOnce(&mut C, &mut Vec<u8>)) -> &mut Self {
        act(&mut self.desk.conn, &mut self.desk.out);
        self.sent();
        // What was kept while the connection was paused goes on now.
        for event in self.desk.pull() {
            let _ = writeln!(self.log, "  {event}");
        }
        self.next()
    }

    /// Time passes.
    fn wait(&mut self, time: Duration) -> &mut Self {
        let _ = writeln!(self.log, "... {time:?}");
        self.desk.tick(time);
        self.next()
    }

    /// The peer sends no more.
    fn eof(&mut self) -> &mut Self {
        self.log.push_str("> end of input\n");
        for event in self.desk.eof() {
            let _ = writeln!(self.log, "  {event}");
        }
        self.next()
    }

    fn next(&mut self) -> &mut Self {
        if let Some(error) = self.desk.error.as_ref().filter(|_| !self.told) {
            let _ = writeln!(self.log, "! {error}");
            self.told = true;
        }
        self.sent();
        let _ = writeln!(self.log, "= {:?}", self.desk.conn.next_step());
        // Behind an error nothing is used, and nothing follows from what is left.
        if !self.desk.input.is_empty() && self.desk.error.is_none() {
            let _ = writeln!(self.log, "  kept: \"{}\"", self.desk.input.escape_ascii());
        }
        self
    }

    fn sent(&mut self) {
        let sent = self.desk.take();
        self.lines('<', &sent);
    }

    fn lines(&mut self, mark: char, octets: &str) {
        for line in octets.split_inclusive('\n') {
            let _ = writeln!(self.log, "{mark} {}", line.as_bytes().escape_ascii());
        }
    }
}

#[test]
fn get_with_keep_alive() {
    let mut talk = server();
    let text = [("content-type", "text/plain")];
    talk.hear("GET /hello?name=world HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n")
        .say(|conn, out| conn.respond(200, text, b"hello, world\n", out).unwrap())
        .hear("GET /nothing HTTP/1.1\r\nhost: example.com\r\n\r\n")
        .say(|conn, out| conn.respond(404, NONE, b"", out).unwrap())
        .hear("GET /last HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
        .say(|conn, out| conn.respond(204, NONE, b"", out).unwrap());
    insta::assert_snapshot!(talk.log);
}

#[test]
fn pipelined_requests_wait_for_their_turn() {
    let mut talk = server();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    talk.hear(&(get("/1") + &get("/2") + &get("/3")[..20]))
        .say(|conn, out| conn.respond(200, NONE, b"one", out).unwrap())
        .say(|conn, out| conn.respond(200, NONE, b"two", out).unwrap())
        .hear(&get("/3")[20..])
        .say(|conn, out| conn.respond(200, NONE, b"three", out).unwrap());
    insta::assert_snapshot!(talk.log);
}

#[test]
fn chunked_upload_with_trailers() {
    let mut talk = server();
    talk.hear("POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n")
        .hear("Trailer: Digest\r\n\r\n")
        .hear("5\r\nhello\r\n8;kind=tail\r\n, wor")
        .hear("ld!\r\n0\r\nDigest: sha-256=:x:\r\n")
        .hear("\r\n")
        .say(|conn, out| {
            conn.send_response(201, [("location", "/1")], BodyLength::Chunked, out).unwrap();
            conn.send_data(b"stored", out).unwrap();
            conn.send_trailers([("x-seconds", "0.1")], out).unwrap();
        });
    insta::assert_snapshot!(talk.log);
}

#[test]
fn expect_100_continue() {
    let mut talk = server();
    talk.hear("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        .say(|conn, out| conn.send_informational(100, NONE, out).unwrap())
        .hear("data")
        .say(|conn, out| conn.respond(204, NONE, b"", out).unwrap())
        .hear("PUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        .say(|conn, out| conn.respond(417, NONE, b"", out).unwrap());
    insta::assert_snapshot!(talk.log);
}

#[test]
fn early_hints() {
    let mut talk = server();
    talk.hear("GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
        .say(|conn, out| {
            conn.send_informational(103, [("link", "</a.css>; rel=preload")], out).unwrap();
        })
        .say(|conn, out| {
            conn.respond(200, [("content-type", "text/html")], b"<p>", out).unwrap();
        });
    insta::assert_snapshot!(talk.log);
}

#[test]
fn upgrade_to_another_protocol() {
    let mut talk = server();
    talk.hear(
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\
         a frame",
    )
    .say(|conn, out| {
        let fields = [("upgrade", "websocket")];
        conn.send_response(101, fields, BodyLength::None, out).unwrap();
    });
    insta::assert_snapshot!(talk.log);
}

#[test]
fn connect_opens_a_tunnel() {
    let mut talk = server();
    talk.hear("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
        .say(|conn, out| conn.send_response(200, NONE, BodyLength::None, out).unwrap())
        .hear("\x16\x03\x01");
    insta::assert_snapshot!(talk.log);
}

#[test]
fn head_is_told_the_length_without_the_content() {
    let mut talk = server();
    talk.hear("HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n")
        .say(|conn, out| conn.respond(200, NONE, b"twelve bytes", out).unwrap())
        .hear("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        .say(|conn, out| {
            conn.send_response(200, NONE, BodyLength::Chunked, out).unwrap();
            conn.send_data(b"swallowed", out).unwrap();
            conn.finish(out).unwrap();
        });
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_broken_request_is_refused_with_400() {
    let mut talk = server();
    talk.hear("GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello").hear("GET /");
    insta::assert_snapshot!(talk.log);
}

#[test]
fn both_framings_are_refused_with_400() {
    let mut talk = server();
    talk.hear(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_slow_head_is_refused_with_408() {
    let mut talk = server();
    talk.hear("GET / HTTP/1.1\r\nHo")
        .wait(Duration::from_secs(4))
        .hear("st: a\r\n")
        .wait(Duration::from_secs(1));
    insta::assert_snapshot!(talk.log);
}

#[test]
fn an_idle_connection_closes_in_silence() {
    let mut talk = server();
    talk.hear("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .say(|conn, out| conn.respond(200, NONE, b"ok", out).unwrap())
        .wait(Duration::ZERO)
        .wait(Duration::from_secs(5));
    insta::assert_snapshot!(talk.log);
}

#[test]
fn drain_ends_with_the_answer_under_way() {
    let mut talk = server();
    talk.hear("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        .say(|conn, _| conn.drain())
        .say(|conn, out| conn.respond(200, NONE, b"goodbye", out).unwrap())
        .eof();
    insta::assert_snapshot!(talk.log);
}

#[test]
fn http_1_0_with_and_without_keep_alive() {
    let mut talk = server();
    talk.hear("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .say(|conn, out| conn.respond(200, NONE, b"more?", out).unwrap())
        .hear("GET / HTTP/1.0\r\n\r\n")
        .say(|conn, out| {
            conn.send_response(200, NONE, BodyLength::Chunked, out).unwrap();
            conn.send_data(b"no chunks for you", out).unwrap();
            conn.finish(out).unwrap();
        });
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_client_pipelines() {
    let mut talk = client();
    let host = [("host", "a")];
    talk.say(|conn, out| {
        conn.send_request(("HEAD", "/1"), host, BodyLength::None, out).unwrap();
        conn.send_request(("POST", "/2"), host, BodyLength::Chunked, out).unwrap();
        conn.send_data(b"content", out).unwrap();
        conn.send_trailers([("x-sum", "7")], out).unwrap();
        conn.send_request(("GET", "/3"), host, BodyLength::None, out).unwrap();
    })
    .hear("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.")
    .hear("1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    .hear("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end")
    .eof();
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_client_knows_what_was_not_answered() {
    let mut talk = client();
    let host = [("host", "a")];
    talk.say(|conn, out| {
        conn.send_request(("GET", "/1"), host, BodyLength::None, out).unwrap();
        conn.send_request(("GET", "/2"), host, BodyLength::None, out).unwrap();
    })
    .hear("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    let left: Vec<_> = talk.desk.conn.unfinished().map(|(id, verdict)| (id.0, verdict)).collect();
    assert_eq!(left, [(1, Verdict::Unprocessed)]);
    insta::assert_snapshot!(talk.log);
}

#[test]
fn content_that_nobody_reads() {
    let mut talk = server();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
    talk.hear(&format!("{head}01234"))
        .say(|conn, out| conn.respond(200, NONE, b"enough", out).unwrap())
        .hear("56789")
        .hear(head)
        .say(|conn, out| conn.respond(200, NONE, b"before any of it came", out).unwrap());
    insta::assert_snapshot!(talk.log);
}

const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x01\x02";

fn offer(conn: &mut ClientConnection, out: &mut Vec<u8>) {
    let fields = [("host", "a"), ("connection", "upgrade"), ("upgrade", "x")];
    conn.send_request(("POST", "/"), fields, BodyLength::Known(5), out).unwrap();
    conn.send_data(b"he", out).unwrap();
}

/// RFC 9110 §7.8: the server is early, and the rest of the request still comes first.
#[test]
fn a_client_switches_behind_its_whole_request() {
    let mut talk = client();
    talk.say(offer).hear(SWITCH).say(|conn, out| {
        assert!(!conn.can_send_request(), "no other request may go");
        conn.send_data(b"llo", out).unwrap();
        conn.finish(out).unwrap();
    });
    insta::assert_snapshot!(talk.log);
}

#[test]
fn a_client_that_gave_its_request_up_does_not_switch() {
    let mut talk = client();
    talk.say(offer).say(|conn, _| conn.abandon_request()).hear(SWITCH);
    insta::assert_snapshot!(talk.log);
}
