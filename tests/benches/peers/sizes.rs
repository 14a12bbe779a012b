//! Lines about sizes: what each makes of the same input. They need no time and no rounds.

use std::fmt::Write as _;

use crate::harness::Options;

/// A line of the table.
pub(crate) struct Sizes<'a> {
    /// The row's name in the list of peers; lines begin with it.
    pub(crate) id: &'static str,
    /// What it is about.
    pub(crate) what: &'a str,
    /// The size of the input.
    pub(crate) raw: usize,
    /// Names and what they make of it, in octets; ours first.
    pub(crate) results: Vec<(&'static str, usize)>,
    /// Whom ours is compared with: how many times its size it may be, and where it is going.
    pub(crate) peer: &'static str,
    pub(crate) bar: Option<f64>,
    pub(crate) goal: Option<f64>,
}

impl Sizes<'_> {
    /// Prints the line if it was asked for. Whether the bar held.
    pub(crate) fn print(&self, options: &Options) -> bool {
        if options.only.is_some() || !options.wants(&format!("{} {}", self.id, self.what)) {
            return true;
        }
        let mut line = format!("{:<4} {:<15}  {} B raw", self.id, self.what, self.raw);
        for (name, size) in &self.results {
            write!(line, "  {name} {size} ({:.3})", *size as f64 / self.raw as f64).unwrap();
        }
        let (_, ours) = self.results[0];
        let theirs = self.results.iter().find(|it| it.0 == self.peer).expect("a contender").1;
        let ratio = ours as f64 / theirs as f64;
        write!(line, "  ratio {ratio:.3} x {}", self.peer).unwrap();
        let held = self.bar.is_none_or(|bar| {
            let held = ratio <= bar;
            let word = if held { "ok" } else { "short" };
            write!(line, "  bar {bar:.2}  {word}").unwrap();
            held
        });
        if let Some(goal) = self.goal {
            write!(line, "  (goal {goal:.2})").unwrap();
        }
        let best = self.results[1..].iter().min_by_key(|it| it.1).expect("a peer");
        write!(line, "  [{:.3} x the best, {}]", ours as f64 / best.1 as f64, best.0).unwrap();
        println!("{line}");
        held
    }
}
