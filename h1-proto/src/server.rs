//! The server: receives requests, sends responses (the latter in `send`).

mod send;

use alloc::sync::Arc;
use core::time::Duration;

use crate::Head;
use crate::config::Config;
use crate::core::{Content, Core};
use crate::deadlines::Waiting;
use crate::error::{ConnectionError, Deadline, ErrorKind};
use crate::event::{BodyLength, Event, KeepAlive, NextStep, Version};
use crate::framing::{self, Seen};
use crate::grammar;
use crate::head::Section;
use crate::state::{self, Recv, RecvInput, Send, SendInput};

pub use self::send::Status;

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

/// What a pull gives.
type Pulled<'i, 'f> = Result<Option<Event<'i, 'f>>, ConnectionError>;

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
        match self.core.recv {
            Recv::Idle | Recv::Head => self.pull_head(input, head),
            Recv::Body => self.pull_content(input, head),
            Recv::End => {
                head.clear();
                self.core.starved = false;
                self.end();
                Ok(Some(Event::End { trailers: head }))
            }
            _ => self.pull_aside(input, head),
        }
    }

    #[inline(never)]
    fn pull_head<'i, 'f>(&mut self, input: &mut &'i [u8], head: &'f mut Head) -> Pulled<'i, 'f> {
        match self.read_request(input, head) {
            Ok(Some(body)) => {
                self.core.starved = false;
                Ok(Some(Event::Head {
                    head,
                    body,
                    expects_continue: self.exchange.awaits_continue,
                    began: self.core.clock.began(),
                }))
            }
            Ok(None) => self.nothing(input),
            Err(error) => Err(self.fail(error)),
        }
    }

    #[inline]
    fn read_request(
        &mut self,
        input: &mut &[u8],
        head: &mut Head,
    ) -> Result<Option<BodyLength>, ConnectionError> {
        if let Some(octets) = self.core.read_head(Section::Request, true, input, head)? {
            return self.request(octets, head).map(Some);
        }
        if self.core.eof && input.is_empty() {
            if self.core.recv == Recv::Head {
                return Err(self.core.incomplete());
            }
            self.close();
        }
        Ok(None)
    }

    #[inline(never)]
    fn pull_content<'i, 'f>(&mut self, input: &mut &'i [u8], head: &'f mut Head) -> Pulled<'i, 'f> {
        match self.core.read_content(input, head) {
            Ok(Content::Data(data)) => {
                self.core.starved = false;
                self.exchange.awaits_continue = false;
                Ok(Some(Event::Data(data)))
            }
            Ok(Content::Short) => self.nothing(input),
            Ok(Content::End) => {
                self.core.starved = false;
                self.core.receive(RecvInput::ContentOver);
                self.end();
                Ok(Some(Event::End { trailers: head }))
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// In the states in which nothing of a request is surfaced.
    #[inline(never)]
    fn pull_aside<'i, 'f>(&mut self, input: &mut &'i [u8], head: &'f mut Head) -> Pulled<'i, 'f> {
        if let Some(error) = &self.core.failed {
            return Err(error.clone());
        }
        if self.core.recv == Recv::Discard {
            if let Err(error) = self.discard(input, head) {
                return Err(self.fail(error));
            }
            if self.core.recv == Recv::Idle {
                return self.pull_head(input, head);
            }
        }
        if self.core.recv == Recv::Done && self.core.send == Send::Switching {
            self.core.receive(RecvInput::Switch);
            self.core.transmit(SendInput::Switch);
            self.core.clock.disarm();
            self.core.starved = false;
            return Ok(Some(Event::Upgraded));
        }
        self.nothing(input)
    }

    /// Throws away what came of the content.
    fn discard(&mut self, input: &mut &[u8], head: &mut Head) -> Result<(), ConnectionError> {
        while self.core.recv == Recv::Discard {
            // Told by offsets, which do not depend on how the input is cut, also before an error.
            let before = self.core.received();
            let content = self.core.read_content(input, head);
            let thrown = self.core.received() - before;
            let Some(left) = self.unread_left.checked_sub(thrown) else {
                self.give_up_reading();
                break;
            };
            self.unread_left = left;
            match content? {
                Content::Data(_) => {}
                Content::Short => break,
                Content::End => {
                    self.core.receive(RecvInput::ContentOver);
                    self.join();
                }
            }
        }
        Ok(())
    }

    fn nothing<'i, 'f>(&mut self, input: &[u8]) -> Pulled<'i, 'f> {
        self.core.starved = input.is_empty() && !self.is_paused();
        Ok(None)
    }

    /// The end of the message is surfaced.
    #[inline]
    fn end(&mut self) {
        self.core.receive(RecvInput::EndSurfaced);
        self.join();
    }

    /// A complete request head: what is decided on all of its lines together.
    #[inline]
    fn request(&mut self, octets: usize, head: &mut Head) -> Result<BodyLength, ConnectionError> {
        let config = &*self.core.config;
        let version = head.version();
        check_host(head).map_err(|(kind, index)| self.core.error_in(head, kind, index))?;
        let facts = head.facts();
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
        Ok(body)
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
    #[inline]
    #[must_use]
    pub fn is_paused(&self) -> bool {
        matches!(self.core.recv, Recv::Done | Recv::Tunnel | Recv::Closed)
    }

    /// Tells that the application does not read content now, although it pulled all there was: the
    /// client is not blamed for silence until the next pull. For a driver whose handlers come and
    /// go; a caller that pulls in its loop does not need it.
    pub fn hold(&mut self) {
        self.core.starved = false;
    }

    /// Whether no answer to a surfaced request is owed or under way: what is pulled from here on
    /// may belong to the next request.
    #[inline]
    #[must_use]
    pub fn is_answered(&self) -> bool {
        !matches!(self.core.send, Send::Owed | Send::Body)
    }

    /// Whether no more of the request that was surfaced last is to come: all of its content is pulled.
    #[inline]
    #[must_use]
    pub fn is_request_complete(&self) -> bool {
        matches!(self.core.recv, Recv::End | Recv::Done)
    }

    /// Whether no exchange is under way and no octet of a next one has come.
    #[inline]
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
        if self.is_rest_too_much() {
            self.give_up_reading();
        }
    }

    /// Whether the rest of the content would not be read only to be thrown away, as far as is known.
    fn is_rest_too_much(&self) -> bool {
        let max = self.core.config.unread_body_bytes_max;
        let too_long = self.core.content_left().is_some_and(|left| left > max);
        too_long || self.exchange.awaits_continue || self.core.eof
    }

    /// Reads no further: the connection ends with the answer that is owed or under way.
    fn give_up_reading(&mut self) {
        self.core.receive(RecvInput::Close);
        self.core.keep_alive = KeepAlive::Close;
        self.linger = !self.core.eof;
        // A switch needs the whole request first, so it will not come about.
        if matches!(self.core.send, Send::Done | Send::Idle | Send::Switching) {
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

    /// RFC 9112 §9.3: what follows when a message is complete.
    #[inline]
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
    #[inline]
    pub fn wrote(&mut self, octets: usize) {
        self.core.wrote(octets);
    }

    /// Octets of output that the transport has not taken.
    #[inline]
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.core.unsent()
    }

    /// What to do next.
    #[inline]
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
    #[inline]
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
            // Nobody asks for this content; the answer goes all the same, unless it is late too.
            self.give_up_reading();
            return self.advance(now);
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
    #[inline]
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
    #[inline]
    pub fn shrink(&mut self) {
        self.core.shrink();
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// Octets received and made use of.
    #[inline]
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
#[inline]
fn check_host(head: &mut Head) -> framing::Decision<()> {
    let Seen { times, index } = head.facts().host;
    match times {
        1 if head.has_host() => Ok(()),
        1 => {
            let host = head.value_of(index);
            if host.is_empty() || grammar::is_authority(host) {
                head.host_is_valid();
                Ok(())
            } else {
                Err((ErrorKind::HostInvalid, Some(index)))
            }
        }
        0 if head.version() == Version::Http10 => Ok(()),
        0 => Err((ErrorKind::HostMissing, None)),
        _ => Err((ErrorKind::HostRepeated, Some(index))),
    }
}
