//! The rows: who is compared under which load, and what must hold.

use crate::cores::Cores;
use crate::load::Shape;
use crate::process::Protocol;
use crate::rounds::{self, Turn, median};

/// How to run.
pub(crate) struct Options {
    /// Rows whose names begin so; none for all.
    pub(crate) prefixes: Vec<String>,
    /// Whether a row that falls short fails the run.
    pub(crate) strict: bool,
    pub(crate) rounds: usize,
    /// About how long one turn of a contender takes.
    pub(crate) milliseconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { prefixes: Vec::new(), strict: false, rounds: 5, milliseconds: 1000 }
    }
}

/// What ours may be at most, as so many times a peer.
#[derive(Clone, Copy)]
struct Bar {
    times: f64,
    peer: &'static str,
    /// Where the peer stands for another one that may not be here.
    why: &'static str,
}

const fn bar(times: f64, peer: &'static str) -> Bar {
    Bar { times, peer, why: "" }
}

struct Row {
    id: &'static str,
    what: &'static str,
    shape: Shape,
    /// Ours first.
    names: &'static [&'static str],
    cpu: Option<Bar>,
}

const fn shape(protocol: Protocol, connections: usize, at_once: usize) -> Shape {
    Shape { protocol, connections, at_once }
}

const ROWS: &[Row] = &[
    Row {
        id: "E1",
        what: "HTTP/1.1, 64 connections",
        shape: shape(Protocol::H1, 64, 1),
        names: &["ours", "hyper", "axum", "tokio", "epoll"],
        cpu: Some(bar(1.0, "hyper")),
    },
    Row {
        id: "E2",
        what: "HTTP/1.1, 64 connections, pipelined by 16",
        shape: shape(Protocol::H1, 64, 16),
        names: &["ours", "hyper", "tokio", "epoll"],
        cpu: Some(bar(1.6, "epoll")),
    },
    Row {
        id: "E3",
        what: "HTTP/2, one connection, 100 streams",
        shape: shape(Protocol::H2, 1, 100),
        names: &["ours", "hyper", "axum"],
        cpu: Some(Bar { times: 1.2 / 3.1, peer: "hyper", why: "1.2 x h2o, once 3.1 x less" }),
    },
    Row {
        id: "E4",
        what: "HTTP/2, 32 connections, 32 streams",
        shape: shape(Protocol::H2, 32, 32),
        names: &["ours", "hyper", "axum"],
        cpu: Some(Bar { times: 1.2 / 3.1, peer: "hyper", why: "1.2 x h2o, once 3.1 x less" }),
    },
    Row {
        id: "E5",
        what: "an axum application, HTTP/1.1",
        shape: shape(Protocol::H1, 64, 1),
        names: &["ours+axum", "axum"],
        cpu: None,
    },
    Row {
        id: "E5",
        what: "an axum application, HTTP/2",
        shape: shape(Protocol::H2, 1, 100),
        names: &["ours+axum", "axum"],
        cpu: None,
    },
];

/// Runs the rows that were asked for; whether all bars held.
pub(crate) fn run(options: &Options) -> bool {
    let cores = Cores::take();
    let mut held = true;
    for row in ROWS {
        let line = format!("{} {}", row.id, row.what);
        let wanted = options.prefixes.iter().any(|prefix| line.starts_with(prefix));
        if !options.prefixes.is_empty() && !wanted {
            continue;
        }
        println!("{line}");
        match rounds::measure(row.names, row.shape, cores, options.rounds, options.milliseconds) {
            Ok(turns) => held &= report(row, &turns),
            Err(error) => {
                println!("{} failed: {error}", row.id);
                held = false;
            }
        }
    }
    held
}

/// A line for each contender, and one that compares.
fn report(row: &Row, turns: &[Vec<Turn>]) -> bool {
    for (name, turns) in row.names.iter().zip(turns) {
        let rate = median(turns.iter().map(|it| it.seen.per_second));
        let (user, system) = (
            median(turns.iter().map(|it| it.cost().0)),
            median(turns.iter().map(|it| it.cost().1)),
        );
        let whole = median(turns.iter().map(Turn::whole_cost));
        let latency = &turns[turns.len() / 2].seen.latency;
        println!(
            "{}   {name:<10} {rate:>8.0} requests/s   CPU s/100k {whole:.3} \
             (user {user:.3}, system {system:.3})   {latency}",
            row.id
        );
    }
    let ratio = |peer: usize| {
        let both = turns[0].iter().zip(&turns[peer]);
        median(both.map(|(ours, theirs)| ours.whole_cost() / theirs.whole_cost()))
    };
    print!("{}   CPU of {}:", row.id, row.names[0]);
    for (index, name) in row.names.iter().enumerate().skip(1) {
        print!("  {:.2} x {name}", ratio(index));
    }
    let Some(bar) = row.cpu else {
        println!();
        return true;
    };
    let peer = row.names.iter().position(|it| *it == bar.peer).expect("a contender");
    let held = ratio(peer) <= bar.times;
    let why = if bar.why.is_empty() { String::new() } else { format!(" ({})", bar.why) };
    println!("  bar {:.2} x {}{why}  {}", bar.times, bar.peer, if held { "ok" } else { "short" });
    held
}
