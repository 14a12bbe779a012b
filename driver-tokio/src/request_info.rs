//! What a tower service can know of its request beside its head, and interim responses: an extension
//! of each request.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::convert::Fields;
use crate::error::{Gone, SendError};
use crate::h2::Handle;
use crate::info::ConnectionInfo;
use crate::response::Response;
use crate::upgrade::{OnUpgrade, Promise};

/// Of a request: its connection, how long it has waited, and a way to send interim responses. A tower
/// service finds it in the extensions of its request.
///
/// ```
/// use driver_tokio::tower::RequestInfo;
/// use http::{HeaderMap, StatusCode};
///
/// fn hints<B>(request: &http::Request<B>) {
///     if let Some(info) = request.extensions().get::<RequestInfo>() {
///         let mut fields = HeaderMap::new();
///         fields.insert("link", "</style.css>; rel=preload; as=style".parse().unwrap());
///         // A refusal costs a hint and nothing else.
///         let _ = info.send_informational(StatusCode::EARLY_HINTS, fields);
///     }
/// }
/// ```
#[derive(Clone)]
pub struct RequestInfo {
    connection: ConnectionInfo,
    began: Instant,
    interim: Interim,
}

#[derive(Clone)]
enum Interim {
    H1 { queue: Arc<InterimQueue>, exchange: u64 },
    H2(Handle),
}

impl RequestInfo {
    pub(crate) fn h1(
        connection: ConnectionInfo,
        began: Instant,
        queue: &Arc<InterimQueue>,
    ) -> Self {
        let exchange = queue.begin();
        Self { connection, began, interim: Interim::H1 { queue: Arc::clone(queue), exchange } }
    }

    pub(crate) fn h2(connection: ConnectionInfo, began: Instant, handle: Handle) -> Self {
        Self { connection, began, interim: Interim::H2(handle) }
    }

    /// Where the connection comes from and what carries it.
    #[must_use]
    pub fn connection(&self) -> &ConnectionInfo {
        &self.connection
    }

    /// How long ago the first octet of the request came: the time that it has waited, for queue control.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.began.elapsed()
    }

    /// The byte stream that the request becomes if it is answered with 101 (HTTP/1.1) or, for CONNECT, with
    /// 2xx: spawn a task that awaits it, and answer. Of several who ask the first gets it.
    pub fn on_upgrade(&self) -> OnUpgrade {
        match &self.interim {
            Interim::H1 { queue, exchange } => queue.ask(*exchange),
            Interim::H2(handle) => handle.on_upgrade(),
        }
    }

    /// Sends an interim response, such as 103 (Early Hints), before the service has answered. A 100
    /// (Continue) is sent by itself when the content is asked for.
    ///
    /// # Errors
    /// The status is none of 1xx, a field is invalid, or the answer was begun; in HTTP/1 only the
    /// status is looked at here, and an interim response that cannot be sent is left out.
    pub fn send_informational(
        &self,
        status: StatusCode,
        fields: HeaderMap,
    ) -> Result<(), SendError> {
        match &self.interim {
            Interim::H1 { queue, exchange } => {
                if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                    return Err(h1_proto::SendError::InvalidStatus.into());
                }
                queue.push(*exchange, status, fields);
            }
            Interim::H2(handle) => {
                let fields = Fields { map: &fields, length: false, h2: true };
                handle.send_informational(status.as_u16(), fields)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RequestInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestInfo")
            .field("connection", &self.connection)
            .field("waited", &self.waited())
            .finish_non_exhaustive()
    }
}

/// Interim responses of a connection of HTTP/1 on their way to its task.
#[derive(Default)]
pub(crate) struct InterimQueue(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    /// The number of the exchange that is answered now.
    exchange: u64,
    waiting: Vec<(StatusCode, HeaderMap)>,
    /// Who waits for the transport.
    upgrade: Option<Promise>,
    waker: Option<Waker>,
}

/// Interim responses that wait at most; more are left out.
const WAITING_MAX: usize = 16;

/// The connection's end of the queue: without it nobody gets the transport.
#[derive(Default)]
pub(crate) struct Interims(Arc<InterimQueue>);

impl Interims {
    pub(crate) fn queue(&self) -> Arc<InterimQueue> {
        Arc::clone(&self.0)
    }

    /// Nothing more is to be had of the exchange: who waits for the transport.
    pub(crate) fn end(&self) -> Option<Promise> {
        self.0.end()
    }
}

impl Drop for Interims {
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl InterimQueue {
    fn begin(&self) -> u64 {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queue.exchange += 1;
        queue.waiting.clear();
        let (exchange, promise) = (queue.exchange, queue.upgrade.take());
        // Whom it wakes may ask here.
        drop(queue);
        drop(promise);
        exchange
    }

    fn end(&self) -> Option<Promise> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queue.exchange += 1;
        queue.upgrade.take()
    }

    fn ask(&self, exchange: u64) -> OnUpgrade {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.exchange != exchange || queue.upgrade.is_some() {
            return OnUpgrade::refused(Gone::NotUpgraded);
        }
        let (promise, on_upgrade) = OnUpgrade::new();
        queue.upgrade = Some(promise);
        on_upgrade
    }

    fn push(&self, exchange: u64, status: StatusCode, fields: HeaderMap) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever comes late has no request any more.
        if queue.exchange == exchange && queue.waiting.len() < WAITING_MAX {
            queue.waiting.push((status, fields));
            let waker = queue.waker.take();
            drop(queue);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Sends what waits; wakes this task for more if the service is still at work.
    pub(crate) fn send(&self, cx: &Context<'_>, more: bool, response: &mut Response<'_>) {
        let waiting = {
            let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if more && !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                queue.waker = Some(cx.waker().clone());
            }
            if queue.waiting.is_empty() {
                return;
            }
            std::mem::take(&mut queue.waiting)
        };
        for (status, fields) in waiting {
            let fields = Fields { map: &fields, length: false, h2: false };
            if let Err(error) = response.send_informational(status.as_u16(), fields) {
                tracing::debug!(%error, %status, "an interim response was left out");
            }
        }
    }
}
