//! Runs rows and says what came out.

use std::path::PathBuf;

use crate::cores::{Cores, Machine};
use crate::goals;
use crate::instructions;
use crate::load::Load;
use crate::memory;
use crate::peers;
use crate::rounds::{self, Measured, Turn, median};
use crate::rows::{Bar, MEMORY, Memory, REQUESTS, Row};

/// How to run.
pub(crate) struct Options {
    /// Rows whose names begin so; none for all.
    pub(crate) prefixes: Vec<String>,
    /// Whether a row that falls short fails the run.
    pub(crate) strict: bool,
    pub(crate) rounds: usize,
    /// About how long one turn of a contender takes.
    pub(crate) milliseconds: u64,
    /// Our own generator, whatever is installed.
    pub(crate) own: bool,
    /// Instructions instead of time.
    pub(crate) callgrind: bool,
    /// Where callgrind's files stay.
    pub(crate) keep: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefixes: Vec::new(),
            strict: false,
            rounds: 5,
            milliseconds: 1000,
            own: false,
            callgrind: false,
            keep: None,
        }
    }
}

/// Runs the rows that were asked for; whether all bars held.
pub(crate) fn run(options: &Options) -> bool {
    let wanted = |line: &str| {
        options.prefixes.is_empty() || options.prefixes.iter().any(|it| line.starts_with(it))
    };
    if options.callgrind && !instructions::available() {
        return true;
    }
    let machine = Machine::ask();
    let load = Load::choose(options.own);
    let mut held = true;
    for row in REQUESTS {
        let line = format!("{} {}", row.id, row.what);
        // What several threads do is not the same twice.
        if !wanted(&line) || options.callgrind && row.workers > 1 {
            continue;
        }
        println!("{line}");
        let cores = machine.cores(row.workers);
        let names = present(row.id, row.names);
        held &= if options.callgrind {
            count(row, &names, load, cores, options)
        } else {
            time(row, &names, load, cores, options)
        };
    }
    if options.callgrind {
        return held;
    }
    let memory: Vec<_> = MEMORY.iter().filter(|it| wanted(it.id)).collect();
    if !memory.is_empty() {
        let (connections, cores) = (memory::connections(), machine.cores(1));
        for row in memory {
            let names = present(row.id, row.names);
            held &= weigh(row, &names, cores, connections, options.milliseconds);
        }
    }
    if wanted(goals::LINE) {
        println!("{}", goals::LINE);
        goals::run(machine.cores(1), options);
    }
    held
}

/// Those who are here.
fn present(id: &str, names: &[&'static str]) -> Vec<&'static str> {
    let (here, absent): (Vec<_>, Vec<_>) =
        names.iter().partition(|name| !peers::is_one(name) || peers::find(name).is_some());
    if !absent.is_empty() {
        println!("{id}   not installed, skipped: {}", absent.join(", "));
    }
    here
}

/// A line for each contender, and one that compares.
fn time(row: &Row, names: &[&'static str], load: Load, cores: Cores, options: &Options) -> bool {
    let measured =
        rounds::measure(names, row.shape, load, cores, options.rounds, options.milliseconds);
    let measured = match measured {
        Ok(measured) => measured,
        Err(error) => {
            println!("{}   failed: {error}", row.id);
            return false;
        }
    };
    for (name, Measured { turns, percentiles }) in names.iter().zip(&measured) {
        let rate = median(turns.iter().map(|it| it.per_second));
        let whole = median(turns.iter().map(Turn::cost));
        let sum = |of: fn(&Turn) -> f64| turns.iter().map(of).sum::<f64>();
        let (user, all) = (sum(|it| it.cpu.user), sum(|it| it.cpu.user + it.cpu.system));
        // Turns can be too short for the system's clock.
        let user = if all > 0.0 { user / all } else { 0.0 };
        println!(
            "{}   {name:<10} {rate:>8.0} requests/s   CPU s/100k {whole:.3} \
             (user {:.3}, system {:.3})   {percentiles}",
            row.id,
            whole * user,
            whole * (1.0 - user),
        );
    }
    let ratios = (1..names.len()).map(|peer| {
        let both = measured[0].turns.iter().zip(&measured[peer].turns);
        (names[peer], median(both.map(|(ours, theirs)| ours.cost() / theirs.cost())))
    });
    compare(row.id, "CPU", names[0], &ratios.collect::<Vec<_>>(), row.cpu)
}

/// The same of instructions.
fn count(row: &Row, names: &[&'static str], load: Load, cores: Cores, options: &Options) -> bool {
    let mut counts = Vec::new();
    for name in names {
        match instructions::measure(row.id, name, row.shape, load, cores, options.keep.as_deref()) {
            Ok(count) => {
                println!("{}   {name:<10} {count:>8.0} instructions a request", row.id);
                counts.push((*name, count));
            }
            Err(error) => println!("{}   {name:<10} failed: {error}", row.id),
        }
    }
    let Some(((ours, count), peers)) = counts.split_first().filter(|it| it.0.0 == names[0]) else {
        return false;
    };
    let ratios: Vec<_> = peers.iter().map(|(name, theirs)| (*name, count / theirs)).collect();
    compare(row.id, "instructions", ours, &ratios, row.instructions)
}

fn compare(
    id: &str,
    what: &str,
    ours: &str,
    ratios: &[(&'static str, f64)],
    bar: Option<Bar>,
) -> bool {
    let all = ratios.iter().map(|(name, ratio)| format!("  {ratio:.2} x {name}"));
    let all = all.collect::<String>();
    let Some(Bar { times, peer, why }) = bar else {
        println!("{id}   {what} of {ours}:{all}");
        return true;
    };
    let ratio = ratios.iter().find(|it| it.0 == peer).map(|it| it.1);
    let held = ratio.is_some_and(|it| it <= times);
    let verdict = if held { "ok" } else { "short" };
    println!("{id}   {what} of {ours}:{all}  bar {times:.2} x {peer}{why}  {verdict}");
    held
}

/// A line for each contender.
fn weigh(
    row: &Memory,
    names: &[&'static str],
    cores: Cores,
    connections: usize,
    milliseconds: u64,
) -> bool {
    println!("{} {}, {connections} after one request each", row.id, row.what);
    let mut held = false;
    for (index, name) in names.iter().enumerate() {
        let octets = match memory::measure(name, row.protocol, cores, connections, milliseconds) {
            Ok(octets) => octets,
            Err(error) => {
                println!("{}   {name:<10} failed: {error}", row.id);
                continue;
            }
        };
        let kib = octets / 1024.0;
        print!("{}   {name:<10} {kib:>6.2} KiB a connection", row.id);
        if index == 0 {
            held = kib <= row.bar;
            print!("  bar {:.2} KiB  {}", row.bar, if held { "ok" } else { "short" });
        }
        println!();
    }
    held
}
