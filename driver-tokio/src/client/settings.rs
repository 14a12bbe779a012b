//! What the client itself limits and prefers.

use std::time::Duration;

use crate::connection::Protocols;

/// What a [`Client`](super::Client) itself limits and prefers; the limits of single connections are in
/// [`h1_proto::Config`] and [`h2_proto::Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Time for a connection to be there, with the handshake of TLS. Default 10 s.
    pub connect_timeout: Duration,
    /// Time from the call to the head of the response, retries included. Default 30 s; `None` leaves
    /// it to the limits of the connections.
    pub request_timeout: Option<Duration>,
    /// Time after which a connection without a request is closed. Default 60 s.
    pub idle_timeout: Duration,
    /// Connections of HTTP/1.1 to one server that are kept without a request. Default 32.
    pub idle_per_host_max: usize,
    /// Connections to one server; more requests wait. Default 256.
    pub connections_per_host_max: usize,
    /// How often one request is sent again. Default 3.
    pub retries_max: u32,
    /// Retries of all requests, in percent of them. Default 20.
    pub retry_percent: u32,
    /// Retries beyond that, as long as there are few requests. Default 10.
    pub retry_reserve: u32,
    /// Whether `http` URIs are HTTP/2 with prior knowledge (RFC 9113 §3.3). Default: no.
    pub prior_knowledge: bool,
    /// What is offered for `https` URIs by ALPN. Default: both.
    pub protocols: Protocols,
    /// Whether TCP sends small segments at once. Default: yes.
    pub tcp_nodelay: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Some(Duration::from_secs(30)),
            idle_timeout: Duration::from_secs(60),
            idle_per_host_max: 32,
            connections_per_host_max: 256,
            retries_max: 3,
            retry_percent: 20,
            retry_reserve: 10,
            prior_knowledge: false,
            protocols: Protocols::Both,
            tcp_nodelay: true,
        }
    }
}
