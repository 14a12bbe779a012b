//! What went in one direction of a connection, as text: a line for each frame, its fields below.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use hpack::{Decoder, Field, FieldBuf, FieldLimits, Fragments};

use super::line::{Line, Text};
use super::{flag, kind};
use crate::PREFACE;
use crate::error::ErrorKind;
use crate::frame::Header;

/// Octets of a frame's payload that are kept until it is whole.
pub(super) const PAYLOAD_KEPT_MAX: usize = 64 << 10;
/// Octets of a field block.
const BLOCK_BYTES_MAX: usize = 64 << 10;
const SECTION: FieldLimits = FieldLimits { section_bytes_max: 64 << 10, fields_max: 1000 };
/// Octets of a table that the sender may use.
const TABLE_BYTES_MAX: usize = 64 << 10;
/// Octets of a field's value that are shown.
const VALUE_SHOWN_MAX: usize = 256;
/// Octets of text that nobody has taken.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Reads the octets of one direction of a connection, cut anywhere, and tells each frame as text:
/// a line, and a line for each field of a block that ends with it. Values of sensitive fields are
/// not shown, long ones are cut; a frame that no endpoint should send is called malformed.
///
/// ```
/// use h2_proto::testing::{Frame, FrameLog, flag};
///
/// let mut log = FrameLog::server();
/// log.feed(&Frame::response(1, 200).field(("server", "x")).to_bytes());
/// log.feed(&Frame::data(1, "hello").end_stream().to_bytes());
/// log.feed(&Frame::new(0x2a, 0x01, 1, "?").to_bytes());
/// log.feed(&Frame::ping(*b"12345678").to_bytes()[..11]);
/// let text = "\
/// HEADERS stream=1 END_HEADERS len=23
///     :status: 200
///     server: x
/// DATA stream=1 END_STREAM len=5 \"hello\"
/// 0x2a stream=1 0x01 len=1 \"?\"
/// (11 octets of a frame of 17)
/// ";
/// assert_eq!(log.to_string(), text);
/// assert_eq!(log.next_frame().as_deref(), text.split("DATA").next());
/// ```
///
/// It keeps the frame that is not whole and the field block that is not, 64 KiB of each, a table of
/// 64 KiB, a field section of 64 KiB, and text that nobody has taken, 1 MiB; of more text the oldest
/// goes. A longer frame is told without what is in it. It follows one sender's table from the
/// beginning: behind a block that it cannot read, it knows the fields of no other.
#[derive(Clone, Debug)]
pub struct FrameLog {
    reading: Reading,
    /// The preface, or the frame, as far as it is there and kept.
    pub(super) carry: Vec<u8>,
    /// Octets of the frame's payload that came and are not kept.
    passed: usize,
    decoder: Decoder,
    fields: FieldBuf,
    fragments: Fragments,
    /// The stream whose field block is not at its end.
    block: Option<u32>,
    /// A field block was not read: the table is lost.
    lost: bool,
    texts: VecDeque<String>,
    pub(super) text_bytes: usize,
    forgotten: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Preface,
    Frames,
    /// The preface was wrong.
    Nothing,
}

impl FrameLog {
    /// For what a client sends: a preface comes first.
    #[must_use]
    pub fn client() -> Self {
        Self::new(Reading::Preface)
    }

    /// For what a server sends: frames from the first octet on.
    #[must_use]
    pub fn server() -> Self {
        Self::new(Reading::Frames)
    }

    fn new(reading: Reading) -> Self {
        let mut decoder = Decoder::default();
        decoder.set_table_bytes_max(TABLE_BYTES_MAX);
        Self {
            reading,
            carry: Vec::new(),
            passed: 0,
            decoder,
            fields: FieldBuf::new(),
            fragments: Fragments::new(),
            block: None,
            lost: false,
            texts: VecDeque::new(),
            text_bytes: 0,
            forgotten: 0,
        }
    }

    /// The next octets.
    pub fn feed(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            match self.reading {
                Reading::Preface => self.preface(&mut octets),
                Reading::Frames => self.frame(&mut octets),
                Reading::Nothing => {
                    self.keep(&mut octets, PREFACE.len());
                    return;
                }
            }
        }
    }

    /// Takes the text of the oldest frame that is there.
    pub fn next_frame(&mut self) -> Option<String> {
        let text = self.texts.pop_front()?;
        self.text_bytes -= cost(&text);
        Some(text)
    }

    /// Takes all the text that is there: as `Display`, without what is not whole.
    pub fn take_text(&mut self) -> String {
        self.text_bytes = 0;
        let forgotten = core::mem::take(&mut self.forgotten);
        let mut text = String::new();
        _ = write_forgotten(forgotten, &mut text);
        text.extend(self.texts.drain(..));
        text
    }

    /// Whether the octets so far end where a frame does.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.carry.is_empty()
    }

    /// Keeps octets until so many are kept: whether they are.
    fn keep(&mut self, octets: &mut &[u8], total: usize) -> bool {
        let lacking = total.saturating_sub(self.carry.len()).min(octets.len());
        let (new, rest) = octets.split_at(lacking);
        self.carry.extend_from_slice(new);
        *octets = rest;
        self.carry.len() >= total
    }

    fn preface(&mut self, octets: &mut &[u8]) {
        let all = self.keep(octets, PREFACE.len());
        if !PREFACE.starts_with(&self.carry) {
            self.reading = Reading::Nothing;
        } else if all {
            self.carry.clear();
            self.reading = Reading::Frames;
            self.push("PREFACE\n".to_string());
        }
    }

    fn frame(&mut self, octets: &mut &[u8]) {
        if !self.keep(octets, Header::LEN) {
            return;
        }
        let Some((header, reserved)) = self.header() else { return };
        let length = header.length as usize;
        if !self.keep(octets, Header::LEN + length.min(PAYLOAD_KEPT_MAX)) {
            return;
        }
        let not_kept = length.saturating_sub(PAYLOAD_KEPT_MAX);
        let (new, rest) = octets.split_at((not_kept - self.passed).min(octets.len()));
        self.passed += new.len();
        *octets = rest;
        if self.passed < not_kept {
            return;
        }
        self.passed = 0;
        let carry = core::mem::take(&mut self.carry);
        let payload = carry.get(Header::LEN..).unwrap_or_default();
        let text = self.tell(&Line { header, reserved, payload });
        self.push(text);
        // The storage stays.
        self.carry = carry;
        self.carry.clear();
    }

    /// The header at the front of what is kept, and its reserved bit.
    fn header(&self) -> Option<(Header, bool)> {
        let octets = self.carry.first_chunk()?;
        let reserved = octets.get(5).is_some_and(|octet| octet & 0x80 != 0);
        Some((Header::parse(octets), reserved))
    }

    fn tell(&mut self, line: &Line<'_>) -> String {
        let mut text = String::new();
        _ = write!(text, "{line}");
        let Header { kind, stream, .. } = line.header;
        let continues = kind == kind::CONTINUATION;
        if self.block != continues.then_some(stream) && (continues || self.block.is_some()) {
            _ = write!(text, " (malformed: {})", ErrorKind::BlockInterrupted);
            self.block = None;
            self.lost = true;
        }
        text.push('\n');
        if continues || matches!(kind, kind::HEADERS | kind::PUSH_PROMISE) {
            self.block_of(line, &mut text);
        }
        text
    }

    /// Takes a fragment in, and tells the fields if the block ends with it.
    fn block_of(&mut self, line: &Line<'_>, text: &mut String) {
        let fragment = line.fragment();
        let kept = fragment.is_some_and(|it| self.fragments.push(it, BLOCK_BYTES_MAX).is_ok());
        self.lost |= !kept;
        if !line.header.has(flag::END_HEADERS) {
            self.block = Some(line.header.stream);
            return;
        }
        self.block = None;
        if self.lost {
            text.push_str("    (fields that are not known: a field block before was not read)\n");
        } else {
            let result = self.decoder.decode(self.fragments.block(), &SECTION, &mut self.fields);
            self.fields.iter().for_each(|field| write_field(field, text));
            if let Err(error) = result {
                _ = writeln!(text, "    (malformed: {error})");
            }
        }
        self.fragments.clear();
    }

    fn push(&mut self, text: String) {
        self.text_bytes += cost(&text);
        self.texts.push_back(text);
        while self.text_bytes > TEXT_BYTES_MAX && self.next_frame().is_some() {
            self.forgotten += 1;
        }
    }

    fn write_rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here = self.carry.len() + self.passed;
        match (self.reading, self.header()) {
            (Reading::Nothing, _) => writeln!(f, "(no preface: {})", Text(&self.carry)),
            _ if here == 0 => Ok(()),
            (Reading::Preface, _) => writeln!(f, "({here} octets of the preface)"),
            (Reading::Frames, None) => writeln!(f, "({here} octets of a frame's header)"),
            (Reading::Frames, Some((header, _))) => {
                let all = Header::LEN + header.length as usize;
                writeln!(f, "({here} octets of a frame of {all})")
            }
        }
    }
}

impl fmt::Display for FrameLog {
    /// The text that nobody has taken, and what is not whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_forgotten(self.forgotten, f)?;
        self.texts.iter().try_for_each(|text| f.write_str(text))?;
        self.write_rest(f)
    }
}

/// What a text takes.
const fn cost(text: &str) -> usize {
    text.len() + size_of::<String>()
}

fn write_forgotten(frames: u64, out: &mut impl fmt::Write) -> fmt::Result {
    if frames == 0 { Ok(()) } else { writeln!(out, "({frames} frames before)") }
}

fn write_field(field: Field<'_>, text: &mut String) {
    let more = field.value.len().saturating_sub(VALUE_SHOWN_MAX);
    let shown = Field { value: field.value.get(..VALUE_SHOWN_MAX).unwrap_or(field.value), ..field };
    // Not the value of a sensitive one.
    _ = match more {
        1.. if !field.sensitive => writeln!(text, "    {shown:?}... and {more} octets"),
        _ => writeln!(text, "    {field:?}"),
    };
}
