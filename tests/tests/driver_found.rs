//! What went wrong once in the driver, so that it does not again.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use driver_tokio::BodyLength;
use driver_tokio::{
    Ended, Gone, Handler, HandlerError, Io, Outcome, Request, Response, Server, Settings, Stop,
};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, DuplexStream, ReadBuf, duplex,
};
use tokio::task::JoinHandle;

const TEXT: (&str, &str) = ("content-type", "text/plain");
const SECOND: Duration = Duration::from_secs(1);

/// Counts what is alive.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The tests that count memory run while no other does.
static ALONE: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

#[derive(Clone, Default)]
struct Routes {
    seen: Arc<Mutex<Vec<String>>>,
}

impl Routes {
    fn see(&self, what: impl Into<String>) {
        self.seen.lock().unwrap().push(what.into());
    }
}

impl Handler for Routes {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let path = String::from_utf8_lossy(request.head().path_and_query()).into_owned();
        self.see(&*path);
        match path.as_str() {
            "/early-drain" => {
                request.data().await?;
                response.respond(200, [TEXT], b"early")?;
                self.see(format!("{:?}", request.data().await));
            }
            "/early-skip" => {
                request.data().await?;
                response.respond(200, [TEXT], b"early")?;
                self.see(format!("{}", request.skip_ready()));
            }
            "/first" => {
                request.data().await?;
                response.respond(200, [TEXT], b"first")?;
            }
            "/twice" => {
                response.respond(200, [TEXT], b"one")?;
                response.respond(200, [TEXT], b"two")?;
            }
            "/panic-late" => {
                response.respond(200, [TEXT], b"one")?;
                panic!("on purpose");
            }
            "/big" => response.respond(200, [TEXT], &vec![b'x'; 1 << 20])?,
            "/ticks" => {
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                loop {
                    response.send_data(&[b'x'; 10_000]).await?;
                    tokio::time::sleep(SECOND / 100).await;
                }
            }
            "/peek" => {
                request.data().await?;
                assert!(tokio::time::timeout(SECOND, request.data()).await.is_err());
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                for _ in 0..60 {
                    tokio::time::sleep(SECOND).await;
                    response.send_data(b"tick").await?;
                }
            }
            "/own-waker" => {
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                let block = vec![b'x'; 300 << 10];
                only_when_woken(response.send_data(&block)).await?;
                self.see("sent");
            }
            "/swallow" => {
                let failed = loop {
                    match request.data().await {
                        Ok(Some(_)) => {}
                        other => break format!("{other:?}"),
                    }
                };
                return Err(HandlerError::Application(failed.into()));
            }
            _ => response.respond(200, [TEXT], b"ok")?,
        }
        Ok(())
    }
}

/// Polls a future only when its own waker was woken, as collections of futures do.
async fn only_when_woken<F: Future>(future: F) -> F::Output {
    struct Flag(AtomicBool, Mutex<Option<Waker>>);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
            if let Some(outer) = self.1.lock().unwrap().take() {
                outer.wake();
            }
        }
    }
    let flag = Arc::new(Flag(AtomicBool::new(true), Mutex::new(None)));
    let mut future = Box::pin(future);
    poll_fn(|cx| {
        *flag.1.lock().unwrap() = Some(cx.waker().clone());
        if !flag.0.swap(false, Ordering::Relaxed) {
            return Poll::Pending;
        }
        let waker = Waker::from(Arc::clone(&flag));
        future.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

struct Running {
    client: DuplexStream,
    server: JoinHandle<Ended>,
    stop: Stop,
    seen: Arc<Mutex<Vec<String>>>,
}

fn run_over<T: Io + 'static>(room: usize, transport: impl FnOnce(DuplexStream) -> T) -> Running {
    let (client, io) = duplex(room);
    let (io, routes, stop) = (transport(io), Routes::default(), Stop::new());
    let (seen, signals) = (Arc::clone(&routes.seen), stop.clone());
    let mut settings = Settings::default();
    settings.body_bytes_max = Some(1 << 20);
    let server = Server::new(routes).settings(settings);
    let server = tokio::spawn(async move { server.serve_connection(io, &signals).await });
    Running { client, server, stop, seen }
}

fn run() -> Running {
    run_over(64 << 10, |io| io)
}

impl Running {
    async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.client.write_all(octets.as_ref()).await.unwrap();
    }

    /// What comes within this time, or until the end.
    async fn hear(&mut self, time: Duration) -> String {
        let mut heard = Vec::new();
        let reading = async {
            let mut buffer = [0; 4096];
            while let Ok(octets @ 1..) = self.client.read(&mut buffer).await {
                heard.extend_from_slice(&buffer[..octets]);
            }
        };
        let _ = tokio::time::timeout(time, reading).await;
        String::from_utf8_lossy(&heard).into_owned()
    }

    fn has_seen(&self, what: &str) -> bool {
        self.seen.lock().unwrap().iter().any(|seen| seen == what)
    }
}

/// A handler that read on behind its answer got the next request's content.
#[tokio::test(start_paused = true)]
async fn a_request_never_sees_the_next_one() {
    let _shared = ALONE.read().await;
    let mut running = run();
    running.send("POST /early-drain HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab").await;
    tokio::time::sleep(SECOND / 10).await;
    running.send("cdePOST /next HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nsecret").await;
    let heard = running.hear(SECOND).await;
    assert!(running.has_seen(&format!("{:?}", Err::<Option<&[u8]>, _>(Gone::Answered))));
    assert!(running.has_seen("/next"), "{heard}");
    assert_eq!(heard.matches("HTTP/1.1 200 OK").count(), 2, "{heard}");

    let mut running = run();
    running
        .send(
            "POST /early-skip HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\nab\r\n3\r\ncde\r\n0\r\n\r\nGET /next HTTP/1.1\r\nhost: a\r\n\r\n",
        )
        .await;
    running.hear(SECOND).await;
    assert!(running.has_seen("/next") && running.has_seen("false"));
}

/// Nobody looked at the machine again when the time for unread content was over.
#[tokio::test(start_paused = true)]
async fn content_that_stays_out_closes_the_connection_on_time() {
    let _shared = ALONE.read().await;
    let mut running = run();
    running.send("POST /first HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n0123456789").await;
    assert!(running.hear(SECOND * 60).await.ends_with("first"));
    tokio::time::sleep(SECOND * 10).await;
    assert!(running.server.is_finished());
}

/// A handler that failed behind its complete answer silenced all later errors.
#[tokio::test(start_paused = true)]
async fn a_failure_behind_a_complete_answer_changes_nothing() {
    let _shared = ALONE.read().await;
    for path in ["/twice", "/panic-late"] {
        let mut running = run();
        running.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert!(running.hear(SECOND).await.ends_with("one"), "{path}");
        running.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(running.hear(SECOND).await.ends_with("ok"), "{path}");
        running.send("BAD\r\n\r\n").await;
        assert!(running.hear(SECOND * 60).await.starts_with("HTTP/1.1 400 "), "{path}");
        drop(running.client);
        let outcome = running.server.await.unwrap().outcome;
        assert!(matches!(outcome, Outcome::Parse(_)), "{path}: {outcome}");
    }
}

/// A fault of the client's that a handler made its own error of became a 500.
#[tokio::test(start_paused = true)]
async fn the_fault_of_the_client_stays_the_fault_of_the_client() {
    let _shared = ALONE.read().await;
    for (chunk, status) in [("ffffff\r\n", "413"), ("5\r\nheXloX", "400")] {
        let mut running = run();
        running
            .send(format!(
                "POST /swallow HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunk}"
            ))
            .await;
        let heard = running.hear(SECOND * 60).await;
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{heard}");
    }
}

/// Answers to pipelined requests piled up before a client that reads nothing.
#[tokio::test(start_paused = true)]
async fn a_client_that_pipelines_and_does_not_read_holds_little() {
    let _alone = ALONE.write().await;
    let mut running = run();
    let before = LIVE.load(Ordering::Relaxed);
    running.send("GET /big HTTP/1.1\r\nhost:\r\n\r\n".repeat(500)).await;
    tokio::time::sleep(SECOND).await;
    let held = LIVE.load(Ordering::Relaxed).saturating_sub(before);
    assert!(held < 8 << 20, "{held}");
    assert!(running.seen.lock().unwrap().len() < 4);
}

/// The output kept what was already taken, as long as some was not.
#[tokio::test(start_paused = true)]
async fn a_reader_that_lags_does_not_make_the_output_grow() {
    let _alone = ALONE.write().await;
    let mut running = run_over(16 << 10, |io| io);
    running.send("GET /ticks HTTP/1.1\r\nhost:\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(105)).await;
    let before = LIVE.load(Ordering::Relaxed);
    let mut buffer = vec![0; 10_000];
    for _ in 0..2000 {
        running.client.read_exact(&mut buffer).await.unwrap();
        tokio::time::sleep(SECOND / 100).await;
    }
    let grown = LIVE.load(Ordering::Relaxed).saturating_sub(before);
    assert!(grown < 2 << 20, "{grown}");
}

/// The client was blamed for silence although nobody read what it had sent.
#[tokio::test(start_paused = true)]
async fn a_client_is_not_blamed_while_nobody_reads() {
    let _shared = ALONE.read().await;
    let mut running = run();
    running.send("POST /peek HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n01234").await;
    tokio::time::sleep(SECOND * 2).await;
    running.send("56789").await;
    assert_eq!(running.hear(SECOND * 100).await.matches("tick").count(), 60);
}

/// Whoever waited for room under a waker of its own was never woken.
#[tokio::test(start_paused = true)]
async fn room_wakes_whoever_waits_for_it() {
    let _shared = ALONE.read().await;
    let mut running = run_over(16 << 10, |io| io);
    running.send("GET /own-waker HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(running.hear(SECOND).await.ends_with("0\r\n\r\n"));
    assert!(running.has_seen("sent"));
}

/// A transport whose sending side never shuts down.
struct Open(DuplexStream);

impl AsyncRead for Open {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Open {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// Shutting a transport down had no deadline and ignored the signals.
#[tokio::test(start_paused = true)]
async fn a_transport_that_does_not_shut_down_is_given_up() {
    let _shared = ALONE.read().await;
    for request in ["GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "BAD\r\n\r\n"] {
        let mut running = run_over(16 << 10, Open);
        running.send(request).await;
        tokio::time::sleep(SECOND * 10).await;
        assert!(running.server.is_finished(), "{request}");
        let mut cancelled = run_over(16 << 10, Open);
        cancelled.send(request).await;
        tokio::time::sleep(SECOND).await;
        cancelled.stop.cancel();
        tokio::time::sleep(SECOND / 10).await;
        assert!(cancelled.server.is_finished(), "{request}");
    }
}

/// A transport that buffers was never flushed.
#[tokio::test(start_paused = true)]
async fn a_transport_that_buffers_is_flushed() {
    let _shared = ALONE.read().await;
    let mut running = run_over(16 << 10, BufWriter::new);
    running.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(running.hear(SECOND).await.ends_with("ok"));
}

/// A handler that panics before it returns its future took the connection's task with it.
#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_poll_is_a_500() {
    struct Eager;
    impl Handler for Eager {
        #[allow(unreachable_code, reason = "the type of a future that is never made")]
        fn handle(
            &self,
            _: &mut Request<'_>,
            _: &mut Response<'_>,
        ) -> impl Future<Output = Result<(), HandlerError>> + Send {
            panic!("on purpose");
            async { Ok(()) }
        }
    }
    let _shared = ALONE.read().await;
    let (mut client, io) = duplex(1000);
    tokio::spawn(async move { Server::new(Eager).serve_connection(io, &Stop::new()).await });
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
}

/// A transport that fails when it reads or writes, or remembers what is written at once.
#[derive(Default)]
struct Scripted {
    input: Vec<u8>,
    fails_to_write: bool,
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.input.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        buffer.put_slice(&std::mem::take(&mut self.input));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.fails_to_write {
            return Poll::Ready(Ok(0));
        }
        self.writes.lock().unwrap().push(octets.to_vec());
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_fails_is_an_outcome_of_its_own() {
    let _shared = ALONE.read().await;
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec();
    for (input, fails_to_write) in [(Vec::new(), false), (request, true)] {
        let io = Scripted { input, fails_to_write, ..Scripted::default() };
        let ended = Server::new(Routes::default()).serve_connection(io, &Stop::new()).await;
        assert!(matches!(ended.outcome, Outcome::Io(_)), "{}", ended.outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn head_and_first_content_go_in_one_write() {
    let _shared = ALONE.read().await;
    for path in ["/", "/chunked"] {
        struct Both;
        impl Handler for Both {
            async fn handle(
                &self,
                request: &mut Request<'_>,
                response: &mut Response<'_>,
            ) -> Result<(), HandlerError> {
                if request.head().path_and_query() == b"/" {
                    return Ok(response.respond(200, [TEXT], b"the content")?);
                }
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                response.send_data(b"the content").await
            }
        }
        let input = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes();
        let io = Scripted { input, ..Scripted::default() };
        let writes = Arc::clone(&io.writes);
        Server::new(Both).serve_connection(io, &Stop::new()).await;
        let first = String::from_utf8(writes.lock().unwrap()[0].clone()).unwrap();
        let both = first.starts_with("HTTP/1.1 200 OK\r\n") && first.contains("the content");
        assert!(both, "{first}");
    }
}

/// The deadline of a drain ends a handler that never would.
#[tokio::test(start_paused = true)]
async fn a_drain_has_a_deadline() {
    struct Forever;
    impl Handler for Forever {
        async fn handle(
            &self,
            _: &mut Request<'_>,
            _: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            std::future::pending().await
        }
    }
    let _shared = ALONE.read().await;
    let (mut client, io) = duplex(1000);
    let stop = Stop::new();
    let signals = stop.clone();
    let server =
        tokio::spawn(async move { Server::new(Forever).serve_connection(io, &signals).await });
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(SECOND).await;
    stop.drain();
    tokio::time::sleep(SECOND * 29).await;
    assert!(!server.is_finished());
    tokio::time::sleep(SECOND * 2).await;
    assert!(server.is_finished());
    let outcome = server.await.unwrap().outcome;
    assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");
}
