//! The load: who makes requests, and what it saw.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::generator;
use crate::peers;
use crate::process::Protocol;

/// How requests come.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) protocol: Protocol,
    pub(crate) connections: usize,
    /// Requests at a time on each: streams, or pipelined ones.
    pub(crate) at_once: usize,
}

/// Who makes requests.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    H2load,
    Own,
}

/// What became of requests.
pub(crate) struct Seen {
    pub(crate) per_second: f64,
    /// From request to answer, in the generator's words.
    pub(crate) latency: String,
}

impl Load {
    pub(crate) fn choose(own: bool) -> Self {
        if own {
            return Self::Own;
        }
        if peers::find("h2load").is_none() {
            println!("h2load is not installed: the load is of our own generator");
            return Self::Own;
        }
        Self::H2load
    }

    /// Makes so many requests; all must be answered with success.
    pub(crate) fn run(
        self,
        shape: Shape,
        address: SocketAddr,
        requests: usize,
    ) -> io::Result<Seen> {
        let mut command = match self {
            Self::H2load => h2load(shape, address, requests),
            Self::Own => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(generator::words(shape, address, requests));
                command
            }
        };
        let output = command.stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let seen = match self {
            Self::H2load => of_h2load(&text, requests),
            Self::Own => of_own(&text),
        };
        let error = String::from_utf8_lossy(&output.stderr);
        seen.ok_or_else(|| io::Error::other(format!("not all was answered: {text} {error}")))
    }
}

fn h2load(shape: Shape, address: SocketAddr, requests: usize) -> Command {
    let mut command = Command::new("h2load");
    if shape.protocol == Protocol::H1 {
        command.arg("--h1");
    }
    for (option, value) in [("-n", requests), ("-c", shape.connections), ("-m", shape.at_once)] {
        command.arg(option).arg(value.to_string());
    }
    command.arg(format!("http://{address}/plaintext"));
    command
}

/// What h2load says; `None` if not all went well.
fn of_h2load(text: &str, requests: usize) -> Option<Seen> {
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

fn of_own(text: &str) -> Option<Seen> {
    let mut words = text.split_whitespace();
    let per_second = words.next()?.parse().ok()?;
    let (half, most) = (words.next()?, words.next()?);
    Some(Seen { per_second, latency: format!("p50 {half}us p99 {most}us") })
}
