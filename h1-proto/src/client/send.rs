//! The sending half of the client: requests and their content.

use alloc::vec::Vec;
use core::num::NonZeroU64;

use super::{ClientConnection, Unanswered};
use crate::core::Outgoing;
use crate::error::SendError;
use crate::event::{BodyLength, Field, KeepAlive, RequestId, Splice, Version};
use crate::grammar;
use crate::head::{self, TargetForm};
use crate::state::{self, Send, SendInput};
use crate::write::{self, Draft};

/// A request line: method, request-target, version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "RFC 9112 §3 knows these three")]
pub struct RequestLine<'a> {
    /// A token (RFC 9110 §9.1).
    pub method: &'a [u8],
    /// In the form that the method takes (RFC 9112 §3.2).
    pub target: &'a [u8],
    /// HTTP/1.1 unless there is a reason.
    pub version: Version,
}

impl<'a, M: AsRef<[u8]> + ?Sized, T: AsRef<[u8]> + ?Sized> From<(&'a M, &'a T)>
    for RequestLine<'a>
{
    fn from((method, target): (&'a M, &'a T)) -> Self {
        Self { method: method.as_ref(), target: target.as_ref(), version: Version::Http11 }
    }
}

impl ClientConnection {
    /// Begins a request. With [`BodyLength::None`] it is complete at once; every other ends with
    /// [`finish`](Self::finish) or [`send_trailers`](Self::send_trailers).
    ///
    /// `fields` must have exactly one Host, equal to the authority of the request-target if that
    /// has one (RFC 9112 §3.2). The connection writes the framing fields. With
    /// `expect: 100-continue` among the fields, wait until
    /// [`awaits_continue`](Self::awaits_continue) is false before you send content.
    ///
    /// # Errors
    /// See [`SendError`]; nothing is written then.
    pub fn send_request<'a, I>(
        &mut self,
        line: impl Into<RequestLine<'a>>,
        fields: I,
        body: BodyLength,
        out: &mut Vec<u8>,
    ) -> Result<RequestId, SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        self.sendable()?;
        let RequestLine { method, target, version } = line.into();
        if !grammar::is_token(method) {
            return Err(SendError::InvalidMethod);
        }
        let form =
            if grammar::is_target(target) { head::target_form(method, target) } else { None };
        let (form, from, to) = form.ok_or(SendError::InvalidTarget)?;
        let old = version == Version::Http10;
        if body == BodyLength::UntilClose || (body == BodyLength::Chunked && old) {
            return Err(SendError::BodyNotAllowed);
        }
        let mut draft = Draft::new(out);
        draft.put(method);
        draft.put(b" ");
        draft.put(target);
        draft.put(if old { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
        let mut checked = write::Checked::default();
        write::put_fields(fields, &mut checked, &mut draft)?;
        if checked.host_invalid || checked.hosts > 1 || (checked.hosts == 0 && !old) {
            return Err(SendError::Host);
        }
        if matches!(form, TargetForm::Absolute | TargetForm::Authority)
            && checked.hosts == 1
            && draft.get(checked.host) != target.get(from..to)
        {
            return Err(SendError::Host);
        }
        if let Some((octets, index)) = checked.content_length
            && body != BodyLength::Known(octets)
        {
            return Err(SendError::FramingField(index));
        }
        let close = !self.core.config.keep_alive && !checked.connection.close();

        if close {
            draft.put(b"connection: close\r\n");
        }
        let offers = checked.upgrade && !old;
        if offers && !checked.connection.upgrade {
            // RFC 9110 §7.8: Upgrade goes with its connection option.
            draft.put(b"connection: upgrade\r\n");
        }
        if checked.te && !checked.connection.te {
            // R9112-091: it means this connection only.
            draft.put(b"connection: te\r\n");
        }
        match body {
            BodyLength::Known(octets) if checked.content_length.is_none() => {
                write::put_content_length(octets, b"\r\n", &mut draft);
            }
            BodyLength::Chunked => draft.put(b"transfer-encoding: chunked\r\n"),
            _ => {}
        }
        draft.put(b"\r\n");

        self.unanswered.push_back(Unanswered {
            start: self.core.appended(),
            head: method == b"HEAD",
            connect: method == b"CONNECT",
            upgrade: offers,
        });
        self.core.account(draft.keep());
        if close || checked.connection.decide(version, true) == KeepAlive::Close {
            self.core.keep_alive = KeepAlive::Close;
        }
        self.core.transmit(SendInput::RequestHead);
        self.core.begin_content(match body {
            BodyLength::Known(octets) => Outgoing::Known(octets),
            BodyLength::Chunked => Outgoing::Chunked,
            BodyLength::None | BodyLength::UntilClose => Outgoing::Known(0),
        });
        let waits =
            checked.expects_continue && !matches!(body, BodyLength::None | BodyLength::Known(0));
        self.continue_until = (waits && !old).then_some(NonZeroU64::MAX);
        if body == BodyLength::None {
            self.finished();
        }
        let id = RequestId(self.next_id);
        self.next_id += 1;
        Ok(id)
    }

    /// Whether a request can be sent now: nothing of an earlier one is still to be sent, the
    /// connection persists and the pipeline has room.
    #[must_use]
    pub fn can_send_request(&self) -> bool {
        self.sendable().is_ok()
    }

    fn sendable(&self) -> Result<(), SendError> {
        if self.core.failed.is_some() || self.core.eof {
            return Err(SendError::Closed);
        }
        match self.core.send {
            Send::Idle => {}
            Send::Closed | Send::Tunnel => return Err(SendError::Closed),
            Send::Owed | Send::Body | Send::Done | Send::Switching => {
                return Err(SendError::WrongState);
            }
        }
        if self.core.keep_alive == KeepAlive::Close || self.switching {
            return Err(SendError::Closed);
        }
        let last_may_switch =
            self.unanswered.back().is_some_and(|last| last.connect || last.upgrade);
        if last_may_switch || self.unanswered.len() >= self.core.config.pipeline_max {
            return Err(SendError::PipelineFull);
        }
        Ok(())
    }

    /// Whether the request that is being sent still waits for a 100 (Continue), or for
    /// [`Config::continue_timeout`](crate::Config::continue_timeout), before its content should go
    /// (RFC 9110 §10.1.1).
    #[must_use]
    pub fn awaits_continue(&self) -> bool {
        self.continue_until.is_some() && self.core.send == Send::Body
    }

    /// Sends content. How many octets were accepted: fewer than given when
    /// [`Config::output_bytes_max`](crate::Config::output_bytes_max) is reached. With the
    /// chunked coding each call makes a chunk.
    ///
    /// # Errors
    /// No request is being sent, it would become longer than announced, or the server closed
    /// the connection with its answer and does not read on.
    pub fn send_data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<usize, SendError> {
        let accepted = self.core.send_data(data, out)?;
        self.continue_until = None;
        Ok(accepted)
    }

    /// Like [`send_data`](Self::send_data), but the caller writes the payload itself, at
    /// [`Splice::at`].
    ///
    /// # Errors
    /// As [`send_data`](Self::send_data).
    pub fn send_data_splice(&mut self, len: usize, out: &mut Vec<u8>) -> Result<Splice, SendError> {
        let splice = self.core.send_data_splice(len, out)?;
        self.continue_until = None;
        Ok(splice)
    }

    /// Ends the request.
    ///
    /// # Errors
    /// No request is being sent, or [`SendError::BodyTooShort`].
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.core.finishable()?;
        self.core.put_end(out);
        self.finished();
        Ok(())
    }

    /// Ends the request with trailers (RFC 9110 §6.5).
    ///
    /// # Errors
    /// No request is being sent, it is not chunked, or a field is invalid.
    pub fn send_trailers<'a, I>(&mut self, fields: I, out: &mut Vec<u8>) -> Result<(), SendError>
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        self.core.finishable()?;
        if self.core.outgoing() != Outgoing::Chunked {
            return Err(SendError::TrailersNotAllowed);
        }
        self.core.put_trailers(fields, out)?;
        self.finished();
        Ok(())
    }

    /// Gives up the request that is being sent, for example because its final response came
    /// early: what is left of its content does not go, and the connection closes after the
    /// response (RFC 9112 §9.3, §9.5).
    pub fn abandon_request(&mut self) {
        if self.core.send == Send::Body {
            self.core.keep_alive = KeepAlive::Close;
            self.core.transmit(SendInput::Close);
            self.continue_until = None;
            if self.unanswered.is_empty() {
                self.close();
            }
        }
    }

    fn finished(&mut self) {
        self.continue_until = None;
        self.core.transmit(SendInput::Finish);
        if self.switching {
            // The next pull says so.
            return;
        }
        let (recv, send) = (self.core.recv, self.core.send);
        (self.core.recv, self.core.send) = state::join_client(recv, send, KeepAlive::Continue);
        if self.core.keep_alive == KeepAlive::Close && self.unanswered.is_empty() {
            self.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use core::time::Duration;

    #[test]
    fn content_that_is_refused_does_not_end_the_wait_for_a_100() {
        let mut conn = ClientConnection::new(Config::client(), Duration::ZERO);
        let mut out = Vec::new();
        let fields = [("host", "a"), ("expect", "100-continue")];
        conn.send_request(("POST", "/"), fields, BodyLength::Known(3), &mut out).unwrap();
        assert_eq!(conn.send_data(b"more", &mut out), Err(SendError::BodyTooLong));
        assert_eq!(conn.send_data_splice(4, &mut out), Err(SendError::BodyTooLong));
        assert!(conn.awaits_continue());
        assert_eq!(conn.send_data(b"all", &mut out), Ok(3));
        assert!(!conn.awaits_continue());
    }
}
