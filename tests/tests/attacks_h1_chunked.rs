//! Attacks by the chunked coding. Each goes through a server and through the decoder alone.

use h1_proto::{Config, ErrorKind, NextStep};
use tests::split::{self, Log, Then, ok_at_end};

const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

fn on_server(body: &[u8]) -> Log {
    split::server([HEAD.as_bytes(), body].concat(), ok_at_end)
}

/// Both refuse it for the same reason at the same octet, and no second request is seen.
#[track_caller]
fn refused(body: impl AsRef<[u8]>, kind: ErrorKind) -> Log {
    let body = body.as_ref();
    let alone = split::chunked(Config::default(), body);
    assert_eq!(alone.kind(), kind, "{alone:?}");
    let log = on_server(body);
    log.assert_refused(alone.failure().status().unwrap());
    assert_eq!(log.kind(), kind, "{log:?}");
    assert_eq!(log.failure().offset(), HEAD.len() as u64 + alone.failure().offset());
    assert_eq!(log.heads().len(), 1, "{log:?}");
    assert!(log.ends().is_empty(), "the message never counts as complete");
    alone
}

#[track_caller]
fn accepted(body: impl AsRef<[u8]>, content: &[u8]) -> Log {
    let body = body.as_ref();
    let alone = split::chunked(Config::default(), body);
    assert_eq!((&alone.error, alone.content()), (&None, content.to_vec()), "{alone:?}");
    let log = on_server(body);
    log.assert_fine();
    assert_eq!((log.content(), log.statuses()), (content.to_vec(), vec![200]));
    log
}

#[test]
fn a07_chunk_size_overflow() {
    refused("FFFFFFFFFFFFFFFF1\r\n", ErrorKind::ChunkSizeOverflow);
    refused("00000000000000005\r\nhello\r\n0\r\n\r\n", ErrorKind::ChunkSizeOverflow);
    // What fits into 64 bits meets the limit of the content.
    for size in ["FFFFFFFFFFFFFFFF", "8000000000000000", "100001"] {
        let log = refused(format!("{size}\r\n"), ErrorKind::BodyTooLong);
        assert_eq!(log.failure().status(), Some(413));
    }
    // Without a limit, two sizes whose sum wraps.
    let sum = "1\r\nx\r\nFFFFFFFFFFFFFFFF\r\n";
    let log = split::chunked(Config::client(), sum);
    assert_eq!(log.kind(), ErrorKind::ChunkSizeOverflow);
}

#[test]
fn a08_chunk_size_prefix() {
    for size in ["", "+1", "-1", "-0x0", " 1", "\t1", "_1", "g", ";a=b", "\x0b1", "'1'"] {
        let log = refused(format!("{size}\r\nx\r\n0\r\n\r\n"), ErrorKind::ChunkSize);
        assert_eq!(log.failure().offset(), 0, "{size:?}");
    }
    for size in ["0x1", "0_2e", "1.0", "1,", "1_", "1h", "1\0", "1\x0b"] {
        refused(format!("{size}\r\nx\r\n0\r\n\r\n"), ErrorKind::ChunkSize);
    }
    for size in ["1 ", "1\t", "1  \t ", "1 x", "1 0"] {
        refused(format!("{size}\r\nx\r\n0\r\n\r\n"), ErrorKind::ChunkExtension);
    }
}

#[test]
fn a08_sizes_are_hexadecimal_in_either_case_with_leading_zeros() {
    let content = [b'x'; 0x2e];
    let text = "x".repeat(0x2e);
    for size in ["2e", "2E", "02e", "000000000000002E"] {
        accepted(format!("{size}\r\n{text}\r\n0\r\n\r\n"), &content);
    }
    accepted("0000\r\n\r\n", b"");
}

#[test]
fn a09_lf_in_an_extension() {
    let log = refused("5;a\nX\r\nhello\r\n0\r\n\r\n", ErrorKind::BareLf);
    assert_eq!(log.failure().offset(), 3, "at the LF");
    refused("5;\nhello\r\n0\r\n\r\n", ErrorKind::BareLf);
    refused("5;a=\nhello\r\n0\r\n\r\n", ErrorKind::BareLf);
    refused("5;a=b\nhello\r\n0\r\n\r\n", ErrorKind::BareLf);
    refused("5;a \nhello\r\n0\r\n\r\n", ErrorKind::BareLf);
    refused("5;a=\"b\"\nhello\r\n0\r\n\r\n", ErrorKind::BareLf);
    for control in ["\0", "\x01", "\x7f", "\x0b"] {
        refused(format!("5;a{control}b\r\nhello\r\n0\r\n\r\n"), ErrorKind::ChunkExtension);
        refused(format!("5;a=\"{control}\"\r\nhello\r\n0\r\n\r\n"), ErrorKind::ChunkExtension);
    }
}

#[test]
fn a10_lf_as_the_end_of_a_chunk_line() {
    let log = refused("5\nhello\r\n0\r\n\r\n", ErrorKind::BareLf);
    assert_eq!(log.failure().offset(), 1);
    refused("5\r\nhello\r\n0\n\r\n", ErrorKind::BareLf);
    refused("5\r\nhello\r\n0\r\n\n", ErrorKind::BareLf);
    refused("5\r\nhello\r\n0\r\nx: y\n\r\n", ErrorKind::BareLf);
}

#[test]
fn a11_what_follows_chunk_data() {
    for end in ["XX", "\rX", "\nX", "\n", "X", "\r\r\n", "\n\r", "  "] {
        refused(format!("5\r\nhello{end}0\r\n\r\n"), ErrorKind::ChunkEnd);
    }
    let log = refused("5\r\nhello world\r\n0\r\n\r\n", ErrorKind::ChunkEnd);
    assert_eq!(log.failure().offset(), 8, "behind the five octets");
    assert_eq!(log.content(), b"hello");
}

#[test]
fn a12_a_line_end_within_quotes() {
    for value in ["\"x\r\ny\"", "\"x\ny\"", "\"x\ry\"", "\"\\\r\n\"", "\"\\\n\""] {
        refused(format!("5;a={value}\r\nhello\r\n0\r\n\r\n"), ErrorKind::ChunkExtension);
    }
}

#[test]
fn a12_extensions_by_the_grammar_are_skipped() {
    for extension in [
        ";a",
        ";a=b",
        ";a=\"b\"",
        ";a=\"b;c\\\"d\"",
        " ; a = b",
        "\t;a\t;b=\"\"",
        ";a;b;c=1",
        ";a=\"\x09 \u{e9}\"",
    ] {
        accepted(format!("5{extension}\r\nhello\r\n0{extension}\r\n\r\n"), b"hello");
    }
    for extension in
        [";", ";;a", ";a=", ";=b", ";a=b c", ";a=\"b", ";a=\"b\"c", ";a b", " a", ";a=b=c", ";é"]
    {
        refused(format!("5{extension}\r\nhello\r\n0\r\n\r\n"), ErrorKind::ChunkExtension);
    }
}

#[test]
fn a13_bare_cr_in_a_chunk_line() {
    refused("5\r\r;ABCD\r\nhello\r\n0\r\n\r\n", ErrorKind::BareCr);
    refused("5\rXhello\r\n0\r\n\r\n", ErrorKind::BareCr);
    refused("5;a\rb\r\nhello\r\n0\r\n\r\n", ErrorKind::BareCr);
    refused("5\r\nhello\r\n0\r\r\n\r\n", ErrorKind::BareCr);
}

#[test]
fn a14_what_follows_the_last_chunk_is_a_trailer() {
    let log = accepted("0\r\nX:POST / HTTP/1.1\r\n\r\n", b"");
    assert_eq!(log.heads().len(), 1, "it is no request");
    assert_eq!(log.ends()[0].field("x"), Some(&b"POST / HTTP/1.1"[..]));
    refused("0\r\nXX\r\n\r\n", ErrorKind::FieldName);
    refused("0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", ErrorKind::FieldName);
    refused("0\r\n X: y\r\n\r\n", ErrorKind::SpaceBeforeFields);
    refused("0\r\nX: y\r\n z\r\n\r\n", ErrorKind::FoldedField);
    refused("0\r\n\rX: y\r\n\r\n", ErrorKind::BareCr);
}

#[test]
fn a15_trailers_do_not_frame_or_route() {
    for name in ["Transfer-Encoding", "content-length", "HOST", "Connection", "Trailer"] {
        let log = refused(
            format!("0\r\nfine: x\r\n{name}: chunked\r\n\r\n"),
            ErrorKind::TrailerForbidden,
        );
        assert_eq!(log.failure().field(), Some(name));
    }
}

#[test]
fn a15_trailers_are_never_merged() {
    let next = "POST /next HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nno";
    let log = on_server(format!("1\r\ny\r\n0\r\nAuthorization: me\r\n\r\n{next}").as_bytes());
    log.assert_fine();
    assert_eq!(log.ends()[0].field("authorization"), Some(&b"me"[..]));
    for head in log.heads() {
        assert_eq!(head.field("authorization"), None);
    }
    assert_eq!(log.ends()[1].fields().len(), 0, "and they do not stay for the next message");
    assert_eq!(log.content(), b"yno");
}

#[test]
fn a40_chunk_extension_amplification() {
    let line = format!("1;{}\r\nx\r\n", "e".repeat(300));
    let log = refused(line, ErrorKind::ChunkLineTooLong);
    assert_eq!((log.failure().offset(), log.failure().rule()), (256, "chunk_line_bytes_max"));

    let line = format!("1;{}\r\nx\r\n", "e".repeat(200));
    let log = refused(line.repeat(20), ErrorKind::ChunkExtensionsTooLong);
    assert_eq!(log.content().len(), 5, "1 KiB of extensions is free, no more");

    // In proportion to the content it is not an attack.
    let chunk = format!("{:x};{}\r\n{}\r\n", 2000, "e".repeat(200), "x".repeat(2000));
    let body = format!("{}0\r\n\r\n", chunk.repeat(10));
    accepted(body, &[b'x'; 20_000]);
}

#[test]
fn a41_chunks_of_one_octet() {
    // The helper bounds the work by a multiple of the input; content comes merged.
    let body = format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(2000));
    accepted(body, &[b'x'; 2000]);

    // 1 MiB of it in one go.
    let input = [HEAD.as_bytes(), &b"1\r\nx\r\n".repeat(1 << 20), b"0\r\n\r\n"].concat();
    let mut conn = h1_proto::ServerConnection::new(Config::default(), split::START);
    let mut head = h1_proto::Head::new();
    let (mut rest, mut content) = (input.as_slice(), 0);
    while let Some(event) = conn.next_event(&mut rest, &mut head).unwrap() {
        if let h1_proto::Event::Data(data) = event {
            content += data.len();
        }
    }
    assert_eq!(content, 1 << 20);
    assert!(conn.work() <= 2 * input.len() as u64, "{} for {}", conn.work(), input.len());
}

#[test]
fn a42_endless_trailers() {
    let log = refused(format!("0\r\n{}", "a: b\r\n".repeat(100)), ErrorKind::TooManyTrailers);
    assert_eq!(log.failure().status(), Some(431));
    assert_eq!(log.failure().offset(), 3 + 32 * 6, "at the 33rd");
    let long = format!("a: {}\r\n", "b".repeat(1000));
    let log = refused(format!("0\r\n{}", long.repeat(20)), ErrorKind::TrailersTooLong);
    assert_eq!(log.failure().offset(), 3 + (8 << 10));
    let endless = format!("0\r\na: {}", "b".repeat(20_000));
    refused(endless, ErrorKind::TrailersTooLong);
    accepted(format!("0\r\n{}\r\n", "a: b\r\n".repeat(32)), b"");
}

#[test]
fn a54_no_resynchronisation_after_a_broken_chunk() {
    let log = refused("5\r\nhelloXX\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n", ErrorKind::ChunkEnd);
    assert_eq!(log.content(), b"hello");
    let log = on_server(b"5\r\nhelloXX\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(log.targets(), ["/"]);
}

#[test]
fn a54_what_was_owed_is_answered_before_the_junk() {
    let input = "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n\
                 GET /c HTTP/1.1\r\nHost: a\r\n\r\n";
    let log = split::server(input, ok_at_end);
    log.assert_refused(400);
    assert_eq!((log.targets(), log.statuses()), (vec!["/a".to_owned()], vec![200, 400]));
}

#[test]
fn a54_junk_behind_the_last_request_takes_no_answer_away() {
    let input = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\0junk : x\r\n\r\n";
    let log = split::server_with(Config::default(), Then::Open, input, ok_at_end);
    log.assert_fine();
    assert_eq!(log.statuses(), [200]);
    assert!(log.left.starts_with(b"\0junk"), "it is not even looked at");
    assert!(matches!(log.next_step, NextStep::Linger { .. } | NextStep::Close));
}
