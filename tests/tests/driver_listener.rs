//! A TCP listener of the driver on real sockets: handlers that fail, places, both stop signals,
//! and a lack of descriptors.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver_tokio::{
    ConnectionInfo, Handler, HandlerError, Metrics, Request, Response, Server, Settings, Stop,
};
use h1_proto::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

const TEXT: (&str, &str) = ("content-type", "text/plain");
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(50);

struct Routes;

impl Handler for Routes {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        match request.head().path_and_query() {
            b"/panic" => panic!("on purpose"),
            b"/forever" => std::future::pending().await,
            _ => Ok(response.respond(200, [TEXT], b"ok")?),
        }
    }
}

struct Listening {
    address: SocketAddr,
    stop: Stop,
    outcomes: Arc<Mutex<Vec<&'static str>>>,
    server: JoinHandle<()>,
}

fn listen(settings: Settings) -> Listening {
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&outcomes);
    let server = Server::new(Routes)
        .config(Config::default())
        .settings(settings)
        .on_end(move |ended| seen.lock().unwrap().push(ended.outcome.label()));
    let listener = server.listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let signals = stop.clone();
    let server = tokio::spawn(async move { server.serve(listener, &signals).await });
    Listening { address, stop, outcomes, server }
}

impl Listening {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// One request on a connection of its own.
    fn ask(&self, path: &str) -> String {
        let mut stream = self.connect();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panicking_handler_does_not_end_the_listener() {
    let listening = listen(Settings::default());
    for _ in 0..3 {
        assert!(listening.ask("/panic").starts_with("HTTP/1.1 500 "));
        assert!(listening.ask("/").ends_with("\r\n\r\nok"));
    }
    listening.stop.drain();
    listening.server.await.unwrap();
    assert_eq!(*listening.outcomes.lock().unwrap(), ["closed"; 6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_beyond_the_places_waits_for_one() {
    let mut settings = Settings::small();
    settings.connections_max = 1;
    let listening = listen(settings);
    let mut first = listening.connect();
    first.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut octet = [0];
    first.read_exact(&mut octet).unwrap();
    let mut second = listening.connect();
    second.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let waits = second.read(&mut octet).unwrap_err();
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock, "it has no place yet");
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    drop(first);
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_within_the_places_does_not_wait() {
    let mut settings = Settings::small();
    settings.connections_max = 2;
    let listening = listen(settings);
    let mut first = listening.connect();
    first.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut octet = [0];
    first.read_exact(&mut octet).unwrap();
    assert!(listening.ask("/").ends_with("ok"));
}

/// Each has its row in ARCHITECTURE.md.
#[test]
fn the_defaults_of_the_driver() {
    let settings = Settings::default();
    assert_eq!(settings.protocols, driver_tokio::Protocols::Both);
    assert_eq!(settings.sniff_timeout, Duration::from_secs(5));
    assert_eq!(settings.tls_timeout, Duration::from_secs(5));
    assert_eq!(settings.read_bytes, 16 << 10);
    assert_eq!(settings.connections_max, 16_384);
    assert!(!settings.move_waiting_handlers);
    assert!(!settings.connections_shed && settings.requests_max.is_none());
    assert_eq!(settings.backlog, 128);
    assert_eq!(settings.accept_retry, Duration::from_millis(50));
    assert!(settings.date && settings.tcp_nodelay && !settings.reuse_port);
    assert_eq!(Settings::small().connections_max, 256);
    let text = include_str!("../../ARCHITECTURE.md");
    let debug = format!("{settings:?}");
    let fields = debug.trim_start_matches("Settings {").trim_end_matches('}');
    for field in fields.split(", ").filter_map(|field| field.split(':').next()) {
        assert!(text.contains(&format!("`{}`", field.trim())), "{field} has no row");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drain_refuses_new_connections_and_ends_idle_ones() {
    let listening = listen(Settings::default());
    let mut idle = listening.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut octet = [0];
    idle.read_exact(&mut octet).unwrap();
    listening.stop.drain();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    listening.server.await.unwrap();
    assert!(TcpStream::connect(listening.address).is_err());
    assert_eq!(*listening.outcomes.lock().unwrap(), ["closed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_ends_handlers_that_never_would() {
    let listening = listen(Settings::default());
    let mut stuck = listening.connect();
    stuck
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /forever HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut octet = [0];
    stuck.read_exact(&mut octet).unwrap();
    listening.stop.cancel();
    listening.server.await.unwrap();
    assert_eq!(*listening.outcomes.lock().unwrap(), ["cancelled"]);
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_and_leaves_nothing() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let server = Server::new(Routes);
    assert_eq!(server.listen(address).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    drop(taken);
    server.listen(address).unwrap();
}

#[tokio::test]
async fn a_drain_serves_all_that_wait_in_the_queue_of_the_listener_whatever_its_length() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1024).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let signals = stop.clone();
    // The clients stay.
    let mut config = Config::default();
    config.linger_timeout = Duration::from_millis(50);
    let server = Server::new(Routes).config(config);
    let server = tokio::spawn(async move { server.serve(listener, &signals).await });
    tokio::task::yield_now().await;
    // Far more than `Settings::backlog`; nothing is accepted while this thread is busy.
    let connect = |_| {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        client
    };
    let clients: Vec<_> = (0..300).map(connect).collect();
    stop.drain();
    server.await.unwrap();
    for mut client in clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\nok"), "{answer}");
    }
}

#[tokio::test]
async fn an_end_tells_who_it_was() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::new(Routes).on_end(move |end| {
        let _ = ended.send((end.connection.peer(), end.outcome.label()));
    });
    tokio::spawn(async move { server.serve(listener, &Stop::new()).await });
    for (octets, label) in [(&b"nonsense\r\n"[..], "parse"), (CLIENT_PREFACE, "client_closed")] {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(octets).unwrap();
        let own = client.local_addr().unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(ends.recv().await, Some((Some(own), label)));
    }
}

const CLIENT_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn a_connection_that_somebody_else_accepted_is_known_and_counted() {
    struct Peer;
    impl Handler for Peer {
        async fn handle(
            &self,
            request: &mut Request<'_>,
            response: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            let peer = format!("{:?}", request.connection().peer());
            Ok(response.respond(200, [TEXT], peer.as_bytes())?)
        }
    }
    let peer = "192.0.2.1:80".parse().unwrap();
    let (metrics, ends) = (Arc::new(Metrics::default()), Arc::new(Mutex::new(0)));
    let seen = Arc::clone(&ends);
    let server =
        Server::new(Peer).metrics(Arc::clone(&metrics)).on_end(move |_| *seen.lock().unwrap() += 1);
    let (mut client, io) = tokio::io::duplex(1000);
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    client.shutdown().await.unwrap();
    let info = ConnectionInfo::new(Some(peer), None);
    let ended = server.serve_connection_with(io, info, &Stop::new()).await;
    assert_eq!(ended.connection.peer(), Some(peer));
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("Some(192.0.2.1:80)"), "{answer}");
    assert_eq!((metrics.connections(), metrics.connections_open()), (1, 0));
    assert_eq!((metrics.ended("closed"), *ends.lock().unwrap()), (1, 1));
}
