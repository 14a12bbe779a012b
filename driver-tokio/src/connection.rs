//! One connection from its first octet to its end: which protocol it speaks, and how it ended.

use std::sync::Arc;

use crate::h1::{self, Driven, Link};
use crate::h2;
use crate::handler::Handler;
use crate::info::ConnectionInfo;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::stop::Stop;
use crate::upgrade::Upgraded;
use crate::wire::{Io, Wire};

/// How a connection ended, and what is left of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
    /// Why it ended.
    pub outcome: Outcome,
    /// Where it came from and what carried it.
    pub connection: ConnectionInfo,
    /// After [`Outcome::Upgraded`]: the transport, unless somebody waited for it
    /// ([`OnUpgrade`](crate::OnUpgrade)).
    pub upgraded: Option<Upgraded>,
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

/// What the connections of a server share. One pointer to it is all that each of them holds.
pub(crate) struct Common {
    pub(crate) options: Options,
    pub(crate) stop: Stop,
}

impl Common {
    /// Tells those who want to know how a connection ended.
    pub(crate) fn tell(&self, ended: &Ended) {
        tracing::debug!(outcome = %ended.outcome, "a connection ended");
        if let Some(metrics) = &self.options.gate.metrics {
            metrics.count_end(&ended.outcome);
        }
        if let Some(observer) = &self.options.observer {
            observer(ended);
        }
    }
}

/// Serves one byte stream to its end: the handshake of TLS, if there is one, then HTTP.
pub(crate) async fn serve<H: Handler>(
    common: &Common,
    handler: &Arc<H>,
    io: Box<dyn Io>,
    info: ConnectionInfo,
) -> Ended {
    let Common { options, stop } = common;
    #[cfg(not(feature = "tls"))]
    let agreed = Option::<Protocols>::default();
    #[cfg(feature = "tls")]
    let (io, info, agreed) = match &options.tls {
        None => (io, info, None),
        // In a box: what a connection needs only once is not to lie in its task for ever.
        Some(tls) => match Box::pin(handshake(tls, io, info, options, stop)).await {
            Ok(secured) => secured,
            Err((outcome, connection)) => return Ended { outcome, connection, upgraded: None },
        },
    };
    let settings = &options.settings;
    let protocols = agreed.unwrap_or(settings.protocols);
    let wire = Wire::new(io, stop, info).serving();
    let (wire, input) = if protocols == Protocols::Http2 {
        (wire, Vec::new())
    } else {
        let both = protocols == Protocols::Both;
        let sniff_timeout = both.then_some(settings.sniff_timeout);
        let link = Link::new(wire, options, sniff_timeout);
        match h1::drive(link, &**handler, options).await {
            Driven::Http2(wire, input) => (wire, input),
            Driven::Ended(wire, outcome, input, promise) => {
                let connection = wire.info.clone();
                let upgraded = h1::hand_over(wire, &outcome, input, promise);
                return Ended { outcome, connection, upgraded };
            }
        }
    };
    let handler = Arc::clone(handler);
    let (outcome, connection) = h2::drive(wire, input, handler, options, agreed.is_some()).await;
    Ended { outcome, connection, upgraded: None }
}

/// What carries HTTP, what is known of it, and the protocol if the handshake agreed on one.
#[cfg(feature = "tls")]
type Secured = (Box<dyn Io>, ConnectionInfo, Option<Protocols>);

#[cfg(feature = "tls")]
async fn handshake(
    tls: &crate::tls::Tls,
    io: Box<dyn Io>,
    info: ConnectionInfo,
    options: &Options,
    stop: &Stop,
) -> Result<Secured, (Outcome, ConnectionInfo)> {
    let shaking = crate::tls::accept(tls, io, &info, options.settings.tls_timeout);
    match stop.unless_cancelled(shaking).await {
        Some(Ok(secured)) => Ok(secured),
        Some(Err(error)) => Err((Outcome::Handshake(error), info)),
        None => Err((Outcome::Cancelled, info)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::HandlerError;
    use crate::request::Request;
    use crate::response::Response;

    struct Nobody;

    impl Handler for Nobody {
        async fn handle(
            &self,
            _request: &mut Request<'_>,
            _response: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            Ok(())
        }
    }

    /// Tokio's tasks take multiples of 128 octets: eight more here, and each idle connection takes 128 more.
    #[test]
    fn what_an_idle_connection_keeps_in_its_task_is_small() {
        let common = Common { options: Options::default(), stop: Stop::new() };
        let (handler, io) = (Arc::new(Nobody), Box::new(tokio::io::empty()));
        let serving = serve(&common, &handler, io, ConnectionInfo::default());
        assert!(size_of_val(&serving) <= 184, "{}", size_of_val(&serving));
    }
}
