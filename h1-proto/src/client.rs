//! The client: sends requests (in `send`), receives responses.

mod send;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::num::NonZeroU64;
use core::time::Duration;

use crate::Head;
use crate::config::Config;
use crate::core::{Content, Core};
use crate::deadlines::Waiting;
use crate::error::{ConnectionError, ErrorKind};
use crate::event::{BodyLength, Event, KeepAlive, NextStep, RequestId, Verdict};
use crate::framing;
use crate::grammar;
use crate::head::Section;
use crate::state::{self, Recv, RecvInput, Send, SendInput};

pub use self::send::RequestLine;

/// The client side of one connection.
///
/// The order of calls is that of [`ServerConnection`](crate::ServerConnection). Requests go with
/// [`send_request`](Self::send_request), also before the answers to earlier ones have come
/// (pipelining, up to [`Config::pipeline_max`]); responses come in the order of the requests, each
/// as [`Event::Head`], any number of [`Event::Data`], [`Event::End`].
///
/// [`Config::client`] has defaults that fit a client.
///
/// ```
/// use core::time::Duration;
/// use h1_proto::{BodyLength, Config, Event, RequestId, Verdict, buffered::Client};
///
/// let mut client = Client::new(Config::client(), Duration::ZERO);
/// let host = [("host", "example.com")];
/// client.conn.send_request(("GET", "/a"), &host, BodyLength::None, &mut client.out).unwrap();
/// client.conn.send_request(("GET", "/b"), &host, BodyLength::None, &mut client.out).unwrap();
/// assert!(client.poll_transmit().unwrap().starts_with(b"GET /a HTTP/1.1\r\nhost: example.com\r\n"));
///
/// client.feed_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
/// assert!(matches!(client.poll_event()?, Some((Event::Head { body: BodyLength::Known(2), .. }, _))));
/// assert!(matches!(client.poll_event()?, Some((Event::Data(b"hi"), _))));
/// assert!(matches!(client.poll_event()?, Some((Event::End { .. }, _))));
///
/// client.conn.eof(); // the second is never answered
/// assert!(client.poll_event().is_err());
/// assert!(client.conn.unfinished().eq([(RequestId(1), Verdict::Unknown)]));
/// # Ok::<_, h1_proto::ConnectionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientConnection {
    core: Core,
    /// Requests without a complete response, oldest first.
    unanswered: VecDeque<Unanswered>,
    next_id: u64,
    /// Octets of interim responses to the oldest request.
    informational_bytes: u32,
    informational: u8,
    /// The final response to the oldest request has begun.
    answering: bool,
    /// It changes the protocol.
    switching: bool,
    /// The server said `close` with a complete response, so it ignores what follows.
    closed_by_server: bool,
    /// The request that is being sent waits for a 100 (Continue), so long.
    continue_until: Option<NonZeroU64>,
}

/// A request without a complete response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unanswered {
    /// Octets appended to the output before it.
    start: u64,
    head: bool,
    connect: bool,
    upgrade: bool,
}

/// What a pull gives.
type Pulled<'i, 'f> = Result<Option<Event<'i, 'f>>, ConnectionError>;

impl ClientConnection {
    /// A connection that was just established at `now`, a time since an epoch of the caller's
    /// choice.
    pub fn new(config: impl Into<Arc<Config>>, now: Duration) -> Self {
        let mut core = Core::new(config.into(), now);
        // Nothing is owed before a request is sent.
        core.clock.disarm();
        Self {
            core,
            unanswered: VecDeque::new(),
            next_id: 0,
            informational_bytes: 0,
            informational: 0,
            answering: false,
            switching: false,
            closed_by_server: false,
            continue_until: None,
        }
    }

    // ---- receiving ----

    /// The next thing that happened; see
    /// [`ServerConnection::next_event`](crate::ServerConnection::next_event).
    ///
    /// # Errors
    /// The server broke the protocol or a limit, or closed in the middle of something.
    /// [`unfinished`](Self::unfinished) tells what became of the requests.
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
            Recv::Done | Recv::Discard | Recv::Tunnel | Recv::Closed => self.pull_aside(input),
        }
    }

    #[inline(never)]
    fn pull_head<'i, 'f>(&mut self, input: &mut &'i [u8], head: &'f mut Head) -> Pulled<'i, 'f> {
        match self.read_response(input, head) {
            Ok(Some(body)) => {
                self.core.starved = false;
                Ok(Some(match body {
                    Some(body) => {
                        let began = self.core.clock.began();
                        Event::Head { head, body, expects_continue: false, began }
                    }
                    None => Event::Informational(head),
                }))
            }
            Ok(None) => self.nothing(input),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// The content of the response if a head is there, of an interim one none.
    #[inline]
    fn read_response(
        &mut self,
        input: &mut &[u8],
        head: &mut Head,
    ) -> Result<Option<Option<BodyLength>>, ConnectionError> {
        let expected = !self.unanswered.is_empty();
        if let Some(octets) = self.core.read_head(Section::Response, expected, input, head)? {
            return self.response(octets, head).map(Some);
        }
        if self.core.eof && input.is_empty() {
            if self.core.recv == Recv::Head || !self.unanswered.is_empty() {
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

    /// In the states in which nothing of a response is surfaced.
    #[inline(never)]
    fn pull_aside<'i, 'f>(&mut self, input: &[u8]) -> Pulled<'i, 'f> {
        if let Some(error) = &self.core.failed {
            return Err(error.clone());
        }
        if self.core.recv == Recv::Done && self.switching {
            match self.core.send {
                // RFC 9110 §7.8: what is under way of the request comes before the new protocol.
                Send::Body => {}
                // It was given up, so nothing may follow.
                Send::Closed => self.close(),
                _ => {
                    self.core.receive(RecvInput::Switch);
                    self.core.transmit(SendInput::Switch);
                    self.core.clock.disarm();
                    self.core.starved = false;
                    return Ok(Some(Event::Upgraded));
                }
            }
        }
        self.nothing(input)
    }

    fn nothing<'i, 'f>(&mut self, input: &[u8]) -> Pulled<'i, 'f> {
        self.core.starved = input.is_empty() && !self.is_paused();
        Ok(None)
    }

    /// A complete response head: what is decided on all of its lines together.
    #[inline]
    fn response(
        &mut self,
        octets: usize,
        head: &Head,
    ) -> Result<Option<BodyLength>, ConnectionError> {
        let Some(request) = self.unanswered.front().copied() else {
            return Err(self.core.error(ErrorKind::Unsolicited));
        };
        let config = &*self.core.config;
        let (version, status, facts) = (head.version(), head.status(), head.facts());
        if status < 200 && status != 101 {
            if self.informational >= config.informational_max {
                return Err(self.core.error(ErrorKind::TooManyInformational));
            }
            let total = self.informational_bytes as usize + octets;
            if total > config.informational_bytes_max {
                return Err(self.core.error(ErrorKind::InformationalTooLong));
            }
            self.informational += 1;
            self.informational_bytes = u32::try_from(total).unwrap_or(u32::MAX);
            if status == 100 && self.unanswered.len() == 1 {
                self.continue_until = None;
            }
            self.core.head_done(octets, BodyLength::None);
            self.core.receive(RecvInput::InterimHead);
            return Ok(None);
        }
        self.switching = match status {
            101 if request.upgrade => true,
            101 => return Err(self.core.error(ErrorKind::UnexpectedSwitch)),
            _ => request.connect && (200..300).contains(&status),
        };
        let empty = request.head || self.switching || !grammar::status_allows_content(status);
        let body = if empty {
            BodyLength::None
        } else {
            framing::response_body(facts, version, config)
                .map_err(|(kind, index)| self.core.error_in(head, kind, index))?
        };
        let both = facts.codings.seen.times > 0 && facts.content_length.seen.times > 0;
        let asked = facts.connection.decide(version, config.keep_alive);
        if !self.switching && (asked == KeepAlive::Close || body == BodyLength::UntilClose || both)
        {
            self.core.keep_alive = KeepAlive::Close;
        }
        self.closed_by_server |= facts.connection.close();
        self.answering = true;
        if self.unanswered.len() == 1 {
            // A final response makes waiting for a 100 pointless.
            self.continue_until = None;
        }
        self.core.head_done(octets, body);
        let content = !matches!(body, BodyLength::None | BodyLength::Known(0));
        self.core.receive(RecvInput::Head { content });
        Ok(Some(body))
    }

    /// The response is complete.
    fn end(&mut self) {
        self.core.receive(RecvInput::EndSurfaced);
        self.answering = false;
        (self.informational, self.informational_bytes) = (0, 0);
        self.unanswered.pop_front();
        if !self.switching {
            let (recv, send) = (self.core.recv, self.core.send);
            // Requests that went before the server said `close` are never answered; ours that
            // wants no more waits for its own answer.
            let last = self.unanswered.is_empty() || self.closed_by_server;
            let keep_alive = if last { self.core.keep_alive } else { KeepAlive::Continue };
            (self.core.recv, self.core.send) = state::join_client(recv, send, keep_alive);
        }
    }

    #[cold]
    fn fail(&mut self, error: ConnectionError) -> ConnectionError {
        if self.core.send != Send::Tunnel {
            self.core.transmit(SendInput::Close);
        }
        self.core.fail(error)
    }

    fn close(&mut self) {
        if self.core.recv != Recv::Tunnel && self.core.send != Send::Tunnel {
            self.core.receive(RecvInput::Close);
            self.core.transmit(SendInput::Close);
        }
    }

    /// Tells that the server sends no more. Pull once more with empty input: it ends content that
    /// lasts until close; with a request unanswered it is an error.
    pub fn eof(&mut self) {
        self.core.eof = true;
    }

    /// Whether input is to be kept: the connection belongs to another protocol, or is closed.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        matches!(self.core.recv, Recv::Done | Recv::Tunnel | Recv::Closed)
    }

    /// Whether no request is under way and the connection can take one: for a pool.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.unanswered.is_empty() && self.core.recv == Recv::Idle && self.can_send_request()
    }

    /// The requests without a complete response, oldest first, with what is known of each. Ask it
    /// when the connection has ended.
    pub fn unfinished(&self) -> impl Iterator<Item = (RequestId, Verdict)> + '_ {
        let first = self.next_id - self.unanswered.len() as u64;
        self.unanswered.iter().enumerate().map(move |(index, request)| {
            let verdict = if index == 0 && self.answering {
                Verdict::Processed
            } else if self.core.written() <= request.start || self.ignored() {
                Verdict::Unprocessed
            } else {
                Verdict::Unknown
            };
            (RequestId(first + index as u64), verdict)
        })
    }

    /// RFC 9112 §9.6: a server that said `close` processes no further request.
    fn ignored(&self) -> bool {
        self.closed_by_server && !self.answering
    }

    /// Says `close` no more than it must: no further request goes; once the responses that are
    /// awaited are complete the connection closes, within [`Config::drain_timeout`].
    pub fn drain(&mut self) {
        self.core.keep_alive = KeepAlive::Close;
        if self.unanswered.is_empty() && self.core.send != Send::Body {
            self.close();
        } else if self.core.recv != Recv::Tunnel {
            self.core.clock.begin_drain(&self.core.config);
        }
    }

    /// What becomes of the connection after this exchange, as far as it is decided.
    #[must_use]
    pub fn keep_alive(&self) -> KeepAlive {
        self.core.keep_alive
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

    /// What to do next. A client never lingers: what it closes has been answered.
    #[must_use]
    pub fn next_step(&self) -> NextStep {
        let unsent = self.core.unsent() > 0;
        match self.core.recv {
            Recv::Tunnel if unsent => NextStep::Write,
            Recv::Tunnel => NextStep::HandOver,
            Recv::Closed => NextStep::Close,
            // The protocol changes when the request is complete.
            Recv::Done => NextStep::Write,
            Recv::Idle | Recv::Head | Recv::Body | Recv::Discard | Recv::End => NextStep::Read,
        }
    }

    // ---- time ----

    /// Tells when the input arrived that is pulled next, without expiring anything.
    pub fn arrived(&mut self, now: Duration) {
        self.core.clock.arrived(now);
    }

    /// Tells the time: arms, re-arms and expires deadlines. Call it after pulling. It also ends
    /// the wait for a 100 (Continue): if [`awaits_continue`](Self::awaits_continue) has become
    /// false, it is time to send the content.
    ///
    /// # Errors
    /// A deadline has passed: the connection is closed.
    pub fn advance(&mut self, now: Duration) -> Result<(), ConnectionError> {
        let waiting = self.waiting();
        let expired = self.core.advance(now, waiting);
        let now = self.core.clock.now();
        match self.continue_until {
            Some(NonZeroU64::MAX) => {
                let timeout = u64::try_from(self.core.config.continue_timeout.as_nanos());
                self.continue_until =
                    NonZeroU64::new(now.saturating_add(timeout.unwrap_or(u64::MAX - 1)).max(1));
            }
            Some(until) if now >= until.get() => self.continue_until = None,
            _ => {}
        }
        let Some(kind) = expired else { return Ok(()) };
        Err(self.fail(self.core.incomplete().with_kind(kind)))
    }

    /// When to call [`advance`](Self::advance) at the latest; `None` if nothing is waited for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let next = self.core.clock.next();
        let waits =
            self.continue_until.filter(|_| self.core.send == Send::Body).map(NonZeroU64::get);
        match (next, waits.map(Duration::from_nanos)) {
            (Some(next), Some(until)) => Some(next.min(until)),
            (next, until) => next.or(until),
        }
    }

    fn waiting(&self) -> Waiting {
        let core = &self.core;
        if core.failed.is_some() || core.eof {
            return Waiting::No;
        }
        match core.recv {
            // While the request is being sent, the send deadline watches.
            Recv::Idle if core.send == Send::Body || core.unsent() > 0 => Waiting::No,
            Recv::Idle if self.unanswered.is_empty() => Waiting::Idle,
            Recv::Idle | Recv::Head => Waiting::Head { first: false, begun: true },
            Recv::Body if core.starved => Waiting::Body,
            _ => Waiting::No,
        }
    }

    // ---- memory and bookkeeping ----

    /// Gives back memory that is not in use. For a connection that is parked.
    pub fn shrink(&mut self) {
        self.core.shrink();
        self.unanswered.shrink_to_fit();
    }

    /// Octets received and made use of.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.core.received()
    }

    /// Octets looked at in order to parse, those looked at twice counted twice.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.core.work()
    }

    /// Requests without a complete response.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.unanswered.len()
    }
}
