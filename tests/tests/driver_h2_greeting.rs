//! Which protocol a connection of the driver speaks: told apart by its first octets, however they are
//! cut, whatever is spoken.

mod driver_h2_client;

use driver_h2_client::{Running, SECOND, Setup, TEXT, by, path};
use driver_tokio::{Outcome, Protocols, Version};
use h2_proto::testing::{Frame, client_bytes, kind, setting};
use h2_proto::{ErrorCode, PREFACE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn serve(protocols: Protocols) -> Running {
    let setup = Setup::with(|setup| {
        setup.settings.protocols = protocols;
        setup.greeting = None;
    });
    setup
        .run(by(|request, response| {
            Box::pin(async move {
                let version = request.head().version();
                let text = format!("{version} {}", path(request));
                assert!(matches!(version, Version::Http2 | Version::Http11));
                Ok(response.respond(200, [TEXT], text.as_bytes())?)
            })
        }))
        .await
}

/// Sends it; all that comes back, and how it ended.
async fn talk(mut running: Running, octets: &[u8]) -> (String, Outcome) {
    running.client.write(octets).await;
    let mut answer = Vec::new();
    running.client.io.read_to_end(&mut answer).await.unwrap();
    (answer.escape_ascii().to_string(), running.server.await.unwrap().outcome)
}

const CLOSING: &[u8] = b"GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn however_preface_settings_and_request_are_cut_the_answer_is_the_same() {
    let begin = client_bytes([Frame::settings([]), Frame::get(1, "/a")]);
    for protocols in [Protocols::Both, Protocols::Http2] {
        for cut in 0..=begin.len() {
            let mut running = serve(protocols).await;
            let (before, behind) = begin.split_at(cut);
            for piece in [before, behind] {
                running.client.write(piece).await;
                // No ACK of ours goes in the middle of it.
                running.client.polite = false;
                running.client.settle().await;
            }
            let answer = running.client.answer(1).await;
            assert_eq!(answer.text(), "HTTP/2 /a", "{protocols:?} cut at {cut}");
            assert!(matches!(running.close().await, Outcome::ClientClosed));
        }
        let mut running = serve(protocols).await;
        running.client.polite = false;
        for octet in &begin {
            running.client.write(&[*octet]).await;
            running.client.settle().await;
        }
        assert_eq!(running.client.answer(1).await.text(), "HTTP/2 /a", "octet by octet");
    }
}

#[tokio::test(start_paused = true)]
async fn http_1_is_spoken_with_who_speaks_it() {
    for protocols in [Protocols::Both, Protocols::Http1] {
        let (answer, outcome) = talk(serve(protocols).await, CLOSING).await;
        assert!(answer.ends_with("HTTP/1.1 /a"), "{answer}");
        assert!(matches!(outcome, Outcome::Closed), "{outcome}");
        // Its method begins as the preface does.
        let pri = b"PRIME /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let (answer, _) = talk(serve(protocols).await, pri).await;
        assert!(answer.ends_with("HTTP/1.1 /a"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_preface_behind_a_request_of_http_1_is_no_preface() {
    let request = b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n";
    let (answer, outcome) =
        talk(serve(Protocols::Both).await, &[request, &PREFACE[..]].concat()).await;
    assert!(answer.contains("HTTP/1.1 /aHTTP/1.1 505 "), "{answer}");
    assert!(matches!(outcome, Outcome::Parse(_)), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn http_2_alone_refuses_http_1_and_a_wrong_preface() {
    let mut wrong = PREFACE.to_vec();
    wrong[20] ^= 1;
    for octets in [CLOSING, &wrong, b"\x16\x03\x01\x02\0\x01\0\x01"] {
        let (answer, outcome) = talk(serve(Protocols::Http2).await, octets).await;
        assert!(!answer.contains("HTTP/1.1"), "{answer}");
        assert!(matches!(outcome, Outcome::Parse(_)), "{outcome}");
    }
}

#[tokio::test(start_paused = true)]
async fn http_1_alone_has_no_ear_for_the_preface() {
    let octets = client_bytes([Frame::settings([])]);
    let (answer, outcome) = talk(serve(Protocols::Http1).await, &octets).await;
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
    assert!(matches!(outcome, Outcome::Parse(_)), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn a_preface_that_stops_half_way_is_http_1_after_a_while() {
    let begin = tokio::time::Instant::now();
    let mut running = serve(Protocols::Both).await;
    running.client.write(&PREFACE[..18]).await;
    tokio::time::sleep(4 * SECOND).await;
    assert!(!running.server.is_finished());
    let mut answer = Vec::new();
    running.client.io.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 505 "), "{}", answer.escape_ascii());
    assert_eq!(begin.elapsed().as_secs(), 5, "sniff_timeout");
    // Its rest in time makes it HTTP/2.
    let mut running = serve(Protocols::Both).await;
    running.client.write(&PREFACE[..18]).await;
    tokio::time::sleep(4 * SECOND).await;
    running.client.write(&PREFACE[18..]).await;
    running.client.send([Frame::settings([]), Frame::get(1, "/a")]).await;
    assert_eq!(running.client.answer(1).await.text(), "HTTP/2 /a");
}

#[tokio::test(start_paused = true)]
async fn what_else_begins_as_the_preface_does_is_http_1_at_once() {
    let mut running = serve(Protocols::Both).await;
    running.client.write(b"PRI * HTTP/2.0\r\n\r\nSN").await;
    let begin = tokio::time::Instant::now();
    let mut answer = Vec::new();
    running.client.io.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 505 "), "{}", answer.escape_ascii());
    assert!(begin.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_before_the_preface_and_settings_come_first_behind_it() {
    let mut running = serve(Protocols::Both).await;
    running.client.settle().await;
    assert!(running.client.frames.is_empty());
    running.client.write(PREFACE).await;
    running.client.settle().await;
    let first = &running.client.frames[0];
    assert_eq!(first.kind, kind::SETTINGS);
    assert!(first.entries().any(|it| it == (setting::MAX_CONCURRENT_STREAMS, 100)));
}

#[tokio::test(start_paused = true)]
async fn settings_come_first_behind_the_preface() {
    for protocols in [Protocols::Both, Protocols::Http2] {
        let mut running = serve(protocols).await;
        running.client.write(PREFACE).await;
        running.client.send([Frame::ping([0; 8])]).await;
        let (code, outcome) = running.end().await;
        assert_eq!(code, Some(ErrorCode::PROTOCOL_ERROR));
        assert!(matches!(outcome, Outcome::Parse(_)), "{outcome}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_shuts_its_side_has_left() {
    for octets in [&b""[..], &PREFACE[..10], PREFACE, &client_bytes([Frame::settings([])])] {
        for protocols in [Protocols::Both, Protocols::Http2] {
            let mut running = serve(protocols).await;
            running.client.polite = false;
            running.client.write(octets).await;
            running.client.settle().await;
            running.client.io.shutdown().await.unwrap();
            let (_, outcome) = running.end().await;
            let cut = octets.len();
            assert!(matches!(outcome, Outcome::ClientClosed), "{protocols:?} {cut}: {outcome}");
        }
    }
}
