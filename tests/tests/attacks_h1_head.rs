//! Attacks by malformed or oversized heads.

use h1_proto::{
    BodyLength, ClientConnection, Config, ErrorKind, SendError, ServerConnection, TargetForm,
};
use tests::split::{self, START, Then, ok_at_end};

/// The request line, then lines with their own ends.
fn get(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\n{lines}\r\n")
}

#[track_caller]
fn refused(input: impl AsRef<[u8]>, status: u16, kind: ErrorKind) -> split::Log {
    let log = split::server(input, ok_at_end);
    log.assert_refused(status);
    assert_eq!(log.kind(), kind, "{log:?}");
    assert_eq!(log.events, [], "nothing of it is surfaced");
    log
}

#[track_caller]
fn refused_all(attacks: &[&[u8]], status: u16, kind: ErrorKind) {
    for attack in attacks {
        refused(attack, status, kind);
    }
}

#[test]
fn a23_space_before_colon() {
    for line in ["Content-Length : 5", "Content-Length\t: 5", "Host : a", "X : y"] {
        let log = refused(get(&format!("Host: a\r\n{line}\r\n")), 400, ErrorKind::FieldName);
        let name = line.split([' ', '\t']).next();
        assert_eq!(log.failure().field(), name);
        let at = "GET / HTTP/1.1\r\nHost: a\r\n".len() + name.map_or(0, str::len);
        assert_eq!(log.failure().offset(), at as u64, "the error points at the space");
    }
}

#[test]
fn a24_obs_fold() {
    for lines in [
        "Host: a\r\nX: a\r\n Transfer-Encoding: chunked\r\n",
        "Host: a\r\nX: a\r\n\tTransfer-Encoding: chunked\r\n",
        "Host: a\r\nTransfer-Encoding:\r\n chunked\r\n",
        "Host: a\r\n b\r\n",
        "Host: a\r\nX: a\r\n \r\n",
    ] {
        refused(get(lines), 400, ErrorKind::FoldedField);
    }
}

#[test]
fn a25_white_space_before_the_first_field() {
    for lines in ["\tContent-Length: 1\r\nHost: a\r\n", " Host: a\r\n", " \r\nHost: a\r\n"] {
        refused(get(lines), 400, ErrorKind::SpaceBeforeFields);
    }
}

#[test]
fn a26_bare_lf() {
    refused_all(
        &[
            b"GET / HTTP/1.1\nHost:a\n\n",
            b"GET / HTTP/1.1\r\nHost:a\n\r\n",
            b"GET / HTTP/1.1\r\nHost:a\r\n\n",
            b"GET / HTTP/1.1\r\nHost:a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n",
            b"\nGET / HTTP/1.1\r\nHost:a\r\n\r\n",
        ],
        400,
        ErrorKind::BareLf,
    );
}

#[test]
fn a26_bare_lf_by_flag() {
    let mut config = Config::default();
    config.leniency.bare_lf = true;
    for head in [
        "GET / HTTP/1.1\nHost:a\n\n",
        "\nGET / HTTP/1.1\r\nHost:a\n\r\n",
        "GET / HTTP/1.1\nHost:a\r\n\n",
    ] {
        let log = split::server_with(config.clone(), Then::Open, head, ok_at_end);
        log.assert_fine();
        assert_eq!(log.heads()[0].field("host"), Some(&b"a"[..]));
        assert_eq!(log.statuses(), [200]);
    }
    // The knob is for heads: chunk lines end with CRLF whatever it says.
    let chunk = "POST / HTTP/1.1\nHost:a\nTransfer-Encoding:chunked\n\n5\nhello\r\n0\r\n\r\n";
    let log = split::server_with(config, Then::Open, chunk, ok_at_end);
    assert_eq!(log.kind(), ErrorKind::BareLf);
}

#[test]
fn a27_bare_cr() {
    refused_all(
        &[
            b"GET / HTTP/1.1\r\nHost: a\r\nX-Abc: \rxTransfer-Encoding: chunked\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX-Abc: x\rTransfer-Encoding: chunked\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n",
            b"GET / HTTP/1.1\rX: y\r\nHost: a\r\n\r\n",
            b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ],
        400,
        ErrorKind::BareCr,
    );
}

#[test]
fn a28_controls_in_a_value() {
    for control in (0..0x20u8).chain([0x7f]).filter(|octet| !b"\t\r\n".contains(octet)) {
        let attack =
            [b"GET / HTTP/1.1\r\nHost: a\r\nH: v", &[control][..], b"alue\r\n\r\n"].concat();
        let log = refused(attack, 400, ErrorKind::FieldValue);
        assert_eq!(log.failure().field(), Some("H"));
        assert_eq!(log.failure().offset(), 29, "{control:#x}");
    }
}

#[test]
fn a28_controls_in_a_name() {
    for octet in (0..=255u8).filter(|&octet| !h1_proto::grammar::TCHAR[usize::from(octet)]) {
        // A colon ends the name, a line end the line: those are other tests.
        if b":\r\n".contains(&octet) {
            continue;
        }
        let attack =
            [b"GET / HTTP/1.1\r\nHost: a\r\nna", &[octet][..], b"me: value\r\n\r\n"].concat();
        refused(attack, 400, ErrorKind::FieldName);
    }
}

#[test]
fn a29_response_splitting() {
    let (mut conn, mut out) = asked();
    for value in ["a\r\nX: y", "a\nX: y", "a\rX: y", "a\0", "\r\n\r\nHTTP/1.1 200 OK", " a", "a\t"]
    {
        let fields = [("ok", "ok"), ("x", value)];
        let sent = conn.respond(200, &fields, b"", &mut out);
        assert_eq!(sent, Err(SendError::InvalidFieldValue(1)), "{value:?}");
        let sent = conn.send_informational(103, &fields, &mut out);
        assert_eq!(sent, Err(SendError::InvalidFieldValue(1)), "{value:?}");
    }
    for name in ["", "a b", "a:", "a\r\nX", "é", "a\0"] {
        let sent = conn.respond(200, [(name, "v")], b"", &mut out);
        assert_eq!(sent, Err(SendError::InvalidFieldName(0)), "{name:?}");
    }
    for reason in ["OK\r\nX: y", "OK\n", "\0"] {
        let sent = conn.respond((200, reason), [("x", "y")], b"", &mut out);
        assert_eq!(sent, Err(SendError::InvalidReason), "{reason:?}");
    }
    assert_eq!(out, b"", "nothing of it went out");
    conn.send_response(200, [("x", "y")], BodyLength::Chunked, &mut out).unwrap();
    let before = out.clone();
    for value in ["a\r\nX: y", "\n"] {
        let sent = conn.send_trailers([("t", value)], &mut out);
        assert_eq!(sent, Err(SendError::InvalidFieldValue(0)), "trailer {value:?}");
    }
    assert_eq!(out, before);
    conn.send_trailers([("t", "fine")], &mut out).unwrap();
}

#[test]
fn a29_request_splitting() {
    let mut conn = ClientConnection::new(Config::client(), START);
    let mut out = Vec::new();
    let mut send = |method: &str, target: &str, fields: &[(&str, &str)]| {
        conn.send_request((method, target), fields, BodyLength::None, &mut out).map(|_| ())
    };
    let host = ("host", "a");
    for method in ["", "GET ", "G ET", "GET\r\n", "GET /x HTTP/1.1\r\nHost: b\r\n\r\nGET"] {
        assert_eq!(send(method, "/", &[host]), Err(SendError::InvalidMethod), "{method:?}");
    }
    for target in ["", "/ ", "/a b", "/\r\nX: y", "/a HTTP/1.1\r\n\r\n", "/\0", "/é", "/#f", "a"] {
        assert_eq!(send("GET", target, &[host]), Err(SendError::InvalidTarget), "{target:?}");
    }
    for value in ["a\r\nX: y", "a\n", "a\0"] {
        let sent = send("GET", "/", &[host, ("x", value)]);
        assert_eq!(sent, Err(SendError::InvalidFieldValue(1)), "{value:?}");
    }
    assert_eq!(send("GET", "/", &[host]), Ok(()));
    assert_eq!(out, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "the refused ones left nothing");
}

#[test]
fn a30_host() {
    refused(get(""), 400, ErrorKind::HostMissing);
    refused(get("X: y\r\n"), 400, ErrorKind::HostMissing);
    refused(get("Host: a\r\nHost: a\r\n"), 400, ErrorKind::HostRepeated);
    refused(get("Host: a\r\nX: y\r\nhOST: b\r\n"), 400, ErrorKind::HostRepeated);
    refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, ErrorKind::HostRepeated);
    for host in [
        "a@b",
        "u:p@b",
        "a:b",
        "a:65536",
        "a/b",
        "a b",
        "a, b",
        "a?b",
        "a#b",
        "[::1",
        "[::1]x",
        "[1.2.3.4]",
        ":80",
        "a:80:80",
        "http://a",
        "a%2",
        "é",
    ] {
        let log = refused(get(&format!("Host: {host}\r\n")), 400, ErrorKind::HostInvalid);
        assert_eq!(log.failure().field(), Some("Host"), "{host}");
    }
    refused(get("Host: a\x00.b\r\n"), 400, ErrorKind::FieldValue);
}

#[test]
fn a30_absolute_form_wins_over_host() {
    let log = split::server("GET http://real/x HTTP/1.1\r\nHost: fake\r\n\r\n", ok_at_end);
    log.assert_fine();
    let head = log.heads()[0];
    assert_eq!(head.authority(), Some(&b"real"[..]));
    assert_eq!(head.target_form(), TargetForm::Absolute);
    // It does not make an invalid or repeated Host valid.
    let line = "GET http://real/x HTTP/1.1\r\n";
    refused(format!("{line}Host: a@b\r\n\r\n"), 400, ErrorKind::HostInvalid);
    refused(format!("{line}Host: real\r\nHost: b\r\n\r\n"), 400, ErrorKind::HostRepeated);
    refused(format!("{line}\r\n"), 400, ErrorKind::HostMissing);
}

#[test]
fn a31_request_target_junk() {
    for target in [
        "/a\x7f",
        "/\0",
        "/\t",
        "/#fragment",
        "/é",
        "/<",
        "/\"",
        "a",
        "http://",
        "http:///x",
        "//",
        "*",
        "http://u@h/",
        "http://a:b/",
        "?q",
        "1http://a/",
        "://a",
    ] {
        // Two slashes are a path like any other.
        if target == "//" {
            continue;
        }
        let attack = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        refused(attack, 400, ErrorKind::Target);
    }
    refused("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::Version);
    refused("GET /\nHTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::Version);
    refused("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::Target);
    refused("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::Version);
    refused("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::Method);
    refused("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::Target);
    refused("OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::Target);
    for target in ["/", "a", "a:", "a:0", "a:99999", "http://a:80", "*", "a:80/"] {
        let attack = format!("CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        refused(attack, 400, ErrorKind::Target);
    }
}

#[test]
fn a32_version_junk() {
    for version in [
        "HTTP/1.32",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/1",
        "HTTP/11",
        "http/1.1",
        "HTTP 1.1",
        "HTTP/1,1",
        "HTTP/+1.1",
        "HTTP/1.1 ",
        "HTTP/1.1x",
        "HTP/1.1",
        "HTTP/4294967295.255",
        "HTTPS/1.1",
        "",
        "HTTP/٠.٠",
    ] {
        refused(format!("GET / {version}\r\nHost: a\r\n\r\n"), 400, ErrorKind::Version);
    }
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9"] {
        refused(format!("GET / {version}\r\nHost: a\r\n\r\n"), 505, ErrorKind::VersionUnsupported);
    }
    let log = split::server("GET / HTTP/\r\r1.1\r\nHost: a\r\n\r\n", ok_at_end);
    log.assert_refused(400);
    // HTTP/0.9 without a version is nothing that we speak either.
    refused("GET /\r\n", 400, ErrorKind::Version);
}

#[test]
fn a33_method_junk() {
    refused("G=\"<>\" / HTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::Method);
    refused("GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::Method);
    refused("GÉT / HTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::Method);
    refused(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, ErrorKind::NotHttp);
    refused(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400, ErrorKind::NotHttp);
    let long = "M".repeat(33);
    refused(format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n"), 501, ErrorKind::MethodTooLong);
    // Methods are compared as a whole and by letter case: these are other methods.
    for method in ["GETX", "GE", "get", "CONNECTED", "connect", "M-SEARCH", &long[1..]] {
        let log = split::server(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"), ok_at_end);
        log.assert_fine();
        assert_eq!(log.heads()[0].method(), method.as_bytes());
    }
}

#[test]
fn a34_field_flood() {
    // Host is the first of 128.
    let lines = format!("Host: a\r\n{}", "a:\r\n".repeat(127));
    split::server(get(&lines), ok_at_end).assert_fine();
    let attack = get(&format!("{lines}a:\r\n"));
    let log = refused(attack, 431, ErrorKind::TooManyFields);
    let at = "GET / HTTP/1.1\r\n".len() + lines.len();
    assert_eq!(log.failure().offset(), at as u64, "at field 129");
    assert_eq!(log.failure().rule(), "fields_max");
}

#[test]
fn a34_one_long_field() {
    let attack = get(&format!("Host: a\r\nX: {}\r\n", "y".repeat(16 << 10)));
    let log = refused(attack, 431, ErrorKind::FieldTooLong);
    assert_eq!(log.failure().rule(), "field_bytes_max");
}

#[test]
fn a34_a_head_of_many_long_fields() {
    let line = format!("X: {}\r\n", "y".repeat(8000));
    let log = refused(get(&format!("Host: a\r\n{}", line.repeat(5))), 431, ErrorKind::HeadTooLong);
    assert_eq!(log.failure().offset(), 32 << 10);
    assert_eq!(log.failure().rule(), "head_bytes_max");
}

#[test]
fn a34_fields_without_end_take_no_more_memory_than_the_limit() {
    let mut conn = ServerConnection::new(Config::default(), START);
    let mut head = h1_proto::Head::new();
    let mut fed = 0usize;
    let piece = b"GET / HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
    let error = loop {
        let mut input = &piece[..];
        match conn.next_event(&mut input, &mut head) {
            Ok(event) => assert_eq!(event, None),
            Err(error) => break error,
        }
        fed += piece.len();
        assert!(fed <= 64 << 10, "it has to end somewhere");
    };
    assert!(error.status().is_some());
}

#[test]
fn a35_long_start_line() {
    let attack = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8192));
    let log = refused(attack, 414, ErrorKind::StartLineTooLong);
    assert_eq!(log.failure().rule(), "start_line_bytes_max");
    let fits = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8192 - 16));
    split::server(fits, ok_at_end).assert_fine();
    // A method without end is a method that nobody serves.
    refused("M".repeat(9000), 501, ErrorKind::MethodTooLong);
}

#[test]
fn a48_a_head_octet_by_octet_is_linear_work() {
    // 30 KiB in lines of all lengths, each cut anywhere: the helper bounds the work of each run.
    let mut lines = String::from("Host: a\r\n");
    for length in 0..100 {
        lines.push_str(&format!("x-{length}: {}\r\n", "v".repeat(length * 6)));
    }
    let log = split::server(get(&lines), ok_at_end);
    log.assert_fine();
    assert_eq!(log.heads()[0].fields().len(), 101);
}

#[test]
fn a52_colliding_field_names() {
    // Fields are a list in order: there is no table to fill with collisions.
    let lines: String = (0..127).map(|index| format!("A{:07}: {index}\r\n", index * 8)).collect();
    let log = split::server(get(&format!("Host: a\r\n{lines}")), ok_at_end);
    log.assert_fine();
    let head = log.heads()[0];
    assert_eq!(head.fields().len(), 128);
    assert_eq!(head.field("a0001008"), Some(&b"126"[..]));
}

#[test]
fn a55_empty_name_or_no_colon() {
    for lines in ["Host: a\r\n: x\r\n", "Host a\r\n", "Host: a\r\nX\r\n", "Host: a\r\n:\r\n"] {
        refused(get(lines), 400, ErrorKind::FieldName);
    }
}

fn asked() -> (ServerConnection, Vec<u8>) {
    let mut conn = ServerConnection::new(Config::default(), START);
    let mut head = h1_proto::Head::new();
    let mut input = &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..];
    while conn.next_event(&mut input, &mut head).unwrap().is_some() {}
    (conn, Vec::new())
}
