//! Field lines (RFC 9112 §5): good ones at once, the others with what is wrong with them.

use super::line::{Flaw, Found, line_end, narrow, offset};
use super::{Head, Line};
use crate::config::Config;
use crate::error::ErrorKind;
use crate::framing::Facts;
use crate::grammar;
use crate::scan::{class_len, content_len, slice};

/// A good field line.
pub(super) struct FieldLine<'i> {
    pub(super) name: &'i [u8],
    pub(super) value: &'i [u8],
    /// Where in the line the value begins.
    value_at: usize,
}

impl FieldLine<'_> {
    /// Where its parts are if it begins at `start` of a section within its limit.
    #[inline]
    pub(super) fn place(&self, start: usize) -> Line {
        let value = start + self.value_at;
        Line {
            name: narrow(start),
            name_end: narrow(start + self.name.len()),
            value: narrow(value),
            value_end: narrow(value + self.value.len()),
        }
    }
}

/// `field-name ":" OWS field-value OWS CRLF` (RFC 9112 §5), if that is what `rest` begins with,
/// and what comes behind it.
#[inline(always)]
pub(super) fn field_line(rest: &[u8], bare_lf: bool) -> Option<(FieldLine<'_>, &[u8])> {
    let (name, after) = rest.split_at_checked(class_len(rest, &grammar::TCHAR))?;
    let after = match after {
        // Hardly ever anything else.
        [b':', b' ', after @ ..] if after.first().is_some_and(|&octet| octet > b' ') => after,
        [b':', after @ ..] => skip_ows(after),
        _ => return None,
    };
    let value_at = rest.len() - after.len();
    let (mut value, tail) = after.split_at_checked(content_len(after))?;
    let tail = match tail {
        [b'\r', b'\n', tail @ ..] => tail,
        [b'\n', tail @ ..] if bare_lf => tail,
        _ => return None,
    };
    while let [content @ .., b' ' | b'\t'] = value {
        value = content;
    }
    (!name.is_empty()).then_some((FieldLine { name, value, value_at }, tail))
}

#[inline(never)]
fn skip_ows(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', tail @ ..] = octets {
        octets = tail;
    }
    octets
}

/// The end of a field line that [`field_line`] did not take or that is over a limit, or what is
/// wrong with it.
pub(super) fn judge_field_line(input: &[u8], start: usize, bare_lf: bool) -> Found {
    let rest = slice(input, start, input.len());
    let octets = class_len(rest, &grammar::TCHAR);
    let name_end = start + octets;
    match rest.get(octets..) {
        None | Some([]) => Err(Flaw::Short),
        Some([b':', after @ ..]) if octets > 0 => {
            let content_end = name_end + 1 + content_len(after);
            line_end(input, content_end, bare_lf, ErrorKind::FieldValue)
        }
        Some(_) if octets > 0 => Err(Flaw::Fault(ErrorKind::FieldName, name_end)),
        Some([b' ' | b'\t', ..]) => Err(Flaw::Fault(ErrorKind::FoldedField, start)),
        Some([b'\n', ..]) => Err(Flaw::Fault(ErrorKind::BareLf, start)),
        Some([b'\r']) => Err(Flaw::Short),
        Some([b'\r', ..]) => Err(Flaw::Fault(ErrorKind::BareCr, start)),
        Some(_) => Err(Flaw::Fault(ErrorKind::FieldName, start)),
    }
}

/// A line that continues the field line before it (`obs-fold`, RFC 9112 §5.2).
#[cold]
pub(super) fn fold(input: &[u8], start: usize, fields: u32, may: bool, config: &Config) -> Found {
    if fields == 0 {
        return Err(Flaw::Fault(ErrorKind::SpaceBeforeFields, start));
    }
    if !may {
        return Err(Flaw::Fault(ErrorKind::FoldedField, start));
    }
    let content_end = start + content_len(slice(input, start, input.len()));
    line_end(input, content_end, config.leniency.bare_lf, ErrorKind::FieldValue)
}

/// Replaces each fold by spaces and reads the fields again as what they are now
/// (RFC 9112 §5.2).
#[cold]
pub(super) fn unfold(head: &mut Head) {
    head.facts = Facts { folded: true, ..Facts::NONE };
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
        head.facts.note(offset(index), name, value);
    }
}
