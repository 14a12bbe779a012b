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
    /// Time from the call to the head of the response: the wait for a connection, sending the content
    /// and retries included, so that long uploads need more of it. It ends there, and the content of the
    /// response has [`body_timeout`](Self::body_timeout). Default 30 s; `None` leaves it to the limits of
    /// the connections.
    pub request_timeout: Option<Duration>,
    /// Time that a response's content may stay silent while it is read. Every octet counts, however slowly
    /// they drip: how long a whole response may take is up to the caller. In place of the limits of both
    /// protocols, whose minima of progress a client does not count. Default: none, because streams of
    /// events and calls of gRPC may stay silent for hours. Whether a server of HTTP/2 is still there tells
    /// [`ping_interval`](h2_proto::Config::ping_interval), which many servers of gRPC do not put up with.
    pub body_timeout: Option<Duration>,
    /// Time after which a connection without a request is closed. Default 60 s.
    pub idle_timeout: Duration,
    /// Age from which on a connection gets no more requests, so that a client comes to know of servers that are
    /// new behind a name; those that it has go on. One of HTTP/2 that has some gets more as long as there are
    /// [`connections_per_host_max`](Self::connections_per_host_max); one that has none ends with the next request
    /// to that server, or after [`idle_timeout`](Self::idle_timeout). Up to a tenth less, by chance, so that
    /// connections that began together do not end together. Default: any age.
    pub age_max: Option<Duration>,
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
    /// Whether a request that a connection closed on before an octet of the response came is sent again,
    /// once and within the same budget: if its method is idempotent (GET, HEAD, OPTIONS, TRACE, PUT,
    /// DELETE), its content is there again, and the connection had been there before it (RFC 9110 §9.2.2,
    /// RFC 9112 §9.3.1). The server may have processed it, and may do so twice. Default: no.
    pub repeat_idempotent: bool,
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
            body_timeout: None,
            idle_timeout: Duration::from_secs(60),
            age_max: None,
            idle_per_host_max: 32,
            connections_per_host_max: 256,
            retries_max: 3,
            retry_percent: 20,
            retry_reserve: 10,
            repeat_idempotent: false,
            prior_knowledge: false,
            protocols: Protocols::Both,
            tcp_nodelay: true,
        }
    }
}
