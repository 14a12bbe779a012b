//! What the tasks of a connection share: the machine, its output, and the exchanges.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use bytes::Buf;
use h2_proto::{ClientConnection, Config, ErrorCode, RequestLine, StreamId, Verdict};
use http::Method;
use tokio::sync::mpsc::UnboundedSender;

use super::exchange::{ContentWaker, Exchange};
use super::fields::Fields;
use super::stream::{Slot, Stream};
use crate::client::call::{Call, Failed};
use crate::client::error::{Error, Stage};
use crate::protocol::Protocol;

/// See the module.
pub(crate) struct Shared {
    state: Mutex<State>,
    woken: UnboundedSender<StreamId>,
}

pub(crate) struct State {
    pub(crate) conn: ClientConnection,
    pub(crate) out: Vec<u8>,
    pub(crate) exchanges: HashMap<StreamId, Exchange>,
    /// The server's SETTINGS have come; who waits for them.
    is_greeted: bool,
    greeting: Vec<Waker>,
    /// The connection's task, if nobody woke it since it ran.
    waker: Option<Waker>,
    /// Those who may send requests.
    pub(crate) senders: usize,
    /// Streams that the pool has given away.
    pub(crate) reserved: u32,
    /// Streams that there may be.
    pub(crate) streams_max: u32,
    /// The peer takes no more requests.
    pub(crate) leaving: bool,
    /// Why there is nothing more to be had.
    pub(crate) ended: Option<Error>,
}

impl Shared {
    pub(crate) fn new(
        conn: ClientConnection,
        out: Vec<u8>,
        config: &Config,
        woken: UnboundedSender<StreamId>,
    ) -> Arc<Self> {
        let state = State {
            conn,
            out,
            exchanges: HashMap::new(),
            is_greeted: false,
            greeting: Vec::new(),
            waker: None,
            senders: 0,
            reserved: 0,
            streams_max: config.streams_max,
            leaving: false,
            ended: None,
        };
        Arc::new(Self { state: Mutex::new(state), woken })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The connection's task runs; from now on it is woken by this waker.
    pub(crate) fn begin(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// There is something for the connection's task.
    pub(crate) fn notify(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The server's SETTINGS have come, or will not.
    pub(crate) fn greeted(&mut self) {
        self.is_greeted = true;
        self.greeting.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.ended.is_some() || self.leaving || self.conn.is_draining()
    }

    /// Lets go of a stream that nobody has to do with.
    pub(crate) fn settle(&mut self, stream: StreamId) {
        if self.exchanges.get(&stream).is_some_and(Exchange::is_over) {
            let complete = self
                .exchanges
                .remove(&stream)
                .is_some_and(|exchange| matches!(exchange.end, Some(Ok(()))));
            // What is not wanted any more is cancelled; if both sides have ended it is done already.
            if complete || self.conn.reset(stream, ErrorCode::CANCEL, &mut self.out).is_err() {
                let _ = self.conn.done(stream, &mut self.out);
            }
            if self.exchanges.is_empty() {
                self.exchanges.shrink_to(16);
            }
        }
    }

    /// It is this stream's turn to send.
    pub(crate) fn grant(&mut self, stream: StreamId) {
        let Some(exchange) = self.exchanges.get_mut(&stream) else { return };
        if exchange.tunnel.is {
            exchange.tunnel.granted = true;
            exchange.wake_writer();
            return;
        }
        if !exchange.started {
            exchange.started = true;
            exchange.content.push();
            return;
        }
        let Some(call) = exchange.call.as_mut().filter(|_| exchange.sending) else { return };
        let content = &mut call.content;
        if content.piece.is_empty() {
            return;
        }
        let last = content.is_last();
        match self.conn.send_data(stream, &content.piece, last, &mut self.out) {
            Ok(accepted) => {
                content.piece.advance(accepted);
                if !content.piece.is_empty() {
                    return;
                }
                exchange.sending = !last;
                if exchange.sending {
                    exchange.content.push();
                }
            }
            Err(error) => {
                exchange.break_off(Error::of_content(error));
                let _ = self.conn.reset(stream, ErrorCode::CANCEL, &mut self.out);
            }
        }
        self.settle(stream);
    }

    /// Nothing more is to be had from the connection.
    pub(crate) fn end(&mut self, error: &Error) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(error.clone());
        self.greeted();
        let unprocessed: Vec<StreamId> = self
            .conn
            .unfinished()
            .filter(|(_, verdict)| *verdict == Verdict::NotProcessed)
            .map(|(stream, _)| stream)
            .collect();
        for (stream, exchange) in &mut self.exchanges {
            exchange.break_off(error.clone().unprocessed(unprocessed.contains(stream)));
        }
    }
}

/// Sends requests on a connection; when there is none of them left it ends.
pub(crate) struct Sender(Arc<Shared>);

impl Sender {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.lock().senders += 1;
        Self(Arc::clone(shared))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().is_closed()
    }

    /// Whether a place is taken.
    pub(crate) fn is_at_work(&self) -> bool {
        self.0.lock().reserved > 0
    }

    /// A place for one stream. `freed` is called when it is free again.
    pub(crate) fn reserve(&self, freed: impl FnOnce() + Send + Sync + 'static) -> Option<Slot> {
        let mut state = self.0.lock();
        let free = !state.is_closed() && state.reserved < state.streams_max;
        free.then(|| {
            state.reserved += 1;
            Slot::new(Arc::clone(&self.0), Box::new(freed))
        })
    }

    /// Waits for the server's SETTINGS: they say what else can be asked for (RFC 8441 §3).
    pub(crate) async fn greeted(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if state.is_greeted {
                return Poll::Ready(());
            }
            state.greeting.retain(|waker| !waker.will_wake(cx.waker()));
            state.greeting.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn send(&self, call: Box<Call>, slot: Option<Slot>) -> Result<Stream, Failed> {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        if let Some(error) = &state.ended {
            return Err(Failed::unprocessed(error.clone().at(Stage::Nothing), call));
        }
        let parts = &call.parts;
        let protocol = parts.extensions.get::<Protocol>();
        let tunnel = parts.method == Method::CONNECT && protocol.is_none();
        let line = RequestLine {
            method: parts.method.as_str().as_bytes(),
            scheme: (!tunnel).then(|| parts.uri.scheme_str().unwrap_or("http").as_bytes()),
            authority: Some(&call.authority),
            path: (!tunnel).then(|| call.path()),
            protocol: protocol.map(|protocol| &*protocol.0),
        };
        // One without content is a tunnel to be had as a byte stream.
        let bare = parts.method == Method::CONNECT && call.content.is_over();
        let end_stream = call.content.is_over() && !bare;
        let mut digits = [0; 20];
        let fields = Fields::new(&call, tunnel || protocol.is_some(), &mut digits);
        let id = match state.conn.send_request(line, fields, end_stream, &mut state.out) {
            Ok(id) => id,
            Err(error) => {
                let error = Error::refused(error.into());
                if error.is_retryable() {
                    return Err(Failed::unprocessed(error, call));
                }
                return Err(Failed::new(error));
            }
        };
        if !end_stream && !bare {
            // Of a stream that was just opened it cannot fail.
            let _ = state.conn.want_send(id);
        }
        let waker = ContentWaker::new(id, self.0.woken.clone());
        let mut exchange = Exchange::new(call, end_stream || bare, waker);
        exchange.tunnel.is = bare;
        state.exchanges.insert(id, exchange);
        state.notify();
        drop(guard);
        Ok(Stream::new(Arc::clone(&self.0), id, slot))
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.senders -= 1;
        if state.senders == 0 {
            state.notify();
        }
    }
}
