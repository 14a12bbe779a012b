//! Lines that come again: most clients send the same ones with every request. A buffer that has read them
//! before compares octets instead of reading them anew: the start line, then all field lines together, and if
//! those are not all the same, each with the one that was in its place.

use alloc::vec::Vec;

use super::line::narrow;
use super::{Head, Kind, Line};
use crate::framing::Facts;

/// What a buffer knows of the lines in it, also after it was cleared.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// The field lines are plain ones with CRLF to the end of the section: they mean the same whatever is lenient.
    is_plain: bool,
    /// Where they begin.
    from: u32,
    /// The start line before them is the one that was read last.
    has_start_line: bool,
    /// The value of Host was found to be one.
    has_host: bool,
}

/// The field lines that other ones take the places of, one by one.
#[derive(Clone, Copy)]
pub(super) struct Before {
    edition: u64,
    /// How many they were; none if they are not plain.
    count: usize,
    /// How many have given their places away.
    taken: usize,
    /// Which of the first ones came again, bit by bit.
    again: u64,
}

/// As many as there are bits.
const LINES_MARKED: usize = 64;

impl Known {
    /// Of nothing.
    pub(super) const NONE: Self =
        Self { is_plain: false, from: 0, has_start_line: false, has_host: false };
}

impl Before {
    pub(super) const NONE: Self = Self { edition: 0, count: 0, taken: 0, again: 0 };

    /// The line in whose place the next one comes, of these `lines` of a section, and its octets with the
    /// line end; `None` also if there was white space before that.
    #[inline]
    pub(super) fn line<'r>(&self, lines: &[Line], raw: &'r [u8]) -> Option<(Line, &'r [u8])> {
        if self.taken >= self.count {
            return None;
        }
        let line = *lines.get(self.taken)?;
        let octets = raw.get(line.name as usize..line.value_end as usize + 2)?;
        octets.ends_with(b"\r\n").then_some((line, octets))
    }

    /// Puts the next line into its place, which is the same line `again` or not.
    #[inline]
    pub(super) fn put(&mut self, lines: &mut Vec<Line>, line: Line, again: bool) {
        match lines.get_mut(self.taken) {
            Some(place) => *place = line,
            None => lines.push(line),
        }
        if self.taken < LINES_MARKED {
            self.again |= u64::from(again) << self.taken;
        }
        self.taken += 1;
    }

    /// The index of the next line.
    #[inline]
    pub(super) fn next(&self) -> u32 {
        narrow(self.taken)
    }
}

impl Head {
    /// The length of the start line that begins `input` if it is the one that is known, of this kind and with
    /// CRLF, and within these limits. It is read then.
    #[inline]
    pub(super) fn repeat_start_line(
        &self,
        kind: Kind,
        input: &[u8],
        octets_max: usize,
        method_max: usize,
    ) -> Option<usize> {
        let octets = self.known.from as usize;
        let line = self.raw.get(..octets).filter(|_| self.known.has_start_line)?;
        let fits = octets <= octets_max && self.start.method_end as usize <= method_max;
        (fits && self.start.kind == kind && line.ends_with(b"\r\n") && input.starts_with(line))
            .then_some(octets)
    }

    /// Another start line is about to be read.
    #[inline]
    pub(super) fn turn_start_line(&mut self) {
        self.known.has_start_line = false;
        self.start_edition += 1;
    }

    /// The length of the section that begins with `input` if behind its start line, which ends at `from`,
    /// come the field lines that are known, the empty line included. They are read then.
    #[inline]
    pub(super) fn repeat(&mut self, input: &[u8], from: usize) -> Option<usize> {
        let known = self.known.from as usize;
        let fields = self.raw.get(known..).filter(|_| self.known.is_plain)?;
        if !input.get(from..)?.starts_with(fields) {
            return None;
        }
        let octets = from + fields.len();
        if from == known {
            self.raw.get_mut(..from)?.copy_from_slice(input.get(..from)?);
        } else {
            self.raw.clear();
            self.raw.extend_from_slice(input.get(..octets)?);
            self.known.from = narrow(from);
            let by = self.known.from.wrapping_sub(narrow(known));
            self.lines.iter_mut().for_each(|line| line.shift(by));
        }
        self.known.has_start_line = true;
        self.is_clear = false;
        Some(octets)
    }

    /// How long the known field lines are together, and how many.
    #[inline]
    pub(super) fn known_size(&self) -> (usize, usize) {
        (self.raw.len().saturating_sub(self.known.from as usize), self.lines.len())
    }

    /// Other field lines come. Until all are there, `raw` is what it was, and nothing is shown.
    #[inline]
    pub(super) fn turn(&mut self) {
        if !self.known.is_plain {
            self.lines.clear();
        }
        let count = self.lines.len();
        self.before = Before { edition: self.edition, count, taken: 0, again: 0 };
        self.facts = Facts::NONE;
        self.known = Known::NONE;
        self.is_clear = true;
        self.edition += 1;
    }

    /// The line that was read last.
    pub(super) fn last_line(&mut self) -> Option<&mut Line> {
        self.lines.get_mut(self.before.taken.checked_sub(1)?)
    }

    /// All of them are there, in this section from `from` on.
    #[inline]
    pub(super) fn complete(&mut self, section: &[u8], from: usize, is_plain: bool) {
        self.raw.clear();
        self.raw.extend_from_slice(section);
        self.lines.truncate(self.before.taken);
        self.known = Known { is_plain, from: narrow(from), has_start_line: true, has_host: false };
        self.is_clear = false;
    }

    /// Which field lines are others than in that edition, bit by bit, if that can be told.
    #[inline]
    pub(super) fn others_than(&self, edition: u64) -> Option<u64> {
        if self.is_clear {
            return None;
        }
        if edition == self.edition {
            return Some(0);
        }
        let Before { edition: before, count, again, .. } = self.before;
        // A line that goes on in the next one came again only as far as its first part.
        let can_tell = before == edition && !self.facts.folded;
        (can_tell && count == self.lines.len() && (1..=LINES_MARKED).contains(&count))
            .then(|| !again & (u64::MAX >> (LINES_MARKED - count)))
    }

    /// Whether the value of Host was found to be one.
    #[inline]
    pub(crate) fn has_host(&self) -> bool {
        self.known.has_host
    }

    /// It was.
    #[inline]
    pub(crate) fn host_is_valid(&mut self) {
        self.known.has_host = true;
    }
}

impl Line {
    /// The same line where it begins at `start`.
    #[inline]
    pub(super) fn moved(mut self, start: usize) -> Self {
        self.shift(narrow(start).wrapping_sub(self.name));
        self
    }

    #[inline]
    fn shift(&mut self, by: u32) {
        let Self { name, name_end, value, value_end } = self;
        for place in [name, name_end, value, value_end] {
            *place = place.wrapping_add(by);
        }
    }
}
