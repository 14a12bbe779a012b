//! The second front door: a connection with buffers of its own. Feed bytes, poll events, poll
//! what to transmit. For tests, fuzz targets and simple embedders; the machine is the same.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use hpack::FieldBuf;

use crate::{ClientConnection, Config, ConnectionError, Event, ServerConnection};

/// A connection with its buffers.
#[derive(Clone, Debug)]
pub struct Buffered<C> {
    /// The connection: every call of it is at hand.
    pub conn: C,
    /// The output that [`poll_transmit`](Self::poll_transmit) has not taken.
    pub out: Vec<u8>,
    fields: FieldBuf,
    input: Vec<u8>,
    used: usize,
}

/// What an event is answered with: the connection and the output, apart from what the event
/// borrows.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs, reason = "two borrows")]
pub struct Answer<'a, C> {
    /// The connection.
    pub conn: &'a mut C,
    /// The output.
    pub out: &'a mut Vec<u8>,
}

/// An event with what it is answered with, if something happened.
pub type Polled<'a, C> = Result<Option<(Event<'a, 'a>, Answer<'a, C>)>, ConnectionError>;

/// [`ServerConnection`] with its buffers.
pub type Server = Buffered<ServerConnection>;

/// [`ClientConnection`] with its buffers.
pub type Client = Buffered<ClientConnection>;

impl<C> Buffered<C> {
    /// Buffers around a connection, whose first output is `out`; for one that `new` does not make, such
    /// as [`ServerConnection::with_prior_knowledge`].
    pub const fn around(conn: C, out: Vec<u8>) -> Self {
        Self { conn, out, fields: FieldBuf::new(), input: Vec::new(), used: 0 }
    }

    /// Appends input.
    pub fn feed_bytes(&mut self, octets: &[u8]) {
        self.input.drain(..self.used);
        self.used = 0;
        self.input.extend_from_slice(octets);
    }

    /// The input that the connection has not used.
    #[must_use]
    pub fn remaining_input(&self) -> &[u8] {
        self.input.get(self.used..).unwrap_or_default()
    }
}

macro_rules! connection {
    ($connection:ty) => {
        impl Buffered<$connection> {
            /// A new connection with buffers; see the connection's own `new`.
            pub fn new(config: impl Into<Arc<Config>>, now: Duration) -> Self {
                let mut out = Vec::new();
                let conn = <$connection>::new(config, now, &mut out);
                Self::around(conn, out)
            }

            /// The next event, with what it is answered with.
            ///
            /// # Errors
            /// As `next_event` of the connection.
            pub fn poll_event(&mut self) -> Polled<'_, $connection> {
                let mut rest = self.input.get(self.used..).unwrap_or_default();
                let before = rest.len();
                let event = self.conn.next_event(&mut rest, &mut self.fields, &mut self.out);
                self.used += before - rest.len();
                let answer = Answer { conn: &mut self.conn, out: &mut self.out };
                Ok(event?.map(|event| (event, answer)))
            }

            /// Takes the output, which counts as written.
            #[must_use]
            pub fn poll_transmit(&mut self) -> Option<Bytes> {
                if self.out.is_empty() {
                    return None;
                }
                self.conn.wrote(self.out.len());
                Some(Bytes::from(core::mem::take(&mut self.out)))
            }
        }
    };
}

connection!(ServerConnection);
connection!(ClientConnection);
