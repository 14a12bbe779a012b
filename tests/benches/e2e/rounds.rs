//! Paired rounds: contenders take turns, so that what the machine does hits all alike.

use std::io;

use crate::cores::Cores;
use crate::load::{Load, Percentiles, Seen, Shape};
use crate::process::{Cpu, Server};

/// What a contender gave.
pub(crate) struct Measured {
    /// Round by round.
    pub(crate) turns: Vec<Turn>,
    pub(crate) percentiles: Percentiles,
}

/// What one turn of a contender gave.
pub(crate) struct Turn {
    pub(crate) cpu: Cpu,
    pub(crate) per_second: f64,
    requests: usize,
}

impl Turn {
    /// Seconds of processor time for 100,000 requests.
    pub(crate) fn cost(&self) -> f64 {
        (self.cpu.user + self.cpu.system) * 100_000.0 / self.requests as f64
    }
}

/// The turns of all contenders, in the order of their names.
pub(crate) fn measure(
    names: &[&str],
    shape: Shape,
    load: Load,
    cores: Cores,
    rounds: usize,
    milliseconds: u64,
) -> io::Result<Vec<Measured>> {
    // Enough to warm a server up, to learn how fast it is, and to see its processor time; one request at a
    // time takes more of all that.
    let first = if shape.connections * shape.at_once > 1 { 20_000 } else { 5_000 };
    let mut servers = Vec::new();
    for name in names {
        let named = |error| io::Error::other(format!("{name}: {error}"));
        let server = Server::start(name, shape.protocol, cores, &[]).map_err(named)?;
        let rate = load.run(shape, server.address, first).map_err(named)?.per_second;
        let requests = (rate * milliseconds as f64 / 1000.0) as usize;
        servers.push((server, requests.max(first)));
    }
    let mut turns: Vec<Vec<Turn>> = names.iter().map(|_| Vec::new()).collect();
    let mut percentiles: Vec<Vec<Percentiles>> = names.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for turn in 0..names.len() {
            let index = (round + turn) % names.len();
            let (server, requests) = &servers[index];
            let before = server.cpu();
            let Seen { per_second, percentiles: known } =
                load.run(shape, server.address, *requests)?;
            let after = server.cpu();
            let cpu = Cpu { user: after.user - before.user, system: after.system - before.system };
            turns[index].push(Turn { cpu, per_second, requests: *requests });
            // h2load does not know them: a tenth of the requests again.
            let known = match known {
                Some(known) => Some(known),
                None => Load::Own.run(shape, server.address, requests / 10)?.percentiles,
            };
            percentiles[index].extend(known);
        }
    }
    let middle = |of: &[Percentiles]| Percentiles {
        half: median(of.iter().map(|it| it.half)),
        most: median(of.iter().map(|it| it.most)),
    };
    let both = turns.into_iter().zip(&percentiles);
    Ok(both.map(|(turns, of)| Measured { turns, percentiles: middle(of) }).collect())
}

pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
