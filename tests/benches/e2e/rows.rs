//! The rows: who is compared under which load, and what must hold.

use crate::load::{Asks, Shape};
use crate::process::Protocol::{self, H1, H2};

/// What ours may be at most, as so many times a peer.
#[derive(Clone, Copy)]
pub(crate) struct Bar {
    pub(crate) times: f64,
    pub(crate) peer: &'static str,
    /// Where the peer stands for another one that may not be here.
    pub(crate) why: &'static str,
}

impl Bar {
    const fn of(times: f64, peer: &'static str) -> Self {
        Self { times, peer, why: "" }
    }

    /// 1.2 times h2o, whose relation to hyper was measured once.
    const fn of_h2o() -> Self {
        Self { times: 1.2 / 3.1, peer: "hyper", why: " (for 1.2 x h2o, once a 3.1th of hyper)" }
    }
}

/// A row of requests.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) shape: Shape,
    /// Threads of a server.
    pub(crate) workers: usize,
    /// Ours first.
    pub(crate) names: &'static [&'static str],
    /// Of processor time.
    pub(crate) cpu: Option<Bar>,
    /// Of instructions in user space.
    pub(crate) instructions: Option<Bar>,
}

const fn shape(protocol: Protocol, connections: usize, at_once: usize) -> Shape {
    Shape { protocol, connections, at_once, asks: Asks::Plain }
}

const BROWSER: Shape = Shape { protocol: H1, connections: 64, at_once: 1, asks: Asks::Browser };

/// `tokio`, `tokio+axum` and `epoll` are loops without a protocol. Rows of two workers have the bars of one.
pub(crate) const REQUESTS: &[Row] = &[
    Row {
        id: "E1",
        what: "HTTP/1.1, 64 connections",
        shape: shape(H1, 64, 1),
        workers: 1,
        names: &["ours", "hyper", "hyper+time", "axum", "nginx", "h2o", "tokio", "epoll"],
        cpu: Some(Bar::of(1.0, "hyper")),
        instructions: Some(Bar::of(0.5, "hyper")),
    },
    Row {
        id: "E1",
        what: "HTTP/1.1, 64 connections, a browser's fields, one of which changes",
        shape: BROWSER,
        workers: 1,
        names: &["ours", "hyper", "hyper+time", "axum", "nginx", "h2o"],
        cpu: Some(Bar::of(1.0, "hyper")),
        instructions: Some(Bar::of(0.5, "hyper")),
    },
    Row {
        id: "E2",
        what: "HTTP/1.1, 64 connections, pipelined by 16",
        shape: shape(H1, 64, 16),
        workers: 1,
        names: &["ours", "hyper", "nginx", "tokio", "epoll"],
        cpu: Some(Bar::of(1.6, "epoll")),
        instructions: None,
    },
    Row {
        id: "E3",
        what: "HTTP/2, one connection, 100 streams",
        shape: shape(H2, 1, 100),
        workers: 1,
        names: &["ours", "hyper", "axum", "nginx", "h2o", "nghttpd"],
        cpu: Some(Bar::of_h2o()),
        instructions: Some(Bar::of(0.32, "hyper")),
    },
    Row {
        id: "E4",
        what: "HTTP/2, 32 connections, 32 streams",
        shape: shape(H2, 32, 32),
        workers: 1,
        names: &["ours", "hyper", "axum", "nginx", "h2o", "nghttpd"],
        cpu: Some(Bar::of_h2o()),
        instructions: None,
    },
    Row {
        id: "E5",
        what: "an axum application, HTTP/1.1",
        shape: shape(H1, 64, 1),
        workers: 1,
        names: &["ours+axum", "axum", "tokio+axum"],
        cpu: None,
        instructions: Some(Bar::of(0.8, "axum")),
    },
    Row {
        id: "E5",
        what: "an axum application, HTTP/1.1, a browser's fields, one of which changes",
        shape: BROWSER,
        workers: 1,
        names: &["ours+axum", "axum"],
        cpu: None,
        instructions: Some(Bar::of(0.8, "axum")),
    },
    Row {
        id: "E5",
        what: "an axum application, HTTP/2",
        shape: shape(H2, 1, 100),
        workers: 1,
        names: &["ours+axum", "axum"],
        cpu: None,
        instructions: Some(Bar::of(0.5, "axum")),
    },
    Row {
        id: "E1",
        what: "HTTP/1.1, 64 connections, 2 workers",
        shape: shape(H1, 64, 1),
        workers: 2,
        names: &["ours", "hyper", "axum", "nginx", "h2o", "tokio", "epoll"],
        cpu: Some(Bar::of(1.0, "hyper")),
        instructions: None,
    },
    Row {
        id: "E4",
        what: "HTTP/2, 32 connections, 32 streams, 2 workers",
        shape: shape(H2, 32, 32),
        workers: 2,
        names: &["ours", "hyper", "axum", "nginx", "h2o", "nghttpd"],
        cpu: Some(Bar::of_h2o()),
        instructions: None,
    },
    Row {
        id: "E5",
        what: "an axum application, HTTP/1.1, 2 workers",
        shape: shape(H1, 64, 1),
        workers: 2,
        names: &["ours+axum", "axum"],
        cpu: None,
        instructions: None,
    },
    Row {
        id: "E5",
        what: "an axum application, HTTP/2, 2 workers",
        shape: shape(H2, 32, 32),
        workers: 2,
        names: &["ours+axum", "axum"],
        cpu: None,
        instructions: None,
    },
];

/// A row of memory.
pub(crate) struct Memory {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) protocol: Protocol,
    /// Ours first.
    pub(crate) names: &'static [&'static str],
    /// KiB for a connection of ours.
    pub(crate) bar: f64,
}

pub(crate) const MEMORY: &[Memory] = &[
    Memory {
        id: "M1",
        what: "idle connections of HTTP/1.1",
        protocol: H1,
        names: &["ours", "ours+axum", "hyper", "axum", "nginx", "h2o", "tokio"],
        bar: 1.5,
    },
    Memory {
        id: "M2",
        what: "idle connections of HTTP/2",
        protocol: H2,
        names: &["ours", "ours+axum", "hyper", "axum", "nginx", "h2o", "nghttpd"],
        bar: 4.0,
    },
];
