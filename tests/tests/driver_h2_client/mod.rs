//! A client of HTTP/2 that does what a test says, and the driver at its other end: frames go as they are
//! put together, and what comes is sorted by stream.
#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use driver_tokio::{
    Ended, Handler, HandlerError, Outcome, Request, Response, Server, Settings, Stop,
};
use h2_proto::testing::{Frame, bytes, client_bytes, flag, kind, setting};
use h2_proto::{Config, ErrorCode, FieldBuf};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

pub(crate) const TEXT: (&str, &str) = ("content-type", "text/plain");
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

pub(crate) type Handled<'a> = Pin<Box<dyn Future<Output = Result<(), HandlerError>> + Send + 'a>>;

/// A function as a handler.
pub(crate) struct By<F>(F);

/// See [`By`].
pub(crate) fn by<F>(function: F) -> By<F>
where
    F: for<'a> Fn(&'a mut Request<'_>, &'a mut Response<'_>) -> Handled<'a> + Send + Sync + 'static,
{
    By(function)
}

impl<F> Handler for By<F>
where
    F: for<'a> Fn(&'a mut Request<'_>, &'a mut Response<'_>) -> Handled<'a> + Send + Sync + 'static,
{
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        (self.0)(request, response).await
    }
}

/// The path of a request, to keep.
pub(crate) fn path(request: &Request<'_>) -> String {
    String::from_utf8(request.head().path_and_query().to_vec()).unwrap()
}

/// All content of a request.
pub(crate) async fn read_all(request: &mut Request<'_>) -> Result<Vec<u8>, driver_tokio::Gone> {
    let mut content = Vec::new();
    while let Some(data) = request.data().await? {
        content.extend_from_slice(data);
    }
    Ok(content)
}

/// What came on one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) interim: Vec<u16>,
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) content: Vec<u8>,
    /// Octets of content, kept or not.
    pub(crate) octets: usize,
    pub(crate) trailers: Vec<(String, String)>,
    /// END_STREAM came.
    pub(crate) ended: bool,
    pub(crate) reset: Option<ErrorCode>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.content).unwrap()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended || self.reset.is_some()
    }
}

/// See the module.
pub(crate) struct Client<I> {
    pub(crate) io: I,
    input: Vec<u8>,
    decoder: hpack::Decoder,
    fields: FieldBuf,
    pub(crate) answers: BTreeMap<u32, Answer>,
    /// Everything that came, without the content of DATA.
    pub(crate) frames: Vec<Frame>,
    /// SETTINGS and PINGs are acknowledged.
    pub(crate) polite: bool,
    /// What came may be sent again.
    pub(crate) grants: bool,
    pub(crate) keeps: bool,
    pub(crate) at_end: bool,
    /// What the server allows: each stream at first, and by WINDOW_UPDATE.
    window: usize,
    credit: BTreeMap<u32, usize>,
    /// Content that was sent.
    sent: BTreeMap<u32, usize>,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Client<I> {
    /// A client that has said nothing.
    pub(crate) fn new(io: I) -> Self {
        Self {
            io,
            input: Vec::new(),
            decoder: hpack::Decoder::default(),
            fields: FieldBuf::new(),
            answers: BTreeMap::new(),
            frames: Vec::new(),
            polite: true,
            grants: true,
            keeps: true,
            at_end: false,
            window: 65_535,
            credit: BTreeMap::new(),
            sent: BTreeMap::new(),
        }
    }

    pub(crate) async fn greet(&mut self, settings: &[(u16, u32)]) {
        let frames = [Frame::settings(settings.iter().copied())];
        self.write(&client_bytes(&frames)).await;
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) {
        self.io.write_all(octets).await.unwrap();
    }

    pub(crate) async fn send<const N: usize>(&mut self, frames: [Frame; N]) {
        self.write(&bytes(&frames)).await;
    }

    pub(crate) async fn get(&mut self, stream: u32, path: &str) {
        self.send([Frame::get(stream, path)]).await;
    }

    /// The head of a POST.
    pub(crate) async fn post(&mut self, stream: u32, path: &str) {
        self.send([Frame::request(stream, "POST", path)]).await;
    }

    /// Reads once and takes in what came. `false` at the end.
    pub(crate) async fn read(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        // An error: it was cut.
        let octets = self.io.read(&mut buffer).await.unwrap_or_default();
        self.input.extend_from_slice(&buffer[..octets]);
        self.at_end |= octets == 0;
        while let Some(frame) = Frame::take(&mut self.input) {
            self.take_in(frame).await;
        }
        octets > 0
    }

    async fn take_in(&mut self, mut frame: Frame) {
        assert_eq!(frame.fault(), None, "{frame}");
        let answer = self.answers.entry(frame.stream).or_default();
        let mut reply = Vec::new();
        match frame.kind {
            kind::HEADERS => {
                let limits = hpack::FieldLimits::default();
                let block = frame.fragment().unwrap();
                self.decoder.decode(block, &limits, &mut self.fields).unwrap();
                let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
                let mut fields: Vec<_> =
                    self.fields.iter().map(|it| (text(it.name), text(it.value))).collect();
                if answer.status > 0 {
                    answer.trailers = fields;
                } else {
                    let status = fields.remove(0).1.parse().unwrap();
                    if status < 200 {
                        answer.interim.push(status);
                    } else {
                        (answer.status, answer.fields) = (status, fields);
                    }
                }
                answer.ended |= frame.has(flag::END_STREAM);
            }
            kind::DATA => {
                let octets = frame.payload.len() as u32;
                answer.octets += frame.payload.len();
                if self.keeps {
                    answer.content.extend_from_slice(&frame.payload);
                }
                frame.payload = Vec::new();
                answer.ended |= frame.has(flag::END_STREAM);
                if self.grants && octets > 0 {
                    reply.push(Frame::window_update(0, octets));
                    if !answer.ended {
                        reply.push(Frame::window_update(frame.stream, octets));
                    }
                }
            }
            kind::RST_STREAM => answer.reset = Some(code(&frame.payload)),
            kind::SETTINGS if !frame.has(flag::ACK) => {
                let window = frame.entries().find(|it| it.0 == setting::INITIAL_WINDOW_SIZE);
                self.window = window.map_or(self.window, |it| it.1 as usize);
                if self.polite {
                    reply.push(Frame::settings_ack());
                }
            }
            kind::WINDOW_UPDATE => {
                *self.credit.entry(frame.stream).or_default() += code(&frame.payload).0 as usize;
            }
            kind::PING if !frame.has(flag::ACK) && self.polite => {
                reply.push(Frame::ping_ack(*frame.payload.first_chunk().unwrap()));
            }
            _ => {}
        }
        if self.keeps || !matches!(frame.kind, kind::DATA | kind::WINDOW_UPDATE) {
            self.frames.push(frame);
        }
        // The server may be gone.
        let _ = self.io.write_all(&bytes(&reply)).await;
    }

    /// Reads until it is so.
    #[track_caller]
    pub(crate) fn until<F: Fn(&Self) -> bool>(
        &mut self,
        is_so: F,
    ) -> impl Future<Output = ()> + use<'_, I, F> {
        let caller = std::panic::Location::caller();
        async move {
            while !is_so(self) {
                assert!(self.read().await, "{caller}: it ended: {}", self.story());
            }
        }
    }

    /// Reads until the answer on this stream is there, or will not be.
    #[track_caller]
    pub(crate) fn answer(&mut self, stream: u32) -> impl Future<Output = Answer> + use<'_, I> {
        let caller = std::panic::Location::caller();
        async move {
            while !self.so_far(stream).is_over() {
                assert!(self.read().await, "{caller}: it ended: {}", self.story());
            }
            self.so_far(stream)
        }
    }

    /// What came on this stream so far.
    pub(crate) fn so_far(&self, stream: u32) -> Answer {
        self.answers.get(&stream).cloned().unwrap_or_default()
    }

    /// Lets the server do all that it can now, and takes in what comes of it. With time that stands
    /// still: a sleep ends when nobody has anything to do.
    pub(crate) async fn settle(&mut self) {
        while let Ok(true) = tokio::time::timeout(MOMENT, self.read()).await {}
    }

    /// Reads to the end; the code of the last GOAWAY, if there was one.
    pub(crate) async fn rest(&mut self) -> Option<ErrorCode> {
        while self.read().await {}
        self.goaways().last().map(|goaway| goaway.1)
    }

    pub(crate) fn goaways(&self) -> Vec<(u32, ErrorCode)> {
        let goaways = self.frames.iter().filter(|frame| frame.kind == kind::GOAWAY);
        goaways
            .map(|frame| {
                (
                    u32::from_be_bytes(*frame.payload.first_chunk().unwrap()),
                    code(&frame.payload[4..]),
                )
            })
            .collect()
    }

    pub(crate) fn has(&self, kind: u8) -> bool {
        self.frames.iter().any(|frame| frame.kind == kind)
    }

    /// Octets that WINDOW_UPDATE frames of a stream gave.
    pub(crate) fn credit(&self, stream: u32) -> usize {
        self.credit.get(&stream).copied().unwrap_or_default()
    }

    /// Sends content until so much of it is out, which ends it, or the windows are shut for good: how
    /// much was sent. With time that stands still.
    pub(crate) async fn upload(&mut self, stream: u32, octets: usize) -> usize {
        let content = [b'c'; 16_384];
        loop {
            let sent = self.sent.get(&stream).copied().unwrap_or_default();
            let all: usize = self.sent.values().sum();
            let left = (65_535 + self.credit(0) - all)
                .min(self.window + self.credit(stream) - sent)
                .min(octets - sent)
                .min(content.len());
            if left > 0 {
                let frame = Frame::data(stream, &content[..left]);
                *self.sent.entry(stream).or_default() += left;
                let last = sent + left == octets;
                self.send([if last { frame.end_stream() } else { frame }]).await;
            } else if sent == octets
                || !matches!(tokio::time::timeout(MOMENT, self.read()).await, Ok(true))
            {
                return sent;
            }
        }
    }

    /// The streams of the DATA frames, each once for those in a row.
    pub(crate) fn turns(&self) -> Vec<u32> {
        let data = self.frames.iter().filter(|frame| frame.kind == kind::DATA);
        let mut turns: Vec<u32> = data.map(|frame| frame.stream).collect();
        turns.dedup();
        turns
    }

    /// Gives back all memory that is not needed to go on.
    pub(crate) fn forget(&mut self) {
        self.answers = BTreeMap::new();
        self.frames = Vec::new();
        self.input.shrink_to_fit();
        self.credit = BTreeMap::new();
    }

    pub(crate) fn story(&self) -> String {
        self.frames.iter().map(|frame| format!("{frame}\n")).collect()
    }
}

fn code(payload: &[u8]) -> ErrorCode {
    ErrorCode(u32::from_be_bytes(*payload.first_chunk().unwrap()))
}

/// A connection of the driver, and a client at its other end that has greeted.
pub(crate) struct Running {
    pub(crate) client: Client<DuplexStream>,
    pub(crate) server: JoinHandle<Ended>,
    pub(crate) stop: Stop,
}

/// How to run one.
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) h1_config: h1_proto::Config,
    pub(crate) settings: Settings,
    /// Octets that the pipe holds, each way.
    pub(crate) room: usize,
    /// What the client's SETTINGS say.
    pub(crate) greeting: Option<Vec<(u16, u32)>>,
}

impl Default for Setup {
    fn default() -> Self {
        let mut settings = Settings::default();
        settings.date = false;
        Self {
            config: Config::default(),
            h1_config: h1_proto::Config::default(),
            settings,
            room: 64 << 10,
            greeting: Some(Vec::new()),
        }
    }
}

impl Setup {
    pub(crate) fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut setup = Self::default();
        change(&mut setup);
        setup
    }

    pub(crate) async fn run(self, handler: impl Handler) -> Running {
        let (client, io) = duplex(self.room);
        let stop = Stop::new();
        let signals = stop.clone();
        let server = Server::new(handler)
            .config(self.h1_config)
            .h2_config(self.config)
            .settings(self.settings);
        let server = tokio::spawn(async move { server.serve_connection(io, &signals).await });
        let mut client = Client::new(client);
        if let Some(greeting) = self.greeting {
            client.greet(&greeting).await;
        }
        Running { client, server, stop }
    }
}

/// With all defaults.
pub(crate) async fn run<F>(function: F) -> Running
where
    F: for<'a> Fn(&'a mut Request<'_>, &'a mut Response<'_>) -> Handled<'a> + Send + Sync + 'static,
{
    Setup::default().run(by(function)).await
}

impl Running {
    /// The client goes; how it ended.
    pub(crate) async fn close(self) -> Outcome {
        drop(self.client);
        self.server.await.unwrap().outcome
    }

    /// Reads to the end: the code of the last GOAWAY, and how it ended.
    pub(crate) async fn end(mut self) -> (Option<ErrorCode>, Outcome) {
        let code = self.client.rest().await;
        drop(self.client);
        (code, self.server.await.unwrap().outcome)
    }
}

/// Counts how often what it holds is polled.
pub(crate) async fn counted<F: Future>(
    polls: &std::sync::atomic::AtomicUsize,
    future: F,
) -> F::Output {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        polls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        future.as_mut().poll(cx)
    })
    .await
}
