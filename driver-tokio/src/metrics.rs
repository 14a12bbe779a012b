//! Counters of a server, for whoever exports them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::outcome::Outcome;

/// Counters of one server or several. Reading them takes no lock; `Display` is the text format of
/// Prometheus.
///
/// ```
/// use std::sync::Arc;
/// use driver_tokio::Metrics;
///
/// let metrics = Arc::new(Metrics::default());
/// // Server::new(handler).metrics(Arc::clone(&metrics)) counts from then on.
/// assert_eq!(metrics.requests(), 0);
/// assert!(metrics.to_string().contains("http_requests_total 0\n"));
/// ```
#[derive(Debug, Default)]
pub struct Metrics {
    connections: AtomicU64,
    connections_open: AtomicU64,
    connections_shed: AtomicU64,
    ended: [AtomicU64; Outcome::LABELS.len()],
    requests: AtomicU64,
    requests_open: AtomicU64,
    requests_failed: AtomicU64,
    requests_shed: AtomicU64,
}

impl Metrics {
    /// Connections that were served.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// Connections that are open now.
    #[must_use]
    pub fn connections_open(&self) -> u64 {
        self.connections_open.load(Relaxed)
    }

    /// Connections that a full server turned away.
    #[must_use]
    pub fn connections_shed(&self) -> u64 {
        self.connections_shed.load(Relaxed)
    }

    /// Connections that ended so ([`Outcome::label`]); 0 for a label that there is not.
    #[must_use]
    pub fn ended(&self, label: &str) -> u64 {
        let place = Outcome::LABELS.iter().position(|it| *it == label);
        place.and_then(|place| self.ended.get(place)).map_or(0, |count| count.load(Relaxed))
    }

    /// Requests that handlers were given.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Requests whose handlers are at work now.
    #[must_use]
    pub fn requests_open(&self) -> u64 {
        self.requests_open.load(Relaxed)
    }

    /// Requests whose handlers failed.
    #[must_use]
    pub fn requests_failed(&self) -> u64 {
        self.requests_failed.load(Relaxed)
    }

    /// Requests that were answered 503 because there were too many.
    #[must_use]
    pub fn requests_shed(&self) -> u64 {
        self.requests_shed.load(Relaxed)
    }

    /// All of them in the text format of Prometheus, each name with this prefix, so that they are told
    /// from those of the application or of another server: letters, digits and `_`, such as
    /// `shop_http_`. [`Display`](fmt::Display) takes `http_`.
    ///
    /// ```
    /// let text = driver_tokio::Metrics::default().display("shop_http_").to_string();
    /// assert!(text.contains("\n# TYPE shop_http_requests_open gauge\nshop_http_requests_open 0\n"));
    /// ```
    pub fn display<'a>(&'a self, prefix: &'a str) -> impl fmt::Display + 'a {
        Shown { metrics: self, prefix }
    }

    pub(crate) fn connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.fetch_add(1, Relaxed);
        self.connections_open.fetch_add(1, Relaxed);
        OpenConnection(Arc::clone(self))
    }

    pub(crate) fn count_end(&self, outcome: &Outcome) {
        let place = Outcome::LABELS.iter().position(|it| *it == outcome.label());
        if let Some(count) = place.and_then(|place| self.ended.get(place)) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn count_shed_connection(&self) {
        self.connections_shed.fetch_add(1, Relaxed);
    }

    pub(crate) fn request(self: &Arc<Self>) -> OpenRequest {
        self.requests.fetch_add(1, Relaxed);
        self.requests_open.fetch_add(1, Relaxed);
        OpenRequest(Arc::clone(self))
    }

    pub(crate) fn count_failed(&self) {
        self.requests_failed.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_shed_request(&self) {
        self.requests_shed.fetch_add(1, Relaxed);
    }
}

/// With the prefix `http_`: see [`display`](Metrics::display).
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown { metrics: self, prefix: "http_" }.fmt(f)
    }
}

/// The text format, with a prefix before each name.
struct Shown<'a> {
    metrics: &'a Metrics,
    prefix: &'a str,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metrics: of, prefix } = *self;
        let served = "Connections that were served.";
        let open = "Connections that are open now.";
        let shed = "Connections that a full server turned away.";
        let handled = "Requests that handlers were given.";
        let at_work = "Requests whose handlers are at work now.";
        let failed = "Requests whose handlers failed.";
        let too_many = "Requests that were answered 503 because there were too many.";
        let lines = [
            ("connections_total", "counter", of.connections(), served),
            ("connections_open", "gauge", of.connections_open(), open),
            ("connections_shed_total", "counter", of.connections_shed(), shed),
            ("requests_total", "counter", of.requests(), handled),
            ("requests_open", "gauge", of.requests_open(), at_work),
            ("requests_failed_total", "counter", of.requests_failed(), failed),
            ("requests_shed_total", "counter", of.requests_shed(), too_many),
        ];
        for (name, kind, value, help) in lines {
            writeln!(f, "# HELP {prefix}{name} {help}\n# TYPE {prefix}{name} {kind}")?;
            writeln!(f, "{prefix}{name} {value}")?;
        }
        let name = "connections_ended_total";
        writeln!(f, "# HELP {prefix}{name} Connections that ended, by how they did.")?;
        writeln!(f, "# TYPE {prefix}{name} counter")?;
        for label in Outcome::LABELS {
            let value = of.ended(label);
            writeln!(f, "{prefix}{name}{{outcome=\"{label}\"}} {value}")?;
        }
        Ok(())
    }
}

/// A connection counts as open as long as this lives.
pub(crate) struct OpenConnection(Arc<Metrics>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Relaxed);
    }
}

/// A request counts as open as long as this lives.
pub(crate) struct OpenRequest(Arc<Metrics>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.requests_open.fetch_sub(1, Relaxed);
    }
}
