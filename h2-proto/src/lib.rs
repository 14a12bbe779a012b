//! HTTP/2 (RFC 9113) as a pure state machine: bytes in, events out; calls in, bytes out; time in,
//! deadlines out. No sockets, no clock, no threads, no `unsafe`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod buffered;
mod client;
mod config;
mod connection;
mod core;
mod credit;
mod deadlines;
mod error;
mod event;
mod frame;
mod ledger;
mod lifetime;
pub mod message;
mod pending;
mod phase;
mod priority;
mod recv;
mod schedule;
mod send;
mod server;
mod settings;
mod snapshot;
mod stream;
pub mod testing;
mod window;

pub use client::{ClientConnection, RequestLine};
pub use config::Config;
pub use error::{ConnectionError, Deadline, ErrorCode, ErrorKind, SendError};
pub use event::{
    Event, NextStep, OwnedEvent, PseudoFields, RequestHead, ResetBy, ResponseHead, Splice,
    StreamId, Verdict,
};
pub use hpack::{Field, FieldBuf, Fields};
pub use ledger::Cause;
pub use phase::Phase;
pub use priority::Priority;
pub use server::ServerConnection;
pub use settings::Settings;
pub use snapshot::Snapshot;

use connection::connection;

/// The octets that a client's side of a connection begins with (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[cfg(test)]
mod budgets {
    //! Sizes are budgets.
    const _: () = assert!(size_of::<crate::ServerConnection>() <= 1024);
    const _: () = assert!(size_of::<crate::ClientConnection>() <= 1024);
}
