//! One stream, as whoever waits for its response sees it.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h1_proto::grammar;
use h2_proto::StreamId;
use http::header::CONTENT_LENGTH;
use http::{Response, StatusCode, Version};
use http_body::Frame;

use super::exchange::Head;
use super::shared::Shared;
use super::tunnel::Tunnel;
use crate::client::body::Body;
use crate::client::call::{Failed, OnInformational, Outcome};
use crate::client::error::{Error, ErrorKind, Stage};
use crate::client::upgrade::OnUpgrade;
use crate::upgrade::Upgraded;

/// A place for a stream that the pool gave away.
pub(crate) struct Slot {
    shared: Arc<Shared>,
    freed: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Slot {
    pub(crate) fn new(shared: Arc<Shared>, freed: Box<dyn FnOnce() + Send + Sync>) -> Self {
        Self { shared, freed: Some(freed) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.lock().reserved -= 1;
        if let Some(freed) = self.freed.take() {
            freed();
        }
    }
}

/// Holds a stream; dropped before its end it resets it.
pub(crate) struct Stream {
    shared: Arc<Shared>,
    id: StreamId,
    /// Freed after the stream is.
    _slot: Option<Slot>,
}

impl Stream {
    pub(crate) fn new(shared: Arc<Shared>, id: StreamId, slot: Option<Slot>) -> Self {
        Self { shared, id, _slot: slot }
    }

    /// The response, when its head has come.
    pub(crate) async fn response(self, continue_timeout: Duration) -> Outcome {
        let (callee, expecting, is_head) = {
            let state = self.shared.lock();
            let exchange = state.exchanges.get(&self.id);
            let call = exchange.and_then(|exchange| exchange.call.as_ref());
            (
                call.and_then(|call| call.on_informational()),
                exchange.is_some_and(|exchange| exchange.expecting),
                call.is_some_and(|call| call.parts.method == http::Method::HEAD),
            )
        };
        let head = if expecting {
            let mut patience = pin!(tokio::time::sleep(continue_timeout));
            let mut patient = true;
            poll_fn(|cx| {
                let polled = self.poll_head(cx, callee.as_ref());
                if polled.is_pending() && patient && patience.as_mut().poll(cx).is_ready() {
                    patient = false;
                    self.content_may_go();
                }
                polled
            })
            .await?
        } else {
            poll_fn(|cx| self.poll_head(cx, callee.as_ref())).await?
        };
        let length = head
            .fields
            .get(CONTENT_LENGTH)
            .and_then(|value| grammar::decimal(grammar::trim_ows(value.as_bytes())).ok());
        let tunnels = (200..300).contains(&head.status) && self.is_tunnel();
        let reader = Reader(self);
        let (mut body, mut upgrade) = (Body::empty(), None);
        if tunnels {
            let (sender, on_upgrade) = OnUpgrade::new();
            let _ = sender.send(Upgraded::new(Box::new(Tunnel::new(reader)), Vec::new()));
            upgrade = Some(on_upgrade);
        } else if !is_head && !reader.is_over() {
            body = Body::h2(reader, length);
        }
        let mut response = Response::new(body);
        if let Some(upgrade) = upgrade {
            response.extensions_mut().insert(upgrade);
        }
        // What the machine lets through is a status.
        *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or_default();
        *response.version_mut() = Version::HTTP_2;
        *response.headers_mut() = head.fields;
        Ok(response)
    }

    /// Whether its request is a CONNECT without content.
    fn is_tunnel(&self) -> bool {
        self.shared.lock().exchanges.get(&self.id).is_some_and(|exchange| exchange.tunnel.is)
    }

    fn poll_head(
        &self,
        cx: &Context<'_>,
        callee: Option<&OnInformational>,
    ) -> Poll<Result<Head, Failed>> {
        let mut guard = self.shared.lock();
        loop {
            let Some(exchange) = guard.exchanges.get_mut(&self.id) else {
                return Poll::Ready(Err(Failed::new(Error::closed())));
            };
            if let Some(head) = exchange.informational.pop_front() {
                drop(guard);
                if let Some(callee) = callee {
                    callee.call(head.status, &head.fields);
                }
                guard = self.shared.lock();
                continue;
            }
            if let Some(head) = exchange.head.take() {
                return Poll::Ready(Ok(head));
            }
            if let Some(Err(error)) = &exchange.end {
                let error = error.clone();
                let unheard = error.kind() == ErrorKind::Closed && exchange.stage == Stage::Nothing;
                return Poll::Ready(Err(match exchange.call.take() {
                    Some(call) if error.is_retryable() => Failed::unprocessed(error, call),
                    Some(call) if unheard => Failed::unheard(error, call),
                    _ => Failed::new(error),
                }));
            }
            exchange.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
    }

    /// The wait for a 100 (Continue) is over.
    fn content_may_go(&self) {
        let mut state = self.shared.lock();
        if let Some(exchange) = state.exchanges.get_mut(&self.id) {
            exchange.expecting = false;
            exchange.content.push();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        let Some(exchange) = state.exchanges.get_mut(&self.id) else { return };
        exchange.held = false;
        if exchange.end.is_none() {
            exchange.break_off(Error::closed());
        }
        state.settle(self.id);
        state.notify();
    }
}

/// Reads the content of a response.
pub(crate) struct Reader(Stream);

impl Reader {
    /// What came, all of it; what is taken the server may send again.
    pub(crate) fn poll_frame(&self, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Stream { shared, id, .. } = &self.0;
        let mut guard = shared.lock();
        let state = &mut *guard;
        let Some(exchange) = state.exchanges.get_mut(id) else { return Poll::Ready(None) };
        if !exchange.received.is_empty() {
            let piece = mem::take(&mut exchange.received);
            let before = state.out.len();
            // A window is less than 2^31 octets.
            let _ = state.conn.release(*id, piece.len() as u32, &mut state.out);
            if state.out.len() > before {
                state.notify();
            }
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))));
        }
        match &exchange.end {
            Some(Ok(())) => {
                Poll::Ready(exchange.trailers.take().map(|fields| Ok(Frame::trailers(fields))))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error.clone()))),
            None => {
                exchange.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(crate) fn id(&self) -> StreamId {
        self.0.id
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.shared.lock().exchanges.get(&self.0.id).is_none_or(|it| {
            it.received.is_empty() && it.trailers.is_none() && matches!(it.end, Some(Ok(())))
        })
    }
}
