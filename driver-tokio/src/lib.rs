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

#[cfg(feature = "tower")]
mod body;
mod connection;
#[cfg(feature = "tower")]
mod convert;
mod date;
mod error;
mod h1;
mod h2;
mod handler;
mod head;
mod outcome;
mod request;
mod response;
mod scratch;
mod server;
mod stop;
#[cfg(feature = "tower")]
pub mod tower;
mod wire;

pub use connection::{Ended, Protocols, Upgraded};
pub use error::{Gone, HandlerError, ProtocolError, SendError};
pub use handler::Handler;
pub use head::{BodyLength, Field, Fields, Head, Version};
pub use outcome::Outcome;
pub use request::Request;
pub use response::Response;
pub use server::{Server, Settings};
pub use stop::Stop;
pub use wire::Io;
