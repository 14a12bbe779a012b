//! Interleaved timing: who is compared runs in turns, in many short batches on the same input.
//!
//! A machine that is busy, hot or throttled changes from one second to the next, but hardly
//! from one batch to the next. So every round runs one batch of each contender, the order rotates
//! from round to round, and the ratios are medians of the ratios of single rounds. Absolute times
//! are medians as well, and only for orientation. Who is slower than the others by far takes part
//! in some of the rounds only, so that it does not take the time of all.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Who is measured, and how a batch of the row's operations is run.
pub(crate) struct Contender<'a> {
    name: &'static str,
    batch: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    /// `batch` prepares what it needs, runs the operations within [`timed`], and returns its time.
    pub(crate) fn new(name: &'static str, batch: impl FnMut() -> Duration + 'a) -> Self {
        Self { name, batch: Box::new(batch) }
    }
}

/// The part of a batch that counts. Never inlined, so that a profiler can collect in it alone.
#[inline(never)]
pub(crate) fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// What our time must be at most.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// So many times that of a contender in the same run.
    Times(f64, &'static str),
    /// So many times that of a contender, which stands for a peer that is not here: their
    /// relation was measured once, elsewhere.
    Through { times: f64, name: &'static str, absent: &'static str },
    /// So many nanoseconds.
    Nanoseconds(f64),
    /// What lets our rate be at least so many times that of a contender.
    Rate(f64, &'static str),
}

/// A line of the table.
pub(crate) struct Row<'a> {
    /// The row's name in the list of peers; lines begin with it.
    pub(crate) id: &'static str,
    /// What it is about.
    pub(crate) what: String,
    /// Operations in a batch.
    pub(crate) operations: usize,
    /// Octets that a batch works through, if the row is about their rate.
    pub(crate) octets: Option<usize>,
    /// Ours first.
    pub(crate) contenders: Vec<Contender<'a>>,
    /// What must hold; none if the line only informs.
    pub(crate) bar: Option<Limit>,
    /// Where it is going.
    pub(crate) goal: Option<Limit>,
}

/// How to run.
pub(crate) struct Options {
    /// Rows whose names begin so; none for all.
    pub(crate) prefixes: Vec<String>,
    /// Whether a row that falls short fails the run.
    pub(crate) strict: bool,
    /// Time for each row.
    pub(crate) budget: Duration,
    /// For a profiler: only this contender, so many batches.
    pub(crate) only: Option<(String, usize)>,
}

impl Options {
    /// Whether a line was asked for.
    pub(crate) fn wants(&self, line: &str) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| line.starts_with(prefix))
    }

    /// Whether any line may have been asked for whose row begins so.
    pub(crate) fn wants_family(&self, family: &str) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| prefix.starts_with(family))
    }

    /// Runs a row if it was asked for and prints its line. Whether the bar held.
    pub(crate) fn run(&self, mut row: Row<'_>) -> bool {
        if !self.wants(&format!("{} {}", row.id, row.what)) {
            return true;
        }
        if let Some((name, batches)) = &self.only {
            for contender in row.contenders.iter_mut().filter(|it| it.name == name) {
                for _ in 0..*batches {
                    (contender.batch)();
                }
                println!("{} {}: {} operations", row.id, name, batches * row.operations);
            }
            return true;
        }
        let rounds = measure(&mut row.contenders, self.budget);
        let (line, held) = Report { row: &row, rounds }.line();
        println!("{line}");
        held
    }
}

/// The nanoseconds of a batch, for each contender, round by round; none where it did not take part.
fn measure(contenders: &mut [Contender<'_>], budget: Duration) -> Vec<Vec<Option<f64>>> {
    const ROUNDS_MIN: usize = 50;
    /// For batches so long that as many rounds would take minutes.
    const ROUNDS_MIN_LONG: usize = 5;
    const LONG: f64 = 10e6;
    const SLOW: f64 = 8.0;
    const SELDOM: usize = 10;
    let warm: Vec<f64> = contenders.iter_mut().map(|it| warm_up(it, budget / 10)).collect();
    let fastest = warm.iter().copied().fold(f64::INFINITY, f64::min);
    let rounds_min = if fastest > LONG { ROUNDS_MIN_LONG } else { ROUNDS_MIN };
    let mut rounds = vec![Vec::new(); contenders.len()];
    let start = Instant::now();
    for round in 0.. {
        if round >= rounds_min && start.elapsed() >= budget {
            break;
        }
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            let takes_part = round % SELDOM == 0 || warm[index] < SLOW * fastest;
            let time = takes_part.then(|| (contenders[index].batch)().as_nanos() as f64);
            rounds[index].push(time);
        }
    }
    rounds
}

/// Some batches that do not count, as many as the time allows; how long the last one took.
fn warm_up(contender: &mut Contender<'_>, budget: Duration) -> f64 {
    const BATCHES_MAX: usize = 20;
    let start = Instant::now();
    let mut last = Duration::ZERO;
    for _ in 0..BATCHES_MAX {
        last = (contender.batch)();
        if start.elapsed() > budget {
            break;
        }
    }
    last.as_nanos() as f64
}

/// What is said of a row that was measured.
struct Report<'a> {
    row: &'a Row<'a>,
    rounds: Vec<Vec<Option<f64>>>,
}

impl Report<'_> {
    /// The line of the row, and whether its bar held.
    fn line(&self) -> (String, bool) {
        let row = self.row;
        let unit = if row.octets.is_some() { "MB/s" } else { "ns" };
        let mut line = format!("{:<4} {:<15}  ours {} {unit}", row.id, row.what, self.absolute(0));
        for (index, contender) in row.contenders.iter().enumerate().skip(1) {
            write!(line, "  {} {}", contender.name, self.absolute(index)).unwrap();
        }
        let held = row.bar.is_none_or(|bar| {
            let (text, held) = self.bar(bar);
            line.push_str(&text);
            line.push_str(if held { "  ok" } else { "  short" });
            held
        });
        match row.goal {
            Some(Limit::Times(times, name) | Limit::Through { times, name, .. }) => {
                write!(line, "  ({:.2} x {name}, goal {times:.2})", self.ratio(name)).unwrap();
            }
            Some(Limit::Rate(times, name)) => {
                let rate = 1.0 / self.ratio(name);
                write!(line, "  ({rate:.2} x {name}, goal {times:.2})").unwrap();
            }
            Some(Limit::Nanoseconds(limit)) => write!(line, "  (goal {limit:.0} ns)").unwrap(),
            None => {}
        }
        if let Some((name, ratio)) = self.best_peer() {
            let ratio = if row.octets.is_some() { 1.0 / ratio } else { ratio };
            write!(line, "  [{ratio:.2} x the best, {name}]").unwrap();
        }
        (line, held)
    }

    fn bar(&self, bar: Limit) -> (String, bool) {
        match bar {
            Limit::Times(times, name) => {
                let ratio = self.ratio(name);
                (format!("  ratio {ratio:.2} x {name}  bar {times:.2}"), ratio <= times)
            }
            Limit::Through { times, name, absent } => {
                let scaled = self.ratio(name) / times;
                let once = format!("(not here; once {times:.2} x {name})");
                (format!("  ratio {scaled:.2} x {absent} {once}  bar 1.00"), scaled <= 1.0)
            }
            Limit::Nanoseconds(limit) => (format!("  bar {limit:.0} ns"), self.ns(0) <= limit),
            Limit::Rate(times, name) => {
                let rate = 1.0 / self.ratio(name);
                (format!("  ratio {rate:.2} x {name}  bar {times:.2}"), rate >= times)
            }
        }
    }

    /// Nanoseconds an operation.
    fn ns(&self, index: usize) -> f64 {
        median(self.rounds[index].iter().flatten().copied()) / self.row.operations as f64
    }

    /// The number of a contender in the row's unit.
    fn absolute(&self, index: usize) -> String {
        match self.row.octets {
            // Octets in a nanosecond are thousands of millions in a second.
            Some(octets) => {
                let time = self.ns(index) * self.row.operations as f64;
                format!("{:.0}", octets as f64 / time * 1000.0)
            }
            None => format!("{:.1}", self.ns(index)),
        }
    }

    /// Our time as so many times that of a contender.
    fn ratio(&self, name: &str) -> f64 {
        let peer = self.row.contenders.iter().position(|it| it.name == name).expect("a contender");
        let both = self.rounds[0].iter().zip(&self.rounds[peer]);
        median(both.filter_map(|(ours, theirs)| Some((*ours)? / (*theirs)?)))
    }

    /// The fastest of several peers, and our time as so many times its.
    fn best_peer(&self) -> Option<(&'static str, f64)> {
        let peers = &self.row.contenders[1..];
        if peers.len() < 2 {
            return None;
        }
        let ratios = peers.iter().map(|peer| (peer.name, self.ratio(peer.name)));
        ratios.max_by(|one, other| one.1.total_cmp(&other.1))
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
