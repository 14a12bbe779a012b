//! Reading a head, line by line and resumable.
//!
//! Only whole lines are looked at. A line that is not complete is left for the next call, and
//! what is wrong in it is told only once its end is there or its limit is passed: so a verdict
//! never depends on how the transport cut the octets. What must be decided on all lines together
//! (framing, Host) is decided when the last one is read.
//!
//! Good lines within their limits are all that the straight path knows; everything else goes
//! through [`odd_line`], which looks at the line again.

use super::field_line::{field_line, fold, judge_field_line, unfold};
use super::line::{Flaw, Found, narrow, offset};
use super::start_line::{request_line, status_line};
use super::{Head, Kind, StartLine};
use crate::config::Config;
use crate::error::ErrorKind;
use crate::grammar;
use crate::scan::{class_len, slice};

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
/// filled; `None` if more is needed, then with `progress` for [`resume`].
#[inline(always)]
pub(crate) fn read(
    section: Section,
    input: &[u8],
    config: &Config,
    head: &mut Head,
    progress: &mut Progress,
) -> Result<Option<usize>, Fault> {
    *progress = Progress { again: progress.again, ..Progress::default() };
    head.clear();
    let from = match section {
        Section::Trailers => {
            head.start = StartLine::NONE;
            Some(0)
        }
        _ => start_line(section, input, config, head)?,
    };
    if let Some(from) = from {
        let (section_max, fields_max) = section_limits(section, config);
        let (fields_octets, fields) = head.known_size();
        if fields <= fields_max
            && fields_octets <= config.field_bytes_max
            && from + fields_octets <= section_max
            && let Some(octets) = head.repeat(input, from)
        {
            return Ok(Some(octets));
        }
        head.turn();
        progress.line = narrow(from);
        if let Some(octets) = lines(section, input, config, head, progress)? {
            let is_plain = !config.leniency.bare_lf && !head.facts.folded;
            head.complete(slice(input, 0, octets), from, is_plain);
            if head.facts.folded {
                unfold(head);
            }
            return Ok(Some(octets));
        }
    }
    progress.scanned = offset(input.len());
    progress.again += input.len() as u64;
    Ok(None)
}

/// Goes on reading a section of which `carry` holds all so far. Octets are looked at a bounded
/// number of times, however they come: lines only when their end is there, and everything once
/// more when the section is complete.
#[inline(never)]
pub(crate) fn resume(
    section: Section,
    carry: &[u8],
    config: &Config,
    head: &mut Head,
    progress: &mut Progress,
) -> Result<Option<usize>, Fault> {
    let fresh = carry.get(progress.scanned as usize..).unwrap_or_default();
    let line_end = memchr::memchr(b'\n', fresh);
    progress.again += line_end.map_or(fresh.len(), |at| at + 1) as u64;
    let (start, max, _) = line_limit(section, config, progress);
    if line_end.is_none() && carry.len() - start.min(carry.len()) < max {
        progress.scanned = offset(carry.len());
        return Ok(None);
    }
    head.turn();
    progress.again += (carry.len() - start.min(carry.len())) as u64;
    match lines(section, carry, config, head, progress)? {
        Some(end) => {
            // What came behind the section was not looked at.
            let behind = carry.len() - end.min(carry.len());
            progress.again -= behind as u64;
            read(section, carry, config, head, progress)
        }
        None => {
            progress.scanned = offset(carry.len());
            Ok(None)
        }
    }
}

/// Where the next line begins, how many octets it may have, and the error if it has more.
fn line_limit(section: Section, config: &Config, progress: &Progress) -> (usize, usize, ErrorKind) {
    let start = progress.line as usize;
    if start == 0 && section != Section::Trailers {
        return start_line_limit(config);
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

/// Octets and field lines that a section may have.
#[inline]
fn section_limits(section: Section, config: &Config) -> (usize, usize) {
    let (octets, fields) = match section {
        Section::Trailers => (config.trailers_bytes_max, config.trailers_max),
        _ => (config.head_bytes_max, config.fields_max),
    };
    (octets.min(u32::MAX as usize), fields)
}

/// A start line has its own limit, and that of the head around it.
fn start_line_limit(config: &Config) -> (usize, usize, ErrorKind) {
    let head_max = config.head_bytes_max.min(u32::MAX as usize);
    if config.start_line_bytes_max <= head_max {
        (0, config.start_line_bytes_max, ErrorKind::StartLineTooLong)
    } else {
        (0, head_max, ErrorKind::HeadTooLong)
    }
}

/// Reads whole lines from `progress.line` on.
#[inline(always)]
fn lines(
    section: Section,
    input: &[u8],
    config: &Config,
    head: &mut Head,
    progress: &mut Progress,
) -> Result<Option<usize>, Fault> {
    if progress.line == 0 && section != Section::Trailers {
        let Some(end) = start_line(section, input, config, head)? else {
            return Ok(None);
        };
        progress.line = narrow(end);
    }
    let (section_max, fields_max) = section_limits(section, config);
    // What lies beyond the limit of the section is not even looked at by the straight path.
    let window = slice(input, 0, input.len().min(section_max));
    loop {
        let may = fields_max.saturating_sub(progress.fields as usize);
        let from = progress.line as usize;
        let (end, read) = plain_lines(window, from, may, config, head);
        (progress.line, progress.fields) = (narrow(end), progress.fields + narrow(read));
        if window.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n"))
            && config.field_bytes_max >= 2
        {
            return Ok(Some(end + 2));
        }
        match odd_line(section, input, config, progress)? {
            Odd::Short => return Ok(None),
            Odd::Last(end) => return Ok(Some(end)),
            Odd::Folded(end) => {
                progress.line = offset(end);
                head.facts.folded = true;
                if let Some(last) = head.last_line() {
                    last.value_end = offset(end);
                }
            }
        }
    }
}

/// Reads plain field lines as long as they come, `may` at most. Where they end and how many they
/// are. A function of its own so that the loop has the registers to itself.
#[inline(never)]
fn plain_lines(
    window: &[u8],
    from: usize,
    may: usize,
    config: &Config,
    head: &mut Head,
) -> (usize, usize) {
    let Head { before, raw, lines, facts, .. } = head;
    let (octets_max, bare_lf) = (config.field_bytes_max, config.leniency.bare_lf);
    let mut rest = window.get(from..).unwrap_or_default();
    for read in 0..may {
        let start = window.len() - rest.len();
        if let [b'\r', ..] = rest {
            return (start, read);
        }
        if let Some((line, octets)) = before.line(lines, raw)
            && let Some(tail) = rest.strip_prefix(octets)
            && octets.len() <= octets_max
        {
            let line = line.moved(start);
            let part = |from: u32, to: u32| slice(window, from as usize, to as usize);
            let name = part(line.name, line.name_end);
            facts.note(before.next(), name, part(line.value, line.value_end));
            before.put(lines, line, true);
            rest = tail;
            continue;
        }
        match field_line(rest, bare_lf) {
            Some((line, tail)) if rest.len() - tail.len() <= octets_max => {
                facts.note(before.next(), line.name, line.value);
                before.put(lines, line.place(start), false);
                rest = tail;
            }
            _ => return (start, read),
        }
    }
    (window.len() - rest.len(), may)
}

/// Reads the start line and gives its end.
#[inline(always)]
fn start_line(
    section: Section,
    input: &[u8],
    config: &Config,
    head: &mut Head,
) -> Result<Option<usize>, Fault> {
    let Some(&first) = input.first() else { return Ok(None) };
    let fits = match section {
        Section::Response => first == b'H',
        _ => grammar::TCHAR[usize::from(first)],
    };
    if !fits {
        return Err(Fault::new(ErrorKind::NotHttp, 0));
    }
    let limit = start_line_limit(config);
    let kind = if section == Section::Response { Kind::Response } else { Kind::Request };
    let again = head.repeat_start_line(kind, input, limit.1, config.method_bytes_max);
    if again.is_some() {
        return Ok(again);
    }
    head.turn_start_line();
    // Nothing beyond the limit counts, so that it does not matter whether it is there.
    let line = slice(input, 0, input.len().min(limit.1));
    let found = match section {
        Section::Response => status_line(line, config, &mut head.start),
        _ => request_line(line, config, &mut head.start),
    };
    match found {
        Ok(end) => Ok(Some(end)),
        found => settle(input, limit, found),
    }
}

/// What a line is that is no plain field line within its limits.
enum Odd {
    /// Not complete.
    Short,
    /// The empty line that ends the section; the section's end.
    Last(usize),
    /// A continuation of the field line before it; its end.
    Folded(usize),
}

/// A line that is no plain field line, or one over a limit.
#[cold]
fn odd_line(
    section: Section,
    input: &[u8],
    config: &Config,
    progress: &Progress,
) -> Result<Odd, Fault> {
    let limit = line_limit(section, config, progress);
    let (start, max, kind) = limit;
    if let Some(end) = last_line(input, start, config.leniency.bare_lf) {
        return if end - start <= max {
            Ok(Odd::Last(end))
        } else {
            Err(Fault::new(kind, start + max))
        };
    }
    let found = judge_field_line(input, start, config.leniency.bare_lf);
    let folded = matches!(found, Err(Flaw::Fault(ErrorKind::FoldedField, _)));
    let found = if folded {
        let may = section == Section::Response && config.leniency.folded_response_fields;
        fold(input, start, progress.fields, may, config)
    } else {
        found
    };
    let fault = match settle(input, limit, found) {
        Ok(None) => return Ok(Odd::Short),
        Ok(Some(end)) if folded => return Ok(Odd::Folded(end)),
        // There is nothing wrong with it, so it is one too many.
        Ok(Some(_)) if section == Section::Trailers => {
            Fault::new(ErrorKind::TooManyTrailers, start)
        }
        Ok(Some(_)) => Fault::new(ErrorKind::TooManyFields, start),
        Err(fault) => fault,
    };
    Err(Fault { name: name_within(input, start, max), ..fault })
}

/// The name that a line begins with, if its end lies within the limit of the line: so it does not
/// depend on what else is there.
fn name_within(input: &[u8], start: usize, max: usize) -> Option<(u32, u32)> {
    let window = slice(input, start, start.saturating_add(max).min(input.len()));
    let octets = class_len(window, &grammar::TCHAR);
    (0 < octets && octets < window.len()).then(|| (offset(start), offset(start + octets)))
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

/// Makes a verdict on a line depend on nothing but its own octets: a line over its limit is over
/// its limit whatever it holds, and a fault counts once the end of its line is there.
#[cold]
fn settle(
    input: &[u8],
    (start, max, too_long): (usize, usize, ErrorKind),
    found: Found,
) -> Result<Option<usize>, Fault> {
    let flaw = match found {
        Ok(end) if end - start <= max => return Ok(Some(end)),
        Ok(_) => return Err(Fault::new(too_long, start + max)),
        Err(flaw) => flaw,
    };
    let limit = start.saturating_add(max);
    let window = slice(input, start, limit.min(input.len()));
    if memchr::memchr(b'\n', window).is_some() {
        return match flaw {
            Flaw::Fault(kind, at) => Err(Fault::new(kind, at)),
            Flaw::Short => Ok(None),
        };
    }
    if input.len() >= limit {
        let kind = match flaw {
            Flaw::Fault(ErrorKind::MethodTooLong, _) => ErrorKind::MethodTooLong,
            _ => too_long,
        };
        return Err(Fault::new(kind, limit));
    }
    Ok(None)
}
