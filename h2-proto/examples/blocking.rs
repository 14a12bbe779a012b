//! HTTP/2 with prior knowledge on blocking threads: the whole of a server, one thread a connection.
//!
//! ```text
//! cargo run -p h2-proto --example blocking_h2 -- 127.0.0.1:8080
//! curl --http2-prior-knowledge http://127.0.0.1:8080/ -d "some content"
//! ```

use std::collections::HashMap;
use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use h2_proto::{Config, Event, FieldBuf, NextStep, SendError, ServerConnection, StreamId};

const TICK: Duration = Duration::from_millis(1);

/// Content that waits for its turn, and whether all of it is there.
#[derive(Default)]
struct Body(Vec<u8>, bool);

fn serve(mut stream: TcpStream) -> io::Result<()> {
    let other = Error::other::<SendError>;
    let start = Instant::now();
    let mut conn = ServerConnection::with_prior_knowledge(Config::default(), Duration::ZERO);
    let (mut input, mut out, mut fields) = (Vec::new(), Vec::new(), FieldBuf::new());
    let mut bodies: HashMap<StreamId, Body> = HashMap::new();
    let (mut buffer, plain) = ([0; 16 << 10], [("content-type", "text/plain")]);
    loop {
        // Pull until there is nothing more, answering on the way.
        let mut rest = input.as_slice();
        // An error has its GOAWAY in the output, and ends the connection.
        while let Ok(Some(event)) = conn.next_event(&mut rest, &mut fields, &mut out) {
            match event {
                Event::Request { stream, end_stream, .. } => {
                    conn.send_response(stream, 200, &plain, false, &mut out).map_err(other)?;
                    let body = bodies.entry(stream).or_default();
                    if end_stream {
                        *body = Body(b"hello\n".to_vec(), true);
                        conn.want_send(stream).map_err(other)?;
                    }
                }
                Event::Data { stream, data, end_stream, .. } => {
                    let body = bodies.entry(stream).or_default();
                    body.0.extend_from_slice(data);
                    body.1 = end_stream;
                    conn.want_send(stream).map_err(other)?;
                }
                Event::Trailers { stream, .. } | Event::Reset { stream, .. } => {
                    bodies.remove(&stream);
                    conn.done(stream, &mut out).map_err(other)?;
                }
                _ => {}
            }
        }
        let used = input.len() - rest.len();
        input.drain(..used);
        // Send what has its turn, tell the time, write, and do what the machine says.
        while let Some((stream, capacity)) = conn.next_writable() {
            let Some(Body(data, complete)) = bodies.get_mut(&stream) else { continue };
            let piece = data.len().min(capacity as usize);
            let end = *complete && piece == data.len();
            let sent = conn.send_data(stream, &data[..piece], end, &mut out).map_err(other)?;
            data.drain(..sent);
            if end && data.is_empty() {
                bodies.remove(&stream);
            } else if !data.is_empty() {
                conn.want_send(stream).map_err(other)?;
            }
        }
        let _ = conn.advance(start.elapsed(), &mut out); // an error comes again from the next pull
        stream.write_all(&out)?;
        conn.wrote(out.len());
        out.clear();
        match conn.next_step() {
            NextStep::Read => {
                let until = conn.next_deadline().unwrap_or(Duration::MAX);
                let wait = until.saturating_sub(start.elapsed()).clamp(TICK, 3_600_000 * TICK);
                stream.set_read_timeout(Some(wait))?;
                match stream.read(&mut buffer) {
                    Ok(0) => conn.eof(),
                    Ok(octets) => input.extend_from_slice(&buffer[..octets]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            NextStep::Write => {}
            _ => return Ok(()),
        }
    }
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        std::thread::spawn(move || serve(stream?));
    }
    Ok(())
}
