//! RFC 9112 §6: how long a message is, received and sent.

use h1_proto::{
    BodyLength, ClientConnection, Config, ErrorKind, Event, KeepAlive, NextStep, RequestLine,
    SendError, ServerConnection, Verdict, Version,
};
use tests::split::{self, Log, START, Then, ok_at_end};

fn send(conn: &mut ClientConnection, method: &str, out: &mut Vec<u8>) {
    conn.send_request((method, "/"), [("host", "a")], BodyLength::None, out).unwrap();
}

fn response(method: &str, head: &str, rest: &str, then: Then) -> Log {
    let input = format!("{head}\r\n\r\n{rest}");
    split::client(|conn, out| send(conn, method, out), input, then)
}

/// What a server sends in answer to this request line.
fn answer(
    line: &str,
    with: impl Fn(&mut ServerConnection, &mut Vec<u8>) -> Result<(), SendError>,
) -> (String, Log) {
    let log = split::server(format!("{line}\r\nHost: a\r\n\r\n"), |event, conn, out| {
        if let Event::End { .. } = event {
            assert_eq!(with(conn, out), Ok(()));
        }
    });
    (log.output_text(), log)
}

// R9112-046, R9112-077
#[test]
fn chunked_is_decoded_by_both() {
    let body = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
    let request = format!("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n{body}");
    let log = split::server(request, ok_at_end);
    log.assert_fine();
    assert_eq!(log.content(), b"abcde");
    let log = response("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", body, Then::Open);
    log.assert_fine();
    assert_eq!((log.content(), log.next_step), (b"abcde".to_vec(), NextStep::Read));
}

// R9112-047, R9112-048, R9112-049, R9112-060
#[test]
fn a_sender_leaves_the_framing_to_the_connection() {
    let (mut client, mut out) = (ClientConnection::new(Config::client(), START), Vec::new());
    for (fields, body) in [
        ([("host", "a"), ("transfer-encoding", "chunked")], BodyLength::Chunked),
        ([("host", "a"), ("Transfer-Encoding", "gzip")], BodyLength::Known(5)),
        ([("host", "a"), ("transfer-encoding", "gzip, chunked")], BodyLength::None),
        ([("host", "a"), ("content-length", "5")], BodyLength::Chunked),
        ([("host", "a"), ("content-length", "5")], BodyLength::Known(6)),
        ([("host", "a"), ("content-length", "5")], BodyLength::None),
        ([("host", "a"), ("content-length", "x")], BodyLength::Known(5)),
        ([("host", "a"), ("content-length", "5, 5")], BodyLength::Known(5)),
    ] {
        let sent = client.send_request(("POST", "/"), &fields, body, &mut out);
        assert_eq!(sent, Err(SendError::FramingField(1)), "{fields:?} {body}");
    }
    assert_eq!(out, b"");
    answer("GET / HTTP/1.1", |conn, out| {
        for (field, body) in [
            (("transfer-encoding", "chunked"), BodyLength::Chunked),
            (("transfer-encoding", "gzip"), BodyLength::UntilClose),
            (("content-length", "5"), BodyLength::Chunked),
            (("content-length", "5"), BodyLength::UntilClose),
            (("content-length", "5"), BodyLength::Known(4)),
            (("content-length", "5"), BodyLength::None),
        ] {
            let sent = conn.send_response(200, [field], body, out);
            assert_eq!(sent, Err(SendError::FramingField(0)), "{field:?} {body}");
        }
        let twice = [("content-length", "5"), ("content-length", "5")];
        let sent = conn.send_response(200, &twice, BodyLength::Known(5), out);
        assert_eq!(sent, Err(SendError::FramingField(1)));
        assert_eq!(out, b"");
        // A length that agrees stays where the caller put it.
        conn.send_response(200, [("Content-LENGTH", "0")], BodyLength::None, out)?;
        assert_eq!(out, b"HTTP/1.1 200 OK\r\nContent-LENGTH: 0\r\n\r\n");
        Ok(())
    });
}

// R9112-051, R9112-061
#[test]
fn a_response_to_head_and_a_304_tell_a_length_and_have_no_content() {
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        for (method, status) in [("HEAD", 200), ("HEAD", 404), ("GET", 304), ("GET", 204)] {
            let head = format!("HTTP/1.1 {status} X\r\n{framing}");
            let log = response(method, &head, "", Then::Open);
            log.assert_fine();
            assert_eq!((log.bodies(), log.ends().len()), (vec![BodyLength::None], 1));
        }
    }
    for (line, status) in [("HEAD / HTTP/1.1", 200), ("GET / HTTP/1.1", 304)] {
        let (sent, log) =
            answer(line, |conn, out| conn.respond(status, [("x", "y")], b"hello", out));
        assert!(sent.ends_with("x: y\r\ncontent-length: 5\r\n\r\n"), "{sent}");
        assert_eq!(log.next_step, NextStep::Read);
        // The length may also be told without content.
        let length = [("content-length", "7")];
        let (sent, _) =
            answer(line, |conn, out| conn.send_response(status, &length, BodyLength::None, out));
        assert!(sent.ends_with("\r\ncontent-length: 7\r\n\r\n"), "{sent}");
    }
    let (sent, log) = answer("HEAD / HTTP/1.1", |conn, out| {
        conn.send_response(200, [("x", "y")], BodyLength::Chunked, out)?;
        assert_eq!(conn.send_data(b"hello", out), Ok(5), "and nothing of it goes");
        conn.send_trailers([("t", "u")], out)
    });
    assert!(sent.ends_with("\r\ntransfer-encoding: chunked\r\n\r\n"), "{sent}");
    assert_eq!(log.next_step, NextStep::Read);
}

// R9112-052, R9112-053
#[test]
fn no_framing_goes_where_there_is_no_content() {
    let (sent, _) = answer("GET / HTTP/1.1", |conn, out| {
        let early = conn.send_informational(103, [("content-length", "1")], out);
        assert_eq!((early, out.len()), (Err(SendError::FramingField(0)), 0));
        conn.send_informational(103, [("link", "x")], out)?;
        assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n");
        for body in [BodyLength::Chunked, BodyLength::UntilClose, BodyLength::Known(1)] {
            let sent = conn.send_response(204, [("x", "y")], body, out);
            assert_eq!(sent, Err(SendError::BodyNotAllowed), "{body}");
        }
        let sent = conn.send_response(204, [("content-length", "0")], BodyLength::None, out);
        assert_eq!(sent, Err(SendError::FramingField(0)));
        conn.send_response(204, [("x", "y")], BodyLength::None, out)
    });
    assert!(sent.ends_with("HTTP/1.1 204 No Content\r\nx: y\r\n\r\n"), "{sent}");
    let (sent, _) = answer("CONNECT a:1 HTTP/1.1", |conn, out| {
        for body in [BodyLength::Chunked, BodyLength::UntilClose, BodyLength::Known(1)] {
            let sent = conn.send_response(200, [("x", "y")], body, out);
            assert_eq!(sent, Err(SendError::BodyNotAllowed), "{body}");
        }
        conn.send_response(200, [("x", "y")], BodyLength::None, out)
    });
    assert_eq!(sent, "HTTP/1.1 200 OK\r\nx: y\r\n\r\n");
}

// R9112-054
#[test]
fn a_coding_that_is_not_understood_is_501() {
    for value in ["gzip, chunked", "foo, chunked", "identity, chunked", "gzip, br, chunked"] {
        let log = split::server(
            format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {value}\r\n\r\n0\r\n\r\n"),
            ok_at_end,
        );
        assert_eq!(log.kind(), ErrorKind::TransferEncodingUnknown, "{value}");
        log.assert_refused(501);
    }
}

// R9112-056, R9112-069
#[test]
fn chunked_to_an_old_client_becomes_until_close() {
    let (sent, log) = answer("GET / HTTP/1.0\r\nConnection: keep-alive", |conn, out| {
        conn.send_response(200, [("x", "y")], BodyLength::Chunked, out)?;
        conn.send_data(b"hello", out)?;
        conn.send_trailers([("t", "u")], out)
    });
    assert_eq!(sent, "HTTP/1.1 200 OK\r\nx: y\r\nconnection: close\r\n\r\nhello");
    assert!(matches!(log.next_step, NextStep::Linger { .. }), "only the end tells the length");
    let (sent, _) = answer("GET / HTTP/1.1", |conn, out| {
        conn.send_response(200, [("x", "y")], BodyLength::Chunked, out)?;
        conn.send_data(b"hello", out)?;
        conn.finish(out)
    });
    assert!(sent.ends_with("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "{sent}");
}

// R9112-057, R9112-058
#[test]
fn both_framings_are_refused_or_end_the_connection() {
    let input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\
                 \r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    split::server(input, ok_at_end).assert_refused(400);
    let mut config = Config::default();
    config.leniency.content_length_with_transfer_encoding = true;
    let log = split::server_with(config, Then::Open, input, ok_at_end);
    log.assert_fine();
    assert_eq!(log.heads().len(), 1);
    assert!(log.output_text().contains("connection: close\r\n"));
}

// R9112-059
#[test]
fn transfer_encoding_in_http_1_0_is_faulty() {
    let input = "POST / HTTP/1.0\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx";
    split::server(input, ok_at_end).assert_refused(400);
    let head = "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked";
    let log = response("GET", head, "x", Then::Open);
    assert_eq!(log.kind(), ErrorKind::TransferEncodingInHttp10);
    assert_eq!(log.next_step, NextStep::Close);
}

// R9112-063
#[test]
fn a_request_whose_last_coding_is_not_chunked_is_400() {
    for value in ["gzip", "chunked, gzip", "identity"] {
        let log = split::server(
            format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {value}\r\n\r\n"),
            ok_at_end,
        );
        assert_eq!(log.kind(), ErrorKind::TransferEncodingInvalid);
        log.assert_refused(400);
    }
}

#[test]
fn a_response_whose_last_coding_is_not_chunked_lasts_until_close() {
    let log = response("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip", "hello", Then::Eof);
    log.assert_fine();
    assert_eq!((log.bodies(), log.content()), (vec![BodyLength::UntilClose], b"hello".to_vec()));
}

// R9112-064, R9112-065
#[test]
fn an_invalid_length_is_400_and_a_list_of_the_same_is_a_policy() {
    for value in ["x", "5 5", "-1", "1.0", "5, 6", "5, x", "5, 5"] {
        let input = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {value}\r\n\r\nhello");
        let log = split::server(&input, ok_at_end);
        log.assert_refused(400);
        assert_eq!(log.events, []);
        let mut config = Config::default();
        config.leniency.repeated_content_length = true;
        let log = split::server_with(config, Then::Open, &input, ok_at_end);
        assert_eq!(log.error.is_none(), value == "5, 5", "{value}");
    }
}

// R9112-067
#[test]
fn a_client_discards_a_response_of_invalid_length_and_closes() {
    for value in ["x", "5, 6", "+5"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {value}");
        let log = response("GET", &head, "hello", Then::Open);
        assert!(log.error.is_some());
        assert_eq!((log.events.len(), log.next_step), (0, NextStep::Close));
    }
}

// R9112-068
#[test]
fn fewer_octets_than_announced_are_an_incomplete_message() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    for body in ["", "hell"] {
        let input = format!("{head}{body}");
        let log = split::server_with(Config::default(), Then::Eof, &input, ok_at_end);
        assert_eq!(log.kind(), ErrorKind::Incomplete);
        assert_eq!(log.failure().offset(), input.len() as u64);
        assert!(log.ends().is_empty());
        log.assert_refused(400);
        let log = response("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5", body, Then::Eof);
        assert_eq!((log.kind(), log.ends().len()), (ErrorKind::Incomplete, 0));
        assert_eq!(log.unfinished, [Verdict::Processed]);
    }
}

#[test]
fn only_a_response_lasts_until_close() {
    let log = response("GET", "HTTP/1.1 200 OK\r\nX: y", "all\r\n\r\nof it", Then::Eof);
    log.assert_fine();
    assert_eq!((log.bodies(), log.ends().len()), (vec![BodyLength::UntilClose], 1));
    assert_eq!((log.content(), log.next_step), (b"all\r\n\r\nof it".to_vec(), NextStep::Close));
    let log = response("GET", "HTTP/1.1 200 OK", "all", Then::Open);
    assert_eq!((log.ends().len(), log.next_step), (0, NextStep::Read));

    let (sent, log) = answer("GET / HTTP/1.1", |conn, out| {
        conn.send_response(200, [("x", "y")], BodyLength::UntilClose, out)?;
        conn.send_data(b"hello", out)?;
        assert_eq!(conn.keep_alive(), KeepAlive::Close);
        conn.finish(out)
    });
    assert_eq!(sent, "HTTP/1.1 200 OK\r\nx: y\r\nconnection: close\r\n\r\nhello");
    assert!(matches!(log.next_step, NextStep::Linger { .. }));

    let (mut client, mut out) = (ClientConnection::new(Config::client(), START), Vec::new());
    let body = BodyLength::UntilClose;
    let sent = client.send_request(("POST", "/"), [("host", "a")], body, &mut out);
    assert_eq!(sent, Err(SendError::BodyNotAllowed));
}

// R9112-071, R9112-072
#[test]
fn a_client_frames_what_it_sends() {
    let sent = |body, data: &[u8]| {
        let (mut client, mut out) = (ClientConnection::new(Config::client(), START), Vec::new());
        client.send_request(("POST", "/"), [("host", "a")], body, &mut out).unwrap();
        if body != BodyLength::None {
            client.send_data(data, &mut out).unwrap();
            client.finish(&mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    };
    let head = "POST / HTTP/1.1\r\nhost: a\r\n";
    assert_eq!(sent(BodyLength::None, b""), format!("{head}\r\n"));
    assert_eq!(sent(BodyLength::Known(0), b""), format!("{head}content-length: 0\r\n\r\n"));
    assert_eq!(sent(BodyLength::Known(2), b"hi"), format!("{head}content-length: 2\r\n\r\nhi"));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    assert_eq!(sent(BodyLength::Chunked, b"hi"), chunked);
}

// R9112-055, R9112-073
#[test]
fn a_client_sends_no_chunked_as_http_1_0() {
    let (mut client, mut out) = (ClientConnection::new(Config::client(), START), Vec::new());
    let line = RequestLine { method: b"POST", target: b"/", version: Version::Http10 };
    let sent = client.send_request(line, [("host", "a")], BodyLength::Chunked, &mut out);
    assert_eq!((sent, out.len()), (Err(SendError::BodyNotAllowed), 0));
}

#[test]
fn no_more_and_no_less_than_announced_is_sent() {
    let (mut client, mut out) = (ClientConnection::new(Config::client(), START), Vec::new());
    client.send_request(("POST", "/"), [("host", "a")], BodyLength::Known(5), &mut out).unwrap();
    let before = out.clone();
    assert_eq!(client.finish(&mut out), Err(SendError::BodyTooShort));
    assert_eq!(client.send_data(b"hello!", &mut out), Err(SendError::BodyTooLong));
    assert_eq!(client.send_data_splice(6, &mut out), Err(SendError::BodyTooLong));
    assert_eq!(client.send_trailers([("a", "b")], &mut out), Err(SendError::BodyTooShort));
    assert_eq!(out, before);
    assert_eq!(client.send_data(b"hell", &mut out), Ok(4));
    assert_eq!(client.finish(&mut out), Err(SendError::BodyTooShort));
    assert_eq!(client.send_data(b"o", &mut out), Ok(1));
    assert_eq!(client.send_trailers([("a", "b")], &mut out), Err(SendError::TrailersNotAllowed));
    assert_eq!(client.finish(&mut out), Ok(()));
    assert_eq!(client.finish(&mut out), Err(SendError::WrongState));
    assert_eq!(client.send_data(b"x", &mut out), Err(SendError::WrongState));
}

// R9112-074, R9112-075
#[test]
fn what_follows_the_last_response_is_no_response() {
    let more = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny";
    let log =
        response("GET", "HTTP/1.1 200 OK\r\nContent-Length: 1", &format!("x{more}"), Then::Open);
    assert_eq!((log.kind(), log.content()), (ErrorKind::Unsolicited, b"x".to_vec()));
    assert_eq!((log.heads().len(), log.next_step), (1, NextStep::Close));
}
