//! Ours beside the peers, in one process on the same input: `cargo bench -p tests --bench peers`.
//!
//! ```text
//! cargo bench -p tests --bench peers [-- [--strict] [--milliseconds N] [PREFIX...]]
//! ```
//!
//! One line a row, which begins with the row's name and says `ok` or `short` of its bar: the
//! ratio to a peer in the same run, of times, or of rates where the unit is MB/s, or of sizes; or
//! an amount, of blocks that were allocated or of octets that are held. In brackets is the ratio
//! to the best of several peers. Only lines that begin with a PREFIX run, if
//! any is given. With `--strict` a row that falls short makes the exit status 1; without, the
//! status is 0, because a busy machine is no fault of the code.
//!
//! The rows are P (HPACK), H1 (HTTP/1.1), H2 (HTTP/2) and M3 (memory of a connection alone).
//!
//! For a profiler, `--only CONTENDER --batches N` runs nothing but N batches of one contender;
//! what counts of them is within `timed`:
//!
//! ```text
//! valgrind --tool=callgrind --toggle-collect='*timed*' BINARY --only ours --batches 20 H1b
//! ```

mod amounts;
mod h1;
mod h2;
mod harness;
mod hpack;
mod inputs;
mod literals;
mod sizes;
mod switched;

use std::process::ExitCode;
use std::time::Duration;

use harness::Options;

#[global_allocator]
static ALLOCATOR: switched::Switched = switched::Switched;

fn main() -> ExitCode {
    let mut options = Options {
        prefixes: Vec::new(),
        strict: false,
        budget: Duration::from_millis(600),
        only: None,
    };
    let mut only = None;
    let mut batches = 1;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|it| it.parse().ok()).expect("a number");
        match argument.as_str() {
            // Cargo passes it to every bench.
            "--bench" => {}
            "--strict" => options.strict = true,
            "--milliseconds" => options.budget = Duration::from_millis(number()),
            "--batches" => batches = number() as usize,
            "--only" => only = arguments.next(),
            prefix => options.prefixes.push(prefix.to_owned()),
        }
    }
    options.only = only.map(|name| (name, batches));

    let held = h1::rows(&options) & h2::rows(&options) & hpack::rows(&options);
    if options.strict && !held { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
