//! A head: start line and field lines. The octets are kept once, as they came; offsets say what
//! is where. The reader is resumable line by line.
//!
//! # How a head is read
//!
//! [`read`] looks at whole lines only. A line that is not complete is left for the next call, and
//! what is wrong in it is told only once its end is there or its limit is passed: so a verdict
//! never depends on how the transport cut the octets. What must be decided on all lines together
//! (framing, Host) is decided when the last one is read.

use alloc::vec::Vec;
use core::fmt;

use crate::config::Config;
use crate::error::ErrorKind;
use crate::event::{Field, Version};
use crate::framing::Facts;
use crate::grammar;
use crate::scan::{end_of_class, end_of_field_content, slice};

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

// ---- reading ----

/// Which grammar a section follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Request,
    Response,
    Trailers,
}

/// How far a section that is not complete was read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Where the first line begins that is not read.
    line: u32,
    /// Field lines read.
    fields: u32,
    /// Up to where there is no further line end.
    scanned: u32,
    /// Octets looked at and not yet used, over the life of the connection.
    again: u64,
}

impl Progress {
    /// Octets looked at beside those of complete sections, which count once by their length.
    pub(crate) fn work(&self) -> u64 {
        self.again
    }
}

/// What is wrong, and where, from the beginning of the section.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) at: usize,
    /// The name of the field at fault.
    pub(crate) name: Option<(u32, u32)>,
}

impl Fault {
    pub(crate) fn new(kind: ErrorKind, at: usize) -> Self {
        Self { kind, at, name: None }
    }
}

/// Reads a section from the beginning of `input`. Its length if it is complete, then with `head`
/// and `facts` filled; `None` if more is needed, then with `progress` for [`resume`].
#[inline]
pub(crate) fn read(
    section: Section,
    input: &[u8],
    config: &Config,
    head: &mut Head,
    facts: &mut Facts,
    progress: &mut Progress,
) -> Result<Option<usize>, Fault> {
    *progress = Progress { again: progress.again, ..Progress::default() };
    *facts = Facts::default();
    head.clear();
    let Some(octets) = lines(section, input, config, head, facts, progress)? else {
        progress.scanned = offset(input.len());
        progress.again += input.len() as u64;
        return Ok(None);
    };
    head.raw.extend_from_slice(slice(input, 0, octets));
    if facts.folded {
        unfold(head, facts);
    }
    Ok(Some(octets))
}

/// Goes on reading a section of which `carry` holds all so far. Octets are looked at a bounded
/// number of times, however they come: lines only when their end is there, and everything once
/// more when the section is complete.
pub(crate) fn resume(
    section: Section,
    carry: &[u8],
    config: &Config,
    head: &mut Head,
    facts: &mut Facts,
    progress: &mut Progress,
) -> Result<Option<usize>, Fault> {
    let fresh = carry.get(progress.scanned as usize..).unwrap_or_default();
    progress.again += fresh.len() as u64;
    let line_end = memchr::memchr(b'\n', fresh).is_some();
    let (start, max, _) = line_limit(section, config, progress);
    if !line_end && carry.len() - start.min(carry.len()) < max {
        progress.scanned = offset(carry.len());
        return Ok(None);
    }
    head.lines.clear();
    progress.again += (carry.len() - start.min(carry.len())) as u64;
    match lines(section, carry, config, head, facts, progress)? {
        Some(_) => read(section, carry, config, head, facts, progress),
        None => {
            progress.scanned = offset(carry.len());
            Ok(None)
        }
    }
}

/// Where the next line begins, how many octets it may have, and the error if it has more.
fn line_limit(section: Section, config: &Config, progress: &Progress) -> (usize, usize, ErrorKind) {
    let start = progress.line as usize;
    if start == 0
        && section != Section::Trailers
        && config.start_line_bytes_max < config.head_bytes_max
    {
        return (start, config.start_line_bytes_max, ErrorKind::StartLineTooLong);
    }
    let (section_max, kind) = match section {
        Section::Trailers => (config.trailers_bytes_max, ErrorKind::TrailersTooLong),
        _ => (config.head_bytes_max, ErrorKind::HeadTooLong),
    };
    let left = section_max.min(u32::MAX as usize).saturating_sub(start);
    if config.field_bytes_max < left {
        (start, config.field_bytes_max, ErrorKind::FieldTooLong)
    } else {
        (start, left, kind)
    }
}

/// Reads whole lines from `progress.line` on.
#[inline]
fn lines(
    section: Section,
    input: &[u8],
    config: &Config,
    head: &mut Head,
    facts: &mut Facts,
    progress: &mut Progress,
) -> Result<Option<usize>, Fault> {
    if progress.line == 0 && section != Section::Trailers {
        let Some(&first) = input.first() else { return Ok(None) };
        let fits = match section {
            Section::Response => first == b'H',
            _ => grammar::TCHAR[usize::from(first)],
        };
        if !fits {
            return Err(Fault::new(ErrorKind::NotHttp, 0));
        }
        let found = match section {
            Section::Response => status_line(input, config, &mut head.start),
            _ => request_line(input, config, &mut head.start),
        };
        let (start, max, kind) = line_limit(section, config, progress);
        let Some(end) = settle(input, start, max, kind, found)? else { return Ok(None) };
        progress.line = offset(end);
    }
    let (fields_max, too_many) = match section {
        Section::Trailers => (config.trailers_max, ErrorKind::TooManyTrailers),
        _ => (config.fields_max, ErrorKind::TooManyFields),
    };
    loop {
        let (start, max, kind) = line_limit(section, config, progress);
        if let Some(end) = last_line(input, start, config.leniency.bare_lf) {
            if end - start > max {
                return Err(Fault::new(kind, start + max));
            }
            return Ok(Some(end));
        }
        let mut line = Line::default();
        let found = field_line(input, start, config, &mut line);
        let folded = matches!(found, Found::Fault(ErrorKind::FoldedField, _));
        let found = if folded {
            let may = section == Section::Response && config.leniency.folded_response_fields;
            fold(input, start, progress.fields, may, config)
        } else {
            found
        };
        let end = match settle(input, start, max, kind, found) {
            Ok(Some(end)) => end,
            Ok(None) => return Ok(None),
            Err(mut fault) => {
                if line.name < line.name_end {
                    fault.name = Some((line.name, line.name_end));
                }
                return Err(fault);
            }
        };
        progress.line = offset(end);
        if folded {
            facts.folded = true;
            if let Some(last) = head.lines.last_mut() {
                last.value_end = offset(end);
            }
            continue;
        }
        progress.fields += 1;
        if progress.fields as usize > fields_max {
            return Err(Fault {
                kind: too_many,
                at: start,
                name: Some((line.name, line.name_end)),
            });
        }
        let index = offset(head.lines.len());
        head.lines.push(line);
        let name = slice(input, line.name as usize, line.name_end as usize);
        let value = slice(input, line.value as usize, line.value_end as usize);
        facts.note(index, name, value);
    }
}

/// The end of the empty line that ends a section, if one begins at `start`.
#[inline]
fn last_line(input: &[u8], start: usize, bare_lf: bool) -> Option<usize> {
    match input.get(start)? {
        b'\r' if input.get(start + 1) == Some(&b'\n') => Some(start + 2),
        b'\n' if bare_lf => Some(start + 1),
        _ => None,
    }
}

/// What the reader of a line came to.
enum Found {
    /// A good line that ends before this position.
    Line(usize),
    /// The input ended before the line did.
    Short,
    /// Something is wrong at this position.
    Fault(ErrorKind, usize),
}

/// Makes a verdict on a line depend on nothing but its own octets: a line over its limit is over
/// its limit whatever it holds, and a fault counts once the end of its line is there.
#[inline]
fn settle(
    input: &[u8],
    start: usize,
    max: usize,
    too_long: ErrorKind,
    found: Found,
) -> Result<Option<usize>, Fault> {
    if let Found::Line(end) = found {
        return if end - start <= max {
            Ok(Some(end))
        } else {
            Err(Fault::new(too_long, start + max))
        };
    }
    let limit = start.saturating_add(max);
    let window = slice(input, start, limit.min(input.len()));
    if memchr::memchr(b'\n', window).is_some() {
        return match found {
            Found::Fault(kind, at) => Err(Fault::new(kind, at)),
            Found::Line(_) | Found::Short => Ok(None),
        };
    }
    if input.len() >= limit {
        let kind = match found {
            Found::Fault(ErrorKind::MethodTooLong, _) => ErrorKind::MethodTooLong,
            _ => too_long,
        };
        return Err(Fault::new(kind, limit));
    }
    Ok(None)
}

/// `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3).
#[inline]
fn request_line(input: &[u8], config: &Config, start: &mut StartLine) -> Found {
    let method_end = end_of_class(input, 0, &grammar::TCHAR);
    if method_end > config.method_bytes_max {
        return Found::Fault(ErrorKind::MethodTooLong, config.method_bytes_max);
    }
    match input.get(method_end) {
        Some(b' ') => {}
        Some(_) => return Found::Fault(ErrorKind::Method, method_end),
        None => return Found::Short,
    }
    let text = method_end + 1;
    let text_end = end_of_class(input, text, &grammar::TARGET);
    match input.get(text_end) {
        Some(b' ') if text_end > text => {}
        Some(b'\r' | b'\n') if text_end > text => {
            return Found::Fault(ErrorKind::Version, text_end);
        }
        Some(_) => return Found::Fault(ErrorKind::Target, text_end),
        None => return Found::Short,
    }
    let version = match version(input, text_end + 1) {
        Ok(version) => version,
        Err(found) => return found,
    };
    let end = match line_end(input, text_end + 9, config.leniency.bare_lf, ErrorKind::Version) {
        Found::Line(end) => end,
        other => return other,
    };
    *start = StartLine {
        kind: Kind::Request,
        version,
        method_end: offset(method_end),
        text: offset(text),
        text_end: offset(text_end),
        ..StartLine::default()
    };
    let target = slice(input, text, text_end);
    // The commonest form needs no further look.
    if target.first() == Some(&b'/') && slice(input, 0, method_end) != b"CONNECT" {
        return Found::Line(end);
    }
    match target_form(slice(input, 0, method_end), target) {
        Some((form, from, to)) => {
            start.form = form;
            start.authority = offset(text + from);
            start.authority_end = offset(text + to);
            Found::Line(end)
        }
        None => Found::Fault(ErrorKind::Target, text),
    }
}

/// The form of a request-target and where in it the authority is (RFC 9112 §3.2). `None` if it
/// has no form that the method allows.
pub(crate) fn target_form(method: &[u8], target: &[u8]) -> Option<(TargetForm, usize, usize)> {
    if method == b"CONNECT" {
        let port = grammar::authority(target)?.port?;
        return (port != 0).then_some((TargetForm::Authority, 0, target.len()));
    }
    match target {
        [b'/', ..] => Some((TargetForm::Origin, 0, 0)),
        b"*" => (method == b"OPTIONS").then_some((TargetForm::Asterisk, 0, 0)),
        _ => {
            let colon = target.iter().position(|&octet| octet == b':')?;
            let (scheme, rest) = target.split_at_checked(colon)?;
            let rest = rest.strip_prefix(b"://")?;
            let octets =
                rest.iter().position(|octet| matches!(octet, b'/' | b'?')).unwrap_or(rest.len());
            grammar::authority(rest.get(..octets)?)?;
            let from = colon + 3;
            grammar::is_scheme(scheme).then_some((TargetForm::Absolute, from, from + octets))
        }
    }
}

/// `HTTP-version SP status-code [ SP reason-phrase ] CRLF` (RFC 9112 §4; the last space is
/// often left out with the reason).
#[inline]
fn status_line(input: &[u8], config: &Config, start: &mut StartLine) -> Found {
    let version = match version(input, 0) {
        Ok(version) => version,
        Err(found) => return found,
    };
    for (at, fits) in [
        (8, (|octet| octet == b' ') as fn(u8) -> bool),
        (9, |octet| matches!(octet, b'1'..=b'9')),
        (10, |octet| octet.is_ascii_digit()),
        (11, |octet| octet.is_ascii_digit()),
        (12, |octet| matches!(octet, b' ' | b'\r' | b'\n')),
    ] {
        match input.get(at) {
            Some(&octet) if fits(octet) => {}
            Some(_) => return Found::Fault(ErrorKind::StatusLine, at),
            None => return Found::Short,
        }
    }
    let status =
        slice(input, 9, 12).iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let text = if input.get(12) == Some(&b' ') { 13 } else { 12 };
    let text_end = end_of_field_content(input, text);
    *start = StartLine {
        kind: Kind::Response,
        version,
        status,
        text: offset(text),
        text_end: offset(text_end),
        ..StartLine::default()
    };
    line_end(input, text_end, config.leniency.bare_lf, ErrorKind::StatusLine)
}

/// `HTTP/1.0` or `HTTP/1.1` at `from`; a higher minor version counts as 1.1 (RFC 9110 §2.5).
#[inline]
fn version(input: &[u8], from: usize) -> Result<Version, Found> {
    match input.get(from..from + 8) {
        Some(b"HTTP/1.1") => Ok(Version::Http11),
        Some(b"HTTP/1.0") => Ok(Version::Http10),
        _ => odd_version(input, from),
    }
}

#[cold]
fn odd_version(input: &[u8], from: usize) -> Result<Version, Found> {
    for (index, &expected) in b"HTTP/0.0".iter().enumerate() {
        match input.get(from + index) {
            None => return Err(Found::Short),
            Some(octet) if expected == b'0' && octet.is_ascii_digit() => {}
            Some(&octet) if octet == expected => {}
            Some(_) => return Err(Found::Fault(ErrorKind::Version, from + index)),
        }
    }
    match input.get(from + 5) {
        Some(b'1') => Ok(Version::Http11),
        _ => Err(Found::Fault(ErrorKind::VersionUnsupported, from + 5)),
    }
}

/// `field-name ":" OWS field-value OWS CRLF` (RFC 9112 §5).
#[inline]
fn field_line(input: &[u8], start: usize, config: &Config, line: &mut Line) -> Found {
    let name_end = end_of_class(input, start, &grammar::TCHAR);
    match input.get(name_end) {
        Some(b':') if name_end > start => {}
        Some(b' ' | b'\t') if name_end == start => {
            return Found::Fault(ErrorKind::FoldedField, start);
        }
        Some(b'\n') if name_end == start => return Found::Fault(ErrorKind::BareLf, start),
        Some(b'\r') if name_end == start => {
            return match input.get(start + 1) {
                Some(_) => Found::Fault(ErrorKind::BareCr, start),
                None => Found::Short,
            };
        }
        Some(_) => {
            (line.name, line.name_end) = (offset(start), offset(name_end));
            return Found::Fault(ErrorKind::FieldName, name_end);
        }
        None => return Found::Short,
    }
    (line.name, line.name_end) = (offset(start), offset(name_end));
    let mut value = name_end + 1;
    while let Some(b' ' | b'\t') = input.get(value) {
        value += 1;
    }
    let content_end = end_of_field_content(input, value);
    let mut value_end = content_end;
    while value_end > value && matches!(input.get(value_end - 1), Some(b' ' | b'\t')) {
        value_end -= 1;
    }
    (line.value, line.value_end) = (offset(value), offset(value_end));
    line_end(input, content_end, config.leniency.bare_lf, ErrorKind::FieldValue)
}

/// A line that continues the field line before it (`obs-fold`, RFC 9112 §5.2).
#[cold]
fn fold(input: &[u8], start: usize, fields: u32, may: bool, config: &Config) -> Found {
    if fields == 0 {
        return Found::Fault(ErrorKind::SpaceBeforeFields, start);
    }
    if !may {
        return Found::Fault(ErrorKind::FoldedField, start);
    }
    let content_end = end_of_field_content(input, start);
    line_end(input, content_end, config.leniency.bare_lf, ErrorKind::FieldValue)
}

/// The end of a line whose content ended at `at`.
#[inline]
fn line_end(input: &[u8], at: usize, bare_lf: bool, otherwise: ErrorKind) -> Found {
    match input.get(at) {
        Some(b'\r') => match input.get(at + 1) {
            Some(b'\n') => Found::Line(at + 2),
            Some(_) => Found::Fault(ErrorKind::BareCr, at),
            None => Found::Short,
        },
        Some(b'\n') if bare_lf => Found::Line(at + 1),
        Some(b'\n') => Found::Fault(ErrorKind::BareLf, at),
        Some(_) => Found::Fault(otherwise, at),
        None => Found::Short,
    }
}

/// Replaces each fold by spaces and reads the fields again as what they are now
/// (RFC 9112 §5.2).
#[cold]
fn unfold(head: &mut Head, facts: &mut Facts) {
    *facts = Facts { folded: true, ..Facts::default() };
    for (index, line) in head.lines.iter_mut().enumerate() {
        let range = line.value as usize..line.value_end as usize;
        let value = head.raw.get_mut(range).unwrap_or_default();
        for octet in value.iter_mut().filter(|octet| matches!(octet, b'\r' | b'\n')) {
            *octet = b' ';
        }
        let leading = value.len() - value.trim_ascii_start().len();
        let trimmed = grammar::trim_ows(value);
        line.value += offset(leading);
        line.value_end = line.value + offset(trimmed.len());
        let name = slice(&head.raw, line.name as usize, line.name_end as usize);
        let value = slice(&head.raw, line.value as usize, line.value_end as usize);
        facts.note(offset(index), name, value);
    }
}

/// A position as an offset of 32 bits: a section is never longer (see [`line_limit`]).
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "limits are at most u32::MAX")]
fn offset(position: usize) -> u32 {
    position.min(u32::MAX as usize) as u32
}
