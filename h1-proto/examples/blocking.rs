//! Blocking sockets and a thread a connection on the lending API: all that a runtime has to write.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use h1_proto::{BodyLength, Config, Event, Head, NextStep, SendError, ServerConnection as Conn};

/// A timeout of zero is not allowed.
const TICK: Duration = Duration::from_millis(1);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}", listener.local_addr()?);
    let config = Arc::new(Config::default());
    for stream in listener.incoming() {
        let (stream, config) = (stream?, Arc::clone(&config));
        thread::spawn(move || serve(stream, &config).unwrap_or_else(|error| eprintln!("{error}")));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, config: &Arc<Config>) -> io::Result<()> {
    let start = Instant::now();
    let mut conn = Conn::new(Arc::clone(config), Duration::ZERO);
    let (mut head, mut out, mut buffer, mut filled) = (Head::new(), vec![], vec![0; 16 << 10], 0);
    stream.set_write_timeout(Some(config.send_timeout))?;
    loop {
        // Pull until there is nothing more, answering on the way. Every answer is complete before
        // the next request is pulled, so no input is ever left for later.
        let mut input = &buffer[..filled];
        let failed = loop {
            match conn.next_event(&mut input, &mut head) {
                Ok(Some(event)) => answer(&mut conn, &event, &mut out).map_err(io::Error::other)?,
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        filled = 0;
        if let Some(error) = failed.or_else(|| conn.advance(start.elapsed()).err()) {
            eprintln!("{error}");
            conn.respond_error(&error, &mut out);
        }
        // Write, then do what the machine says.
        stream.write_all(&out)?;
        conn.wrote(out.len());
        out.clear();
        match conn.next_step() {
            NextStep::Read => {
                let left = conn.next_deadline().map(|at| at.saturating_sub(start.elapsed()));
                stream.set_read_timeout(left.map(|left| left.max(TICK)))?;
                match stream.read(&mut buffer) {
                    Ok(0) => conn.eof(),
                    Ok(octets) => filled = octets,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            NextStep::Write => {}
            NextStep::Linger { octets_max, until } => {
                return linger(&stream, octets_max, until.saturating_sub(start.elapsed()));
            }
            _ => return Ok(()),
        }
    }
}

/// `GET /` gets a greeting, everything else is echoed.
fn answer(conn: &mut Conn, event: &Event<'_, '_>, out: &mut Vec<u8>) -> Result<(), SendError> {
    let text = [("content-type", "text/plain")];
    match *event {
        Event::Head { head, .. } if head.path_and_query() == b"/" => {
            conn.respond(200, &text, b"hello\n", out)
        }
        Event::Head { expects_continue: true, .. } => conn.send_informational(100, &text[..0], out),
        Event::Data(data) => {
            if conn.owes_answer() {
                conn.send_response(200, &text, BodyLength::Chunked, out)?;
            }
            // Beyond `output_bytes_max` it would accept less; one read never comes near it.
            conn.send_data(data, out).map(drop)
        }
        Event::End { .. } if conn.owes_answer() => {
            conn.respond(200, &text, b"nothing to echo\n", out)
        }
        Event::End { .. } => conn.finish(out).or(Ok(())),
        _ => Ok(()),
    }
}

/// Lets the peer take the last answer before the connection is reset (RFC 9112 §9.6).
fn linger(stream: &TcpStream, octets_max: u64, time: Duration) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(time.max(TICK)))?;
    let _closes_anyway = io::copy(&mut stream.take(octets_max), &mut io::sink());
    Ok(())
}
