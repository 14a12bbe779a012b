//! What a server lets be seen: spans and events of `tracing`, the outcome of each connection, counters, and how
//! long requests have waited.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driver_tokio::{
    Handler, HandlerError, Metrics, Outcome, Request, Response, Server, Settings, Stop,
};
use h2_proto::testing::{Frame, FrameLog, client_bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

#[path = "driver_seeing_recorder/mod.rs"]
mod recorder;

use recorder::Recorder;

const TEXT: (&str, &str) = ("content-type", "text/plain");

/// Says something about each request, in the middle of it.
struct Says;

impl Handler for Says {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        // Whatever comes in between.
        tokio::task::yield_now().await;
        match request.head().path_and_query() {
            b"/fail" => return Err(HandlerError::Application("on purpose".into())),
            b"/panic" => panic!("on purpose"),
            b"/waited" => {
                tokio::time::sleep(Duration::from_millis(30)).await;
                let waited = request.waited().as_millis().to_string();
                return Ok(response.respond(200, [TEXT], waited.as_bytes())?);
            }
            _ => {}
        }
        tracing::info!("a word of the handler's");
        Ok(response.respond(200, [TEXT], b"done")?)
    }
}

struct Running {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    outcomes: Arc<Mutex<Vec<String>>>,
    stop: Stop,
    server: JoinHandle<()>,
}

async fn run(change: impl FnOnce(&mut Settings)) -> Running {
    let (stop, metrics, outcomes) = (Stop::new(), Arc::default(), Arc::<Mutex<Vec<_>>>::default());
    let mut settings = Settings::default();
    change(&mut settings);
    let seen = Arc::clone(&outcomes);
    let server = Server::new(Says)
        .settings(settings)
        .metrics(Arc::clone(&metrics))
        .on_end(move |ended| seen.lock().unwrap().push(ended.outcome.to_string()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stopping = stop.clone();
    let server = tokio::spawn(async move { server.serve(listener, &stopping).await });
    Running { address, metrics, outcomes, stop, server }
}

impl Running {
    /// What is answered to these octets, and where they came from.
    async fn h1(&self, octets: &str) -> (String, SocketAddr) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let peer = stream.local_addr().unwrap();
        stream.write_all(octets.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        (answer, peer)
    }

    async fn get(&self, path: &str) -> (String, SocketAddr) {
        self.h1(&format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await
    }

    /// Requests of one connection of HTTP/2, until so many are answered.
    async fn h2(&self, paths: &[&str]) -> SocketAddr {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let gets = paths.iter().zip(0..).map(|(path, index)| Frame::get(2 * index + 1, path));
        let frames = [Frame::settings([])].into_iter().chain(gets);
        stream.write_all(&client_bytes(frames)).await.unwrap();
        let (mut log, mut buffer) = (FrameLog::server(), [0; 4096]);
        while log.to_string().matches(":status: ").count() < paths.len() {
            let octets = stream.read(&mut buffer).await.unwrap();
            assert!(octets > 0, "{log}");
            log.feed(&buffer[..octets]);
        }
        stream.local_addr().unwrap()
    }

    /// Ends it, and how connections ended.
    async fn end(self) -> Vec<String> {
        self.stop.drain();
        self.server.await.unwrap();
        self.outcomes.lock().unwrap().clone()
    }
}

/// One after the other: which spans are wanted is known for the process, and looked up anew whenever somebody
/// begins or ceases to listen.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn a_request_has_a_span_within_that_of_its_connection() {
    let _alone = ALONE.lock().await;
    let recorder = Recorder::default();
    let _seen = recorder.listen();
    let running = run(|_| {}).await;
    let (answer, peer) = running.h1("OPTIONS /a%20b?c=d HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("done"), "{answer}");
    let other = running.h2(&["/e"]).await;
    running.end().await;
    assert_eq!(
        recorder.lines("a word of the handler's"),
        [
            format!(
                "INFO driver_seeing a word of the handler's in connection{{peer=Some({peer})}} \
                 in request{{method=OPTIONS path=/a%20b?c=d version=HTTP/1.0}}"
            ),
            format!(
                "INFO driver_seeing a word of the handler's in connection{{peer=Some({other})}} \
                 in request{{method=GET path=/e version=HTTP/2}}"
            ),
        ],
    );
    let spans = recorder.spans();
    assert!(spans.iter().all(|it| it.starts_with("DEBUG driver_tokio::")), "{spans:?}");
    assert_eq!(spans.len(), 4, "{spans:?}");
    assert!(recorder.all_left(), "no span stays open, or entered");
}

/// What one handler does between its steps is not done in the span of another.
#[tokio::test]
async fn requests_of_one_connection_do_not_mix_their_spans() {
    let _alone = ALONE.lock().await;
    for moved in [false, true] {
        let recorder = Recorder::default();
        let _seen = recorder.listen();
        let running = run(|settings| settings.move_waiting_handlers = moved).await;
        let peer = running.h2(&["/0", "/1", "/2"]).await;
        running.end().await;
        let mut lines = recorder.lines("a word of the handler's");
        lines.sort();
        let expected = [0, 1, 2].map(|path| {
            format!(
                "INFO driver_seeing a word of the handler's in connection{{peer=Some({peer})}} \
                 in request{{method=GET path=/{path} version=HTTP/2}}"
            )
        });
        assert_eq!(lines, expected, "moved to tasks of their own: {moved}");
        assert!(recorder.all_left());
    }
}

#[tokio::test]
async fn a_handler_that_fails_is_an_error_and_counted() {
    let _alone = ALONE.lock().await;
    let recorder = Recorder::default();
    let _seen = recorder.listen();
    let running = run(|_| {}).await;
    let (answer, _) = running.get("/fail").await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    running.h2(&["/fail"]).await;
    assert_eq!(running.metrics.requests_failed(), 2);
    assert_eq!(running.metrics.requests_open(), 0);
    let (answer, _) = running.get("/panic").await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    running.h2(&["/panic"]).await;
    assert_eq!(running.metrics.requests_failed(), 4);
    assert_eq!(running.metrics.requests_open(), 0);
    running.end().await;
    let lines = recorder.lines("a handler failed");
    let whys = ["on purpose", "on purpose", "the handler panicked", "the handler panicked"];
    assert_eq!(lines.len(), whys.len(), "{lines:?}");
    for (line, why) in lines.iter().zip(whys) {
        assert!(line.starts_with("ERROR driver_tokio::"), "{line}");
        assert!(line.contains(&format!(" error={why} ")), "{line}");
        assert!(line.contains(" in connection{peer=Some(127.0.0.1:"), "{line}");
    }
}

#[tokio::test]
async fn the_end_of_a_connection_is_told_to_all_alike() {
    let _alone = ALONE.lock().await;
    let recorder = Recorder::default();
    let _seen = recorder.listen();
    let running = run(|_| {}).await;
    running.get("/").await;
    running.h1("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await;
    drop(TcpStream::connect(running.address).await.unwrap());
    running.h2(&["/"]).await;
    let metrics = Arc::clone(&running.metrics);
    while metrics.connections_open() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut outcomes = running.end().await;
    let mut lines = recorder.lines("a connection ended");
    for line in &mut lines {
        let text = line.strip_prefix("DEBUG driver_tokio::connection a connection ended outcome=");
        *line = text.unwrap().split(" in connection{peer=Some(").next().unwrap().to_owned();
    }
    assert_eq!(lines, outcomes);
    outcomes.sort();
    let broken = "parse: a request has more than one Host at octet 31 in field `host` (RFC 9112 §3.2; answer 400)";
    assert_eq!(outcomes, ["client_closed", "client_closed", "closed", broken]);
    let counted = Outcome::LABELS.map(|label| (label, metrics.ended(label)));
    let counted: Vec<_> = counted.into_iter().filter(|it| it.1 > 0).collect();
    assert_eq!(counted, [("closed", 1), ("client_closed", 2), ("parse", 1)]);
}

/// The text format, version 0.0.4: each family is explained and announced once, before its samples, and a sample is
/// a name, labels and a number.
#[tokio::test]
async fn counters_are_what_prometheus_reads() {
    let _alone = ALONE.lock().await;
    let running = run(|_| {}).await;
    running.get("/").await;
    let text = running.metrics.to_string();
    assert!(text.ends_with('\n'));
    let is_name = |it: &str| it.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_');
    let (mut families, mut samples, mut explained) = (Vec::new(), Vec::new(), None);
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            explained = help.split_once(' ').map(|(name, _)| name);
            continue;
        }
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            assert!(is_name(name) && !families.contains(&name), "{line}");
            assert_eq!(kind, if name.ends_with("_total") { "counter" } else { "gauge" }, "{line}");
            assert_eq!(explained, Some(name), "{line}");
            families.push(name);
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = sample.split_once('{').unwrap_or((sample, "outcome=\"none\"}"));
        assert_eq!(families.last(), Some(&name), "{line}");
        let label = labels.strip_prefix("outcome=\"").and_then(|it| it.strip_suffix("\"}"));
        assert!(label.is_some_and(is_name), "{line}");
        value.parse::<u64>().unwrap();
        assert!(!samples.contains(&sample), "{line}");
        samples.push(sample);
    }
    assert_eq!((families.len(), samples.len()), (8, 7 + Outcome::LABELS.len()));
    running.end().await;
}

#[tokio::test]
async fn a_native_handler_knows_how_long_its_request_has_waited() {
    let _alone = ALONE.lock().await;
    let running = run(|_| {}).await;
    let (answer, _) = running.get("/waited").await;
    let (_, waited) = answer.split_once("\r\n\r\n").unwrap();
    assert!((30..10_000).contains(&waited.parse::<u32>().unwrap()), "{answer}");
    running.end().await;
}

/// The time is that of the first octet, however long the rest of the head takes.
#[tokio::test]
async fn a_stamp_is_of_the_first_octet_in_both_protocols() {
    let _alone = ALONE.lock().await;
    use driver_tokio::tower::{SUBMITTED_AT, SUBMITTED_AT_CLIENT, Stamped};
    async fn seen(request: axum::extract::Request) -> String {
        let all = |name| request.headers().get_all(name).iter().map(|it| it.to_str().unwrap());
        let all = |name| all(name).collect::<Vec<_>>().join(",");
        format!("<{} {}>", all(&SUBMITTED_AT), all(&SUBMITTED_AT_CLIENT))
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Stamped(axum::Router::new().fallback(seen));
    tokio::spawn(async move { driver_tokio::serve(listener, app).await });
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();

    let get = Frame::get(1, "/").fields([("x-weft-submitted-at", "5")]);
    let h2 = client_bytes([Frame::settings([]), get]);
    let h1 = b"GET / HTTP/1.1\r\nhost: a\r\nX-Weft-Submitted-At: 5\r\n\r\n".to_vec();
    // The last octets come late.
    for (octets, cut) in [(h1, 10), (h2.clone(), h2.len() - 4)] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let before = now();
        stream.write_all(&octets[..cut]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let late = now();
        stream.write_all(&octets[cut..]).await.unwrap();
        let (mut answer, mut buffer) = (String::new(), [0; 4096]);
        while !answer.contains('>') {
            let octets = stream.read(&mut buffer).await.unwrap();
            assert!(octets > 0, "{answer}");
            answer.push_str(&String::from_utf8_lossy(&buffer[..octets]));
        }
        let stamps = answer.split_once('<').unwrap().1.split_once('>').unwrap().0;
        let (stamp, claimed) = stamps.split_once(' ').unwrap();
        assert_eq!(claimed, "5");
        // Both clocks are looked at one after the other, in whole milliseconds.
        let stamp: u128 = stamp.parse().unwrap();
        assert!((before - 5..late).contains(&stamp), "{before} {stamp} {late}");
    }
}
