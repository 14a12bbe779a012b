//! The client against other servers, over TLS and under load: the crate h2, tunnels, many tasks.

mod driver_client_side;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use driver_client_side::{
    Desk, Frames, Later, Protocol, client_on, get, next, post, read_all, whole,
};
use driver_tokio::client::{self, Client, ErrorKind, Settings};
use driver_tokio::{Server, Stop};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::oneshot;

/// The crate h2 answers each request by sending its content back, with trailers.
async fn foreign(io: DuplexStream, windows: u32) {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(windows).initial_connection_window_size(windows.max(65_535));
    let mut connection = builder.handshake::<_, Bytes>(io).await.unwrap();
    while let Some(accepted) = connection.accept().await {
        let (request, mut respond) = accepted.unwrap();
        tokio::spawn(async move {
            let mut body = request.into_body();
            let mut sender = respond.send_response(Response::new(()), false).unwrap();
            while let Some(data) = body.data().await {
                let mut data = data.unwrap();
                body.flow_control().release_capacity(data.len()).unwrap();
                while !data.is_empty() {
                    sender.reserve_capacity(data.len());
                    let capacity = std::future::poll_fn(|cx| sender.poll_capacity(cx)).await;
                    let piece = data.split_to(capacity.unwrap().unwrap().min(data.len()));
                    sender.send_data(piece, false).unwrap();
                }
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("x-end", HeaderValue::from_static("yes"));
            sender.send_trailers(trailers).unwrap();
        });
    }
}

#[tokio::test(start_paused = true)]
async fn content_goes_through_the_windows_of_a_foreign_server() {
    for windows in [1000, 65_535, 1 << 20] {
        let (ours, theirs) = duplex(10_000);
        tokio::spawn(foreign(theirs, windows));
        let sender = client_on(Protocol::H2, ours);
        let content: Vec<u8> = (0..300_000u32).map(|it| it as u8).collect();
        let mut running = Vec::new();
        for count in 0..10 {
            let (sender, content) = (sender.clone(), content.clone());
            running.push(tokio::spawn(async move {
                let frames = match count % 2 {
                    0 => Frames::text(content),
                    _ => Frames::new(
                        content
                            .chunks(999)
                            .map(|piece| http_body::Frame::data(Bytes::copy_from_slice(piece))),
                    ),
                };
                let response = sender.send(post("/", frames)).await.unwrap();
                read_all(response.into_body()).await.unwrap()
            }));
        }
        for task in running {
            let (came, trailers) = task.await.unwrap();
            assert!(came == content, "windows of {windows}");
            assert_eq!(trailers.unwrap()["x-end"], "yes");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_streams_wait_for_their_turn() {
    let (ours, theirs) = duplex(10_000);
    tokio::spawn(async move {
        let mut builder = h2::server::Builder::new();
        let mut connection =
            builder.max_concurrent_streams(3).handshake::<_, Bytes>(theirs).await.unwrap();
        while let Some(accepted) = connection.accept().await {
            let (_, mut respond) = accepted.unwrap();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                respond.send_response(Response::new(()), true).unwrap();
            });
        }
    });
    let sender = client_on(Protocol::H2, ours);
    let mut running = Vec::new();
    for count in 0..50 {
        let sender = sender.clone();
        running.push(tokio::spawn(async move {
            let frames = if count % 2 == 0 { Frames::empty() } else { Frames::text("content") };
            sender.send(post("/", frames)).await.unwrap().status()
        }));
    }
    for task in running {
        assert_eq!(task.await.unwrap(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_is_the_content_of_both() {
    let (ours, theirs) = duplex(10_000);
    tokio::spawn(async move {
        let mut builder = h2::server::Builder::new();
        let mut connection =
            builder.enable_connect_protocol().handshake::<_, Bytes>(theirs).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        let protocol = request.extensions().get::<h2::ext::Protocol>().unwrap();
        assert_eq!(protocol.as_str(), "websocket");
        assert_eq!(request.uri().path(), "/chat");
        tokio::spawn(async move {
            let mut sender = respond.send_response(Response::new(()), false).unwrap();
            let mut body = request.into_body();
            let data = body.data().await.unwrap().unwrap();
            sender.send_data(data, true).unwrap();
        });
        while connection.accept().await.is_some() {}
    });
    let sender = client_on(Protocol::H2, ours);
    // RFC 8441 §3: not before the server has allowed it.
    tokio::time::sleep(Duration::from_millis(10)).await;
    let (say, receiver) = oneshot::channel();
    let mut request =
        Request::connect("http://example.com/chat").body(Later(receiver, false)).unwrap();
    request.extensions_mut().insert(client::Protocol(Bytes::from_static(b"websocket")));
    let mut response = sender.send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    say.send(Bytes::from_static(b"hello")).unwrap();
    let echoed = next(response.body_mut()).await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&echoed[..], b"hello");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_server_that_leaves_lets_what_it_took_end() {
    let (ours, theirs) = duplex(10_000);
    tokio::spawn(async move {
        let mut connection = h2::server::handshake(theirs).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        connection.graceful_shutdown();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut sender = respond.send_response(Response::new(()), false).unwrap();
            sender.send_data(Bytes::from_static(b"the last"), true).unwrap();
        });
        while connection.accept().await.is_some() {}
    });
    let sender = client_on(Protocol::H2, ours);
    let response = sender.send(get("/")).await.unwrap();
    assert_eq!(whole(response).await, (200, b"the last".to_vec()));
    let error = sender.send(get("/")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Closed, true));
}

/// Requests of all kinds from many tasks on several threads: nobody waits for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_at_a_time_all_get_what_is_theirs() {
    for prior_knowledge in [false, true] {
        let server = Server::new(Desk);
        let listener = server.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::new();
        let signal = stop.clone();
        let serving = tokio::spawn(async move { server.serve(listener, &signal).await });
        let mut settings = Settings::default();
        settings.prior_knowledge = prior_knowledge;
        settings.connections_per_host_max = 8;
        let client = Client::builder().settings(settings).build();
        let mut running = Vec::new();
        for task in 0..64usize {
            let client = client.clone();
            running.push(tokio::spawn(async move {
                for round in 0..30usize {
                    let path = ["/hello", "/", "/bytes/30000", "/chunks/50"][(task + round) % 4];
                    let content = vec![task as u8; 7 * round * (task + 1)];
                    let frames =
                        match (path, round % 3) {
                            ("/", 0) => Frames::text(content.clone()),
                            ("/", _) => Frames::new(content.chunks(501).map(|piece| {
                                http_body::Frame::data(Bytes::copy_from_slice(piece))
                            })),
                            _ => Frames::empty(),
                        };
                    let method = if path == "/" { "POST" } else { "GET" };
                    let request = Request::builder().method(method);
                    let request = request.uri(format!("http://{address}{path}"));
                    let response = client.request(request.body(frames).unwrap()).await.unwrap();
                    if (task + round) % 11 == 0 {
                        // Some are given up.
                        continue;
                    }
                    let (status, came) = whole(response).await;
                    let length = match path {
                        "/hello" => 5,
                        "/bytes/30000" => 30_000,
                        "/chunks/50" => 50,
                        _ => {
                            assert!(came == content);
                            content.len()
                        }
                    };
                    assert_eq!((status, came.len()), (200, length), "{path}");
                }
            }));
        }
        for task in running {
            task.await.unwrap();
        }
        drop(client);
        stop.drain();
        serving.await.unwrap();
    }
}

mod tls {
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;

    /// A server with a certificate of its own, and who trusts it.
    fn pair() -> (driver_tokio::Tls, ClientConfig) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let chain = made.cert.pem();
        let key = made.signing_key.serialize_pem();
        let tls = driver_tokio::Tls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (tls, config)
    }

    #[tokio::test]
    async fn alpn_decides_the_protocol_and_strangers_are_not_trusted() {
        let (tls, config) = pair();
        let server = Server::new(Desk).tls(tls);
        let listener = server.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Stop::new();
        let signal = stop.clone();
        let serving = tokio::spawn(async move { server.serve(listener, &signal).await });
        let uri = format!("https://localhost:{port}/hello");
        let request = || Request::get(&uri).body(Frames::empty()).unwrap();
        let all = [
            (driver_tokio::Protocols::Both, http::Version::HTTP_2),
            (driver_tokio::Protocols::Http1, http::Version::HTTP_11),
        ];
        for (protocols, version) in all {
            let mut settings = Settings::default();
            settings.protocols = protocols;
            let client = Client::builder().settings(settings).tls(config.clone()).build();
            for _ in 0..2 {
                let response = client.request(request()).await.unwrap();
                assert_eq!(response.version(), version);
                assert_eq!(whole(response).await, (200, b"hello".to_vec()));
            }
        }
        let error = Client::new().request(request()).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Tls, true));
        stop.drain();
        serving.await.unwrap();
    }
}
