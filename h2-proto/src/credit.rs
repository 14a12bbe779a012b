//! Flow control of what is received: what the application is done with goes back into the windows.

use alloc::vec::Vec;

use crate::core::Core;
use crate::error::SendError;
use crate::event::StreamId;
use crate::frame;
use crate::phase::Phase;
use crate::stream::Flags;
use crate::stream::map::Slot;
use crate::stream::state::State;

impl Core {
    /// Octets that were handed out and count as used at once for the connection, unless too many
    /// are unreleased.
    pub(crate) fn withhold_connection(&mut self, octets: u32) {
        let max = self.config.connection_unreleased_bytes_max;
        let withheld = self.unreleased.saturating_sub(max);
        self.unreleased += u64::from(octets);
        let more = self.unreleased.saturating_sub(max) - withheld;
        self.credit += octets - more as u32;
    }

    /// The application is done with octets: what the connection's window waited for comes back.
    pub(crate) fn release_connection(&mut self, octets: u32) {
        let max = self.config.connection_unreleased_bytes_max;
        let withheld = self.unreleased.saturating_sub(max);
        self.unreleased -= u64::from(octets);
        let less = withheld - self.unreleased.saturating_sub(max);
        self.credit += less as u32;
    }

    pub(crate) fn flush_connection_credit(&mut self, out: &mut Vec<u8>) {
        let half = self.config.connection_window_bytes.max(65_535) / 2;
        if self.phase != Phase::Closed
            && self.credit >= half
            && self.receive.add(self.credit).is_ok()
        {
            frame::window_update::write(0, self.credit, out);
            self.credit = 0;
        }
    }

    pub(crate) fn flush_stream_credit(&mut self, slot: Slot, out: &mut Vec<u8>) {
        if self.phase == Phase::Closed {
            return;
        }
        let half = (self.local.announced().window_bytes / 2).max(1);
        let stream = self.streams.get_mut(slot);
        if stream.credit >= half
            && stream.state.receives()
            && stream.receive.add(stream.credit).is_ok()
        {
            frame::window_update::write(stream.id, stream.credit, out);
            stream.credit = 0;
        }
    }

    pub(crate) fn release(
        &mut self,
        id: StreamId,
        octets: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let slot = self.surfaced(id)?;
        let now = self.deadlines.millis();
        let stream = self.streams.get_mut(slot);
        let left = stream.unreleased.checked_sub(octets).ok_or(SendError::ReleasedTooMuch)?;
        stream.unreleased = left;
        stream.credit += octets;
        // The peer was held back; now it is its turn.
        stream.heard_at = now;
        self.release_connection(octets);
        if self.phase != Phase::Closed {
            self.flush_stream_credit(slot, out);
            self.flush_connection_credit(out);
        }
        if left == 0 && self.streams.get(slot).state == State::Ended {
            self.streams.get_mut(slot).flags.set(Flags::DONE);
            self.settle_life(slot, out);
            self.close_if_over();
        }
        Ok(())
    }
}
