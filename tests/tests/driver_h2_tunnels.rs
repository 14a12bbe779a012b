//! CONNECT on HTTP/2, answers that wait in the driver when they are reset, and wakers that come from
//! other threads.

mod driver_h2_client;

use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use driver_h2_client::{Running, Setup, TEXT, by, path, run};
use driver_tokio::BodyLength;
use h2_proto::ErrorCode;
use h2_proto::testing::{Frame, kind};

/// Sends back what comes until it ends.
async fn tunnel() -> Running {
    run(|request, response| {
        Box::pin(async move {
            assert_eq!(request.head().method(), b"CONNECT");
            let protocol = request.head().protocol().map(<[u8]>::to_vec);
            let fields = protocol.iter().map(|it| ("x-protocol", std::str::from_utf8(it).unwrap()));
            response.send_response(200, fields.collect::<Vec<_>>(), BodyLength::Unknown)?;
            while let Some(data) = request.data().await? {
                response.send_data(data).await?;
            }
            response.finish()?;
            Ok(())
        })
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_carries_octets_both_ways_until_both_ends_closed_it() {
    let plain = [(":method", "CONNECT"), (":authority", "a.example:443")];
    let extended = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", "a.example"),
        (":path", "/chat"),
    ];
    let mut running = tunnel().await;
    // The server's SETTINGS allow the second.
    running.client.settle().await;
    running.client.send([Frame::headers(1, plain), Frame::headers(3, extended)]).await;
    for turn in 1..=5 {
        for stream in [1, 3] {
            running.client.send([Frame::data(stream, "ping")]).await;
            running.client.settle().await;
            assert_eq!(running.client.so_far(stream).octets, 4 * turn);
            assert!(!running.client.so_far(stream).ended);
        }
    }
    for stream in [1, 3] {
        running.client.send([Frame::data(stream, "bye").end_stream()]).await;
        let answer = running.client.answer(stream).await;
        assert!(answer.text().ends_with("pingbye") && answer.ended);
        assert_eq!(answer.field("content-length"), None);
    }
    assert_eq!(running.client.so_far(3).field("x-protocol"), Some("websocket"));
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_that_waits_for_windows_ends_with_a_reset() {
    let setup = Setup::with(|setup| setup.config.streams_max = 1);
    let mut running = setup
        .run(by(|request, response| {
            Box::pin(async move {
                let octets = path(request)[1..].parse().unwrap();
                Ok(response.respond(200, [TEXT], &vec![b'x'; octets])?)
            })
        }))
        .await;
    running.client.grants = false;
    running.client.settle().await;
    running.client.get(1, "/300000").await;
    running.client.settle().await;
    assert_eq!(running.client.so_far(1).octets, 65_535);
    // Its handler is done, but its place is taken until the answer is.
    running.client.get(3, "/1").await;
    assert_eq!(running.client.answer(3).await.reset, Some(ErrorCode::REFUSED_STREAM));
    running.client.send([Frame::rst_stream(1, ErrorCode::CANCEL)]).await;
    running.client.send([Frame::window_update(0, 1 << 20)]).await;
    running.client.get(5, "/100").await;
    assert_eq!(running.client.answer(5).await.octets, 100);
    // And one that goes on when the windows open.
    running.client.get(7, "/300000").await;
    running.client.settle().await;
    assert_eq!(running.client.so_far(7).octets, 65_535);
    running.client.send([Frame::window_update(7, 1 << 20)]).await;
    assert_eq!(running.client.answer(7).await.octets, 300_000);
    running.client.settle().await;
    assert_eq!(running.client.so_far(7).reset, None);
}

/// No wake is lost: each handler passes its content through a thread of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handlers_may_be_woken_from_any_thread() {
    let talk = async {
        let mut running = run(|request, response| {
            Box::pin(async move {
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                while let Some(data) = request.data().await? {
                    let data = data.to_vec();
                    let (answer, wait) = tokio::sync::oneshot::channel();
                    tokio::task::spawn_blocking(move || answer.send(data));
                    response.send_data(&wait.await.unwrap()).await?;
                }
                Ok(())
            })
        })
        .await;
        running.client.until(|it| it.has(kind::SETTINGS)).await;
        for index in 0..20 {
            running.client.post(2 * index + 1, "/").await;
        }
        for turn in 1..=50 {
            for index in 0..20 {
                running.client.send([Frame::data(2 * index + 1, "some")]).await;
            }
            running
                .client
                .until(|it| (0..20).all(|index| it.so_far(2 * index + 1).octets == 4 * turn))
                .await;
        }
        running.close().await
    };
    let outcome =
        tokio::time::timeout(Duration::from_secs(60), talk).await.expect("no wake is lost");
    assert_eq!(outcome.label(), "client_closed");
}

/// A waker may drop a body: that of a task that holds it, on an executor that drops what it does not
/// run any more.
#[test]
fn a_waker_may_drop_the_body_that_it_wakes() {
    use driver_tokio::tower::{Body, Tower};
    use http_body::Body as _;

    /// A task whose waker holds it.
    struct Holds(std::sync::Mutex<Option<Body>>);
    impl Wake for Holds {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
        }
    }
    #[derive(Clone)]
    struct Reads;
    impl tower_service::Service<http::Request<Body>> for Reads {
        type Response = http::Response<Body>;
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, request: http::Request<Body>) -> Self::Future {
            let task = Arc::new(Holds(std::sync::Mutex::new(Some(request.into_body()))));
            let waker = Waker::from(Arc::clone(&task));
            if let Some(body) = &mut *task.0.lock().unwrap() {
                let polled = std::pin::Pin::new(body).poll_frame(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
            }
            std::future::ready(Ok(http::Response::new(Body::empty())))
        }
    }
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let mut running = Setup::default().run(Tower(Reads)).await;
            running.client.post(1, "/").await;
            assert_eq!(running.client.answer(1).await.status, 200);
            running.client.send([Frame::data(1, "wakes")]).await;
            running.client.settle().await;
            running.client.post(3, "/").await;
            assert_eq!(running.client.answer(3).await.status, 200);
            running.close().await;
        });
        done.send(()).unwrap();
    });
    wait.recv_timeout(Duration::from_secs(30)).expect("it does not lock up");
}
