//! Lines about amounts: how much of something each needs. They need no time and no rounds.

use std::fmt::Write as _;

use crate::harness::Options;

/// A line of the table.
pub(crate) struct Amounts<'a> {
    /// The row's name in the list of peers; lines begin with it.
    pub(crate) id: &'static str,
    /// What it is about.
    pub(crate) what: &'a str,
    /// Of what.
    pub(crate) unit: &'static str,
    /// Names and amounts; ours first.
    pub(crate) results: Vec<(&'static str, f64)>,
    /// What ours may be at most, and where it is going.
    pub(crate) bar: Option<f64>,
    pub(crate) goal: Option<f64>,
}

impl Amounts<'_> {
    /// Whether the line was asked for. What it needs is only made then.
    pub(crate) fn wanted(options: &Options, id: &str, what: &str) -> bool {
        options.only.is_none() && options.wants(&format!("{id} {what}"))
    }

    /// Prints the line. Whether the bar held.
    pub(crate) fn print(&self) -> bool {
        let unit = self.unit;
        // What is counted has no fractions worth printing once it is many.
        let text = |amount: f64| {
            if amount < 100.0 && amount.fract() != 0.0 {
                format!("{amount:.2}")
            } else {
                format!("{amount:.0}")
            }
        };
        let mut line = format!("{:<4} {:<15}", self.id, self.what);
        for (name, amount) in &self.results {
            write!(line, "  {name} {} {unit}", text(*amount)).unwrap();
        }
        let ours = self.results[0].1;
        let held = self.bar.is_none_or(|bar| {
            let held = ours <= bar;
            let word = if held { "ok" } else { "short" };
            write!(line, "  bar {} {unit}  {word}", text(bar)).unwrap();
            held
        });
        if let Some(goal) = self.goal {
            write!(line, "  (goal {} {unit})", text(goal)).unwrap();
        }
        println!("{line}");
        held
    }
}
