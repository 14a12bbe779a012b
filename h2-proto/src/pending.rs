//! Requests of a client that wait until the server allows another stream.

use alloc::vec::Vec;

use hpack::FieldBuf;

use crate::config::Config;
use crate::error::SendError;

/// A request that is whole and checked, but not encoded: the table's order is that of the wire.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: u32,
    pub(crate) fields: FieldBuf,
    pub(crate) end_stream: bool,
}

/// See the module. First come, first served.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    queue: Vec<Waiting>,
    bytes: usize,
}

impl Pending {
    pub(crate) const fn new() -> Self {
        Self { queue: Vec::new(), bytes: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether a request of this size may wait, too.
    pub(crate) fn admits(&self, bytes: usize, config: &Config) -> Result<(), SendError> {
        let room = config.pending_bytes_max as usize;
        if self.queue.len() >= config.pending_max as usize
            || bytes > room.saturating_sub(self.bytes)
        {
            return Err(SendError::TooManyPending);
        }
        Ok(())
    }

    pub(crate) fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.fields.section_bytes();
        self.queue.push(waiting);
    }

    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        if self.queue.is_empty() {
            return None;
        }
        // Short: moving it is nothing beside encoding a request.
        let waiting = self.queue.remove(0);
        self.bytes -= waiting.fields.section_bytes();
        if self.queue.is_empty() {
            self.queue = Vec::new();
        }
        Some(waiting)
    }

    /// Forgets a request that was cancelled.
    pub(crate) fn remove(&mut self, id: u32) {
        if let Some(at) = self.queue.iter().position(|waiting| waiting.id == id) {
            let waiting = self.queue.remove(at);
            self.bytes -= waiting.fields.section_bytes();
        }
    }
}
