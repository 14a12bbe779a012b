//! Connections that change their protocol.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::error::{Error, ErrorKind};
use crate::upgrade::Upgraded;

/// In the extensions of a response that changes the protocol.
#[derive(Clone)]
pub(crate) struct OnUpgrade(Arc<Mutex<Option<oneshot::Receiver<Upgraded>>>>);

impl OnUpgrade {
    pub(crate) fn new() -> (oneshot::Sender<Upgraded>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(Arc::new(Mutex::new(Some(receiver)))))
    }
}

/// The byte stream that this response makes of its connection, 101 (Switching Protocols) or a 2xx to CONNECT
/// of HTTP/1.1, or of its stream, a 2xx to CONNECT of HTTP/2. There a request that has content makes that and
/// the response's the tunnel; this is for those that have none.
///
/// # Errors
/// The response changes no protocol, or the connection ended.
pub async fn upgrade<B>(response: &mut http::Response<B>) -> Result<Upgraded, Error> {
    let receiver = response
        .extensions_mut()
        .remove::<OnUpgrade>()
        .and_then(|upgrade| upgrade.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    let Some(receiver) = receiver else {
        return Err(Error::new(ErrorKind::NotUpgraded, "there is no transport to be had"));
    };
    receiver.await.map_err(|_| Error::closed())
}
