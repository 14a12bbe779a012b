//! Serves HTTP/1.1 on tokio: the state machine of `h1-proto` with sockets, time and handlers.
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
mod handler;
mod link;
mod outcome;
mod scratch;
mod server;
mod stop;
#[cfg(feature = "tower")]
pub mod tower;

pub use connection::{Ended, Upgraded};
pub use handler::{Gone, Handler, HandlerError, Request, Response};
pub use link::Io;
pub use outcome::Outcome;
pub use server::{Server, Settings};
pub use stop::Stop;
