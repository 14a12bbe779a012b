//! The answer of a tower service on its way out: its head when its content begins, whole where all of it is
//! at hand, then frame by frame.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use h1_proto::grammar;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http::response::Parts;

use crate::convert::{self, Fields};
use crate::error::HandlerError;
use crate::h1;
use crate::head::{BodyLength, Field};
use crate::response::{Answering, Response};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// What of the request decides about its answer.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) is_head: bool,
    pub(crate) is_connect: bool,
    pub(crate) h2: bool,
}

/// See the module. The content itself lies with the caller.
pub(crate) struct Answer<D> {
    /// Until it is sent.
    head: Option<Parts>,
    asker: Asker,
    /// What is sent of the content.
    data: Option<D>,
    /// Nothing comes behind `data`.
    over: bool,
    /// There is no content, but trailers may come.
    open: bool,
    /// Trailers have a place.
    trailers: bool,
}

impl<D: Buf> Answer<D> {
    pub(crate) fn new(head: Parts, asker: Asker) -> Self {
        Self { head: Some(head), asker, data: None, over: false, open: false, trailers: asker.h2 }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.head.is_none()
    }

    /// Sends what there is. The head waits for the first piece of the content unless it `must` go: pending
    /// then, and nothing has begun.
    pub(crate) fn poll<B>(
        &mut self,
        cx: &mut Context<'_>,
        mut body: Pin<&mut B>,
        response: &mut Response<'_>,
        must: bool,
    ) -> Poll<Result<(), HandlerError>>
    where
        B: http_body::Body<Data = D>,
        B::Error: Into<BoxError>,
    {
        if let Some(head) = &self.head {
            let exact = body.size_hint().exact();
            // Without content there may still be trailers.
            self.open = self.asker.h2 && exact == Some(0) && !body.is_end_stream();
            let exact = exact.filter(|_| !self.open);
            let first = match exact {
                // What would be taken of it has nowhere to go.
                _ if has_no_content(head.status) || self.asker.is_head => Poll::Pending,
                Some(0) => Poll::Pending,
                _ => body.as_mut().poll_frame(cx),
            };
            let begun = match first {
                Poll::Pending if !must && exact != Some(0) => return Poll::Pending,
                Poll::Pending => self.begin(exact, false, response)?,
                Poll::Ready(None) => self.begin(exact, true, response)?,
                Poll::Ready(Some(frame)) => {
                    let frame = frame.map_err(Into::into)?;
                    match frame.into_data() {
                        Ok(data) => {
                            self.over = body.is_end_stream();
                            self.data = Some(data);
                            self.begin(exact, self.over, response)?
                        }
                        Err(frame) => {
                            let begun = self.begin(exact, false, response)?;
                            if let (Begun::More, Ok(fields)) = (&begun, frame.into_trailers()) {
                                return Poll::Ready(self.end(Some(&fields), response));
                            }
                            begun
                        }
                    }
                }
            };
            if matches!(begun, Begun::Whole) {
                return Poll::Ready(Ok(()));
            }
        }
        loop {
            if let Some(data) = &mut self.data {
                while data.has_remaining() {
                    let mut rest = data.chunk();
                    let octets = rest.len();
                    let last = self.over && octets == data.remaining();
                    let sent = response.poll_send_data(cx, &mut rest, last);
                    let accepted = octets - rest.len();
                    data.advance(accepted);
                    ready!(sent)?;
                }
                self.data = None;
            }
            let Some(frame) = ready!(body.as_mut().poll_frame(cx)) else {
                return Poll::Ready(self.end(None, response));
            };
            match frame.map_err(Into::into)?.into_data() {
                Ok(data) => {
                    self.over = body.is_end_stream();
                    self.data = Some(data);
                }
                Err(frame) => {
                    if let Ok(fields) = frame.into_trailers() {
                        return Poll::Ready(self.end(Some(&fields), response));
                    }
                }
            }
        }
    }

    /// Sends the head, and with it the content if `data` is all of it.
    fn begin(
        &mut self,
        exact: Option<u64>,
        whole: bool,
        response: &mut Response<'_>,
    ) -> Result<Begun, HandlerError> {
        let Some(head) = self.head.take() else { return Ok(Begun::More) };
        let (status, asker) = (head.status, self.asker);
        // These have no length either (RFC 9110 §8.6).
        let bare = matches!(status.as_u16(), 101 | 204);
        let tunnels = asker.is_connect && status.is_success();
        let content = self.all_content(exact, whole).filter(|_| !bare && !tunnels);
        // A body of nothing is none of a 304's, whose length is that of the 200 (RFC 9110 §8.6).
        let is_of_nothing = status == StatusCode::NOT_MODIFIED && announced(&head) == Some(0);
        let mut tells_length = !bare && !tunnels && !is_of_nothing;
        if let (Some(content), Answering::H1(link)) = (content, &response.0) {
            if let Some(lines) = convert::known_lines(&head.headers, content.len()) {
                h1::respond_with(link, status.as_u16(), &lines, content)?;
                convert::put_map_back(head.headers);
                return Ok(Begun::Whole);
            }
            // The machine writes it, so that it stands at the same place whether the other lines are known or not.
            tells_length = !convert::is_length_right(&head.headers, content.len());
        }
        let fields = Fields { map: &head.headers, length: tells_length, h2: asker.h2 };
        // They are walked several times, which a slice makes cheap.
        let (mut few, many);
        let fields: &[Option<Field<'_>>] = if head.headers.len() <= FEW {
            few = [None; FEW];
            few.iter_mut().zip(fields).for_each(|(place, field)| *place = Some(field));
            &few
        } else {
            many = fields.into_iter().map(Some).collect::<Vec<_>>();
            &many
        };
        let fields = fields.iter().map_while(Option::as_ref);
        let begun = match content {
            Some(content) => {
                response.respond(status.as_u16(), fields, content)?;
                Begun::Whole
            }
            _ => {
                let length = match exact.or_else(|| announced(&head)) {
                    _ if has_no_content(status) => BodyLength::None,
                    Some(0) if self.open && !whole && !asker.is_head => BodyLength::Unknown,
                    // A length without content is that of what GET would get.
                    Some(0) => BodyLength::None,
                    Some(octets) => BodyLength::Known(octets),
                    None if whole && self.data.is_none() => BodyLength::None,
                    None => BodyLength::Unknown,
                };
                self.trailers |= length == BodyLength::Unknown;
                response.send_response(status.as_u16(), fields, length)?;
                if length == BodyLength::None {
                    Begun::Whole
                } else if asker.is_head {
                    response.finish()?;
                    Begun::Whole
                } else {
                    Begun::More
                }
            }
        };
        convert::put_map_back(head.headers);
        Ok(begun)
    }

    /// The content, if all of it lies in one piece and is as long as it was told to be.
    #[inline]
    fn all_content(&self, exact: Option<u64>, whole: bool) -> Option<&[u8]> {
        let data = self.data.as_ref().filter(|_| whole)?;
        let content = data.chunk();
        let octets = content.len();
        (octets == data.remaining() && exact.is_none_or(|exact| exact == octets as u64))
            .then_some(content)
    }

    fn end(
        &self,
        trailers: Option<&http::HeaderMap>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        match trailers {
            Some(map) if self.trailers => {
                response.send_trailers(Fields { map, length: true, h2: self.asker.h2 })?;
            }
            Some(_) => {
                // Content of a known length has no place for trailers (RFC 9112 §7.1.2).
                tracing::debug!("trailers behind content of a known length were dropped");
                response.finish()?;
            }
            None => response.finish()?,
        }
        Ok(())
    }
}

/// So many fields need no memory of their own.
const FEW: usize = 8;

/// What is left behind a head.
enum Begun {
    /// The rest of the content.
    More,
    /// Nothing.
    Whole,
}

/// These have no content (RFC 9110 §15.3.5, §15.3.6, §15.4.5), whatever the body says.
fn has_no_content(status: StatusCode) -> bool {
    matches!(status.as_u16(), 204 | 205 | 304)
}

/// The length that the answer says itself.
fn announced(head: &Parts) -> Option<u64> {
    let value = head.headers.get(CONTENT_LENGTH)?;
    grammar::decimal(grammar::trim_ows(value.as_bytes())).ok()
}
