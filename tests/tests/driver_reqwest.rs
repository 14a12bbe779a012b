//! reqwest against the driver, on HTTP/1.1 and HTTP/2, in the clear and over TLS.

use std::convert::Infallible;
use std::sync::Arc;

use driver_tokio::Tls;
use futures_util::stream;
use reqwest::{Body, Client, StatusCode, Version};
use tokio::sync::mpsc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

#[path = "driver_clients_server/mod.rs"]
mod server;

use server::{LARGE, Running, add, pattern, run};

/// A client of one protocol, without a proxy.
fn client(version: Version) -> Client {
    let builder = Client::builder().no_proxy();
    let builder = if version == Version::HTTP_2 {
        builder.http2_prior_knowledge()
    } else {
        builder.http1_only()
    };
    // reqwest wants a provider of cryptography, even where it is not used.
    builder.tls_backend_preconfigured(trusting(RootCertStore::empty())).build().unwrap()
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Both protocols, each with a server and a client of its own.
async fn both() -> [(Version, Running, Client); 2] {
    let (one, two) = (Version::HTTP_11, Version::HTTP_2);
    [(one, run(None).await, client(one)), (two, run(None).await, client(two))]
}

/// Content that is said piece by piece.
fn spoken() -> (mpsc::Sender<Vec<u8>>, Body) {
    let (say, said) = mpsc::channel::<Vec<u8>>(1);
    let pieces = stream::unfold(said, |mut said| async move {
        Some((Ok::<_, Infallible>(said.recv().await?), said))
    });
    (say, Body::wrap_stream(pieces))
}

async fn seen(client: &Client, running: &Running) -> String {
    client.get(running.url("/seen")).send().await.unwrap().text().await.unwrap()
}

/// The server saw the same port of the client.
#[tokio::test]
async fn requests_share_a_connection() {
    for (version, running, client) in both().await {
        let answer = client.get(running.url("/seen")).send().await.unwrap();
        assert_eq!((answer.version(), answer.status()), (version, StatusCode::OK));
        let first = answer.text().await.unwrap();
        let name = if version == Version::HTTP_2 { "HTTP/2 " } else { "HTTP/1.1 " };
        assert!(first.starts_with(name), "{first}");
        for path in ["/nothing", "/trailers", "/hints"] {
            let answer = client.get(running.url(path)).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), if path == "/nothing" { 404 } else { 200 });
            assert!(!answer.bytes().await.unwrap().is_empty());
        }
        assert_eq!(seen(&client, &running).await, first);
    }
}

#[tokio::test]
async fn many_at_once() {
    for (version, running, client) in both().await {
        let asking = (0..300).map(|number| {
            let (client, url) = (client.clone(), running.url("/echo"));
            tokio::spawn(async move {
                let content = pattern(number * 37);
                let answer = client.post(url).body(content.clone()).send().await.unwrap();
                answer.bytes().await.unwrap() == content
            })
        });
        for asked in asking.collect::<Vec<_>>() {
            assert!(asked.await.unwrap(), "{version:?}");
        }
    }
}

#[tokio::test]
async fn large_content_both_ways() {
    for (version, running, client) in both().await {
        let (content, before) = (pattern(LARGE), seen(&client, &running).await);
        let got = client.get(running.url("/large")).send().await.unwrap();
        assert_eq!(got.content_length(), Some(LARGE as u64));
        assert!(got.bytes().await.unwrap() == content, "{version:?}");
        let sum = client.post(running.url("/sum")).body(content.clone()).send().await.unwrap();
        let expected = format!("{LARGE} {} none", add(0, &content));
        assert_eq!(sum.text().await.unwrap(), expected, "{version:?}");
        let echo = client.post(running.url("/echo")).body(content.clone()).send().await.unwrap();
        assert!(echo.bytes().await.unwrap() == content, "{version:?}");
        assert_eq!(seen(&client, &running).await, before, "one connection");
    }
}

/// Each piece comes back before the next one is sent.
#[tokio::test]
async fn content_streams_in_both_directions_in_turn() {
    for (version, running, client) in both().await {
        let (say, content) = spoken();
        say.send(b"begin".to_vec()).await.unwrap();
        let request = client.post(running.url("/echo")).body(content);
        let mut answer = request.send().await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "begin");
        assert_eq!(answer.content_length(), None, "{version:?}");
        for size in [1, 10, 100_000, 7, 1_000_000] {
            let piece = pattern(size);
            say.send(piece.clone()).await.unwrap();
            let mut got = Vec::new();
            while got.len() < size {
                got.extend_from_slice(&answer.chunk().await.unwrap().unwrap());
            }
            assert!(got == piece, "{version:?}: {size}");
        }
        drop(say);
        assert_eq!(answer.bytes().await.unwrap(), "");
    }
}

#[tokio::test]
async fn an_answer_that_is_given_up_ends_its_handler() {
    for (version, mut running, client) in both().await {
        let before = seen(&client, &running).await;
        let mut answer = client.get(running.url("/endless")).send().await.unwrap();
        assert!(answer.chunk().await.unwrap().is_some());
        drop(answer);
        if version == Version::HTTP_2 {
            assert_eq!(seen(&client, &running).await, before, "the connection goes on");
        }
        // Only HTTP/2 can say so and go on; of HTTP/1.1 the connection ends.
        assert_eq!(running.told.recv().await, Some("ended"), "{version:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_is_an_error_of_the_client() {
    for (version, running, client) in both().await {
        let answer = client.get(running.url("/short")).send().await.unwrap();
        assert_eq!(answer.content_length(), Some(10));
        assert!(answer.bytes().await.is_err(), "{version:?}");
        assert_eq!(client.get(running.url("/seen")).send().await.unwrap().status(), 200);
    }
}

/// The answer comes while the client still has most of its content.
#[tokio::test]
async fn a_refusal_comes_before_the_upload_ends() {
    let [_, (_, running, client)] = both().await;
    for _ in 0..3 {
        let request = client.post(running.url("/refuses")).body(pattern(LARGE));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.text().await.unwrap(), "too much for me");
    }
    assert!(seen(&client, &running).await.starts_with("HTTP/2 "));
}

#[tokio::test]
async fn alpn_decides_over_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let running = run(Some(tls)).await;
    let trusts = |alpn: &[&[u8]]| {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
        let mut config = trusting(roots);
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Client::builder().no_proxy().tls_backend_preconfigured(config).build().unwrap()
    };
    for (alpn, expected) in [
        (&[&b"h2"[..], b"http/1.1"][..], "HTTP/2 h2 "),
        (&[b"http/1.1"], "HTTP/1.1 http/1.1 "),
        (&[], "HTTP/1.1 none "),
    ] {
        let client = trusts(alpn);
        let first = seen(&client, &running).await;
        assert!(first.starts_with(expected), "{first}");
        let content = pattern(LARGE);
        let echo = client.post(running.url("/echo")).body(content.clone()).send().await.unwrap();
        assert!(echo.bytes().await.unwrap() == content, "{first}");
        assert_eq!(seen(&client, &running).await, first, "one connection");
    }
    let stranger = client(Version::HTTP_2);
    assert!(stranger.get(running.url("/seen")).send().await.is_err(), "it trusts nobody");
    assert!(seen(&trusts(&[b"h2"]), &running).await.starts_with("HTTP/2 "), "it goes on");
}

#[tokio::test]
async fn a_drain_is_no_error_of_a_request_under_way() {
    for (version, running, client) in both().await {
        let (say, content) = spoken();
        say.send(b"begin".to_vec()).await.unwrap();
        let request = client.post(running.url("/echo")).body(content);
        let mut answer = request.send().await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "begin");
        running.stop.drain();
        say.send(b"after".to_vec()).await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "after");
        drop(say);
        assert_eq!(answer.bytes().await.unwrap(), "", "{version:?}");
        running.serving.await.unwrap();
        assert!(client.get(format!("http://{}/", running.address)).send().await.is_err());
    }
}
