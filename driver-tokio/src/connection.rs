//! One connection from its first octet to its end: which protocol it speaks, and how it ended.

use std::sync::Arc;

use crate::h1::{self, Driven, Link};
use crate::h2;
use crate::handler::Handler;
use crate::info::ConnectionInfo;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::stop::Stop;
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

/// Serves one byte stream to its end: the handshake of TLS, if there is one, then HTTP.
pub(crate) async fn serve<H: Handler>(
    options: &Options,
    handler: &Arc<H>,
    io: impl Io + 'static,
    info: ConnectionInfo,
    stop: &Stop,
) -> Ended {
    #[cfg(feature = "tls")]
    if let Some(tls) = &options.tls {
        let shaking = crate::tls::accept(tls, io, &info, options.settings.tls_timeout);
        let Some(shaken) = stop.cancel_signal().token().run_until_cancelled(shaking).await else {
            return Ended { outcome: Outcome::Cancelled, upgraded: None };
        };
        return match shaken {
            Ok((io, info, agreed)) => {
                let wire = Wire::new(io, stop, info);
                drive(options, handler, wire, agreed).await
            }
            Err(error) => Ended { outcome: Outcome::Handshake(error), upgraded: None },
        };
    }
    drive(options, handler, Wire::new(Box::new(io), stop, info), None).await
}

/// Runs a connection to its end. `agreed`: what was negotiated.
async fn drive<H: Handler>(
    options: &Options,
    handler: &Arc<H>,
    wire: Wire,
    agreed: Option<Protocols>,
) -> Ended {
    let settings = &options.settings;
    let protocols = agreed.unwrap_or(settings.protocols);
    let (wire, input) = if protocols == Protocols::Http2 {
        (wire, Vec::new())
    } else {
        let both = protocols == Protocols::Both;
        let sniff_timeout = both.then_some(settings.sniff_timeout);
        let link = Link::new(wire, &options.config, settings.date, sniff_timeout);
        match h1::drive(link, &**handler, options).await {
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
    let outcome = Box::pin(h2::drive(wire, input, handler, options, agreed.is_some())).await;
    Ended { outcome, upgraded: None }
}
