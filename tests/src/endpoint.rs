//! What a server and a client have in common, so that one loop can drive either.

use core::time::Duration;

use h1_proto::{ClientConnection, ConnectionError, Event, Head, NextStep, ServerConnection};

/// One side of a connection.
pub trait Endpoint {
    /// See the connection's `next_event`.
    ///
    /// # Errors
    /// As there.
    fn next_event<'i, 'f>(
        &mut self,
        input: &mut &'i [u8],
        head: &'f mut Head,
    ) -> Result<Option<Event<'i, 'f>>, ConnectionError>;
    /// What the side does with an error: a server answers it, a client has nothing to say.
    fn on_error(&mut self, error: &ConnectionError, out: &mut Vec<u8>);
    /// See the connection's `eof`.
    fn eof(&mut self);
    /// See the connection's `is_paused`.
    fn is_paused(&self) -> bool;
    /// See the connection's `wrote`.
    fn wrote(&mut self, octets: usize);
    /// See the connection's `next_step`.
    fn next_step(&self) -> NextStep;
    /// See the connection's `arrived`.
    fn arrived(&mut self, now: Duration);
    /// See the connection's `advance`.
    ///
    /// # Errors
    /// As there.
    fn advance(&mut self, now: Duration) -> Result<(), ConnectionError>;
    /// See the connection's `next_deadline`.
    fn next_deadline(&self) -> Option<Duration>;
    /// See the connection's `received`.
    fn received(&self) -> u64;
    /// See the connection's `work`.
    fn work(&self) -> u64;
}

macro_rules! endpoint {
    ($connection:ty, $on_error:expr) => {
        impl Endpoint for $connection {
            fn next_event<'i, 'f>(
                &mut self,
                input: &mut &'i [u8],
                head: &'f mut Head,
            ) -> Result<Option<Event<'i, 'f>>, ConnectionError> {
                self.next_event(input, head)
            }
            fn on_error(&mut self, error: &ConnectionError, out: &mut Vec<u8>) {
                ($on_error)(self, error, out);
            }
            fn eof(&mut self) {
                self.eof();
            }
            fn is_paused(&self) -> bool {
                self.is_paused()
            }
            fn wrote(&mut self, octets: usize) {
                self.wrote(octets);
            }
            fn next_step(&self) -> NextStep {
                self.next_step()
            }
            fn arrived(&mut self, now: Duration) {
                self.arrived(now);
            }
            fn advance(&mut self, now: Duration) -> Result<(), ConnectionError> {
                self.advance(now)
            }
            fn next_deadline(&self) -> Option<Duration> {
                self.next_deadline()
            }
            fn received(&self) -> u64 {
                self.received()
            }
            fn work(&self) -> u64 {
                self.work()
            }
        }
    };
}

endpoint!(ServerConnection, ServerConnection::respond_error);
endpoint!(ClientConnection, |_: &mut ClientConnection, _: &ConnectionError, _: &mut Vec<u8>| {});
