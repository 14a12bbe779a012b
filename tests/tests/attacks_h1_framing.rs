//! Attacks on the length of a message: two parties that disagree where it ends.

use h1_proto::{BodyLength, Config, ErrorKind};
use tests::split::{self, Log, Then, ok_at_end};

/// A POST with these field lines and what follows the head.
fn post(fields: &str, rest: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{rest}")
}

/// Refused, with nothing surfaced that could be acted on.
#[track_caller]
fn refused(input: impl AsRef<[u8]>, status: u16, kind: ErrorKind) -> Log {
    let log = split::server(input, ok_at_end);
    log.assert_refused(status);
    assert_eq!(log.kind(), kind, "{log:?}");
    assert_eq!(log.events, [], "nothing of it is surfaced");
    assert_eq!(log.statuses(), [status], "one answer and no more");
    log
}

#[test]
fn a01_cl_te() {
    let attack = post("Content-Length:6\r\nTransfer-Encoding:chunked\r\n", "0\r\n\r\nG");
    let log = refused(attack, 400, ErrorKind::ContentLengthWithTransferEncoding);
    assert_eq!(log.failure().field(), Some("Content-Length"));
}

#[test]
fn a01_cl_te_allowed_frames_by_chunked_and_closes() {
    let mut config = Config::default();
    config.leniency.content_length_with_transfer_encoding = true;
    let attack = post(
        "Content-Length:6\r\nTransfer-Encoding:chunked\r\n",
        "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let log = split::server_with(config, Then::Open, attack, ok_at_end);
    log.assert_fine();
    assert_eq!(log.bodies(), [BodyLength::Chunked]);
    assert_eq!(log.targets(), ["/"], "what follows is not parsed");
    assert!(log.output_text().contains("connection: close\r\n"));
}

#[test]
fn a02_te_cl() {
    let attack = post("Transfer-Encoding:chunked\r\nContent-Length:6\r\n", "0\r\n\r\nG");
    refused(attack, 400, ErrorKind::ContentLengthWithTransferEncoding);
}

#[test]
fn a02_the_verdict_does_not_depend_on_the_order_of_the_lines() {
    let lines = ["Transfer-Encoding: chunked\r\n", "Content-Length: 6\r\n", "X: y\r\n"];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let attack = post(&order.map(|index| lines[index]).concat(), "0\r\n\r\n");
        refused(attack, 400, ErrorKind::ContentLengthWithTransferEncoding);
    }
}

#[test]
fn a03_te_obfuscation() {
    for value in [
        "xchunked",
        "chunked, identity",
        "chunked,",
        ",chunked",
        "chunked, chunked",
        "\"chunked\"",
        "chunked;",
        "'chunked'",
        "chunk ed",
        "chunked\tx",
        "identity",
        "",
        "chunked, ",
        "chunked gzip",
    ] {
        let attack = post(&format!("Transfer-Encoding: {value}\r\n"), "0\r\n\r\n");
        refused(attack, 400, ErrorKind::TransferEncodingInvalid);
    }
}

#[test]
fn a03_te_with_octets_that_some_trim_away() {
    for (value, kind) in [
        (&b"\x0bchunked"[..], ErrorKind::FieldValue),
        (b"\x0cchunked", ErrorKind::FieldValue),
        (b"chunked\x00", ErrorKind::FieldValue),
        (b"\xa0chunked", ErrorKind::TransferEncodingInvalid),
        (b"chunked\xa0", ErrorKind::TransferEncodingInvalid),
        (b"chunked\x7f", ErrorKind::FieldValue),
    ] {
        let attack = [
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ",
            value,
            b"\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        ]
        .concat();
        refused(attack, 400, kind);
    }
}

#[test]
fn a03_two_te_lines() {
    for (first, second) in [("chunked", "chunked"), ("chunked", "identity"), ("chunked", "x")] {
        let lines = format!("Transfer-Encoding: {first}\r\nTransfer-Encoding: {second}\r\n");
        refused(post(&lines, "0\r\n\r\n"), 400, ErrorKind::TransferEncodingInvalid);
    }
    // The lines make one list, which ends with chunked: framed, but not understood.
    let lines = "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n";
    refused(post(lines, "0\r\n\r\n"), 501, ErrorKind::TransferEncodingUnknown);
}

#[test]
fn a03_a_known_coding_in_any_letter_case_is_taken() {
    for value in ["chunked", "CHUNKED", "Chunked", " \tchunked \t"] {
        let log = split::server(
            post(&format!("Transfer-Encoding:{value}\r\n"), "1\r\nx\r\n0\r\n\r\n"),
            ok_at_end,
        );
        log.assert_fine();
        assert_eq!((log.bodies(), log.content()), (vec![BodyLength::Chunked], b"x".to_vec()));
    }
}

#[test]
fn a04_duplicate_cl() {
    for (first, second) in [("0", "1"), ("1", "0"), ("5", "5"), ("5", "05")] {
        let lines = format!("Content-Length:{first}\r\nContent-Length:{second}\r\n");
        refused(post(&lines, "hello"), 400, ErrorKind::ContentLengthRepeated);
    }
}

#[test]
fn a04_equal_lengths_collapse_by_policy_and_differing_never() {
    let mut config = Config::default();
    config.leniency.repeated_content_length = true;
    let run = |lines: &str| {
        split::server_with(config.clone(), Then::Open, post(lines, "hello"), ok_at_end)
    };
    for lines in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5,5\r\nX: y\r\nContent-Length: 5\r\n",
    ] {
        let log = run(lines);
        log.assert_fine();
        assert_eq!((log.bodies(), log.content()), (vec![BodyLength::Known(5)], b"hello".to_vec()));
    }
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5, 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5,\r\n",
        "Content-Length: 5\r\nContent-Length: \r\n",
        "Content-Length: 5\r\nContent-Length: x\r\n",
        "Content-Length: x, 5\r\n",
    ] {
        let log = run(lines);
        log.assert_refused(400);
        assert_eq!(log.events, []);
    }
}

#[test]
fn a05_malformed_cl() {
    for value in [
        "+5", "0x5", "5 5", "1_0", "", "-48", "5.", "5.0", "1e1", "5;x", "five", "\"5\"", "5\t5",
        "5,", ",5", "0b1", "٥",
    ] {
        let attack = post(&format!("Content-Length: {value}\r\n"), "hello");
        refused(attack, 400, ErrorKind::ContentLengthInvalid);
    }
    refused(post("Content-Length: 5,5\r\n", "hello"), 400, ErrorKind::ContentLengthRepeated);
    refused(post("Content-Length: \x0b5\r\n", "hello"), 400, ErrorKind::FieldValue);
}

#[test]
fn a05_white_space_around_a_length_is_no_part_of_it() {
    for value in ["5", " 5", "5 ", "\t5 \t", "005"] {
        let log = split::server(post(&format!("Content-Length:{value}\r\n"), "hello"), ok_at_end);
        log.assert_fine();
        assert_eq!(log.content(), b"hello");
    }
}

#[test]
fn a06_cl_overflow() {
    for value in ["18446744073709551616", "36893488147419103237", "99999999999999999999999999"] {
        let attack = post(&format!("Content-Length: {value}\r\n"), "hello");
        refused(attack, 400, ErrorKind::ContentLengthInvalid);
    }
    for value in ["18446744073709551615", "9223372036854775808", "1048577"] {
        let attack = post(&format!("Content-Length: {value}\r\n"), "hello");
        refused(attack, 413, ErrorKind::BodyTooLong);
    }
}

#[test]
fn a21_te_in_http_1_0() {
    for (fields, kind) in [
        ("Transfer-Encoding: chunked\r\n", ErrorKind::TransferEncodingInHttp10),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            ErrorKind::TransferEncodingInHttp10,
        ),
        (
            "Connection: keep-alive\r\nTransfer-Encoding: identity\r\n",
            ErrorKind::TransferEncodingInHttp10,
        ),
    ] {
        let attack = format!("POST / HTTP/1.0\r\n{fields}\r\n5\r\nhello\r\n0\r\n\r\n");
        refused(attack, 400, kind);
    }
}

#[test]
fn a21_a_request_never_lasts_until_close() {
    let log = split::server_with(
        Config::default(),
        Then::Eof,
        "POST / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        ok_at_end,
    );
    log.assert_fine();
    assert_eq!(log.bodies(), [BodyLength::None], "no length, no content");
    assert_eq!(log.content(), b"");
}

#[test]
fn a49_connection_nominates_framing_fields() {
    let attack = post(
        "Connection: content-length, host, transfer-encoding\r\nContent-Length: 5\r\n",
        "helloGET /next HTTP/1.1\r\nHost: b\r\n\r\n",
    );
    let log = split::server(attack, ok_at_end);
    log.assert_fine();
    assert_eq!(log.bodies(), [BodyLength::Known(5), BodyLength::None]);
    assert_eq!(log.content(), b"hello");
    assert_eq!(log.targets(), ["/", "/next"]);
    let kept: Vec<_> = log.heads()[0].end_to_end_fields().map(|field| field.name).collect();
    assert_eq!(kept, [&b"Host"[..], b"Content-Length"], "a proxy forwards them all the same");
}

#[test]
fn a50_chunked_twice_or_with_parameters() {
    for value in
        ["chunked, chunked", "chunked;q=1", "chunked ;q=1", "chunked;a=\"b\"", "gzip;q=1, chunked"]
    {
        let attack = post(&format!("Transfer-Encoding: {value}\r\n"), "0\r\n\r\n");
        refused(attack, 400, ErrorKind::TransferEncodingInvalid);
    }
}

#[test]
fn a53_the_method_does_not_frame() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "PURGE"] {
        let attack = format!(
            "{method} /first HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
             GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let log = split::server(attack, ok_at_end);
        log.assert_fine();
        assert_eq!(log.bodies(), [BodyLength::Known(5), BodyLength::None], "{method}");
        assert_eq!((log.content(), log.targets().len()), (b"hello".to_vec(), 2), "{method}");
    }
    // Nor does a method that usually has content make some up.
    let log = split::server(post("", "GET /second HTTP/1.1\r\nHost: a\r\n\r\n"), ok_at_end);
    assert_eq!(log.bodies(), [BodyLength::None, BodyLength::None]);
}
