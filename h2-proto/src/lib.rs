//! HTTP/2 (RFC 9113) as a pure state machine: bytes in, events out; calls in, bytes out; time in,
//! deadlines out. No sockets, no clock, no threads, no `unsafe`.
//!
//! [`ServerConnection`] and [`ClientConnection`] own protocol state and nothing else; input, output,
//! decoded fields and content lie in the caller's buffers. [`buffered`] is the same with buffers of its
//! own, for tests and simple embedders; [`testing`] makes the frames of a peer and reads what was sent.
//! Priorities are those of RFC 9218, extended CONNECT is that of RFC 8441, field compression is
//! [`hpack`].
//!
//! # The loop of every driver
//!
//! ```
//! # use core::time::Duration;
//! # use std::collections::BTreeMap;
//! use h2_proto::{Config, Event, FieldBuf, NextStep, ServerConnection};
//! # use h2_proto::testing::{Frame, FrameLog, client_bytes};
//! # let octets = client_bytes([Frame::settings([]), Frame::get(1, "/")]);
//! # let mut reads: Vec<&[u8]> = octets.chunks(30).rev().collect();
//! # let mut read = |buffer: &mut Vec<u8>| match reads.pop() {
//! #     Some(octets) => { buffer.extend_from_slice(octets); octets.len() }
//! #     None => 0,
//! # };
//! # let mut log = FrameLog::server();
//! # let mut write = |octets: &[u8]| { log.feed(octets); octets.len() };
//! # let now = || Duration::ZERO;
//!
//! let mut out = Vec::new();
//! let mut conn = ServerConnection::new(Config::default(), now(), &mut out);
//! let (mut input, mut fields, mut bodies) = (Vec::new(), FieldBuf::new(), BTreeMap::new());
//! loop {
//!     let mut rest = input.as_slice();
//!     // An error ends the connection: the GOAWAY that says so is in the output.
//!     while let Ok(Some(event)) = conn.next_event(&mut rest, &mut fields, &mut out) {
//!         match event {
//!             Event::Request { stream, .. } => {
//!                 conn.send_response(stream, 200, [("content-type", "text/plain")], false, &mut out)?;
//!                 bodies.insert(stream, &b"hello"[..]);
//!                 conn.want_send(stream)?;
//!             }
//!             Event::Reset { stream, .. } => {
//!                 bodies.remove(&stream);
//!                 conn.done(stream, &mut out)?;
//!             }
//!             _ => {}
//!         }
//!     }
//!     let used = input.len() - rest.len();
//!     input.drain(..used);
//!     // Content, by turns, as far as windows and output allow: what is not accepted gets another turn.
//!     while let Some((stream, _)) = conn.next_writable() {
//!         let Some(body) = bodies.get_mut(&stream) else { continue };
//!         *body = &body[conn.send_data(stream, body, true, &mut out)?..];
//!     }
//!     let _ = conn.advance(now(), &mut out); // an error comes again from the next pull
//!     conn.wrote(write(&out));
//!     out.clear();
//!     match conn.next_step() {
//!         // No longer than until `next_deadline()`: then without octets, to `advance`.
//!         NextStep::Read if read(&mut input) == 0 => conn.eof(),
//!         NextStep::Read => conn.arrived(now()),
//!         NextStep::Write => {}
//!         _ => break, // Close, or Linger: read and throw away for a while
//!     }
//! }
//! # assert!(log.to_string().contains("DATA stream=1 END_STREAM len=5 \"hello\"\n"), "{log}");
//! # Ok::<_, h2_proto::SendError>(())
//! ```
//!
//! `examples/blocking.rs` is a whole server with time-outs, in a hundred lines. Where HTTP/1.1 may come on
//! the same port, [`ServerConnection::with_prior_knowledge`] says so by [`ErrorKind::Preface`] and has
//! written nothing: what came is the beginning of [`PREFACE`], as long as the error's offset, and what is
//! left of the input.
//!
//! # What the loop relies on
//!
//! - *Events.* Each call of `next_event` gives one event and advances the input past its octets. `None`
//!   with the input empty: more is needed. `None` with octets left: the connection is paused or closed;
//!   keep them. An event borrows the input (content) and the field buffer (everything else), never the
//!   connection, so it is answered while it is in hand.
//! - *Cuts make no difference.* However the input is cut, there are the same events (pieces of content
//!   joined), the same errors at the same offsets and the same verdict of each limit.
//! - *Output* is appended to the vector that is given with the call; `next_event` needs one, too, for
//!   acknowledgements, resets and windows. [`wrote`](ServerConnection::wrote) tells what of it was taken by
//!   the transport; nobody looks into it, so it can be moved away. Input pauses
//!   ([`is_paused`](ServerConnection::is_paused)) while more than
//!   [`caused_output_bytes_max`](Config::caused_output_bytes_max) of what *the peer* caused is not written;
//!   what the caller sends never pauses it. At [`output_bytes_max`](Config::output_bytes_max) no content is
//!   accepted.
//! - *Order of calls.* After a wake: read, pull to `None`, send content, `advance`, write. Input that is
//!   here is thus heard before a deadline passes.
//!
//! # Phases
//!
//! A connection goes through [`Phase`]s and never back: `Preface`, `Settings`, `Open`, `Goaway`, `Closed`.
//! [`ServerConnection::new`] is for a connection that is known to be HTTP/2, by ALPN;
//! [`ServerConnection::with_prior_knowledge`] sends nothing until the client's preface is there, so that
//! another protocol can be answered instead. [`h1_proto::sniff()`](fn@h1_proto::sniff) tells which it is.
//!
//! A stream that the caller was told of counts against
//! [`streams_max`](Config::streams_max) until the caller is done with it, not until the peer resets it:
//! a reset does not make room for the next request while the work for the last goes on. A stream is done
//! by itself when both sides have ended it and its content is released; one that ends otherwise, with
//! [`Event::Reset`], is done when [`done`](ServerConnection::done) says so. To `done` a stream that is open
//! resets it.
//!
//! # Flow control
//!
//! Content that is received is handed out as it comes and never stored. By default it counts as used
//! then, and windows grow when half of one is due. With
//! [`manual_release`](Config::manual_release) they grow as the caller
//! [`release`](ServerConnection::release)s the `credit` that comes with each [`Event::Data`], so a reader
//! that is slow holds its own stream back; the connection's window waits for it only above
//! [`connection_unreleased_bytes_max`](Config::connection_unreleased_bytes_max), so a stream that nobody
//! reads does not stall the others. Padding and what nobody wants is given back by the connection.
//!
//! Content that is sent stays with the caller. [`want_send`](ServerConnection::want_send) says that there is
//! some, [`next_writable`](ServerConnection::next_writable) names the stream whose turn it is and what its
//! windows allow, [`send_data`](ServerConnection::send_data) takes that much; what it did not accept waits
//! for its next turn. [`send_data_splice`](ServerConnection::send_data_splice) writes the frame's header
//! only, for callers that hand the payload to the transport themselves.
//!
//! # Priorities
//!
//! Turns go by urgency; within an urgency, responses that are not incremental go one after the other in
//! the order of their identifiers, before the incremental ones, which share (RFC 9218 §10). A priority
//! comes with the `priority` field or a PRIORITY_UPDATE frame ([`Event::PriorityChanged`]), or from
//! [`set_priority`](ServerConnection::set_priority), which on a client tells a server that heeds them.
//! Those of RFC 7540 are read and mean nothing.
//!
//! # Shutdown
//!
//! A server's [`shutdown`](ServerConnection::shutdown) has two phases (RFC 9113 §6.8): it announces a GOAWAY
//! with the last stream 2^31-1 and a PING, and requests that were under way still come in; when the PING is
//! answered, or `shutdown` is called again, the final GOAWAY goes, and no stream is taken any more. When the
//! last one is done, or after [`drain_timeout`](Config::drain_timeout), the connection is closed. A
//! client's `shutdown` is final at once. The last GOAWAY is kept from being lost to a reset of the
//! transport by [`NextStep::Linger`].
//!
//! # What a client can send again
//!
//! Requests above the server's limit wait inside ([`pending`](ClientConnection::pending)). A request that
//! gets no whole response has a [`Verdict`]: in [`Event::Reset`] if its stream ended, and from
//! [`unfinished`](ClientConnection::unfinished) if the connection did. `NotProcessed` is proof (it was
//! refused, it is above the last stream of a GOAWAY, or it was never sent): send it again, whatever its
//! method.
//!
//! ```
//! # use core::time::Duration;
//! # use h2_proto::{Config, Event, RequestLine, Verdict, buffered::Client};
//! # use h2_proto::{ErrorCode, testing::{Frame, bytes}};
//! let mut client = Client::new(Config::default(), Duration::ZERO);
//! client.feed_bytes(&bytes([Frame::settings([])])); // of the server
//! while client.poll_event()?.is_some() {}
//! let line = RequestLine::new("POST", "https", "example.com", "/");
//! let first = client.conn.send_request(line, [("a", "b")], true, &mut client.out)?;
//! let second = client.conn.send_request(line, [("a", "b")], true, &mut client.out)?;
//!
//! // The server leaves, and says that it took the first.
//! client.feed_bytes(&bytes([Frame::goaway(first.get(), ErrorCode::NO_ERROR, "")]));
//! assert!(matches!(client.poll_event()?, Some((Event::GoAway { .. }, _))));
//! let Some((Event::Reset { stream, verdict, .. }, _)) = client.poll_event()? else { panic!() };
//! assert_eq!((stream, verdict), (second, Verdict::NotProcessed));
//! while client.poll_event()?.is_some() {}
//! client.conn.eof();
//! assert!(client.poll_event().is_err());
//! assert!(client.conn.unfinished().eq([(first, Verdict::Unknown)]));
//! # Ok::<_, Box<dyn core::error::Error>>(())
//! ```
//!
//! # Time
//!
//! All times are a [`Duration`](::core::time::Duration) since an epoch of the caller's choice, kept as 64 bits
//! of nanoseconds. [`advance`](ServerConnection::advance) arms and expires deadlines,
//! [`next_deadline`](ServerConnection::next_deadline) says when to come back; nothing else knows of time, but
//! [`arrived`](ServerConnection::arrived), which says when the input to be pulled came. Deadlines that accuse
//! the peer of silence run only while the last pull ended for want of input. After an `advance` that found a
//! deadline passed, pull once more: a stream may have ended.
//!
//! # Errors, by fault
//!
//! | whose | what comes | what it means |
//! |---|---|---|
//! | the peer's, on a stream | [`Event::Reset`] by [`ResetBy::Us`], or [`Event::Refused`] | RST_STREAM is in the output; the connection goes on |
//! | the peer's, on the connection | [`ConnectionError`], the same from then on | GOAWAY is in the output; nothing is received or sent any more |
//! | the caller's | [`SendError`] | nothing has changed |
//!
//! Each [`ErrorKind`] names the rule, a section of an RFC or a field of [`Config`], and the code for the
//! peer; a [`ConnectionError`] also the offset of the frame in all input.
//!
//! What is allowed and yet costs more than it brings (resets, PINGs, small windows, …) is charged to one
//! account, which useful work and time repay; a peer that overdraws it is told ENHANCE_YOUR_CALM
//! ([`ErrorKind::Overdrawn`], with the [`Cause`] that cost most).
//!
//! # What it takes
//!
//! A connection is at most 1 KiB, a stream at most 64 octets, and [`Config::memory_max_bytes`] bounds what
//! one takes with all its streams and tables, whatever the peer sends. A warm connection allocates nothing
//! per request. [`ServerConnection::snapshot`] shows a connection on one page.
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
