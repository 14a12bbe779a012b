//! How a client is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Client;
use super::connect::{Connect, Tcp};
use super::pool::Pool;
use super::settings::Settings;

/// Makes a [`Client`].
#[derive(Clone)]
#[must_use]
pub struct Builder {
    settings: Settings,
    config: h1_proto::Config,
    h2_config: h2_proto::Config,
    connector: Option<Arc<dyn Connect>>,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::rustls::ClientConfig>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            config: h1_proto::Config::client(),
            h2_config: h2_proto::Config::default(),
            connector: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Builder {
    /// With these settings of the client.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// With these limits and deadlines of HTTP/1.1; the idle time and that of silent content are those
    /// of the [`Settings`].
    pub fn config(mut self, config: h1_proto::Config) -> Self {
        self.config = config;
        self
    }

    /// With these limits and deadlines of HTTP/2; the idle time and that of silent content are those
    /// of the [`Settings`].
    pub fn h2_config(mut self, config: h2_proto::Config) -> Self {
        self.h2_config = config;
        self
    }

    /// Over these byte streams instead of TCP.
    pub fn connector(mut self, connector: impl Connect + 'static) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Trusts these certificates (PEM, RFC 7468; one or more) instead of the roots that Mozilla trusts.
    /// It takes the place of [`tls`](Self::tls).
    ///
    /// # Errors
    /// There is no certificate in it, or one that cannot be trusted: [`ErrorKind::Tls`](super::ErrorKind::Tls).
    #[cfg(feature = "tls")]
    pub fn roots_pem(mut self, pem: &[u8]) -> Result<Self, super::Error> {
        self.tls = Some(super::tls::trusting(pem)?);
        Ok(self)
    }

    /// With this TLS instead of the roots that Mozilla trusts. If it names no protocols
    /// (`alpn_protocols`), those of [`Settings::protocols`] are offered.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: tokio_rustls::rustls::ClientConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// The client.
    #[must_use]
    pub fn build(mut self) -> Client {
        let settings = self.settings;
        self.config.keep_alive_timeout = settings.idle_timeout;
        if let Some(timeout) = settings.request_timeout {
            // It is the client's, which knows more of the request.
            self.config.head_timeout = self.config.head_timeout.max(timeout);
        }
        self.h2_config.idle_timeout = Some(settings.idle_timeout);
        self.config.body_timeout = settings.body_timeout.unwrap_or(Duration::MAX);
        self.config.body_progress_bytes_min = 1;
        self.h2_config.body_timeout = settings.body_timeout;
        self.h2_config.manual_release = true;
        self.h2_config.push = false;
        let connector =
            self.connector.unwrap_or_else(|| Arc::new(Tcp { nodelay: settings.tcp_nodelay }));
        let (config, h2_config) = (Arc::new(self.config), Arc::new(self.h2_config));
        #[cfg_attr(not(feature = "tls"), allow(unused_mut, reason = "TLS is set behind it"))]
        let mut pool = Pool::new(connector, settings, config, h2_config);
        #[cfg(feature = "tls")]
        {
            let tls = self.tls.or_else(super::tls::default_config);
            pool.tls = tls.map(|config| super::tls::offering(config, settings.protocols));
        }
        Client::over(pool)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
