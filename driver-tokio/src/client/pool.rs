//! Connections by server: HTTP/1.1 has a list of those without a request, the last one used first;
//! connections of HTTP/2 are shared as far as the server allows streams.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::connect::{Connect, Target};
use super::error::{Error, ErrorKind};
use super::h1::GiveBack;
use super::h2::Slot;
use super::send::{self, Kind, SendRequest};
use super::settings::Settings;
use crate::age;
use crate::connection::Protocols;
use crate::wire::Io;

/// See the module.
pub(crate) struct Pool {
    hosts: Mutex<HashMap<Target, Arc<Host>>>,
    /// Connections that were opened.
    opened: AtomicU64,
    pub(crate) connector: Arc<dyn Connect>,
    pub(crate) settings: Settings,
    pub(crate) config: Arc<h1_proto::Config>,
    pub(crate) h2_config: Arc<h2_proto::Config>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<tokio_rustls::rustls::ClientConfig>>,
}

/// The connections to one server.
#[derive(Default)]
struct Host {
    state: Mutex<State>,
    /// Something became free, or is known now.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Of HTTP/1.1, without a request.
    idle: Vec<Pooled>,
    h2: Vec<Pooled>,
    /// All of them, also those that are being opened.
    connections: usize,
    opening: usize,
    /// What the last one that was opened speaks.
    is_h2: Option<bool>,
}

/// A connection that may get requests.
#[derive(Clone)]
struct Pooled {
    sender: SendRequest,
    /// When it is to be retired.
    until: Option<Instant>,
}

impl State {
    /// Connections that are closed go, and those that are old, so that they end with the requests that they
    /// have: unless they have some and there is no place for another connection.
    fn sort_out(&mut self, settings: &Settings) {
        let now = settings.age_max.map(|_| Instant::now());
        let full = self.connections >= settings.connections_per_host_max;
        let is_old =
            |it: &Pooled| it.until.is_some_and(|until| now.is_some_and(|now| now >= until));
        let stays = |it: &Pooled| !it.sender.is_closed() && !is_old(it);
        self.idle.retain(stays);
        self.h2.retain(|it| stays(it) || full && it.sender.is_at_work());
        // The young first.
        self.h2.sort_by_key(is_old);
    }
}

/// A place on a connection for one request.
pub(crate) struct Lease {
    pub(crate) sender: SendRequest,
    pub(crate) give_back: Option<GiveBack>,
    pub(crate) slot: Option<Slot>,
    /// The connection was there before the request.
    pub(crate) reused: bool,
}

enum Taken {
    Lease(Lease),
    /// A connection may be opened.
    Open(Permit),
    Wait,
}

impl Pool {
    pub(crate) fn new(
        connector: Arc<dyn Connect>,
        settings: Settings,
        config: Arc<h1_proto::Config>,
        h2_config: Arc<h2_proto::Config>,
    ) -> Self {
        let hosts = Mutex::default();
        #[cfg(feature = "tls")]
        let tls = None;
        Self {
            hosts,
            opened: AtomicU64::new(0),
            connector,
            settings,
            config,
            h2_config,
            #[cfg(feature = "tls")]
            tls,
        }
    }

    /// A place for a request; on a connection that had none before if it must be `fresh`.
    pub(crate) async fn lease(&self, target: &Target, fresh: bool) -> Result<Lease, Error> {
        let host = self.host(target);
        loop {
            let permit = {
                // In line before looking, so that no change is missed.
                let mut changed = pin!(host.changed.notified());
                changed.as_mut().enable();
                match host.take(&self.settings, fresh, self.may_be_h2(target)) {
                    Taken::Lease(lease) => return Ok(lease),
                    Taken::Open(permit) => permit,
                    Taken::Wait => {
                        changed.await;
                        continue;
                    }
                }
            };
            if let Some(lease) = self.open(&host, target, permit).await? {
                return Ok(lease);
            }
        }
    }

    fn host(&self, target: &Target) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(target) {
            return Arc::clone(host);
        }
        // Those that nobody uses go when another comes.
        hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.lock().connections > 0);
        let host = Arc::<Host>::default();
        hosts.insert(target.clone(), Arc::clone(&host));
        host
    }

    fn may_be_h2(&self, target: &Target) -> bool {
        if target.https {
            self.settings.protocols != Protocols::Http1
        } else {
            self.settings.prior_knowledge
        }
    }

    /// Opens a connection. `None`: others were faster to use it up.
    async fn open(
        &self,
        host: &Arc<Host>,
        target: &Target,
        mut permit: Permit,
    ) -> Result<Option<Lease>, Error> {
        let timeout = self.settings.connect_timeout;
        let connecting = tokio::time::timeout(timeout, self.connect(target)).await;
        let (io, is_h2) = connecting.unwrap_or_else(|_| {
            Err(Error::timeout("the connection took too long").unprocessed(true))
        })?;
        let (sender, connection) = if is_h2 {
            let patience = self.config.continue_timeout;
            send::http2_with(io, Arc::clone(&self.h2_config), patience)
        } else {
            send::http1(io, Arc::clone(&self.config))
        };
        // Before anyone else can.
        let until = self.settings.age_max.and_then(|max| {
            let serial = self.opened.fetch_add(1, Ordering::Relaxed);
            Instant::now().checked_add(age::of(serial, max))
        });
        let pooled = Pooled { sender, until };
        let lease = host.lease_of(&pooled, &self.settings, false);
        permit.opened(host, is_h2.then_some(pooled), is_h2);
        tokio::spawn(async move {
            connection.await;
            drop(permit);
        });
        Ok(lease)
    }

    async fn connect(&self, target: &Target) -> Result<(Box<dyn Io>, bool), Error> {
        let io = self.connector.connect(target).await;
        let io = io.map_err(|error| Error::new(ErrorKind::Connect, error).unprocessed(true))?;
        if !target.https {
            return Ok((io, self.settings.prior_knowledge));
        }
        #[cfg(feature = "tls")]
        if let Some(config) = &self.tls {
            return super::tls::connect(config, target, io).await;
        }
        Err(Error::new(ErrorKind::Tls, "this client has no TLS").unprocessed(true))
    }
}

impl Host {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, settings: &Settings, fresh: bool, may_be_h2: bool) -> Taken {
        let state = &mut *self.lock();
        state.sort_out(settings);
        if let Some(lease) = state.h2.iter().find_map(|it| self.lease_of(it, settings, true)) {
            return Taken::Lease(lease);
        }
        if !fresh
            && let Some(pooled) = state.idle.pop()
            && let Some(lease) = self.lease_of(&pooled, settings, true)
        {
            return Taken::Lease(lease);
        }
        // What speaks HTTP/2, for all that is known, gets one connection at a time.
        let alone = state.is_h2.unwrap_or(may_be_h2);
        if state.connections >= settings.connections_per_host_max {
            if fresh && !state.idle.is_empty() {
                // It makes room as it ends.
                state.idle.remove(0);
            }
            return Taken::Wait;
        }
        if alone && state.opening > 0 {
            return Taken::Wait;
        }
        state.connections += 1;
        state.opening += 1;
        Taken::Open(Permit { host: Arc::downgrade(self), opening: true })
    }

    /// A place on this connection, if it has one.
    fn lease_of(
        self: &Arc<Self>,
        pooled: &Pooled,
        settings: &Settings,
        reused: bool,
    ) -> Option<Lease> {
        let (host, sender) = (Arc::downgrade(self), pooled.sender.clone());
        match &pooled.sender.0 {
            Kind::H1(_) => {
                let (own, settings) = (pooled.clone(), *settings);
                let give_back = move || give_back(&host, own, &settings);
                let give_back: Option<GiveBack> = Some(Box::new(give_back));
                Some(Lease { sender, give_back, slot: None, reused })
            }
            Kind::H2(streams, _) => {
                let freed = move || {
                    if let Some(host) = host.upgrade() {
                        host.changed.notify_one();
                    }
                };
                let slot = Some(streams.reserve(freed)?);
                Some(Lease { sender, give_back: None, slot, reused })
            }
        }
    }
}

/// A connection of HTTP/1.1 can be used again.
fn give_back(host: &Weak<Host>, pooled: Pooled, settings: &Settings) {
    if let Some(host) = host.upgrade() {
        let mut state = host.lock();
        state.idle.push(pooled);
        state.sort_out(settings);
        state.idle.truncate(settings.idle_per_host_max);
        drop(state);
        host.changed.notify_one();
    }
}

/// One connection counts as long as this lives.
struct Permit {
    /// Weak, so that connections end with the client.
    host: Weak<Host>,
    opening: bool,
}

impl Permit {
    fn opened(&mut self, host: &Host, shared: Option<Pooled>, is_h2: bool) {
        self.opening = false;
        let mut state = host.lock();
        state.opening -= 1;
        state.is_h2 = Some(is_h2);
        state.h2.extend(shared);
        drop(state);
        host.changed.notify_waiters();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(host) = self.host.upgrade() else { return };
        let mut state = host.lock();
        state.connections -= 1;
        state.opening -= usize::from(self.opening);
        state.h2.retain(|it| !it.sender.is_closed());
        state.idle.retain(|it| !it.sender.is_closed());
        drop(state);
        host.changed.notify_one();
    }
}
