//! Servers that replace each other under load: no request is lost that the server could have known of. They
//! have one socket that each hands to the next, where nothing may be lost at all; or each a socket of its own
//! on one port (SO_REUSEPORT), where the system resets connections that come between the last accept and the
//! end of a listener.
//!
//! At full size: `cargo test --release -p tests --test driver_replacement -- --ignored --nocapture`.

mod driver_replacement_load;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use driver_replacement_load::{Tally, http1, http2};
use driver_tokio::{Handler, HandlerError, Request, Response, Server, Settings, Stop, Version};
use h2_proto::testing::{Frame, FrameLog, client_bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);
/// A time in which what is on its way arrives.
const MOMENT: Duration = Duration::from_millis(20);

/// Requests that were handed to a handler.
#[derive(Debug, Default)]
struct Handled {
    http1: AtomicU64,
    http2: AtomicU64,
}

impl Handled {
    /// Whether there were some of each.
    fn both(&self) -> bool {
        [&self.http1, &self.http2].iter().all(|count| count.load(Ordering::Relaxed) > 0)
    }
}

/// Answers what it is asked, and counts.
struct Counts(Arc<Handled>);

impl Handler for Counts {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let http2 = request.head().version() == Version::Http2;
        let count = if http2 { &self.0.http2 } else { &self.0.http1 };
        count.fetch_add(1, Ordering::Relaxed);
        if request.head().path_and_query() == b"/forever" {
            std::future::pending::<()>().await;
        }
        while request.data().await?.is_some() {}
        Ok(response.respond(200, [("content-type", "text/plain")], b"answer")?)
    }
}

/// How one server has the address of the one before.
enum Address {
    /// A socket of its own on the same port.
    Port(SocketAddr),
    /// The same socket.
    Socket(std::net::TcpListener),
}

impl Address {
    fn socket() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self::Socket(listener)
    }

    fn listen<H: Handler>(&self, server: &Server<H>) -> TcpListener {
        match self {
            Self::Port(address) => server.listen(*address).unwrap(),
            Self::Socket(listener) => TcpListener::from_std(listener.try_clone().unwrap()).unwrap(),
        }
    }
}

struct Running {
    address: SocketAddr,
    stop: Stop,
    handled: Arc<Handled>,
    ends: Arc<Mutex<Vec<&'static str>>>,
    server: JoinHandle<()>,
}

fn start(address: &Address) -> Running {
    start_with(address, h1_proto::Config::default())
}

fn start_with(address: &Address, config: h1_proto::Config) -> Running {
    let (handled, ends) = (Arc::new(Handled::default()), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&ends);
    let mut settings = Settings::default();
    settings.reuse_port = true;
    let server = Server::new(Counts(Arc::clone(&handled)))
        .config(config)
        .settings(settings)
        .on_end(move |ended| seen.lock().unwrap().push(ended.outcome.label()));
    let listener = address.listen(&server);
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let stopping = stop.clone();
    let server = tokio::spawn(async move { server.serve(listener, &stopping).await });
    Running { address, stop, handled, ends, server }
}

impl Running {
    /// Both phases: clients are told while new ones are still taken, and when all have been, it ends.
    async fn leave(self, clients: &[Arc<Tally>]) -> (Arc<Handled>, Vec<&'static str>) {
        let before: Vec<u64> = clients.iter().map(|client| client.told()).collect();
        self.stop.drain_connections();
        let all_told = async {
            while clients.iter().zip(&before).any(|(client, before)| client.told() == *before) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        // Whoever is not has a connection to the next one already.
        let _ =
            tokio::time::timeout(h1_proto::Config::default().keep_alive_timeout, all_told).await;
        self.stop.drain();
        tokio::time::timeout(PATIENCE, self.server).await.expect("it ends").unwrap();
        let ends = self.ends.lock().unwrap().clone();
        (self.handled, ends)
    }
}

fn sum(tallies: &[Arc<Tally>], count: fn(&Tally) -> u64) -> u64 {
    tallies.iter().map(|tally| count(tally)).sum()
}

/// So many replacements while clients of both protocols get so many answers each.
async fn replace(address: Address, replacements: u64, enough: u64) {
    let begin = Instant::now();
    let mut server = start(&address);
    let address = match address {
        Address::Port(_) => Address::Port(server.address),
        socket => socket,
    };
    let (mut tallies, mut clients) = (Vec::new(), Vec::new());
    for index in 0..20 {
        let (address, tally) = (server.address, Arc::new(Tally::default()));
        tallies.push(Arc::clone(&tally));
        clients.push(tokio::spawn(async move {
            match index {
                0..4 => http1(address, &tally, Some(Duration::from_millis(1))).await,
                4..16 => http1(address, &tally, None).await,
                _ => http2(address, &tally).await,
            }
        }));
    }
    let (of_http1, of_http2) = tallies.split_at(16);
    let answered = || [of_http1, of_http2].map(|it| sum(it, Tally::answered));
    let mut gone = Vec::new();
    for count in 1..=replacements + 1 {
        let part = enough * count / (replacements + 1);
        while answered().iter().any(|&answered| answered < part) || !server.handled.both() {
            assert!(begin.elapsed() < PATIENCE, "{tallies:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if count <= replacements {
            let next = start(&address);
            gone.push(std::mem::replace(&mut server, next).leave(&tallies).await);
        }
    }
    for tally in &tallies {
        tally.end();
    }
    for client in clients {
        tokio::time::timeout(PATIENCE, client).await.expect("it ends").unwrap();
    }
    gone.push(server.leave(&[]).await);
    for (protocol, tallies) in [("HTTP/1.1", of_http1), ("HTTP/2", of_http2)] {
        let lost: Vec<_> = tallies.iter().flat_map(|tally| tally.lost()).collect();
        println!(
            "{protocol}: {} answered, {} lost, told {} times, {} reset by the system with no octet of an answer, in {:?}",
            sum(tallies, Tally::answered),
            lost.len(),
            sum(tallies, Tally::told),
            sum(tallies, Tally::cut),
            begin.elapsed(),
        );
        assert_eq!(lost, [""; 0]);
        assert!(sum(tallies, Tally::answered) >= enough);
        if matches!(address, Address::Socket(_)) {
            assert_eq!(sum(tallies, Tally::cut), 0);
        }
    }
    assert_eq!(gone.len() as u64, replacements + 1);
    let of = |count: fn(&Handled) -> &AtomicU64| -> Vec<u64> {
        gone.iter().map(|(handled, _)| count(handled).load(Ordering::Relaxed)).collect()
    };
    for (answered, handled) in answered().into_iter().zip([of(|it| &it.http1), of(|it| &it.http2)])
    {
        assert!(handled.iter().all(|&count| count > 0), "each served some: {handled:?}");
        // What was told not to be processed was not.
        assert_eq!(handled.iter().sum::<u64>(), answered, "{handled:?}");
    }
    for label in gone.iter().flat_map(|(_, ends)| ends) {
        // A client that leaves with an answer in its socket resets it.
        assert!(["closed", "client_closed", "io"].contains(label), "{label}");
    }
}

fn port() -> Address {
    Address::Port("127.0.0.1:0".parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_on_one_port_lose_no_request_but_what_the_system_resets() {
    replace(port(), 10, 20_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_with_one_socket_lose_no_request() {
    replace(Address::socket(), 10, 20_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "so many requests are for an optimized build"]
async fn a_hundred_thousand_requests_to_servers_on_one_port() {
    replace(port(), 10, 100_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "so many requests are for an optimized build"]
async fn a_hundred_thousand_requests_to_servers_with_one_socket() {
    replace(Address::socket(), 10, 100_000).await;
}

/// What a connection says until it ends, or as long as that takes.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut octets = Vec::new();
    let reading = async { while let Ok(1..) = stream.read_buf(&mut octets).await {} };
    tokio::time::timeout(PATIENCE, reading).await.expect("it ends");
    octets
}

/// Its first octets take their time to come.
#[tokio::test]
async fn a_new_connection_is_told_with_its_first_answer_and_not_before() {
    let running = start(&port());
    running.stop.drain_connections();
    let mut http1 = TcpStream::connect(running.address).await.unwrap();
    let mut http2 = TcpStream::connect(running.address).await.unwrap();
    tokio::time::sleep(MOMENT).await;
    http1.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(rest(&mut http1).await).unwrap();
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("answer"), "{answer}");
    http2.write_all(&client_bytes([Frame::settings([]), Frame::get(1, "/")])).await.unwrap();
    let (mut log, mut octets) = (FrameLog::server(), Vec::new());
    let mut text = String::new();
    while !(text.contains("GOAWAY") && text.contains("\"answer\"")) {
        octets.clear();
        assert!(http2.read_buf(&mut octets).await.unwrap() > 0, "{text}");
        log.feed(&octets);
        text = log.to_string();
    }
    drop((http1, http2));
    running.leave(&[]).await;
}

/// Between two requests nobody knows what is on its way.
#[tokio::test]
async fn a_connection_between_two_requests_is_told_with_the_next_answer() {
    let running = start(&port());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut octets = Vec::new();
    while !octets.ends_with(b"answer") {
        stream.read_buf(&mut octets).await.unwrap();
    }
    running.stop.drain_connections();
    tokio::time::sleep(MOMENT).await;
    stream.write_all(request).await.unwrap();
    let answer = String::from_utf8(rest(&mut stream).await).unwrap();
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("answer"), "{answer}");
    drop(stream);
    running.leave(&[]).await;
}

/// They have a connection already as far as they know.
#[tokio::test]
async fn who_waits_to_be_accepted_when_a_server_leaves_is_served() {
    let running = start(&port());
    let mut waiting = Vec::new();
    for _ in 0..10 {
        // The system answers: nobody here had a chance to accept.
        let mut stream = std::net::TcpStream::connect(running.address).unwrap();
        std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        stream.set_nonblocking(true).unwrap();
        waiting.push(TcpStream::from_std(stream).unwrap());
    }
    running.stop.drain();
    for mut stream in waiting {
        let answer = String::from_utf8(rest(&mut stream).await).unwrap();
        assert!(answer.ends_with("answer"), "{answer:?}");
    }
    running.leave(&[]).await;
}

/// A request that never ends.
#[tokio::test]
async fn a_replacement_waits_no_longer_than_its_deadline() {
    let mut config = h1_proto::Config::default();
    config.drain_timeout = 10 * MOMENT;
    let address = Address::socket();
    let running = start_with(&address, config);
    let mut stuck = TcpStream::connect(running.address).await.unwrap();
    stuck.write_all(b"GET /forever HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    while running.handled.http1.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let next = start(&address);
    let (_, ends) = running.leave(&[]).await;
    assert_eq!(ends, ["deadline"]);
    assert_eq!(rest(&mut stuck).await, b"");
    next.leave(&[]).await;
}
