//! What a client does while a handler waits. Its request is complete then, so nothing of it is left to be
//! read: without a look nobody would notice that it went away.

use std::mem;
use std::task::{Context, Poll, ready};

use super::link::Link;
use crate::outcome::Outcome;
use crate::scratch::Held;
use crate::wire::Came;

/// Octets that are read ahead at most: the beginning of the next request. Then the client is there.
const AHEAD_BYTES: usize = 256;

impl Link {
    /// What is to be done while a handler waits. Ready when the connection does not wait for it any more.
    pub(crate) fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = self.poll_flush(cx);
        if !self.reading {
            self.conn.hold();
        }
        let _ = self.poll_ahead(cx);
        while self.poll_watch(cx).is_ready() {
            // Anything else is for the loop, once the handler is done.
            if self.wire.dead || self.broken.is_some() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Looks whether the client is still there. Ready when something came, or it is not: then the transport
    /// is dead.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_known = self.input_left || self.ahead.is_some() || self.wire.peer_closed;
        if is_known || self.wire.dead || !self.conn.is_request_complete() {
            return Poll::Pending;
        }
        let mut ahead = Vec::new();
        match ready!(self.wire.poll_read_some(cx, &mut [0; AHEAD_BYTES], &mut ahead)) {
            Some(Came::End) if self.half_close => self.conn.eof(),
            Some(Came::End) => self.wire.die(Outcome::ClientClosed),
            Some(Came::Input { at }) => {
                self.conn.arrived(at);
                self.ahead = Some(Box::new(ahead));
            }
            None => {}
        }
        Poll::Ready(())
    }

    /// What was read ahead comes behind the input.
    #[inline]
    pub(crate) fn use_ahead(&mut self, held: &mut Held) {
        if let Some(mut ahead) = mem::take(&mut self.ahead) {
            held.take().input.append(&mut ahead);
        }
    }
}
