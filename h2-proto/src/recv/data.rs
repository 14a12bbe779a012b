//! DATA received: windows and lengths are settled where a frame begins and ends, so that it makes no
//! difference how its payload was cut.

use alloc::vec::Vec;

use super::{Progress, Reading, Step};
use crate::core::Core;
use crate::error::{ErrorKind, Fault};
use crate::event::StreamId;
use crate::frame::{Header, flag};
use crate::ledger::{Cause, charge, refund};
use crate::stream::Flags;
use crate::stream::map::Slot;
use crate::stream::state::{Frame, Outcome};

/// A DATA frame that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Data {
    stream: u32,
    /// The length of the padding is still to come.
    awaits_padding: bool,
    /// Octets of content and of padding that are still to come.
    content: u32,
    padding: u32,
    /// The whole payload, which the windows are charged for, and what of it was handed out.
    length: u32,
    handed_out: u32,
    end_stream: bool,
    /// Nobody wants it.
    discard: bool,
}

impl Core {
    pub(super) fn begin_data(
        &mut self,
        header: &Header,
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, ErrorKind> {
        let (id, length) = (header.stream, header.length);
        let end_stream = header.has(flag::END_STREAM);
        if !self.receive.take(length) {
            return Err(ErrorKind::WindowExceeded);
        }
        if length == 0 && !end_stream {
            self.ledger.charge(Cause::EmptyFrames, charge::EMPTY_FRAME);
        } else {
            self.ledger.charge(Cause::Data, charge::DATA);
        }
        let mut frame = Data {
            stream: id,
            awaits_padding: header.has(flag::PADDED),
            content: length,
            padding: 0,
            length,
            handed_out: 0,
            end_stream,
            discard: true,
        };
        let result = match self.admit_data(id, length, end_stream) {
            Ok(wanted) => {
                frame.discard = !wanted;
                None
            }
            Err(Fault::Connection(kind)) => return Err(kind),
            Err(Fault::Stream(kind)) => Some(self.break_stream(id, kind, out)),
        };
        if frame.awaits_padding {
            self.reading = Reading::Data(frame);
            return Ok(result);
        }
        let more = self.measure_data(&mut frame, out);
        self.continue_data(frame, out);
        if let (Some(_), Some(second)) = (result, more) {
            self.queued.push_back(second);
        }
        Ok(result.or(more))
    }

    /// Whether the stream takes this DATA.
    fn admit_data(&mut self, id: u32, length: u32, end: bool) -> Result<bool, Fault> {
        match self.state_of(id).receive(Frame::Data { end }) {
            Outcome::Ignore => return Ok(false),
            Outcome::Error(fault) => return Err(fault),
            Outcome::Next(_) => {}
        }
        let Some(slot) = self.streams.find(id) else { return Ok(false) };
        let stream = self.streams.get_mut(slot);
        if !stream.receive.take(length) {
            return Err(Fault::Stream(ErrorKind::WindowExceeded));
        }
        if !stream.flags.has(Flags::HEAD_RECEIVED) {
            return Err(Fault::Stream(ErrorKind::MessageOrder));
        }
        Ok(!stream.flags.has(Flags::DONE))
    }

    /// The length of the content is known: it is held against what was announced, before any of it
    /// is handed out.
    fn measure_data(&mut self, frame: &mut Data, out: &mut Vec<u8>) -> Option<Step> {
        let slot = self.streams.find(frame.stream)?;
        let stream = self.streams.get_mut(slot);
        if frame.discard || stream.state.is_closed() {
            return None;
        }
        let content = u64::from(frame.content);
        let announced = stream.flags.has(Flags::LENGTH_IN);
        let fault = if stream.flags.has(Flags::NO_CONTENT_IN) && content > 0 {
            Some(ErrorKind::ContentForbidden)
        } else if stream.flags.has(Flags::TUNNEL) {
            // What goes through a tunnel is no content (RFC 9110 §9.3.6).
            None
        } else if content > stream.content_left {
            Some(if announced { ErrorKind::ContentLengthMismatch } else { ErrorKind::BodyTooLong })
        } else {
            stream.content_left -= content;
            (announced && frame.end_stream && stream.content_left > 0)
                .then_some(ErrorKind::ContentLengthMismatch)
        };
        fault.map(|kind| {
            frame.discard = true;
            self.break_stream(frame.stream, kind, out)
        })
    }

    /// The frame is read on, or over.
    fn continue_data(&mut self, frame: Data, out: &mut Vec<u8>) {
        if frame.content > 0 || frame.padding > 0 || frame.end_stream && !frame.discard {
            self.reading = Reading::Data(frame);
        } else {
            self.reading = Reading::Frame;
            self.settle_data(&frame, out);
        }
    }

    /// The next octets of a DATA frame.
    pub(super) fn data<'i>(
        &mut self,
        mut frame: Data,
        input: &mut &'i [u8],
        data: &mut &'i [u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, ErrorKind> {
        if frame.awaits_padding {
            let Some(&padding) = input.first() else { return Ok(Progress::Starved) };
            self.consume(input, 1);
            frame.awaits_padding = false;
            frame.padding = u32::from(padding);
            // What is counted is the payload without the octet of the padding's length.
            frame.content =
                (frame.length - 1).checked_sub(frame.padding).ok_or(ErrorKind::Padding)?;
            let step = self.measure_data(&mut frame, out);
            self.continue_data(frame, out);
            return Ok(step.into());
        }
        // The application may have left in the meantime.
        let slot = self.streams.find(frame.stream).filter(|&slot| {
            let stream = self.streams.get(slot);
            !frame.discard && stream.state.receives() && !stream.flags.has(Flags::DONE)
        });
        frame.discard = slot.is_none();

        let taken = (frame.content as usize).min(input.len());
        let whole: &'i [u8] = input;
        let piece = &whole[..taken];
        self.consume(input, taken);
        frame.content -= taken as u32;
        if frame.content == 0 && frame.padding > 0 {
            let skipped = (frame.padding as usize).min(input.len());
            self.consume(input, skipped);
            frame.padding -= skipped as u32;
        }
        let over = frame.content == 0 && frame.padding == 0;
        if taken == 0 && !over {
            self.reading = Reading::Data(frame);
            return Ok(Progress::Starved);
        }
        let end_stream = over && frame.end_stream;
        let mut step = None;
        if let Some(slot) = slot {
            frame.handed_out += taken as u32;
            self.heard_content(slot, taken);
            let credit = if self.config.manual_release { taken as u32 } else { 0 };
            if credit > 0 {
                self.streams.get_mut(slot).unreleased += credit;
                self.withhold_connection(credit);
            }
            if taken > 0 || end_stream {
                *data = piece;
                step = Some(Step::Data { stream: StreamId(frame.stream), credit, end_stream });
            }
        }
        if over {
            self.reading = Reading::Frame;
            self.settle_data(&frame, out);
        } else {
            self.reading = Reading::Data(frame);
        }
        Ok(step.into())
    }

    /// Content came: enough of it is progress.
    fn heard_content(&mut self, slot: Slot, octets: usize) {
        let now = self.deadlines.millis();
        let progress = self.config.send_progress_bytes_min.min(0xffff);
        let stream = self.streams.get_mut(slot);
        stream.heard_since = stream.heard_since.saturating_add(octets.min(0xffff) as u16);
        if u32::from(stream.heard_since) >= progress {
            stream.heard_since = 0;
            stream.heard_at = now;
        }
    }

    /// A DATA frame is over: what nobody has to release goes back into the windows, and the
    /// stream into its next state.
    fn settle_data(&mut self, frame: &Data, out: &mut Vec<u8>) {
        let held = if self.config.manual_release { frame.handed_out } else { 0 };
        let free = frame.length - held;
        self.credit += free;
        if !frame.discard {
            if frame.handed_out > 0 {
                self.ledger.refund(Cause::Control, refund::DATA_DELIVERED);
            }
            if frame.handed_out > 0 || frame.end_stream {
                self.ledger.refund(Cause::Data, refund::DATA_ENDED);
            }
        }
        if let Some(slot) = self.streams.find(frame.stream) {
            let stream = self.streams.get_mut(slot);
            if stream.state.receives() {
                stream.credit += free;
                let end = frame.end_stream;
                if let Outcome::Next(state) = stream.state.receive(Frame::Data { end }) {
                    if end {
                        self.set_state(slot, state, out);
                    } else {
                        self.flush_stream_credit(slot, out);
                    }
                }
            }
        }
        self.flush_connection_credit(out);
    }
}
