//! What ends a handler on HTTP/2, and that nothing of it stays: resets, clients that leave, signals,
//! content that nobody reads.

mod driver_h2_client;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use driver_h2_client::{Running, Setup, TEXT, by, path, read_all, run};
use driver_tokio::{BodyLength, Outcome};
use h2_proto::ErrorCode;
use h2_proto::testing::Frame;

/// Says when it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Handlers that wait for ever, or panic when they are dropped.
async fn waits_for_ever(
    drops: Arc<AtomicUsize>,
    connections: usize,
) -> (Running, Arc<AtomicUsize>) {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let seen = Arc::clone(&drops);
    let setup = Setup::with(|setup| setup.config.streams_max = connections as u32);
    let mut running = setup
        .run(by(move |request, response| {
            let drops = Arc::clone(&drops);
            Box::pin(async move {
                let _dropped = Dropped(drops);
                match path(request).as_str() {
                    "/forever" => std::future::pending().await,
                    "/panics" => {
                        let _panics = Panics;
                        std::future::pending().await
                    }
                    "/reads" => drop(read_all(request).await?),
                    "/sends" => {
                        response.send_response(200, [TEXT], BodyLength::Unknown)?;
                        loop {
                            response.send_data(&[b'x'; 10_000]).await?;
                        }
                    }
                    _ => {}
                }
                Ok(response.respond(200, [TEXT], b"ok")?)
            })
        }))
        .await;
    // What is sent for ever comes to an end.
    running.client.grants = false;
    (running, seen)
}

#[tokio::test(start_paused = true)]
async fn a_reset_drops_the_handler_and_frees_its_place() {
    for path in ["/forever", "/panics", "/reads", "/sends"] {
        let (mut running, drops) = waits_for_ever(Arc::default(), 1).await;
        running.client.post(1, path).await;
        running.client.settle().await;
        running.client.get(3, "/ok").await;
        let refused = running.client.answer(3).await;
        assert_eq!(refused.reset, Some(ErrorCode::REFUSED_STREAM), "{path}: there is one place");
        assert_eq!(drops.load(Ordering::Relaxed), 0, "{path}");
        running.client.send([Frame::rst_stream(1, ErrorCode::CANCEL)]).await;
        running.client.send([Frame::window_update(0, 1 << 20)]).await;
        running.client.settle().await;
        assert_eq!(drops.load(Ordering::Relaxed), 1, "{path}");
        running.client.get(5, "/ok").await;
        assert_eq!(running.client.answer(5).await.text(), "ok", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_in_the_middle_drops_all_handlers() {
    for cut in [&b""[..], b"\0\0\x08\x06", b"\0\0\x0a\x01\x04\0\0\0\x09\x82"] {
        let (mut running, drops) = waits_for_ever(Arc::default(), 100).await;
        for (stream, path) in [(1, "/forever"), (3, "/reads"), (5, "/sends")] {
            running.client.post(stream, path).await;
        }
        running.client.settle().await;
        running.client.write(cut).await;
        assert_eq!(drops.load(Ordering::Relaxed), 0);
        let outcome = running.close().await;
        assert!(matches!(outcome, Outcome::ClientClosed), "{cut:?}: {outcome}");
        assert_eq!(drops.load(Ordering::Relaxed), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn cancel_drops_all_handlers_at_once() {
    let (mut running, drops) = waits_for_ever(Arc::default(), 100).await;
    for (stream, path) in [(1, "/forever"), (3, "/reads"), (5, "/sends")] {
        running.client.post(stream, path).await;
    }
    running.client.settle().await;
    running.stop.cancel();
    assert!(matches!(running.end().await.1, Outcome::Cancelled));
    assert_eq!(drops.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_panic_when_a_handler_is_dropped_stays_with_it() {
    let (mut running, drops) = waits_for_ever(Arc::default(), 100).await;
    for (stream, path) in [(1, "/panics"), (3, "/forever"), (5, "/panics")] {
        running.client.get(stream, path).await;
    }
    running.client.settle().await;
    assert!(matches!(running.close().await, Outcome::ClientClosed));
    assert_eq!(drops.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_drops_its_handler_only() {
    let (mut running, drops) = waits_for_ever(Arc::default(), 100).await;
    running.client.post(1, "/reads").await;
    running.client.get(3, "/forever").await;
    // Its content is longer than its window.
    for _ in 0..5 {
        running.client.send([Frame::data(1, [0; 16_384])]).await;
    }
    let broken = running.client.answer(1).await;
    assert_eq!(broken.reset, Some(ErrorCode::FLOW_CONTROL_ERROR));
    running.client.settle().await;
    assert_eq!(drops.load(Ordering::Relaxed), 1);
    running.client.get(5, "/ok").await;
    assert_eq!(running.client.answer(5).await.text(), "ok");
}

#[tokio::test(start_paused = true)]
async fn content_that_was_not_read_is_refused_behind_the_whole_answer() {
    let setup = Setup::with(|setup| setup.config.streams_max = 1);
    let mut running = setup
        .run(by(|request, response| {
            Box::pin(async move {
                if path(request) == "/some" {
                    request.data().await?;
                }
                Ok(response.respond(200, [TEXT], b"enough")?)
            })
        }))
        .await;
    for (stream, path) in [(1, "/none"), (3, "/some"), (5, "/none")] {
        running.client.post(stream, path).await;
        running.client.send([Frame::data(stream, "abc")]).await;
        running.client.until(|it| it.so_far(stream).reset.is_some()).await;
        let answer = running.client.so_far(stream);
        assert_eq!((answer.text(), answer.ended), ("enough", true));
        assert_eq!(answer.reset, Some(ErrorCode::NO_ERROR));
        // What was under way is ignored.
        running.client.send([Frame::data(stream, "def").end_stream()]).await;
    }
    running.client.settle().await;
    assert!(running.client.goaways().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_outlives_a_connection() {
    let alive = Arc::new(());
    for end in 0..4 {
        let held = Arc::clone(&alive);
        let mut running = run(move |request, _| {
            let held = Arc::clone(&held);
            Box::pin(async move {
                let _held = held;
                read_all(request).await?;
                std::future::pending().await
            })
        })
        .await;
        for stream in [1, 3, 5] {
            running.client.post(stream, "/").await;
        }
        running.client.get(7, "/").await;
        running.client.settle().await;
        assert_eq!(Arc::strong_count(&alive), 1 + 1 + 4);
        match end {
            0 => drop(running.close().await),
            1 => {
                running.stop.cancel();
                drop(running.server.await.unwrap());
            }
            2 => {
                // A frame on a stream that is idle breaks the connection.
                running.client.send([Frame::data(9, "")]).await;
                drop(running.end().await);
            }
            // The driver is dropped itself.
            _ => {
                running.server.abort();
                drop(running.server.await);
            }
        }
        assert_eq!(Arc::strong_count(&alive), 1, "{end}");
    }
}
