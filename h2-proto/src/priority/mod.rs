//! Priorities (RFC 9218): urgency and increments, as a `priority` field says them.

mod dictionary;
#[cfg(test)]
mod tests;

use dictionary::{Key, Value};

/// How a response is to be scheduled (RFC 9218 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "these are its parameters")]
pub struct Priority {
    /// From 0, the most urgent, to 7.
    pub urgency: u8,
    /// Whether parts of it are of use before the whole is there: such responses share, others go
    /// one after the other.
    pub incremental: bool,
}

impl Default for Priority {
    /// Urgency 3, not incremental.
    fn default() -> Self {
        Self { urgency: 3, incremental: false }
    }
}

impl Priority {
    /// The value of a `priority` field or a PRIORITY_UPDATE frame: a Dictionary (RFC 9218 §4). A
    /// member that has another type or range is as if it was not there (§4.1, §4.2); a value that is
    /// no Dictionary says nothing. Never an error.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        Self::of_lines([value])
    }

    /// The same of a Dictionary whose members come in several field lines.
    pub(crate) fn of_lines<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut priority = Self::default();
        let parsed = dictionary::parse(lines, |key, value| match (key, value) {
            (Key::U, Value::Integer(urgency @ 0..=7)) => priority.urgency = urgency as u8,
            (Key::U, _) => priority.urgency = Self::default().urgency,
            (Key::I, Value::Boolean(incremental)) => priority.incremental = incremental,
            (Key::I, _) => priority.incremental = Self::default().incremental,
            (Key::Other, _) => {}
        });
        if parsed.is_some() { priority } else { Self::default() }
    }

    /// The value that says it.
    #[must_use]
    pub const fn value(self) -> &'static [u8] {
        const PLAIN: [&[u8]; 8] = [b"u=0", b"u=1", b"u=2", b"u=3", b"u=4", b"u=5", b"u=6", b"u=7"];
        const INCREMENTAL: [&[u8]; 8] = [
            b"u=0, i", b"u=1, i", b"u=2, i", b"u=3, i", b"u=4, i", b"u=5, i", b"u=6, i", b"u=7, i",
        ];
        let row = if self.incremental { &INCREMENTAL } else { &PLAIN };
        row[(self.urgency & 7) as usize]
    }
}
