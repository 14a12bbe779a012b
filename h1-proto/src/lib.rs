//! HTTP/1.1 (RFC 9112) as a pure state machine: bytes in, events out; calls in, bytes out; time
//! in, deadlines out. No sockets, no clock, no threads, no `unsafe`.
//!
//! [`ServerConnection`] and [`ClientConnection`] own protocol state and nothing else; input,
//! output and heads lie in the caller's buffers. [`buffered`] is the same with buffers of its
//! own, for tests and simple embedders. [`ChunkedDecoder`], [`decide_keep_alive`], [`sniff()`] and
//! [`grammar`] are useful on their own.
//!
//! # The loop of every driver
//!
//! ```
//! use core::time::Duration;
//! use h1_proto::{Config, Event, Head, NextStep, ServerConnection};
//!
//! # let mut reads: Vec<&[u8]> = vec![b"GET / HTTP/1.1\r\nHost: a\r\nConnection: cl", b"ose\r\n\r\n"];
//! # reads.reverse();
//! # let mut read = |buffer: &mut Vec<u8>| match reads.pop() {
//! #     Some(octets) => { buffer.extend_from_slice(octets); octets.len() }
//! #     None => 0,
//! # };
//! # let mut written = Vec::new();
//! # let mut write = |octets: &[u8]| { written.extend_from_slice(octets); octets.len() };
//! # let now = || Duration::ZERO;
//! let mut conn = ServerConnection::new(Config::default(), now());
//! let (mut input, mut out, mut head) = (Vec::new(), Vec::new(), Head::new());
//! loop {
//!     let mut rest = input.as_slice();
//!     let error = loop {
//!         match conn.next_event(&mut rest, &mut head) {
//!             Ok(Some(Event::Head { head, .. })) if head.method() == b"GET" => {
//!                 conn.respond(200, [("content-type", "text/plain")], b"hello", &mut out).unwrap();
//!             }
//!             Ok(Some(Event::Head { .. })) => conn.respond(405, [("allow", "GET")], b"", &mut out).unwrap(),
//!             Ok(Some(_)) => {}
//!             Ok(None) => break None,
//!             Err(error) => break Some(error),
//!         }
//!     };
//!     let used = input.len() - rest.len();
//!     input.drain(..used);
//!     if let Some(error) = error.or_else(|| conn.advance(now()).err()) {
//!         conn.respond_error(&error, &mut out);
//!     }
//!     conn.wrote(write(&out));
//!     out.clear();
//!     match conn.next_step() {
//!         NextStep::Read if read(&mut input) == 0 => conn.eof(),
//!         NextStep::Read | NextStep::Write => {}
//!         _ => break,
//!     }
//! }
//! # assert!(written.starts_with(b"HTTP/1.1 200 OK\r\n") && written.ends_with(b"close\r\ncontent-length: 5\r\n\r\nhello"));
//! ```
//!
//! # Time
//!
//! All times are a [`Duration`](::core::time::Duration) since an epoch of the caller's choice, kept
//! as 64 bits of nanoseconds. [`ServerConnection::advance`] expires deadlines and
//! [`ServerConnection::next_deadline`] says when to come back; nothing else knows of time.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod buffered;
mod chunked;
mod client;
mod config;
mod core;
mod deadlines;
mod error;
mod event;
mod framing;
pub mod grammar;
mod head;
mod lines;
mod scan;
mod server;
mod sniff;
mod state;
mod write;

pub use chunked::{ChunkedDecoder, Decoded};
pub use client::{ClientConnection, RequestLine};
pub use config::{Config, Leniency};
pub use error::{ConnectionError, Deadline, ErrorKind, SendError};
pub use event::{
    BodyLength, Event, Field, KeepAlive, NextStep, OwnedEvent, RequestId, Splice, Verdict, Version,
};
pub use framing::decide_keep_alive;
pub use head::{ChangedFields, Fields, Head, TargetForm};
pub use lines::FieldLines;
pub use server::{ServerConnection, Status};
pub use sniff::{Sniff, sniff};

#[cfg(test)]
mod budgets {
    //! DESIGN: sizes are budgets.
    const _: () = assert!(size_of::<crate::ServerConnection>() <= 256);
    const _: () = assert!(size_of::<crate::ClientConnection>() <= 256);
}
