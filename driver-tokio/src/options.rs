//! All that a server can be told, in one place for both front doors.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::connection::{Ended, Protocols};
use crate::gate::Gate;
use crate::settings::Settings;

pub(crate) type Observer = Arc<dyn Fn(&Ended) + Send + Sync>;

/// See the module.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) config: Arc<h1_proto::Config>,
    pub(crate) h2_config: Arc<h2_proto::Config>,
    pub(crate) settings: Settings,
    pub(crate) observer: Option<Observer>,
    pub(crate) gate: Gate,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::Tls>,
}

impl Default for Options {
    fn default() -> Self {
        let mut options = Self {
            config: Arc::default(),
            h2_config: Arc::default(),
            settings: Settings::default(),
            observer: None,
            gate: Gate::default(),
            #[cfg(feature = "tls")]
            tls: None,
        };
        options.set_h2_config(h2_proto::Config::default());
        options
    }
}

impl Options {
    /// With all that follows from what was set.
    pub(crate) fn prepared(&self) -> Self {
        let mut options = self.clone();
        let body_bytes_max = options.settings.body_bytes_max;
        Arc::make_mut(&mut options.config).body_bytes_max = body_bytes_max.unwrap_or(u64::MAX);
        Arc::make_mut(&mut options.h2_config).body_bytes_max = body_bytes_max;
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut options.tls {
            *tls = tls.offering(options.settings.protocols);
        }
        options
    }

    /// The limit of requests is one for all that share these options from here on.
    pub(crate) fn set_settings(&mut self, settings: Settings) {
        self.gate.places = settings.requests_max.map(|requests| Arc::new(Semaphore::new(requests)));
        self.settings = settings;
    }

    /// Whether connections speak before a handshake.
    pub(crate) fn is_plain(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return false;
        }
        self.settings.protocols != Protocols::Http2
    }

    /// A body that nobody reads holds its stream back, so windows grow when a handler reads.
    pub(crate) fn set_h2_config(&mut self, mut config: h2_proto::Config) {
        config.manual_release = true;
        self.h2_config = Arc::new(config);
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("config", &self.config)
            .field("h2_config", &self.h2_config)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
