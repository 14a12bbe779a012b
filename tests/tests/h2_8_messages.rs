//! RFC 9113 §8: messages: what they are made of, their fields, pushes, CONNECT.

use h2_proto::{
    Config, ErrorCode, ErrorKind, Event, OwnedEvent, RequestLine, ResetBy, SendError,
    ServerConnection, StreamId, Verdict,
};
use tests::frames::{flag, kind};
use tests::h2::{self, Desk, Log, more};

const NONE: [(&str, &str); 0] = [];
const ONE: StreamId = StreamId::new(1);
const GET: [(&str, &str); 3] = [(":method", "GET"), (":scheme", "http"), (":path", "/")];

fn request(fields: &[(&str, &str)]) -> Log {
    h2::server(h2::headers(1, flag::END_STREAM, h2::block(fields)))
}

/// A response that ends, with these fields behind its status.
fn response(fields: &[(&str, &str)]) -> Log {
    let all = [&[(":status", "200")], fields].concat();
    h2::client(h2::headers(1, flag::END_STREAM, h2::block(&all)))
}

fn section(fields: &[(&str, &str)], end: bool) -> Vec<u8> {
    h2::headers(1, u8::from(end), h2::block(fields))
}

/// What a client that has sent a request of this method makes of it.
fn answered(method: &str, input: &[Vec<u8>]) -> Log {
    let mut desk = Desk::client(Config::default());
    let mut line = RequestLine::new(method, "http", "a.example:80", "/");
    if method == "CONNECT" {
        (line.scheme, line.path) = (None, None);
    }
    let end = method != "CONNECT";
    desk.conn.send_request(line, NONE.iter(), end, &mut desk.out).unwrap();
    desk.take();
    h2::every_cut(&desk, input.concat(), |_, _, _| {})
}

#[test]
fn rfc9113_8_1_interim_responses_come_before_the_final_one() {
    let early = || section(&[(":status", "103")], false);
    let log = h2::client([early(), early(), h2::headers(1, flag::END_STREAM, [0x88])].concat());
    let [
        OwnedEvent::Informational { .. },
        OwnedEvent::Informational { .. },
        OwnedEvent::Response { end_stream: true, .. },
    ] = log.assert_fine().events[..]
    else {
        panic!("{log:?}")
    };
    // It does not end the stream; it does not come later; no content comes before the final one.
    h2::client(section(&[(":status", "103")], true)).assert_reset(1, ErrorKind::MessageOrder);
    h2::client([h2::headers(1, 0, [0x88]), early()].concat())
        .assert_reset(1, ErrorKind::MessageOrder);
    h2::client([early(), h2::data(1, 0, "x")].concat()).assert_reset(1, ErrorKind::MessageOrder);
    h2::client(section(&[(":status", "101")], false)).assert_reset(1, ErrorKind::Status);
}

#[test]
fn rfc9113_8_1_trailers_end_a_message_and_have_no_pseudo_fields() {
    let begin = h2::headers(1, 0, [0x88]);
    for name in [":status", ":path", ":x"] {
        let trailers = section(&[("a", "b"), (name, "200")], true);
        h2::client([&begin[..], &trailers].concat()).assert_reset(1, ErrorKind::PseudoField);
        h2::server([h2::post(1), trailers].concat()).assert_reset(1, ErrorKind::PseudoField);
    }
    let open = section(&[("a", "b")], false);
    h2::client([&begin[..], &open].concat()).assert_reset(1, ErrorKind::MessageOrder);
    h2::server([h2::post(1), open].concat()).assert_reset(1, ErrorKind::MessageOrder);
    let log = h2::client([begin, h2::data(1, 0, "x"), section(&[("a", "b")], true)].concat());
    assert!(matches!(log.assert_fine().events.last(), Some(OwnedEvent::Trailers { .. })));
    // Nor are any sent.
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::get(1));
    desk.conn.send_response(ONE, 200, NONE.iter(), false, &mut desk.out).unwrap();
    let result = desk.conn.send_trailers(ONE, [(":status", "200")].iter(), &mut desk.out);
    assert_eq!(result, Err(SendError::ForbiddenField(0)));
}

#[test]
fn rfc9113_8_1_a_reset_without_error_behind_a_response_leaves_it() {
    let mut desk = Desk::client(Config::default());
    let line = RequestLine::new("POST", "http", "a.example", "/");
    desk.conn.send_request(line, NONE.iter(), false, &mut desk.out).unwrap();
    desk.take();
    let reset = h2::frame(kind::RST_STREAM, 0, 1, [0; 4]);
    let whole = [h2::headers(1, 0, [0x88]), h2::data(1, flag::END_STREAM, "abc"), reset].concat();
    let log = h2::every_cut(&desk, whole, |_, _, _| {});
    let [OwnedEvent::Response { .. }, OwnedEvent::Data { end_stream: true, .. }, last] =
        &log.assert_fine().events[..]
    else {
        panic!("{log:?}")
    };
    let (code, by, verdict) = (ErrorCode::NO_ERROR, ResetBy::Peer, Verdict::Processed);
    assert_eq!(*last, OwnedEvent::Reset { stream: ONE, code, by, verdict });
    // A server asks for it by leaving.
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::post(1));
    desk.conn.send_response(ONE, 200, NONE.iter(), true, &mut desk.out).unwrap();
    desk.conn.done(ONE, &mut desk.out).unwrap();
    assert_eq!(h2::resets(&desk.sent()), [(1, ErrorCode::NO_ERROR)]);
}

#[test]
fn rfc9113_8_1_1_responses_without_content_may_announce_some() {
    let length = |status, end| section(&[(":status", status), ("content-length", "7")], end);
    answered("HEAD", &[length("200", true)]).assert_fine();
    answered("GET", &[length("304", true)]).assert_fine();
    answered("GET", &[length("200", true)]).assert_reset(1, ErrorKind::ContentLengthMismatch);
    for (method, status) in [("HEAD", "200"), ("GET", "304"), ("GET", "204")] {
        let log = answered(method, &[section(&[(":status", status)], false), h2::data(1, 1, "x")]);
        log.assert_reset(1, ErrorKind::ContentForbidden);
    }
    for content in [vec![h2::data(1, 0, "12345678")], vec![h2::data(1, 1, "123456")]] {
        let log = answered("GET", &[&[length("200", false)], &content[..]].concat());
        log.assert_reset(1, ErrorKind::ContentLengthMismatch);
    }
}

#[test]
fn rfc9113_8_2_names_are_sent_in_lower_case() {
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::get(1));
    let fields = [("X-Mixed-Case", "Kept")];
    desk.conn.send_response(ONE, 200, fields.iter(), true, &mut desk.out).unwrap();
    let mut client = Desk::client(Config::default());
    client.get();
    let sent = desk.take();
    let events = client.feed(&sent);
    let [OwnedEvent::Response { fields, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(fields.value("x-mixed-case"), Some(&b"Kept"[..]));
}

#[test]
fn rfc9113_8_2_1_octets_of_names() {
    for octet in (0..=0x20).chain(0x41..=0x5a).chain(0x7f..=0xff).chain([b':']) {
        for name in [vec![octet], vec![b'a', octet], vec![b'a', octet, b'a']] {
            if name[0] == b':' {
                continue;
            }
            let add = |block: tests::field_block::FieldBlock| {
                block.literal(tests::field_block::Literal::Without, &name[..], "v")
            };
            let block = add(h2::get_block(&[]));
            let mut desk = Desk::server(Config::default());
            desk.feed(h2::headers(1, flag::END_STREAM, block));
            assert_eq!(h2::resets(&desk.sent()), [(1, ErrorCode::PROTOCOL_ERROR)], "{name:?}");
            let mut desk = Desk::client(Config::default());
            desk.get();
            desk.take();
            desk.feed(h2::headers(1, flag::END_STREAM, add(h2::block(&[(":status", "200")]))));
            assert_eq!(h2::resets(&desk.sent()), [(1, ErrorCode::PROTOCOL_ERROR)], "{name:?}");
        }
    }
}

#[test]
fn rfc9113_8_2_1_octets_of_values() {
    for value in ["\0", "a\0b", "\n", "a\nb", "\r", "a\rb", " a", "a ", "\ta", "a\t", " "] {
        request(&[&GET[..], &[("a", value)]].concat()).assert_reset(1, ErrorKind::FieldValue);
        response(&[("a", value)]).assert_reset(1, ErrorKind::FieldValue);
        // Nor is it sent.
        let mut desk = Desk::client(Config::default());
        let line = RequestLine::new("GET", "http", "a.example", "/");
        let result = desk.conn.send_request(line, [("a", value)].iter(), true, &mut desk.out);
        assert_eq!(result, Err(SendError::InvalidFieldValue(0)));
    }
    for value in ["", "a b", "a\tb", "\u{e9}", "a: b"] {
        request(&[&GET[..], &[("a", value)]].concat()).assert_fine();
        response(&[("a", value)]).assert_fine();
    }
}

#[test]
fn rfc9113_8_2_2_fields_of_a_connection() {
    for (name, value) in [
        ("connection", "x"),
        ("proxy-connection", "x"),
        ("keep-alive", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "x"),
        ("te", "gzip"),
    ] {
        request(&[&GET[..], &[(name, value)]].concat()).assert_reset(1, ErrorKind::ConnectionField);
        response(&[(name, value)]).assert_reset(1, ErrorKind::ConnectionField);
        let mut desk = Desk::server(Config::default());
        desk.feed(h2::get(1));
        for name in [name.to_owned(), name.to_uppercase()] {
            let fields = [(name.as_str(), value)];
            let result = desk.conn.send_response(ONE, 200, fields.iter(), true, &mut desk.out);
            assert_eq!((result, desk.sent()), (Err(SendError::ForbiddenField(0)), vec![]));
        }
    }
    request(&[&GET[..], &[("te", "trailers")]].concat()).assert_fine();
}

#[test]
fn rfc9113_8_2_2_te_is_a_field_of_requests() {
    let mut desk = Desk::server(Config::default());
    desk.feed(h2::get(1));
    let fields = [("te", "trailers")];
    let result = desk.conn.send_response(ONE, 200, fields.iter(), true, &mut desk.out);
    assert_eq!(result, Err(SendError::ForbiddenField(0)));
    response(&fields).assert_reset(1, ErrorKind::ConnectionField);
}

#[test]
fn rfc9113_8_2_3_crumbs_of_a_cookie_make_one_line() {
    let log = request(&[&GET[..], &[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]].concat());
    let [OwnedEvent::Request { fields, .. }] = &log.events[..] else { panic!("{log:?}") };
    let mut line = Vec::new();
    assert!(h2_proto::message::join_cookies(fields, &mut line));
    assert_eq!(line, b"a=1; b=2");
}

#[test]
fn rfc9113_8_3_pseudo_fields() {
    let status = (":status", "200");
    for fields in [
        &[status, status][..],
        &[status, (":method", "GET")],
        &[status, (":x", "y")],
        &[status, ("a", "b"), (":status", "200")],
        &[(":method", "GET"), status],
    ] {
        h2::client(section(fields, true)).assert_reset(1, ErrorKind::PseudoField);
    }
    for fields in [&[][..], &[("a", "b")], &[("a", "b"), status]] {
        h2::client(section(fields, true)).assert_reset(1, ErrorKind::PseudoFieldMissing);
        h2::client(section(fields, false)).assert_reset(1, ErrorKind::PseudoFieldMissing);
    }
    for more in [status, (":x", "y"), (":method", "GET"), (":protocol", "websocket")] {
        request(&[&GET[..], &[more]].concat()).assert_reset(1, ErrorKind::PseudoField);
        request(&[&GET[..2], &[("a", "b"), GET[2], more]].concat())
            .assert_reset(1, ErrorKind::PseudoField);
    }
    // The caller does not send any as fields.
    let mut desk = Desk::client(Config::default());
    let line = RequestLine::new("GET", "http", "a.example", "/");
    for name in [":path", ":x", ":status"] {
        let result = desk.conn.send_request(line, [(name, "/")].iter(), true, &mut desk.out);
        assert_eq!(result, Err(SendError::ForbiddenField(0)));
    }
}

#[test]
fn rfc9113_8_3_1_the_authority_is_the_one_that_counts() {
    let authority = (":authority", "a.example");
    let log = request(&[&GET[..], &[authority, ("host", "b.example")]].concat());
    log.assert_reset(1, ErrorKind::Host);
    let mut desk = Desk::server(Config::default());
    let block = h2::block(&[&GET[..], &[authority, ("host", "A.EXAMPLE")]].concat());
    let mut seen = None;
    desk.feed_with(h2::headers(1, flag::END_STREAM, block), |event, _, _| {
        if let Event::Request { head, .. } = event {
            seen = head.authority().map(<[u8]>::to_vec);
        }
    });
    assert_eq!(seen.as_deref(), Some(&b"a.example"[..]));
}

#[test]
fn rfc9113_8_3_1_host_and_authority_are_compared_as_the_scheme_says() {
    for (scheme, authority, host) in
        [("http", "a.example", "a.example:80"), ("https", "a.example:443", "a.example")]
    {
        let head = [(":method", "GET"), (":scheme", scheme), (":path", "/")];
        request(&[&head[..], &[(":authority", authority), ("host", host)]].concat()).assert_fine();
    }
}

#[test]
fn rfc9113_8_3_1_targets_that_a_client_sends() {
    let mut desk = Desk::client(Config::default());
    let mut send = |method: &str, authority: &str, path: &str| {
        let line = RequestLine::new(method, "http", authority, path);
        desk.conn.send_request(line, NONE.iter(), true, &mut desk.out).map(|_| ())
    };
    assert_eq!(send("GET", "a.example", "/"), Ok(()));
    assert_eq!(send("OPTIONS", "a.example", "*"), Ok(()));
    for (authority, path) in
        [("a.example", ""), ("a.example", "*"), ("a.example", "x"), ("u@a.example", "/"), ("", "/")]
    {
        assert_eq!(
            send("GET", authority, path),
            Err(SendError::InvalidTarget),
            "{authority} {path}"
        );
    }
    let line = RequestLine { scheme: None, ..RequestLine::new("GET", "http", "a.example", "/") };
    let result = desk.conn.send_request(line, NONE.iter(), true, &mut desk.out);
    assert_eq!(result, Err(SendError::InvalidTarget));
}

#[test]
fn rfc9113_8_3_1_a_client_sends_no_host_that_differs() {
    let mut desk = Desk::client(Config::default());
    let line = RequestLine::new("GET", "http", "a.example", "/");
    let result = desk.conn.send_request(line, [("host", "b.example")].iter(), true, &mut desk.out);
    assert!(result.is_err());
}

#[test]
fn rfc9113_8_3_1_paths_that_a_server_takes() {
    for (method, path, fine) in
        [("OPTIONS", "*", true), ("GET", "*", false), ("GET", "", false), ("GET", "/?a", true)]
    {
        let log = request(&[(":method", method), (":scheme", "https"), (":path", path)]);
        assert_eq!(log.requests() == 1, fine, "{method} {path}");
    }
}

#[test]
fn rfc9113_8_4_promises_that_are_reset() {
    let mut config = Config::default();
    config.push = true;
    let mut desk = Desk::client(config);
    desk.get();
    desk.take();
    let authority = (":authority", "a.example");
    for (fields, kind) in [
        (&[(":method", "POST"), GET[1], authority, GET[2]][..], ErrorKind::PushUnsafe),
        (&[GET[0], GET[1], GET[2]], ErrorKind::PushUnsafe),
        (&[GET[0], GET[1], authority, GET[2], ("content-length", "1")], ErrorKind::PushUnsafe),
        (&[GET[0], GET[1], authority], ErrorKind::PseudoFieldMissing),
        (&[GET[0], GET[1], authority, GET[2], ("A", "b")], ErrorKind::FieldName),
    ] {
        let payload = [&[0, 0, 0, 2][..], h2::block(fields).octets()].concat();
        let promise = h2::frame(more::PUSH_PROMISE, flag::END_HEADERS, 1, payload);
        let log = h2::every_cut(&desk, promise, |_, _, _| {});
        log.assert_reset(2, kind);
        assert_eq!(h2::resets(&log.frames), [(2, ErrorCode::PROTOCOL_ERROR)]);
    }
}

/// A server that has made a tunnel.
fn tunnel() -> Desk<ServerConnection> {
    let mut desk = Desk::server(Config::default());
    let block = h2::block(&[(":method", "CONNECT"), (":authority", "a.example:443")]);
    let events = desk.feed(h2::headers(1, 0, block));
    assert!(matches!(events[..], [OwnedEvent::Request { .. }]));
    desk.conn.send_response(ONE, 200, NONE.iter(), false, &mut desk.out).unwrap();
    desk.sent();
    desk
}

#[test]
fn rfc9113_8_5_connect() {
    let connect = [(":method", "CONNECT"), (":authority", "a.example:443")];
    for more in [GET[1], GET[2]] {
        request(&[&connect[..], &[more]].concat()).assert_reset(1, ErrorKind::PseudoField);
    }
    request(&connect[..1]).assert_reset(1, ErrorKind::PseudoFieldMissing);
    // Nor does a client send it so.
    let mut desk = Desk::client(Config::default());
    let line = RequestLine::new("CONNECT", "http", "a.example:443", "/");
    let result = desk.conn.send_request(line, NONE.iter(), false, &mut desk.out);
    assert_eq!(result, Err(SendError::InvalidTarget));
    // Content goes both ways.
    let mut desk = tunnel();
    let events = desk.feed([h2::data(1, 0, "abc"), h2::window_update(1, 9)].concat());
    assert!(matches!(&events[..], [OwnedEvent::Data { data, .. }] if data == b"abc"));
    assert_eq!(desk.conn.send_data(ONE, b"def", false, &mut desk.out), Ok(3));
    answered("CONNECT", &[h2::headers(1, 0, [0x88]), h2::data(1, 0, "x")]).assert_fine();
}

#[test]
fn rfc9113_8_5_a_tunnel_has_no_trailers() {
    let trailers = section(&[("a", "b")], true);
    let log = h2::every_cut(&tunnel(), &trailers, |_, _, _| {});
    assert_eq!(h2::resets(&log.frames).len(), 1, "{log:?}");
    let log = answered("CONNECT", &[h2::headers(1, 0, [0x88]), trailers]);
    assert_eq!(h2::resets(&log.frames).len(), 1, "{log:?}");
    let mut desk = tunnel();
    assert!(desk.conn.send_trailers(ONE, NONE.iter(), &mut desk.out).is_err());
}

#[test]
fn rfc9113_8_7_what_was_not_processed_is_known() {
    // Refused: nobody heard of it. Surfaced: no GOAWAY names a stream below it.
    let mut desk = Desk::server(Config::default());
    desk.feed([h2::get(1), h2::get(3)].concat());
    desk.conn.shutdown(&mut desk.out);
    desk.conn.shutdown(&mut desk.out);
    assert_eq!(desk.sent().last().unwrap().payload[..4], [0, 0, 0, 3]);
    let mut desk = Desk::client(Config::default());
    (0..3).for_each(|_| _ = desk.get());
    let refused = h2::frame(kind::RST_STREAM, 0, 1, 7_u32.to_be_bytes());
    desk.feed([refused, h2::goaway(3, ErrorCode::NO_ERROR, "")].concat());
    let unfinished: Vec<_> = desk.conn.unfinished().map(|it| (it.0.get(), it.1)).collect();
    assert_eq!(unfinished, [(3, Verdict::Unknown)]);
}
