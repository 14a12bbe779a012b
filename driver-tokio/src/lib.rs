//! A server and a client of HTTP/1.1 and HTTP/2 on tokio, with TLS: the state machines of [`h1_proto`] and
//! [`h2_proto`] with sockets, time and handlers.
//!
//! **Server.** Two front doors, one driver: [`Handler`] gets requests where they lie and writes answers
//! into the output, without `http` types; with the feature `tower` [`tower::Tower`] runs any
//! `tower_service::Service<http::Request<Body>>`, such as an axum `Router` or a service of tonic. [`Server`]
//! serves single byte streams or a listener, [`serve`](fn@serve) a tower service on a listener in one line;
//! [`Stop`] ends it in two ways, and every connection ends with an [`Outcome`].
//!
//! **Client.** With the feature `client`, [`client`]: single connections, and a `Client` with a pool, which is a
//! tower service, too.
//!
//! **TLS.** With the feature `tls`, by rustls: [`Tls`] on a server, by itself on a client.
//!
//! | feature | for | brings |
//! |---|---|---|
//! | `tower` | services over `http` types: axum, tonic | `http`, `http-body`, `bytes`, `tower-service` |
//! | `client` | the client; with `tower` | nothing more |
//! | `tls` | TLS of both | `tokio-rustls` with ring, Mozilla's roots |
//!
//! All three are on by default. What limits and configurations are made of need not be dependencies of
//! one's own: [`h1_proto`], [`h2_proto`] and, with `tls`, [`rustls`] are here.
//!
//! ```
//! use driver_tokio::{h1_proto, h2_proto};
//!
//! let mut config = h1_proto::Config::default();
//! config.fields_max = 64;
//! let mut h2_config = h2_proto::Config::default();
//! h2_config.streams_max = 250;
//! // Server::new(handler).config(config).h2_config(h2_config)
//! ```
#![forbid(unsafe_code)]

mod accept;
mod age;
#[cfg(feature = "tower")]
mod answer;
#[cfg(feature = "tower")]
mod body;
#[cfg(feature = "client")]
pub mod client;
mod connection;
#[cfg(feature = "tower")]
mod convert;
mod date;
mod direct;
mod error;
mod gate;
mod h1;
mod h2;
mod handler;
mod head;
mod info;
#[cfg(feature = "tower")]
mod interim;
mod listener;
mod metrics;
mod moment;
mod options;
mod outcome;
mod placed;
#[cfg(feature = "tower")]
mod protocol;
mod request;
#[cfg(feature = "tower")]
mod request_info;
mod response;
mod scratch;
#[cfg(feature = "tower")]
mod serve;
mod server;
mod settings;
#[cfg(feature = "tower")]
mod stamped;
mod stop;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tower")]
pub mod tower;
mod upgrade;
mod wire;

pub use h1_proto;
pub use h2_proto;
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;

pub use connection::{Ended, Protocols};
pub use error::{Gone, HandlerError, ProtocolError, SendError};
pub use handler::Handler;
pub use head::{BodyLength, Field, Fields, Head, Version};
pub use info::ConnectionInfo;
pub use listener::Listener;
pub use metrics::Metrics;
pub use outcome::Outcome;
pub use request::Request;
pub use response::Response;
#[cfg(feature = "tower")]
pub use serve::serve;
pub use server::Server;
pub use settings::Settings;
pub use stop::Stop;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};
pub use upgrade::{OnUpgrade, Upgraded};
pub use wire::Io;
