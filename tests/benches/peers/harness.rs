//! Interleaved timing: who is compared runs in turns, in many short batches on the same input.
//!
//! A machine that is busy, hot or throttled changes from one second to the next, but hardly
//! from one batch to the next. So every round runs one batch of each contender, the order rotates
//! from round to round, and the ratios are medians of the ratios of single rounds. Absolute times
//! are medians as well, and only for orientation.

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
}

/// A line of the table.
pub(crate) struct Row<'a> {
    /// The row's name in the list of peers; lines begin with it.
    pub(crate) id: &'static str,
    /// What it is about.
    pub(crate) what: String,
    /// Operations in a batch.
    pub(crate) operations: usize,
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
    /// Whether a row was asked for.
    fn wants(&self, row: &Row<'_>) -> bool {
        let name = format!("{} {}", row.id, row.what);
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// Runs a row if it was asked for and prints its line. Whether the bar held.
    pub(crate) fn run(&self, mut row: Row<'_>) -> bool {
        if !self.wants(&row) {
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
        let (line, held) = report(&row, &rounds);
        println!("{line}");
        held
    }
}

/// The nanoseconds of a batch, for each contender, round by round.
fn measure(contenders: &mut [Contender<'_>], budget: Duration) -> Vec<Vec<f64>> {
    const ROUNDS_MIN: usize = 50;
    for contender in contenders.iter_mut() {
        for _ in 0..20 {
            (contender.batch)();
        }
    }
    let mut rounds = vec![Vec::new(); contenders.len()];
    let start = Instant::now();
    let mut first = 0;
    while start.elapsed() < budget || rounds[0].len() < ROUNDS_MIN {
        for turn in 0..contenders.len() {
            let index = (first + turn) % contenders.len();
            rounds[index].push((contenders[index].batch)().as_nanos() as f64);
        }
        first += 1;
    }
    rounds
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The line of a row, and whether its bar held.
fn report(row: &Row<'_>, rounds: &[Vec<f64>]) -> (String, bool) {
    let ns = |index: usize| median(rounds[index].clone()) / row.operations as f64;
    let mut line = format!("{:<4} {:<15} ours {:.1} ns", row.id, row.what, ns(0));
    for (index, contender) in row.contenders.iter().enumerate().skip(1) {
        write!(line, "  {} {:.1}", contender.name, ns(index)).unwrap();
    }
    let ratio = |name: &str| {
        let peer = row.contenders.iter().position(|it| it.name == name).expect("a contender");
        median(rounds[0].iter().zip(&rounds[peer]).map(|(ours, theirs)| ours / theirs).collect())
    };
    let mut held = true;
    match row.bar {
        Some(Limit::Times(times, name)) => {
            held = ratio(name) <= times;
            write!(line, "  ratio {:.2} x {name}  bar {times:.2}", ratio(name)).unwrap();
        }
        Some(Limit::Through { times, name, absent }) => {
            held = ratio(name) <= times;
            let scaled = ratio(name) / times;
            write!(
                line,
                "  ratio {scaled:.2} x {absent} (not here; once {times:.2} x {name})  bar 1.00"
            )
            .unwrap();
        }
        Some(Limit::Nanoseconds(limit)) => {
            held = ns(0) <= limit;
            write!(line, "  bar {limit:.0} ns").unwrap();
        }
        None => {}
    }
    if row.bar.is_some() {
        line.push_str(if held { "  ok" } else { "  short" });
    }
    match row.goal {
        Some(Limit::Times(times, name) | Limit::Through { times, name, .. }) => {
            write!(line, "  ({:.2} x {name}, goal {times:.2})", ratio(name)).unwrap();
        }
        Some(Limit::Nanoseconds(limit)) => write!(line, "  (goal {limit:.0} ns)").unwrap(),
        None => {}
    }
    (line, held)
}
