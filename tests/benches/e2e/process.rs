//! A server as a process: started on its cores, looked at, ended.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::cores::Cores;
use crate::peers;

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

/// A server that runs, until this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it is.
    pub(crate) address: SocketAddr,
    /// The files of one that needs some.
    directory: Option<PathBuf>,
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
    /// Starts the server of that name on its cores, by `wrapper` if there is one.
    pub(crate) fn start(
        name: &str,
        protocol: Protocol,
        cores: Cores,
        wrapper: &[String],
    ) -> io::Result<Self> {
        let (words, known, directory) = if peers::is_one(name) {
            let directory = std::env::temp_dir().join(format!("e2e-{}-{name}", std::process::id()));
            let (words, address) = peers::command(name, protocol, cores.workers, &directory)?;
            (words, Some(address), Some(directory))
        } else {
            let itself = std::env::current_exe()?.display().to_string();
            let (protocol, workers) = (protocol.to_string(), cores.workers.to_string());
            let words = [&*itself, "--serve", name, &protocol, &workers].map(str::to_owned);
            (words.into(), None, None)
        };
        let mut all = wrapper.iter().chain(&words);
        let mut command = Command::new(all.next().expect("a program at least"));
        command.args(all).stdin(Stdio::piped()).stdout(Stdio::piped());
        if known.is_some() {
            // They greet.
            command.stderr(Stdio::null());
        }
        let mut child = cores.on_server(|| command.spawn())?;
        let output = child.stdout.take().expect("a pipe");
        // Dropped from here on, it ends.
        let unknown = SocketAddr::from(([0; 4], 0));
        let mut server = Self { child, address: known.unwrap_or(unknown), directory };
        if let Some(address) = known {
            peers::wait(address)?;
        } else {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line)?;
            let address = line.trim().parse().ok();
            server.address = address.ok_or_else(|| io::Error::other("it did not start"))?;
        }
        Ok(server)
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has taken so far, with processes of its own. The sum is exact to a hundredth of a second; how
    /// the system divides it is an estimate.
    pub(crate) fn cpu(&self) -> Cpu {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.unwrap_or_default();
        let mut all = cpu_of(&id.to_string());
        for child in children.split_whitespace() {
            let Cpu { user, system } = cpu_of(child);
            all = Cpu { user: all.user + user, system: all.system + system };
        }
        all
    }

    /// Octets of memory that are resident.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = read(&self.child.id().to_string(), "status");
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).expect("a line of it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

fn cpu_of(process: &str) -> Cpu {
    let stat = read(process, "stat");
    // The name in brackets may hold anything; user and system are the 14th and 15th of all.
    let behind = stat.rsplit_once(") ").expect("a name").1;
    let mut ticks = behind.split(' ').skip(11).map(|it| it.parse::<f64>().expect("ticks"));
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    let mut next = || ticks.next().expect("a field") / per_second;
    Cpu { user: next(), system: next() }
}

fn read(process: &str, what: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{what}")).expect("a process that runs")
}
