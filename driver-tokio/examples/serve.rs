//! A server for trying things out: `cargo run --release -p driver-tokio --example serve`.
//!
//! `--addr HOST:PORT` (default 127.0.0.1:8080). Ctrl-C drains, a second one cancels.

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use driver_tokio::{
    BodyLength, Handler, HandlerError, Outcome, Request, Response, Server, Settings, Stop,
};
use tokio::net::TcpListener;

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

#[tokio::main]
async fn main() -> ExitCode {
    let address = match address() {
        Ok(address) => address,
        Err(message) => {
            eprintln!("{message}\nusage: serve [--addr HOST:PORT]");
            return ExitCode::FAILURE;
        }
    };
    let mut config = h1_proto::Config::default();
    config.body_bytes_max = 4 << 30;
    config.keep_alive_timeout = Duration::from_secs(60);
    let mut h2_config = h2_proto::Config::default();
    h2_config.body_bytes_max = Some(4 << 30);
    let settings = Settings::default();
    let server = Server::new(Demo).config(config.clone()).h2_config(h2_config.clone());
    let server = server.settings(settings).on_end(|ended| {
        if let Outcome::Parse(error) | Outcome::TooLarge(error) | Outcome::Flood(error) =
            &ended.outcome
        {
            eprintln!("refused: {error}");
        }
    });
    let listener = match listen(&server, &address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("cannot listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let bound = listener.local_addr().map_or(address, |address| address.to_string());
    println!("listening on http://{bound} (HTTP/1.1 and HTTP/2; Ctrl-C drains)");
    println!("limits of HTTP/1.1: {config:#?}\nof HTTP/2: {h2_config:#?}\n{settings:#?}");
    println!("try:");
    println!("  curl -i http://{bound}/plaintext");
    println!("  curl -i http://{bound}/ -d 'hello'");
    println!("  curl -i http://{bound}/trailers --raw");
    println!("  curl -i http://{bound}/ --http2-prior-knowledge");

    let stop = Stop::new();
    let signals = stop.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if signals.is_draining() {
                signals.cancel();
            } else {
                println!("draining; Ctrl-C again cancels");
                signals.drain();
            }
        }
    });
    server.serve(listener, &stop).await;
    println!("done");
    ExitCode::SUCCESS
}

/// The first address of that name that can be had.
async fn listen(server: &Server<Demo>, address: &str) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host(address).await? {
        match server.listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn address() -> Result<String, String> {
    let mut arguments = std::env::args().skip(1);
    let mut address = String::from("127.0.0.1:8080");
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), argument.strip_prefix("--addr=")) {
            (_, Some(value)) => address = value.to_owned(),
            ("--addr", _) => address = arguments.next().ok_or("--addr wants HOST:PORT")?,
            _ => return Err(format!("unknown argument {argument}")),
        }
    }
    Ok(address)
}
