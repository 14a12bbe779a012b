//! The native front door: a handler gets the head and the content where they lie and writes into
//! the output, without `http` types.

use std::fmt;
use std::future::{Future, poll_fn};
use std::iter::{Chain, Map};
use std::marker::PhantomData;
use std::ops::Range;
use std::option;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use h1_proto::{BodyLength, ConnectionError, Event, Field, Head, SendError, Status};

use crate::date;
use crate::link::{Link, lock};
use crate::scratch::Buffers;

/// Answers requests, one at a time on each connection, on the connection's own task.
///
/// ```
/// use driver_tokio::{Handler, HandlerError, Request, Response};
///
/// struct Hello;
///
/// impl Handler for Hello {
///     async fn handle(
///         &self,
///         request: &mut Request<'_>,
///         response: &mut Response<'_>,
///     ) -> Result<(), HandlerError> {
///         match request.head().path_and_query() {
///             b"/" => response.respond(200, [("content-type", "text/plain")], b"hello")?,
///             _ => response.respond(404, [("content-type", "text/plain")], b"not here")?,
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. When it returns, an answer that was begun is finished, and one that
    /// was not is a 500. Content that it did not read is thrown away within bounds, or the
    /// connection closes.
    ///
    /// # Errors
    /// An error, or a panic, is answered with 500 if no answer was begun; else the answer is cut
    /// and the connection closes. What the client did wrong ([`HandlerError::Gone`] out of
    /// [`Request::data`]) is answered as the protocol says.
    fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// Why a handler did not answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// The client is gone, cancelled or broke the protocol: nobody waits for the answer.
    Gone(Gone),
    /// The answer was not valid.
    Send(SendError),
    /// The application's own reason.
    Application(Box<dyn std::error::Error + Send + Sync>),
}

/// The request is not to be had any more; the connection knows why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gone {
    /// The client broke the protocol, or closed or fell silent in the middle of the request.
    Broken(ConnectionError),
    /// The transport failed, or the connection was cancelled.
    Closed,
    /// The answer is complete: what of the content was not read before is thrown away.
    Answered,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => error.fmt(f),
            Self::Closed => f.write_str("the connection is closed"),
            Self::Answered => f.write_str("the request is answered, its content is gone"),
        }
    }
}

impl std::error::Error for Gone {}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(gone) => gone.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::Application(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HandlerError {}

impl From<Gone> for HandlerError {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

impl From<SendError> for HandlerError {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for HandlerError {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::Application(error)
    }
}

/// A request: its head, and its content as it comes.
pub struct Request<'a> {
    link: &'a Mutex<Link>,
    buffers: &'a mut Buffers,
    body: BodyLength,
    began: Duration,
    expects_continue: bool,
    ended: bool,
    read_bytes: usize,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        link: &'a Mutex<Link>,
        buffers: &'a mut Buffers,
        arrival: Arrival,
        read_bytes: usize,
    ) -> Self {
        let Arrival { body, began, expects_continue } = arrival;
        Self { link, buffers, body, began, expects_continue, ended: false, read_bytes }
    }

    /// Start line and fields.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.buffers.head
    }

    /// How the content is framed.
    #[must_use]
    pub fn body_length(&self) -> BodyLength {
        self.body
    }

    /// When the first octet of the request came, counted from the start of the connection.
    #[must_use]
    pub fn began(&self) -> Duration {
        self.began
    }

    /// How long ago that was: the time that the request has waited, for queue control.
    #[must_use]
    pub fn waited(&self) -> Duration {
        lock(self.link).elapsed().saturating_sub(self.began)
    }

    /// The next piece of the content, where it lies in the read buffer; `None` at its end. If the
    /// client waits for a 100 (Continue), the first call sends it.
    ///
    /// Nothing is read ahead of this call: a handler that does not call it holds the client back.
    ///
    /// # Errors
    /// The content will not be complete.
    pub async fn data(&mut self) -> Result<Option<&[u8]>, Gone> {
        let reading = Reading(self.link);
        let range = poll_fn(|cx| self.poll_data(cx)).await?;
        drop(reading);
        Ok(range.map(|range| self.buffers.input.get(range).unwrap_or_default()))
    }

    /// The trailers, once [`data`](Self::data) gave `None`; empty before.
    #[must_use]
    pub fn trailers(&self) -> &Head {
        &self.buffers.trailers
    }

    /// Like [`data`](Self::data) as a poll; the range is within the read buffer.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Range<usize>>, Gone>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let link = &mut *lock(self.link);
        link.reading = false;
        if link.conn.is_answered() && !link.dead && link.broken.is_none() {
            // What would be pulled now may be the next request.
            return Poll::Ready(Err(Gone::Answered));
        }
        if self.expects_continue {
            self.expects_continue = false;
            // A refusal means that the answer has begun, and the client does not wait any more.
            let _ = link.conn.send_informational(100, NO_FIELDS, &mut link.out);
        }
        loop {
            if link.dead {
                return Poll::Ready(Err(Gone::Closed));
            }
            if let Some(error) = &link.broken {
                return Poll::Ready(Err(Gone::Broken(error.clone())));
            }
            match pull(link, self.buffers) {
                Pulled::Data(range) => return Poll::Ready(Ok(Some(range))),
                Pulled::End => {
                    self.ended = true;
                    return Poll::Ready(Ok(None));
                }
                Pulled::Nothing if link.broken.is_some() => continue,
                Pulled::Nothing if link.conn.is_paused() => return Poll::Ready(Err(Gone::Closed)),
                Pulled::Nothing => {}
            }
            let _ = link.poll_flush(cx);
            self.buffers.make_room(self.read_bytes);
            link.reading = true;
            ready!(link.poll_read(cx, &mut self.buffers.input));
            link.reading = false;
        }
    }

    /// Takes what of the content is already here and throws it away; true if that was the rest of
    /// it. For an answer that does not need the content: the connection can then persist.
    pub fn skip_ready(&mut self) -> bool {
        let link = &mut *lock(self.link);
        while !self.ended && !link.conn.is_answered() {
            match pull(link, self.buffers) {
                Pulled::Data(_) => {}
                Pulled::End => self.ended = true,
                Pulled::Nothing => break,
            }
        }
        self.ended
    }
}

#[cfg(feature = "tower")]
impl Request<'_> {
    /// The octets of a range out of `poll_data`.
    pub(crate) fn piece(&self, range: Range<usize>) -> &[u8] {
        self.buffers.input.get(range).unwrap_or_default()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({}, content {})", self.head(), self.body)
    }
}

/// A handler waits for content as long as this lives: then the client is blamed for silence.
struct Reading<'a>(&'a Mutex<Link>);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        lock(self.0).reading = false;
    }
}

/// What the driving loop knows of a request when it arrives.
pub(crate) struct Arrival {
    pub(crate) body: BodyLength,
    pub(crate) began: Duration,
    pub(crate) expects_continue: bool,
}

enum Pulled {
    Data(Range<usize>),
    End,
    Nothing,
}

/// The next event of the content, out of what is already read.
fn pull(link: &mut Link, buffers: &mut Buffers) -> Pulled {
    let mut rest = buffers.input.get(buffers.used..).unwrap_or_default();
    let event = link.conn.next_event(&mut rest, &mut buffers.trailers);
    buffers.used = buffers.input.len() - rest.len();
    match event {
        Ok(Some(Event::Data(data))) => Pulled::Data(buffers.used - data.len()..buffers.used),
        Ok(Some(Event::End { .. })) => Pulled::End,
        Ok(_) => Pulled::Nothing,
        Err(error) => {
            link.blame(error);
            Pulled::Nothing
        }
    }
}

const NO_FIELDS: [(&str, &str); 0] = [];

/// The answer to a request. Output is collected and written when the handler waits, or when the
/// connection has nothing else to do: head and first content go in one write.
pub struct Response<'a> {
    link: &'a Mutex<Link>,
}

impl<'a> Response<'a> {
    pub(crate) fn new(link: &'a Mutex<Link>) -> Self {
        Self { link }
    }

    /// Sends an interim response, such as 103 (Early Hints).
    ///
    /// # Errors
    /// See [`ServerConnection::send_informational`](h1_proto::ServerConnection::send_informational).
    pub fn send_informational<'f, I>(
        &mut self,
        status: impl Into<Status<'f>>,
        fields: I,
    ) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'f>>,
    {
        let link = &mut *lock(self.link);
        link.conn.send_informational(status, fields, &mut link.out)
    }

    /// Waits until all output is written: what was sent so far does not wait for what comes. A
    /// handler that waits for something else need not call it.
    ///
    /// # Errors
    /// The connection is closed.
    #[allow(clippy::needless_pass_by_ref_mut, reason = "an answer has one writer")]
    pub async fn flush(&mut self) -> Result<(), HandlerError> {
        poll_fn(|cx| {
            let link = &mut *lock(self.link);
            let flushed = link.poll_flush(cx);
            if link.dead {
                return Poll::Ready(Err(Gone::Closed.into()));
            }
            if flushed.is_pending() {
                link.wait_for_room(cx);
            }
            flushed.map(Ok)
        })
        .await
    }

    /// A whole response with content that is at hand. Date is added unless the fields have it.
    ///
    /// # Errors
    /// See [`ServerConnection::send_response`](h1_proto::ServerConnection::send_response).
    pub fn respond<'f, I>(
        &mut self,
        status: impl Into<Status<'f>>,
        fields: I,
        content: &[u8],
    ) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'f>>,
    {
        let link = &mut *lock(self.link);
        let status = status.into();
        let date = date_for(link.date, fields.clone());
        link.conn.respond(status, WithDate::new(fields, date.as_ref()), content, &mut link.out)
    }

    /// Begins a response; content follows with [`send_data`](Self::send_data). Date is added
    /// unless the fields have it.
    ///
    /// # Errors
    /// See [`ServerConnection::send_response`](h1_proto::ServerConnection::send_response).
    pub fn send_response<'f, I>(
        &mut self,
        status: impl Into<Status<'f>>,
        fields: I,
        body: BodyLength,
    ) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'f>>,
    {
        let link = &mut *lock(self.link);
        let status = status.into();
        let date = date_for(link.date, fields.clone());
        link.conn.send_response(status, WithDate::new(fields, date.as_ref()), body, &mut link.out)
    }

    /// Sends content; waits while the client does not take it.
    ///
    /// # Errors
    /// The connection is closed, no response was begun, or it would become longer than announced.
    #[allow(clippy::needless_pass_by_ref_mut, reason = "an answer has one writer")]
    pub async fn send_data(&mut self, data: &[u8]) -> Result<(), HandlerError> {
        let mut rest = data;
        poll_fn(|cx| self.poll_send_data(cx, &mut rest)).await
    }

    /// Like [`send_data`](Self::send_data) as a poll: `rest` advances past what is accepted.
    pub(crate) fn poll_send_data(
        &self,
        cx: &mut Context<'_>,
        rest: &mut &[u8],
    ) -> Poll<Result<(), HandlerError>> {
        let link = &mut *lock(self.link);
        loop {
            if link.dead {
                return Poll::Ready(Err(Gone::Closed.into()));
            }
            let accepted = link.conn.send_data(rest, &mut link.out)?;
            *rest = rest.get(accepted..).unwrap_or_default();
            if rest.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if link.poll_flush(cx).is_pending() {
                link.wait_for_room(cx);
                return Poll::Pending;
            }
        }
    }

    /// Ends the response.
    ///
    /// # Errors
    /// No response was begun, or it is shorter than announced.
    pub fn finish(&mut self) -> Result<(), SendError> {
        let link = &mut *lock(self.link);
        link.conn.finish(&mut link.out)
    }

    /// Ends the response with trailers.
    ///
    /// # Errors
    /// See [`ServerConnection::send_trailers`](h1_proto::ServerConnection::send_trailers).
    pub fn send_trailers<'f, I>(&mut self, fields: I) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'f>>,
    {
        let link = &mut *lock(self.link);
        link.conn.send_trailers(fields, &mut link.out)
    }
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response")
    }
}

/// The date, if the fields do not have one.
fn date_for<'f, I>(wanted: bool, fields: I) -> Option<date::Value>
where
    I: IntoIterator,
    I::Item: Into<Field<'f>>,
{
    let given = || {
        fields.into_iter().any(|field| {
            let field: Field<'_> = field.into();
            field.name.eq_ignore_ascii_case(b"date")
        })
    };
    (wanted && !given()).then(date::now)
}

/// Fields with Date behind them, walked as often as the machine likes.
#[derive(Clone)]
struct WithDate<'f, 'd, I> {
    fields: I,
    date: Option<&'d date::Value>,
    lifetime: PhantomData<&'f ()>,
}

impl<'f, 'd, I> WithDate<'f, 'd, I> {
    fn new(fields: I, date: Option<&'d date::Value>) -> Self {
        Self { fields, date, lifetime: PhantomData }
    }
}

impl<'f: 'd, 'd, I> IntoIterator for WithDate<'f, 'd, I>
where
    I: IntoIterator,
    I::Item: Into<Field<'f>>,
{
    type Item = Field<'d>;
    type IntoIter = Chain<Map<I::IntoIter, fn(I::Item) -> Field<'d>>, option::IntoIter<Field<'d>>>;

    fn into_iter(self) -> Self::IntoIter {
        let date = self.date.map(|date| Field { name: b"date", value: date });
        let field: fn(I::Item) -> Field<'d> = |field| {
            let field: Field<'f> = field.into();
            field
        };
        self.fields.into_iter().map(field).chain(date)
    }
}
