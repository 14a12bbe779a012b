//! TLS: the handshake of a server, with ALPN (RFC 7301, RFC 9113 §3.2) and a deadline.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::connection::Protocols;
use crate::info::ConnectionInfo;
use crate::wire::Io;

/// How a server speaks TLS: certificates, versions, protocols. Clones share it.
///
/// ```no_run
/// # fn run<H: driver_tokio::Handler>(server: driver_tokio::Server<H>) -> Result<(), Box<dyn std::error::Error>> {
/// use driver_tokio::Tls;
/// let tls = Tls::from_pem(&std::fs::read("chain.pem")?, &std::fs::read("key.pem")?)?;
/// let server = server.tls(tls);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// A certificate chain, the server's own first, and its key, both as PEM (RFC 7468). TLS 1.2 and
    /// 1.3 with the safe suites of rustls, resumption by tickets and by sessions, no early data.
    ///
    /// # Errors
    /// There is no certificate or no key in them, or they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError(format!("the certificates: {error}")))?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| TlsError(format!("the key: {error}")))?;
        Self::from_der(chain, key)
    }

    /// As [`from_pem`](Self::from_pem), with what is decoded already.
    ///
    /// # Errors
    /// They do not belong together.
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| TlsError(error.to_string()))?;
        if let Ok(ticketer) = ring::Ticketer::new() {
            config.ticketer = ticketer;
        }
        Ok(config.into())
    }

    /// The same with the protocols that a server speaks, unless it names some itself.
    pub(crate) fn offering(&self, protocols: Protocols) -> Self {
        if !self.0.alpn_protocols.is_empty() {
            return self.clone();
        }
        let mut config = ServerConfig::clone(&self.0);
        let all: &[&[u8]] = match protocols {
            Protocols::Both => &[H2, HTTP_1_1],
            Protocols::Http1 => &[HTTP_1_1],
            Protocols::Http2 => &[H2],
        };
        config.alpn_protocols = all.iter().map(|name| name.to_vec()).collect();
        config.into()
    }
}

/// A configuration of one's own. If it names no protocols (`alpn_protocols`), those of
/// [`Settings::protocols`](crate::Settings::protocols) are offered.
impl From<ServerConfig> for Tls {
    fn from(config: ServerConfig) -> Self {
        Self(Arc::new(config))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Certificates and a key that a server cannot use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// The handshake of one connection: what carries it then, and the protocol that was agreed on.
pub(crate) async fn accept(
    tls: &Tls,
    io: Box<dyn Io>,
    info: &ConnectionInfo,
    timeout: Duration,
) -> io::Result<(Box<dyn Io>, ConnectionInfo, Option<Protocols>)> {
    let accepting = TlsAcceptor::from(Arc::clone(&tls.0)).accept(io);
    let stream = tokio::time::timeout(timeout, accepting).await??;
    let (_, session) = stream.get_ref();
    let protocol = match session.alpn_protocol() {
        Some(H2) => Some(Protocols::Http2),
        Some(HTTP_1_1) => Some(Protocols::Http1),
        _ => None,
    };
    let info = info.within_tls(session);
    Ok((Box::new(stream), info, protocol))
}
