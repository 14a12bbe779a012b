//! What is known of a connection beside its octets.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where a connection comes from and what carries it. Clones share it; a tower service finds it by
/// `tower::RequestInfo`, which is in the extensions of each request.
#[derive(Clone, Default)]
pub struct ConnectionInfo(Arc<Facts>);

#[derive(Default)]
struct Facts {
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
    tls: Option<Box<WithinTls>>,
}

struct WithinTls {
    alpn: Option<Box<[u8]>>,
    server_name: Option<Box<str>>,
    peer_certificates: Box<[Box<[u8]>]>,
}

impl ConnectionInfo {
    /// A connection between these addresses.
    #[must_use]
    pub fn new(peer: Option<SocketAddr>, local: Option<SocketAddr>) -> Self {
        Self(Arc::new(Facts { peer, local, tls: None }))
    }

    /// The address of the peer; none if the transport has no such addresses.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// The address that the peer connected to.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        self.0.local
    }

    /// Whether it is encrypted by TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.tls.is_some()
    }

    /// The protocol that TLS negotiated (RFC 7301), such as `h2`.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.0.tls.as_ref()?.alpn.as_deref()
    }

    /// The name of the server that the client asked TLS for (RFC 6066 §3).
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.0.tls.as_ref()?.server_name.as_deref()
    }

    /// The certificates by which the peer identified itself to TLS, as DER, its own first; none unless it was
    /// asked for them (a [`Tls`](crate::Tls) out of a configuration with client authentication).
    pub fn peer_certificates(&self) -> impl Iterator<Item = &[u8]> {
        let tls = self.0.tls.iter();
        tls.flat_map(|tls| tls.peer_certificates.iter().map(|certificate| &**certificate))
    }

    /// The same connection within TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn within_tls(&self, session: &tokio_rustls::rustls::ServerConnection) -> Self {
        let certificates = session.peer_certificates().unwrap_or_default();
        let within = WithinTls {
            alpn: session.alpn_protocol().map(Box::from),
            server_name: session.server_name().map(Box::from),
            peer_certificates: certificates.iter().map(|der| Box::from(&**der)).collect(),
        };
        let Facts { peer, local, .. } = *self.0;
        Self(Arc::new(Facts { peer, local, tls: Some(Box::new(within)) }))
    }
}

impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionInfo")
            .field("peer", &self.0.peer)
            .field("local", &self.0.local)
            .field("tls", &self.is_tls())
            .field("alpn", &self.alpn().map(<[u8]>::escape_ascii).map(|it| it.to_string()))
            .field("server_name", &self.server_name())
            .finish()
    }
}
