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

            /// Sends trailers, which end the message (RFC 9113 §8.1). Names may have upper case; they
            /// are sent in lower case.
            ///
            /// # Errors
            /// [`WrongState`](SendError::WrongState) before the head, in a tunnel, while the request
            /// waits for a stream, and behind the end; [`BodyTooShort`](SendError::BodyTooShort) if
            /// more was announced; those of fields; [`NoStream`](SendError::NoStream);
            /// [`Closed`](SendError::Closed).
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
            /// name it when its turn comes and its window is open. To say it twice is to say it once.
            ///
            /// # Errors
            /// [`WrongState`](SendError::WrongState) before the head and behind the end;
            /// [`NoStream`](SendError::NoStream); [`Closed`](SendError::Closed).
            pub fn want_send(&mut self, stream: StreamId) -> Result<(), SendError> {
                self.0.want_send(stream)
            }

            /// The stream whose turn it is (RFC 9218 §10), and the octets that it may send now, by
            /// its window, the connection's and the room in the output. `None` if no stream that
            /// wants to send can. It is taken out: it gets its next turn by
            /// [`want_send`](Self::want_send), or because [`send_data`](Self::send_data) did not
            /// accept all.
            pub fn next_writable(&mut self) -> Option<(StreamId, u32)> {
                self.0.next_writable()
            }

            /// Whether streams wait for their turn: who sends without one goes before them. It may
            /// be true where [`next_writable`](Self::next_writable) gives none.
            #[must_use]
            pub fn has_writable(&self) -> bool {
                !self.0.schedule.is_empty()
            }

            /// Sends content in DATA frames (RFC 9113 §6.1), as much as windows and output allow: how
            /// many octets of `data` were accepted. With `end_stream` the message ends if that is
            /// all of them. Less than all counts as [`want_send`](Self::want_send). Content that a
            /// response cannot have (to HEAD, a 204, a 304) is accepted and not sent.
            ///
            /// # Errors
            /// [`WrongState`](SendError::WrongState) before the head and behind the end;
            /// [`BodyTooLong`](SendError::BodyTooLong) and [`BodyTooShort`](SendError::BodyTooShort)
            /// if Content-Length announced another length; [`NoStream`](SendError::NoStream);
            /// [`Closed`](SendError::Closed).
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
            /// is a promise that nothing takes back, not even a reset; the octets count as unsent
            /// until [`wrote`](Self::wrote) has told of them.
            ///
            /// # Errors
            /// As [`send_data`](Self::send_data), and
            /// [`BodyNotAllowed`](SendError::BodyNotAllowed) where that would not send anything.
            pub fn send_data_splice(
                &mut self,
                stream: StreamId,
                len: usize,
                end_stream: bool,
                out: &mut Vec<u8>,
            ) -> Result<$crate::Splice, SendError> {
                self.0.send_data_splice(stream, len, end_stream, out)
            }

            /// Gives octets of content back that were handed out: the windows grow, and half a window
            /// is announced at a time (RFC 9113 §5.2). Only with
            /// [`manual_release`](crate::Config::manual_release); without, there is nothing to give back.
            ///
            /// # Errors
            /// [`ReleasedTooMuch`](SendError::ReleasedTooMuch): more than was taken;
            /// [`NoStream`](SendError::NoStream).
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
            /// release comes back. A stream that both sides ended is done by itself once its content
            /// is released; one that is still open is reset, with CANCEL, or with NO_ERROR if this
            /// side has ended it (RFC 9113 §8.1).
            ///
            /// # Errors
            /// [`NoStream`](SendError::NoStream): there is none, or it is done with.
            pub fn done(&mut self, stream: StreamId, out: &mut Vec<u8>) -> Result<(), SendError> {
                let start = out.len();
                let result = self.0.done(stream, out);
                self.0.close_if_over();
                self.0.appended(out.len() - start);
                result
            }

            /// Ends a stream at once with RST_STREAM (RFC 9113 §6.4); the application is done with it.
            /// A request that waits for a stream is forgotten, and nothing is sent.
            ///
            /// # Errors
            /// [`NoStream`](SendError::NoStream): there is none, or it is done with.
            pub fn reset(
                &mut self,
                stream: StreamId,
                code: $crate::ErrorCode,
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                self.0.reset(stream, code, out)
            }

            /// Sends a PING (RFC 9113 §6.7); [`Event::Pong`] tells when it was answered. Those with the
            /// same data are answered in order.
            ///
            /// # Errors
            /// [`TooManyUnacknowledged`](SendError::TooManyUnacknowledged);
            /// [`WrongState`](SendError::WrongState) before our SETTINGS;
            /// [`Closed`](SendError::Closed).
            pub fn ping(&mut self, data: [u8; 8], out: &mut Vec<u8>) -> Result<(), SendError> {
                self.0.ping(data, out)
            }

            /// Announces other settings (RFC 9113 §6.5), those that `change` makes of the last ones;
            /// they are in force once the peer has acknowledged them
            /// ([`Event::SettingsAcked`]).
            ///
            /// # Errors
            /// [`InvalidSetting`](SendError::InvalidSetting): outside its range, not of this role, or
            /// one that cannot be taken back;
            /// [`TooManyUnacknowledged`](SendError::TooManyUnacknowledged);
            /// [`WrongState`](SendError::WrongState) before our SETTINGS;
            /// [`Closed`](SendError::Closed).
            pub fn update_settings(
                &mut self,
                change: impl FnOnce(&mut $crate::Settings),
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                self.0.update_settings(change, out)
            }

            /// Changes the priority of a stream, for this side's own turns. A client tells the server
            /// by PRIORITY_UPDATE (RFC 9218 §7.1), but not one whose SETTINGS came and do not say that
            /// it heeds them (§2.1.1). An urgency above 7 counts as 7.
            ///
            /// # Errors
            /// [`NoStream`](SendError::NoStream); [`Closed`](SendError::Closed).
            pub fn set_priority(
                &mut self,
                stream: StreamId,
                priority: $crate::Priority,
                out: &mut Vec<u8>,
            ) -> Result<(), SendError> {
                self.0.set_priority(stream, priority, out)
            }

            /// Begins to end the connection (RFC 9113 §6.8): no new streams; those that are open end,
            /// within [`drain_timeout`](crate::Config::drain_timeout). A server first announces it by a
            /// GOAWAY with the last stream 2^31-1 and a PING, so that no request is lost; the answer to
            /// the PING, or a second call, makes it final. On a client it is final at once: requests
            /// that wait for a stream end with [`Event::Reset`], not processed.
            pub fn shutdown(&mut self, out: &mut Vec<u8>) {
                let start = out.len();
                self.0.shutdown(out);
                self.0.appended(out.len() - start);
            }

            /// Whether a shutdown has begun on this side: by a call, or by age.
            #[must_use]
            pub fn is_draining(&self) -> bool {
                self.0.is_draining()
            }

            /// The input is over: pull once more, with what is left of it. In the middle of a frame, or
            /// while a stream is open, that is
            /// [`ErrorKind::Incomplete`](crate::ErrorKind::Incomplete).
            pub fn eof(&mut self) {
                self.0.eof = true;
            }

            /// Whether input waits until what the peer caused is written, because that is more than
            /// [`caused_output_bytes_max`](crate::Config::caused_output_bytes_max).
            #[must_use]
            pub fn is_paused(&self) -> bool {
                self.0.is_paused()
            }

            /// The transport took so many octets, payloads that the caller wrote itself included. When
            /// that ends a pause, pull what is left of the input before reading more.
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

            /// The time at which the input that is pulled next arrived, for
            /// [`Event::Request`]'s `began` and the times of PINGs. Time does not go backwards.
            pub fn arrived(&mut self, now: Duration) {
                self.0.deadlines.arrived(now);
            }

            /// Tells the time: arms deadlines and expires those that passed, repays the ledger, sends
            /// keep-alive PINGs. If a stream expired, the next pull tells. An idle connection is
            /// closed with GOAWAY, and that is no error.
            ///
            /// # Errors
            /// [`ErrorKind::Deadline`](crate::ErrorKind::Deadline): the connection expired. An error that
            /// came before comes again.
            pub fn advance(
                &mut self,
                now: Duration,
                out: &mut Vec<u8>,
            ) -> Result<(), ConnectionError> {
                self.0.advance(now, out)
            }

            /// When to call [`advance`](Self::advance) at the latest; `None` if nothing is waited for.
            #[must_use]
            pub fn next_deadline(&self) -> Option<Duration> {
                self.0.next_deadline()
            }

            /// Gives storage back that is not in use, for a connection that is parked.
            pub fn shrink(&mut self) {
                self.0.shrink();
            }

            /// The octets that all input so far made this side read, copy, decode and insert into
            /// tables: what receiving costs, to within a constant factor.
            #[must_use]
            pub fn work(&self) -> u64 {
                self.0.position + self.0.decoder.work()
            }

            /// What the peer has caused and not brought, in units of the ledger (about 100 ns each);
            /// above [`ledger_units_max`](crate::Config::ledger_units_max) the connection ends.
            #[must_use]
            pub fn debt(&self) -> u32 {
                self.0.ledger.debt()
            }

            /// What the connection is at this moment; its `Display` is a page.
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
