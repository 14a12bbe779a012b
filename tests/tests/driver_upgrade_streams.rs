//! What is handed over after an upgrade or a CONNECT, octet by octet and frame by frame: input that came
//! early, half-closing, resets, back-pressure, drains, and who is told what if nothing is handed over.

mod driver_h2_client;

use std::io::ErrorKind;
use std::time::Duration;

use driver_h2_client::{Client, Running, Setup, TEXT, by, path};
use driver_tokio::{
    BodyLength, Ended, Gone, Handler, HandlerError, OnUpgrade, Outcome, Server, Stop, Upgraded,
};
use h2_proto::ErrorCode;
use h2_proto::testing::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Waiting = mpsc::UnboundedReceiver<OnUpgrade>;

const WINDOW: usize = 65_535;

/// Asks for the stream of each request, and answers as its path says; without one: 200.
fn handler() -> (impl Handler, Waiting) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let handler = by(move |request, response| {
        let sender = sender.clone();
        Box::pin(async move {
            let path = path(request);
            match path.as_str() {
                "/unasked" => {}
                "/dropped" | "/gone" => drop(request.on_upgrade()),
                _ => sender.send(request.on_upgrade()).unwrap(),
            }
            match path.as_str() {
                "/twice" | "/switch/twice" => sender.send(request.on_upgrade()).unwrap(),
                "/slow" => std::future::pending().await,
                "/panic" => panic!("as it was asked to"),
                _ => {}
            }
            match path.as_str() {
                "/forbidden" => response.respond(403, [TEXT], b"no")?,
                "/switch" | "/switch/twice" | "/unasked" | "/dropped" => {
                    response.send_response(101, [("upgrade", "x")], BodyLength::None)?;
                }
                "/content" => response.respond(200, [TEXT], b"nobody gets this")?,
                "/reads" => response.send_response(200, [TEXT], BodyLength::Unknown)?,
                _ => response.send_response(200, [TEXT], BodyLength::None)?,
            }
            match path.as_str() {
                "/late" => sender.send(request.on_upgrade()).unwrap(),
                "/reads" => assert_eq!(request.data().await, Err(Gone::Answered)),
                "/fails" => return Err(HandlerError::Application("as it was asked to".into())),
                _ => {}
            }
            Ok(())
        })
    });
    (handler, receiver)
}

/// A connection of HTTP/2, and those who wait for its streams.
struct Tunnels {
    running: Running,
    waiting: Waiting,
}

impl Tunnels {
    async fn new(setup: Setup) -> Self {
        let (handler, waiting) = handler();
        let mut running = setup.run(handler).await;
        // The server's SETTINGS allow what is asked for.
        running.client.settle().await;
        Self { running, waiting }
    }

    fn client(&mut self) -> &mut Client<DuplexStream> {
        &mut self.running.client
    }

    /// Asks for a stream: what its handler is told.
    async fn ask(&mut self, stream: u32, path: &str) -> Result<Upgraded, Gone> {
        self.client().send([connect(stream, path)]).await;
        self.waiting.recv().await.unwrap().await
    }

    async fn open(&mut self, stream: u32) -> Upgraded {
        let upgraded = self.ask(stream, "/").await.unwrap();
        self.client().settle().await;
        let answer = self.client().so_far(stream);
        let length = answer.field("content-length");
        assert_eq!((answer.status, answer.ended, length), (200, false, None));
        upgraded
    }
}

fn connect(stream: u32, path: &str) -> Frame {
    Frame::headers(
        stream,
        [
            (":method", "CONNECT"),
            (":protocol", "x"),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", path),
        ],
    )
}

async fn open() -> (Tunnels, Upgraded) {
    let mut tunnels = Tunnels::new(Setup::default()).await;
    let upgraded = tunnels.open(1).await;
    (tunnels, upgraded)
}

async fn read(upgraded: &mut Upgraded, octets: usize) -> Vec<u8> {
    let mut got = vec![0; octets];
    upgraded.read_exact(&mut got).await.unwrap();
    got
}

#[tokio::test(start_paused = true)]
async fn octets_that_come_before_the_answer_belong_to_the_tunnel() {
    let mut tunnels = Tunnels::new(Setup::default()).await;
    tunnels.client().send([connect(1, "/"), Frame::data(1, "early")]).await;
    let mut upgraded = tunnels.waiting.recv().await.unwrap().await.unwrap();
    assert_eq!(read(&mut upgraded, 2).await, b"ea");
    assert_eq!(read(&mut upgraded, 3).await, b"rly");
    let (mut io, input) = upgraded.into_parts();
    assert_eq!(input, b"");
    io.write_all(b"answer").await.unwrap();
    tunnels.client().until(|it| it.so_far(1).content == b"answer").await;
}

#[tokio::test(start_paused = true)]
async fn each_side_of_a_tunnel_ends_by_itself() {
    // The client first.
    let (mut tunnels, mut upgraded) = open().await;
    tunnels.client().send([Frame::data(1, "last").end_stream()]).await;
    assert_eq!(read(&mut upgraded, 4).await, b"last");
    assert_eq!(upgraded.read(&mut [0; 9]).await.unwrap(), 0);
    upgraded.write_all(b"still here").await.unwrap();
    upgraded.shutdown().await.unwrap();
    assert_eq!(upgraded.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    let answer = tunnels.client().answer(1).await;
    assert_eq!((answer.text(), answer.ended), ("still here", true));
    drop(upgraded);
    tunnels.client().settle().await;
    assert_eq!(tunnels.client().so_far(1).reset, None);
    // The server first.
    let mut upgraded = tunnels.open(3).await;
    upgraded.write_all(b"bye").await.unwrap();
    upgraded.shutdown().await.unwrap();
    assert_eq!(tunnels.client().answer(3).await.text(), "bye");
    tunnels.client().send([Frame::data(3, "as you "), Frame::data(3, "like").end_stream()]).await;
    let mut rest = String::new();
    upgraded.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "as you like");
    drop(upgraded);
    tunnels.client().settle().await;
    assert_eq!(tunnels.client().so_far(3).reset, None);
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_that_is_dropped_ends_and_takes_no_more() {
    let (mut tunnels, mut upgraded) = open().await;
    upgraded.write_all(b"bye").await.unwrap();
    drop(upgraded);
    tunnels.client().settle().await;
    let answer = tunnels.client().so_far(1);
    assert_eq!((answer.text(), answer.ended), ("bye", true));
    assert_eq!(answer.reset, Some(ErrorCode::NO_ERROR));
    // Whoever asked does not wait any more.
    tunnels.client().send([connect(3, "/gone")]).await;
    assert!(tunnels.client().answer(3).await.ended);
}

/// A tunnel keeps its stream's place, however long its handler is done.
#[tokio::test(start_paused = true)]
async fn a_tunnel_keeps_its_place() {
    let setup = Setup::with(|setup| setup.config.streams_max = 1);
    let mut tunnels = Tunnels::new(setup).await;
    let upgraded = tunnels.open(1).await;
    tunnels.client().send([connect(3, "/")]).await;
    assert_eq!(tunnels.client().answer(3).await.reset, Some(ErrorCode::REFUSED_STREAM));
    drop(upgraded);
    tunnels.client().settle().await;
    tunnels.open(5).await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_an_error_of_reading_and_writing() {
    let (mut tunnels, upgraded) = open().await;
    tunnels.client().grants = false;
    let (mut reads, mut writes) = tokio::io::split(upgraded);
    let reading = tokio::spawn(async move { reads.read(&mut [0; 9]).await });
    // More than the window: it waits.
    let writing = tokio::spawn(async move { writes.write_all(&[0; WINDOW + 1000]).await });
    tunnels.client().settle().await;
    assert!(!reading.is_finished() && !writing.is_finished());
    tunnels.client().send([Frame::rst_stream(1, ErrorCode::CANCEL)]).await;
    for error in [reading.await.unwrap().unwrap_err(), writing.await.unwrap().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let gone = error.get_ref().unwrap().downcast_ref::<Gone>();
        assert_eq!(gone, Some(&Gone::Reset(ErrorCode::CANCEL)));
    }
    assert_eq!(tunnels.ask(3, "/forbidden").await.unwrap_err(), Gone::NotUpgraded);
    assert_eq!(tunnels.client().answer(3).await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_the_windows_of_the_client() {
    let (mut tunnels, mut upgraded) = open().await;
    tunnels.client().grants = false;
    let content: Vec<u8> = (0..200_000u32).map(|at| (at >> 4) as u8).collect();
    let sent = content.clone();
    let writing = tokio::spawn(async move {
        upgraded.write_all(&sent).await.unwrap();
        upgraded.shutdown().await.unwrap();
        upgraded
    });
    tunnels.client().settle().await;
    assert_eq!(tunnels.client().so_far(1).octets, WINDOW);
    for octets in [1, 1000, 50_000] {
        let before = tunnels.client().so_far(1).octets;
        tunnels.client().send([1, 0].map(|stream| Frame::window_update(stream, octets))).await;
        tunnels.client().settle().await;
        assert_eq!(tunnels.client().so_far(1).octets, before + octets as usize);
        assert!(!writing.is_finished());
    }
    tunnels.client().send([1, 0].map(|stream| Frame::window_update(stream, 1 << 20))).await;
    drop(writing.await.unwrap());
    assert!(tunnels.client().answer(1).await.content == content);
}

/// No more is taken in than one window, whatever the pieces that are read.
#[tokio::test(start_paused = true)]
async fn a_reader_holds_the_client_back() {
    let window = Setup::default().config.stream_window_bytes as usize;
    let (mut tunnels, mut upgraded) = open().await;
    assert_eq!(tunnels.client().upload(1, 10 * window).await, window);
    let mut all = 0;
    for piece in [1, window - 1, window] {
        // Credit comes back when the reader has read it all and asks for more.
        let upload = tunnels.client().upload(1, 10 * window);
        let (got, sent) = tokio::join!(read(&mut upgraded, piece), upload);
        all += got.len();
        assert!(sent <= all + window, "{sent} octets are out, {all} are read");
    }
    let rest = tokio::spawn(async move {
        let mut rest = Vec::new();
        upgraded.read_to_end(&mut rest).await.unwrap();
        rest.len()
    });
    assert_eq!(tunnels.client().upload(1, 10 * window).await, 10 * window);
    assert_eq!(all + rest.await.unwrap(), 10 * window);
}

#[tokio::test(start_paused = true)]
async fn a_paused_tunnel_holds_no_other_stream_back() {
    let window = Setup::default().config.stream_window_bytes as usize;
    let (mut tunnels, mut paused) = open().await;
    assert_eq!(tunnels.client().upload(1, 10 * window).await, window);
    let mut other = tunnels.open(3).await;
    for turn in 1..=3 {
        tunnels.client().send([Frame::data(3, "ping")]).await;
        let got = read(&mut other, 4).await;
        other.write_all(&got).await.unwrap();
        tunnels.client().until(|it| it.so_far(3).octets == 4 * turn).await;
    }
    tunnels.client().send([Frame::get(5, "/forbidden")]).await;
    assert_eq!(tunnels.client().answer(5).await.status, 403);
    assert_eq!(tunnels.client().credit(1), 0);
    assert_eq!(read(&mut paused, window).await.len(), window);
}

#[tokio::test(start_paused = true)]
async fn whoever_gets_no_stream_is_told_why() {
    let mut tunnels = Tunnels::new(Setup::default()).await;
    for (stream, path) in [(1, "/forbidden"), (3, "/panic")] {
        assert_eq!(tunnels.ask(stream, path).await.unwrap_err(), Gone::NotUpgraded, "{path}");
    }
    assert_eq!(tunnels.client().answer(3).await.status, 500);
    // No CONNECT.
    tunnels.client().send([Frame::get(5, "/")]).await;
    let refused = tunnels.waiting.recv().await.unwrap().await.unwrap_err();
    assert_eq!(refused, Gone::NotUpgraded);
    assert!(tunnels.client().answer(5).await.ended);
    // Twice, and too late.
    for (stream, path) in [(7, "/twice"), (9, "/late")] {
        let upgraded = tunnels.ask(stream, path).await.unwrap();
        let second = tunnels.waiting.recv().await.unwrap().await.unwrap_err();
        assert_eq!(second, Gone::NotUpgraded);
        drop(upgraded);
    }
    // A reset, and the end of the connection.
    tunnels.client().send([connect(11, "/slow"), connect(13, "/slow")]).await;
    let first = tunnels.waiting.recv().await.unwrap();
    let second = tunnels.waiting.recv().await.unwrap();
    tunnels.client().send([Frame::rst_stream(11, ErrorCode::CANCEL)]).await;
    assert_eq!(first.await.unwrap_err(), Gone::Reset(ErrorCode::CANCEL));
    drop(tunnels.running.client);
    assert_eq!(second.await.unwrap_err(), Gone::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_handler_has_no_more_to_do_with_its_tunnel() {
    let mut tunnels = Tunnels::new(Setup::default()).await;
    // Content of the answer is none of the tunnel's (RFC 9110 §9.3.6).
    let mut upgraded = tunnels.ask(1, "/content").await.unwrap();
    upgraded.write_all(b"of the tunnel").await.unwrap();
    upgraded.shutdown().await.unwrap();
    let answer = tunnels.client().answer(1).await;
    assert_eq!((answer.text(), answer.field("content-length")), ("of the tunnel", None));
    // What comes is the tunnel's.
    let mut upgraded = tunnels.ask(3, "/reads").await.unwrap();
    tunnels.client().send([Frame::data(3, "hello")]).await;
    assert_eq!(read(&mut upgraded, 5).await, b"hello");
    // One that fails takes it along.
    let mut upgraded = tunnels.ask(5, "/fails").await.unwrap();
    let error = upgraded.read(&mut [0; 9]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(tunnels.client().answer(5).await.reset, Some(ErrorCode::INTERNAL_ERROR));
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_tunnels_until_its_deadline() {
    let (mut tunnels, mut upgraded) = open().await;
    let limit = Setup::default().config.drain_timeout;
    tunnels.running.stop.drain();
    // Both GOAWAYs.
    tunnels.client().settle().await;
    tokio::time::sleep(limit / 2).await;
    tunnels.client().send([Frame::data(1, "ping")]).await;
    let got = read(&mut upgraded, 4).await;
    upgraded.write_all(&got).await.unwrap();
    tunnels.client().until(|it| it.so_far(1).content == b"ping").await;
    let began = tokio::time::Instant::now();
    let error = upgraded.read(&mut [0; 9]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    // The connection reads on for a moment, so that its last GOAWAY arrives.
    let waited = began.elapsed();
    assert!(waited <= limit / 2 + Duration::from_secs(3), "{waited:?}");
    assert!(upgraded.write_all(b"x").await.is_err() && upgraded.flush().await.is_err());
    let outcome = tunnels.running.end().await.1;
    assert_eq!(outcome.label(), "deadline");
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_and_a_client_that_vanishes_end_tunnels() {
    for cancels in [true, false] {
        let (tunnels, mut upgraded) = open().await;
        let Running { client, server, stop } = tunnels.running;
        if cancels {
            stop.cancel();
        } else {
            drop(client);
        }
        let error = upgraded.read(&mut [0; 9]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        let label = server.await.unwrap().outcome.label();
        assert_eq!(label, if cancels { "cancelled" } else { "client_closed" });
    }
}

// HTTP/1.1

const UPGRADE: &str = "host: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";

struct Http1 {
    client: DuplexStream,
    waiting: Waiting,
    stop: Stop,
    server: JoinHandle<Ended>,
}

impl Http1 {
    fn new() -> Self {
        let (handler, waiting) = handler();
        let (client, io) = duplex(64 << 10);
        let stop = Stop::new();
        let signals = stop.clone();
        let server =
            tokio::spawn(async move { Server::new(handler).serve_connection(io, &signals).await });
        Self { client, waiting, stop, server }
    }

    /// What the handler of this request is told.
    async fn ask(&mut self, request: &str) -> Result<Upgraded, Gone> {
        self.client.write_all(request.as_bytes()).await.unwrap();
        self.waiting.recv().await.unwrap().await
    }

    async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") && !answer.ends_with(b"no") {
            assert!(self.client.read_buf(&mut answer).await.unwrap() > 0);
        }
        String::from_utf8(answer).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn the_transport_of_http1_comes_with_what_was_read() {
    let all = [
        (format!("GET /switch HTTP/1.1\r\n{UPGRADE}early"), "HTTP/1.1 101 "),
        ("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\nearly".to_owned(), "HTTP/1.1 200 "),
    ];
    for (request, status) in all {
        let mut http1 = Http1::new();
        let mut upgraded = http1.ask(&request).await.unwrap();
        let answer = http1.answer().await;
        assert!(answer.starts_with(status) && !answer.contains("length"), "{answer}");
        assert_eq!(read(&mut upgraded, 2).await, b"ea");
        http1.client.write_all(b" and late").await.unwrap();
        http1.client.shutdown().await.unwrap();
        let mut rest = String::new();
        upgraded.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "rly and late");
        // The other half is still open.
        upgraded.write_all(b"bye").await.unwrap();
        drop(upgraded);
        let mut rest = String::new();
        http1.client.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "bye");
        let ended = http1.server.await.unwrap();
        assert!(matches!(ended.outcome, Outcome::Upgraded) && ended.upgraded.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_of_the_input_is_not_given_again() {
    let mut http1 = Http1::new();
    let request = format!("GET /switch HTTP/1.1\r\n{UPGRADE}early");
    let mut upgraded = http1.ask(&request).await.unwrap();
    assert_eq!(read(&mut upgraded, 2).await, b"ea");
    let (mut io, input) = upgraded.into_parts();
    assert_eq!(input, b"rly");
    http1.client.write_all(b"next").await.unwrap();
    let mut next = [0; 4];
    io.read_exact(&mut next).await.unwrap();
    assert_eq!(&next, b"next");
}

#[tokio::test(start_paused = true)]
async fn the_transport_of_http1_that_nobody_takes_comes_with_the_end() {
    // Nobody asked; somebody did, and does not wait any more.
    for path in ["/unasked", "/dropped"] {
        let mut http1 = Http1::new();
        let request = format!("GET {path} HTTP/1.1\r\n{UPGRADE}early");
        http1.client.write_all(request.as_bytes()).await.unwrap();
        let ended = http1.server.await.unwrap();
        assert_eq!(read(&mut ended.upgraded.unwrap(), 5).await, b"early", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_gets_no_transport_is_told_why() {
    let mut http1 = Http1::new();
    let forbidden = format!("GET /forbidden HTTP/1.1\r\n{UPGRADE}");
    assert_eq!(http1.ask(&forbidden).await.unwrap_err(), Gone::NotUpgraded);
    assert!(http1.answer().await.starts_with("HTTP/1.1 403 "));
    // A next request is here already.
    http1.client.write_all(forbidden.repeat(2).as_bytes()).await.unwrap();
    for _ in 0..2 {
        let refused = http1.waiting.recv().await.unwrap().await.unwrap_err();
        assert_eq!(refused, Gone::NotUpgraded);
    }
    // It closes behind its answer.
    let closing = format!("GET /forbidden HTTP/1.1\r\nconnection: close\r\n{UPGRADE}");
    assert_eq!(http1.ask(&closing).await.unwrap_err(), Gone::NotUpgraded);
    assert_eq!(http1.server.await.unwrap().outcome.label(), "closed");
    // Twice.
    let mut http1 = Http1::new();
    let upgraded = http1.ask(&format!("GET /switch/twice HTTP/1.1\r\n{UPGRADE}")).await;
    assert_eq!(http1.waiting.recv().await.unwrap().await.unwrap_err(), Gone::NotUpgraded);
    drop(upgraded.unwrap());
    // The connection ends before the answer.
    let mut http1 = Http1::new();
    http1.client.write_all(format!("GET /slow HTTP/1.1\r\n{UPGRADE}").as_bytes()).await.unwrap();
    let waiting = http1.waiting.recv().await.unwrap();
    http1.stop.cancel();
    assert_eq!(waiting.await.unwrap_err(), Gone::Closed);
}
