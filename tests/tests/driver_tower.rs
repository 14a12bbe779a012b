//! Tower services on the driver: streaming both ways under back-pressure, trailers, failures.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use driver_tokio::tower::{Body, Tower};
use driver_tokio::{Outcome, Server, Settings, Stop};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
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

/// A body of frames that are at hand.
struct Frames(Vec<Frame<Bytes>>, SizeHint);

impl Frames {
    fn text(text: &'static str) -> Self {
        let size = SizeHint::with_exact(text.len() as u64);
        Self(vec![Frame::data(Bytes::from_static(text.as_bytes()))], size)
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = if self.0.is_empty() { None } else { Some(Ok(self.0.remove(0))) };
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.1
    }
}

async fn read_all(body: Body) -> Result<(Vec<u8>, Option<HeaderMap>), driver_tokio::Gone> {
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

struct Running {
    client: DuplexStream,
    server: JoinHandle<Outcome>,
}

fn run<F, B>(room: usize, service: F) -> Running
where
    F: Fn(Request<Body>) -> Answering<B> + Clone + Send + Sync + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (client, io) = duplex(room);
    let mut settings = Settings::default();
    settings.date = false;
    let server = tokio::spawn(async move {
        let server = Server::new(Tower(FnService(service))).settings(settings);
        server.serve_connection(io, &Stop::new()).await.outcome
    });
    Running { client, server }
}

impl Running {
    async fn talk(mut self, request: &[u8]) -> (String, Outcome) {
        self.client.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        self.client.read_to_end(&mut answer).await.unwrap();
        (String::from_utf8(answer).unwrap(), self.server.await.unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_sees_the_request_and_its_answer_goes() {
    let service = |request: Request<Body>| -> Answering<Frames> {
        assert_eq!(request.method(), "GET");
        assert_eq!(request.uri(), "/path?query");
        assert_eq!(request.headers()["x-a"], "1");
        assert!(request.body().is_end_stream());
        Box::pin(async { Ok(Response::new(Frames::text("hello"))) })
    };
    let request = b"GET /path?query HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nConnection: close\r\n\r\n";
    let (answer, outcome) = run(1000, service).talk(request).await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello");
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn cookies_in_several_lines_of_http_1_1_stay_as_they_came() {
    let service = |request: Request<Body>| -> Answering<Frames> {
        let cookies: Vec<_> = request.headers().get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=b", "c=d"]);
        Box::pin(async { Ok(Response::new(Frames::text("hello"))) })
    };
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nCookie: c=d\r\n\
        Connection: close\r\n\r\n";
    let (answer, _) = run(1000, service).talk(request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

/// What was made for one request is used again for others, of all connections of a thread.
#[tokio::test(start_paused = true)]
async fn each_request_has_its_own_fields_whatever_came_before_it() {
    let service = |request: Request<Body>| -> Answering<Frames> {
        let fields = request.headers().iter();
        let fields: String = fields.map(|(name, value)| format!("{name}={value:?};")).collect();
        let mut answer = Response::new(Frames(Vec::new(), SizeHint::with_exact(0)));
        answer.headers_mut().insert("x-fields", HeaderValue::try_from(fields).unwrap());
        answer.headers_mut().insert("x-uri", request.uri().to_string().parse().unwrap());
        let line = format!("{} {:?}", request.method(), request.version());
        answer.headers_mut().insert("x-line", HeaderValue::try_from(line).unwrap());
        Box::pin(async { Ok(answer) })
    };
    let mut connections = [run(10_000, service), run(10_000, service)];
    for round in 0..60 {
        let running = &mut connections[round / 3 % 2];
        let sections = [
            format!("x-one: {}\r\nx-two: b\r\n", round % 5),
            "x-one: 1\r\nx-two: c\r\n".to_owned(),
            format!("x-two: {round}\r\nx-two: b\r\n"),
        ];
        let section = &sections[round / 20];
        let target = ["/", "/path", "/path?query"][round % 3];
        let line = ["GET", "PUT", "GET", "OWN"][round / 2 % 4];
        let version = ["HTTP/1.1", "HTTP/1.0"][usize::from(round % 7 == 6)];
        let request = format!(
            "{line} {target} {version}\r\nhost: a\r\nconnection: keep-alive\r\n{section}\r\n"
        );
        running.client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 1000];
        let octets = running.client.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..octets]);
        let mut expected = String::from("host=\"a\";connection=\"keep-alive\";");
        for line in section.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            expected += &format!("{name}={value:?};");
        }
        assert!(answer.contains(&format!("x-fields: {expected}\r\n")), "{answer}\n{expected}");
        assert!(answer.contains(&format!("x-uri: {target}\r\n")), "{answer}");
        assert!(answer.contains(&format!("x-line: {line} {version}\r\n")), "{answer}");
    }
}

/// `http` has no scheme that long; what was made before is none for it.
#[tokio::test(start_paused = true)]
async fn a_target_that_http_does_not_take_is_refused_each_time() {
    let service = |request: Request<Body>| -> Answering<Frames> {
        assert_eq!(request.uri(), "/a");
        Box::pin(async { Ok(Response::new(Frames::text("hello"))) })
    };
    let mut running = run(10_000, service);
    let long = format!("{}://a/", "x".repeat(65));
    for (round, target) in ["/a", "/a", "/a", &long, &long, "/a", &long, "/a"].iter().enumerate() {
        let request = format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n");
        running.client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 1000];
        let octets = running.client.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..octets]);
        let status = if *target == "/a" { "HTTP/1.1 200 " } else { "HTTP/1.1 400 " };
        assert!(answer.starts_with(status), "{round}: {answer}");
    }
}

/// An answer is the same octets the first time and ever after.
#[tokio::test(start_paused = true)]
async fn an_answer_is_the_same_whether_it_came_before_or_not() {
    let service = |request: Request<Body>| -> Answering<Frames> {
        let fields: &[(&'static str, &'static str)] = match request.uri().path() {
            "/length" => &[("content-type", "text/plain"), ("content-length", "5"), ("x", "y")],
            "/padded" => &[("content-type", "text/plain"), ("x", " y ")],
            "/first" => &[("content-length", "05"), ("content-type", "text/plain")],
            "/wrong" => &[("content-type", "text/plain"), ("content-length", "4")],
            "/twice" => &[("content-length", "5"), ("content-length", "5")],
            "/coded" => &[("content-type", "text/plain"), ("transfer-encoding", "gzip")],
            "/secret" => &[("content-type", "text/plain"), ("set-cookie", "a=b")],
            "/dated" => &[("content-type", "text/plain"), ("date", "today")],
            _ => &[("content-type", "text/plain")],
        };
        let mut answer = Response::new(Frames::text("hello"));
        for (name, value) in fields {
            answer.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        Box::pin(async { Ok(answer) })
    };
    let mut running = run(10_000, service);
    let mut first = HashMap::new();
    for round in 0..600 {
        let target = [
            "/length", "/padded", "/wrong", "/twice", "/coded", "/secret", "/dated", "/plain",
            "/first",
        ][round % 11 % 9];
        let line = ["GET", "HEAD", "GET", "GET"][round / 50 % 4];
        let version = ["1.1", "1.0"][usize::from(round % 13 == 6)];
        let request =
            format!("{line} {target} HTTP/{version}\r\nhost: a\r\nconnection: keep-alive\r\n\r\n");
        running.client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 1000];
        let octets = running.client.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..octets]).into_owned();
        let refused = ["/wrong", "/twice"].contains(&target);
        assert_eq!(answer.starts_with("HTTP/1.1 500 "), refused, "{request}{answer}");
        let before = first.entry(request).or_insert_with(|| answer.clone());
        assert_eq!(*before, answer);
    }
}

#[tokio::test(start_paused = true)]
async fn content_and_trailers_stream_both_ways() {
    let service = |request: Request<Body>| -> Answering<Body> {
        Box::pin(async { Ok(Response::new(request.into_body())) })
    };
    let request = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
        transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nSum: 5\r\n\r\n";
    let (answer, _) = run(1000, service).talk(request).await;
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         3\r\nabc\r\n2\r\nde\r\n0\r\nsum: 5\r\n\r\n"
    );
}

#[tokio::test(start_paused = true)]
async fn an_echo_through_a_small_pipe_loses_nothing() {
    let service = |request: Request<Body>| -> Answering<Body> {
        Box::pin(async { Ok(Response::new(request.into_body())) })
    };
    let running = run(512, service);
    let (mut read, mut write) = tokio::io::split(running.client);
    let content: Vec<u8> = (0..300_000u32).map(|index| b'a' + (index % 23) as u8).collect();
    let sent = content.clone();
    tokio::spawn(async move {
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", sent.len());
        write.write_all(head.as_bytes()).await.unwrap();
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut answer = Vec::new();
    read.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(&content));
    assert_eq!(running.server.await.unwrap().label(), "client_closed");
}

#[tokio::test(start_paused = true)]
async fn a_body_may_be_read_on_another_task() {
    let service = |request: Request<Body>| -> Answering<Frames> {
        Box::pin(async {
            let reading = tokio::spawn(read_all(request.into_body()));
            let (content, trailers) = reading.await.unwrap().unwrap();
            assert_eq!((content.as_slice(), trailers), (&b"hello"[..], None));
            Ok(Response::new(Frames::text("read")))
        })
    };
    let request =
        b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
    let (answer, _) = run(1000, service).talk(request).await;
    assert!(answer.ends_with("\r\n\r\nread"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn content_that_the_service_ignores_but_that_is_here_keeps_the_connection() {
    let service = |_: Request<Body>| -> Answering<Frames> {
        Box::pin(async { Ok(Response::new(Frames::text("ok"))) })
    };
    let one = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";
    let last = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let (answer, _) = run(1000, service).talk(format!("{one}{last}").as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_failing_service_is_a_500_and_a_failing_body_a_cut() {
    let service = |_: Request<Body>| -> Answering<Frames> {
        Box::pin(async { Err(io::Error::other("on purpose")) })
    };
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let (answer, _) = run(1000, service).talk(request).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");

    struct Failing(bool);
    impl http_body::Body for Failing {
        type Data = Bytes;
        type Error = io::Error;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            Poll::Ready(Some(if std::mem::replace(&mut self.0, true) {
                Err(io::Error::other("on purpose"))
            } else {
                Ok(Frame::data(Bytes::from_static(b"a piece")))
            }))
        }
    }
    let service = |_: Request<Body>| -> Answering<Failing> {
        Box::pin(async { Ok(Response::new(Failing(false))) })
    };
    let (answer, outcome) = run(1000, service).talk(request).await;
    assert!(answer.ends_with("7\r\na piece\r\n"), "{answer}");
    assert!(matches!(outcome, Outcome::HandlerError), "{outcome}");
}

/// RFC 9110 §8.6: the length in a 304 is that of the 200. Frameworks put in that of their empty body.
#[tokio::test(start_paused = true)]
async fn a_304_has_no_length_of_nothing() {
    for (length, told) in [("0", false), ("5", true)] {
        let service = move |_: Request<Body>| -> Answering<Frames> {
            let mut answer = Response::new(Frames(Vec::new(), SizeHint::with_exact(0)));
            *answer.status_mut() = http::StatusCode::NOT_MODIFIED;
            answer.headers_mut().insert("content-length", HeaderValue::from_static(length));
            Box::pin(async { Ok(answer) })
        };
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let (answer, _) = run(1000, service).talk(request).await;
        assert!(answer.starts_with("HTTP/1.1 304 "), "{answer}");
        assert_eq!(answer.contains("content-length: 5\r\n"), told, "{answer}");
        assert!(!answer.contains("content-length: 0"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn lengths_trailers_and_head_follow_the_body() {
    let service = |request: Request<Body>| -> Answering<Frames> {
        Box::pin(async move {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("2"));
            let frames = vec![Frame::data(Bytes::from_static(b"ab")), Frame::trailers(trailers)];
            let mut response = Response::new(Frames(frames, SizeHint::new()));
            if request.uri() == "/announced" {
                response.headers_mut().insert("content-length", HeaderValue::from_static("2"));
            }
            Ok(response)
        })
    };
    let ask = |line: &str| format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let (answer, _) = run(1000, service).talk(ask("GET /").as_bytes()).await;
    assert!(answer.ends_with("\r\n\r\n2\r\nab\r\n0\r\nx-sum: 2\r\n\r\n"), "{answer}");
    let (answer, _) = run(1000, service).talk(ask("GET /announced").as_bytes()).await;
    assert!(answer.ends_with("content-length: 2\r\nconnection: close\r\n\r\nab"), "{answer}");
    let (answer, _) = run(1000, service).talk(ask("HEAD /").as_bytes()).await;
    assert!(answer.ends_with("transfer-encoding: chunked\r\n\r\n"), "{answer}");
}

/// The heads of a thread's requests lie one behind the other in memory that is used again; those of more than a
/// KiB have memory of their own.
#[tokio::test]
async fn values_that_a_service_keeps_stay_as_they_were() {
    const REQUESTS: usize = 300;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&kept);
    let mut running = run(64 << 10, move |request: Request<Body>| {
        // Every third is let go of, so that there is something to use again.
        let (parts, _) = request.into_parts();
        let number: usize = parts.uri.path().trim_start_matches('/').parse().unwrap();
        if !number.is_multiple_of(3) {
            keeps.lock().unwrap().push((
                number,
                parts.uri.clone(),
                parts.headers["x-text"].clone(),
            ));
        }
        Box::pin(async { Ok(Response::new(Frames::text("ok"))) })
    });
    let text = |number: usize| format!("{number} ").repeat(number).trim().to_owned() + ".";
    for number in 0..REQUESTS {
        // From a few octets to more than a KiB, the edge of it included.
        let head = format!("GET /{number} HTTP/1.1\r\nhost: a\r\nx-text: {}\r\n\r\n", text(number));
        running.client.write_all(head.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"ok") {
            assert!(running.client.read_buf(&mut got).await.unwrap() > 0);
        }
    }
    let kept = kept.lock().unwrap();
    assert_eq!(kept.len(), REQUESTS / 3 * 2);
    for (number, uri, value) in &*kept {
        assert_eq!(
            (uri.path(), value.to_str().unwrap()),
            (&*format!("/{number}"), &*text(*number))
        );
    }
}
