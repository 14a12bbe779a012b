//! The conformance suite `httpwg-cli` over TLS. It speaks none itself, so a relay stands between: what the
//! suite sends goes through TLS to the server, and back.
#![cfg(unix)]
#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "tests have std")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

use driver_tokio::{Handler, HandlerError, Request, Response, Server, Settings, Stop, Tls};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

#[path = "../peers/mod.rs"]
mod peers;

const HTTPWG: &str = "cargo install httpwg-cli --version 0.2.5 --locked";

/// Answers with the content of the request, or some if there is none: the suite wants DATA.
struct Echo;

impl Handler for Echo {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let mut content = Vec::new();
        while let Some(data) = request.data().await? {
            content.extend_from_slice(data);
        }
        if content.is_empty() {
            content.extend_from_slice(b"nothing to echo\n");
        }
        Ok(response.respond(200, [("content-type", "text/plain")], &content)?)
    }
}

/// A server's side of TLS, and a client's that trusts it.
fn both_sides() -> (Tls, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
    let mut client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    (tls, TlsConnector::from(Arc::new(client)))
}

/// Carries octets between whoever connects and the server, as TLS.
async fn relay(listener: TcpListener, server: SocketAddr, connector: TlsConnector) {
    while let Ok((mut plain, _)) = listener.accept().await {
        let connector = connector.clone();
        tokio::spawn(async move {
            let stream = TcpStream::connect(server).await.unwrap();
            stream.set_nodelay(true).unwrap();
            plain.set_nodelay(true).unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut secured = connector.connect(name, stream).await.unwrap();
            // Either may be gone before the other knows.
            let _ = copy_bidirectional(&mut plain, &mut secured).await;
        });
    }
}

/// As many as without TLS (`interop_h2_clients`), and the same one is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn httpwg_passes_all_but_one_over_tls() {
    // It knows no such option, and says so.
    if Command::new("httpwg").arg("--version").output().is_err() {
        peers::missing("httpwg", HTTPWG);
        return;
    }
    let (tls, connector) = both_sides();
    let server = Server::new(Echo).settings(Settings::default()).tls(tls);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (listener, front) = (server.listen(any).unwrap(), TcpListener::bind(any).await.unwrap());
    let (behind, address) = (listener.local_addr().unwrap(), front.local_addr().unwrap());
    let stop = Stop::new();
    let watched = stop.clone();
    let serving = tokio::spawn(async move { server.serve(listener, &watched).await });
    let relaying = tokio::spawn(relay(front, behind, connector));

    let arguments = ["-a".to_owned(), address.to_string()];
    let running = move || peers::run(Command::new("httpwg").args(&arguments));
    let output = tokio::task::spawn_blocking(running).await.unwrap();
    relaying.abort();
    stop.cancel();
    serving.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &output.stderr;
    let passed = text.matches("Test passed: ").count();
    assert!(passed >= 106, "{passed} passed\n{text}");
    let excused =
        "Test passed: RFC 9113 :: 7. error codes :: sends goaway frame with unknown error code";
    assert!(passed == 107 || !text.contains(excused), "another one is left\n{text}");
}
