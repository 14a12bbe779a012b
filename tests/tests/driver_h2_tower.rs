//! Tower services on HTTP/2: content and trailers both ways, bodies that leave their handler,
//! services that fail; and the crate `h2` as the client.

mod driver_h2_client;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use driver_h2_client::{Running, SECOND, Setup};
use driver_tokio::tower::{Body, Tower};
use driver_tokio::{Gone, Outcome};
use h2_proto::ErrorCode;
use h2_proto::testing::Frame;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body as _, Frame as Piece, SizeHint};
use tower_service::Service;

type Answering<B> = Pin<Box<dyn Future<Output = Result<Response<B>, io::Error>> + Send>>;

/// A function as a service.
#[derive(Clone)]
struct FnService<F>(F);

impl<F, B> Service<Request<Body>> for FnService<F>
where
    F: Fn(Request<Body>) -> Answering<B>,
{
    type Response = Response<B>;
    type Error = io::Error;
    type Future = Answering<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answering<B> {
        (self.0)(request)
    }
}

/// A body of pieces that are at hand, then perhaps an error.
struct Pieces {
    pieces: Vec<Result<Piece<Bytes>, io::Error>>,
    hint: SizeHint,
}

impl Pieces {
    fn of(pieces: impl IntoIterator<Item = &'static str>) -> Self {
        let data = |text: &'static str| Ok(Piece::data(Bytes::from_static(text.as_bytes())));
        Self { pieces: pieces.into_iter().map(data).collect(), hint: SizeHint::new() }
    }

    fn exact(mut self) -> Self {
        let data = self.pieces.iter().flatten().filter_map(|piece| piece.data_ref());
        self.hint = SizeHint::with_exact(data.map(|data| data.len() as u64).sum());
        self
    }

    fn trailer(mut self, name: &'static str, value: &'static str) -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert(name, HeaderValue::from_static(value));
        self.pieces.push(Ok(Piece::trailers(trailers)));
        self
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, io::Error>>> {
        Poll::Ready((!self.pieces.is_empty()).then(|| self.pieces.remove(0)))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

type Read = Result<(Vec<u8>, Option<HeaderMap>), Gone>;

async fn read_all(body: Body) -> Read {
    let mut body = std::pin::pin!(body);
    let (mut content, mut trailers) = (Vec::new(), None);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        match frame?.into_data() {
            Ok(data) => content.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok((content, trailers))
}

async fn run<F, B>(service: F) -> Running
where
    F: Fn(Request<Body>) -> Answering<B> + Clone + Send + Sync + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Setup::default().run(Tower(FnService(service))).await
}

/// For a client that greets itself, through a pipe that holds so many octets.
async fn run_without_greeting<F, B>(room: usize, service: F) -> Running
where
    F: Fn(Request<Body>) -> Answering<B> + Clone + Send + Sync + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let setup = Setup::with(|setup| (setup.room, setup.greeting) = (room, None));
    setup.run(Tower(FnService(service))).await
}

/// Sends the content back.
fn echo(request: Request<Body>) -> Answering<Body> {
    Box::pin(async { Ok(Response::new(request.into_body())) })
}

#[tokio::test(start_paused = true)]
async fn a_service_sees_the_request_and_its_answer_goes() {
    let mut running = run(|request: Request<Body>| -> Answering<Pieces> {
        assert_eq!(
            (request.method(), request.version()),
            (&http::Method::GET, http::Version::HTTP_2)
        );
        assert_eq!(request.uri(), "https://a.example/path?query");
        assert_eq!(request.headers()["x-a"], "1");
        assert!(request.body().is_end_stream());
        assert_eq!(request.body().size_hint().exact(), Some(0));
        Box::pin(async {
            let mut answer = Response::new(Pieces::of(["hello"]).exact());
            for (name, value) in [("connection", "close"), ("keep-alive", "1"), ("x-b", "2")] {
                answer.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            Ok(answer)
        })
    })
    .await;
    running.client.send([Frame::get(1, "/path?query").field(("x-a", "1"))]).await;
    let answer = running.client.answer(1).await;
    assert_eq!((answer.status, answer.text(), answer.reset), (200, "hello", None));
    assert_eq!((answer.field("content-length"), answer.field("x-b")), (Some("5"), Some("2")));
    assert_eq!(answer.field("connection"), None, "RFC 9113 §8.2.2");
    assert_eq!(answer.field("keep-alive"), None);
}

/// RFC 9113 §8.2.3, for applications that do not know HTTP/2.
#[tokio::test(start_paused = true)]
async fn cookie_crumbs_are_one_field() {
    let mut running = run(|request: Request<Body>| -> Answering<Pieces> {
        let cookies: Vec<_> = request.headers().get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=b; c=d"]);
        Box::pin(async { Ok(Response::new(Pieces::of(["ok"]))) })
    })
    .await;
    let crumbs = [("cookie", "a=b"), ("x", "y"), ("cookie", "c=d")];
    running.client.send([Frame::get(1, "/").fields(crumbs)]).await;
    assert_eq!(running.client.answer(1).await.text(), "ok");
}

#[tokio::test(start_paused = true)]
async fn content_and_trailers_stream_both_ways() {
    let mut running = run(echo).await;
    running.client.post(1, "/").await;
    for piece in ["abc", "de"] {
        running.client.send([Frame::data(1, piece)]).await;
        running.client.settle().await;
    }
    assert_eq!(running.client.so_far(1).text(), "abcde", "it does not wait for the end");
    running.client.send([Frame::headers(1, [("sum", "5")]).end_stream()]).await;
    let answer = running.client.answer(1).await;
    assert_eq!(answer.trailers, [("sum".into(), "5".into())]);
    assert_eq!((answer.ended, answer.reset), (true, None));
}

async fn trailers_behind(body: fn() -> Pieces) {
    let mut running =
        run(move |_| -> Answering<Pieces> { Box::pin(async move { Ok(Response::new(body())) }) })
            .await;
    running.client.get(1, "/").await;
    let answer = running.client.answer(1).await;
    running.client.settle().await;
    assert_eq!((answer.text(), answer.reset), ("ab", None));
    assert_eq!(answer.trailers, [("x-sum".into(), "2".into())]);
    running.client.send([Frame::request(3, "HEAD", "/").end_stream()]).await;
    let answer = running.client.answer(3).await;
    assert_eq!((answer.status, answer.octets, answer.trailers.len()), (200, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn trailers_follow_a_body_of_no_known_length() {
    trailers_behind(|| Pieces::of(["a", "b"]).trailer("x-sum", "2")).await;
}

#[tokio::test(start_paused = true)]
async fn trailers_follow_a_body_of_a_known_length() {
    trailers_behind(|| Pieces::of(["a", "b"]).exact().trailer("x-sum", "2")).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_body_that_is_known_comes_with_its_last_piece() {
    let mut running = run(|_| -> Answering<Pieces> {
        Box::pin(async { Ok(Response::new(Pieces::of(["a", "b"]).exact())) })
    })
    .await;
    running.client.get(1, "/").await;
    running.client.answer(1).await;
    let data: Vec<_> = running.client.frames.iter().filter(|it| it.kind == 0).collect();
    assert_eq!(data.len(), 2, "{}", running.client.story());
}

#[tokio::test(start_paused = true)]
async fn a_failing_service_is_a_500_and_a_failing_body_a_reset() {
    let mut running = run(|request: Request<Body>| -> Answering<Pieces> {
        Box::pin(async move {
            let other = || io::Error::other("on purpose");
            match request.uri().path() {
                "/service" => Err(other()),
                "/panic" => panic!("on purpose"),
                "/body" => {
                    let mut body = Pieces::of(["a piece"]);
                    body.pieces.push(Err(other()));
                    Ok(Response::new(body))
                }
                "/short" => {
                    let mut body = Pieces::of(["ab"]);
                    body.hint = SizeHint::with_exact(5);
                    Ok(Response::new(body))
                }
                "/long" => {
                    let mut body = Pieces::of(["ab", "cd"]);
                    body.hint = SizeHint::with_exact(3);
                    Ok(Response::new(body))
                }
                "/told" => {
                    let mut answer = Response::new(Pieces::of(["ab"]).exact());
                    answer.headers_mut().insert("content-length", HeaderValue::from_static("3"));
                    Ok(answer)
                }
                _ => Ok(Response::new(Pieces::of(["ok"]))),
            }
        })
    })
    .await;
    let mut stream = 1;
    for path in ["/service", "/panic", "/told", "/body", "/short", "/long"] {
        running.client.get(stream, path).await;
        let answer = running.client.answer(stream).await;
        if matches!(path, "/service" | "/panic" | "/told") {
            assert_eq!((answer.status, answer.ended), (500, true), "{path}");
        } else {
            assert_eq!(answer.reset, Some(ErrorCode::INTERNAL_ERROR), "{path}");
            assert!(!answer.ended, "{path}");
        }
        running.client.get(stream + 2, "/ok").await;
        assert_eq!(running.client.answer(stream + 2).await.text(), "ok");
        stream += 4;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_may_outlive_its_handler_on_another_task() {
    let read: Arc<Mutex<Vec<Read>>> = Arc::default();
    let seen = Arc::clone(&read);
    let service = move |request: Request<Body>| -> Answering<Pieces> {
        let read = Arc::clone(&read);
        Box::pin(async move {
            tokio::spawn(async move {
                let all = read_all(request.into_body()).await;
                read.lock().unwrap().push(all);
            });
            Ok(Response::new(Pieces::of(["reading"]).exact()))
        })
    };
    let mut running = run(service).await;
    running.client.settle().await;
    running.client.post(1, "/").await;
    let answer = running.client.answer(1).await;
    assert_eq!((answer.text(), answer.ended), ("reading", true));
    running.client.settle().await;
    assert_eq!(running.client.so_far(1).reset, None, "somebody reads");
    assert_eq!(running.client.upload(1, 300_000).await, 300_000);
    running.client.settle().await;
    let (content, trailers) = seen.lock().unwrap().remove(0).unwrap();
    assert_eq!((content.len(), trailers), (300_000, None));

    // It learns of a reset, and of the end of the connection.
    running.client.post(3, "/").await;
    running.client.answer(3).await;
    running.client.send([Frame::rst_stream(3, ErrorCode::CANCEL)]).await;
    running.client.settle().await;
    assert_eq!(seen.lock().unwrap().remove(0), Err(Gone::Reset(ErrorCode::CANCEL)));
    running.client.post(5, "/").await;
    assert_eq!(running.client.answer(5).await.text(), "reading");
    running.close().await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(seen.lock().unwrap().remove(0), Err(Gone::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_dropped_refuses_its_content() {
    let setup = Setup::with(|setup| setup.config.streams_max = 1);
    let drops = |request: Request<Body>| -> Answering<Pieces> {
        drop(request);
        Box::pin(async { Ok(Response::new(Pieces::of(["enough"]).exact())) })
    };
    let mut running = setup.run(Tower(FnService(drops))).await;
    for stream in [1, 3, 5] {
        running.client.post(stream, "/").await;
        running.client.send([Frame::data(stream, "abc")]).await;
        running.client.until(|it| it.so_far(stream).reset.is_some()).await;
        let answer = running.client.so_far(stream);
        assert_eq!((answer.text(), answer.ended), ("enough", true));
        assert_eq!(answer.reset, Some(ErrorCode::NO_ERROR));
    }
}

#[tokio::test(start_paused = true)]
async fn a_100_is_sent_when_the_body_is_read() {
    let mut running = run(|request: Request<Body>| -> Answering<Pieces> {
        Box::pin(async move {
            if request.uri().path() == "/read" {
                tokio::time::sleep(SECOND).await;
                assert_eq!(read_all(request.into_body()).await.unwrap().0, b"abc");
            }
            Ok(Response::new(Pieces::of(["ok"]).exact()))
        })
    })
    .await;
    let expecting =
        |stream, path| Frame::request(stream, "POST", path).field(("expect", "100-continue"));
    running.client.send([expecting(1, "/read")]).await;
    running.client.settle().await;
    assert!(running.client.so_far(1).interim.is_empty());
    running.client.until(|it| it.so_far(1).interim == [100]).await;
    running.client.send([Frame::data(1, "abc").end_stream()]).await;
    assert_eq!(running.client.answer(1).await.text(), "ok");
    running.client.send([expecting(3, "/refuse")]).await;
    let answer = running.client.answer(3).await;
    assert_eq!((answer.text(), answer.interim.len()), ("ok", 0));
}

/// The crate `h2` sends content longer than all windows on several streams, to a service that sends it
/// back; through a pipe of few octets.
#[tokio::test(start_paused = true)]
async fn an_echo_longer_than_all_windows_loses_nothing() {
    for room in [512, 64 << 10] {
        let Running { client, server, .. } = run_without_greeting(room, echo).await;
        let (mut requests, connection) = h2::client::handshake(client.io).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut talks = Vec::new();
        for index in 0..8_usize {
            poll_fn(|cx| requests.poll_ready(cx)).await.unwrap();
            let request = Request::post("http://a.example/").body(()).unwrap();
            let (answer, mut sending) = requests.send_request(request, false).unwrap();
            let content: Vec<u8> =
                (0..300_000).map(|octet| (octet % (251 - index)) as u8).collect();
            let sent = content.clone();
            talks.push(tokio::spawn(async move {
                let mut rest = Bytes::from(sent);
                while !rest.is_empty() {
                    sending.reserve_capacity(rest.len());
                    let room = poll_fn(|cx| sending.poll_capacity(cx)).await.unwrap().unwrap();
                    sending.send_data(rest.split_to(room), false).unwrap();
                }
                let mut trailers = HeaderMap::new();
                trailers.insert("x-sum", HeaderValue::from_static("1"));
                sending.send_trailers(trailers).unwrap();
            }));
            talks.push(tokio::spawn(async move {
                let answer = answer.await.unwrap();
                assert_eq!(answer.status(), 200);
                let mut body = answer.into_body();
                let mut back = Vec::new();
                while let Some(data) = body.data().await {
                    let data = data.unwrap();
                    back.extend_from_slice(&data);
                    body.flow_control().release_capacity(data.len()).unwrap();
                }
                assert!(back == content, "{index}: {} octets", back.len());
                assert_eq!(body.trailers().await.unwrap().unwrap()["x-sum"], "1");
            }));
        }
        for talk in talks {
            talk.await.unwrap();
        }
        drop(requests);
        connection.await.unwrap().unwrap();
        let outcome = server.await.unwrap().outcome;
        // That client goes without a look at what is on its way to it.
        assert!(matches!(outcome, Outcome::ClientClosed | Outcome::Io(_)), "{outcome}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_without_content() {
    let mut running = run(|request: Request<Body>| -> Answering<Pieces> {
        Box::pin(async move {
            let status: u16 = request.uri().path()[1..].parse().unwrap();
            let body = Pieces::of(["hello"]).exact();
            Ok(Response::builder().status(status).body(body).unwrap())
        })
    })
    .await;
    let mut stream = 1;
    for (method, status, octets) in
        [("GET", 200, 5), ("HEAD", 200, 0), ("GET", 204, 0), ("GET", 205, 0), ("GET", 304, 0)]
    {
        running
            .client
            .send([Frame::request(stream, method, &format!("/{status}")).end_stream()])
            .await;
        let answer = running.client.answer(stream).await;
        assert_eq!((answer.status, answer.octets), (status, octets), "{method} {status}");
        assert_eq!((answer.ended, answer.reset), (true, None), "{method} {status}");
        stream += 2;
    }
}
