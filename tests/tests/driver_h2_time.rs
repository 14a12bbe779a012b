//! Time on a connection of HTTP/2: deadlines, the two signals, floods; while others are served. Time
//! stands still but for what is waited for.

mod driver_h2_client;

use std::sync::Arc;
use std::time::Duration;

use driver_h2_client::{Client, Running, SECOND, Setup, TEXT, by, path, read_all};
use driver_tokio::{BodyLength, HandlerError, Outcome, Request, Response, Server, Stop};
use h2_proto::testing::{Frame, bytes, client_bytes, flag, kind, setting};
use h2_proto::{ErrorCode, PREFACE};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

async fn routes(
    request: &mut Request<'_>,
    response: &mut Response<'_>,
) -> Result<(), HandlerError> {
    match path(request).as_str() {
        "/forever" => std::future::pending().await,
        "/wait" => {
            tokio::time::sleep(3 * SECOND).await;
            response.respond(200, [TEXT], b"waited")?;
        }
        "/late" => {
            tokio::time::sleep(40 * SECOND).await;
            response.send_response(200, [TEXT], BodyLength::Unknown)?;
            response.send_data(&[b'x'; 100_000]).await?;
        }
        "/later" => {
            tokio::time::sleep(150 * SECOND).await;
            response.respond(200, [TEXT], b"later")?;
        }
        "/read" => {
            let content = read_all(request).await?;
            response.respond(200, [TEXT], &content)?;
        }
        "/sends" => {
            response.send_response(200, [TEXT], BodyLength::Unknown)?;
            loop {
                response.send_data(&[b'x'; 10_000]).await?;
            }
        }
        _ => response.respond(200, [TEXT], b"ok")?,
    }
    Ok(())
}

async fn run(change: impl FnOnce(&mut Setup)) -> Running {
    Setup::with(change).run(by(|request, response| Box::pin(routes(request, response)))).await
}

async fn run_plain() -> Running {
    run(|_| {}).await
}

const MAX: u32 = i32::MAX as u32;

// ---- drain and cancel ----

#[tokio::test(start_paused = true)]
async fn drain_serves_what_was_under_way_and_then_closes() {
    let mut running = run_plain().await;
    running.client.get(1, "/wait").await;
    running.client.settle().await;
    // The announcement is not acknowledged until the test says so.
    running.client.polite = false;
    running.stop.drain();
    running.client.settle().await;
    assert_eq!(running.client.goaways(), [(MAX, ErrorCode::NO_ERROR)]);
    let is_ping = |frame: &&Frame| frame.kind == kind::PING;
    let ping =
        running.client.frames.iter().find(is_ping).expect("a PING tells the round trip").clone();
    // This was sent before the client could know.
    running.client.get(3, "/wait").await;
    running.client.settle().await;
    running.client.send([Frame { flags: flag::ACK, ..ping }]).await;
    running.client.settle().await;
    assert_eq!(running.client.goaways()[1..], [(3, ErrorCode::NO_ERROR)]);
    // This was not: it is ignored.
    running.client.get(5, "/now").await;
    assert_eq!(running.client.answer(1).await.text(), "waited");
    assert_eq!(running.client.answer(3).await.text(), "waited");
    let outcome = running.end().await.1;
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn drain_ends_an_idle_connection_within_a_round_trip() {
    let mut running = run_plain().await;
    running.client.get(1, "/").await;
    running.client.answer(1).await;
    running.client.settle().await;
    let begin = Instant::now();
    running.stop.drain();
    let (code, outcome) = running.end().await;
    assert_eq!(code, Some(ErrorCode::NO_ERROR));
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");
    assert!(begin.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn drain_before_the_first_octet_closes_too() {
    for greeting in [None, Some(Vec::new())] {
        for begun in [false, true] {
            let greeting = greeting.clone();
            let mut running = run(|setup| setup.greeting = greeting).await;
            if begun {
                running.client.settle().await;
            }
            let begin = Instant::now();
            running.stop.drain();
            let outcome = running.end().await.1;
            assert!(matches!(outcome, Outcome::Closed), "{outcome}");
            assert!(begin.elapsed() < SECOND);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_takes_too_long_is_cut() {
    let mut running = run_plain().await;
    running.client.get(1, "/forever").await;
    running.client.settle().await;
    let begin = Instant::now();
    running.stop.drain();
    let (_, outcome) = running.end().await;
    assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");
    assert!((29..=31).contains(&begin.elapsed().as_secs()), "drain_timeout");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_the_announcement_is_drained_all_the_same() {
    let mut running = run_plain().await;
    running.client.settle().await;
    running.client.polite = false;
    let begin = Instant::now();
    running.stop.drain();
    running.end().await;
    assert!(begin.elapsed().as_secs() <= 35, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn cancel_ends_a_connection_wherever_it_is() {
    for path in ["/forever", "/read", "/sends", "/"] {
        let mut running = run_plain().await;
        running.client.grants = false;
        running.client.post(1, path).await;
        running.client.settle().await;
        let begin = Instant::now();
        running.stop.cancel();
        assert!(matches!(running.end().await.1, Outcome::Cancelled), "{path}");
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }
    // Also one whose output nobody takes, and one that drains.
    let mut running = run(|setup| setup.room = 1000).await;
    running.client.send([Frame::window_update(0, 1 << 20), Frame::get(1, "/sends")]).await;
    tokio::time::sleep(SECOND).await;
    running.stop.cancel();
    assert!(matches!(running.server.await.unwrap().outcome, Outcome::Cancelled));
    let mut running = run_plain().await;
    running.client.get(1, "/forever").await;
    running.client.settle().await;
    running.stop.drain();
    running.client.settle().await;
    running.stop.cancel();
    assert!(matches!(running.end().await.1, Outcome::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_drain_begins_with_it() {
    let mut running = run_plain().await;
    running.client.get(1, "/later").await;
    running.client.settle().await;
    tokio::time::sleep(140 * SECOND).await;
    running.stop.drain();
    assert_eq!(running.client.answer(1).await.text(), "later");
    assert!(matches!(running.end().await.1, Outcome::Closed));
}

// ---- deadlines ----

#[tokio::test(start_paused = true)]
async fn the_time_of_content_that_waits_begins_when_it_waits() {
    let mut running = run_plain().await;
    running.client.grants = false;
    running.client.get(1, "/late").await;
    running.client.until(|it| it.so_far(1).octets == 65_535).await;
    tokio::time::sleep(20 * SECOND).await;
    running.client.send([Frame::window_update(0, 1 << 20), Frame::window_update(1, 1 << 20)]).await;
    let answer = running.client.answer(1).await;
    assert_eq!((answer.octets, answer.reset), (100_000, None));
}

/// How long until it ends by a deadline, and the code of its farewell.
async fn ends_after(running: Running) -> (u64, Option<ErrorCode>) {
    let begin = Instant::now();
    let (code, outcome) = running.end().await;
    assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");
    (begin.elapsed().as_secs(), code)
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_idle_is_closed_without_blame() {
    let mut running = run_plain().await;
    running.client.get(1, "/").await;
    running.client.answer(1).await;
    let begin = Instant::now();
    let (code, outcome) = running.end().await;
    assert_eq!((code, begin.elapsed().as_secs()), (Some(ErrorCode::NO_ERROR), 60));
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_long_keeps_its_connection() {
    let mut running = run(|_| {}).await;
    running.client.get(1, "/forever").await;
    running.client.settle().await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    running.client.get(3, "/").await;
    assert_eq!(running.client.answer(3).await.text(), "ok");
}

#[tokio::test(start_paused = true)]
async fn settings_that_are_not_acknowledged_end_a_connection() {
    let mut running = run_plain().await;
    running.client.polite = false;
    running.client.get(1, "/forever").await;
    let (seconds, code) = ends_after(running).await;
    assert_eq!((seconds, code), (10, Some(ErrorCode::SETTINGS_TIMEOUT)));
}

#[tokio::test(start_paused = true)]
async fn a_field_block_that_drips_ends_a_connection() {
    let mut running = run_plain().await;
    running.client.settle().await;
    let begin = Instant::now();
    let (_, mut write) = drip(&mut running);
    for octet in Frame::get(1, "/").to_bytes().into_iter().cycle() {
        tokio::time::sleep(SECOND).await;
        if write.write_all(&[octet]).await.is_err() || running.server.is_finished() {
            break;
        }
        assert!(begin.elapsed().as_secs() < 30);
    }
    let outcome = running.server.await.unwrap().outcome;
    assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");
}

/// Takes the client's pipe apart.
fn drip(
    running: &mut Running,
) -> (tokio::io::ReadHalf<DuplexStream>, tokio::io::WriteHalf<DuplexStream>) {
    let (other, _) = duplex(1);
    tokio::io::split(std::mem::replace(&mut running.client.io, other))
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_ends_its_connection() {
    let mut running = run(|setup| {
        setup.room = 1000;
        setup.greeting = Some(vec![(setting::INITIAL_WINDOW_SIZE, 1 << 20)]);
    })
    .await;
    running.client.settle().await;
    running.client.send([Frame::get(1, "/sends")]).await;
    let begin = Instant::now();
    let outcome = running.server.await.unwrap().outcome;
    assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");
    assert!((30..=36).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_ends_its_connection() {
    let mut running = run(|setup| {
        setup.room = 1000;
        setup.greeting = Some(vec![(setting::INITIAL_WINDOW_SIZE, 1 << 20)]);
    })
    .await;
    running.client.settle().await;
    running.client.send([Frame::get(1, "/sends")]).await;
    let begin = Instant::now();
    while !running.server.is_finished() {
        let mut some = [0; 10];
        tokio::time::sleep(SECOND).await;
        let _ = running.client.io.read(&mut some).await;
        assert!(begin.elapsed().as_secs() < 120, "10 octets a second hold it");
    }
    let outcome = running.server.await.unwrap().outcome;
    assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_window_stays_shut_is_reset_alone() {
    let mut running = run_plain().await;
    running.client.grants = false;
    running.client.get(1, "/sends").await;
    running.client.settle().await;
    running.client.send([Frame::window_update(0, 1 << 20)]).await;
    let begin = Instant::now();
    let answer = running.client.answer(1).await;
    assert!(answer.reset.is_some());
    assert!((29..=31).contains(&begin.elapsed().as_secs()), "send_timeout");
    running.client.get(3, "/").await;
    assert_eq!(running.client.answer(3).await.text(), "ok");
}

#[tokio::test(start_paused = true)]
async fn content_that_does_not_come_is_waited_for_as_long_as_is_said() {
    let mut running = run(|setup| setup.config.body_timeout = Some(20 * SECOND)).await;
    running.client.post(1, "/read").await;
    running.client.get(3, "/forever").await;
    let begin = Instant::now();
    assert!(running.client.answer(1).await.reset.is_some());
    assert_eq!(begin.elapsed().as_secs(), 20);
    running.client.get(5, "/").await;
    assert_eq!(running.client.answer(5).await.text(), "ok");
}

/// A listener's worth of clients that waste time, each in its own way.
#[tokio::test(start_paused = true)]
async fn a_thousand_that_waste_time_end_in_time_while_others_are_served() {
    let stop = Stop::new();
    let server = Arc::new(Server::new(by(|request, response| Box::pin(routes(request, response)))));
    let begin = Instant::now();
    let mut clients = Vec::new();
    for index in 0..1000 {
        let (mut client, io) = duplex(1000);
        let (server, stop) = (Arc::clone(&server), stop.clone());
        let serving = tokio::spawn(async move {
            let outcome = server.serve_connection(io, &stop).await.outcome;
            (outcome.label(), begin.elapsed().as_secs())
        });
        let way = index % 5;
        let greeting = client_bytes([Frame::settings([(setting::INITIAL_WINDOW_SIZE, 1 << 20)])]);
        let with_request = |path| bytes([Frame::settings_ack(), Frame::get(1, path)]);
        let first = match way {
            // Silent from the beginning, and behind half a preface and a whole one.
            0 => Vec::new(),
            1 => PREFACE[..10].to_vec(),
            2 => PREFACE.to_vec(),
            // Never acknowledges SETTINGS.
            3 => greeting,
            // Never reads.
            _ => [greeting, with_request("/sends")].concat(),
        };
        client.write_all(&first).await.unwrap();
        clients.push((way, client, serving));
    }
    let (client, io) = duplex(64 << 10);
    let good = tokio::spawn({
        let stop = stop.clone();
        async move { server.serve_connection(io, &stop).await.outcome }
    });
    let mut client = Client::new(client);
    client.greet(&[]).await;
    for index in 0..60 {
        client.get(2 * index + 1, "/").await;
        assert_eq!(client.answer(2 * index + 1).await.text(), "ok");
        tokio::time::sleep(SECOND).await;
    }
    for (way, client, serving) in clients {
        let (label, seconds) = serving.await.unwrap();
        let (expected, most) = [
            ("deadline", 5),
            // sniff_timeout, then the head's.
            ("deadline", 10),
            ("deadline", 15),
            ("deadline", 15),
            ("deadline", 36),
        ][way];
        assert_eq!(label, expected, "way {way}");
        assert!(seconds <= most, "way {way}: {seconds} s");
        drop(client);
    }
    drop(client);
    assert_eq!(good.await.unwrap().label(), "client_closed");
}

// ---- floods ----

/// Makes the next octets of a flood.
type Flood = Box<dyn FnMut() -> Vec<u8>>;

#[tokio::test(start_paused = true)]
async fn floods_end_their_connection_and_no_other() {
    let mut good = run_plain().await;
    let mut stream = 1;
    let mut floods: [(&str, Flood); 4] = [
        ("PING", Box::new(|| bytes(vec![Frame::ping([0; 8]); 100]))),
        ("SETTINGS", Box::new(|| bytes(vec![Frame::settings([]); 100]))),
        ("empty DATA", Box::new(|| bytes(vec![Frame::data(1, ""); 100]))),
        (
            "rapid reset",
            Box::new(move || {
                let mut out = Vec::new();
                for _ in 0..50 {
                    stream += 2;
                    Frame::get(stream, "/forever").write(&mut out);
                    Frame::rst_stream(stream, ErrorCode::CANCEL).write(&mut out);
                }
                out
            }),
        ),
    ];
    for (name, flood) in &mut floods {
        let mut running = run_plain().await;
        running.client.post(1, "/forever").await;
        let mut octets = 0;
        while !running.client.at_end && running.client.goaways().is_empty() {
            let frames = flood();
            octets += frames.len();
            assert!(octets < 4 << 20, "{name}: {octets} octets are taken");
            let _ = running.client.io.write_all(&frames).await;
            running.client.settle().await;
        }
        let (code, outcome) = running.end().await;
        assert!(matches!(outcome, Outcome::Flood(_)), "{name}: {outcome}");
        assert_eq!(code, Some(ErrorCode::ENHANCE_YOUR_CALM), "{name}");
    }
    good.client.get(1, "/").await;
    assert_eq!(good.client.answer(1).await.text(), "ok");
}

#[tokio::test(start_paused = true)]
async fn limits_end_a_connection_as_too_large() {
    let mut running = run_plain().await;
    let entries = (0..40).map(|index| (0x4000 + index, 0));
    running.client.send([Frame::settings(entries)]).await;
    let (code, outcome) = running.end().await;
    assert_eq!(code, Some(ErrorCode::ENHANCE_YOUR_CALM));
    assert!(matches!(outcome, Outcome::TooLarge(_)), "{outcome}");
}
