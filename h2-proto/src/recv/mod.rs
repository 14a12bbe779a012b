//! What is received: octets to frames, frames to what they mean.
//!
//! Content is handed out as it comes (`data`). Every other frame is handled when it is whole: straight
//! from the input where it lies there in one piece, from a bounded carry where it was cut. `section`
//! has the frames with field blocks, `control` the others.

mod control;
mod data;
mod section;

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use hpack::FieldBuf;

use crate::core::{Core, Side};
use crate::error::{ConnectionError, ErrorCode, ErrorKind, Fault};
use crate::event::{Event, PseudoFields, ResetBy, ResponseHead, StreamId, Verdict};
use crate::frame::{Header, flag, kind};
use crate::phase::{Phase, Transition};
use crate::priority::Priority;
use data::Data;
use section::Block;

/// Where the input stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// So many octets of the client's preface were seen.
    Preface(u8),
    /// Between frames, or in the middle of one in the carry.
    Frame,
    /// In the middle of a field block: the next frame continues it.
    Block(Block),
    /// In the middle of DATA.
    Data(Data),
}

impl Reading {
    pub(crate) const fn new(side: Side) -> Self {
        match side {
            Side::Server => Self::Preface(0),
            Side::Client => Self::Frame,
        }
    }

    pub(crate) const fn in_block(&self) -> bool {
        matches!(self, Self::Block(_))
    }
}

/// What happened, without what it borrows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Request { stream: StreamId, pseudo: PseudoFields, end_stream: bool, began: u64 },
    Response { stream: StreamId, end_stream: bool },
    Informational { stream: StreamId },
    Data { stream: StreamId, credit: u32, end_stream: bool },
    Trailers { stream: StreamId },
    Reset { stream: StreamId, code: ErrorCode, by: ResetBy, verdict: Verdict },
    Refused { stream: StreamId, kind: ErrorKind },
    SettingsChanged,
    SettingsAcked,
    Pong { data: [u8; 8], rtt: u64 },
    GoAway { last_stream: u32, code: ErrorCode },
    PushPromise { stream: StreamId, promised: StreamId, pseudo: PseudoFields },
    PriorityChanged { stream: StreamId, priority: Priority },
    Extension { kind: u8, flags: u8, stream: u32 },
}

impl Step {
    fn event<'i, 'f>(self, data: &'i [u8], fields: &'f FieldBuf) -> Event<'i, 'f> {
        let first = || fields.get(0).map_or(&b""[..], |field| field.value);
        match self {
            Self::Request { stream, pseudo, end_stream, began } => Event::Request {
                stream,
                head: pseudo.head(fields),
                end_stream,
                began: Duration::from_nanos(began),
            },
            Self::Response { stream, end_stream } => {
                Event::Response { stream, head: ResponseHead::of(fields), end_stream }
            }
            Self::Informational { stream } => {
                Event::Informational { stream, head: ResponseHead::of(fields) }
            }
            Self::Data { stream, credit, end_stream } => {
                Event::Data { stream, data, credit, end_stream }
            }
            Self::Trailers { stream } => Event::Trailers { stream, fields },
            Self::Reset { stream, code, by, verdict } => Event::Reset { stream, code, by, verdict },
            Self::Refused { stream, kind } => Event::Refused { stream, kind },
            Self::SettingsChanged => Event::SettingsChanged,
            Self::SettingsAcked => Event::SettingsAcked,
            Self::Pong { data, rtt } => Event::Pong { data, rtt: Duration::from_nanos(rtt) },
            Self::GoAway { last_stream, code } => {
                Event::GoAway { last_stream, code, debug_data: first() }
            }
            Self::PushPromise { stream, promised, pseudo } => {
                Event::PushPromise { stream, promised, head: pseudo.head(fields) }
            }
            Self::PriorityChanged { stream, priority } => {
                Event::PriorityChanged { stream, priority }
            }
            Self::Extension { kind, flags, stream } => {
                Event::Extension { kind, flags, stream, payload: first() }
            }
        }
    }
}

/// What came of a piece of input.
enum Progress {
    /// Something to surface.
    Event(Step),
    /// Nothing to surface; there may be more.
    Again,
    /// More input is needed.
    Starved,
}

impl From<Option<Step>> for Progress {
    fn from(step: Option<Step>) -> Self {
        step.map_or(Self::Again, Self::Event)
    }
}

impl Core {
    /// The next event. See the contract of the crate.
    pub(crate) fn next_event<'i, 'f>(
        &mut self,
        input: &mut &'i [u8],
        fields: &'f mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'i, 'f>>, ConnectionError> {
        let mut data: &'i [u8] = &[];
        let result = loop {
            while let Some(Step::Reset { stream, .. }) = self.queued.front()
                && self.surfaced(*stream).is_err()
            {
                // The application has left it meanwhile.
                self.queued.pop_front();
            }
            if let Some(step) = self.queued.pop_front() {
                break Ok(Some(step));
            }
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            // Before more is read, or it would matter how much came in one piece.
            self.close_if_over();
            let start = out.len();
            if self.phase != Phase::Closed
                && let Some(cause) = self.ledger.overdrawn(&self.config)
            {
                let error = self.fail(ErrorKind::Overdrawn(cause), out);
                self.caused(out.len() - start);
                break Err(error);
            }
            if self.phase == Phase::Closed || self.is_paused() {
                self.starving = false;
                break Ok(None);
            }
            let progress = match self.progress(input, &mut data, fields, out) {
                Ok(Progress::Starved) if self.eof => self.ended(out).map(|()| Progress::Again),
                Ok(progress) => Ok(progress),
                Err(kind) => Err(self.fail(kind, out)),
            };
            // Counted piece by piece: what one frame causes may pause the next.
            self.caused(out.len() - start);
            match progress {
                Ok(Progress::Event(step)) => break Ok(Some(step)),
                Ok(Progress::Again) => {}
                Ok(Progress::Starved) => {
                    self.starving = true;
                    break Ok(None);
                }
                Err(error) => break Err(error),
            }
        };
        match result {
            Ok(step) => {
                self.close_if_over();
                Ok(step.map(|step| step.event(data, fields)))
            }
            Err(error) => Err(error),
        }
    }

    /// The input is over.
    fn ended(&mut self, out: &mut Vec<u8>) -> Result<(), ConnectionError> {
        let clean = self.reading == Reading::Frame && self.carry.is_empty();
        if clean && self.streams.len() == 0 {
            self.close();
            return Ok(());
        }
        self.frame_at = self.position;
        Err(self.fail(ErrorKind::Incomplete, out))
    }

    fn progress<'i>(
        &mut self,
        input: &mut &'i [u8],
        data: &mut &'i [u8],
        fields: &mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Progress, ErrorKind> {
        match self.reading {
            Reading::Preface(seen) => self.preface(seen, input, out),
            Reading::Data(frame) => Ok(self.data(frame, input, data, out)?),
            Reading::Frame | Reading::Block(_) => self.frame(input, fields, out),
        }
    }

    pub(super) fn consume(&mut self, input: &mut &[u8], octets: usize) {
        *input = &input[octets..];
        self.position += octets as u64;
        self.deadlines.heard();
    }

    /// The preface of a client (§3.4). Octets that are none stay in the input from where they differ;
    /// before them came as many of the preface as the error's offset says, so that all of them can be
    /// answered in another protocol.
    fn preface(
        &mut self,
        seen: u8,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, ErrorKind> {
        let rest = &crate::PREFACE[usize::from(seen)..];
        let same = rest.iter().zip(input.iter()).take_while(|(a, b)| a == b).count();
        let differs = same < rest.len().min(input.len());
        self.consume(input, same);
        if differs {
            self.frame_at = self.position;
            return Err(ErrorKind::Preface);
        }
        if same < rest.len() {
            self.reading = Reading::Preface(seen + same as u8);
            return Ok(Progress::Starved);
        }
        self.reading = Reading::Frame;
        self.phase = self.phase.after(Transition::PrefaceSeen);
        if self.local.unacknowledged() == 0 {
            self.greet(out);
        }
        Ok(Progress::Again)
    }

    /// The next frame, once it is whole; DATA as soon as its header is.
    fn frame(
        &mut self,
        input: &mut &[u8],
        fields: &mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Progress, ErrorKind> {
        if self.carry.is_empty() {
            self.frame_at = self.position;
            if let Some(octets) = input.first_chunk() {
                let header = Header::parse(octets);
                if let Some(progress) = self.judge(&header, out)? {
                    self.consume(input, Header::LEN);
                    return Ok(progress);
                }
                let whole = Header::LEN + header.length as usize;
                if let Some(frame) = input.get(..whole) {
                    let payload = &frame[Header::LEN..];
                    self.consume(input, whole);
                    return self.handle(&header, payload, fields, out);
                }
            }
        }
        // Cut: what is missing of the header, then of the payload.
        while let Some(missing) = self.missing() {
            if input.is_empty() {
                return Ok(Progress::Starved);
            }
            self.deadlines.block_begins();
            let had_header = self.carry.len() >= Header::LEN;
            let taken = missing.min(input.len());
            self.carry.extend_from_slice(&input[..taken]);
            self.consume(input, taken);
            if let (false, Some(octets)) = (had_header, self.carry.first_chunk()) {
                let header = Header::parse(octets);
                if let Some(progress) = self.judge(&header, out)? {
                    self.deadlines.block_ends();
                    self.carry.clear();
                    return Ok(progress);
                }
            }
        }
        let mut carry = mem::take(&mut self.carry);
        let result = match carry.split_first_chunk() {
            Some((octets, payload)) => self.handle(&Header::parse(octets), payload, fields, out),
            None => Ok(Progress::Again),
        };
        if !self.reading.in_block() {
            self.deadlines.block_ends();
        }
        carry.clear();
        self.carry = carry;
        result
    }

    /// Octets that the carry needs for its header, or its frame; `None` if that is whole.
    fn missing(&self) -> Option<usize> {
        let whole = match self.carry.first_chunk() {
            None => Header::LEN,
            Some(octets) => Header::LEN + Header::parse(octets).length as usize,
        };
        (self.carry.len() < whole).then(|| whole - self.carry.len())
    }

    /// What the header alone decides: refusals, and DATA, whose payload is not waited for.
    fn judge(&mut self, header: &Header, out: &mut Vec<u8>) -> Result<Option<Progress>, ErrorKind> {
        if let Reading::Block(block) = self.reading
            && (header.kind != kind::CONTINUATION || header.stream != block.stream)
        {
            return Err(ErrorKind::BlockInterrupted);
        }
        if self.phase < Phase::Open
            && self.awaits_settings()
            && (header.kind != kind::SETTINGS || header.has(flag::ACK))
        {
            return Err(ErrorKind::FirstFrame);
        }
        match header.check(self.local.in_force.frame_bytes_max) {
            Ok(()) => {}
            Err(Fault::Connection(kind)) => return Err(kind),
            // Told when the frame is whole.
            Err(Fault::Stream(_)) => return Ok(None),
        }
        if header.kind != kind::DATA {
            return Ok(None);
        }
        let step = self.begin_data(header, out)?;
        Ok(Some(step.into()))
    }

    /// The first SETTINGS of the peer are still to come.
    pub(super) fn awaits_settings(&self) -> bool {
        matches!((self.side, self.phase), (Side::Client, Phase::Preface) | (_, Phase::Settings))
    }

    fn handle(
        &mut self,
        header: &Header,
        payload: &[u8],
        fields: &mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Progress, ErrorKind> {
        let result = match header.kind {
            kind::HEADERS => self.on_headers(header, payload, fields, out),
            kind::CONTINUATION => self.on_continuation(header, payload, fields, out),
            kind::PRIORITY => self.on_priority(header, payload),
            kind::RST_STREAM => self.on_rst_stream(header, payload, out),
            kind::SETTINGS => self.on_settings(header, payload, out),
            kind::PUSH_PROMISE => self.on_push_promise(header, payload, fields, out),
            kind::PING => self.on_ping(header, payload, out),
            kind::GOAWAY => self.on_goaway(payload, fields, out),
            kind::WINDOW_UPDATE => self.on_window_update(header, payload),
            kind::PRIORITY_UPDATE => self.on_priority_update(payload),
            _ => self.on_unknown(header, payload, fields),
        };
        match result {
            Ok(step) => Ok(step.into()),
            Err(Fault::Connection(kind)) => Err(kind),
            Err(Fault::Stream(kind)) => {
                Ok(Progress::Event(self.break_stream(header.stream, kind, out)))
            }
        }
    }
}
