//! What a tower service can know of its request beside its head: an extension of each request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::convert::Fields;
use crate::error::SendError;
use crate::h2::Handle;
use crate::info::ConnectionInfo;
use crate::interim::InterimQueue;
use crate::upgrade::OnUpgrade;

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
