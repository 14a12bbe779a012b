//! TLS on the driver: ALPN, deadlines of handshakes, resumption, what ends a connection.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver_tokio::{
    Ended, Handler, HandlerError, Outcome, Request, Response, Server, Settings, Stop, Tls,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, RootCertStore, ServerConfig};

struct Seen;

impl Handler for Seen {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let info = request.connection();
        let alpn = info.alpn().unwrap_or_default().escape_ascii().to_string();
        let version = request.head().version();
        let text = format!("{version} {alpn} {:?} {}", info.server_name(), info.is_tls());
        Ok(response.respond(200, [("content-type", "text/plain")], text.as_bytes())?)
    }
}

/// A server's side of TLS, and a client's that trusts it.
fn both_sides() -> (Tls, ClientConfig) {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let tls =
        Tls::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
    let provider = Arc::new(ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (tls.unwrap(), client)
}

fn server(tls: Tls) -> Server<Seen> {
    let mut settings = Settings::default();
    settings.date = false;
    Server::new(Seen).settings(settings).tls(tls)
}

fn serve(server: Server<Seen>, io: DuplexStream, stop: &Stop) -> JoinHandle<Ended> {
    let stop = stop.clone();
    tokio::spawn(async move { server.serve_connection(io, &stop).await })
}

async fn connect(config: &Arc<ClientConfig>, io: DuplexStream) -> TlsStream<DuplexStream> {
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, io).await.unwrap()
}

async fn get_h1(stream: &mut TlsStream<DuplexStream>) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

async fn get_h2(stream: &mut TlsStream<DuplexStream>) -> String {
    use h2_proto::testing::{Frame, FrameLog, client_bytes};
    let mut log = FrameLog::server();
    let mut buffer = [0; 4096];
    // By ALPN the server speaks at once (RFC 9113 §3.4).
    let octets = stream.read(&mut buffer).await.unwrap();
    log.feed(&buffer[..octets]);
    assert!(log.to_string().starts_with("SETTINGS "), "{log}");
    let asked = client_bytes([Frame::settings([]), Frame::get(1, "/")]);
    stream.write_all(&asked).await.unwrap();
    while !log.to_string().contains("END_STREAM") {
        let octets = stream.read(&mut buffer).await.unwrap();
        assert!(octets > 0, "{log}");
        log.feed(&buffer[..octets]);
    }
    log.to_string()
}

#[tokio::test]
async fn rfc9113_3_2_what_alpn_agreed_on_is_spoken() {
    let (tls, mut config) = both_sides();
    for (offer, expected) in [
        (vec![&b"h2"[..], b"http/1.1"], "HTTP/2 h2"),
        (vec![&b"http/1.1"[..]], "HTTP/1.1 http/1.1"),
        (vec![], "HTTP/1.1 "),
    ] {
        config.alpn_protocols = offer.iter().map(|name| name.to_vec()).collect();
        let (io, theirs) = duplex(64 << 10);
        let serving = serve(server(tls.clone()), theirs, &Stop::new());
        let mut stream = connect(&Arc::new(config.clone()), io).await;
        let answer = if expected.contains("h2") {
            get_h2(&mut stream).await
        } else {
            get_h1(&mut stream).await
        };
        assert!(answer.contains(expected) && answer.contains("localhost"), "{answer}");
        assert!(answer.contains("true"), "{answer}");
        drop(stream);
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn a_protocol_that_nobody_offers_is_no_handshake() {
    let (tls, mut config) = both_sides();
    config.alpn_protocols = vec![b"spdy/3".to_vec()];
    let (io, theirs) = duplex(64 << 10);
    let serving = serve(server(tls), theirs, &Stop::new());
    let name = ServerName::try_from("localhost").unwrap();
    assert!(TlsConnector::from(Arc::new(config)).connect(name, io).await.is_err());
    assert!(matches!(serving.await.unwrap().outcome, Outcome::Handshake(_)));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_its_time() {
    let (tls, _) = both_sides();
    let (_io, theirs) = duplex(64 << 10);
    let start = tokio::time::Instant::now();
    let ended = serve(server(tls), theirs, &Stop::new()).await.unwrap();
    assert!(matches!(&ended.outcome, Outcome::Handshake(error)
        if error.kind() == std::io::ErrorKind::TimedOut));
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_is_cancelled() {
    let (tls, _) = both_sides();
    let (_io, theirs) = duplex(64 << 10);
    let stop = Stop::new();
    let serving = serve(server(tls), theirs, &stop);
    tokio::time::sleep(Duration::from_millis(1)).await;
    stop.cancel();
    assert!(matches!(serving.await.unwrap().outcome, Outcome::Cancelled));
}

#[tokio::test]
async fn what_is_no_tls_is_told() {
    let (tls, _) = both_sides();
    let (mut io, theirs) = duplex(64 << 10);
    let serving = serve(server(tls), theirs, &Stop::new());
    io.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let ended = serving.await.unwrap();
    assert!(matches!(ended.outcome, Outcome::Handshake(_)), "{}", ended.outcome);
    assert_eq!(ended.outcome.label(), "handshake");
}

#[tokio::test]
async fn a_session_is_resumed() {
    let (tls, config) = both_sides();
    let (server, config) = (server(tls), Arc::new(config));
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let (io, theirs) = duplex(64 << 10);
        let serving = serve(server.clone(), theirs, &Stop::new());
        let mut stream = connect(&config, io).await;
        get_h1(&mut stream).await;
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
        drop(stream);
        serving.await.unwrap();
    }
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
}

/// A hundred clients that never begin their handshake, and one that does.
#[tokio::test]
async fn handshakes_do_not_wait_for_each_other() {
    let (tls, config) = both_sides();
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&outcomes);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let stopping = stop.clone();
    let server = server(tls).on_end(move |ended| {
        seen.lock().unwrap().push(ended.outcome.label());
    });
    let serving = tokio::spawn(async move { server.serve(listener, &stopping).await });
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop((silent, stream));
    stop.drain();
    serving.await.unwrap();
    let outcomes = outcomes.lock().unwrap();
    assert_eq!(outcomes.iter().filter(|it| **it == "handshake").count(), 100);
}

#[test]
fn certificates_that_do_not_fit_are_told() {
    let (one, two) = (
        rcgen::generate_simple_self_signed(["a".into()]).unwrap(),
        rcgen::generate_simple_self_signed(["b".into()]).unwrap(),
    );
    let (chain, key) = (one.cert.pem(), two.signing_key.serialize_pem());
    assert!(Tls::from_pem(chain.as_bytes(), key.as_bytes()).is_err());
    assert!(Tls::from_pem(b"", key.as_bytes()).is_err());
    assert!(Tls::from_pem(chain.as_bytes(), b"no key").is_err());
}

#[tokio::test]
async fn a_client_that_ends_tls_without_a_word_has_closed() {
    let (tls, config) = both_sides();
    for alpn in [&b"http/1.1"[..], b"h2"] {
        let mut config = config.clone();
        config.alpn_protocols = vec![alpn.to_vec()];
        let (io, far) = duplex(64 << 10);
        let server = serve(server(tls.clone()), far, &Stop::new());
        let mut stream = connect(&Arc::new(config), io).await;
        if alpn == b"h2" {
            get_h2(&mut stream).await;
        } else {
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        }
        drop(stream.into_inner().0);
        let outcome = server.await.unwrap().outcome;
        assert!(matches!(outcome, Outcome::ClientClosed), "{outcome}");
    }
}

#[tokio::test]
async fn certificates_of_clients_are_told() {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let (der, key) =
        (CertificateDer::from(made.cert.der().to_vec()), made.signing_key.serialize_der());
    let key = PrivateKeyDer::try_from(key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(der.clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), Arc::clone(&provider));
    let tls = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![der.clone()], key.clone_key())
        .unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![der.clone()], key)
        .unwrap();
    let (io, far) = duplex(64 << 10);
    let server = serve(server(tls.into()), far, &Stop::new());
    let mut stream = connect(&Arc::new(config), io).await;
    assert!(get_h1(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
    drop(stream);
    let connection = server.await.unwrap().connection;
    assert_eq!(connection.peer_certificates().collect::<Vec<_>>(), [&*der]);
}
