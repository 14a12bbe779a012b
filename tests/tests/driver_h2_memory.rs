//! What a connection of HTTP/2 takes on the driver: content that nobody reads, answers that nobody
//! takes, and requests on a warm connection.

mod driver_h2_client;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driver_h2_client::{MOMENT, SECOND, Setup, TEXT, by, path, run};
use driver_tokio::{BodyLength, Handler, HandlerError, Request, Response};
use h2_proto::testing::{Frame, bytes, flag, kind, setting};
use tests::counting::{Counting, assert_counts, watch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_allocator_counts() {
    assert_counts();
}

/// Runs it on this thread: the octets that are held at the most beyond those before.
fn peak<F: Future>(future: F) -> usize {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.unwrap();
    watch(|| runtime.block_on(future)).1.peak
}

async fn count(request: &mut Request<'_>) -> Result<usize, HandlerError> {
    let mut octets = 0;
    while let Some(data) = request.data().await? {
        octets += data.len();
    }
    Ok(octets)
}

#[test]
fn a_body_that_nobody_reads_holds_its_window_and_no_other_stream() {
    let peak = peak(async {
        let mut running = run(|request, response| {
            Box::pin(async move {
                if path(request) == "/never" {
                    std::future::pending::<()>().await;
                }
                let octets = count(request).await?;
                Ok(response.respond(200, [TEXT], octets.to_string().as_bytes())?)
            })
        })
        .await;
        running.client.keeps = false;
        running.client.settle().await;
        for index in 0..20 {
            let stream = 2 * index + 1;
            running.client.post(stream, "/never").await;
            assert_eq!(running.client.upload(stream, 1 << 20).await, 64 << 10, "its window");
            assert_eq!(running.client.credit(stream), 0);
        }
        running.client.post(101, "/read").await;
        assert_eq!(running.client.upload(101, 8 << 20).await, 8 << 20);
        assert!(running.client.answer(101).await.ended);
    });
    // Vectors grow by doubling.
    assert!(peak < 2 * 20 * (64 << 10) + (1 << 20), "{peak}");
}

/// So much content through windows of 64 KiB.
fn peak_of_an_upload(octets: usize) -> usize {
    peak(async move {
        let setup = Setup::with(|setup| setup.config.connection_window_bytes = 64 << 10);
        let mut running = setup
            .run(by(|request, response| {
                Box::pin(async move {
                    let octets = count(request).await?.to_string();
                    Ok(response.respond(200, [("x-octets", octets.as_str())], b"")?)
                })
            }))
            .await;
        running.client.keeps = false;
        running.client.post(1, "/").await;
        assert_eq!(running.client.upload(1, octets).await, octets);
        let answer = running.client.answer(1).await;
        assert_eq!(answer.field("x-octets"), Some(octets.to_string().as_str()));
    })
}

#[test]
fn content_that_is_long_takes_as_much_memory_as_its_window() {
    let peak = peak_of_an_upload(64 << 20);
    assert!(peak < 512 << 10, "{peak}");
}

#[test]
#[ignore = "a gibibyte is for an optimized build"]
fn a_gibibyte_takes_as_much_memory_as_its_window() {
    let peak = peak_of_an_upload(1 << 30);
    assert!(peak < 512 << 10, "{peak}");
}

/// Sends so many pieces of 16 KiB and counts them.
async fn download(
    pieces: usize,
    sent: &AtomicUsize,
    response: &mut Response<'_>,
) -> Result<(), HandlerError> {
    response.send_response(200, [TEXT], BodyLength::Unknown)?;
    for _ in 0..pieces {
        response.send_data(&[b'x'; 16 << 10]).await?;
        sent.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

#[test]
fn a_handler_waits_for_a_client_that_does_not_read() {
    let peak = peak(async {
        let sent = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&sent);
        let setup = Setup::with(|setup| {
            setup.greeting = Some(vec![(setting::INITIAL_WINDOW_SIZE, i32::MAX as u32)]);
        });
        let mut running = setup
            .run(by(move |_, response| {
                let sent = Arc::clone(&sent);
                Box::pin(async move { download(4096, &sent, response).await })
            }))
            .await;
        running.client.keeps = false;
        running.client.send([Frame::window_update(0, i32::MAX as u32 - 65_535)]).await;
        running.client.get(1, "/").await;
        tokio::time::sleep(SECOND).await;
        let waits = seen.load(Ordering::Relaxed);
        // 256 KiB of output, 64 KiB in the pipe, and the one at work.
        assert!((16..=21).contains(&waits), "{waits} pieces");
        tokio::time::sleep(SECOND).await;
        assert_eq!(seen.load(Ordering::Relaxed), waits);
        assert_eq!(running.client.answer(1).await.octets, 64 << 20);
    });
    assert!(peak < 1 << 20, "{peak}");
}

#[test]
fn a_stream_that_is_not_taken_does_not_hold_up_others() {
    let peak = peak(async {
        let sent = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&sent);
        let mut running = run(move |request, response| {
            let sent = Arc::clone(&sent);
            Box::pin(async move {
                let small = path(request) == "/small";
                download(if small { 2 } else { 4096 }, &sent, response).await
            })
        })
        .await;
        (running.client.keeps, running.client.grants) = (false, false);
        running.client.get(1, "/").await;
        running.client.settle().await;
        assert_eq!(running.client.so_far(1).octets, 65_535);
        assert_eq!(seen.load(Ordering::Relaxed), 3, "the fourth piece waits");
        running.client.send([Frame::window_update(0, 64 << 20)]).await;
        for index in 1..100 {
            running.client.get(2 * index + 1, "/small").await;
            assert_eq!(running.client.answer(2 * index + 1).await.octets, 32 << 10);
        }
        assert_eq!(running.client.so_far(1).octets, 65_535);
        assert_eq!(seen.load(Ordering::Relaxed), 3 + 99 * 2);
    });
    assert!(peak < 1 << 20, "{peak}");
}

#[test]
fn answers_that_are_not_taken_hold_back_requests() {
    let mut refused = false;
    let peak = peak(async {
        let mut running = run(|_, response| {
            Box::pin(
                async move { Ok(response.respond(204, [("x", "a field of some size"); 4], b"")?) },
            )
        })
        .await;
        running.client.settle().await;
        for index in 0..50_000 {
            let request = bytes([Frame::get(2 * index + 1, "/")]);
            let writing = running.client.write(&request);
            if tokio::time::timeout(MOMENT, writing).await.is_err() {
                refused = true;
                break;
            }
        }
    });
    assert!(refused, "50,000 requests were taken, {peak} octets held");
    assert!(peak < 1 << 20, "{peak}");
}

#[test]
fn one_who_waits_for_a_flush_is_remembered_once() {
    let wait = |ticks: u32| {
        peak(async move {
            let setup = Setup::with(|setup| {
                setup.room = 1000;
                setup.greeting = Some(vec![(setting::INITIAL_WINDOW_SIZE, 1 << 20)]);
            });
            let mut running = setup
                .run(by(move |_, response| {
                    Box::pin(async move {
                        response.send_response(200, [TEXT], BodyLength::Unknown)?;
                        response.send_data(&[b'x'; 10_000]).await?;
                        let mut flush = std::pin::pin!(response.flush());
                        for _ in 0..ticks {
                            assert!(tokio::time::timeout(MOMENT, &mut flush).await.is_err());
                        }
                        flush.await
                    })
                }))
                .await;
            running.client.settle().await;
            running.client.get(1, "/").await;
            tokio::time::sleep(2 * ticks * MOMENT).await;
            assert_eq!(running.client.answer(1).await.octets, 10_000);
        })
    };
    let (few, many) = (wait(10), wait(10_000));
    assert!(many < few + 4096, "{few} and {many}");
}

/// Answers at once, and allocates nothing itself.
struct Hello;

impl Handler for Hello {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        if request.head().path_and_query() == b"/forever" {
            std::future::pending::<()>().await;
        }
        let octets = count(request).await?;
        assert!(octets == 0 || octets == 1000);
        Ok(response.respond(200, [TEXT], b"hello")?)
    }
}

/// Blocks of memory that so many requests take on a connection that has served as many before; the
/// client takes none. `at_a_time` come together; `parked`: the connection is idle in between.
fn blocks_of(requests: u32, at_a_time: u32, content: bool, parked: bool) -> u64 {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.unwrap();
    let mut running = runtime.block_on(Setup::default().run(Hello));
    let mut answers = Answers::default();
    let mut next = 3;
    if !parked {
        runtime.block_on(running.client.get(1, "/forever"));
    }
    let mut batch = Vec::new();
    let mut work = |requests: u32| {
        for _ in 0..requests / at_a_time {
            batch.clear();
            for _ in 0..at_a_time {
                // Fields of the static table alone: GET, or POST, https, a path.
                let method = if content { 0x83 } else { 0x82 };
                let flags = flag::END_HEADERS | if content { 0 } else { flag::END_STREAM };
                let [a, b, c, d] = u32::to_be_bytes(next);
                batch.extend([0, 0, 3, kind::HEADERS, flags, a, b, c, d, method, 0x87, 0x84]);
                if content {
                    batch.extend([0, 3, 0xe8, kind::DATA, flag::END_STREAM, a, b, c, d]);
                    batch.extend([7; 1000]);
                }
                next += 2;
            }
            runtime.block_on(async {
                running.client.io.write_all(&batch).await.unwrap();
                answers.read(&mut running.client.io, at_a_time).await;
            });
        }
    };
    work(requests);
    watch(|| work(requests)).1.blocks
}

/// Counts the ends of answers, without memory of its own.
#[derive(Default)]
struct Answers {
    carry: Vec<u8>,
}

impl Answers {
    async fn read(&mut self, io: &mut tokio::io::DuplexStream, answers: u32) {
        let (mut ended, mut buffer) = (0, [0; 4096]);
        self.carry.reserve(64 << 10);
        while ended < answers {
            let octets = io.read(&mut buffer).await.unwrap();
            assert!(octets > 0);
            self.carry.extend_from_slice(&buffer[..octets]);
            let mut rest = &self.carry[..];
            while let [a, b, c, kind, flags, _, _, _, _, behind @ ..] = rest {
                let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
                let Some((_, behind)) = behind.split_at_checked(length) else { break };
                let ends = matches!(*kind, kind::DATA | kind::HEADERS);
                ended += u32::from(ends && flags & flag::END_STREAM != 0);
                rest = behind;
            }
            let used = self.carry.len() - rest.len();
            self.carry.drain(..used);
        }
    }
}

#[test]
fn requests_on_a_warm_connection_take_next_to_no_memory() {
    // A connection that is parked in between gives back what it holds, so it asks for it again.
    for (parked, at_a_time, content, most) in [
        (false, 1, false, 1.0),
        (false, 20, false, 1.0),
        (false, 1, true, 2.0),
        (false, 20, true, 2.0),
        (true, 1, false, 16.0),
        (true, 1, true, 18.0),
        (true, 20, false, 1.0),
        (true, 20, true, 9.0),
    ] {
        let case = format!("{at_a_time} at a time, content: {content}, parked: {parked}");
        let each = blocks_of(2000, at_a_time, content, parked) as f64 / 2000.0;
        println!("{case}: {each} blocks a request");
        assert!(each <= most, "{case}: {each} blocks a request");
    }
}

#[test]
fn a_connection_that_is_idle_gives_back_what_its_requests_took() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.unwrap();
    let open = |requests: u32| {
        let (kept, asked) = watch(|| {
            runtime.block_on(async {
                // What the pipe itself keeps is not the question.
                let mut running = Setup::with(|setup| setup.room = 2048)
                    .run(by(|_, response| {
                        Box::pin(async move {
                            tokio::time::sleep(Duration::from_millis(100)).await;
                            Ok(response.respond(200, [TEXT], &[b'x'; 1000])?)
                        })
                    }))
                    .await;
                running.client.keeps = false;
                for index in 0..requests {
                    running.client.get(2 * index + 1, "/").await;
                }
                for index in 0..requests {
                    running.client.answer(2 * index + 1).await;
                }
                running.client.settle().await;
                // What it needs again at once it keeps for a second.
                tokio::time::sleep(2 * SECOND).await;
                running.client.forget();
                running
            })
        });
        drop(kept);
        asked.held
    };
    // Buffers of the thread are there from then on.
    open(100);
    let (none, many) = (open(1), open(100));
    assert!(many < none + (16 << 10), "{none} and {many}");
}
