//! What the tasks of a connection share: the machine, its output, and the exchanges.

use std::sync::{Arc, Mutex, PoisonError};

use h2_proto::{ErrorCode, FieldBuf, SendError, ServerConnection, StreamId};
use tokio::time::Instant;

use super::after::After;
use super::exchange::{Exchange, Exchanges};
use super::fields::With;
use super::ready::Ready;
use super::tunnel::Settled;
use crate::date;
use crate::error::{Gone, HandlerError};
use crate::head::Field;
use crate::info::ConnectionInfo;
use crate::wire::Wire;

/// See the module.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) ready: Arc<Ready>,
    pub(crate) epoch: Instant,
    pub(crate) info: ConnectionInfo,
    pub(crate) date: bool,
}

pub(crate) struct State {
    pub(crate) conn: ServerConnection,
    pub(crate) out: Vec<u8>,
    pub(crate) exchanges: Exchanges,
    /// While the connection's task is polled, when that began: the time of a Date.
    pub(crate) polled_at: Option<Instant>,
    /// Meanwhile something changed that the connection's task has not looked at.
    pub(crate) changed: bool,
    /// Streams whose handlers wait until all output is written.
    pub(crate) flushing: u32,
    pub(crate) after: After,
    /// Why there is nothing more to be had.
    gone: Option<Gone>,
}

/// Tells all who still wait that it is over, also where the connection is dropped in the middle.
pub(crate) struct Over(Arc<Shared>);

impl Over {
    pub(crate) fn of(shared: &Arc<Shared>) -> Self {
        Self(Arc::clone(shared))
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        self.0.with(|state| state.end(&Gone::Closed));
    }
}

impl Shared {
    pub(crate) fn new(conn: ServerConnection, out: Vec<u8>, wire: &Wire, date: bool) -> Arc<Self> {
        let (epoch, info) = (wire.epoch(), wire.info.clone());
        let state = State {
            conn,
            out,
            exchanges: Exchanges::default(),
            polled_at: None,
            changed: false,
            flushing: 0,
            after: After::default(),
            gone: None,
        };
        Arc::new(Self { state: Mutex::new(state), ready: Arc::default(), epoch, info, date })
    }

    /// Does something under the lock, and then what is due after it. It may be that an iterator of a
    /// handler's panicked under the lock before: the machine writes only after it has walked the
    /// fields once, so nothing is half done.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut state);
        let notify = state.after.notifies();
        // While the connection's task is polled nobody needs to wake it.
        state.changed |= notify && state.polled_at.is_some();
        let notify = notify && !state.changed;
        let after = state.after.take();
        drop(state);
        if let Some(after) = after {
            after.run();
        }
        if notify {
            self.ready.notify();
        }
        result
    }
}

impl State {
    /// Content came.
    pub(crate) fn received(&mut self, stream: StreamId, data: &[u8], end_stream: bool) {
        if let Some(exchange) = self.exchanges.find(stream) {
            exchange.received.extend_from_slice(data);
            if end_stream {
                exchange.end.get_or_insert(Ok(()));
            }
            self.after.wake(exchange.reader.take());
        }
    }

    /// Trailers came, which end the request.
    pub(crate) fn received_trailers(&mut self, stream: StreamId, fields: &mut FieldBuf) {
        if let Some(exchange) = self.exchanges.find(stream) {
            core::mem::swap(&mut exchange.trailers, fields);
            exchange.end.get_or_insert(Ok(()));
            self.after.wake(exchange.reader.take());
        }
    }

    /// It is this stream's turn to send.
    pub(crate) fn grant(&mut self, stream: StreamId) {
        let Some(exchange) = self.exchanges.find(stream) else { return };
        let rest = exchange.rest.get(exchange.rest_sent..).unwrap_or_default();
        if rest.is_empty() {
            exchange.granted = true;
            self.after.wake(exchange.sender.take());
            return;
        }
        match self.conn.send_data(stream, rest, true, &mut self.out) {
            Ok(accepted) => exchange.rest_sent += accepted,
            Err(_) => exchange.rest_sent = exchange.rest.len(),
        }
        self.settle(stream);
    }

    /// The handler is done with a stream. Whether it failed.
    pub(crate) fn handled(
        &mut self,
        stream: StreamId,
        failure: Option<HandlerError>,
        date: bool,
    ) -> bool {
        let Some(exchange) = self.exchanges.find(stream) else { return false };
        exchange.handling = false;
        if let Some(promise) = exchange.take_promise() {
            self.after.promise(Settled::refused(promise, Gone::NotUpgraded));
        }
        let gone = matches!(exchange.end, Some(Err(_)));
        let failure = failure.or_else(|| {
            if exchange.ended || gone {
                None
            } else if exchange.begun {
                self.conn
                    .send_data(stream, b"", true, &mut self.out)
                    .err()
                    .map(|error| HandlerError::Send(error.into()))
            } else {
                Some(HandlerError::Send(SendError::WrongState.into()))
            }
        });
        let failure = failure.filter(|_| !gone && self.gone.is_none());
        let failed = failure.is_some();
        if let Some(failure) = failure {
            tracing::error!(error = %failure, %stream, "a handler failed");
            let exchange = self.exchanges.find(stream);
            if exchange.is_some_and(|exchange| !exchange.begun) {
                let content = b"500 Internal Server Error\n";
                let fields = [("content-type", "text/plain"), ("content-length", "26")];
                let date = self.date_time(date).map(date::at);
                let date = date.as_ref().map(|date| Field::new(b"date", date));
                let fields = With::new(fields, date.as_slice());
                // What the windows do not take is not worth waiting for.
                let _ = self.conn.respond(stream, 500, fields, content, &mut self.out);
            } else {
                let _ = self.conn.reset(stream, ErrorCode::INTERNAL_ERROR, &mut self.out);
                self.broken_off(stream, Gone::Reset(ErrorCode::INTERNAL_ERROR));
            }
        }
        self.settle(stream);
        failed
    }

    /// Lets go of a stream that nobody has to do with.
    pub(crate) fn settle(&mut self, stream: StreamId) {
        let Some(exchange) = self.exchanges.find(stream) else { return };
        if exchange.is_over() {
            for waker in exchange.take_wakers() {
                self.after.discard(waker);
            }
            self.exchanges.remove(stream);
            // If both sides have ended it is done already.
            let _ = self.conn.done(stream, &mut self.out);
        }
    }

    /// A stream was reset: whose task is to be stopped.
    pub(crate) fn reset(&mut self, stream: StreamId, code: ErrorCode) -> Option<u32> {
        self.broken_off(stream, Gone::Reset(code));
        let exchange = self.exchanges.find(stream)?;
        let task = exchange.handling.then_some(exchange.task);
        exchange.handling = false;
        self.settle(stream);
        task
    }

    /// Tells all who have to do with a stream that there is no more of it.
    fn broken_off(&mut self, stream: StreamId, gone: Gone) {
        let Some(exchange) = self.exchanges.find(stream) else { return };
        if let Some(promise) = exchange.take_promise() {
            self.after.promise(Settled::refused(promise, gone.clone()));
        }
        exchange.break_off(gone);
        for waker in exchange.take_wakers() {
            self.after.wake(waker);
        }
    }

    /// All that was sent is written.
    pub(crate) fn flushed(&mut self) {
        if self.flushing > 0 {
            self.flushing = 0;
            for exchange in self.exchanges.iter_mut() {
                self.after.wake(exchange.flusher.take());
            }
        }
    }

    /// Nothing more is to be had from the connection.
    pub(crate) fn end(&mut self, gone: &Gone) {
        self.gone = Some(gone.clone());
        for exchange in self.exchanges.iter_mut() {
            if exchange.end != Some(Ok(())) {
                exchange.end = Some(Err(gone.clone()));
            }
            if let Some(promise) = exchange.take_promise() {
                self.after.promise(Settled::refused(promise, gone.clone()));
            }
            for waker in exchange.take_wakers() {
                self.after.wake(waker);
            }
        }
    }

    /// The time of a Date, if one is wanted.
    pub(crate) fn date_time(&self, wanted: bool) -> Option<Instant> {
        wanted.then(|| self.polled_at.unwrap_or_else(Instant::now))
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.exchanges.is_empty() && self.out.is_empty()
    }

    /// Gives back what is not in use.
    pub(crate) fn shrink(&mut self) {
        self.conn.shrink();
        self.exchanges.shrink();
    }

    /// The exchange on a stream, as long as there is something to be had of it.
    pub(crate) fn exchange(&mut self, stream: StreamId) -> Result<&mut Exchange, Gone> {
        let gone = self.gone.clone();
        match self.exchanges.find(stream) {
            Some(Exchange { end: Some(Err(gone)), .. }) => Err(gone.clone()),
            Some(exchange) if gone.is_none() => Ok(exchange),
            _ => Err(gone.unwrap_or(Gone::Closed)),
        }
    }
}
