//! A head: start line and field lines (how they are read: `read`). The octets are kept once, as they came; offsets say what
//! is where. The reader is resumable line by line.

mod field_line;
mod known;
mod line;
mod read;
mod start_line;

use alloc::vec::Vec;
use core::fmt;

use crate::error::ErrorKind;
use crate::event::{Field, Version};
use crate::framing::Facts;
use crate::grammar;
use crate::scan::slice;

use self::known::{Before, Known};
pub(crate) use self::read::{Fault, Progress, Section, read, resume};
pub(crate) use self::start_line::target_form;

/// The start line and the fields of a message, or a trailer section (no start line).
///
/// A buffer to use again and again: a connection fills it, and once it has grown to the size of
/// the traffic it allocates no more. Order and letter case are kept; [`Head::raw`] has every octet.
///
/// Also when it is cleared it keeps what it held until it is filled again: lines that come again are read by
/// comparing. So the last request-target stays in memory, too; drop the buffer to get rid of it.
pub struct Head {
    raw: Vec<u8>,
    lines: Vec<Line>,
    start: StartLine,
    start_edition: u64,
    /// What the field lines say of the connection.
    facts: Facts,
    known: Known,
    before: Before,
    /// What is in it is not shown.
    is_clear: bool,
    edition: u64,
}

/// Where a field line is in `raw`.
#[derive(Clone, Copy, Default)]
struct Line {
    name: u32,
    name_end: u32,
    value: u32,
    value_end: u32,
}

impl Line {
    /// The field that it is.
    #[inline]
    fn of(self, raw: &[u8]) -> Field<'_> {
        Field {
            name: slice(raw, self.name as usize, self.name_end as usize),
            value: slice(raw, self.value as usize, self.value_end as usize),
        }
    }
}

#[derive(Clone, Copy)]
struct StartLine {
    kind: Kind,
    version: Version,
    form: TargetForm,
    status: u16,
    /// The method, from the beginning.
    method_end: u32,
    /// The request-target, or the reason phrase.
    text: u32,
    text_end: u32,
    /// The authority within the request-target.
    authority: u32,
    authority_end: u32,
}

impl StartLine {
    /// None at all.
    const NONE: Self = Self {
        kind: Kind::Trailers,
        version: Version::Http11,
        form: TargetForm::Origin,
        status: 0,
        method_end: 0,
        text: 0,
        text_end: 0,
        authority: 0,
        authority_end: 0,
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Trailers,
    Request,
    Response,
}

/// The four forms of a request-target (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 9112 §3.2 knows these four")]
pub enum TargetForm {
    /// `/path?query`
    #[default]
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `host:port`, of CONNECT only.
    Authority,
    /// `*`, of OPTIONS only.
    Asterisk,
}

impl Head {
    /// An empty head. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            raw: Vec::new(),
            lines: Vec::new(),
            start: StartLine::NONE,
            start_edition: 0,
            facts: Facts::NONE,
            known: Known::NONE,
            before: Before::NONE,
            is_clear: true,
            edition: 0,
        }
    }

    /// The method of a request; empty for others.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        self.octets(0, self.start().method_end)
    }

    /// The request-target of a request as it came; empty for others.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        match self.start().kind {
            Kind::Request => self.octets(self.start().text, self.start().text_end),
            Kind::Response | Kind::Trailers => b"",
        }
    }

    /// The form of the request-target.
    #[must_use]
    pub fn target_form(&self) -> TargetForm {
        self.start().form
    }

    /// Path and query of a request: the origin form, or that part of the absolute form (where an
    /// empty path is `/`). `*` and an authority have none: empty.
    #[must_use]
    pub fn path_and_query(&self) -> &[u8] {
        match self.start().form {
            TargetForm::Origin => self.target(),
            TargetForm::Absolute => {
                match self.octets(self.start().authority_end, self.start().text_end) {
                    [] => b"/",
                    rest => rest,
                }
            }
            TargetForm::Authority | TargetForm::Asterisk => b"",
        }
    }

    /// The authority that the request is for: that of the request-target if it has one, which
    /// overrides Host (RFC 9112 §3.2.2), else the value of Host. `None` if there is neither.
    #[must_use]
    pub fn authority(&self) -> Option<&[u8]> {
        if self.start().authority < self.start().authority_end {
            return Some(self.octets(self.start().authority, self.start().authority_end));
        }
        match self.start().kind {
            Kind::Request => self.field("host"),
            Kind::Response | Kind::Trailers => None,
        }
    }

    /// The version of the start line.
    #[must_use]
    pub fn version(&self) -> Version {
        self.start().version
    }

    /// The status code of a response; 0 for others.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.start().status
    }

    /// The reason phrase of a response; often empty.
    #[must_use]
    pub fn reason(&self) -> &[u8] {
        match self.start().kind {
            Kind::Response => self.octets(self.start().text, self.start().text_end),
            Kind::Request | Kind::Trailers => b"",
        }
    }

    /// The field lines in the order in which they came.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        let lines = if self.is_clear { &[] } else { self.lines.as_slice() };
        Fields { raw: &self.raw, lines: lines.iter() }
    }

    /// The value of the first field with this name; letter case does not matter.
    #[must_use]
    pub fn field(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.fields().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The values of all fields with this name, in order; letter case does not matter.
    pub fn field_values<'h, 'n: 'h>(&'h self, name: &'n str) -> impl Iterator<Item = &'h [u8]> {
        self.fields()
            .filter(move |field| field.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| field.value)
    }

    /// The fields that an intermediary forwards: without those that mean this connection only and
    /// without those that Connection nominates (RFC 9110 §7.6.1). Content-Length and Host stay
    /// whatever is nominated, because they frame and route the message; a Content-Length that
    /// Transfer-Encoding overrides goes.
    pub fn end_to_end_fields(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        self.fields().filter(|field| {
            let name = field.name;
            if name.eq_ignore_ascii_case(b"host") {
                return true;
            }
            if name.eq_ignore_ascii_case(b"content-length") {
                // Overridden, it is no length (RFC 9112 §6.3, item 3).
                return self.field("transfer-encoding").is_none();
            }
            !grammar::is_hop_by_hop(name)
                && !self
                    .field_values("connection")
                    .any(|options| grammar::list_contains(options, name))
        })
    }

    /// A number for the field lines in this buffer, 0 while it is empty: when it is the same again, so are they,
    /// octet by octet, and what was made of them can be used again. Numbers of other buffers say nothing about
    /// this one, also if one is a clone of the other.
    #[inline]
    #[must_use]
    pub fn fields_edition(&self) -> u64 {
        if self.is_clear { 0 } else { self.edition }
    }

    /// A number for the start line in this buffer, 0 while it is empty and in a trailer section: when it is the same
    /// again, so is the line, octet by octet. What [`fields_edition`](Self::fields_edition) says of other buffers holds
    /// here, too.
    #[inline]
    #[must_use]
    pub fn start_line_edition(&self) -> u64 {
        if self.start().kind == Kind::Trailers { 0 } else { self.start_edition }
    }

    /// The field lines that are others than in that [`fields_edition`](Self::fields_edition) of this buffer, if it is this one
    /// or the one before, and had as many lines; `None` also for more than 64, and while the buffer is empty.
    #[inline]
    #[must_use]
    pub fn changed_since(&self, edition: u64) -> Option<ChangedFields<'_>> {
        self.others_than(edition).map(|others| ChangedFields { head: self, others })
    }

    /// Every octet of the head as it came, line ends included (in a response with folded fields,
    /// the folds are spaces).
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        if self.is_clear { &[] } else { &self.raw }
    }

    /// Makes it empty; keeps its memory.
    #[inline]
    pub fn clear(&mut self) {
        self.is_clear = true;
    }

    /// The start line, unless nothing is shown.
    #[inline]
    fn start(&self) -> &StartLine {
        if self.is_clear { &StartLine::NONE } else { &self.start }
    }

    /// What its field lines say of the connection.
    #[inline]
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The value of the field line with this index.
    pub(crate) fn value_of(&self, index: u32) -> &[u8] {
        let line = self.lines.get(index as usize).copied().unwrap_or_default();
        self.octets(line.value, line.value_end)
    }

    /// A fault in the value of a field line.
    pub(crate) fn fault_in(&self, kind: ErrorKind, index: usize) -> Fault {
        let line = self.lines.get(index).copied().unwrap_or_default();
        Fault { kind, at: line.value as usize, name: Some((line.name, line.name_end)) }
    }

    fn octets(&self, from: u32, to: u32) -> &[u8] {
        slice(self.raw(), from as usize, to as usize)
    }
}

impl Clone for Head {
    /// What is in it: an empty buffer's clone is a new one.
    fn clone(&self) -> Self {
        if self.is_clear {
            return Self::new();
        }
        Self { raw: self.raw.clone(), lines: self.lines.clone(), ..*self }
    }
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Head {
    /// By content: two heads are the same if their octets are.
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw() && self.start().kind == other.start().kind
    }
}

impl Eq for Head {}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.start().kind {
            Kind::Request => write!(
                f,
                "{} {} {}",
                self.method().escape_ascii(),
                self.target().escape_ascii(),
                self.version()
            )?,
            Kind::Response => {
                write!(f, "{} {} {}", self.version(), self.status(), self.reason().escape_ascii())?
            }
            Kind::Trailers => {}
        }
        f.write_str(" [")?;
        for (index, field) in self.fields().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{field:?}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The field lines of a [`Head`], in order.
#[derive(Clone)]
pub struct Fields<'h> {
    raw: &'h [u8],
    lines: core::slice::Iter<'h, Line>,
}

impl<'h> Iterator for Fields<'h> {
    type Item = Field<'h>;

    #[inline]
    fn next(&mut self) -> Option<Field<'h>> {
        self.lines.next().map(|line| line.of(self.raw))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.lines.size_hint()
    }
}

impl ExactSizeIterator for Fields<'_> {}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// The field lines of a [`Head`] that changed, in order, each with its index among all.
#[derive(Clone, Debug)]
pub struct ChangedFields<'h> {
    head: &'h Head,
    /// Those that are still to come, bit by bit.
    others: u64,
}

impl<'h> Iterator for ChangedFields<'h> {
    type Item = (usize, Field<'h>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let index = self.others.trailing_zeros();
        self.others &= self.others.checked_sub(1)?;
        let index = index as usize;
        let line = self.head.lines.get(index)?;
        Some((index, line.of(&self.head.raw)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.others.count_ones() as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for ChangedFields<'_> {}
