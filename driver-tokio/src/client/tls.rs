//! TLS of a client: who is trusted, and the handshake with ALPN (RFC 7301, RFC 9113 §3.2).

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::connect::Target;
use super::error::{Error, ErrorKind};
use crate::connection::Protocols;
use crate::wire::Io;

/// The roots that Mozilla trusts, and no certificate of our own.
pub(crate) fn default_config() -> Option<ClientConfig> {
    let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
    config(RootCertStore { roots }).ok()
}

/// These roots, as PEM, and no certificate of our own.
pub(crate) fn trusting(pem: &[u8]) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate
            .map_err(|error| Error::new(ErrorKind::Tls, format!("the certificates: {error}")))?;
        roots.add(certificate).map_err(|error| Error::new(ErrorKind::Tls, error))?;
    }
    if roots.is_empty() {
        return Err(Error::new(ErrorKind::Tls, "there is no certificate in it"));
    }
    config(roots).map_err(|error| Error::new(ErrorKind::Tls, error))
}

fn config(roots: RootCertStore) -> Result<ClientConfig, tokio_rustls::rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The same with the protocols that are preferred, unless it names some itself.
pub(crate) fn offering(mut config: ClientConfig, protocols: Protocols) -> Arc<ClientConfig> {
    if config.alpn_protocols.is_empty() {
        let all: &[&[u8]] = match protocols {
            Protocols::Both => &[b"h2", b"http/1.1"],
            Protocols::Http1 => &[b"http/1.1"],
            Protocols::Http2 => &[b"h2"],
        };
        config.alpn_protocols = all.iter().map(|name| name.to_vec()).collect();
    }
    Arc::new(config)
}

/// The handshake: the stream within, and whether HTTP/2 was agreed upon.
pub(crate) async fn connect(
    config: &Arc<ClientConfig>,
    target: &Target,
    io: Box<dyn Io>,
) -> Result<(Box<dyn Io>, bool), Error> {
    let name = ServerName::try_from(String::from(&*target.host));
    let name = name.map_err(|error| Error::new(ErrorKind::Tls, error).unprocessed(true))?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, io).await;
    let stream = stream.map_err(|error| Error::new(ErrorKind::Tls, error).unprocessed(true))?;
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok((Box::new(stream), is_h2))
}
