//! The load: who makes requests, and what it saw.

use std::fmt;
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
    pub(crate) asks: Asks,
}

/// What requests are like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Two short fields, always the same: those of h2load.
    Plain,
    /// They have content, that of the answer. Of our own generator only, in HTTP/1.1.
    Content,
    /// The fields of a browser, and one that is another one in each request. Of our own generator only, in
    /// HTTP/1.1.
    Browser,
}

impl Asks {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Content, Self::Browser];
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
    /// Of the times from request to answer, if the generator knows them.
    pub(crate) percentiles: Option<Percentiles>,
}

/// Microseconds in which so many of 100 requests are answered.
#[derive(Clone, Copy)]
pub(crate) struct Percentiles {
    /// 50.
    pub(crate) half: f64,
    /// 99.
    pub(crate) most: f64,
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {}us p99 {}us", self.half, self.most)
    }
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
        let this = if shape.asks == Asks::Plain { self } else { Self::Own };
        let mut command = match this {
            Self::H2load => h2load(shape, address, requests),
            Self::Own => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(generator::words(shape, address, requests));
                command
            }
        };
        let output = command.stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let seen = match this {
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
    Some(Seen { per_second: rate.split(' ').next()?.parse().ok()?, percentiles: None })
}

fn of_own(text: &str) -> Option<Seen> {
    let mut numbers = text.split_whitespace().map_while(|it| it.parse().ok());
    let (per_second, half, most) = (numbers.next()?, numbers.next()?, numbers.next()?);
    Some(Seen { per_second, percentiles: Some(Percentiles { half, most }) })
}
