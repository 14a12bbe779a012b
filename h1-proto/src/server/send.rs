//! The sending half of the server: interim and final responses, content, the answer to an error.

use alloc::vec::Vec;

use super::ServerConnection;
use crate::core::Outgoing;
use crate::error::{ConnectionError, SendError};
use crate::event::{BodyLength, Field, KeepAlive, Splice, Version};
use crate::grammar;
use crate::lines::FieldLines;
use crate::state::{Recv, RecvInput, Send, SendInput};
use crate::write::{self, Draft};

/// A status with an optional reason phrase of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a status line has nothing else to choose")]
pub struct Status<'a> {
    /// 100 to 999.
    pub code: u16,
    /// `None` for the registered phrase.
    pub reason: Option<&'a [u8]>,
}

impl From<u16> for Status<'_> {
    fn from(code: u16) -> Self {
        Self { code, reason: None }
    }
}

impl<'a, R: AsRef<[u8]> + ?Sized> From<(u16, &'a R)> for Status<'a> {
    fn from((code, reason): (u16, &'a R)) -> Self {
        Self { code, reason: Some(reason.as_ref()) }
    }
}

impl ServerConnection {
    /// Sends an interim response: 100 to 199 but 101 (RFC 9110 §15.2), any number before the
    /// final one. Nothing goes to an HTTP/1.0 client, which does not know them, and no 100 once
    /// content was surfaced (RFC 9110 §10.1.1).
    ///
    /// # Errors
    /// The status does not fit, a field is invalid, or the final response has begun.
    pub fn send_informational<'a, I>(
        &mut self,
        status: impl Into<Status<'a>>,
        fields: I,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        self.answerable()?;
        let status = status.into();
        if !(100..200).contains(&status.code) || status.code == 101 {
            return Err(SendError::InvalidStatus);
        }
        check_reason(status)?;
        let mut draft = Draft::new(out);
        write::put_status_line(status.code, status.reason, &mut draft);
        let mut checked = write::Checked::default();
        write::put_fields(fields, &mut checked, &mut draft)?;
        if let Some((_, index)) = checked.content_length {
            return Err(SendError::FramingField(index));
        }
        let late = status.code == 100 && self.core.pulled;
        if status.code == 100 {
            self.exchange.awaits_continue = false;
        }
        if self.exchange.version == Version::Http10 || late || self.core.failed.is_some() {
            return Ok(());
        }
        draft.put(b"\r\n");
        self.core.account(draft.keep());
        Ok(())
    }

    /// Begins the final response. The connection writes the framing fields and, where it is
    /// needed, Connection; `fields` has the rest. To an HTTP/1.0 client, chunked becomes until
    /// close (RFC 9112 §6.1). In the answer to HEAD and in a 304 the length is told and the
    /// content is swallowed.
    ///
    /// If no content of the request was surfaced and there is some, the connection closes after
    /// this answer: nobody can tell whether it will ever come. So it does if the answer is over with its head, and
    /// what is left of the content is known to be more than
    /// [`Config::unread_body_bytes_max`](crate::Config::unread_body_bytes_max).
    ///
    /// # Errors
    /// See [`SendError`]; nothing is written then.
    pub fn send_response<'a, I>(
        &mut self,
        status: impl Into<Status<'a>>,
        fields: I,
        body: BodyLength,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        self.send_response_with(&[], status, fields, body, out)
    }

    /// As [`send_response`](Self::send_response), with `lines` that were checked before, in this order, behind the
    /// `fields`. They are not held against those: what stands in both goes twice.
    ///
    /// # Errors
    /// As [`send_response`](Self::send_response).
    pub fn send_response_with<'a, I>(
        &mut self,
        lines: &[&FieldLines],
        status: impl Into<Status<'a>>,
        fields: I,
        body: BodyLength,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        let over = body == BodyLength::None;
        let began = self.begin_response(lines, status.into(), fields, body, over, out)?;
        self.core.begin_content(began.outgoing);
        if began.switch {
            self.core.transmit(SendInput::FinishSwitch);
        } else if over {
            self.finished();
        }
        Ok(())
    }

    /// Writes the head of the final response. `over`: it ends with what is at hand.
    #[inline]
    fn begin_response<'a, I>(
        &mut self,
        lines: &[&FieldLines],
        status: Status<'_>,
        fields: I,
        body: BodyLength,
        over: bool,
        out: &mut Vec<u8>,
    ) -> Result<Began, SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        self.answerable()?;
        if status.code != 101 && !(200..1000).contains(&status.code) {
            return Err(SendError::InvalidStatus);
        }
        check_reason(status)?;
        let mut draft = Draft::new(out);
        write::put_status_line(status.code, status.reason, &mut draft);
        let mut checked = write::Checked::default();
        write::put_fields(fields, &mut checked, &mut draft)?;
        lines.iter().for_each(|lines| draft.put(lines.as_bytes()));
        let exchange = self.exchange;
        let switch = self.switches(status.code, checked.upgrade)?;
        let empty = switch || status.code == 204;
        let swallow = exchange.head || status.code == 304;
        let bare = empty || status.code == 205;
        if bare && !matches!(body, BodyLength::None | BodyLength::Known(0)) {
            return Err(SendError::BodyNotAllowed);
        }
        if let Some((octets, index)) = checked.content_length {
            let agrees = match body {
                BodyLength::Known(length) => octets == length,
                BodyLength::None => swallow || octets == 0,
                BodyLength::Chunked | BodyLength::UntilClose => false,
            };
            if !agrees || empty {
                return Err(SendError::FramingField(index));
            }
        }
        let body = match body {
            BodyLength::Chunked if exchange.version == Version::Http10 => BodyLength::UntilClose,
            body => body,
        };
        let until_close = body == BodyLength::UntilClose && !swallow;
        if until_close || checked.connection.close() || self.answers_too_early(over) {
            self.core.keep_alive = KeepAlive::Close;
        }
        self.put_persistence(switch, &checked, &mut draft);
        match body {
            BodyLength::None if !empty && !swallow && checked.content_length.is_none() => {
                draft.put(b"content-length: 0\r\n\r\n");
            }
            BodyLength::Known(octets) if !empty && checked.content_length.is_none() => {
                write::put_content_length(octets, b"\r\n\r\n", &mut draft);
            }
            BodyLength::Chunked if status.code != 304 => {
                draft.put(b"transfer-encoding: chunked\r\n\r\n");
            }
            _ => draft.put(b"\r\n"),
        }
        self.core.account(draft.keep());
        self.exchange.awaits_continue = false;
        self.core.transmit(SendInput::FinalHead);
        let outgoing = match body {
            _ if swallow => Outgoing::Swallow,
            BodyLength::None => Outgoing::Known(0),
            BodyLength::Known(octets) => Outgoing::Known(octets),
            BodyLength::Chunked => Outgoing::Chunked,
            BodyLength::UntilClose => Outgoing::UntilClose,
        };
        Ok(Began { outgoing, switch })
    }

    /// A whole response with content that is at hand: head, content, end. All of it is appended,
    /// whatever is unsent: the caller holds it anyway.
    ///
    /// # Errors
    /// As [`send_response`](Self::send_response). Nothing is written then.
    pub fn respond<'a, I>(
        &mut self,
        status: impl Into<Status<'a>>,
        fields: I,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        self.respond_with(&[], status, fields, content, out)
    }

    /// As [`respond`](Self::respond), with `lines` that were checked before, in this order, behind the `fields`. They
    /// are not held against those: what stands in both goes twice.
    ///
    /// # Errors
    /// As [`send_response`](Self::send_response). Nothing is written then.
    pub fn respond_with<'a, I>(
        &mut self,
        lines: &[&FieldLines],
        status: impl Into<Status<'a>>,
        fields: I,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        let body = match content.len() {
            0 => BodyLength::None,
            octets => BodyLength::Known(octets as u64),
        };
        let began = self.begin_response(lines, status.into(), fields, body, true, out)?;
        if began.switch {
            self.core.begin_content(began.outgoing);
            self.core.transmit(SendInput::FinishSwitch);
            return Ok(());
        }
        if began.outgoing != Outgoing::Swallow {
            out.extend_from_slice(content);
            self.core.account(content.len());
        }
        self.finished();
        Ok(())
    }

    /// Sends content. How many octets were accepted: fewer than given when
    /// [`Config::output_bytes_max`](crate::Config::output_bytes_max) is reached, then offer the rest after
    /// [`wrote`](Self::wrote). With the chunked coding each call makes a chunk.
    ///
    /// # Errors
    /// No response is under way, or it would become longer than announced.
    pub fn send_data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<usize, SendError> {
        self.core.send_data(data, out)
    }

    /// Like [`send_data`](Self::send_data), but the caller writes the payload itself, for example
    /// with a vectored write: the framing around it is in `out`, the payload belongs at
    /// [`Splice::at`], and it counts as unsent until [`wrote`](Self::wrote) says otherwise.
    ///
    /// # Errors
    /// As [`send_data`](Self::send_data).
    pub fn send_data_splice(&mut self, len: usize, out: &mut Vec<u8>) -> Result<Splice, SendError> {
        self.core.send_data_splice(len, out)
    }

    /// Ends the response.
    ///
    /// # Errors
    /// No response is under way, or [`SendError::BodyTooShort`].
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.core.finishable()?;
        self.core.put_end(out);
        self.finished();
        Ok(())
    }

    /// Ends the response with trailers (RFC 9110 §6.5). Where they cannot go although the
    /// caller asked for chunked (HTTP/1.0, HEAD, 304) they are dropped, as a sender may.
    ///
    /// # Errors
    /// No response is under way, its length is known ([`SendError::TrailersNotAllowed`]), or a
    /// field is invalid.
    pub fn send_trailers<'a, I>(&mut self, fields: I, out: &mut Vec<u8>) -> Result<(), SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        self.core.finishable()?;
        if matches!(self.core.outgoing(), Outgoing::Known(_)) {
            return Err(SendError::TrailersNotAllowed);
        }
        self.core.put_trailers(fields, out)?;
        self.finished();
        Ok(())
    }

    /// Answers an error from [`next_event`](Self::next_event) or [`advance`](Self::advance): a
    /// short response with the error's status and `connection: close`, if an answer is owed and
    /// not begun. If one was begun and is not complete, the connection just closes: the client
    /// can tell that it was cut.
    pub fn respond_error(&mut self, error: &ConnectionError, out: &mut Vec<u8>) {
        let fields = [("content-type", "text/plain")];
        let sent = self.respond_error_with(error, &fields, out);
        debug_assert_eq!(sent, Ok(()));
    }

    /// Like [`respond_error`](Self::respond_error) with fields of the caller's, such as Date; the
    /// content is the status as text.
    ///
    /// # Errors
    /// A field is invalid; nothing is written then.
    pub fn respond_error_with<'a, I>(
        &mut self,
        error: &ConnectionError,
        fields: I,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        match (self.core.send, error.status()) {
            (Send::Owed, Some(status)) => {
                self.core.keep_alive = KeepAlive::Close;
                let mut content = Vec::new();
                write::put_decimal(u64::from(status), &mut content);
                content.push(b' ');
                content.extend_from_slice(grammar::reason(status).as_bytes());
                content.push(b'\n');
                self.respond(status, fields, &content, out)?;
            }
            (Send::Owed | Send::Body | Send::Idle | Send::Done, _) => {
                self.core.transmit(SendInput::Close);
                if self.core.recv != Recv::Closed {
                    self.core.receive(RecvInput::Close);
                }
            }
            (Send::Switching | Send::Tunnel | Send::Closed, _) => {}
        }
        Ok(())
    }

    /// Gives up a response that is under way: nothing marks its end, the connection closes, and
    /// the client can tell that it was cut. For an application that fails in the middle.
    pub fn abort_response(&mut self) {
        if matches!(self.core.send, Send::Owed | Send::Body) {
            self.linger = false;
            self.core.keep_alive = KeepAlive::Close;
            self.close();
        }
    }

    /// Makes the exchange that is under way the last (RFC 9112 §9.6): its answer says `close`, unless its head
    /// is sent, and the connection closes after it, unless it changes its protocol. Without a request that was
    /// surfaced and is not over this does nothing; unlike [`drain`](Self::drain) it sets no deadline.
    pub fn close_after(&mut self) {
        if !matches!(self.core.send, Send::Idle | Send::Tunnel) {
            self.core.keep_alive = KeepAlive::Close;
        }
    }

    /// Begins to end the connection: the upcoming or current answer says `close` if its head is
    /// not sent, and the connection closes after it; an idle connection closes now. All of it
    /// within [`Config::drain_timeout`](crate::Config::drain_timeout).
    pub fn drain(&mut self) {
        self.draining = true;
        self.core.keep_alive = KeepAlive::Close;
        if self.is_idle() {
            self.close();
        } else if self.core.recv != Recv::Tunnel {
            self.core.clock.begin_drain(&self.core.config);
        }
    }

    /// Whether [`drain`](Self::drain) was called.
    #[inline]
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Whether a request was surfaced, or broken, whose final answer has not begun.
    #[inline]
    #[must_use]
    pub fn owes_answer(&self) -> bool {
        self.core.send == Send::Owed
    }

    /// What becomes of the connection after this exchange, as far as it is decided.
    #[must_use]
    pub fn keep_alive(&self) -> KeepAlive {
        self.core.keep_alive
    }

    fn answerable(&self) -> Result<(), SendError> {
        match self.core.send {
            Send::Owed => Ok(()),
            Send::Closed | Send::Tunnel => Err(SendError::Closed),
            Send::Idle | Send::Body | Send::Done | Send::Switching => Err(SendError::WrongState),
        }
    }

    /// Whether this status changes the protocol (RFC 9110 §9.3.6, §15.2.2). It cannot once nothing more is
    /// read.
    fn switches(&self, status: u16, upgrade_field: bool) -> Result<bool, SendError> {
        let tunnels = self.exchange.connect && (200..300).contains(&status);
        let may = tunnels || self.exchange.upgrade && upgrade_field;
        match tunnels || status == 101 {
            true if may && self.core.recv != Recv::Closed => Ok(true),
            true => Err(SendError::NoUpgrade),
            false => Ok(false),
        }
    }

    /// An answer before any content of a request that has some: perhaps it never comes, and what
    /// comes instead would be taken for it. Or the answer is `over` and too much of the content is still to come.
    fn answers_too_early(&self, over: bool) -> bool {
        match self.core.recv {
            Recv::Body => !self.core.pulled || over && self.is_rest_too_much(),
            Recv::Discard => !self.core.pulled,
            Recv::Closed => true,
            Recv::Idle | Recv::Head | Recv::End | Recv::Done | Recv::Tunnel => false,
        }
    }

    /// RFC 9112 §9.3, §9.6: `close` on the last answer, `keep-alive` to an HTTP/1.0 client that
    /// asked for it; RFC 9110 §7.8: `upgrade` beside Upgrade.
    #[inline]
    fn put_persistence(&self, switch: bool, checked: &write::Checked, draft: &mut Draft<'_>) {
        if checked.upgrade && !checked.connection.upgrade {
            draft.put(b"connection: upgrade\r\n");
        }
        if switch {
            return;
        }
        match (self.core.keep_alive, self.exchange.version) {
            (KeepAlive::Close, _) if !checked.connection.close() => {
                draft.put(b"connection: close\r\n");
            }
            (KeepAlive::Continue, Version::Http10) => {
                draft.put(b"connection: keep-alive\r\n");
            }
            _ => {}
        }
    }

    #[inline]
    fn finished(&mut self) {
        self.core.transmit(SendInput::Finish);
        self.join();
    }
}

/// What a head that was written leaves to be done.
struct Began {
    outgoing: Outgoing,
    /// The connection changes its protocol.
    switch: bool,
}

fn check_reason(status: Status<'_>) -> Result<(), SendError> {
    match status.reason {
        Some(reason) if !grammar::is_reason(reason) => Err(SendError::InvalidReason),
        _ => Ok(()),
    }
}
