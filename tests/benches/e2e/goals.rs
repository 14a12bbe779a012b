//! Figures that somebody wants of a server, on a machine of theirs: what ours makes of them on this one, and
//! what this one allows, which is what a loop without a protocol makes of the same load.
//!
//! None is a bar: they are for other hardware. The generator is our own; its work is in every latency, and
//! where ours and the loop are alike, it is the generator that was measured.

use std::io;

use crate::cores::Cores;
use crate::load::{Asks, Load, Shape};
use crate::memory;
use crate::process::Protocol::{self, H1, H2};
use crate::report::Options;
use crate::rounds::{self, Measured, Turn, median};

/// The row of all of them.
pub(crate) const LINE: &str =
    "W34 wanted elsewhere; this machine's ceiling is a loop without a protocol";

struct Goal {
    what: &'static str,
    target: &'static str,
    shape: Shape,
    /// Ours, and the loop.
    names: [&'static str; 2],
    /// Latency, or requests per second.
    latency: bool,
}

const fn shape(protocol: Protocol, at_once: usize, sends: bool) -> Shape {
    let asks = if sends { Asks::Content } else { Asks::Plain };
    Shape { protocol, connections: 1, at_once, asks }
}

const GOALS: &[Goal] = &[
    Goal {
        what: "plaintext, one connection, one request at a time",
        target: "180000 requests/s",
        shape: shape(H1, 1, false),
        names: ["ours", "epoll"],
        latency: false,
    },
    Goal {
        what: "plaintext, one connection, pipelined by 16",
        target: "180000 requests/s",
        shape: shape(H1, 16, false),
        names: ["ours", "epoll"],
        latency: false,
    },
    Goal {
        what: "echo of 13 octets, one connection",
        target: "p50 20us p99 80us",
        shape: shape(H1, 1, true),
        names: ["ours+echo", "epoll+echo"],
        latency: true,
    },
    Goal {
        what: "HTTP/2, one connection, 1000 streams",
        target: "1500000 requests/s",
        shape: shape(H2, 1000, false),
        names: ["ours+streams", "epoll"],
        latency: false,
    },
];

/// Prints target, ours and ceiling of each.
pub(crate) fn run(cores: Cores, options: &Options) {
    for goal in GOALS {
        let (rounds, milliseconds) = (options.rounds, options.milliseconds);
        let measured =
            rounds::measure(&goal.names, goal.shape, Load::Own, cores, rounds, milliseconds);
        match measured.as_deref() {
            Ok([ours, ceiling]) => line(
                goal.what,
                goal.target,
                &figure(ours, goal.latency),
                &figure(ceiling, goal.latency),
            ),
            Ok(_) => {}
            Err(error) => println!("W34   {}: failed: {error}", goal.what),
        }
    }
    let connections = memory::connections();
    for (protocol, what) in
        [(H1, "an idle connection of HTTP/1.1"), (H2, "an idle connection of HTTP/2")]
    {
        let weight = |name| {
            memory::measure(name, protocol, cores, connections, options.milliseconds).map(kib)
        };
        let shown = |it: io::Result<String>| it.unwrap_or_else(|error| format!("failed: {error}"));
        line(what, "8 KiB", &shown(weight("ours")), &shown(weight("epoll")));
    }
    println!(
        "W34   restart under load: target 0 requests lost; asserted by\n\
         W34     cargo test --release -p tests --test driver_replacement -- --ignored --nocapture"
    );
}

fn line(what: &str, target: &str, ours: &str, ceiling: &str) {
    println!("W34   {what}: target {target}   ours {ours}   ceiling {ceiling}");
}

fn kib(octets: f64) -> String {
    format!("{:.2} KiB", octets / 1024.0)
}

/// The rate also as that of a second of the server's processor time: where that is more, the generator was
/// too slow for it.
fn figure(measured: &Measured, latency: bool) -> String {
    if latency {
        return measured.percentiles.to_string();
    }
    let rate = median(measured.turns.iter().map(|it| it.per_second));
    let cost = median(measured.turns.iter().map(Turn::cost));
    // Turns can be too short for the system's clock.
    if cost == 0.0 {
        return format!("{rate:.0} requests/s");
    }
    format!("{rate:.0} requests/s ({:.0} per CPU second)", 100_000.0 / cost)
}
