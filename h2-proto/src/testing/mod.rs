//! Tools for tests that speak HTTP/2 frame by frame: what a peer sends is put together by [`Frame`],
//! what was sent is read by [`FrameLog`].
//!
//! A test of a server:
//!
//! ```
//! # use core::time::Duration;
//! use h2_proto::testing::{Frame, FrameLog, client_bytes};
//! use h2_proto::{Config, Event, buffered::Server};
//!
//! let mut server = Server::new(Config::default(), Duration::ZERO);
//! let _our_settings = server.poll_transmit();
//! server.feed_bytes(&client_bytes([Frame::settings([]), Frame::get(1, "/hello")]));
//! while let Some((event, answer)) = server.poll_event()? {
//!     if let Event::Request { stream, .. } = event {
//!         answer.conn.respond(stream, 200, [("server", "x")], b"hello", answer.out)?;
//!     }
//! }
//! let mut log = FrameLog::server();
//! log.feed(&server.poll_transmit().expect("an answer"));
//! assert_eq!(log.to_string(), "\
//! SETTINGS ACK
//! HEADERS stream=1 END_HEADERS len=4
//!     :status: 200
//!     server: x
//! DATA stream=1 END_STREAM len=5 \"hello\"
//! ");
//! # Ok::<_, Box<dyn core::error::Error>>(())
//! ```
//!
//! And of a hostile client: nothing is checked in what a frame says.
//!
//! ```
//! # use core::time::Duration;
//! # use h2_proto::{Config, buffered::Server};
//! # use h2_proto::testing::{Frame, FrameLog, client_bytes};
//! let mut server = Server::new(Config::default(), Duration::ZERO);
//! server.feed_bytes(&client_bytes([Frame::settings([]), Frame::data(0, "hello")]));
//! while let Ok(Some(_)) = server.poll_event() {}
//! let mut log = FrameLog::server();
//! log.feed(&server.poll_transmit().expect("a farewell"));
//! assert!(log.to_string().ends_with("\nGOAWAY last=0 PROTOCOL_ERROR\n"));
//! ```
//!
//! # What it takes
//!
//! Frames are vectors, and nothing limits them; they are for what a test writes. What a log keeps is
//! limited, so it can also read what others send.

mod builders;
mod line;
mod log;
mod names;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::borrow::Borrow;

pub use builders::Frame;
pub use log::FrameLog;
pub use names::{flag, kind, setting};

use crate::PREFACE;

/// The octets of these frames, one behind the other.
///
/// # Panics
/// If the payload of one is 16 MiB or more.
#[must_use]
pub fn bytes(frames: impl IntoIterator<Item: Borrow<Frame>>) -> Vec<u8> {
    let mut out = Vec::new();
    frames.into_iter().for_each(|frame| frame.borrow().write(&mut out));
    out
}

/// The octets that a client begins with: [`PREFACE`], then these frames, of which the first should be
/// SETTINGS.
///
/// # Panics
/// As [`bytes()`].
#[must_use]
pub fn client_bytes(frames: impl IntoIterator<Item: Borrow<Frame>>) -> Vec<u8> {
    let mut out = PREFACE.to_vec();
    frames.into_iter().for_each(|frame| frame.borrow().write(&mut out));
    out
}
