//! The server: receives requests, sends responses.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::Head;
use crate::config::Config;
use crate::core::{Content, Core, Outgoing};
use crate::deadlines::Waiting;
use crate::error::{ConnectionError, Deadline, ErrorKind, SendError};
use crate::event::{BodyLength, Event, Field, KeepAlive, NextStep, Splice, Version};
use crate::framing::{self, Facts};
use crate::grammar;
use crate::head::Section;
use crate::state::{self, Recv, RecvInput, Send, SendInput};
use crate::write;

/// The server side of one connection.
///
/// It owns protocol state and nothing else: input is a slice of the caller's, output is appended
/// to the caller's vector, heads lie in the caller's [`Head`].
///
/// # The order of calls
///
/// *Per wake*: read; [`next_event`](Self::next_event) until it gives `None`, answering while you
/// hold the event; send content that is ready; [`advance`](Self::advance); write the output and
/// tell [`wrote`](Self::wrote); obey [`next_step`](Self::next_step); wait for the transport, for
/// content, or for [`next_deadline`](Self::next_deadline).
///
/// *Per request*: [`Event::Head`], any number of [`Event::Data`], [`Event::End`]. Answer once with
/// [`send_response`](Self::send_response), any time from the head on. An answer with
/// [`BodyLength::None`] is complete at once; every other ends with [`finish`](Self::finish) or
/// [`send_trailers`](Self::send_trailers). The next request is surfaced only then.
///
/// *On an error* from `next_event` or `advance`: finish the answer that is under way, or call
/// [`respond_error`](Self::respond_error); then go on with `next_step`.
#[derive(Clone, Debug)]
pub struct ServerConnection {
    core: Core,
    /// Octets of unread content that may still be thrown away.
    unread_left: u64,
    /// Requests surfaced.
    requests: u32,
    exchange: Exchange,
    draining: bool,
    /// The input may not be over when the connection closes.
    linger: bool,
}

/// What of the request decides how its answer goes.
#[derive(Clone, Copy, Debug, Default)]
struct Exchange {
    version: Version,
    head: bool,
    connect: bool,
    /// It offers to change the protocol (RFC 9110 §7.8).
    upgrade: bool,
    /// It waits for a 100 (Continue).
    awaits_continue: bool,
    /// It says `close` itself, or is of HTTP/1.0 and does not ask for more.
    closes: bool,
}

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

/// A message step without borrows, to build the event from.
enum Surfaced<'i> {
    Head { body: BodyLength, expects_continue: bool },
    Data(&'i [u8]),
    End,
    Upgraded,
}

impl ServerConnection {
    /// A connection that was just accepted at `now`, a time since an epoch of the caller's
    /// choice. Allocates nothing if the configuration is already shared.
    pub fn new(config: impl Into<Arc<Config>>, now: Duration) -> Self {
        Self {
            core: Core::new(config.into(), now),
            unread_left: 0,
            requests: 0,
            exchange: Exchange::default(),
            draining: false,
            linger: false,
        }
    }

    // ---- receiving ----

    /// The next thing that happened. `input` advances past the octets that made it; `head` is a
    /// buffer of the caller's in which heads and trailers lie.
    ///
    /// `None` with `input` empty: more is needed. `None` with octets left: [paused](Self::is_paused),
    /// keep them.
    ///
    /// # Errors
    /// The client broke the protocol or a limit. Nothing is parsed any more; the same error comes
    /// again from every later call.
    #[inline]
    pub fn next_event<'i, 'f>(
        &mut self,
        input: &mut &'i [u8],
        head: &'f mut Head,
    ) -> Result<Option<Event<'i, 'f>>, ConnectionError> {
        if let Some(error) = &self.core.failed {
            return Err(error.clone());
        }
        let surfaced = match self.step(input, head) {
            Ok(surfaced) => surfaced,
            Err(error) => return Err(self.fail(error)),
        };
        self.core.starved = surfaced.is_none() && input.is_empty() && !self.is_paused();
        let head = &*head;
        Ok(surfaced.map(|surfaced| match surfaced {
            Surfaced::Head { body, expects_continue } => {
                Event::Head { head, body, expects_continue, began: self.core.clock.began() }
            }
            Surfaced::Data(data) => Event::Data(data),
            Surfaced::End => Event::End { trailers: head },
            Surfaced::Upgraded => Event::Upgraded,
        }))
    }

    #[inline]
    fn step<'i>(
        &mut self,
        input: &mut &'i [u8],
        head: &mut Head,
    ) -> Result<Option<Surfaced<'i>>, ConnectionError> {
        loop {
            match self.core.recv {
                Recv::Idle | Recv::Head => {
                    if let Some((facts, octets)) =
                        self.core.read_head(Section::Request, input, head)?
                    {
                        return self.request(&facts, octets, head).map(Some);
                    }
                    if self.core.eof && input.is_empty() {
                        if self.core.recv == Recv::Head {
                            return Err(self.core.incomplete());
                        }
                        self.close();
                    }
                    return Ok(None);
                }
                Recv::Body => {
                    return match self.core.read_content(input, head)? {
                        Content::Data(data) => {
                            self.exchange.awaits_continue = false;
                            Ok(Some(Surfaced::Data(data)))
                        }
                        Content::Short => Ok(None),
                        Content::End => {
                            self.core.receive(RecvInput::ContentOver);
                            self.core.receive(RecvInput::EndSurfaced);
                            self.join();
                            Ok(Some(Surfaced::End))
                        }
                    };
                }
                Recv::Discard => {
                    let before = input.len();
                    match self.core.read_content(input, head)? {
                        Content::Data(_) => {}
                        Content::Short => return Ok(None),
                        Content::End => {
                            self.core.receive(RecvInput::ContentOver);
                            self.join();
                        }
                    }
                    let thrown = (before - input.len()) as u64;
                    self.unread_left = match self.unread_left.checked_sub(thrown) {
                        Some(left) => left,
                        None => {
                            self.give_up_reading();
                            return Ok(None);
                        }
                    };
                }
                Recv::End => {
                    head.clear();
                    self.core.receive(RecvInput::EndSurfaced);
                    self.join();
                    return Ok(Some(Surfaced::End));
                }
                Recv::Done if self.core.send == Send::Switching => {
                    self.core.receive(RecvInput::Switch);
                    self.core.transmit(SendInput::Switch);
                    return Ok(Some(Surfaced::Upgraded));
                }
                Recv::Done | Recv::Tunnel | Recv::Closed => return Ok(None),
            }
        }
    }

    /// A complete request head: what is decided on all of its lines together.
    #[inline]
    fn request<'i>(
        &mut self,
        facts: &Facts,
        octets: usize,
        head: &Head,
    ) -> Result<Surfaced<'i>, ConnectionError> {
        let config = &*self.core.config;
        let version = head.version();
        check_host(facts, version, head)
            .map_err(|(kind, index)| self.core.error_in(head, kind, index))?;
        let body = framing::request_body(facts, version, config)
            .map_err(|(kind, index)| self.core.error_in(head, kind, index))?;
        self.requests = self.requests.saturating_add(1);
        let both = facts.codings.seen.times > 0 && facts.content_length.seen.times > 0;
        let allowed = config.keep_alive
            && !self.draining
            && !both
            && config.requests_max.is_none_or(|max| self.requests < max);
        let asked = facts.connection.decide(version, true);
        let content = !matches!(body, BodyLength::None | BodyLength::Known(0));
        let method = head.method();
        self.exchange = Exchange {
            version,
            head: method == b"HEAD",
            connect: method == b"CONNECT",
            upgrade: facts.upgrade && facts.connection.upgrade && version == Version::Http11,
            awaits_continue: facts.expects_continue && content && version == Version::Http11,
            closes: asked == KeepAlive::Close,
        };
        self.core.keep_alive = if allowed { asked } else { KeepAlive::Close };
        self.core.head_done(octets, body);
        self.core.receive(RecvInput::Head { content });
        self.core.transmit(SendInput::Request);
        Ok(Surfaced::Head { body, expects_continue: self.exchange.awaits_continue })
    }

    #[cold]
    fn fail(&mut self, error: ConnectionError) -> ConnectionError {
        self.linger = !self.core.eof;
        // A broken head was begun, so it has an answer; an idle connection has none.
        if self.core.send == Send::Idle {
            if error.status().is_some() {
                self.exchange = Exchange { closes: false, ..Exchange::default() };
                self.core.transmit(SendInput::Request);
            } else {
                self.core.transmit(SendInput::Close);
            }
        }
        if matches!(self.core.send, Send::Done | Send::Switching) {
            self.core.transmit(SendInput::Close);
        }
        self.core.fail(error)
    }

    /// Tells that the client sends no more. Pull once more with empty input. In the middle of a
    /// request that is an error; while an answer is owed it is a half-close, and the answer goes.
    pub fn eof(&mut self) {
        self.core.eof = true;
        if self.core.recv == Recv::Discard {
            self.give_up_reading();
        }
    }

    /// Whether input is to be kept for later: the answer to the request before is not finished,
    /// the connection belongs to another protocol, or it is closed.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        matches!(self.core.recv, Recv::Done | Recv::Tunnel | Recv::Closed)
    }

    /// Whether no exchange is under way and no octet of a next one has come.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.core.recv == Recv::Idle && self.core.carry.is_empty() && self.core.send == Send::Idle
    }

    /// Does without the rest of the request's content: it is no longer surfaced. What is left is
    /// read and thrown away within [`Config::unread_body_bytes_max`] and
    /// [`Config::unread_body_timeout`], or the connection closes after the answer.
    pub fn abandon_body(&mut self) {
        if self.core.recv == Recv::Body {
            self.core.receive(RecvInput::Abandon);
            self.begin_discard();
        }
    }

    fn begin_discard(&mut self) {
        self.unread_left = self.core.config.unread_body_bytes_max;
        let too_long = self.core.content_left().is_some_and(|left| left > self.unread_left);
        if too_long || self.exchange.awaits_continue || self.core.eof {
            self.give_up_reading();
        }
    }

    /// Reads no further: the connection ends with the answer that is owed or under way.
    fn give_up_reading(&mut self) {
        self.core.receive(RecvInput::Close);
        self.core.keep_alive = KeepAlive::Close;
        self.linger = !self.core.eof;
        if matches!(self.core.send, Send::Done | Send::Idle) {
            self.core.transmit(SendInput::Close);
        }
    }

    /// Ends both directions, unless another protocol has them.
    fn close(&mut self) {
        if self.core.recv != Recv::Tunnel && self.core.send != Send::Tunnel {
            self.core.receive(RecvInput::Close);
            self.core.transmit(SendInput::Close);
        }
    }

    // ---- sending ----

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
        I: IntoIterator + Clone,
        I::Item: Into<Field<'a>>,
    {
        self.answerable()?;
        let status = status.into();
        if !(100..200).contains(&status.code) || status.code == 101 {
            return Err(SendError::InvalidStatus);
        }
        check_reason(status)?;
        let checked = write::check_head(fields.clone().into_iter())?;
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
        let before = out.len();
        out.reserve(checked.octets + 64);
        write::put_status_line(status.code, status.reason, out);
        write::put_fields(fields.into_iter(), out);
        out.extend_from_slice(b"\r\n");
        self.core.account(before, out);
        Ok(())
    }

    /// Begins the final response. The connection writes the framing fields and, where it is
    /// needed, Connection; `fields` has the rest. To an HTTP/1.0 client, chunked becomes until
    /// close (RFC 9112 §6.1). In the answer to HEAD and in a 304 the length is told and the
    /// content is swallowed.
    ///
    /// If no content of the request was surfaced and there is some, the connection closes after
    /// this answer: nobody can tell whether it will ever come.
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
        I: IntoIterator + Clone,
        I::Item: Into<Field<'a>>,
    {
        self.answerable()?;
        let status = status.into();
        if status.code != 101 && !(200..1000).contains(&status.code) {
            return Err(SendError::InvalidStatus);
        }
        check_reason(status)?;
        let checked = write::check_head(fields.clone().into_iter())?;
        let exchange = self.exchange;
        let switch = self.switches(status.code, checked.upgrade)?;
        let empty = switch || status.code == 204;
        let swallow = exchange.head || status.code == 304;
        if empty && !matches!(body, BodyLength::None | BodyLength::Known(0)) {
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
        if until_close || checked.connection.close() || self.answers_too_early() {
            self.core.keep_alive = KeepAlive::Close;
        }

        let before = out.len();
        out.reserve(checked.octets + 128);
        write::put_status_line(status.code, status.reason, out);
        write::put_fields(fields.into_iter(), out);
        self.put_persistence(switch, &checked, out);
        match body {
            BodyLength::None if !empty && !swallow && checked.content_length.is_none() => {
                out.extend_from_slice(b"content-length: 0\r\n\r\n");
            }
            BodyLength::Known(octets) if !empty && checked.content_length.is_none() => {
                write::put_content_length(octets, out);
                out.extend_from_slice(b"\r\n");
            }
            BodyLength::Chunked if status.code != 304 => {
                out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
            }
            _ => out.extend_from_slice(b"\r\n"),
        }
        self.core.account(before, out);

        self.exchange.awaits_continue = false;
        self.core.transmit(SendInput::FinalHead);
        self.core.begin_content(match body {
            _ if swallow => Outgoing::Swallow,
            BodyLength::None => Outgoing::Known(0),
            BodyLength::Known(octets) => Outgoing::Known(octets),
            BodyLength::Chunked => Outgoing::Chunked,
            BodyLength::UntilClose => Outgoing::UntilClose,
        });
        if switch {
            self.core.transmit(SendInput::FinishSwitch);
        } else if body == BodyLength::None {
            self.finished();
        }
        Ok(())
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
        I: IntoIterator + Clone,
        I::Item: Into<Field<'a>>,
    {
        let body = match content.len() {
            0 => BodyLength::None,
            octets => BodyLength::Known(octets as u64),
        };
        self.send_response(status, fields, body, out)?;
        if body != BodyLength::None {
            self.core.put_content(content, out)?;
            self.finished();
        }
        Ok(())
    }

    /// Sends content. How many octets were accepted: fewer than given when
    /// [`Config::output_bytes_max`] is reached, then offer the rest after
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
        self.core.put_end(core::iter::empty::<Field<'_>>(), out);
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
        I: IntoIterator + Clone,
        I::Item: Into<Field<'a>>,
    {
        self.core.finishable()?;
        if matches!(self.core.outgoing(), Outgoing::Known(_)) {
            return Err(SendError::TrailersNotAllowed);
        }
        write::check_trailers(fields.clone().into_iter())?;
        self.core.put_end(fields.into_iter(), out);
        self.finished();
        Ok(())
    }

    /// Answers an error from [`next_event`](Self::next_event) or [`advance`](Self::advance): a
    /// short response with the error's status and `connection: close`, if an answer is owed and
    /// not begun. If one was begun and is not complete, the connection just closes: the client
    /// can tell that it was cut.
    pub fn respond_error(&mut self, error: &ConnectionError, out: &mut Vec<u8>) {
        match (self.core.send, error.status()) {
            (Send::Owed, Some(status)) => {
                self.core.keep_alive = KeepAlive::Close;
                let mut content = Vec::new();
                write::put_decimal(u64::from(status), &mut content);
                content.push(b' ');
                content.extend_from_slice(grammar::reason(status).as_bytes());
                content.push(b'\n');
                let fields = [("content-type", "text/plain")];
                let sent = self.respond(status, &fields, &content, out);
                debug_assert_eq!(sent, Ok(()));
            }
            (Send::Owed | Send::Body | Send::Idle | Send::Done, _) => {
                self.core.transmit(SendInput::Close);
                if self.core.recv != Recv::Closed {
                    self.core.receive(RecvInput::Close);
                }
            }
            (Send::Switching | Send::Tunnel | Send::Closed, _) => {}
        }
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

    /// Begins to end the connection: the upcoming or current answer says `close` if its head is
    /// not sent, and the connection closes after it; an idle connection closes now. All of it
    /// within [`Config::drain_timeout`].
    pub fn drain(&mut self) {
        self.draining = true;
        self.core.keep_alive = KeepAlive::Close;
        if self.is_idle() {
            self.close();
        } else {
            self.core.clock.begin_drain(&self.core.config);
        }
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Whether a request was surfaced, or broken, whose final answer has not begun.
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

    /// Whether this status changes the protocol (RFC 9110 §9.3.6, §15.2.2).
    fn switches(&self, status: u16, upgrade_field: bool) -> Result<bool, SendError> {
        if status == 101 {
            return if self.exchange.upgrade && upgrade_field && self.core.failed.is_none() {
                Ok(true)
            } else {
                Err(SendError::NoUpgrade)
            };
        }
        Ok(self.exchange.connect && (200..300).contains(&status))
    }

    /// An answer before any content of a request that has some: perhaps it never comes, and what
    /// comes instead would be taken for it.
    fn answers_too_early(&self) -> bool {
        match self.core.recv {
            Recv::Body | Recv::Discard => !self.core.pulled,
            Recv::Closed => true,
            Recv::Idle | Recv::Head | Recv::End | Recv::Done | Recv::Tunnel => false,
        }
    }

    /// RFC 9112 §9.3, §9.6: `close` on the last answer, `keep-alive` to an HTTP/1.0 client that
    /// asked for it, `upgrade` beside Upgrade.
    fn put_persistence(&self, switch: bool, checked: &write::Checked, out: &mut Vec<u8>) {
        if switch {
            if checked.upgrade && !checked.connection.upgrade {
                out.extend_from_slice(b"connection: upgrade\r\n");
            }
            return;
        }
        match (self.core.keep_alive, self.exchange.version) {
            (KeepAlive::Close, _) if !checked.connection.close() => {
                out.extend_from_slice(b"connection: close\r\n");
            }
            (KeepAlive::Continue, Version::Http10) => {
                out.extend_from_slice(b"connection: keep-alive\r\n");
            }
            _ => {}
        }
    }

    fn finished(&mut self) {
        self.core.transmit(SendInput::Finish);
        self.join();
    }

    /// RFC 9112 §9.3: what follows when a message is complete.
    fn join(&mut self) {
        let before = (self.core.recv, self.core.send);
        let after = state::join_server(before.0, before.1, self.core.keep_alive);
        (self.core.recv, self.core.send) = after;
        if after == before {
            return;
        }
        match after {
            (Recv::Closed, Send::Closed) => {
                let asked_and_over = self.exchange.closes && before.0 == Recv::Done;
                self.linger = !self.core.eof && !asked_and_over;
            }
            (Recv::Discard, _) => self.begin_discard(),
            _ => {}
        }
    }

    // ---- the transport's side ----

    /// Tells how many octets of the output the transport took, payloads of
    /// [`send_data_splice`](Self::send_data_splice) included.
    pub fn wrote(&mut self, octets: usize) {
        self.core.wrote(octets);
    }

    /// Octets of output that the transport has not taken.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.core.unsent()
    }

    /// What to do next.
    #[must_use]
    pub fn next_step(&self) -> NextStep {
        let core = &self.core;
        let unsent = core.unsent() > 0;
        match (core.recv, core.send) {
            _ if core.aborted => NextStep::Close,
            (Recv::Tunnel, _) if unsent => NextStep::Write,
            (Recv::Tunnel, _) => NextStep::HandOver,
            (_, Send::Closed) if unsent => NextStep::Write,
            (_, Send::Closed) if self.linger && !core.eof => NextStep::Linger {
                octets_max: core.config.linger_bytes_max,
                until: core.clock.linger_until(&core.config),
            },
            (_, Send::Closed) => NextStep::Close,
            (Recv::Done | Recv::Closed, _) => NextStep::Write,
            _ if core.eof => NextStep::Write,
            _ => NextStep::Read,
        }
    }

    // ---- time ----

    /// Tells when the input arrived that is pulled next, without expiring anything. Call it after
    /// a read so that [`Event::Head`] tells when its message began; without it, the last
    /// `advance` counts.
    pub fn arrived(&mut self, now: Duration) {
        self.core.clock.arrived(now);
    }

    /// Tells the time: arms, re-arms and expires deadlines. Call it after pulling, so that input
    /// that has come beats its deadline. Time that goes backwards is no time.
    ///
    /// # Errors
    /// A deadline has passed. In the middle of a request the error has the status 408 for
    /// [`respond_error`](Self::respond_error); an idle connection closes in silence.
    pub fn advance(&mut self, now: Duration) -> Result<(), ConnectionError> {
        let waiting = self.waiting();
        let Some(kind) = self.core.advance(now, waiting) else { return Ok(()) };
        if kind == ErrorKind::Deadline(Deadline::UnreadBody) {
            // Nobody asks for this content; the answer goes all the same.
            self.give_up_reading();
            return Ok(());
        }
        let error = self.fail(self.core.incomplete().with_kind(kind));
        match kind {
            ErrorKind::Deadline(Deadline::Send | Deadline::Drain) => {
                self.linger = false;
                self.core.aborted = true;
                self.close();
            }
            ErrorKind::Deadline(Deadline::FirstOctet | Deadline::KeepAlive) => {
                self.linger = false;
            }
            _ => {}
        }
        Err(error)
    }

    /// When to call [`advance`](Self::advance) at the latest; `None` if nothing is waited for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.core.clock.next()
    }

    fn waiting(&self) -> Waiting {
        let core = &self.core;
        if core.failed.is_some() || core.eof {
            return Waiting::No;
        }
        match core.recv {
            Recv::Idle if self.requests == 0 => Waiting::Head { first: true, begun: false },
            // A client that still takes the answer is not idle; the send deadline watches.
            Recv::Idle if core.unsent() > 0 => Waiting::No,
            Recv::Idle => Waiting::Idle,
            Recv::Head => Waiting::Head { first: self.requests == 0, begun: true },
            Recv::Body if core.starved && !self.exchange.awaits_continue => Waiting::Body,
            Recv::Discard => Waiting::Unread,
            Recv::Body | Recv::End | Recv::Done | Recv::Tunnel | Recv::Closed => Waiting::No,
        }
    }

    // ---- memory and bookkeeping ----

    /// Gives back memory that is not in use. For a connection that is parked.
    pub fn shrink(&mut self) {
        self.core.shrink();
    }

    /// Octets received and made use of.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.core.received()
    }

    /// Octets looked at in order to parse, those looked at twice counted twice: at most a small
    /// multiple of those received.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.core.work()
    }

    /// Requests surfaced so far.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.requests
    }
}

/// RFC 9112 §3.2: one valid Host in HTTP/1.1, at most one in HTTP/1.0.
fn check_host(
    facts: &Facts,
    version: Version,
    head: &Head,
) -> Result<(), (ErrorKind, Option<u32>)> {
    match facts.host.times {
        1 => {
            let host = head.value_of(facts.host.index);
            if host.is_empty() || grammar::authority(host).is_some() {
                Ok(())
            } else {
                Err((ErrorKind::HostInvalid, Some(facts.host.index)))
            }
        }
        0 if version == Version::Http10 => Ok(()),
        0 => Err((ErrorKind::HostMissing, None)),
        _ => Err((ErrorKind::HostRepeated, Some(facts.host.index))),
    }
}

fn check_reason(status: Status<'_>) -> Result<(), SendError> {
    match status.reason {
        Some(reason) if !grammar::is_reason(reason) => Err(SendError::InvalidReason),
        _ => Ok(()),
    }
}
