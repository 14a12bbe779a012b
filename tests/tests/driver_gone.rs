//! Clients of HTTP/1.1 that go away, or send more, while a handler waits: its request is complete then, and
//! nothing is read for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use driver_tokio::{
    BodyLength, Handler, HandlerError, Metrics, Outcome, Request, Response, Server, Settings, Stop,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Waits in every way, and counts those that were dropped.
#[derive(Clone, Default)]
struct Waiting {
    dropped: Arc<AtomicUsize>,
    go_on: Arc<Notify>,
}

struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Handler for Waiting {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let _dropped = Dropped(Arc::clone(&self.dropped));
        match request.head().path_and_query() {
            b"/upgrade" => {
                let on_upgrade = request.on_upgrade();
                self.go_on.notified().await;
                let fields = [("upgrade", "echo"), ("connection", "upgrade")];
                response.send_response(101, fields, BodyLength::None)?;
                tokio::spawn(async move {
                    let mut stream = on_upgrade.await.unwrap();
                    let mut octets = [0; 5];
                    stream.read_exact(&mut octets).await.unwrap();
                    stream.write_all(&octets).await.unwrap();
                });
                return Ok(());
            }
            b"/stream" => {
                response.send_response(200, [("a", "b")], BodyLength::Unknown)?;
                response.send_data(b"first").await?;
            }
            b"/hint" => response.send_informational(103, [("link", "</a>")])?,
            _ => {}
        }
        self.go_on.notified().await;
        if response.respond(200, [("a", "b")], b"waited").is_err() {
            response.finish()?;
        }
        Ok(())
    }
}

struct Running {
    client: DuplexStream,
    waiting: Waiting,
    server: JoinHandle<Outcome>,
}

fn run(settings: Settings) -> Running {
    let (client, io) = duplex(64 << 10);
    let waiting = Waiting::default();
    let server = Server::new(waiting.clone()).settings(settings);
    let server =
        tokio::spawn(async move { server.serve_connection(io, &Stop::new()).await.outcome });
    Running { client, waiting, server }
}

impl Running {
    async fn send(&mut self, text: &str) {
        self.client.write_all(text.as_bytes()).await.unwrap();
        tokio::time::sleep(MOMENT).await;
    }

    async fn expect(&mut self, end: &str) -> String {
        let mut got = String::new();
        while !got.ends_with(end) {
            let mut octets = [0; 1024];
            let count = self.client.read(&mut octets).await.unwrap();
            assert!(count > 0, "{got}");
            got.push_str(std::str::from_utf8(&octets[..count]).unwrap());
        }
        got
    }

    fn dropped(&self) -> usize {
        self.waiting.dropped.load(Ordering::Relaxed)
    }
}

const MOMENT: Duration = Duration::from_millis(1);

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_is_dropped_when_its_client_closes() {
    for path in ["/", "/stream", "/hint"] {
        let mut running = run(Settings::default());
        running.send(&get(path)).await;
        assert_eq!(running.dropped(), 0);
        let Running { client, waiting, server } = running;
        drop(client);
        let outcome = server.await.unwrap();
        assert!(matches!(outcome, Outcome::ClientClosed), "{path}: {outcome}");
        assert_eq!(waiting.dropped.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_sending_side_alone_is_taken_for_gone_unless_that_is_allowed() {
    let mut running = run(Settings::default());
    running.send(&get("/")).await;
    running.client.shutdown().await.unwrap();
    assert!(matches!(running.server.await.unwrap(), Outcome::ClientClosed));

    let mut settings = Settings::default();
    settings.half_close = true;
    for path in ["/", "/stream"] {
        let mut running = run(settings);
        running.send(&get(path)).await;
        running.client.shutdown().await.unwrap();
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(running.dropped(), 0);
        running.waiting.go_on.notify_one();
        let mut got = String::new();
        running.client.read_to_string(&mut got).await.unwrap();
        let end = if path == "/" { "\r\n\r\nwaited" } else { "5\r\nfirst\r\n0\r\n\r\n" };
        assert!(got.starts_with("HTTP/1.1 200 OK\r\n") && got.ends_with(end), "{got}");
        running.server.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_at_hand_goes_also_when_the_sending_side_is_closed() {
    let mut running = run(Settings::default());
    running.waiting.go_on.notify_one();
    running.client.write_all(get("/").as_bytes()).await.unwrap();
    running.client.shutdown().await.unwrap();
    running.expect("\r\n\r\nwaited").await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_handler_waits_is_the_next_request() {
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(1000));
    for next in [get("/"), get("/").repeat(2), long] {
        for cut in [1, 7, next.len() / 2, next.len()] {
            let mut running = run(Settings::default());
            running.send(&get("/")).await;
            running.send(&next[..cut]).await;
            running.send(&next[cut..]).await;
            assert_eq!(running.dropped(), 0);
            for _ in 0..=next.matches("GET").count() {
                running.waiting.go_on.notify_one();
                running.expect("\r\n\r\nwaited").await;
                tokio::time::sleep(MOMENT).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_before_a_switch_belongs_to_the_new_protocol() {
    let mut running = run(Settings::default());
    let request =
        "GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    running.send(request).await;
    running.send("ea").await;
    running.send("rly").await;
    running.waiting.go_on.notify_one();
    let got = running.expect("early").await;
    assert!(got.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{got}");
}

#[tokio::test]
async fn a_client_that_resets_ends_the_handler_and_gives_its_place_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (waiting, metrics) = (Waiting::default(), Arc::new(Metrics::default()));
    let mut settings = Settings::default();
    settings.requests_max = Some(1);
    settings.half_close = true; // a reset is none
    let server = Server::new(waiting.clone()).settings(settings).metrics(Arc::clone(&metrics));
    tokio::spawn(async move { server.serve(listener, &Stop::new()).await });
    for round in 1..=3 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(get("/hint").as_bytes()).await.unwrap();
        // What a client leaves unread makes its close a reset.
        client.readable().await.unwrap();
        assert_eq!(metrics.requests_open(), 1);
        drop(client);
        while waiting.dropped.load(Ordering::Relaxed) < round || metrics.requests_open() > 0 {
            tokio::time::sleep(MOMENT).await;
        }
    }
    assert_eq!((metrics.requests(), metrics.requests_shed()), (3, 0));
}

/// Answers once it may, without giving its thread away: what happens meanwhile nobody looks at.
struct Blocking(Arc<Barrier>);

impl Handler for Blocking {
    async fn handle(
        &self,
        _: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        self.0.wait();
        self.0.wait();
        Ok(response.respond(200, [("a", "b")], b"late")?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_of_the_transport_is_the_one_that_came_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let server = Server::new(Blocking(Arc::clone(&barrier)));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(get("/").as_bytes()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let leaving = tokio::task::spawn_blocking(move || {
        barrier.wait();
        // So its end is a reset.
        client.set_zero_linger().unwrap();
        drop(client);
        barrier.wait();
    });
    let outcome = server.serve_connection(stream, &Stop::new()).await.outcome;
    leaving.await.unwrap();
    let Outcome::Io(error) = &outcome else { panic!("{outcome}") };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
