//! The accepting loop: places, tasks, and the end of all of them.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::connection::{self, Common};
use crate::handler::Handler;
use crate::info::ConnectionInfo;
use crate::listener::{Listener, is_of_one_connection};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::placed::Placed;
use crate::stop::Stop;
use crate::wire::Io;

/// Accepts and serves connections, each on a task of its own, until `stop` drains or cancels;
/// returns when the last one has ended. `make` gives each connection its handler, or refuses it.
pub(crate) async fn run<L, H, M, F>(mut listener: L, options: &Options, stop: &Stop, make: M)
where
    L: Listener,
    H: Handler,
    M: Fn(&ConnectionInfo) -> F,
    F: Future<Output = Option<Arc<H>>> + Send + 'static,
{
    let common = Arc::new(Common { options: options.prepared(), stop: stop.clone() });
    let options = &common.options;
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(options.settings.connections_max));
    let serve = |accepted: Option<Accepted<L::Io>>| {
        let Some((io, info, place)) = accepted else { return };
        let Some(place) = place else {
            tasks.spawn(turn_away(io, options.is_plain()));
            return;
        };
        let open = options.gate.metrics.as_ref().map(Metrics::connection);
        let span = tracing::debug_span!("connection", peer = ?info.peer());
        let making = Box::pin(make(&info));
        // What a task holds it holds for as long as a connection is idle: pointers, not values.
        let span = (!span.is_disabled()).then(|| Box::new(span));
        // What becomes of it after HTTP keeps its place, too.
        let (common, io) = (Arc::clone(&common), Box::new(Placed::new(io, place, open)));
        tasks.spawn(async move {
            if let Some(handler) = making.await {
                let mut serving = pin!(connection::serve(&common, &handler, io, info));
                let ended = poll_fn(|cx| {
                    let _within = span.as_ref().map(|span| span.enter());
                    serving.as_mut().poll(cx)
                });
                let ended = ended.await;
                let _within = span.as_ref().map(|span| span.enter());
                common.tell(&ended);
            }
        });
    };
    while let Some(accepted) = stop.unless_drained(accept(&mut listener, options, &places)).await {
        serve(accepted);
    }
    // What the system has accepted would be reset with the listener.
    let mut left = QUEUE_MAX;
    while !left.is_zero() {
        // A server that is full has places when those that it serves have left.
        let patience = options.config.drain_timeout;
        let Ok(place) = timeout(patience, place(options, &places)).await else { break };
        let began = Instant::now();
        match timeout(QUIET, listener.accept()).await {
            Ok(_) if stop.is_cancelled() => break,
            Ok(Ok((io, info))) => serve(Some(admit::<L>(io, info, place, options, &places))),
            Ok(Err(error)) if is_of_one_connection(&error) => {}
            Ok(Err(_)) => sleep(options.settings.accept_retry).await,
            Err(_) => break,
        }
        left = left.saturating_sub(began.elapsed());
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// A connection with the place that it takes, or without.
type Accepted<Io> = (Io, ConnectionInfo, Option<OwnedSemaphorePermit>);

/// When nothing was accepted for so long, nothing waits.
const QUIET: Duration = Duration::from_millis(2);
/// Time for what waits to be accepted before a listener goes; where others listen on the same socket more may
/// come for as long as that.
const QUEUE_MAX: Duration = Duration::from_secs(1);

/// A server that is full says so, if it can at once.
async fn turn_away(mut io: impl Io, is_plain: bool) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
        retry-after: 1\r\ncontent-length: 0\r\n\r\n";
    if is_plain {
        // Whoever does not take so little is not waited for.
        let saying = async {
            io.write_all(ANSWER).await?;
            io.shutdown().await
        };
        let _ = timeout(TURNED_AWAY_WITHIN, saying).await;
    }
}

/// Time to tell a connection that there is no place for it.
const TURNED_AWAY_WITHIN: Duration = Duration::from_secs(1);

/// One connection with the place that it takes, or without, to be turned away; `None` if this accept
/// failed.
async fn accept<L: Listener>(
    listener: &mut L,
    options: &Options,
    places: &Arc<Semaphore>,
) -> Option<Accepted<L::Io>> {
    let place = place(options, places).await;
    match listener.accept().await {
        Ok((io, info)) => Some(admit::<L>(io, info, place, options, places)),
        Err(error) => {
            if !is_of_one_connection(&error) {
                tracing::error!(%error, "accepting failed, trying again");
                sleep(options.settings.accept_retry).await;
            }
            None
        }
    }
}

/// A place for the next connection, unless those beyond the last place are turned away.
async fn place(options: &Options, places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    if options.settings.connections_shed {
        return None;
    }
    // The semaphore is never closed.
    Arc::clone(places).acquire_owned().await.ok()
}

fn admit<L: Listener>(
    io: L::Io,
    info: ConnectionInfo,
    place: Option<OwnedSemaphorePermit>,
    options: &Options,
    places: &Arc<Semaphore>,
) -> Accepted<L::Io> {
    L::prepare(&io, &options.settings);
    // Not before: a place may have become free while nobody came.
    let place = place.or_else(|| Arc::clone(places).try_acquire_owned().ok());
    if let (None, Some(metrics)) = (&place, &options.gate.metrics) {
        metrics.count_shed_connection();
    }
    (io, info, place)
}
