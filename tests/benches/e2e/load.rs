//! The load: who makes requests, and what it saw.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::process::Protocol;

/// How requests come.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) protocol: Protocol,
    pub(crate) connections: usize,
    /// Requests at a time on each: streams, or pipelined ones.
    pub(crate) at_once: usize,
}

/// What became of requests.
pub(crate) struct Seen {
    pub(crate) per_second: f64,
    /// From request to answer, in the generator's words.
    pub(crate) latency: String,
}

/// Makes so many requests; all must be answered with success.
pub(crate) fn run(shape: Shape, address: SocketAddr, requests: usize) -> io::Result<Seen> {
    let mut command = Command::new("h2load");
    if shape.protocol == Protocol::H1 {
        command.arg("--h1");
    }
    for (option, value) in [("-n", requests), ("-c", shape.connections), ("-m", shape.at_once)] {
        command.arg(option).arg(value.to_string());
    }
    command.arg(format!("http://{address}/plaintext")).stdin(Stdio::null());
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    read(&text, requests).ok_or_else(|| io::Error::other(format!("h2load: {text}")))
}

/// What h2load says; `None` if not all went well.
fn read(text: &str, requests: usize) -> Option<Seen> {
    let line = |begin: &str| text.lines().find_map(|line| line.strip_prefix(begin));
    if !line("status codes: ")?.starts_with(&format!("{requests} 2xx")) {
        return None;
    }
    let rate = line("finished in ")?.split(", ").nth(1)?;
    let times: Vec<_> = line("time for request:")?.split_whitespace().collect();
    let (maximum, mean) = (times.get(1)?, times.get(2)?);
    Some(Seen {
        per_second: rate.split(' ').next()?.parse().ok()?,
        latency: format!("mean {mean} max {maximum}"),
    })
}
