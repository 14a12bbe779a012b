//! The example server over plain sockets, read without the code under test: pipelining, what is
//! refused with which status, and the graceful end.
#![cfg(unix)]
#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "tests have std")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

#[path = "../peers/mod.rs"]
mod peers;

use peers::{LIMIT, Wire, noise, serve, serve_with_descriptors, two_workers_start_with};

#[test]
fn twenty_requests_in_one_write_are_answered_in_their_order() {
    let server = serve();
    let mut requests = Vec::new();
    for index in 0..20 {
        let text = match index % 4 {
            0 => format!("GET /bytes/{index} HTTP/1.1\r\nHost: a\r\n\r\n"),
            1 => format!("HEAD /bytes/{index} HTTP/1.1\r\nHost: a\r\n\r\n"),
            2 => format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nknown {index:02}"),
            _ => format!(
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                 4;x=y\r\nchun\r\n6\r\nked {index:02}\r\n0\r\nX-Trailer: t\r\n\r\n"
            ),
        };
        requests.extend_from_slice(text.as_bytes());
    }
    let mut wire = Wire::connect(server.address);
    wire.send(requests);
    for index in 0..20 {
        let answer = wire.answer(index % 4 == 1);
        assert_eq!(answer.status, 200, "{index}: {answer:?}");
        assert!(!answer.closes(), "{index}: {answer:?}");
        match index % 4 {
            0 => assert_eq!(answer.body, vec![b'x'; index]),
            1 => assert_eq!(answer.field("content-length"), Some(index.to_string().as_str())),
            2 => assert_eq!(answer.body, format!("known {index:02}").into_bytes()),
            _ => assert_eq!(answer.body, format!("chunked {index:02}").into_bytes()),
        }
    }
    wire.stream.shutdown(Shutdown::Write).expect("it is open");
    assert_eq!(wire.rest(), b"", "nothing comes behind the last answer");
}

/// A request that comes octet by octet, each in a write of its own.
#[test]
fn a_request_in_single_octets_is_answered() {
    let server = serve();
    let mut wire = Wire::connect(server.address);
    wire.stream.set_nodelay(true).expect("it can be set");
    for octet in
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    {
        wire.send([*octet]);
    }
    assert_eq!(wire.answer(false).body, b"abc");
}

#[test]
fn what_is_malformed_is_refused_with_its_status_and_the_connection_closes() {
    let long = "a".repeat(40_000);
    let many = "X-Field: value\r\n".repeat(200);
    let cases: &[(u16, &str, String)] = &[
        (400, "no Host", "GET / HTTP/1.1\r\n\r\n".into()),
        (400, "two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".into()),
        (400, "a Host that is none", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".into()),
        (400, "HTTP/0.9", "GET /\r\n".into()),
        (400, "no HTTP", "\x16\x03\x01\x02\r\n\r\n".into()),
        (400, "lower case version", "GET / http/1.1\r\nHost: a\r\n\r\n".into()),
        (400, "two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        (400, "bare LF", "GET / HTTP/1.1\nHost: a\n\n".into()),
        (400, "bare CR", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n".into()),
        (400, "space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n".into()),
        (400, "space before the fields", "GET / HTTP/1.1\r\n Host: a\r\n\r\n".into()),
        (400, "a folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n".into()),
        (400, "NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n".into()),
        (400, "two lengths", post("Content-Length: 3\r\nContent-Length: 4", "abc")),
        (400, "a signed length", post("Content-Length: +3", "abc")),
        (400, "a length too large", post("Content-Length: 99999999999999999999", "")),
        (
            400,
            "both framings",
            post("Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ),
        (400, "chunked twice", post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n")),
        (400, "chunked not last", post("Transfer-Encoding: chunked, gzip", "0\r\n\r\n")),
        (
            400,
            "HTTP/1.0 with chunked",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
        ),
        (400, "a chunk size that is none", post("Transfer-Encoding: chunked", "0x3\r\nabc\r\n")),
        (
            400,
            "a chunk size too large",
            post("Transfer-Encoding: chunked", "fffffffffffffffff\r\n"),
        ),
        (413, "five GiB", post("Content-Length: 5368709120", "")),
        (414, "a long target", format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")),
        (431, "a long field", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")),
        (431, "many fields", format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")),
        (501, "an unknown coding", post("Transfer-Encoding: brotli, chunked", "0\r\n\r\n")),
        (501, "a long method", format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(100))),
        (505, "HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n".into()),
        (505, "almost the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n".into()),
    ];
    let server = serve();
    let mut wrong = String::new();
    for (status, name, request) in cases {
        let mut wire = Wire::connect(server.address);
        wire.send(request);
        let answer = wire.answer(false);
        let rest = wire.rest();
        if answer.status != *status || !answer.closes() || !rest.is_empty() {
            let _ = writeln!(wrong, "{name}: {answer:?}, rest {:?}", rest.escape_ascii());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let mut wire = Wire::connect(server.address);
    wire.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(wire.answer(false).body, b"Hello, World!", "the server is unharmed");
}

/// The other protocol that the server speaks (RFC 9113 §3.4).
#[test]
fn the_preface_of_http_2_is_answered_with_settings() {
    let server = serve();
    let mut wire = Wire::connect(server.address);
    wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let mut header = [0; 9];
    wire.stream.read_exact(&mut header).expect("a frame comes");
    assert_eq!(header[3..], [4, 0, 0, 0, 0, 0], "SETTINGS on the connection");
}

fn post(framing: &str, content: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{content}")
}

/// What was begun cannot be taken back: the client sees that the end is missing.
#[test]
fn an_answer_under_way_is_cut_when_its_request_turns_out_malformed() {
    let server = serve();
    let mut wire = Wire::connect(server.address);
    wire.send(post("Transfer-Encoding: chunked", "3\r\nabcd\r\n0\r\n\r\n"));
    let rest = wire.rest();
    assert!(rest.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", rest.escape_ascii());
    assert!(rest.ends_with(b"\r\n\r\n3\r\nabc\r\n"), "{}", rest.escape_ascii());
}

#[test]
fn the_answers_before_a_malformed_request_still_come() {
    let server = serve();
    let mut wire = Wire::connect(server.address);
    wire.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\nGET /bytes/5 HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n");
    assert_eq!(wire.answer(false).body, b"Hello, World!");
    assert_eq!(wire.answer(false).body, b"xxxxx");
    let refusal = wire.answer(false);
    assert_eq!((refusal.status, refusal.closes()), (400, true));
    assert_eq!(wire.rest(), b"");
}

#[test]
fn a_client_that_closes_its_side_is_still_answered() {
    let server = serve();
    let mut wire = Wire::connect(server.address);
    wire.send("GET /delay/50 HTTP/1.1\r\nHost: a\r\n\r\n");
    wire.stream.shutdown(Shutdown::Write).expect("it is open");
    assert_eq!(wire.answer(false).body, b"here it is\n");
    assert_eq!(wire.rest(), b"");
}

/// A large upload whose echo is not read while it is sent: the server holds it back and neither
/// loses an octet nor stands still.
#[test]
fn an_echo_that_is_read_late_is_complete() {
    let server = serve();
    let content = noise(20 << 20, 7);
    let mut wire = Wire::connect(server.address);
    let mut sending = wire.stream.try_clone().expect("it can be cloned");
    let length = content.len();
    let sent = content.clone();
    let sender = thread::spawn(move || {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        sending.write_all(head.as_bytes())?;
        sending.write_all(&sent)
    });
    let answer = wire.answer(false);
    sender.join().expect("it does not panic").expect("all of it is read");
    assert!(answer.body == content, "{} octets of {length} came back", answer.body.len());
}

/// The 100 (Continue) proves that the request is with its handler when the signal comes.
#[test]
fn a_drain_lets_the_exchange_under_way_end_and_says_so() {
    let server = serve();
    let mut wire = Wire::connect(server.address);
    wire.send(post("Content-Length: 5\r\nExpect: 100-continue", ""));
    assert_eq!(wire.answer(false).status, 100);
    let mut idle = Wire::connect(server.address);
    idle.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!idle.answer(false).closes());

    server.interrupt();
    server.line("draining");
    assert_eq!(idle.rest(), b"", "an idle connection closes at once");
    refused(server.address);
    wire.send("hello");
    let answer = wire.answer(false);
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"hello".as_slice()));
    assert!(answer.closes(), "{answer:?}");
    assert_eq!(wire.rest(), b"");
    server.line("done");
    assert!(server.end().success());
}

/// Once the drain has begun, nobody can connect.
fn refused(address: std::net::SocketAddr) {
    let until = Instant::now() + LIMIT;
    while TcpStream::connect_timeout(&address, LIMIT).is_ok() {
        assert!(Instant::now() < until, "it still accepts");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The same with a handler that only takes its time. If this machine was so slow that the answer
/// came before the signal, it is tried again with a longer time.
#[test]
fn a_drain_waits_for_a_slow_handler() {
    for milliseconds in [300, 2_000, 10_000] {
        let server = serve();
        let mut wire = Wire::connect(server.address);
        // In one write: whoever sees the first answer knows that the server has the other request.
        wire.send(format!(
            "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n\
             GET /delay/{milliseconds} HTTP/1.1\r\nHost: a\r\n\r\n"
        ));
        assert!(!wire.answer(false).closes());
        server.interrupt();
        server.line("draining");
        let in_time = wire.silent();
        let answer = wire.answer(false);
        assert_eq!(answer.body, b"here it is\n");
        if in_time {
            assert!(answer.closes(), "{answer:?}");
        }
        assert_eq!(wire.rest(), b"");
        assert!(server.end().success());
        if in_time {
            return;
        }
    }
    panic!("no signal came in time");
}

#[test]
fn a_second_signal_cancels() {
    let server = serve();
    let mut wire = Wire::connect(server.address);
    wire.send(post("Content-Length: 5\r\nExpect: 100-continue", ""));
    assert_eq!(wire.answer(false).status, 100);
    server.interrupt();
    server.line("draining");
    server.interrupt();
    server.line("done");
    assert!(server.end().success());
}

#[test]
fn a_lack_of_descriptors_is_survived() {
    // A few go to the runtime; the rest is less than the connections that come.
    let server = serve_with_descriptors(24);
    let held: Vec<TcpStream> =
        (0..60).map(|_| TcpStream::connect_timeout(&server.address, LIMIT).unwrap()).collect();
    // So the listener has met the lack by the time it answers again.
    drop(held);
    let mut wire = Wire::connect(server.address);
    wire.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(wire.answer(false).body, b"Hello, World!");
}

/// The last thing that a start takes is the listener of the second worker: with one descriptor less than
/// are enough it is the one that fails, and nothing is served.
#[test]
fn a_start_fails_as_a_whole() {
    let refused: Vec<_> =
        (8..100).map_while(|descriptors| two_workers_start_with(descriptors).err()).collect();
    assert!((1..92).contains(&refused.len()), "{}", refused.len());
    for output in refused {
        assert!(!output.status.success());
        assert!(output.stderr.contains("cannot serve on 127.0.0.1:0"), "{output:?}");
    }
}

/// RFC 9110 §6.6.1: also the answers that the driver gives by itself have a date.
#[test]
fn refusals_have_a_date() {
    let server = serve();
    let mut wire = Wire::connect(server.address);
    wire.send("GET / HTTP/1.1\r\n\r\n");
    let answer = wire.answer(false);
    assert_eq!(answer.status, 400);
    assert!(answer.field("date").is_some_and(|date| date.ends_with(" GMT")), "{answer:?}");
}
