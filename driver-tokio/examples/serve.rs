//! A server for trying things out: `cargo run --release -p driver-tokio --example serve`.
//!
//! `--addr HOST:PORT` (default 127.0.0.1:8080); `--tls` with a certificate made for this run;
//! `--workers N`, each a thread with a listener of its own on the same port. Ctrl-C drains, a second
//! one cancels.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use driver_tokio::{
    BodyLength, Handler, HandlerError, Outcome, Request, Response, Server, Settings, Stop, Tls,
};
use tokio::runtime::{self, Runtime};
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

const TEXT: (&str, &str) = ("content-type", "text/plain");
const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

/// The routes. All but these echo.
struct Demo;

impl Handler for Demo {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let head = request.head();
        let reads = matches!(head.method(), b"GET" | b"HEAD");
        let empty = matches!(request.body_length(), BodyLength::None | BodyLength::Known(0));
        if !reads || !empty {
            return echo(request, response).await;
        }
        let path = head.path_and_query();
        let path = path.split(|&octet| octet == b'?').next().unwrap_or_default();
        match path {
            b"/plaintext" => response.respond(200, [TEXT], b"Hello, World!")?,
            b"/" => response.respond(200, [HTML], page(request).as_bytes())?,
            b"/early-hints" => {
                let link = ("link", "</style.css>; rel=preload; as=style");
                response.send_informational(103, [link])?;
                // Early: they go before the answer is even begun.
                response.flush().await?;
                response.respond(200, [TEXT, link], b"the hints came first\n")?;
            }
            b"/trailers" => {
                let fields = [TEXT, ("trailer", "x-count")];
                response.send_response(200, fields, BodyLength::Unknown)?;
                response.send_data(b"the trailers come last\n").await?;
                response.send_trailers([("x-count", "23")])?;
            }
            _ => match (number(path, b"/bytes/"), number(path, b"/delay/")) {
                (Some(octets), _) => bytes(octets, head.method() == b"HEAD", response).await?,
                (_, Some(milliseconds)) => {
                    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                    response.respond(200, [TEXT], b"here it is\n")?;
                }
                _ => echo(request, response).await?,
            },
        }
        Ok(())
    }
}

/// The number that the rest of the path is.
fn number(path: &[u8], prefix: &[u8]) -> Option<u64> {
    h1_proto::grammar::decimal(path.strip_prefix(prefix)?).ok()
}

/// The content as it came, piece by piece; a short text if there is none.
async fn echo(request: &mut Request<'_>, response: &mut Response<'_>) -> Result<(), HandlerError> {
    let body = match request.body_length() {
        BodyLength::Known(octets) => BodyLength::Known(octets),
        _ => BodyLength::Unknown,
    };
    // The first piece before the head: then head and content go in one write.
    let mut begun = false;
    while let Some(data) = request.data().await? {
        if !begun {
            response.send_response(200, [("content-type", "application/octet-stream")], body)?;
            begun = true;
        }
        response.send_data(data).await?;
    }
    if begun {
        response.finish()?;
    } else {
        response.respond(200, [TEXT], b"nothing to echo\n")?;
    }
    Ok(())
}

/// So many octets.
async fn bytes(octets: u64, head: bool, response: &mut Response<'_>) -> Result<(), HandlerError> {
    const BLOCK: [u8; 16 << 10] = [b'x'; 16 << 10];
    let kind = ("content-type", "application/octet-stream");
    response.send_response(200, [kind], BodyLength::Known(octets))?;
    if head {
        // The content of an answer to HEAD is not even made.
        return Ok(());
    }
    let mut left = octets;
    while left > 0 {
        let take = BLOCK.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        response.send_data(&BLOCK[..take]).await?;
        left -= take as u64;
    }
    response.finish()?;
    Ok(())
}

/// What the server saw of the request, for people.
fn page(request: &Request<'_>) -> String {
    let head = request.head();
    let mut page = String::from(
        "<!doctype html><meta charset=utf-8><title>h1-proto</title>\
         <style>body{font:16px/1.5 system-ui;max-width:50em;margin:3em auto;padding:0 1em}\
         td{padding:0 1em 0 0;vertical-align:top;word-break:break-all}</style>\
         <h1>It works</h1><p>This is what the server saw of your request:</p><p><code>",
    );
    // As GET also for HEAD: both have the same length (RFC 9110 §9.3.2).
    let line = [b"GET ", head.path_and_query(), b" "].concat();
    let _ = write!(page, "{}{}</code></p><table>", escape(&line), head.version());
    for field in head.fields() {
        let (name, value) = (escape(field.name), escape(field.value));
        let _ = write!(page, "<tr><td><code>{name}</code><td><code>{value}</code>");
    }
    page.push_str(
        "</table><p>Try <a href=/plaintext>/plaintext</a>, <a href=/bytes/1000>/bytes/N</a>, \
         <a href=/delay/500>/delay/MS</a>, <a href=/early-hints>/early-hints</a>, \
         <a href=/trailers>/trailers</a>; whatever else you send is echoed.</p>\n",
    );
    page
}

fn escape(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for symbol in String::from_utf8_lossy(octets).chars() {
        match symbol {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            symbol => text.push(symbol),
        }
    }
    text
}

const USAGE: &str = "usage: serve [--addr HOST:PORT] [--tls] [--workers N]";

fn main() -> ExitCode {
    if std::env::args().skip(1).any(|it| matches!(it.as_str(), "--help" | "-h")) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match run(&arguments) {
        Ok(()) => {
            println!("done");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot serve on {}: {error}", arguments.address);
            ExitCode::FAILURE
        }
    }
}

/// Listens for all workers, so that a failed start leaves nothing, and serves until they end.
fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut server = server(arguments.workers > 1);
    if arguments.tls {
        let made = rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()])?;
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        server = server.tls(Tls::from_pem(chain.as_bytes(), key.as_bytes())?);
    }
    let stop = Stop::new();
    let runtimes: Vec<Runtime> = (0..arguments.workers)
        .map(|_| runtime::Builder::new_current_thread().enable_all().build())
        .collect::<io::Result<_>>()?;
    let mut address =
        arguments.address.to_socket_addrs()?.next().ok_or("the name has no address")?;
    let mut listeners = Vec::new();
    for runtime in &runtimes {
        let _inside = runtime.enter();
        let listener = server.listen(address)?;
        // The first has chosen the port for all.
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    // Before anybody is told how to end it.
    let mut signals = {
        let _inside = runtimes.first().map(Runtime::enter);
        Some(Signals::new()?)
    };
    greet(arguments, address);
    std::thread::scope(|scope| {
        for (runtime, listener) in runtimes.iter().zip(listeners) {
            let (server, stop, signals) = (server.clone(), stop.clone(), signals.take());
            scope.spawn(move || {
                runtime.block_on(async move {
                    if let Some(signals) = signals {
                        tokio::spawn(signals.obey(stop.clone()));
                    }
                    server.serve(listener, &stop).await;
                });
            });
        }
    });
    Ok(())
}

/// Of a request.
const CONTENT_BYTES_MAX: u64 = 4 << 30;

fn server(shared: bool) -> Server<Demo> {
    let mut config = h1_proto::Config::default();
    config.keep_alive_timeout = Duration::from_secs(60);
    let mut h2_config = h2_proto::Config::default();
    let mut settings = Settings::default();
    settings.body_bytes_max = Some(CONTENT_BYTES_MAX);
    // The settings stand in for these, which are printed.
    config.body_bytes_max = CONTENT_BYTES_MAX;
    h2_config.body_bytes_max = Some(CONTENT_BYTES_MAX);
    // For those who talk to it by `nc`.
    settings.half_close = true;
    settings.reuse_port = shared;
    println!("limits of HTTP/1.1: {config:#?}\nof HTTP/2: {h2_config:#?}\n{settings:#?}");
    Server::new(Demo).config(config).h2_config(h2_config).settings(settings).on_end(|ended| {
        if let Outcome::Parse(error) | Outcome::TooLarge(error) | Outcome::Flood(error) =
            &ended.outcome
        {
            eprintln!("refused: {error}");
        }
    })
}

fn greet(arguments: &Arguments, address: SocketAddr) {
    let (scheme, insecure) = if arguments.tls { ("https", " -k") } else { ("http", "") };
    println!("try:");
    println!("  curl -i{insecure} {scheme}://{address}/plaintext");
    println!("  curl -i{insecure} {scheme}://{address}/ -d 'hello'");
    println!("  curl -i{insecure} {scheme}://{address}/trailers --raw --http1.1");
    if !arguments.tls {
        println!("  curl -i {scheme}://{address}/ --http2-prior-knowledge");
    }
    println!("listening on {scheme}://{address} (HTTP/1.1 and HTTP/2; Ctrl-C drains)");
}

/// What asks it to end.
struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The first one drains, the second cancels.
    async fn obey(mut self, stop: Stop) {
        while self.next().await.is_ok() {
            if stop.is_draining() {
                stop.cancel();
            } else {
                println!("draining; Ctrl-C again cancels");
                stop.drain();
            }
        }
    }

    #[cfg(unix)]
    async fn next(&mut self) -> io::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        Ok(())
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}

struct Arguments {
    address: String,
    tls: bool,
    workers: usize,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self { address: "127.0.0.1:8080".into(), tls: false, workers: 1 };
        while let Some(argument) = arguments.next() {
            let (name, given) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let mut value = || given.clone().or_else(|| arguments.next());
            match name {
                "--addr" => parsed.address = value().ok_or("--addr wants HOST:PORT")?,
                "--tls" => parsed.tls = true,
                "--workers" => {
                    let number = value().and_then(|it| it.parse().ok()).filter(|it| *it > 0);
                    parsed.workers = number.ok_or("--workers wants a number from 1")?;
                }
                _ => return Err(format!("unknown argument {argument}")),
            }
        }
        Ok(parsed)
    }
}
