//! What the driver itself limits and adds.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use crate::connection::Protocols;

/// What the driver itself limits and adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Versions of HTTP. Default: both.
    pub protocols: Protocols,
    /// Time in which octets that may be the preface of HTTP/2 have to say; after it they are
    /// HTTP/1. Default 5 s.
    pub sniff_timeout: Duration,
    /// Time for the handshake of TLS. Default 5 s.
    pub tls_timeout: Duration,
    /// Octets that one read takes at most. Default 16 KiB.
    pub read_bytes: usize,
    /// Connections of a listener at a time; more wait in its backlog. Default 16,384.
    pub connections_max: usize,
    /// Whether a server with so many turns further ones away, with 503 where HTTP/1.1 can be answered
    /// without a handshake, instead of letting them wait. Default: no.
    pub connections_shed: bool,
    /// Requests at work at a time, of all connections of a server and its clones; more are answered
    /// 503, whatever they ask for: health checks and `/metrics`, too. Where those have to be answered
    /// by a server that is full, serve them on a listener of their own, by a server of their own.
    /// Default: any number.
    pub requests_max: Option<usize>,
    /// Whether a handler of HTTP/2 that has to wait moves to a task of its own, so that those of one
    /// connection can use several threads. Default: no, all are polled on the connection's task.
    pub move_waiting_handlers: bool,
    /// Age at which a connection is told to leave, so that clients come to know of other servers. In HTTP/1 the
    /// answer to the first request from then on says `close`; one without a request stays for it, or until
    /// `keep_alive_timeout`. In HTTP/2 GOAWAY says so, once both sides have greeted, in place of
    /// [`age_max`](h2_proto::Config::age_max) of its `Config`, which holds if this is none. Requests and streams go
    /// on for as long as they take. Up to a tenth less, by chance, so that connections that began together do
    /// not end together. Default: none.
    pub age_max: Option<Duration>,
    /// Octets of the content of a request at most, in both protocols, in place of `body_bytes_max` of their
    /// `Config`: more is 413 in HTTP/1, a stream that is reset in HTTP/2. Default: any number, as content goes by
    /// at the pace of its handler and is never held; a handler that collects it sets a limit, here or, as axum
    /// does, for itself.
    pub body_bytes_max: Option<u64>,
    /// Whether a client of HTTP/1 that closes its sending side while a handler waits still gets its answer.
    /// By default it is taken for gone, as nothing tells the two apart, and the handler is dropped; an answer
    /// that is at hand goes in both cases.
    pub half_close: bool,
    /// Whether answers get a Date (RFC 9110 §6.6.1). Default: yes.
    pub date: bool,
    /// Whether TCP sends small segments at once. Default: yes.
    pub tcp_nodelay: bool,
    /// Connections that the system holds until they are accepted. Default 128; where thousands may come at
    /// once, such as all clients of a server that was replaced, it wants to be more. The system has a limit
    /// of its own (Linux: `net.core.somaxconn`). Only [`listen`](Self::listen) and
    /// [`Server::listen`](crate::Server::listen) make it so: a listener that was bound elsewhere
    /// keeps its own.
    pub backlog: u32,
    /// Whether several listeners share an address, each with a part of the connections
    /// (SO_REUSEPORT), such as one for each worker. On Unix. Only [`listen`](Self::listen) and
    /// [`Server::listen`](crate::Server::listen) make it so. Default: no.
    pub reuse_port: bool,
    /// Wait after an accept that failed for want of resources. Default 50 ms.
    pub accept_retry: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            protocols: Protocols::Both,
            sniff_timeout: Duration::from_secs(5),
            tls_timeout: Duration::from_secs(5),
            read_bytes: 16 << 10,
            connections_max: 16_384,
            connections_shed: false,
            requests_max: None,
            move_waiting_handlers: false,
            age_max: None,
            body_bytes_max: None,
            half_close: false,
            date: true,
            tcp_nodelay: true,
            backlog: 128,
            reuse_port: false,
            accept_retry: Duration::from_millis(50),
        }
    }
}

impl Settings {
    /// A small server: 256 connections.
    #[must_use]
    pub fn small() -> Self {
        Self { connections_max: 256, ..Self::default() }
    }

    /// A listener with this [`backlog`](Self::backlog) and [`reuse_port`](Self::reuse_port), for
    /// whatever serves it. On Unix a port that an earlier server left in TIME_WAIT is taken over.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let mut settings = driver_tokio::Settings::default();
    /// settings.backlog = 4096;
    /// let listener = settings.listen("127.0.0.1:0".parse().unwrap())?;
    /// // driver_tokio::serve(listener, service).settings(settings)
    /// # Ok::<_, std::io::Error>(())
    /// # })?;
    /// # Ok::<_, std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The address cannot be had. Nothing is left open then.
    ///
    /// # Panics
    /// Outside of a tokio runtime that has I/O: the listener belongs to the one in which it is made.
    pub fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        #[cfg(unix)]
        {
            socket.set_reuseaddr(true)?;
            socket.set_reuseport(self.reuse_port)?;
        }
        socket.bind(address)?;
        socket.listen(self.backlog)
    }
}
