//! A frame as one line of text.

use core::fmt;

use super::{Frame, flag, kind, setting};
use crate::ErrorCode;
use crate::error::{ErrorKind, Fault};
use crate::frame::{Header, STREAM_ID_MAX, goaway, headers, push_promise, settings, word};

/// Octets of a payload that a line shows.
const SHOWN_MAX: usize = 32;
/// Entries of a SETTINGS frame that a line shows.
const ENTRIES_MAX: usize = 32;

/// What a line is made of. The payload may lack octets at its end, if there are too many.
pub(super) struct Line<'a> {
    pub(super) header: Header,
    /// The reserved bit of the stream identifier.
    pub(super) reserved: bool,
    pub(super) payload: &'a [u8],
}

impl<'a> Line<'a> {
    pub(super) fn of(frame: &'a Frame) -> Self {
        let Frame { kind, flags, stream, ref payload } = *frame;
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let header = Header { length, kind, flags, stream: stream & STREAM_ID_MAX };
        Self { header, reserved: stream != header.stream, payload }
    }

    const fn is_whole(&self) -> bool {
        self.payload.len() == self.header.length as usize
    }

    /// The fragment of a field block.
    pub(super) fn fragment(&self) -> Option<&'a [u8]> {
        if !self.is_whole() || self.fault().is_some() {
            return None;
        }
        match self.header.kind {
            kind::HEADERS => Some(headers::parse(&self.header, self.payload).ok()?.fragment),
            kind::PUSH_PROMISE => Some(push_promise::parse(&self.header, self.payload).ok()?.1),
            kind::CONTINUATION => Some(self.payload),
            _ => None,
        }
    }

    /// What is wrong with it, whatever came before.
    pub(super) fn fault(&self) -> Option<ErrorKind> {
        let Self { header, payload, .. } = self;
        let inside = || match header.kind {
            _ if !self.is_whole() => Ok(()),
            kind::DATA => self.content().map(|_| ()),
            kind::HEADERS => headers::parse(header, payload).map(|_| ()),
            kind::PUSH_PROMISE => push_promise::parse(header, payload).map(|_| ()),
            kind::WINDOW_UPDATE if word(payload) & STREAM_ID_MAX == 0 => {
                Err(Fault::Stream(ErrorKind::IncrementZero))
            }
            kind::PRIORITY_UPDATE => crate::frame::priority_update::parse(payload).map(|_| ()),
            _ => Ok(()),
        };
        match header.check(u32::MAX).and_then(|()| inside()) {
            Ok(()) => None,
            Err(Fault::Connection(kind) | Fault::Stream(kind)) => Some(kind),
        }
    }

    fn content(&self) -> Result<&'a [u8], Fault> {
        crate::frame::without_padding(&self.header, self.payload)
    }

    /// Type, stream and flags.
    fn front(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { kind, flags, stream, .. } = self.header;
        match kind::name(kind) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "{kind:#04x}")?,
        }
        let connections =
            matches!(kind, kind::SETTINGS | kind::PING | kind::GOAWAY | kind::PRIORITY_UPDATE);
        if !connections || stream != 0 {
            write!(f, " stream={stream}")?;
        }
        if self.reserved {
            f.write_str(" reserved")?;
        }
        let mut rest = flags;
        let mut mark = ' ';
        for &(flag, name) in flag::of(kind) {
            if flags & flag != 0 {
                write!(f, "{mark}{name}")?;
                (rest, mark) = (rest & !flag, '|');
            }
        }
        if rest != 0 {
            write!(f, "{mark}{rest:#04x}")?;
        }
        Ok(())
    }

    /// What is in a frame that is whole and well-formed.
    fn inside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header, payload, .. } = self;
        let length = header.length;
        match header.kind {
            kind::DATA => {
                let content = self.content().unwrap_or_default();
                write!(f, " len={length} {}", Text(content))
            }
            kind::HEADERS => {
                write!(f, " len={length}")?;
                let padding = usize::from(header.has(flag::PADDED));
                if header.has(flag::PRIORITY) {
                    dependency(payload.get(padding..).unwrap_or_default(), f)?;
                }
                Ok(())
            }
            kind::PRIORITY => dependency(payload, f),
            kind::RST_STREAM => code(ErrorCode(word(payload)), f),
            kind::SETTINGS => entries(payload, f),
            kind::PUSH_PROMISE => {
                let promised = push_promise::parse(header, payload).map_or(0, |it| it.0);
                write!(f, " promised={promised} len={length}")
            }
            kind::PING => {
                f.write_str(" ")?;
                payload.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
            kind::GOAWAY => {
                let goaway::GoAway { last_stream, code: why, debug_data } = goaway::parse(payload);
                write!(f, " last={last_stream}")?;
                code(why, f)?;
                if debug_data.is_empty() { Ok(()) } else { write!(f, " {}", Text(debug_data)) }
            }
            kind::WINDOW_UPDATE => write!(f, " increment={}", word(payload) & STREAM_ID_MAX),
            kind::CONTINUATION => write!(f, " len={length}"),
            kind::PRIORITY_UPDATE => {
                let prioritized = word(payload) & STREAM_ID_MAX;
                let value = payload.get(4..).unwrap_or_default();
                write!(f, " prioritized={prioritized} {}", Text(value))
            }
            _ => write!(f, " len={length} {}", Text(payload)),
        }
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.front(f)?;
        let fault = self.fault();
        if self.is_whole() && fault.is_none() {
            return self.inside(f);
        }
        write!(f, " len={} {}", self.header.length, Text(self.payload))?;
        fault.map_or(Ok(()), |kind| write!(f, " (malformed: {kind})"))
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line::of(self).fmt(f)
    }
}

fn dependency(fields: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let exclusive = if word(fields) > STREAM_ID_MAX { " exclusive" } else { "" };
    let weight = fields.get(4).map_or(0, |&octet| u16::from(octet) + 1);
    write!(f, " depends_on={} weight={weight}{exclusive}", word(fields) & STREAM_ID_MAX)
}

fn code(code: ErrorCode, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match code.name() {
        Some(name) => write!(f, " {name}"),
        None => write!(f, " {:#x}", code.0),
    }
}

fn entries(payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let entries = settings::entries(payload);
    let more = entries.len().saturating_sub(ENTRIES_MAX);
    for (id, value) in entries.take(ENTRIES_MAX) {
        match setting::name(id) {
            Some(name) => write!(f, " {name}={value}")?,
            None => write!(f, " {id:#x}={value}")?,
        }
    }
    if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
}

/// Octets in quotation marks, as many as are shown.
pub(super) struct Text<'a>(pub(super) &'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..SHOWN_MAX).unwrap_or(self.0);
        let more = if shown.len() < self.0.len() { "..." } else { "" };
        write!(f, "\"{}\"{more}", shown.escape_ascii())
    }
}
