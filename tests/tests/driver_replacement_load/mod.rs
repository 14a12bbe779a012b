//! Load that tells what became of each request: clients of HTTP/1.1 and HTTP/2 that go on until they are
//! told to end, and leave a connection only when the server says so.

use std::future::poll_fn;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests that a client of HTTP/2 has under way.
const AT_A_TIME: usize = 10;

/// What became of the requests of one client.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    over: AtomicBool,
    answered: AtomicU64,
    /// Connections that the server ended as the protocol says, and requests that it refused to process
    /// and said so.
    told: AtomicU64,
    /// Connections that were reset before their first octet, as the system does with those that wait to be
    /// accepted when their listener closes.
    cut: AtomicU64,
    /// Requests that got no answer although nothing was said.
    lost: Mutex<Vec<String>>,
}

impl Tally {
    /// The clients end with the answers to what they have asked.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    pub(crate) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    pub(crate) fn cut(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }

    pub(crate) fn lost(&self) -> Vec<String> {
        self.lost.lock().unwrap().clone()
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn answer(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn tell(&self) {
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    /// No answer came. `first`: none had come on this connection, nor an octet.
    fn fail(&self, first: bool, kind: Option<ErrorKind>, how: String) {
        if first && matches!(kind, Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)) {
            self.cut.fetch_add(1, Ordering::Relaxed);
        } else {
            self.lose(how);
        }
    }

    fn lose(&self, how: String) {
        self.lost.lock().unwrap().push(how);
    }
}

/// A connection; as long as nobody listens it is tried again.
async fn connect(address: SocketAddr, tally: &Tally) -> TcpStream {
    loop {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).unwrap();
                return stream;
            }
            Err(error) => {
                match error.kind() {
                    ErrorKind::ConnectionRefused => tally.tell(),
                    kind => tally.fail(true, Some(kind), format!("connecting: {error}")),
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// One that keeps its connection alive, and sends content with every second request. `pause`: between
/// an answer and the next request.
pub(crate) async fn http1(address: SocketAddr, tally: &Tally, pause: Option<Duration>) {
    let requests = [
        "GET /get HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        format!(
            "POST /post HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{}",
            "x".repeat(1000)
        ),
    ];
    let mut requests = requests.iter().cycle();
    while !tally.is_over() {
        let mut stream = connect(address, tally).await;
        let mut asked = 0;
        while !tally.is_over() {
            let request = requests.next().unwrap();
            asked += 1;
            match exchange(&mut stream, request.as_bytes()).await {
                Ok(Kept::Open) => tally.answer(),
                Ok(Kept::Closes) => {
                    tally.answer();
                    tally.tell();
                    break;
                }
                Err((octets, error)) => {
                    let how = format!("HTTP/1.1, request {asked}: {error} after {octets} octets");
                    tally.fail(asked == 1 && octets == 0, Some(error.kind()), how);
                    break;
                }
            }
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
                if stream.try_read(&mut [0]).is_ok_and(|octets| octets == 0) {
                    tally.tell();
                    break;
                }
            }
        }
    }
}

enum Kept {
    Open,
    Closes,
}

/// A request and its whole answer, or how many octets of that came.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<Kept, (usize, Error)> {
    stream.write_all(request).await.map_err(|error| (0, error))?;
    let (mut answer, mut end) = (Vec::new(), usize::MAX);
    let mut kept = Kept::Open;
    while answer.len() < end {
        let read = stream.read_buf(&mut answer).await;
        let octets = read.map_err(|error| (answer.len(), error))?;
        if octets == 0 {
            return Err((answer.len(), ErrorKind::UnexpectedEof.into()));
        }
        let Some(head) = answer.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&answer[..head]).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        end = head + 4 + length.expect("a length").parse::<usize>().unwrap();
        if text.lines().any(|line| line == "connection: close") {
            kept = Kept::Closes;
        }
    }
    assert_eq!(answer.len(), end, "more than was asked for");
    Ok(kept)
}

/// One that has several requests under way, by the crate h2.
pub(crate) async fn http2(address: SocketAddr, tally: &Tally) {
    while !tally.is_over() {
        let stream = connect(address, tally).await;
        let (mut sender, connection) = match h2::client::handshake(stream).await {
            Ok(made) => made,
            Err(error) => {
                tally.fail(true, kind(&error), format!("HTTP/2, its preface: {error}"));
                continue;
            }
        };
        let connection = tokio::spawn(connection);
        let mut under_way = FuturesUnordered::new();
        let (mut leaves, mut first) = (false, true);
        loop {
            while !leaves && !tally.is_over() && under_way.len() < AT_A_TIME {
                // What is refused here was not sent.
                let ready = poll_fn(|cx| sender.poll_ready(cx)).await;
                let request = http::Request::get("http://a/get").body(()).unwrap();
                match ready.and_then(|()| sender.send_request(request, true)) {
                    Ok((answer, _)) => under_way.push(whole(answer)),
                    Err(_) => {
                        tally.tell();
                        leaves = true;
                    }
                }
            }
            match under_way.next().await {
                Some(Ok(())) => {
                    tally.answer();
                    first = false;
                }
                Some(Err(error)) if was_refused(&error) => tally.tell(),
                Some(Err(error)) => {
                    tally.fail(first, kind(&error), format!("HTTP/2: {error}"));
                    leaves = true;
                }
                None => break,
            }
        }
        drop((sender, under_way));
        let _ = connection.await;
    }
}

async fn whole(answer: h2::client::ResponseFuture) -> Result<(), h2::Error> {
    let answer = answer.await?;
    assert_eq!(answer.status(), 200);
    let mut content = answer.into_body();
    let mut octets = Vec::new();
    while let Some(data) = content.data().await {
        let data: Bytes = data?;
        octets.extend_from_slice(&data);
        content.flow_control().release_capacity(data.len())?;
    }
    assert_eq!(octets, b"answer");
    Ok(())
}

/// The server said that it did not process it: a GOAWAY with a lower stream, or REFUSED_STREAM.
fn was_refused(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
}

fn kind(error: &h2::Error) -> Option<ErrorKind> {
    error.get_io().map(Error::kind)
}
