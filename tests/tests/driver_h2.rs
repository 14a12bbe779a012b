//! Native handlers on HTTP/2: streams beside each other, handlers that fail, what an answer is, and
//! what ends a handler.

mod driver_h2_client;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use driver_h2_client::{SECOND, Setup, TEXT, by, counted, path, read_all, run};
use driver_tokio::{BodyLength, Handler, HandlerError, Outcome, Request, Response, Server, Stop};
use h2_proto::ErrorCode;
use h2_proto::testing::{Frame, setting};
use tokio::sync::Semaphore;

#[tokio::test(start_paused = true)]
async fn streams_wait_beside_each_other_and_each_is_woken_by_itself() {
    let gates: Arc<HashMap<String, Semaphore>> = Arc::new(
        (0..100).map(|index| (format!("/{}", 2 * index + 1), Semaphore::new(0))).collect(),
    );
    let polls: Arc<Vec<AtomicUsize>> = Arc::new((0..200).map(|_| AtomicUsize::new(0)).collect());
    let (open, seen) = (Arc::clone(&gates), Arc::clone(&polls));
    let mut running = run(move |request, response| {
        let (gates, polls) = (Arc::clone(&gates), Arc::clone(&polls));
        Box::pin(async move {
            let path = path(request);
            let index: usize = path[1..].parse().unwrap();
            counted(&polls[index], gates[&path].acquire()).await.unwrap().forget();
            Ok(response.respond(200, [TEXT], path.as_bytes())?)
        })
    })
    .await;
    for stream in (1..200).step_by(2) {
        running.client.get(stream, &format!("/{stream}")).await;
    }
    running.client.settle().await;
    let polled = |stream: u32| seen[stream as usize].load(Ordering::Relaxed);
    assert!((1..200).step_by(2).all(|stream| polled(stream) == 1));
    // 77 is prime to 100: each once, in no order.
    for turn in 0..100 {
        let stream = turn * 77 % 100 * 2 + 1;
        open[&format!("/{stream}")].add_permits(1);
        let answer = running.client.answer(stream).await;
        assert_eq!((answer.status, answer.text()), (200, format!("/{stream}").as_str()));
        assert_eq!(polled(stream), 2);
        let all: usize = (1..200).step_by(2).map(polled).sum();
        assert_eq!(all, 100 + turn as usize + 1, "only the one that was woken is polled");
    }
    assert!(matches!(running.close().await, Outcome::ClientClosed));
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_not_polled_when_the_content_of_another_comes() {
    let polls: Arc<[AtomicUsize; 2]> = Arc::default();
    let seen = Arc::clone(&polls);
    let mut running = run(move |request, response| {
        let polls = Arc::clone(&polls);
        Box::pin(async move {
            let polls = &polls[usize::from(path(request) == "/b")];
            let content = counted(polls, read_all(request)).await?;
            Ok(response.respond(200, [TEXT], &content)?)
        })
    })
    .await;
    running.client.post(1, "/a").await;
    running.client.post(3, "/b").await;
    for _ in 0..10 {
        running.client.send([Frame::data(3, "x")]).await;
        running.client.settle().await;
    }
    assert_eq!(seen[0].load(Ordering::Relaxed), 1);
    assert_eq!(seen[1].load(Ordering::Relaxed), 11);
    running.client.send([Frame::data(1, "a").end_stream(), Frame::data(3, "").end_stream()]).await;
    assert_eq!(running.client.answer(1).await.text(), "a");
    assert_eq!(running.client.answer(3).await.text(), "xxxxxxxxxx");
}

/// Routes that fail in every way a handler can.
async fn fails(request: &Request<'_>, response: &mut Response<'_>) -> Result<(), HandlerError> {
    match path(request).as_str() {
        "/ok" => response.respond(200, [TEXT], b"ok")?,
        "/panic" => panic!("on purpose"),
        "/fail" => return Err(HandlerError::Application("on purpose".into())),
        "/silent" => {}
        "/invalid" => response.respond(200, [("b\0d", "")], b"")?,
        "/informed" => {
            response.send_informational(103, [("link", "</a>")])?;
            panic!("on purpose");
        }
        "/poison" => {
            let bad = (0..3).map(|index| if index < 2 { TEXT } else { panic!("on purpose") });
            response.respond(200, bad, b"")?;
        }
        "/short" => {
            response.send_response(200, [TEXT], BodyLength::Known(10))?;
            response.send_data(b"12345").await?;
        }
        "/long" => {
            response.send_response(200, [TEXT], BodyLength::Known(3))?;
            response.send_data(b"12345").await?;
        }
        "/unfinished" => {
            response.send_response(200, [TEXT], BodyLength::Unknown)?;
            response.send_data(b"12345").await?;
        }
        "/panic-late" => {
            response.send_response(200, [TEXT], BodyLength::Unknown)?;
            response.send_data(b"12345").await?;
            panic!("on purpose");
        }
        "/fail-late" => {
            response.send_response(200, [TEXT], BodyLength::Unknown)?;
            return Err(HandlerError::Application("on purpose".into()));
        }
        "/panic-behind" => {
            response.respond(200, [TEXT], b"whole")?;
            panic!("on purpose");
        }
        "/twice" => {
            response.respond(200, [TEXT], b"one")?;
            response.respond(200, [TEXT], b"two")?;
        }
        other => unreachable!("{other}"),
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_fails_or_forgets_is_a_500_of_its_stream_only() {
    for path in ["/panic", "/fail", "/silent", "/invalid", "/informed", "/poison"] {
        let mut running = run(|request, response| Box::pin(fails(request, response))).await;
        running.client.get(1, path).await;
        running.client.get(3, "/ok").await;
        let failed = running.client.answer(1).await;
        assert_eq!((failed.status, failed.text()), (500, "500 Internal Server Error\n"), "{path}");
        assert_eq!((failed.ended, failed.reset), (true, None), "{path}");
        assert_eq!(running.client.answer(3).await.text(), "ok", "{path}");
        assert!(matches!(running.close().await, Outcome::ClientClosed), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_completed_is_a_reset_of_its_stream_only() {
    for path in ["/short", "/long", "/panic-late", "/fail-late"] {
        let mut running = run(|request, response| Box::pin(fails(request, response))).await;
        running.client.get(1, path).await;
        running.client.get(3, "/ok").await;
        let failed = running.client.answer(1).await;
        assert_eq!(failed.status, 200, "{path}");
        assert_eq!(
            (failed.ended, failed.reset),
            (false, Some(ErrorCode::INTERNAL_ERROR)),
            "{path}"
        );
        assert_eq!(running.client.answer(3).await.text(), "ok", "{path}");
        assert!(matches!(running.close().await, Outcome::ClientClosed), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_behind_a_whole_answer_does_not_take_it_back() {
    for (path, text) in [("/panic-behind", "whole"), ("/twice", "one")] {
        let mut running = run(|request, response| Box::pin(fails(request, response))).await;
        running.client.get(1, path).await;
        running.client.settle().await;
        let answer = running.client.so_far(1);
        assert_eq!((answer.text(), answer.ended), (text, true), "{path}");
        running.client.get(3, "/ok").await;
        assert_eq!(running.client.answer(3).await.text(), "ok", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_no_known_length_is_finished_for_the_handler() {
    let mut running = run(|request, response| Box::pin(fails(request, response))).await;
    running.client.get(1, "/unfinished").await;
    let answer = running.client.answer(1).await;
    assert_eq!((answer.text(), answer.reset), ("12345", None));
}

#[tokio::test(start_paused = true)]
async fn head_204_and_304_have_no_content() {
    let mut running = run(|request, response| {
        Box::pin(async move {
            let path = path(request);
            let status: u16 = path[2..].parse().unwrap();
            if path.starts_with("/w") {
                response.respond(status, [TEXT], b"hello")?;
            } else {
                response.send_response(status, [TEXT], BodyLength::Known(5))?;
                response.send_data(b"hel").await?;
                response.send_data(b"lo").await?;
                response.finish()?;
            }
            Ok(())
        })
    })
    .await;
    let mut stream = 1;
    for way in ["w", "s"] {
        for (method, status, length) in
            [("HEAD", 200, Some("5")), ("GET", 204, None), ("GET", 304, None), ("HEAD", 204, None)]
        {
            let request = Frame::request(stream, method, &format!("/{way}{status}")).end_stream();
            running.client.send([request]).await;
            let answer = running.client.answer(stream).await;
            let case = format!("{method} {status} {way}");
            assert_eq!((answer.status, answer.octets, answer.reset), (status, 0, None), "{case}");
            assert_eq!(answer.field("content-length"), length, "{case}");
            stream += 2;
        }
    }
    running.client.get(stream, "/w200").await;
    assert_eq!(running.client.answer(stream).await.text(), "hello");
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_sees_of_a_request() {
    let mut running = run(|request, response| {
        Box::pin(async move {
            let head = request.head();
            assert_eq!(head.version(), driver_tokio::Version::Http2);
            assert_eq!((head.method(), head.scheme()), (&b"POST"[..], Some(&b"https"[..])));
            assert_eq!(head.authority(), Some(&b"a.example"[..]));
            assert_eq!(head.path_and_query(), b"/a?b");
            assert_eq!(head.field("X-One"), Some(&b"1"[..]));
            assert_eq!(head.fields().len(), 2, "without pseudo-fields");
            assert_eq!(request.body_length(), BodyLength::Known(5));
            assert_eq!(request.trailers().len(), 0);
            tokio::time::sleep(SECOND).await;
            assert!(request.waited() >= SECOND);
            let content = read_all(request).await?;
            assert_eq!(request.trailers().value("sum"), Some(&b"5"[..]));
            assert!(request.data().await?.is_none(), "its end stays");
            Ok(response.respond(200, [TEXT], &content)?)
        })
    })
    .await;
    let fields = [("x-one", "1"), ("content-length", "5")];
    running.client.send([Frame::request(1, "POST", "/a?b").fields(fields)]).await;
    running.client.send([Frame::data(1, "hel"), Frame::data(1, "lo")]).await;
    running.client.send([Frame::headers(1, [("sum", "5")]).end_stream()]).await;
    assert_eq!(running.client.answer(1).await.text(), "hello");
}

async fn trailers_follow(length: BodyLength) {
    let mut running = run(move |_, response| {
        Box::pin(async move {
            response.send_response(200, [TEXT], length)?;
            response.send_data(b"hello").await?;
            response.send_trailers([("x-sum", "5")])?;
            Ok(())
        })
    })
    .await;
    running.client.get(1, "/").await;
    let answer = running.client.answer(1).await;
    assert_eq!((answer.text(), answer.reset), ("hello", None));
    assert_eq!(answer.trailers, [("x-sum".into(), "5".into())]);
}

#[tokio::test(start_paused = true)]
async fn trailers_follow_content_of_no_known_length() {
    trailers_follow(BodyLength::Unknown).await;
}

#[tokio::test(start_paused = true)]
async fn trailers_follow_content_of_a_known_length() {
    trailers_follow(BodyLength::Known(5)).await;
}

#[tokio::test(start_paused = true)]
async fn interim_responses_go_before_the_answer() {
    let mut running = run(|_, response| {
        Box::pin(async move {
            response.send_informational(103, [("link", "</a>")])?;
            response.flush().await?;
            response.send_informational(102, [TEXT; 0])?;
            tokio::time::sleep(SECOND).await;
            Ok(response.respond(200, [TEXT], b"ok")?)
        })
    })
    .await;
    running.client.get(1, "/").await;
    running.client.until(|it| it.so_far(1).interim == [103, 102]).await;
    assert_eq!(running.client.so_far(1).status, 0);
    assert_eq!(running.client.answer(1).await.text(), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_100_is_sent_by_the_first_read_that_waits() {
    let mut running = run(|request, response| {
        Box::pin(async move {
            if path(request) == "/refuse" {
                return Ok(response.respond(403, [TEXT], b"no")?);
            }
            tokio::time::sleep(SECOND).await;
            let content = read_all(request).await?;
            Ok(response.respond(200, [TEXT], &content)?)
        })
    })
    .await;
    let expecting =
        |stream, path| Frame::request(stream, "POST", path).field(("expect", "100-continue"));
    running.client.send([expecting(1, "/")]).await;
    running.client.settle().await;
    assert!(running.client.so_far(1).interim.is_empty(), "not before it reads");
    running.client.until(|it| it.so_far(1).interim == [100]).await;
    running.client.send([Frame::data(1, "he")]).await;
    running.client.settle().await;
    running.client.send([Frame::data(1, "llo").end_stream()]).await;
    let answer = running.client.answer(1).await;
    assert_eq!((answer.text(), &answer.interim[..]), ("hello", &[100][..]), "once");

    running.client.send([expecting(3, "/"), Frame::data(3, "a")]).await;
    tokio::time::sleep(2 * SECOND).await;
    running.client.send([Frame::data(3, "b").end_stream()]).await;
    let answer = running.client.answer(3).await;
    assert_eq!(
        (answer.text(), &answer.interim[..]),
        ("ab", &[][..]),
        "the content did not wait for it"
    );

    running.client.send([expecting(5, "/refuse")]).await;
    let answer = running.client.answer(5).await;
    assert_eq!((answer.text(), &answer.interim[..]), ("no", &[][..]));

    running.client.send([expecting(7, "/").end_stream()]).await;
    assert!(running.client.answer(7).await.interim.is_empty(), "there is no content");
}

#[tokio::test(start_paused = true)]
async fn content_can_be_read_behind_the_answer() {
    let read = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&read);
    let mut running = run(move |request, response| {
        let read = Arc::clone(&read);
        Box::pin(async move {
            response.respond(200, [TEXT], b"go on")?;
            let content = read_all(request).await?;
            read.lock().unwrap().extend(content);
            Ok(())
        })
    })
    .await;
    running.client.post(1, "/").await;
    assert_eq!(running.client.answer(1).await.text(), "go on");
    running.client.send([Frame::data(1, "abc").end_stream()]).await;
    running.client.settle().await;
    assert_eq!(*seen.lock().unwrap(), b"abc");
    assert_eq!(running.client.so_far(1).reset, None);
}

#[tokio::test(start_paused = true)]
async fn large_answers_go_by_urgency_and_lines_of_priority_are_one() {
    for whole in [true, false] {
        let setup = Setup::with(|setup| {
            setup.greeting = Some(vec![(setting::INITIAL_WINDOW_SIZE, 1 << 20)])
        });
        let mut running = setup
            .run(by(move |_, response| {
                Box::pin(async move {
                    if whole {
                        return Ok(response.respond(200, [TEXT], &vec![b'x'; 100_000])?);
                    }
                    response.send_response(200, [TEXT], BodyLength::Unknown)?;
                    for _ in 0..10 {
                        response.send_data(&[b'x'; 10_000]).await?;
                    }
                    Ok(())
                })
            }))
            .await;
        running.client.grants = false;
        let get = |stream, lines: &[&'static str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("priority", *line)).collect();
            Frame::get(stream, "/").fields(lines)
        };
        // The first takes the window.
        running.client.send([get(1, &["u=7"])]).await;
        running.client.settle().await;
        running
            .client
            .send([
                get(3, &["u=5"]),
                get(5, &["u=6", "u=1"]),
                get(7, &[]),
                get(9, &["u=0, =", "x"]),
                get(11, &["u=4", "x"]),
            ])
            .await;
        running.client.settle().await;
        assert_eq!(running.client.turns(), [1], "whole: {whole}");
        running.client.send([Frame::window_update(0, 1 << 20)]).await;
        for stream in [1, 3, 5, 7, 9, 11] {
            assert_eq!(running.client.answer(stream).await.octets, 100_000);
        }
        assert_eq!(running.client.turns(), [1, 5, 7, 9, 11, 3, 1], "whole: {whole}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_drive_another_connection_on_its_own_task() {
    struct Outer;
    impl Handler for Outer {
        async fn handle(
            &self,
            request: &mut Request<'_>,
            response: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            let inner = Server::new(by(|request, response| {
                Box::pin(async move {
                    let content = read_all(request).await?;
                    Ok(response.respond(200, [TEXT], &content)?)
                })
            }));
            let (client, io) = tokio::io::duplex(512);
            let content = read_all(request).await?;
            let talk = async move {
                let mut client = driver_h2_client::Client::new(client);
                client.greet(&[]).await;
                client.post(1, "/").await;
                client.send([Frame::data(1, &content).end_stream()]).await;
                client.answer(1).await.content
            };
            let stop = Stop::new();
            let serve = inner.serve_connection(io, &stop);
            let (content, ended) = both(talk, serve).await;
            assert_eq!(ended.outcome.label(), "client_closed");
            Ok(response.respond(200, [TEXT], &content)?)
        }
    }
    let mut running = Setup::default().run(Outer).await;
    for stream in [1, 3, 5] {
        running.client.post(stream, "/").await;
    }
    for stream in [5, 3, 1] {
        let content = format!("inner {stream}");
        running.client.send([Frame::data(stream, &content).end_stream()]).await;
        assert_eq!(running.client.answer(stream).await.text(), content);
    }
}

/// Both at a time, on one task.
async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (Box::pin(a), Box::pin(b));
    let (mut left, mut right) = (None, None);
    std::future::poll_fn(|cx| {
        use std::task::Poll;
        if left.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(cx)
        {
            left = Some(output);
        }
        if right.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(cx)
        {
            right = Some(output);
        }
        if left.is_some() && right.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (left.unwrap(), right.unwrap())
}
