//! Whole servers beside their peers, over TCP: `cargo bench -p tests --bench e2e`.
//!
//! ```text
//! cargo bench -p tests --bench e2e [-- [--strict] [--rounds N] [--milliseconds N] [--own]
//!                                      [--callgrind [--keep DIRECTORY]] [PREFIX...]]
//! ```
//!
//! Every server is a process of its own on one core; the load comes from another. The rows are E1 to E5
//! (requests), M1, M2 (memory of idle connections) and W34 (what is wanted of other machines, beside the
//! ceiling of this one). Contenders take turns, round by round, and the ratios are medians of those of
//! single rounds. What counts is the processor time that a server takes for a request; requests per second
//! also tell of the generator. Lines that compare with a bar say `ok` or `short`; with `--strict` one that
//! is short makes the exit status 1.
//!
//! Rows of 2 workers: ours has a listener (SO_REUSEPORT) and a runtime for each, hyper and axum have one
//! runtime of two threads, nginx has processes. They have a core each; if there is none left for the load,
//! a line says that cores are shared.
//!
//! With `--callgrind` servers run under valgrind, and the figure is instructions in user space per
//! request: those of a long run less those of a short one. `--keep` leaves callgrind's files there.
//!
//! The load is h2load's if it is installed (apt: nghttp2-client), else our own generator's, also with
//! `--own`. Percentiles are always of our own: after each turn of h2load it makes a tenth of the requests
//! again. nginx, h2o and nghttpd take part where they are installed.

#[cfg(target_os = "linux")]
mod bare;
#[cfg(target_os = "linux")]
mod cores;
#[cfg(target_os = "linux")]
mod generator;
#[cfg(target_os = "linux")]
mod goals;
#[cfg(target_os = "linux")]
mod instructions;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod rounds;
#[cfg(target_os = "linux")]
mod rows;
#[cfg(target_os = "linux")]
mod servers;
#[cfg(target_os = "linux")]
mod speak;

use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("skipped: processor time and memory of a process are read from /proc");
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let mut options = report::Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut next = || arguments.next().expect("a value");
        match argument.as_str() {
            // Cargo passes it to every bench.
            "--bench" => {}
            // What this binary runs of itself.
            "--serve" => return servers::run(&next(), &next(), &next()),
            "--generate" => return generator::run(&arguments.collect::<Vec<_>>()),
            "--own" => options.own = true,
            "--callgrind" => options.callgrind = true,
            "--keep" => options.keep = Some(next().into()),
            "--strict" => options.strict = true,
            "--rounds" => options.rounds = next().parse().expect("a number"),
            "--milliseconds" => options.milliseconds = next().parse().expect("a number"),
            prefix => options.prefixes.push(prefix.to_owned()),
        }
    }
    let held = report::run(&options);
    if options.strict && !held { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
