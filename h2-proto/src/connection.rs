//! What both roles offer in the same words.

/// The calls of a role that are those of the core.
macro_rules! connection {
    ($connection:ident) => {
        impl $connection {
            /// Where the connection stands.
            #[must_use]
            pub fn phase(&self) -> $crate::Phase {
                self.0.phase
            }

            /// Trailers, which end the message.
            ///
            /// # Errors
            /// See [`SendError`].
            pub fn send_trailers<'a, I>(
                &mut self,
                stream: StreamId,
                fields: I,
                out: &mut Vec<u8>,
            ) -> Result<(), SendError>
            where
                I: IntoIterator + Clone,
                I::Item: Into<Field<'a>>,
            {
                self.0.send_trailers(stream, || fields.clone().into_iter().map(Into::into), out)
            }

            /// The caller has content for this stream: [`next_writable`](Self::next_writable) will
            /// name it when its turn comes.
            ///
            /// # Errors
            /// See [`SendError`].
            pub fn want_send(&mut self, stream: StreamId) -> Result<(), SendError> {
                self.0.want_send(stream)
            }

            /// The stream whose turn it is (RFC 9218), and the octets that it may send now. It
            /// loses its turn unless content is sent: what of that is not accepted puts it back.
            pub fn next_writable(&mut self) -> Option<(StreamId, u32)> {
                self.0.next_writable()
            }

            /// Whether streams wait for their turn: who sends without one goes before them.
            #[must_use]
            pub fn has_writable(&self) -> bool {
                !self.0.schedule.is_empty()
            }

            /// Sends content, as much as windows and output allow: how many octets of `data` were
            /// accepted. With `end_stream` the message ends if that is all of them. Less than all
            /// counts as [`want_send`](Self::want_send).
            ///
            /// # Errors
            /// See [`SendError`].
            pub fn send_data(
                &mut self,
                stream: StreamId,
                data: &[u8],
                end_stream: bool,
                out: &mut Vec<u8>,
            ) -> Result<usize, SendError> {
                self.0.send_data(stream, data, end_stream, out)
            }

            /// As [`send_data`](Self::send_data), but the caller writes the octets itself: the first
            /// `len` of the [`Splice`](crate::Splice) belong before `out[at]`, one frame at most. It
            /// is a promise that nothing takes back.
            ///
            /// # Errors
            /// See [`SendError`].
            pub fn send_data_splice(
                &mut self,
                stream: StreamId,
                len: usize,
                end_stream: bool,
                out: &mut Vec<u8>,
            ) -> Result<$crate::Splice, SendError> {
                self.0.send_data_splice(stream, len, end_stream, out)
            }

            /// Gives octets of content back that were handed out: the windows grow.
            ///
            /// # Errors
            /// More than was taken is an error and changes nothing.
            pub fn release(
                &mut self,
                stream: StreamId,
                octets: u32,
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                let start = out.len();
                let result = self.0.release(stream, octets, out);
                self.0.appended(out.len() - start);
                result
            }

            /// The application is done with a stream: its place is free, and what it did not
            /// release comes back. A stream that both sides ended is done by itself; one that is
            /// still open is reset.
            ///
            /// # Errors
            /// There is no such stream.
            pub fn done(&mut self, stream: StreamId, out: &mut Vec<u8>) -> Result<(), SendError> {
                let start = out.len();
                let result = self.0.done(stream, out);
                self.0.close_if_over();
                self.0.appended(out.len() - start);
                result
            }

            /// Ends a stream at once; the application is done with it.
            ///
            /// # Errors
            /// There is no such stream.
            pub fn reset(
                &mut self,
                stream: StreamId,
                code: $crate::ErrorCode,
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                self.0.reset(stream, code, out)
            }

            /// Sends a PING; [`Event::Pong`] tells when it was answered.
            ///
            /// # Errors
            /// See [`SendError`].
            pub fn ping(&mut self, data: [u8; 8], out: &mut Vec<u8>) -> Result<(), SendError> {
                self.0.ping(data, out)
            }

            /// Announces other settings; they are in force once the peer has acknowledged them.
            ///
            /// # Errors
            /// A setting outside its range, or too many unacknowledged.
            pub fn update_settings(
                &mut self,
                change: impl FnOnce(&mut $crate::Settings),
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                self.0.update_settings(change, out)
            }

            /// Changes the priority of a stream; a client tells the server.
            ///
            /// # Errors
            /// There is no such stream.
            pub fn set_priority(
                &mut self,
                stream: StreamId,
                priority: $crate::Priority,
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                self.0.set_priority(stream, priority, out)
            }

            /// Begins to end the connection: no new streams; those that are open end. A server
            /// first announces it, so that no request is lost; called again it is final.
            pub fn shutdown(&mut self, out: &mut Vec<u8>) {
                let start = out.len();
                self.0.shutdown(out);
                self.0.appended(out.len() - start);
            }

            /// Whether a shutdown has begun on this side.
            #[must_use]
            pub fn is_draining(&self) -> bool {
                self.0.is_draining()
            }

            /// The input is over: pull once more, with empty input.
            pub fn eof(&mut self) {
                self.0.eof = true;
            }

            /// Whether input waits until what the peer caused is written.
            #[must_use]
            pub fn is_paused(&self) -> bool {
                self.0.is_paused()
            }

            /// The transport took so many octets, payloads that the caller wrote itself included.
            pub fn wrote(&mut self, octets: usize) {
                self.0.wrote(octets);
            }

            /// Octets that were appended or promised and not written.
            #[must_use]
            pub fn unsent(&self) -> u64 {
                self.0.unsent()
            }

            /// What a driver does next.
            #[must_use]
            pub fn next_step(&self) -> $crate::NextStep {
                self.0.next_step()
            }

            /// The time at which the input that is pulled next arrived.
            pub fn arrived(&mut self, now: Duration) {
                self.0.deadlines.arrived(now);
            }

            /// Arms and expires deadlines. If a stream expired, the next pull tells.
            ///
            /// # Errors
            /// The connection expired.
            pub fn advance(
                &mut self,
                now: Duration,
                out: &mut Vec<u8>,
            ) -> Result<(), ConnectionError> {
                self.0.advance(now, out)
            }

            /// When to call [`advance`](Self::advance) at the latest.
            #[must_use]
            pub fn next_deadline(&self) -> Option<Duration> {
                self.0.next_deadline()
            }

            /// Gives storage back that is not in use, for a connection that is parked.
            pub fn shrink(&mut self) {
                self.0.shrink();
            }

            /// What the peer has caused and not brought, in units of the ledger.
            #[must_use]
            pub fn debt(&self) -> u32 {
                self.0.ledger.debt()
            }

            /// All that there is to see.
            #[must_use]
            pub fn snapshot(&self) -> $crate::Snapshot {
                $crate::Snapshot::of(&self.0)
            }
        }

        impl core::fmt::Debug for $connection {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({})", stringify!($connection), self.snapshot())
            }
        }
    };
}
pub(crate) use connection;
