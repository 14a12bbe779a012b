//! Serves HTTP/1.1 and HTTP/2 on tokio: the state machines of `h1-proto` and `h2-proto` with sockets,
//! time and handlers.
//!
//! Two front doors, one driver: [`Handler`] gets requests where they lie and writes answers into
//! the output, without `http` types; with the feature `tower` (on by default) [`tower::Tower`]
//! runs any `tower_service::Service<http::Request<Body>>`.
//!
//! [`Server`] serves single byte streams or a TCP listener; [`Stop`] ends it in two ways, and
//! every connection ends with an [`Outcome`].
#![forbid(unsafe_code)]

mod accept;
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
mod error;
mod gate;
mod h1;
mod h2;
mod handler;
mod head;
mod info;
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
