//! Rows H2 and M3: HTTP/2 in memory.
//!
//! Each contender is a connection that was warmed by requests before. It is given the octets that a
//! transport would have read, and appends what a transport would write to one buffer. *Ours* is driven
//! as a driver does it: arrivals, events until there are none, answers, `advance`, `wrote`. *nghttp2*
//! calls back; its fields are not copied. *h2* is polled by hand, without a runtime, on a stream in
//! memory.
//!
//! The requests are those of a browser whose fixed fields are in the table; what is new in each is
//! the path. All of a batch are open before the first is answered. An answer has six fields and
//! 100 octets of content.

mod crate_h2;
mod data;
mod memory;
mod nghttp2;
mod ours;
mod requests;
mod script;

use crate::harness::Options;

/// All rows of the families. Whether every bar held.
pub(crate) fn rows(options: &Options) -> bool {
    requests::rows(options) & data::rows(options) & memory::rows(options)
}

/// The server's side of a connection.
pub(crate) trait Server {
    /// How it is called in the lines.
    const NAME: &'static str;
    /// The octets of the connection itself, without what it points to.
    const SIZE: usize;

    /// A connection that has not received anything.
    fn new() -> Self;
    /// Takes requests, and then answers all of them: how many there were.
    fn serve(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize;
    /// Takes requests that are not answered.
    fn hold(&mut self, input: &[u8], out: &mut Vec<u8>);
    /// Gives back what is the application's and not the connection's; with `parks`, what the
    /// connection can do without, if it knows how.
    fn idle(&mut self, parks: bool);
    /// What it holds and has asked for by itself, if the allocator is its own: octets and blocks.
    fn own_memory(&self) -> Option<(usize, u64)> {
        None
    }
}

/// The client's side of a connection.
pub(crate) trait Client {
    /// A connection that has greeted.
    fn new(out: &mut Vec<u8>) -> Self;
    /// Sends requests, with these paths.
    fn ask(&mut self, paths: &[&'static str], out: &mut Vec<u8>);
    /// Takes responses: how many ended.
    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize;
    /// What it has asked for by itself, as [`Server::own_memory`].
    fn own_memory(&self) -> Option<(usize, u64)> {
        None
    }
}
