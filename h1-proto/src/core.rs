//! What both roles share: reading heads and content, writing content, the account of the output,
//! failing. The roles (`server`, `client`) decide what it means.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::Head;
use crate::chunked::{self, Chunks, Step, take_up_to};
use crate::config::Config;
use crate::deadlines::{Deadlines, Waiting};
use crate::error::{ConnectionError, Deadline, ErrorKind, SendError};
use crate::event::{BodyLength, Field, KeepAlive, Splice};
use crate::head::{self, Fault, Progress, Section};
use crate::state::{Recv, RecvInput, Send, SendInput};
use crate::write::{self, Draft};

/// How the content that comes is framed, and how far it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Incoming {
    None,
    /// Octets left.
    Known(u64),
    Chunked(Chunks),
    /// Octets that may still come.
    UntilClose(u64),
}

/// How the content that goes is framed, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// Octets left.
    Known(u64),
    Chunked,
    UntilClose,
    /// The answer to HEAD, or a 304: what the caller sends is counted for nothing.
    Swallow,
}

/// Content, or what comes instead.
pub(crate) enum Content<'i> {
    Data(&'i [u8]),
    Short,
    /// Complete; the trailers are in the head buffer.
    End,
}

#[derive(Clone, Debug)]
pub(crate) struct Core {
    pub(crate) config: Arc<Config>,
    /// The beginning of a head or trailer section that is not complete.
    pub(crate) carry: Vec<u8>,
    /// Octets received before the head or trailer section that is read, else in all.
    offset: u64,
    progress: Progress,
    incoming: Incoming,
    outgoing: Outgoing,
    appended: u64,
    written: u64,
    pub(crate) clock: Deadlines,
    pub(crate) failed: Option<ConnectionError>,
    pub(crate) recv: Recv,
    pub(crate) send: Send,
    /// What becomes of the connection after the exchange.
    pub(crate) keep_alive: KeepAlive,
    pub(crate) eof: bool,
    /// The last pull ended because there was no more input.
    pub(crate) starved: bool,
    /// Content of the message that is read was surfaced.
    pub(crate) pulled: bool,
    empty_lines: u8,
    /// Nothing goes out any more, not even what is unsent.
    pub(crate) aborted: bool,
}

impl Core {
    pub(crate) fn new(config: Arc<Config>, now: Duration) -> Self {
        Self {
            clock: Deadlines::new(now, &config),
            config,
            carry: Vec::new(),
            offset: 0,
            progress: Progress::default(),
            incoming: Incoming::None,
            outgoing: Outgoing::Swallow,
            appended: 0,
            written: 0,
            failed: None,
            recv: Recv::Idle,
            send: Send::Idle,
            keep_alive: KeepAlive::Continue,
            eof: false,
            starved: true,
            pulled: false,
            empty_lines: 0,
            aborted: false,
        }
    }

    // ---- receiving ----

    #[inline]
    pub(crate) fn receive(&mut self, input: RecvInput) {
        if let Some(next) = self.recv.on(input) {
            self.recv = next;
        } else {
            debug_assert!(false, "{:?} on {input:?}", self.recv);
        }
    }

    /// Reads a head: how many octets it has, if it is complete. The offset stays at its beginning until
    /// [`Core::head_done`]. Where none is `expected`, only empty lines may come (RFC 9112 §9.2).
    #[inline(always)]
    pub(crate) fn read_head(
        &mut self,
        section: Section,
        expected: bool,
        input: &mut &[u8],
        head: &mut Head,
    ) -> Result<Option<usize>, ConnectionError> {
        if self.recv == Recv::Idle {
            if matches!(input.first(), Some(b'\r' | b'\n')) || !self.carry.is_empty() {
                self.skip_empty_lines(input)?;
            }
            if input.is_empty() || !self.carry.is_empty() {
                return Ok(None);
            }
            if !expected {
                return Err(self.error(ErrorKind::Unsolicited));
            }
            self.receive(RecvInput::FirstOctet);
            self.clock.message_begins();
        } else if input.is_empty() {
            return Ok(None);
        }
        let held = self.carry.len();
        let (config, progress) = (&*self.config, &mut self.progress);
        let read = if held == 0 {
            head::read(section, input, config, head, progress)
        } else {
            take_up_to(&mut self.carry, input, config.head_bytes_max);
            head::resume(section, &self.carry, config, head, progress)
        };
        match read {
            Ok(Some(octets)) => {
                *input = input.get(octets.saturating_sub(held)..).unwrap_or_default();
                if held > 0 {
                    self.carry.clear();
                }
                Ok(Some(octets))
            }
            Ok(None) => {
                if held == 0 {
                    take_up_to(&mut self.carry, input, config.head_bytes_max);
                }
                *input = input.get(self.carry.len() - held..).unwrap_or_default();
                Ok(None)
            }
            Err(fault) => {
                let octets = if held == 0 { *input } else { self.carry.as_slice() };
                Err(chunked::error_at(fault, self.offset, octets))
            }
        }
    }

    /// RFC 9112 §2.2: empty lines before a start line are skipped, within a limit.
    #[cold]
    pub(crate) fn skip_empty_lines(&mut self, input: &mut &[u8]) -> Result<(), ConnectionError> {
        loop {
            let octets = match (self.carry.is_empty(), *input) {
                (true, [b'\r', b'\n', ..]) => 2,
                (true, [b'\n', ..]) if self.config.leniency.bare_lf => 1,
                (true, [b'\n', ..]) => return Err(self.error(ErrorKind::BareLf)),
                (true, [b'\r']) => {
                    self.carry.push(b'\r');
                    *input = b"";
                    return Ok(());
                }
                (false, [b'\n', ..]) => 1,
                (false, []) => return Ok(()),
                (true, [b'\r', ..]) | (false, _) => {
                    return Err(self.error(ErrorKind::BareCr));
                }
                (true, _) => return Ok(()),
            };
            if self.empty_lines >= self.config.empty_lines_max {
                return Err(self.error(ErrorKind::TooManyEmptyLines));
            }
            self.empty_lines += 1;
            self.offset += (octets + self.carry.len()) as u64;
            self.carry.clear();
            *input = input.get(octets..).unwrap_or_default();
        }
    }

    /// The head is accepted: what follows has its offsets behind it.
    #[inline]
    pub(crate) fn head_done(&mut self, octets: usize, body: BodyLength) {
        self.offset += octets as u64;
        self.clock.message_begun();
        self.empty_lines = 0;
        self.pulled = false;
        self.incoming = match body {
            BodyLength::None => Incoming::None,
            BodyLength::Known(octets) => Incoming::Known(octets),
            BodyLength::Chunked => Incoming::Chunked(Chunks::default()),
            BodyLength::UntilClose => Incoming::UntilClose(self.config.body_bytes_max),
        };
    }

    /// The next content.
    #[inline(always)]
    pub(crate) fn read_content<'i>(
        &mut self,
        input: &mut &'i [u8],
        head: &mut Head,
    ) -> Result<Content<'i>, ConnectionError> {
        match &mut self.incoming {
            Incoming::None | Incoming::Known(0) => {
                head.clear();
                Ok(Content::End)
            }
            Incoming::Known(left) => {
                let data = take(input, left);
                self.offset += data.len() as u64;
                self.data(data)
            }
            Incoming::UntilClose(left) => {
                if input.is_empty() && self.eof {
                    head.clear();
                    return Ok(Content::End);
                }
                if *left == 0 && !input.is_empty() {
                    return Err(self.error(ErrorKind::BodyTooLong));
                }
                let data = take(input, left);
                self.offset += data.len() as u64;
                self.data(data)
            }
            Incoming::Chunked(chunks) => {
                let before = input.len();
                let step = chunks.step(input, &self.config);
                self.offset += (before - input.len()) as u64;
                match step {
                    Ok(Step::Data(data)) => self.data(data),
                    Ok(Step::Short) => self.data(b""),
                    Ok(Step::Trailers) => self.read_trailers(input, head),
                    Ok(Step::End) => Ok(Content::End),
                    Err(kind) => Err(self.error(kind)),
                }
            }
        }
    }

    #[inline]
    fn data<'i>(&mut self, data: &'i [u8]) -> Result<Content<'i>, ConnectionError> {
        if !data.is_empty() {
            self.pulled = true;
            return Ok(Content::Data(data));
        }
        if self.eof { Err(self.incomplete()) } else { Ok(Content::Short) }
    }

    #[inline(never)]
    fn read_trailers<'i>(
        &mut self,
        input: &mut &'i [u8],
        head: &mut Head,
    ) -> Result<Content<'i>, ConnectionError> {
        let Incoming::Chunked(chunks) = &mut self.incoming else { return Ok(Content::Short) };
        let at_end = input.is_empty() && self.eof;
        let (progress, carry) = (&mut self.progress, &mut self.carry);
        let (config, offset) = (&*self.config, &mut self.offset);
        match chunked::read_trailers(chunks, progress, carry, offset, input, config, head)? {
            Step::End => Ok(Content::End),
            _ if at_end => Err(self.incomplete()),
            _ => Ok(Content::Short),
        }
    }

    /// Octets of content that are known to be still to come; `None` if nobody knows.
    pub(crate) fn content_left(&self) -> Option<u64> {
        match self.incoming {
            Incoming::None => Some(0),
            Incoming::Known(left) => Some(left),
            Incoming::Chunked(_) | Incoming::UntilClose(_) => None,
        }
    }

    /// Octets received and made use of.
    pub(crate) fn received(&self) -> u64 {
        self.offset
    }

    /// Octets looked at, those looked at twice counted twice.
    pub(crate) fn work(&self) -> u64 {
        self.offset + self.progress.work()
    }

    // ---- failing ----

    pub(crate) fn error(&self, kind: ErrorKind) -> ConnectionError {
        ConnectionError::new(kind, self.offset)
    }

    /// The end of the input in the middle of something.
    #[cold]
    pub(crate) fn incomplete(&self) -> ConnectionError {
        let at = self.offset + self.carry.len() as u64;
        ConnectionError::new(ErrorKind::Incomplete, at)
    }

    /// An error in a head that was read as a whole.
    #[cold]
    pub(crate) fn error_in(
        &self,
        head: &Head,
        kind: ErrorKind,
        index: Option<u32>,
    ) -> ConnectionError {
        let fault = match index {
            Some(index) => head.fault_in(kind, index as usize),
            None => Fault::new(kind, head.raw().len()),
        };
        chunked::error_at(fault, self.offset, head.raw())
    }

    /// Nothing is received any more; the first error is told for ever.
    #[cold]
    pub(crate) fn fail(&mut self, error: ConnectionError) -> ConnectionError {
        self.recv = Recv::Closed;
        self.keep_alive = KeepAlive::Close;
        self.carry = Vec::new();
        self.failed.get_or_insert_with(|| error.clone());
        error
    }

    // ---- sending ----

    #[inline]
    pub(crate) fn transmit(&mut self, input: SendInput) {
        if let Some(next) = self.send.on(input) {
            self.send = next;
        } else {
            debug_assert!(false, "{:?} on {input:?}", self.send);
        }
    }

    /// Begins content. The caller has moved the machine.
    pub(crate) fn begin_content(&mut self, outgoing: Outgoing) {
        self.outgoing = outgoing;
    }

    pub(crate) fn outgoing(&self) -> Outgoing {
        self.outgoing
    }

    fn sendable(&self) -> Result<(), SendError> {
        match self.send {
            Send::Body => Ok(()),
            Send::Closed | Send::Tunnel => Err(SendError::Closed),
            Send::Idle | Send::Owed | Send::Done | Send::Switching => Err(SendError::WrongState),
        }
    }

    /// How much of `octets` of content is accepted now.
    fn acceptable(&self, octets: usize) -> Result<usize, SendError> {
        self.sendable()?;
        if let Outgoing::Known(left) = self.outgoing
            && octets as u64 > left
        {
            return Err(SendError::BodyTooLong);
        }
        if self.outgoing == Outgoing::Swallow {
            return Ok(octets);
        }
        let room = (self.config.output_bytes_max as u64).saturating_sub(self.unsent());
        Ok(octets.min(usize::try_from(room).unwrap_or(usize::MAX)))
    }

    pub(crate) fn send_data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<usize, SendError> {
        let accepted = self.acceptable(data.len())?;
        if accepted == 0 || self.outgoing == Outgoing::Swallow {
            return Ok(accepted);
        }
        self.put_content(data.get(..accepted).unwrap_or_default(), out)?;
        Ok(accepted)
    }

    /// Content whatever is unsent; the caller has seen to the limit.
    pub(crate) fn put_content(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.sendable()?;
        if self.outgoing == Outgoing::Swallow {
            return Ok(());
        }
        let before = out.len();
        self.open_data(data.len(), out);
        out.extend_from_slice(data);
        self.close_data(out);
        self.account(out.len() - before);
        Ok(())
    }

    pub(crate) fn send_data_splice(
        &mut self,
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<Splice, SendError> {
        let accepted = self.acceptable(len)?;
        if accepted == 0 || self.outgoing == Outgoing::Swallow {
            return Ok(Splice { at: out.len(), len: 0 });
        }
        let before = out.len();
        self.open_data(accepted, out);
        let at = out.len();
        self.close_data(out);
        self.account(out.len() - before);
        self.appended = self.appended.saturating_add(accepted as u64);
        Ok(Splice { at, len: accepted })
    }

    fn open_data(&mut self, octets: usize, out: &mut Vec<u8>) {
        match &mut self.outgoing {
            Outgoing::Known(left) => *left -= octets as u64,
            Outgoing::Chunked => write::put_chunk_size(octets, out),
            Outgoing::UntilClose | Outgoing::Swallow => {}
        }
    }

    fn close_data(&self, out: &mut Vec<u8>) {
        if self.outgoing == Outgoing::Chunked {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Whether the message may end here.
    pub(crate) fn finishable(&self) -> Result<(), SendError> {
        self.sendable()?;
        match self.outgoing {
            Outgoing::Known(left) if left > 0 => Err(SendError::BodyTooShort),
            _ => Ok(()),
        }
    }

    /// Writes the end of the content; the caller moves the machine.
    pub(crate) fn put_end(&mut self, out: &mut Vec<u8>) {
        if self.outgoing == Outgoing::Chunked {
            out.extend_from_slice(b"0\r\n\r\n");
            self.account(5);
        }
    }

    /// The same with trailers. Where they cannot go they are checked all the same.
    pub(crate) fn put_trailers<'a, I>(
        &mut self,
        trailers: I,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        let mut draft = Draft::new(out);
        draft.put(b"0\r\n");
        write::put_trailers(trailers, &mut draft)?;
        draft.put(b"\r\n");
        if self.outgoing == Outgoing::Chunked {
            self.account(draft.keep());
        }
        Ok(())
    }

    // ---- the account of the output ----

    /// Charges octets that were appended to the output.
    #[inline]
    pub(crate) fn account(&mut self, octets: usize) {
        self.appended = self.appended.saturating_add(octets as u64);
    }

    pub(crate) fn appended(&self) -> u64 {
        self.appended
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn unsent(&self) -> u64 {
        self.appended - self.written
    }

    #[inline]
    pub(crate) fn wrote(&mut self, octets: usize) {
        self.written = self.written.saturating_add(octets as u64).min(self.appended);
        if self.written == self.appended {
            self.clock.all_sent();
        }
        if self.written == self.appended && self.send == Send::Closed {
            self.clock.begin_linger(&self.config);
        }
    }

    // ---- time ----

    #[inline]
    pub(crate) fn advance(&mut self, now: Duration, waiting: Waiting) -> Option<ErrorKind> {
        let (received, written, unsent) = (self.received(), self.written, self.unsent());
        self.clock.arrived(now);
        if self.send == Send::Closed && unsent == 0 {
            self.clock.begin_linger(&self.config);
        }
        let expired = self.clock.advance(now, waiting, received, written, unsent, &self.config)?;
        if expired == Deadline::UnreadBody {
            self.clock.disarm_receive();
        } else {
            self.clock.disarm();
        }
        Some(ErrorKind::Deadline(expired))
    }

    #[inline]
    pub(crate) fn shrink(&mut self) {
        if self.carry.capacity() > self.carry.len() {
            self.carry.shrink_to_fit();
        }
    }
}

/// Takes as much of the input as there is, up to what is left, and counts it off.
#[inline]
fn take<'i>(input: &mut &'i [u8], left: &mut u64) -> &'i [u8] {
    let octets = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    let (data, rest) = input.split_at_checked(octets).unwrap_or((input, b""));
    *input = rest;
    *left -= data.len() as u64;
    data
}
