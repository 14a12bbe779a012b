//! What an idle connection takes of a server's memory, once it had a request.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cores::Cores;
use crate::load::Asks;
use crate::process::{Protocol, Server};
use crate::servers::CONTENT;
use crate::speak::speaker;

/// Connections that are weighed.
const CONNECTIONS: usize = 5000;

/// A server may keep buffers for a moment; ours does for a second. As long as three turns of a contender
/// within that.
fn rest(milliseconds: u64) -> Duration {
    Duration::from_millis((3 * milliseconds).clamp(1500, 3000))
}

/// How many connections there may be, here and in servers that are started from now on.
pub(crate) fn connections() -> usize {
    const OTHERS: u64 = 100;
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit { current: limit.maximum, ..limit };
    let allowed = if setrlimit(Resource::Nofile, all).is_ok() { all } else { limit };
    let most = allowed.current.unwrap_or(u64::MAX).saturating_sub(OTHERS) as usize;
    if most < CONNECTIONS {
        println!("descriptors are limited: {most} connections instead of {CONNECTIONS}");
    }
    most.min(CONNECTIONS)
}

/// Octets of resident memory for each of so many connections.
pub(crate) fn measure(
    name: &str,
    protocol: Protocol,
    cores: Cores,
    connections: usize,
    milliseconds: u64,
) -> io::Result<f64> {
    let server = Server::start(name, protocol, cores, &[])?;
    // What a first connection brings for all is not counted.
    let first = open(&server, protocol, 1)?;
    thread::sleep(rest(milliseconds));
    let before = server.resident_bytes();
    let all = open(&server, protocol, connections)?;
    thread::sleep(rest(milliseconds));
    let after = server.resident_bytes();
    still_open(first.iter().chain(&all))?;
    Ok((after.saturating_sub(before)) as f64 / connections as f64)
}

/// Connections that all have made a request, all at the same time, and have its answer.
fn open(server: &Server, protocol: Protocol, count: usize) -> io::Result<Vec<TcpStream>> {
    let mut speak = speaker(protocol, Asks::Plain);
    let mut octets = speak.greeting();
    speak.request(&mut octets);
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(TcpStream::connect(server.address)?);
    }
    for stream in &mut streams {
        stream.write_all(&octets)?;
    }
    for stream in &mut streams {
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !answer.windows(CONTENT.len()).any(|it| it == CONTENT.as_bytes()) {
            match stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                octets => answer.extend_from_slice(&buffer[..octets]),
            }
        }
    }
    Ok(streams)
}

/// One that was closed weighs nothing, and proves nothing.
fn still_open<'a>(streams: impl Iterator<Item = &'a TcpStream>) -> io::Result<()> {
    for mut stream in streams {
        stream.set_nonblocking(true)?;
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Err(io::Error::other("it closed idle connections")),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
