//! Every limit at both sides, its default, and its row in the table of ARCHITECTURE.md; those of time are in
//! `limits_h1_time`.
//!
//! The test of a limit has the name of its field in `Config`; a field without a test or without a
//! row fails [`every_field_has_a_row_and_a_test`].

mod limits_h1_table;

use core::time::Duration;

use h1_proto::{BodyLength, Config, ErrorKind, KeepAlive, NextStep, SendError, ServerConnection};
use limits_h1_table::{
    CHUNKED, GET, SECOND, architecture, asked, config, field_names, get, over, row,
};
use tests::desk::Desk;
use tests::split::{self, Log, Then, ok_at_end};

#[test]
fn every_field_has_a_row_and_a_test() {
    let tests = [include_str!("limits_h1.rs"), include_str!("limits_h1_time.rs")];
    let names = field_names(&Config::default());
    let fields: Vec<_> = names.iter().filter(|(depth, _)| *depth == 1).collect();
    assert!(fields.len() >= 31, "the names are found: {fields:?}");
    for (_, name) in fields {
        assert_eq!(row(name).len(), 4, "limit, default, what happens over it, status: `{name}`");
        let test = format!("#[test]\nfn {name}() {{");
        assert!(tests.iter().any(|it| it.contains(&test)), "`{name}` has no test");
    }
    let text = architecture();
    for (_, flag) in names.iter().filter(|(depth, _)| *depth > 1) {
        assert!(text.contains(&format!("`{flag}`")), "`{flag}` is not in ARCHITECTURE.md");
    }
}

#[test]
fn every_row_is_a_field() {
    let text = architecture();
    let (_, limits) = text.split_once("\n## Limits\n").expect("the section is there");
    let limits = limits.split("\n## ").next().unwrap_or_default();
    let names = field_names(&Config::default());
    for line in limits.lines() {
        if let Some((name, _)) = line.strip_prefix("| `").and_then(|rest| rest.split_once('`')) {
            assert!(names.iter().any(|(_, field)| field == name), "`{name}` is no field");
        }
    }
}

/// Section 8 of the design, the part of HTTP/1.1.
#[test]
fn the_defaults() {
    let Config {
        start_line_bytes_max,
        head_bytes_max,
        fields_max,
        field_bytes_max,
        trailers_bytes_max,
        trailers_max,
        chunk_line_bytes_max,
        chunk_extension_bytes_max,
        chunk_extension_body_ratio,
        body_bytes_max,
        ..
    } = Config::default();
    assert_eq!(start_line_bytes_max, 8 * 1024);
    assert_eq!((head_bytes_max, fields_max, field_bytes_max), (32 * 1024, 128, 16 * 1024));
    assert_eq!((trailers_bytes_max, trailers_max), (8 * 1024, 32));
    assert_eq!(chunk_line_bytes_max, 256);
    assert_eq!((chunk_extension_bytes_max, chunk_extension_body_ratio), (1024, 8));
    assert_eq!(body_bytes_max, 1024 * 1024);

    let config = Config::default();
    assert_eq!((config.informational_max, config.informational_bytes_max), (8, 16 * 1024));
    assert_eq!((config.head_timeout, config.keep_alive_timeout), (SECOND * 5, SECOND * 5));
    assert_eq!((config.body_timeout, config.send_timeout), (SECOND * 30, SECOND * 30));
    assert_eq!(config.unread_body_bytes_max, 64 * 1024);
    assert_eq!(config.unread_body_timeout, SECOND * 2);
    assert_eq!((config.linger_timeout, config.drain_timeout), (SECOND * 5, SECOND * 30));
    assert_eq!((config.requests_max, config.keep_alive), (None, true));

    // What the design leaves open.
    assert_eq!((config.method_bytes_max, config.empty_lines_max), (32, 4));
    assert_eq!((config.pipeline_max, config.output_bytes_max), (32, 256 * 1024));
    assert_eq!((config.body_progress_bytes_min, config.send_progress_bytes_min), (1024, 1024));
    assert_eq!((config.linger_bytes_max, config.continue_timeout), (1024 * 1024, SECOND));
    let lenient = config.leniency;
    assert!(!lenient.bare_lf && !lenient.repeated_content_length);
    assert!(!lenient.content_length_with_transfer_encoding && lenient.folded_response_fields);

    assert_eq!(Config::small().requests_max, Some(100));
    let client = Config::client();
    assert_eq!((client.head_timeout, client.keep_alive_timeout), (SECOND * 30, SECOND * 60));
    assert_eq!(client.body_bytes_max, u64::MAX);
}

// ---- helpers ----

/// A server takes the one input and refuses the other with this status; in all cuts.
#[track_caller]
fn server_limit(
    config: &Config,
    fits: &str,
    too_much: &str,
    (limit, kind, status): (&str, ErrorKind, u16),
) -> Log {
    let log = split::server_with(config.clone(), Then::Open, fits, ok_at_end);
    log.assert_fine();
    assert_eq!((log.ends().len(), log.statuses()), (1, vec![200]), "{log:?}");
    let log = split::server_with(config.clone(), Then::Open, too_much, ok_at_end);
    log.assert_refused(status);
    assert!(log.ends().is_empty(), "{log:?}");
    over(log.failure(), limit, kind, Some(status));
    log
}

/// What a client that sent GET makes of the input; in all cuts.
#[track_caller]
fn client(config: &Config, input: &str) -> Log {
    split::client_with(config.clone(), get, input, Then::Open, |_, _, _| {})
}

/// A client takes the one input and refuses the other; in all cuts.
#[track_caller]
fn client_limit(config: &Config, fits: &str, too_much: &str, kind: ErrorKind) -> Log {
    let log = client(config, fits);
    log.assert_fine();
    assert_eq!(log.ends().len(), 1, "{log:?}");
    let log = client(config, too_much);
    assert_eq!((log.kind(), log.next_step), (kind, NextStep::Close), "{log:?}");
    log
}

// ---- heads ----

#[test]
fn start_line_bytes_max() {
    let config = config(|config| config.start_line_bytes_max = 40);
    // 16 octets beside the path.
    let request =
        |octets: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(octets - 16));
    let refusal = ("start_line_bytes_max", ErrorKind::StartLineTooLong, 414);
    let log = server_limit(&config, &request(40), &request(41), refusal);
    assert_eq!(log.failure().offset(), 40);
    let response = |octets: usize| {
        format!("HTTP/1.1 200 {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(octets - 15))
    };
    client_limit(&config, &response(40), &response(41), ErrorKind::StartLineTooLong);
    // It is not waited for what cannot come any more.
    let cut =
        |octets| split::server_with(config.clone(), Then::Open, &request(99)[..octets], ok_at_end);
    cut(39).assert_fine();
    assert_eq!(cut(40).kind(), ErrorKind::StartLineTooLong);
}

#[test]
fn method_bytes_max() {
    let config = config(|config| config.method_bytes_max = 7);
    let request = |method: &str| format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
    let refusal = ("method_bytes_max", ErrorKind::MethodTooLong, 501);
    let log = server_limit(&config, &request("OPTIONS"), &request("OPTIONSX"), refusal);
    assert_eq!(log.failure().offset(), 7);
}

#[test]
fn head_bytes_max() {
    let config = config(|config| config.head_bytes_max = 100);
    let request = |octets: usize| {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nx: \r\n\r\n";
        head.replace("x: ", &format!("x: {}", "y".repeat(octets - head.len())))
    };
    assert_eq!(request(100).len(), 100);
    let refusal = ("head_bytes_max", ErrorKind::HeadTooLong, 431);
    let log = server_limit(&config, &request(100), &request(101), refusal);
    assert_eq!(log.failure().offset(), 100);
    let response = |octets: usize| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx: \r\n\r\n";
        head.replace("x: ", &format!("x: {}", "y".repeat(octets - head.len())))
    };
    client_limit(&config, &response(100), &response(101), ErrorKind::HeadTooLong);
    let cut =
        |octets| split::server_with(config.clone(), Then::Open, &request(150)[..octets], ok_at_end);
    cut(99).assert_fine();
    assert_eq!(cut(100).kind(), ErrorKind::HeadTooLong);
}

#[test]
fn fields_max() {
    let config = config(|config| config.fields_max = 5);
    let request = |fields: usize| {
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(fields - 1))
    };
    let refusal = ("fields_max", ErrorKind::TooManyFields, 431);
    let log = server_limit(&config, &request(5), &request(6), refusal);
    assert_eq!(log.failure().offset(), 25 + 4 * 6, "at the field that is too much");
    let response = |fields: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n", "x: y\r\n".repeat(fields - 1))
    };
    client_limit(&config, &response(5), &response(6), ErrorKind::TooManyFields);
}

#[test]
fn field_bytes_max() {
    let config = config(|config| config.field_bytes_max = 30);
    // 5 octets beside the value.
    let line = |octets: usize| format!("x: {}\r\n", "y".repeat(octets - 5));
    let request = |octets| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", line(octets));
    let refusal = ("field_bytes_max", ErrorKind::FieldTooLong, 431);
    let log = server_limit(&config, &request(30), &request(31), refusal);
    assert_eq!(log.failure().offset(), 25 + 30);
    let response = |octets| format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n", line(octets));
    client_limit(&config, &response(30), &response(31), ErrorKind::FieldTooLong);
    // A trailer is a field.
    let trailer = |octets| format!("{CHUNKED}0\r\n{}\r\n", line(octets));
    server_limit(&config, &trailer(30), &trailer(31), refusal);
}

#[test]
fn empty_lines_max() {
    let config = config(|config| config.empty_lines_max = 3);
    let request = |lines: usize| "\r\n".repeat(lines) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let refusal = ("empty_lines_max", ErrorKind::TooManyEmptyLines, 400);
    let log = server_limit(&config, &request(3), &request(4), refusal);
    assert_eq!(log.failure().offset(), 6);
    // Each message has its own.
    let log = split::server_with(config, Then::Open, request(3).repeat(2), ok_at_end);
    assert_eq!(log.assert_fine().statuses(), [200, 200]);
}

// ---- content ----

#[test]
fn trailers_bytes_max() {
    let config = config(|config| config.trailers_bytes_max = 50);
    let request = |octets: usize| format!("{CHUNKED}0\r\nx: {}\r\n\r\n", "y".repeat(octets - 7));
    let refusal = ("trailers_bytes_max", ErrorKind::TrailersTooLong, 431);
    let log = server_limit(&config, &request(50), &request(51), refusal);
    assert_eq!(log.failure().offset(), CHUNKED.len() as u64 + 3 + 50);
}

#[test]
fn trailers_max() {
    let config = config(|config| config.trailers_max = 4);
    let request = |fields: usize| format!("{CHUNKED}0\r\n{}\r\n", "x: y\r\n".repeat(fields));
    let refusal = ("trailers_max", ErrorKind::TooManyTrailers, 431);
    let log = server_limit(&config, &request(4), &request(5), refusal);
    assert_eq!(log.failure().offset(), CHUNKED.len() as u64 + 3 + 4 * 6);
}

#[test]
fn chunk_line_bytes_max() {
    let config = config(|config| config.chunk_line_bytes_max = 20);
    let refusal = ("chunk_line_bytes_max", ErrorKind::ChunkLineTooLong, 400);
    let request =
        |octets: usize| format!("{CHUNKED}1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(octets - 4));
    let log = server_limit(&config, &request(20), &request(21), refusal);
    assert_eq!(log.failure().offset(), CHUNKED.len() as u64 + 20);
    // The last chunk's line is one, and digits alone can be too many.
    let last = |octets: usize| format!("{CHUNKED}0;{}\r\n\r\n", "e".repeat(octets - 4));
    server_limit(&config, &last(20), &last(21), refusal);
    let config = self::config(|config| config.chunk_line_bytes_max = 5);
    server_limit(
        &config,
        &format!("{CHUNKED}001\r\nx\r\n0\r\n\r\n"),
        &format!("{CHUNKED}0001\r\nx\r\n0\r\n\r\n"),
        refusal,
    );
}

#[test]
fn chunk_extension_bytes_max() {
    let config = config(|config| config.chunk_extension_bytes_max = 12);
    let refusal = ("chunk_extension_bytes_max", ErrorKind::ChunkExtensionsTooLong, 400);
    let request =
        |octets: usize| format!("{CHUNKED}1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(octets - 1));
    server_limit(&config, &request(12), &request(13), refusal);
    // They add up over the chunks of a message.
    let chunks = |octets: usize| {
        format!("{CHUNKED}1;12345\r\nx\r\n1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(octets - 7))
    };
    server_limit(&config, &chunks(12), &chunks(13), refusal);
    let two = [chunks(12), chunks(12)].concat();
    let log = split::server_with(config, Then::Open, two, ok_at_end);
    assert_eq!(log.assert_fine().statuses(), [200, 200], "each message has its own");
}

#[test]
fn chunk_extension_body_ratio() {
    let config = config(|config| {
        (config.chunk_extension_bytes_max, config.chunk_extension_body_ratio) = (5, 4);
    });
    let refusal = ("chunk_extension_bytes_max", ErrorKind::ChunkExtensionsTooLong, 400);
    // 40 octets of content pay for 10 of extensions.
    let request = |octets: usize| {
        let content = "x".repeat(40);
        format!("{CHUNKED}28\r\n{content}\r\n1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(octets - 1))
    };
    server_limit(&config, &request(10), &request(11), refusal);
    // A ratio of none is that of one.
    let config = self::config(|config| {
        (config.chunk_extension_bytes_max, config.chunk_extension_body_ratio) = (5, 0);
    });
    server_limit(&config, &request(40), &request(41), refusal);
}

#[test]
fn body_bytes_max() {
    let config = config(|config| config.body_bytes_max = 100);
    let refusal = ("body_bytes_max", ErrorKind::BodyTooLong, 413);
    let content = "x".repeat(101);
    let known = |octets: usize| {
        let content = &content[..octets];
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {octets}\r\n\r\n{content}")
    };
    let log = server_limit(&config, &known(100), &known(101), refusal);
    assert!(log.heads().is_empty(), "what is announced is enough");
    let chunked = |octets: usize| {
        let second = &content[..octets - 60];
        format!("{CHUNKED}3c\r\n{}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", &content[..60], second.len())
    };
    let log = server_limit(&config, &chunked(100), &chunked(101), refusal);
    assert_eq!(log.content().len(), 60, "nothing of the chunk that is too long");

    let ok = "HTTP/1.1 200 OK\r\n";
    let until_close = |octets: usize| {
        let input = format!("{ok}\r\n{}", &content[..octets]);
        split::client_with(config.clone(), get, input, Then::Eof, |_, _, _| {})
    };
    assert_eq!(until_close(100).assert_fine().content().len(), 100);
    assert_eq!(until_close(101).kind(), ErrorKind::BodyTooLong);
    let known = |octets| format!("{ok}Content-Length: {octets}\r\n\r\n{}", &content[..octets]);
    client_limit(&config, &known(100), &known(101), ErrorKind::BodyTooLong);
}

// ---- a client's ----

#[test]
fn informational_max() {
    let config = config(|config| config.informational_max = 3);
    let response = |times| {
        "HTTP/1.1 103 X\r\n\r\n".repeat(times) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    };
    let log = client_limit(&config, &response(3), &response(4), ErrorKind::TooManyInformational);
    over(log.failure(), "informational_max", ErrorKind::TooManyInformational, None);
    assert_eq!(log.interim().len(), 3);
}

#[test]
fn informational_bytes_max() {
    let config = config(|config| config.informational_bytes_max = 60);
    // 18 octets, then 23 beside the value.
    let response = |octets: usize| {
        let second = format!("HTTP/1.1 103 X\r\nx: {}\r\n\r\n", "y".repeat(octets - 18 - 23));
        format!("HTTP/1.1 100 X\r\n\r\n{second}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    };
    let log = client_limit(&config, &response(60), &response(61), ErrorKind::InformationalTooLong);
    over(log.failure(), "informational_bytes_max", ErrorKind::InformationalTooLong, None);
    assert_eq!(log.interim(), [100]);
}

#[test]
fn pipeline_max() {
    let mut desk = Desk::client(config(|config| config.pipeline_max = 3));
    for _ in 0..3 {
        assert!(desk.conn.can_send_request());
        get(&mut desk.conn, &mut desk.out);
    }
    let sent = desk.out.clone();
    let again =
        desk.conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut desk.out);
    assert_eq!(again, Err(SendError::PipelineFull));
    assert!(row("pipeline_max")[2].contains("SendError::PipelineFull"));
    assert!(!desk.conn.can_send_request() && desk.conn.in_flight() == 3 && desk.out == sent);
    desk.take();
    desk.feed("HTTP/1.1 204 X\r\n\r\n");
    assert!(desk.conn.can_send_request(), "an answer makes room");
}

// ---- output ----

fn begin(desk: &mut Desk<ServerConnection>, body: BodyLength) {
    desk.conn.send_response(200, [("x", "y"); 0], body, &mut desk.out).unwrap();
}

#[test]
fn output_bytes_max() {
    let mut desk = asked(config(|config| config.output_bytes_max = 100), GET);
    begin(&mut desk, BodyLength::Known(1000));
    desk.take();
    let content = [b'x'; 300];
    assert_eq!(desk.conn.send_data(&content, &mut desk.out), Ok(100), "as much as there is room");
    assert_eq!((desk.out.len(), desk.conn.unsent()), (100, 100));
    assert_eq!(desk.conn.send_data(&content, &mut desk.out), Ok(0));
    assert_eq!(desk.conn.send_data_splice(300, &mut desk.out).unwrap().len, 0);
    desk.conn.wrote(1);
    assert_eq!(desk.conn.send_data(&content, &mut desk.out), Ok(1));
    desk.take();
    assert_eq!(desk.conn.send_data_splice(100, &mut desk.out).unwrap().len, 100);
    assert_eq!(desk.conn.send_data(&content, &mut desk.out), Ok(0), "a promise is unsent");
    desk.conn.wrote(100);
    assert_eq!(desk.conn.send_data(&content[..99], &mut desk.out), Ok(99));
    // It holds for a client, too.
    let mut desk = Desk::client(config(|config| config.output_bytes_max = 100));
    let host = [("host", "a")];
    desk.conn.send_request(("PUT", "/"), host, BodyLength::Known(300), &mut desk.out).unwrap();
    desk.take();
    assert_eq!(desk.conn.send_data(&content, &mut desk.out), Ok(100));
    assert_eq!(desk.conn.send_data(&content[100..], &mut desk.out), Ok(0));
}

// ---- reuse ----

#[test]
fn requests_max() {
    let mut desk = Desk::server(config(|config| config.requests_max = Some(3)));
    for number in 1..=3 {
        desk.feed(GET);
        desk.conn.respond(200, [("x", "y"); 0], b"", &mut desk.out).unwrap();
        desk.pull();
        assert_eq!(desk.take().contains("connection: close"), number == 3, "{number}");
    }
    assert!(matches!(desk.conn.next_step(), NextStep::Linger { .. }));
    let events = desk.feed(GET);
    assert!(events.is_empty() && desk.conn.requests() == 3, "{events:?}");
    for max in [0, 1] {
        let config = config(|config| config.requests_max = Some(max));
        let log = split::server_with(config, Then::Open, GET.repeat(2), ok_at_end);
        assert_eq!(log.statuses(), [200], "one is answered in any case: {log:?}");
    }
}

#[test]
fn keep_alive() {
    let log = |allowed| {
        let config = config(|config| config.keep_alive = allowed);
        split::server_with(config, Then::Open, GET.repeat(2), ok_at_end)
    };
    assert_eq!(log(true).statuses(), [200, 200]);
    assert_eq!(log(false).statuses(), [200]);
    assert!(log(false).output_text().contains("connection: close\r\n"));
    let mut desk = Desk::client(config(|config| config.keep_alive = false));
    get(&mut desk.conn, &mut desk.out);
    assert!(desk.take().contains("connection: close\r\n"));
    assert_eq!((desk.conn.can_send_request(), desk.conn.keep_alive()), (false, KeepAlive::Close));
}

// ---- leniency ----

/// With the flag off it is refused for this, with it on it is taken.
#[track_caller]
fn flag(set: fn(&mut Config), input: &str, kind: ErrorKind) {
    let log = split::server_with(Config::default(), Then::Open, input, ok_at_end);
    log.assert_refused(400);
    assert_eq!(log.kind(), kind);
    let log = split::server_with(config(set), Then::Open, input, ok_at_end);
    assert_eq!(log.assert_fine().statuses(), [200]);
}

#[test]
fn leniency() {
    flag(|config| config.leniency.bare_lf = true, "GET / HTTP/1.1\nHost: a\n\n", ErrorKind::BareLf);
    flag(
        |config| config.leniency.content_length_with_transfer_encoding = true,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        ErrorKind::ContentLengthWithTransferEncoding,
    );
    flag(
        |config| config.leniency.repeated_content_length = true,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nok",
        ErrorKind::ContentLengthRepeated,
    );
    // On by default, since the RFC demands it.
    let folded = "HTTP/1.1 200 OK\r\nx: a\r\n b\r\nContent-Length: 0\r\n\r\n";
    let strict = config(|config| config.leniency.folded_response_fields = false);
    assert_eq!(client(&strict, folded).kind(), ErrorKind::FoldedField);
    let log = client(&Config::default(), folded);
    assert_eq!(log.assert_fine().heads()[0].field("x"), Some(&b"a   b"[..]));
}

// ---- extremes ----

/// Whatever is configured, nothing panics, and what is refused is refused for a limit.
#[test]
fn limits_of_nothing_and_of_everything() {
    let zero = config(|config| {
        (config.start_line_bytes_max, config.method_bytes_max) = (0, 0);
        (config.head_bytes_max, config.fields_max, config.field_bytes_max) = (0, 0, 0);
        (config.trailers_bytes_max, config.trailers_max, config.empty_lines_max) = (0, 0, 0);
        (config.chunk_line_bytes_max, config.chunk_extension_bytes_max) = (0, 0);
        (config.body_bytes_max, config.informational_max) = (0, 0);
        (config.informational_bytes_max, config.pipeline_max) = (0, 0);
        (config.output_bytes_max, config.unread_body_bytes_max) = (0, 0);
    });
    let log = split::server_with(zero, Then::Open, GET, ok_at_end);
    assert!(log.failure().rule().ends_with("_max"), "{log:?}");
    let most = config(|config| {
        (config.start_line_bytes_max, config.method_bytes_max) = (usize::MAX, usize::MAX);
        (config.head_bytes_max, config.fields_max) = (usize::MAX, usize::MAX);
        (config.field_bytes_max, config.trailers_bytes_max) = (usize::MAX, usize::MAX);
        (config.trailers_max, config.empty_lines_max) = (usize::MAX, u8::MAX);
        (config.chunk_line_bytes_max, config.chunk_extension_bytes_max) = (usize::MAX, u64::MAX);
        (config.chunk_extension_body_ratio, config.body_bytes_max) = (u64::MAX, u64::MAX);
        (config.informational_max, config.informational_bytes_max) = (u8::MAX, usize::MAX);
        (config.pipeline_max, config.output_bytes_max) = (usize::MAX, usize::MAX);
        (config.unread_body_bytes_max, config.linger_bytes_max) = (u64::MAX, u64::MAX);
        (config.head_timeout, config.keep_alive_timeout) = (Duration::MAX, Duration::MAX);
        (config.body_timeout, config.send_timeout) = (Duration::MAX, Duration::MAX);
        (config.linger_timeout, config.drain_timeout) = (Duration::MAX, Duration::MAX);
        (config.unread_body_timeout, config.continue_timeout) = (Duration::MAX, Duration::MAX);
    });
    assert_eq!(most.memory_max_bytes(), usize::MAX, "no overflow");
    let input = format!("{CHUNKED}5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n{GET}");
    let log = split::server_with(most, Then::Open, input, ok_at_end);
    assert_eq!(log.assert_fine().statuses(), [200, 200]);
}
