//! A head: start line and field lines (how they are read: `read`). The octets are kept once, as they came; offsets say what
//! is where. The reader is resumable line by line.

mod field_line;
mod line;
mod read;
mod start_line;

use alloc::vec::Vec;
use core::fmt;

use crate::error::ErrorKind;
use crate::event::{Field, Version};
use crate::grammar;
use crate::scan::slice;

pub(crate) use self::read::{Fault, Progress, Section, read, resume};
pub(crate) use self::start_line::target_form;

/// The start line and the fields of a message, or a trailer section (no start line).
///
/// A buffer to use again and again: a connection fills it, and once it has grown to the size of
/// the traffic it allocates no more. Order and letter case are kept; [`Head::raw`] has every octet.
#[derive(Clone, Default)]
pub struct Head {
    raw: Vec<u8>,
    lines: Vec<Line>,
    start: StartLine,
}

/// Where a field line is in `raw`.
#[derive(Clone, Copy, Default)]
struct Line {
    name: u32,
    name_end: u32,
    value: u32,
    value_end: u32,
}

#[derive(Clone, Copy, Default)]
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

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
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
            start: StartLine {
                kind: Kind::Trailers,
                version: Version::Http11,
                form: TargetForm::Origin,
                status: 0,
                method_end: 0,
                text: 0,
                text_end: 0,
                authority: 0,
                authority_end: 0,
            },
        }
    }

    /// The method of a request; empty for others.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        self.octets(0, self.start.method_end)
    }

    /// The request-target of a request as it came; empty for others.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        match self.start.kind {
            Kind::Request => self.octets(self.start.text, self.start.text_end),
            Kind::Response | Kind::Trailers => b"",
        }
    }

    /// The form of the request-target.
    #[must_use]
    pub fn target_form(&self) -> TargetForm {
        self.start.form
    }

    /// Path and query of a request: the origin form, or that part of the absolute form (where an
    /// empty path is `/`). `*` and an authority have none: empty.
    #[must_use]
    pub fn path_and_query(&self) -> &[u8] {
        match self.start.form {
            TargetForm::Origin => self.target(),
            TargetForm::Absolute => {
                match self.octets(self.start.authority_end, self.start.text_end) {
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
        if self.start.authority < self.start.authority_end {
            return Some(self.octets(self.start.authority, self.start.authority_end));
        }
        match self.start.kind {
            Kind::Request => self.field("host"),
            Kind::Response | Kind::Trailers => None,
        }
    }

    /// The version of the start line.
    #[must_use]
    pub fn version(&self) -> Version {
        self.start.version
    }

    /// The status code of a response; 0 for others.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.start.status
    }

    /// The reason phrase of a response; often empty.
    #[must_use]
    pub fn reason(&self) -> &[u8] {
        match self.start.kind {
            Kind::Response => self.octets(self.start.text, self.start.text_end),
            Kind::Request | Kind::Trailers => b"",
        }
    }

    /// The field lines in the order in which they came.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields { raw: &self.raw, lines: self.lines.iter() }
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

    /// Every octet of the head as it came, line ends included (in a response with folded fields,
    /// the folds are spaces).
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Makes it empty; keeps its memory.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.lines.clear();
        self.start = StartLine::default();
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
        slice(&self.raw, from as usize, to as usize)
    }
}

impl PartialEq for Head {
    /// By content: two heads are the same if their octets are.
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw && self.start.kind == other.start.kind
    }
}

impl Eq for Head {}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.start.kind {
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
        let line = self.lines.next()?;
        Some(Field {
            name: slice(self.raw, line.name as usize, line.name_end as usize),
            value: slice(self.raw, line.value as usize, line.value_end as usize),
        })
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
