//! Bugs that were found in how the driver waits: who is woken, who is told that nothing more comes, and what a
//! drain waits for. Each test failed before.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use driver_tokio::tower::{Body, RequestInfo, Tower};
use driver_tokio::{BodyLength, Handler, HandlerError, Request, Response, Server, Settings, Stop};
use h2_proto::testing::{Frame, client_bytes};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy, duplex, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(10);
const TEXT: (&str, &str) = ("content-type", "text/plain");
const POST: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n";

type Answer = http::Response<BoxBody<Bytes, Infallible>>;

#[derive(Clone)]
struct By<F>(F);

impl<F, R> tower_service::Service<http::Request<Body>> for By<F>
where
    F: Fn(http::Request<Body>) -> R,
    R: Future<Output = Answer> + Send + 'static,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answering = (self.0)(request);
        Box::pin(async move { Ok(answering.await) })
    }
}

fn nothing() -> Answer {
    http::Response::new(Empty::new().boxed())
}

fn serve(handler: impl Handler, settings: Settings, io: DuplexStream) -> JoinHandle<()> {
    let server = Server::new(handler).settings(settings);
    tokio::spawn(async move { drop(server.serve_connection(io, &Stop::new()).await) })
}

/// A body on its connection's own task woke that task whenever it was polled: it never slept.
#[tokio::test(start_paused = true)]
async fn a_service_that_waits_for_content_sleeps() {
    let polls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&polls);
    let service = By(move |request: http::Request<Body>| {
        let (mut content, seen) = (Box::pin(request.into_body().collect()), Arc::clone(&seen));
        async move {
            let counted = poll_fn(|cx| {
                seen.fetch_add(1, Ordering::Relaxed);
                content.as_mut().poll(cx)
            });
            assert_eq!(counted.await.unwrap().to_bytes(), "0123456789");
            nothing()
        }
    });
    let (mut client, io) = duplex(1000);
    serve(Tower(service), Settings::default(), io);
    client.write_all(POST).await.unwrap();
    for piece in ["012", "345", "6789"] {
        sleep(MOMENT).await;
        client.write_all(piece.as_bytes()).await.unwrap();
    }
    assert!(client.read(&mut [0; 1000]).await.unwrap() > 0);
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls <= 10, "{polls} polls");
}

/// A handler of HTTP/2 that wakes itself was polled again at once, for ever, and nobody else had a turn.
#[tokio::test]
async fn handlers_that_wake_themselves_leave_others_their_turn() {
    struct Spins;
    impl Handler for Spins {
        async fn handle(
            &self,
            request: &mut Request<'_>,
            response: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            if request.head().path_and_query() == b"/spin" {
                poll_fn::<(), _>(|cx| {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                })
                .await;
            }
            Ok(response.respond(200, [TEXT], b"served")?)
        }
    }
    let (mut client, io) = duplex(1000);
    let server = serve(Spins, Settings::default(), io);
    let octets = [Frame::settings([]), Frame::get(1, "/spin"), Frame::get(3, "/")];
    client.write_all(&client_bytes(octets)).await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"served") {
        assert!(client.read_buf(&mut got).await.unwrap() > 0);
    }
    server.abort();
}

/// A client was blamed with 408 for the silence of content that nobody waited for any more.
#[tokio::test(start_paused = true)]
async fn a_service_that_dropped_its_content_has_its_time() {
    let service = By(|request: http::Request<Body>| async move {
        let mut content = request.into_body();
        // Asked for once, then given up.
        let _ = timeout(MOMENT, content.frame()).await;
        drop(content);
        sleep(HOUR).await;
        nothing()
    });
    let (mut client, io) = duplex(1000);
    serve(Tower(service), Settings::default(), io);
    client.write_all(POST).await.unwrap();
    let mut got = [0; 1000];
    let count = client.read(&mut got).await.unwrap();
    assert!(got[..count].starts_with(b"HTTP/1.1 200 "), "{}", got[..count].escape_ascii());
}

/// Who waits on another task for something of the connection.
type Elsewhere = UnboundedSender<JoinHandle<()>>;

/// The connection's future is dropped while somebody waits elsewhere, who is told.
async fn dropped(sent: &[u8], run: impl FnOnce(Elsewhere, DuplexStream) -> JoinHandle<()>) {
    let (mut client, io) = duplex(1000);
    let (tell, mut told) = unbounded_channel();
    let server = run(tell, io);
    client.write_all(sent).await.unwrap();
    let elsewhere = told.recv().await.unwrap();
    sleep(MOMENT).await;
    server.abort();
    let _ = server.await;
    timeout(HOUR, elsewhere).await.expect("it is told").unwrap();
}

fn reads(tell: Elsewhere, io: DuplexStream) -> JoinHandle<()> {
    let service = By(move |request: http::Request<Body>| {
        let mut content = request.into_body();
        tell.send(tokio::spawn(async move { drop(content.frame().await) })).unwrap();
        async { nothing() }
    });
    serve(Tower(service), Settings::default(), io)
}

/// Readers of HTTP/2 waited for ever, and held what they waited for.
#[tokio::test(start_paused = true)]
async fn content_ends_when_the_future_of_its_connection_is_dropped() {
    dropped(POST, reads).await;
    let frames = [Frame::settings([]), Frame::request(1, "POST", "/")];
    dropped(&client_bytes(frames), reads).await;
}

struct Tunnels(Option<Elsewhere>);

impl Handler for Tunnels {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let on_upgrade = request.on_upgrade();
        let echoing = tokio::spawn(async move {
            let (mut reader, mut writer) = split(on_upgrade.await.unwrap());
            let _ = copy(&mut reader, &mut writer).await;
        });
        if let Some(tell) = &self.0 {
            tell.send(echoing).unwrap();
        }
        Ok(response.send_response(200, [TEXT], BodyLength::None)?)
    }
}

fn connect() -> Vec<u8> {
    let fields = [(":method", "CONNECT"), (":authority", "a:1")];
    client_bytes([Frame::settings([]), Frame::headers(1, fields)])
}

#[tokio::test(start_paused = true)]
async fn tunnels_end_when_the_future_of_their_connection_is_dropped() {
    dropped(&connect(), |tell, io| serve(Tunnels(Some(tell)), Settings::default(), io)).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_upgrade_and_holds_the_request_is_told_when_the_connection_is_dropped() {
    let sent = b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    dropped(sent, |tell, io| {
        let service = By(move |request: http::Request<Body>| {
            // As usual: the request goes to the task that awaits the upgrade.
            let waiting = tokio::spawn(async move {
                let info = request.extensions().get::<RequestInfo>().unwrap();
                drop(info.on_upgrade().await);
                drop(request);
            });
            tell.send(waiting).unwrap();
            pending()
        });
        serve(Tower(service), Settings::default(), io)
    })
    .await;
}

/// They were counted as content.
#[tokio::test(start_paused = true)]
async fn octets_of_a_tunnel_are_no_content() {
    let mut settings = Settings::default();
    settings.body_bytes_max = Some(1000);
    let (mut client, io) = duplex(64 << 10);
    serve(Tunnels(None), settings, io);
    client.write_all(&connect()).await.unwrap();
    let piece = "x".repeat(700);
    for _ in 0..3 {
        client.write_all(&h2_proto::testing::bytes([Frame::data(1, &piece)])).await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(piece.as_bytes()) {
            let more = timeout(HOUR, client.read_buf(&mut got)).await.expect("the tunnel goes on");
            assert!(more.unwrap() > 0);
        }
    }
}

/// A server without a free place took its listener's queue for empty.
#[tokio::test]
async fn a_full_server_that_drains_serves_what_waits() {
    struct Slow;
    impl Handler for Slow {
        async fn handle(
            &self,
            _: &mut Request<'_>,
            response: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            sleep(5 * MOMENT).await;
            Ok(response.respond(200, [TEXT], b"served")?)
        }
    }
    let mut settings = Settings::default();
    settings.connections_max = 1;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (server, stop) = (Server::new(Slow).settings(settings), Stop::new());
    let signals = stop.clone();
    tokio::spawn(async move { server.serve(listener, &signals).await });
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        clients.push(client);
    }
    sleep(MOMENT).await;
    stop.drain();
    for mut client in clients {
        let mut got = String::new();
        client.read_to_string(&mut got).await.unwrap();
        assert!(got.ends_with("served"), "{got}");
    }
}

/// A length of 0 was taken for the end of the message.
#[tokio::test(start_paused = true)]
async fn trailers_come_behind_no_content() {
    let service = By(|_: http::Request<Body>| async {
        let mut fields = http::HeaderMap::new();
        fields.insert("x-trailing", "seen".parse().unwrap());
        let empty = Empty::<Bytes>::new().with_trailers(async { Some(Ok(fields)) });
        http::Response::new(empty.boxed())
    });
    let (mut client, io) = duplex(1000);
    serve(Tower(service), Settings::default(), io);
    client.write_all(&client_bytes([Frame::settings([]), Frame::get(1, "/")])).await.unwrap();
    let (mut log, mut text) = (h2_proto::testing::FrameLog::server(), String::new());
    while !text.contains("x-trailing: seen") {
        let mut octets = Vec::new();
        let more = timeout(HOUR, client.read_buf(&mut octets)).await.expect("they come");
        assert!(more.unwrap() > 0, "{text}");
        log.feed(&octets);
        text += &log.take_text();
    }
}

/// The end of such a connection was not told.
#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_while_it_is_dropped_ends_alone() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    struct Bombs;
    impl Handler for Bombs {
        async fn handle(
            &self,
            _: &mut Request<'_>,
            _: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            let _bomb = Bomb;
            pending().await
        }
    }
    let requests = [
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        client_bytes([Frame::settings([]), Frame::get(1, "/")]),
    ];
    for request in requests {
        let (mut client, io) = duplex(1000);
        let server = Server::new(Bombs);
        let serving = tokio::spawn(async move { server.serve_connection(io, &Stop::new()).await });
        client.write_all(&request).await.unwrap();
        sleep(MOMENT).await;
        drop(client);
        assert_eq!(serving.await.unwrap().outcome.label(), "client_closed");
    }
}
