//! Connections that end: what is sent again when one ends too soon, and how the client ends its own.

mod driver_client_side;

use std::sync::Arc;
use std::time::Duration;

use driver_client_side::{Ends, Frames, get, next_end, scripted, settings};
use driver_tokio::client::{Client, Error, ErrorKind, Settings};
use http::{Method, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

type Asked = JoinHandle<Result<Response<driver_tokio::client::Body>, Error>>;

/// What a test changes of the settings.
type Change = fn(&mut Settings);

const DONE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// A client that repeats what is idempotent, if it is told to, and whose connection was used.
async fn used(ends: &Ends, change: impl FnOnce(&mut Settings)) -> (Client, DuplexStream) {
    let client = Client::builder().connector(scripted(ends)).settings(settings(change)).build();
    let asked = ask(&client, get("/"));
    let mut server = next_end(ends).await;
    answer(&mut server, DONE).await;
    assert_eq!(asked.await.unwrap().unwrap().status(), 204);
    (client, server)
}

fn ask(client: &Client, request: Request<Frames>) -> Asked {
    let client = client.clone();
    tokio::spawn(async move { client.request(request).await })
}

/// Reads a request, and answers.
async fn answer(server: &mut DuplexStream, octets: &[u8]) -> Vec<u8> {
    let mut got = vec![0; 4096];
    let count = server.read(&mut got).await.unwrap();
    got.truncate(count);
    // What follows the head at once.
    tokio::time::sleep(Duration::from_millis(5)).await;
    server.write_all(octets).await.unwrap();
    got
}

fn repeating(settings: &mut Settings) {
    settings.repeat_idempotent = true;
}

fn request(method: Method, content: Frames) -> Request<Frames> {
    Request::builder().method(method).uri("http://example.com/").body(content).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_request_is_repeated_only_if_the_settings_say_so() {
    let ends = Ends::default();
    let (client, mut server) = used(&ends, |_| {}).await;
    let asked = ask(&client, get("/"));
    answer(&mut server, b"").await;
    drop(server);
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Closed, false));
    assert!(ends.lock().unwrap().is_empty(), "it was sent again");
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_request_on_a_connection_that_was_used_is_repeated() {
    let all = [
        (Method::GET, Frames::empty()),
        (Method::HEAD, Frames::empty()),
        (Method::OPTIONS, Frames::empty()),
        (Method::DELETE, Frames::empty()),
        (Method::PUT, Frames::text("content")),
    ];
    for (method, content) in all {
        let ends = Ends::default();
        let (client, mut server) = used(&ends, repeating).await;
        let asked = ask(&client, request(method.clone(), content));
        let first = answer(&mut server, b"").await;
        drop(server);
        let mut second = next_end(&ends).await;
        assert_eq!(answer(&mut second, DONE).await, first);
        assert_eq!(asked.await.unwrap().unwrap().status(), 204, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_repeated_is_not() {
    let pieces = || Frames::pieces(b"piece", 2);
    let all: [(Method, Frames, &[u8], Change); 5] = [
        // Not idempotent.
        (Method::POST, Frames::text("content"), b"", repeating),
        // The content is gone.
        (Method::PUT, pieces(), b"", repeating),
        // An octet of the response came.
        (Method::GET, Frames::empty(), b"H", repeating),
        (Method::GET, Frames::empty(), b"", |it| {
            repeating(it);
            it.retries_max = 0;
        }),
        (Method::GET, Frames::empty(), b"", |it| {
            repeating(it);
            (it.retry_reserve, it.retry_percent) = (0, 0);
        }),
    ];
    for (index, (method, content, octets, change)) in all.into_iter().enumerate() {
        let ends = Ends::default();
        let (client, mut server) = used(&ends, change).await;
        let asked = ask(&client, request(method, content));
        answer(&mut server, octets).await;
        drop(server);
        assert_eq!(asked.await.unwrap().unwrap_err().kind(), ErrorKind::Closed, "{index}");
        assert!(ends.lock().unwrap().is_empty(), "{index} was sent again");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_repeated_is_not_repeated_again() {
    let ends = Ends::default();
    let (client, mut server) = used(&ends, repeating).await;
    let asked = ask(&client, get("/"));
    answer(&mut server, b"").await;
    drop(server);
    let mut second = next_end(&ends).await;
    answer(&mut second, b"").await;
    drop(second);
    assert_eq!(asked.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert!(ends.lock().unwrap().is_empty(), "it was sent a third time");
}

#[tokio::test(start_paused = true)]
async fn on_a_connection_of_its_own_a_request_is_not_repeated() {
    let ends = Ends::default();
    let client = Client::builder().connector(scripted(&ends));
    let client = client.settings(settings(repeating)).build();
    let asked = ask(&client, get("/"));
    let mut server = next_end(&ends).await;
    answer(&mut server, b"").await;
    drop(server);
    assert_eq!(asked.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert!(ends.lock().unwrap().is_empty(), "it was sent again");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_server_closed_while_idle_is_not_handed_out() {
    let ends = Ends::default();
    let (client, server) = used(&ends, |it| it.retries_max = 0).await;
    drop(server);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let asked = ask(&client, get("/"));
    answer(&mut next_end(&ends).await, DONE).await;
    assert_eq!(asked.await.unwrap().unwrap().status(), 204);
}

#[tokio::test(start_paused = true)]
async fn on_http2_too_what_no_octet_answered_is_repeated() {
    use h2_proto::testing::{Frame, bytes};
    for repeats in [false, true] {
        let ends = Ends::default();
        let settings = settings(|it| {
            it.prior_knowledge = true;
            it.repeat_idempotent = repeats;
        });
        let client = Client::builder().connector(scripted(&ends)).settings(settings).build();
        let done = |stream| bytes([Frame::headers(stream, [(":status", "204")]).end_stream()]);
        let asked = ask(&client, get("/"));
        let mut server = next_end(&ends).await;
        answer(&mut server, &[bytes([Frame::settings([])]), done(1)].concat()).await;
        assert_eq!(asked.await.unwrap().unwrap().status(), 204);
        let asked = ask(&client, get("/"));
        answer(&mut server, b"").await;
        drop(server);
        if repeats {
            let mut second = next_end(&ends).await;
            answer(&mut second, &[bytes([Frame::settings([])]), done(1)].concat()).await;
            assert_eq!(asked.await.unwrap().unwrap().status(), 204);
        } else {
            assert_eq!(asked.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
            assert!(ends.lock().unwrap().is_empty(), "it was sent again");
        }
    }
}

#[tokio::test]
async fn a_reset_of_tcp_is_an_end_too() {
    for repeats in [false, true] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        let settings = settings(|it| it.repeat_idempotent = repeats);
        let client = Client::builder().settings(settings).build();
        let get = || Request::get(&uri).body(Frames::empty()).unwrap();
        let serving = tokio::spawn(async move {
            let (mut server, _) = listener.accept().await.unwrap();
            let _ = server.read(&mut [0; 4096]).await.unwrap();
            server.write_all(DONE).await.unwrap();
            let _ = server.read(&mut [0; 4096]).await.unwrap();
            server.set_zero_linger().unwrap();
            drop(server);
            let (mut server, _) = listener.accept().await.unwrap();
            let _ = server.read(&mut [0; 4096]).await.unwrap();
            server.write_all(DONE).await.unwrap();
        });
        assert_eq!(client.request(get()).await.unwrap().status(), 204);
        let second = client.request(get()).await;
        if repeats {
            assert_eq!(second.unwrap().status(), 204);
        } else {
            let error = second.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Closed);
            let text = error.to_string();
            assert!(text.starts_with("the connection broke before the response began: "), "{text}");
        }
        serving.abort();
    }
}

mod tls {
    use driver_client_side::{Desk, whole};
    use driver_tokio::{Protocols, Server, Stop};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::server::TlsStream;

    use super::*;

    fn made() -> rcgen::CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    #[tokio::test]
    async fn roots_of_ones_own_are_trusted_and_no_others() {
        let (made, other) = (made(), made());
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let tls = driver_tokio::Tls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        let server = Server::new(Desk).tls(tls);
        let listener = server.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Stop::new();
        let signal = stop.clone();
        let serving = tokio::spawn(async move { server.serve(listener, &signal).await });
        let uri = format!("https://localhost:{port}/hello");
        let request = || Request::get(&uri).body(Frames::empty()).unwrap();
        let both = format!("{}{chain}", other.cert.pem());
        for (roots, trusted) in [(&chain, true), (&both, true), (&other.cert.pem(), false)] {
            let client = Client::builder().roots_pem(roots.as_bytes()).unwrap().build();
            match client.request(request()).await {
                Ok(response) => {
                    assert!(trusted);
                    assert_eq!(response.version(), http::Version::HTTP_2);
                    assert_eq!(whole(response).await, (200, b"hello".to_vec()));
                }
                Err(error) => {
                    assert!(!trusted, "{error}");
                    assert_eq!(error.kind(), ErrorKind::Tls);
                }
            }
        }
        for nothing in ["", "no certificate", &key] {
            let error = Client::builder().roots_pem(nothing.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tls, "{nothing}");
        }
        stop.drain();
        serving.await.unwrap();
    }

    /// A client with a connection over TLS that has answered and is idle, seen from the server.
    async fn idle(change: impl FnOnce(&mut Settings)) -> (Client, TlsStream<TcpStream>) {
        let made = made();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let chain = vec![made.cert.der().clone()];
        let mut config = config.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let client = Client::builder().settings(settings(change));
        let client = client.roots_pem(made.cert.pem().as_bytes()).unwrap().build();
        let asked = ask(&client, Request::get(uri).body(Frames::empty()).unwrap());
        let (io, _) = listener.accept().await.unwrap();
        let mut server = TlsAcceptor::from(Arc::new(config)).accept(io).await.unwrap();
        let is_h2 = server.get_ref().1.alpn_protocol() == Some(b"h2");
        let _ = server.read(&mut [0; 4096]).await.unwrap();
        if is_h2 {
            use h2_proto::testing::{Frame, bytes};
            let head = Frame::headers(1, [(":status", "204")]).end_stream();
            server.write_all(&bytes([Frame::settings([]), head])).await.unwrap();
        } else {
            server.write_all(DONE).await.unwrap();
        }
        server.flush().await.unwrap();
        assert_eq!(asked.await.unwrap().unwrap().status(), 204);
        (client, server)
    }

    /// An end without `close_notify` would be an error of rustls.
    async fn good_bye(mut server: TlsStream<TcpStream>) {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), server.read_to_end(&mut rest));
        let read = read.await.expect("the connection did not end");
        assert!(read.is_ok(), "no close_notify: {read:?}");
    }

    #[tokio::test]
    async fn a_connection_that_is_kept_no_longer_ends_with_close_notify() {
        for protocols in [Protocols::Http1, Protocols::Http2] {
            // With its client.
            let (client, server) = idle(|it| it.protocols = protocols).await;
            drop(client);
            good_bye(server).await;
            // After its time.
            let (_client, server) = idle(|it| {
                it.protocols = protocols;
                it.idle_timeout = Duration::from_millis(50);
            })
            .await;
            good_bye(server).await;
        }
        // Because others are kept.
        let (_client, server) = idle(|it| {
            it.protocols = Protocols::Http1;
            it.idle_per_host_max = 0;
        })
        .await;
        good_bye(server).await;
    }
}
