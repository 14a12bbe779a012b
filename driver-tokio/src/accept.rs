//! The accepting loop: places, tasks, and the end of all of them.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::connection;
use crate::handler::Handler;
use crate::info::ConnectionInfo;
use crate::listener::{Listener, is_of_one_connection};
use crate::options::Options;
use crate::stop::Stop;

/// Accepts and serves connections, each on a task of its own, until `stop` drains or cancels;
/// returns when the last one has ended. `make` gives each connection its handler, or refuses it.
pub(crate) async fn run<L, H, M, F>(mut listener: L, options: &Options, stop: &Stop, make: M)
where
    L: Listener,
    H: Handler,
    M: Fn(&ConnectionInfo) -> F,
    F: Future<Output = Option<Arc<H>>> + Send + 'static,
{
    let options = options.prepared();
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(options.settings.connections_max));
    loop {
        let accepting = accept(&mut listener, &options, &places);
        let Some(accepted) = stop.drain_signal().token().run_until_cancelled(accepting).await
        else {
            break;
        };
        let Some((io, info, place)) = accepted else { continue };
        let (options, stop, making) = (options.clone(), stop.clone(), make(&info));
        tasks.spawn(async move {
            if let Some(handler) = making.await {
                let ended = connection::serve(&options, &handler, io, info, &stop).await;
                tracing::debug!(outcome = %ended.outcome, "a connection ended");
                if let Some(observer) = &options.observer {
                    observer(&ended);
                }
            }
            drop(place);
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// One connection with the place that it takes; `None` if this accept failed.
async fn accept<L: Listener>(
    listener: &mut L,
    options: &Options,
    places: &Arc<Semaphore>,
) -> Option<(L::Io, ConnectionInfo, OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((io, info)) => {
            L::prepare(&io, &options.settings);
            Some((io, info, place))
        }
        Err(error) => {
            if !is_of_one_connection(&error) {
                tracing::error!(%error, "accepting failed, trying again");
                tokio::time::sleep(options.settings.accept_retry).await;
            }
            None
        }
    }
}
