//! One request of HTTP/2 and its response: what of either waits for somebody.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use h2_proto::{ErrorCode, Field, ResetBy, ResponseHead, StreamId, Verdict};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::mpsc::UnboundedSender;

use crate::client::broken::broken_stream;
use crate::client::call::Call;
use crate::client::error::{Error, ErrorKind, Stage};
use crate::error::Gone;

/// See the module.
pub(crate) struct Exchange {
    /// Absent while its content is asked for more.
    pub(crate) call: Option<Box<Call>>,
    /// The request is not complete.
    pub(crate) sending: bool,
    /// The stream is open: content may go.
    pub(crate) started: bool,
    /// Its content waits for a 100 (Continue).
    pub(crate) expecting: bool,
    /// What wakes it when there is more of its content.
    pub(crate) content: Arc<ContentWaker>,
    /// How far the response is.
    pub(crate) stage: Stage,
    /// Interim responses that were not told.
    pub(crate) informational: VecDeque<Head>,
    /// What it writes if it is a tunnel.
    pub(crate) tunnel: Tunnelled,
    /// The final one.
    pub(crate) head: Option<Head>,
    /// Content that came and was not taken; the stream's window limits it.
    pub(crate) received: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
    /// The response is complete, or will not be.
    pub(crate) end: Option<Result<(), Error>>,
    pub(crate) reader: Option<Waker>,
    /// Somebody waits for the response, or reads it.
    pub(crate) held: bool,
}

/// The writing half of a CONNECT without content.
#[derive(Default)]
pub(crate) struct Tunnelled {
    /// The request is such a one: its stream is left open.
    pub(crate) is: bool,
    /// It is its turn to send.
    pub(crate) granted: bool,
    /// Nothing more is sent.
    pub(crate) ended: bool,
    pub(crate) writer: Option<Waker>,
}

/// The head of a response.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
}

impl Head {
    pub(crate) fn new(head: ResponseHead<'_>) -> Self {
        Self { status: head.status, fields: header_map(head.fields()) }
    }
}

/// Fields as a map, pseudo-fields left out.
pub(crate) fn header_map<'a>(fields: impl Iterator<Item = Field<'a>>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for field in fields {
        if let (Ok(name), Ok(mut value)) =
            (HeaderName::from_bytes(field.name), HeaderValue::from_bytes(field.value))
        {
            value.set_sensitive(field.sensitive);
            map.append(name, value);
        }
    }
    map
}

impl Exchange {
    pub(crate) fn new(call: Box<Call>, end_stream: bool, content: Arc<ContentWaker>) -> Self {
        Self {
            expecting: !end_stream && call.expects_continue(),
            call: Some(call),
            sending: !end_stream,
            started: false,
            content,
            stage: Stage::Nothing,
            informational: VecDeque::new(),
            tunnel: Tunnelled::default(),
            head: None,
            received: Vec::new(),
            trailers: None,
            end: None,
            reader: None,
            held: true,
        }
    }

    /// Nobody has anything to do with it any more.
    pub(crate) fn is_over(&self) -> bool {
        !self.held && !self.sending
    }

    pub(crate) fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    pub(crate) fn wake_writer(&mut self) {
        if let Some(writer) = self.tunnel.writer.take() {
            writer.wake();
        }
    }

    /// The final head came.
    pub(crate) fn respond(&mut self, head: Head, end_stream: bool) {
        if self.expecting {
            self.expecting = false;
            if head.status < 300 && !end_stream {
                // The response may be made of the content.
                self.content.push();
            } else {
                // RFC 9110 §10.1.1: the content is not wanted.
                self.sending = false;
            }
        }
        self.head = Some(head);
        self.stage = Stage::Content;
        if end_stream {
            self.finish(None);
        }
        self.wake_reader();
    }

    /// The response is complete.
    pub(crate) fn finish(&mut self, trailers: Option<HeaderMap>) {
        self.trailers = trailers;
        self.end.get_or_insert(Ok(()));
        self.wake_reader();
    }

    /// The stream will say nothing more and take nothing more.
    pub(crate) fn break_off(&mut self, error: Error) {
        self.sending = false;
        if self.end.is_none() {
            self.received = Vec::new();
            self.end = Some(Err(error.at(self.stage)));
        }
        self.wake_reader();
        self.wake_writer();
    }
}

/// What a stream that was reset means to whoever waits for it.
pub(crate) fn reset_error(code: ErrorCode, by: ResetBy, verdict: Verdict) -> Error {
    let error = match by {
        ResetBy::Us(kind @ h2_proto::ErrorKind::Deadline(_)) => {
            Error::new(ErrorKind::Timeout, broken_stream(kind))
        }
        ResetBy::Us(kind) => Error::new(ErrorKind::Protocol, broken_stream(kind)),
        ResetBy::Connection => Error::new(ErrorKind::Closed, Gone::Reset(code)),
        _ => Error::new(ErrorKind::Reset, Gone::Reset(code)),
    };
    error.unprocessed(verdict == Verdict::NotProcessed)
}

/// Wakes one stream's content, so that nothing asks all.
pub(crate) struct ContentWaker {
    stream: StreamId,
    woken: UnboundedSender<StreamId>,
    queued: AtomicBool,
}

impl ContentWaker {
    pub(crate) fn new(stream: StreamId, woken: UnboundedSender<StreamId>) -> Arc<Self> {
        Arc::new(Self { stream, woken, queued: AtomicBool::new(false) })
    }

    /// It is about to be asked: from now on it can be woken again.
    pub(crate) fn asked(&self) {
        self.queued.store(false, Ordering::Release);
    }

    pub(crate) fn push(&self) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            // Without a connection nobody sends.
            let _ = self.woken.send(self.stream);
        }
    }
}

impl Wake for ContentWaker {
    fn wake(self: Arc<Self>) {
        self.push();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.push();
    }
}

/// Polls with the waker of a stream's content.
pub(crate) fn with_waker<T>(
    content: &Arc<ContentWaker>,
    poll: impl FnOnce(&mut Context<'_>) -> T,
) -> T {
    content.asked();
    let waker = Waker::from(Arc::clone(content));
    poll(&mut Context::from_waker(&waker))
}
