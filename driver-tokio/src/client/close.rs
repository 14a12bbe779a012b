//! The end of a connection's transport: the server is told, and not waited for.

use std::future::poll_fn;
use std::time::Duration;

use crate::wire::{Closing, Wire};

/// Time for what says good-bye, as the `close_notify` of TLS.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Shuts the transport down, unless it is of no use any more.
pub(crate) async fn close(mut wire: Wire, broken: bool) {
    if !broken {
        let mut closing = Closing::new(0, wire.elapsed() + CLOSE_TIMEOUT);
        poll_fn(|cx| wire.poll_close(cx, &mut closing)).await;
    }
}
