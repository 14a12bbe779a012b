//! Content of any length takes no memory on its way: the slower side holds the faster one back, in both
//! directions and both at once, on both protocols and behind both front doors.
//!
//! A gibibyte: `cargo test --release -p tests --test driver_back_pressure -- --ignored --nocapture`.

mod driver_back_pressure_streams;
mod driver_h2_client;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use driver_back_pressure_streams::{Door, PIECE, Service, serve};
use driver_h2_client::{Client, MOMENT, SECOND};
use tests::counting::{Counting, assert_counts, watch};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_allocator_counts() {
    assert_counts();
}

/// What the pipe between both sides holds, each way.
const PIPE_BYTES: usize = 16 << 10;
/// What may be held of content: a window, or output.
const BUDGET_BYTES: usize = 64 << 10;
/// Reads between two pauses of whoever is slow.
const READS: usize = 64;

/// Runs it on this thread: the octets that are held at the most beyond those before.
fn peak<F: Future>(future: F) -> usize {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.unwrap();
    watch(|| runtime.block_on(future)).1.peak
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Upload,
    Download,
    Echo,
}

impl Way {
    const fn path(self) -> &'static str {
        match self {
            Self::Upload => "/upload",
            Self::Download => "/download",
            Self::Echo => "/echo",
        }
    }

    fn sends(self) -> bool {
        self != Self::Download
    }
}

#[derive(Clone, Copy, Debug)]
enum Protocol {
    Http1,
    Http2,
}

/// A client of HTTP/1.1 that sends as fast as it can and reads with pauses.
async fn http1(io: DuplexStream, way: Way, octets: usize) {
    let (mut read, mut write) = tokio::io::split(io);
    let method = if way.sends() { "POST" } else { "GET" };
    let length = if way.sends() { octets } else { 0 };
    let head = format!(
        "{method} {}?{octets} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n",
        way.path(),
    );
    let sending = async {
        write.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..length / PIECE.len() {
            write.write_all(PIECE).await.unwrap();
        }
    };
    let expected = if way == Way::Upload { 1 } else { octets };
    let ((), received) = tokio::join!(sending, content(&mut read, expected));
    assert_eq!(received, expected);
}

/// How many octets of content come behind a head, counted until they are as many as expected.
async fn content(io: &mut (impl AsyncRead + Unpin), expected: usize) -> usize {
    let (mut buffer, mut head) = ([0; 16 << 10], Vec::new());
    let mut received = 0;
    for count in 1.. {
        let octets = io.read(&mut buffer).await.unwrap();
        assert!(octets > 0, "the end after {received}: {}", head.escape_ascii());
        let mut rest = &buffer[..octets];
        if !head.ends_with(b"\r\n\r\n") {
            while let ([octet, behind @ ..], false) = (rest, head.ends_with(b"\r\n\r\n")) {
                head.push(*octet);
                rest = behind;
            }
            assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", head.escape_ascii());
        }
        // What is around it may be chunks.
        received += rest.iter().filter(|&&octet| octet == b'x').count();
        if received >= expected {
            break;
        }
        if count % READS == 0 {
            tokio::time::sleep(MOMENT).await;
        }
    }
    received
}

/// The same of HTTP/2.
async fn http2(io: DuplexStream, way: Way, octets: usize) {
    let mut client = Client::new(io);
    client.keeps = false;
    client.greet(&[]).await;
    let path = format!("{}?{octets}", way.path());
    if way.sends() {
        client.post(1, &path).await;
        // It stops where nothing comes for a moment.
        while client.upload(1, octets).await < octets {}
    } else {
        client.get(1, &path).await;
    }
    let mut count = 0;
    while !client.so_far(1).is_over() {
        assert!(client.read().await, "it ended: {}", client.story());
        count += 1;
        if count % READS == 0 {
            tokio::time::sleep(MOMENT).await;
        }
    }
    let answer = client.so_far(1);
    let expected = if way == Way::Upload { 1 } else { octets };
    assert_eq!((answer.status, answer.octets, answer.reset), (200, expected, None));
}

/// So many octets through the budget, by all ways in.
fn flat(way: Way, octets: usize) {
    for (protocol, most) in [(Protocol::Http1, HTTP1_MOST), (Protocol::Http2, HTTP2_MOST)] {
        for door in [Door::Native, Door::Tower] {
            let peak = peak(async move {
                let (client, io) = duplex(PIPE_BYTES);
                let server = serve(io, door, BUDGET_BYTES, &Service::default());
                match protocol {
                    Protocol::Http1 => http1(client, way, octets).await,
                    Protocol::Http2 => http2(client, way, octets).await,
                }
                let outcome = server.await.unwrap().outcome;
                assert_eq!(outcome.label(), "client_closed", "{outcome}");
            });
            println!("{way:?}, {protocol:?}, {door:?}: {} MiB by {peak}", octets >> 20);
            assert!(peak <= most, "{way:?}, {protocol:?}, {door:?}: {peak}");
        }
    }
}

/// Output, twice, because vectors grow by doubling; a read; the pipe both ways; heads and tasks.
const HTTP1_MOST: usize = 2 * BUDGET_BYTES + (16 << 10) + 2 * PIPE_BYTES + (64 << 10);
/// A window beside it, twice as well, and frames here.
const HTTP2_MOST: usize = HTTP1_MOST + 2 * BUDGET_BYTES + 2 * PIPE_BYTES;

#[test]
fn an_upload_takes_no_more_memory_than_its_budget() {
    flat(Way::Upload, 64 << 20);
}

#[test]
fn a_download_takes_no_more_memory_than_its_budget() {
    flat(Way::Download, 64 << 20);
}

#[test]
fn both_at_once_take_no_more_memory_than_their_budget() {
    flat(Way::Echo, 64 << 20);
}

#[test]
#[ignore = "a gibibyte is for an optimized build"]
fn a_gibibyte_up() {
    flat(Way::Upload, 1 << 30);
}

#[test]
#[ignore = "a gibibyte is for an optimized build"]
fn a_gibibyte_down() {
    flat(Way::Download, 1 << 30);
}

#[test]
#[ignore = "a gibibyte is for an optimized build"]
fn a_gibibyte_up_and_down() {
    flat(Way::Echo, 1 << 30);
}

// ---- nobody takes anything (HTTP/1.1; `driver_h2_memory` has the same of HTTP/2) ----

#[test]
fn content_that_nobody_reads_stays_with_its_sender() {
    for door in [Door::Native, Door::Tower] {
        let peak = peak(async move {
            let (mut client, io) = duplex(PIPE_BYTES);
            serve(io, door, BUDGET_BYTES, &Service::default());
            let head = "POST /never HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n";
            client.write_all(head.as_bytes()).await.unwrap();
            let sent = AtomicUsize::new(0);
            let sending = async {
                loop {
                    let octets = client.write(PIECE).await.unwrap();
                    sent.fetch_add(octets, Ordering::Relaxed);
                }
            };
            assert!(tokio::time::timeout(SECOND, sending).await.is_err());
            let sent = sent.into_inner();
            // The pipe, and one read with the head.
            assert!((PIPE_BYTES..=2 * PIPE_BYTES).contains(&sent), "{door:?}: {sent} octets");
        });
        println!("{door:?}: {peak}");
        assert!(peak <= HTTP1_MOST, "{door:?}: {peak}");
    }
}

#[test]
fn an_answer_that_nobody_takes_waits_in_its_handler() {
    for door in [Door::Native, Door::Tower] {
        let peak = peak(async move {
            let (mut client, io) = duplex(PIPE_BYTES);
            let service = Service::default();
            let given = Arc::clone(&service.given);
            serve(io, door, BUDGET_BYTES, &service);
            let head = format!("GET /download?{} HTTP/1.1\r\nhost: a\r\n\r\n", 1_usize << 30);
            client.write_all(head.as_bytes()).await.unwrap();
            tokio::time::sleep(SECOND).await;
            let waits = given.load(Ordering::Relaxed);
            // The output and the pipe, but for the piece at work or with it.
            let all = BUDGET_BYTES + PIPE_BYTES;
            assert!(waits <= all + PIECE.len(), "{door:?}: {waits} octets");
            assert!(waits >= BUDGET_BYTES - PIECE.len(), "{door:?}: {waits} octets");
            tokio::time::sleep(SECOND).await;
            assert_eq!(given.load(Ordering::Relaxed), waits);
        });
        println!("{door:?}: {peak}");
        assert!(peak <= HTTP1_MOST, "{door:?}: {peak}");
    }
}

#[test]
fn requests_that_are_not_answered_stay_with_their_sender() {
    let peak = peak(async {
        let (mut client, io) = duplex(PIPE_BYTES);
        serve(io, Door::Native, BUDGET_BYTES, &Service::default());
        let sent = AtomicUsize::new(0);
        let sending = async {
            loop {
                client.write_all(b"GET /never HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
            }
        };
        assert!(tokio::time::timeout(SECOND, sending).await.is_err());
        // 35 octets each: the pipe, and one read.
        let sent = 35 * sent.into_inner();
        assert!((PIPE_BYTES..=2 * PIPE_BYTES).contains(&sent), "{sent} octets");
    });
    assert!(peak <= HTTP1_MOST, "{peak}");
}
