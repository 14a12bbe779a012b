//! One connection from its first octet to its end: which protocol it speaks, and how it ended.

use std::sync::Arc;

use crate::h1::{self, Driven, Link};
use crate::h2;
use crate::handler::Handler;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::wire::{Io, Wire};

/// How a connection ended, and what is left of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
    /// Why it ended.
    pub outcome: Outcome,
    /// After [`Outcome::Upgraded`]: the transport, and the input that belongs to the new
    /// protocol already.
    pub upgraded: Option<Upgraded>,
}

/// A transport that changed its protocol.
#[non_exhaustive]
pub struct Upgraded {
    /// The transport.
    pub io: Box<dyn Io>,
    /// Octets that came behind the request.
    pub input: Vec<u8>,
}

impl std::fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upgraded({} octets read)", self.input.len())
    }
}

/// Which versions of HTTP a server speaks on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocols {
    /// HTTP/1.1, and HTTP/2 if the connection begins with its preface (RFC 9113 §3.3).
    #[default]
    Both,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only.
    Http2,
}

/// Runs a connection to its end.
pub(crate) async fn drive<H: Handler>(options: &Options, handler: &Arc<H>, wire: Wire) -> Ended {
    let settings = &options.settings;
    let (wire, input) = if settings.protocols == Protocols::Http2 {
        (wire, Vec::new())
    } else {
        let both = settings.protocols == Protocols::Both;
        let sniff_timeout = both.then_some(settings.sniff_timeout);
        let link = Link::new(wire, &options.config, settings.date, sniff_timeout);
        match h1::drive(link, &**handler, settings.read_bytes).await {
            Driven::Http2(wire, input) => (wire, input),
            Driven::Ended(wire, outcome, input) => {
                let io = wire.into_io();
                let upgraded =
                    matches!(outcome, Outcome::Upgraded).then_some(Upgraded { io, input });
                return Ended { outcome, upgraded };
            }
        }
    };
    let handler = Arc::clone(handler);
    // In a box, so that a connection of HTTP/1 does not carry the room for it.
    let outcome = Box::pin(h2::drive(wire, input, handler, &options.h2_config, settings)).await;
    Ended { outcome, upgraded: None }
}
