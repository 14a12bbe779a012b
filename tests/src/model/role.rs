//! What both roles offer in the same words, as a trait, so that a test is written once for both.

use h2_proto::{
    ClientConnection, ConnectionError, ErrorCode, Event, FieldBuf, Phase, SendError,
    ServerConnection, Snapshot, Splice, StreamId,
};

/// A role; every method is the connection's.
#[allow(missing_docs, clippy::missing_errors_doc, reason = "they are the connection's")]
pub trait Role: Clone {
    /// Which end of the world it is.
    const SIDE: usize;

    fn next_event<'i, 'f>(
        &mut self,
        input: &mut &'i [u8],
        fields: &'f mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'i, 'f>>, ConnectionError>;
    fn next_writable(&mut self) -> Option<(StreamId, u32)>;
    fn want_send(&mut self, stream: StreamId) -> Result<(), SendError>;
    fn send_data_splice(
        &mut self,
        stream: StreamId,
        len: usize,
        end: bool,
        out: &mut Vec<u8>,
    ) -> Result<Splice, SendError>;
    fn release(&mut self, stream: StreamId, len: u32, out: &mut Vec<u8>) -> Result<(), SendError>;
    fn reset(
        &mut self,
        stream: StreamId,
        code: ErrorCode,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>;
    fn done(&mut self, stream: StreamId, out: &mut Vec<u8>) -> Result<(), SendError>;
    fn shutdown(&mut self, out: &mut Vec<u8>);
    /// Other windows of streams, by SETTINGS.
    fn resize(&mut self, window: u32, out: &mut Vec<u8>) -> Result<(), SendError>;
    fn wrote(&mut self, octets: usize);
    fn unsent(&self) -> u64;
    fn is_paused(&self) -> bool;
    fn phase(&self) -> Phase;
    fn snapshot(&self) -> Snapshot;
    /// The answer to a request: a head, which content follows. A client has none to give.
    fn answer(&mut self, stream: StreamId, out: &mut Vec<u8>) -> Result<(), SendError>;
}

macro_rules! role {
    ($connection:ident, $side:literal, |$conn:ident, $stream:ident, $out:ident| $answer:expr) => {
        impl Role for $connection {
            const SIDE: usize = $side;

            fn next_event<'i, 'f>(
                &mut self,
                input: &mut &'i [u8],
                fields: &'f mut FieldBuf,
                out: &mut Vec<u8>,
            ) -> Result<Option<Event<'i, 'f>>, ConnectionError> {
                self.next_event(input, fields, out)
            }
            fn next_writable(&mut self) -> Option<(StreamId, u32)> {
                self.next_writable()
            }
            fn want_send(&mut self, stream: StreamId) -> Result<(), SendError> {
                self.want_send(stream)
            }
            fn send_data_splice(
                &mut self,
                stream: StreamId,
                len: usize,
                end: bool,
                out: &mut Vec<u8>,
            ) -> Result<Splice, SendError> {
                self.send_data_splice(stream, len, end, out)
            }
            fn release(
                &mut self,
                stream: StreamId,
                len: u32,
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                self.release(stream, len, out)
            }
            fn reset(
                &mut self,
                stream: StreamId,
                code: ErrorCode,
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                self.reset(stream, code, out)
            }
            fn done(&mut self, stream: StreamId, out: &mut Vec<u8>) -> Result<(), SendError> {
                self.done(stream, out)
            }
            fn shutdown(&mut self, out: &mut Vec<u8>) {
                self.shutdown(out);
            }
            fn resize(&mut self, window: u32, out: &mut Vec<u8>) -> Result<(), SendError> {
                self.update_settings(|settings| settings.window_bytes = window, out)
            }
            fn wrote(&mut self, octets: usize) {
                self.wrote(octets);
            }
            fn unsent(&self) -> u64 {
                self.unsent()
            }
            fn is_paused(&self) -> bool {
                self.is_paused()
            }
            fn phase(&self) -> Phase {
                self.phase()
            }
            fn snapshot(&self) -> Snapshot {
                self.snapshot()
            }
            fn answer(&mut self, stream: StreamId, out: &mut Vec<u8>) -> Result<(), SendError> {
                let ($conn, $stream, $out) = (self, stream, out);
                $answer
            }
        }
    };
}

const NO_FIELDS: [(&str, &str); 0] = [];

role!(ClientConnection, 0, |_conn, _stream, _out| Err(SendError::NotAllowed));
role!(ServerConnection, 1, |conn, stream, out| conn.send_response(
    stream,
    200,
    NO_FIELDS.iter(),
    false,
    out
));
