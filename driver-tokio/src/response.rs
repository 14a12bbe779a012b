//! The answer to a request of either protocol, as a handler writes it.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Mutex;
use std::task::{Context, Poll};

use h1_proto::{FieldLines, Status};
use tokio::time::Instant;

use crate::date;
use crate::error::{HandlerError, SendError};
use crate::h1::{self, Link};
use crate::h2::{Handle, With};
use crate::head::{BodyLength, Field};

/// The answer to a request. Output is collected and written when the handler waits, or when the
/// connection has nothing else to do: head and first content go in one write.
pub struct Response<'a>(pub(crate) Answering<'a>);

pub(crate) enum Answering<'a> {
    H1(&'a Mutex<Link>),
    H2(Handle),
}

impl Response<'_> {
    /// Sends an interim response, such as 103 (Early Hints).
    ///
    /// # Errors
    /// The status is none of 1xx, a field is invalid, or the final response was begun.
    pub fn send_informational<'f, I>(
        &mut self,
        status: impl Into<Status<'f>>,
        fields: I,
    ) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'f>>,
    {
        let status = status.into();
        match &self.0 {
            Answering::H1(link) => {
                let link = &mut *h1::lock(link);
                let fields = ForH1::new(fields);
                link.conn.send_informational(status, fields, &mut link.wire.out)?;
            }
            Answering::H2(handle) => {
                handle.send_informational(status.code, With::new(fields, &[]))?;
            }
        }
        Ok(())
    }

    /// Waits until all output is written: what was sent so far does not wait for what comes. A
    /// handler that waits for something else need not call it.
    ///
    /// # Errors
    /// The connection is closed.
    #[allow(clippy::needless_pass_by_ref_mut, reason = "an answer has one writer")]
    pub async fn flush(&mut self) -> Result<(), HandlerError> {
        poll_fn(|cx| match &self.0 {
            Answering::H1(link) => h1::poll_flush(link, cx),
            Answering::H2(handle) => handle.poll_flush(cx),
        })
        .await
    }

    /// A whole response with content that is at hand. Date and Content-Length are added unless the
    /// fields have them.
    ///
    /// # Errors
    /// The status is not final, a field is invalid, or a response was begun already.
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
        let status = status.into();
        match &self.0 {
            Answering::H1(link) => {
                let link = &mut *h1::lock(link);
                let date = line_for(link.date_time(), &fields);
                let date = date.as_deref();
                let fields = ForH1::new(fields);
                let lines = date.as_slice();
                link.conn.respond_with(lines, status, fields, content, &mut link.wire.out)?;
            }
            Answering::H2(handle) => handle.respond(status.code, fields, content)?,
        }
        Ok(())
    }

    /// Begins a response; content follows with [`send_data`](Self::send_data). Date and
    /// Content-Length are added unless the fields have them.
    ///
    /// In HTTP/1.1 a response that begins before any content of its request came says that the connection
    /// closes behind it: nobody knows yet whether that content will be read. Read the first piece first.
    ///
    /// # Errors
    /// The status is not final, a field is invalid, or a response was begun already.
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
        let status = status.into();
        match &self.0 {
            Answering::H1(link) => {
                let link = &mut *h1::lock(link);
                let date = line_for(link.date_time(), &fields);
                let date = date.as_deref();
                let fields = ForH1::new(fields);
                let lines = date.as_slice();
                let out = &mut link.wire.out;
                link.conn.send_response_with(lines, status, fields, body.into(), out)?;
            }
            Answering::H2(handle) => handle.send_response(status.code, fields, body)?,
        }
        Ok(())
    }

    /// Sends content; waits while the client does not take it.
    ///
    /// # Errors
    /// The connection is closed, no response was begun, or it would become longer than announced.
    pub async fn send_data(&mut self, data: &[u8]) -> Result<(), HandlerError> {
        let mut rest = data;
        poll_fn(|cx| self.poll_send_data(cx, &mut rest, false)).await
    }

    /// Like [`send_data`](Self::send_data) as a poll: `rest` advances past what is accepted. With
    /// `last` the response ends behind it; [`finish`](Self::finish) may be called all the same.
    #[allow(clippy::needless_pass_by_ref_mut, reason = "an answer has one writer")]
    pub(crate) fn poll_send_data(
        &mut self,
        cx: &mut Context<'_>,
        rest: &mut &[u8],
        last: bool,
    ) -> Poll<Result<(), HandlerError>> {
        match &self.0 {
            Answering::H1(link) => h1::poll_send_data(link, cx, rest),
            Answering::H2(handle) => handle.poll_send_data(cx, rest, last),
        }
    }

    /// Ends the response.
    ///
    /// # Errors
    /// No response was begun, or it is shorter than announced.
    pub fn finish(&mut self) -> Result<(), SendError> {
        match &self.0 {
            Answering::H1(link) => {
                let link = &mut *h1::lock(link);
                link.conn.finish(&mut link.wire.out)?;
            }
            Answering::H2(handle) => handle.finish()?,
        }
        Ok(())
    }

    /// Ends the response with trailers.
    ///
    /// # Errors
    /// No response was begun or it is shorter than announced; a field is invalid or has no place in
    /// trailers; HTTP/1 needs content of an unknown length for them.
    pub fn send_trailers<'f, I>(&mut self, fields: I) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'f>>,
    {
        match &self.0 {
            Answering::H1(link) => {
                let link = &mut *h1::lock(link);
                link.conn.send_trailers(ForH1::new(fields), &mut link.wire.out)?;
            }
            Answering::H2(handle) => handle.send_trailers(With::new(fields, &[]))?,
        }
        Ok(())
    }
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response")
    }
}

/// Whether a field with this name is among these.
fn has<'f, I>(fields: &I, name: &[u8]) -> bool
where
    I: IntoIterator + Clone,
    I::Item: Into<Field<'f>>,
{
    fields.clone().into_iter().any(|field| {
        let field: Field<'f> = field.into();
        // Most spell it in lower case.
        field.name == name || field.name.eq_ignore_ascii_case(name)
    })
}

/// The line of Date at that time, if it is wanted and the fields do not have one.
fn line_for<'f, I>(time: Option<Instant>, fields: &I) -> Option<Rc<FieldLines>>
where
    I: IntoIterator + Clone,
    I::Item: Into<Field<'f>>,
{
    time.filter(|_| !has(fields, b"date")).map(date::line_at)
}

/// Fields as those of `h1-proto`.
struct ForH1<'f, I> {
    fields: I,
    lifetime: PhantomData<&'f ()>,
}

impl<I> ForH1<'_, I> {
    fn new<F: IntoIterator<IntoIter = I>>(fields: F) -> Self {
        Self { fields: fields.into_iter(), lifetime: PhantomData }
    }
}

impl<'f, I> Iterator for ForH1<'f, I>
where
    I: Iterator,
    I::Item: Into<Field<'f>>,
{
    type Item = h1_proto::Field<'f>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let field: Field<'f> = self.fields.next()?.into();
        Some(h1_proto::Field { name: field.name, value: field.value })
    }
}
