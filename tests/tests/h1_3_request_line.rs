//! RFC 9112 §3: the request line, the forms of a request-target, Host.

use h1_proto::{
    BodyLength, ClientConnection, Config, ErrorKind, RequestLine, SendError, TargetForm, Version,
};
use tests::split::{self, START, ok_at_end, silent};

#[track_caller]
fn request(line: &str, host: &str) -> split::Log {
    split::server(format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n"), ok_at_end)
}

fn sent(line: (&str, &str), fields: &[(&str, &str)]) -> Result<String, SendError> {
    let mut conn = ClientConnection::new(Config::client(), START);
    let mut out = Vec::new();
    conn.send_request(line, fields, BodyLength::None, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

// R9112-015
#[test]
fn a_method_longer_than_any_is_501() {
    request(&format!("{} /", "A".repeat(32)), "a").assert_fine();
    let log = request(&format!("{} /", "A".repeat(33)), "a");
    assert_eq!((log.kind(), log.failure().offset()), (ErrorKind::MethodTooLong, 32));
    log.assert_refused(501);
}

// R9112-016
#[test]
fn a_target_longer_than_we_parse_is_414() {
    let mut config = Config::default();
    config.start_line_bytes_max = 100;
    let run = |octets: usize| {
        let line = format!("GET /{} HTTP/1.1\r\n", "x".repeat(octets - 16));
        assert_eq!(line.len(), octets);
        let input = format!("{line}Host: a\r\n\r\n");
        split::server_with(config.clone(), split::Then::Open, input, ok_at_end)
    };
    run(100).assert_fine();
    let log = run(101);
    assert_eq!((log.kind(), log.failure().offset()), (ErrorKind::StartLineTooLong, 100));
    log.assert_refused(414);
}

// R9112-017
#[test]
fn a_request_line_of_8000_octets_is_taken_and_sent() {
    let target = format!("/{}", "x".repeat(8000 - "GET / HTTP/1.1\r\n".len()));
    let input = sent(("GET", &target), &[("host", "a")]).unwrap();
    let log = split::server(input, ok_at_end);
    log.assert_fine();
    assert_eq!(log.targets(), [target]);
}

// R9112-018, R9112-019
#[test]
fn an_invalid_request_line_is_refused_and_not_repaired() {
    for line in ["GET /a b", "GET  /", "GET /\u{7f}", "GET a", "GET\t/", "GET /é"] {
        let log = request(line, "a");
        log.assert_refused(400);
        assert_eq!(log.events, [], "{line}");
    }
}

// R9112-031
#[test]
fn the_four_forms() {
    use TargetForm::{Absolute, Asterisk, Authority, Origin};
    for (line, host, form, authority, path) in [
        ("GET /", "a", Origin, "a", "/"),
        ("GET /p/q?r=s&t", "a:80", Origin, "a:80", "/p/q?r=s&t"),
        ("GET //p", "a", Origin, "a", "//p"),
        ("OPTIONS /x", "a", Origin, "a", "/x"),
        ("GET /a?u=http://b/", "a", Origin, "a", "/a?u=http://b/"),
        ("GET /[]|\\^`{}\\\\", "a", Origin, "a", "/[]|\\^`{}\\\\"),
        ("GET http://b/p?q", "a", Absolute, "b", "/p?q"),
        ("GET HTTP://b:8080", "a", Absolute, "b:8080", "/"),
        ("GET http://b?q", "a", Absolute, "b", "?q"),
        ("GET https://[::1]:1/p", "[::2]", Absolute, "[::1]:1", "/p"),
        ("OPTIONS http://b", "a", Absolute, "b", "/"),
        ("CONNECT b:443", "b:443", Authority, "b:443", ""),
        ("CONNECT [::1]:443", "x", Authority, "[::1]:443", ""),
        ("OPTIONS *", "a", Asterisk, "a", ""),
    ] {
        let log = split::server(format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n"), silent);
        log.assert_fine();
        let head = log.heads()[0];
        let found = (
            head.target_form(),
            head.authority().unwrap().escape_ascii().to_string(),
            String::from_utf8_lossy(head.path_and_query()).into_owned(),
        );
        assert_eq!(found, (form, authority.to_owned(), path.to_owned()), "{line}");
        let target = line.split(' ').nth(1).unwrap();
        assert_eq!(head.target(), target.as_bytes(), "as it came");
    }
}

#[test]
fn a_form_that_the_method_does_not_take() {
    for line in ["GET *", "GET a:80", "CONNECT /", "CONNECT *", "CONNECT http://a/", "OPTIONS a"] {
        let log = request(line, "a");
        assert_eq!(log.kind(), ErrorKind::Target, "{line}");
        log.assert_refused(400);
    }
}

// R9112-023
#[test]
fn host_is_there_once_and_valid() {
    for host in ["", "a", "a:80", "a.example.", "127.0.0.1", "[::1]", "[::1]:80", "a_b", "a%41"] {
        request("GET /", host).assert_fine();
    }
    for (fields, kind) in [
        ("", ErrorKind::HostMissing),
        ("Host: a\r\nHost: a\r\n", ErrorKind::HostRepeated),
        ("Host: a b\r\n", ErrorKind::HostInvalid),
        ("Host: a@b\r\n", ErrorKind::HostInvalid),
        ("Host: [::1\r\n", ErrorKind::HostInvalid),
        ("Host: [:::1]\r\n", ErrorKind::HostInvalid),
        ("Host: a:-1\r\n", ErrorKind::HostInvalid),
    ] {
        let log = split::server(format!("GET / HTTP/1.1\r\n{fields}\r\n"), ok_at_end);
        assert_eq!(log.kind(), kind, "{fields}");
        log.assert_refused(400);
    }
    // HTTP/1.0 did not know it yet; what it sends must be right all the same.
    split::server("GET / HTTP/1.0\r\n\r\n", ok_at_end).assert_fine();
    let log = split::server("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", ok_at_end);
    assert_eq!(log.kind(), ErrorKind::HostInvalid);
}

// R9112-030
#[test]
fn the_host_of_an_absolute_form_wins() {
    let log = request("GET http://real:1/", "other");
    assert_eq!(log.heads()[0].authority(), Some(&b"real:1"[..]));
    assert_eq!(log.heads()[0].field("host"), Some(&b"other"[..]), "as it came, for who asks");
}

// R9112-020, R9112-022, R9112-027
#[test]
fn a_client_sends_one_host() {
    assert_eq!(sent(("GET", "/"), &[("x", "y")]), Err(SendError::Host));
    assert_eq!(sent(("GET", "http://a/"), &[("x", "y")]), Err(SendError::Host));
    let twice = [("host", "a"), ("Host", "a")];
    assert_eq!(sent(("GET", "/"), &twice), Err(SendError::Host));
    for host in ["a b", "u@a", "a:x", "a/b"] {
        assert_eq!(sent(("GET", "/"), &[("host", host)]), Err(SendError::Host), "{host}");
    }
    let empty = sent(("GET", "/"), &[("host", "")]);
    assert_eq!(empty.as_deref(), Ok("GET / HTTP/1.1\r\nhost: \r\n\r\n"));

    let mut conn = ClientConnection::new(Config::client(), START);
    let mut out = Vec::new();
    let line = RequestLine { method: b"GET", target: b"/", version: Version::Http10 };
    conn.send_request(line, [("x", "y")], BodyLength::None, &mut out).unwrap();
    assert_eq!(out, b"GET / HTTP/1.0\r\nx: y\r\n\r\n");
}

// R9112-021
#[test]
fn a_client_sends_the_authority_of_the_target_as_host() {
    for (line, host, fits) in [
        (("GET", "http://a/"), "a", true),
        (("GET", "http://a/"), "b", false),
        (("GET", "http://a:80/"), "a", false),
        (("GET", "http://a:80/"), "a:80", true),
        (("GET", "http://a/"), "", false),
        (("CONNECT", "a:443"), "a:443", true),
        (("CONNECT", "a:443"), "a", false),
    ] {
        let result = sent(line, &[("host", host)]).map(|_| ());
        assert_eq!(result, if fits { Ok(()) } else { Err(SendError::Host) }, "{line:?} {host}");
    }
    // The user information is no part of it, so it may not be there at all.
    assert_eq!(sent(("GET", "http://u@a/"), &[("host", "a")]), Err(SendError::InvalidTarget));
}

// R9112-024, R9112-025, R9112-026, R9112-032, R9112-033
#[test]
fn a_client_sends_the_form_that_the_method_takes() {
    let host = [("host", "a")];
    for line in [("GET", "/"), ("GET", "/p?q"), ("GET", "http://a/p"), ("OPTIONS", "*")] {
        assert!(sent(line, &host).is_ok(), "{line:?}");
    }
    assert!(sent(("CONNECT", "a:80"), &[("host", "a:80")]).is_ok());
    for line in [
        ("GET", ""),
        ("GET", "*"),
        ("GET", "p"),
        ("GET", "?q"),
        ("GET", "a:80"),
        ("CONNECT", "a"),
        ("CONNECT", "/"),
        ("CONNECT", "http://a:80"),
        ("CONNECT", "a:80/"),
        ("OPTIONS", "**"),
    ] {
        assert_eq!(sent(line, &host), Err(SendError::InvalidTarget), "{line:?}");
    }
}
