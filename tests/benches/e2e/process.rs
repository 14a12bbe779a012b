//! A server as a process: started on its core, looked at, ended.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::cores::Cores;

/// HTTP/1.1 or HTTP/2, without TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    H1,
    H2,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H1 => "h1",
            Self::H2 => "h2",
        })
    }
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    /// Where it is.
    pub(crate) address: SocketAddr,
}

/// Seconds of processor time that a process has taken.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cpu {
    /// In user space.
    pub(crate) user: f64,
    /// In the system, for it.
    pub(crate) system: f64,
}

impl Server {
    /// Starts the server of that name on its core, by `wrapper` if there is one.
    pub(crate) fn start(
        name: &str,
        protocol: Protocol,
        cores: Cores,
        wrapper: &[String],
    ) -> io::Result<Self> {
        let itself = std::env::current_exe()?;
        let itself = itself.to_str().expect("a path in UTF-8");
        let words = ["--serve", name, &protocol.to_string()].map(str::to_owned);
        let mut all = wrapper.iter().cloned().chain([itself.to_owned()]).chain(words);
        let mut command = Command::new(all.next().expect("this binary at least"));
        command.args(all).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = cores.on_server(|| command.spawn())?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line)?;
        let address = line.trim().parse().map_err(|_| io::Error::other("it did not start"))?;
        Ok(Self { child, address })
    }

    /// What it has taken so far; a hundredth of a second is the least that shows.
    pub(crate) fn cpu(&self) -> Cpu {
        let stat = self.read("stat");
        // The name in brackets may hold anything; user and system are the 14th and 15th of all.
        let behind = stat.rsplit_once(") ").expect("a name").1;
        let mut ticks = behind.split(' ').skip(11).map(|it| it.parse::<f64>().expect("ticks"));
        let mut next = || ticks.next().expect("a field") / per_second();
        Cpu { user: next(), system: next() }
    }

    /// Octets of memory that are resident.
    #[allow(dead_code, reason = "the rows of memory come next")]
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = self.read("status");
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).expect("a line of it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    fn read(&self, what: &str) -> String {
        let path = format!("/proc/{}/{what}", self.child.id());
        fs::read_to_string(Path::new(&path)).expect("a process that runs")
    }

    /// Ends it and waits until it is gone.
    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}
