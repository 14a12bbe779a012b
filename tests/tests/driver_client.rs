//! The client of the driver on one connection, in both protocols: what is sent and received, in which
//! order, and what ends it.

mod driver_client_side;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use driver_client_side::{
    Frames, Later, Protocol, client_on, connected, get, next, post, read_all, until, whole,
};
use driver_tokio::client::OnInformational;
use driver_tokio::{Outcome, client};
use http::{HeaderMap, HeaderValue, Request};
use http_body::{Body as _, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::oneshot;

const BOTH: [Protocol; 2] = [Protocol::H1, Protocol::H2];

#[tokio::test(start_paused = true)]
async fn a_request_gets_its_response() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let response = sender.send(get("/hello")).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/plain");
        assert_eq!(response.body().size_hint().exact(), Some(5), "{protocol:?}");
        assert_eq!(whole(response).await, (200, b"hello".to_vec()), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_serves_one_request_after_the_other() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        for _ in 0..20 {
            let response = sender.send(get("/chunks/3")).await.unwrap();
            assert_eq!(whole(response).await, (200, b"xxx".to_vec()), "{protocol:?}");
        }
        assert!(!sender.is_closed());
    }
}

#[tokio::test(start_paused = true)]
async fn large_content_goes_both_ways() {
    let content: Vec<u8> = (0..5_000_000u32).map(|it| it as u8).collect();
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let response = sender.send(post("/", Frames::text(content.clone()))).await.unwrap();
        assert!(whole(response).await == (200, content.clone()), "{protocol:?}");
        let response = sender.send(post("/", Frames::pieces(&[7; 1000], 3000))).await.unwrap();
        assert!(whole(response).await == (200, vec![7; 3_000_000]), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_go_both_ways() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("23"));
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let frames = [Frame::data(Bytes::from_static(b"abc")), Frame::trailers(trailers.clone())];
        let response = sender.send(post("/", Frames::new(frames))).await.unwrap();
        let (content, came) = read_all(response.into_body()).await.unwrap();
        assert_eq!((content, came), (b"abc".to_vec(), Some(trailers.clone())), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn interim_responses_are_told_before_the_final_one() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut request = get("/hints");
        let log = Arc::clone(&told);
        request.extensions_mut().insert(OnInformational::new(move |status, fields| {
            log.lock().unwrap().push(format!("{} {:?}", status.as_u16(), fields["link"]));
        }));
        let response = sender.send(request).await.unwrap();
        assert_eq!(*told.lock().unwrap(), ["103 \"</a.css>\"", "103 \"</b.css>\""], "{protocol:?}");
        assert_eq!(whole(response).await, (200, b"hinted".to_vec()));
    }
}

#[tokio::test(start_paused = true)]
async fn responses_without_content_end_with_their_head() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        for path in ["/status/204", "/status/304"] {
            let response = sender.send(get(path)).await.unwrap();
            assert!(response.body().is_end_stream(), "{protocol:?} {path}");
        }
        let head = Request::head("http://example.com/bytes/1000").body(Frames::empty()).unwrap();
        let response = sender.send(head).await.unwrap();
        assert_eq!(response.headers()["content-length"], "1000");
        assert_eq!(whole(response).await, (200, Vec::new()));
        assert_eq!(whole(sender.send(get("/hello")).await.unwrap()).await.1, b"hello");
    }
}

#[tokio::test(start_paused = true)]
async fn host_length_and_user_information_are_as_the_rfc_has_them() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let uri = "http://user:secret@example.com:8080/fields";
        let request = Request::post(uri).body(Frames::empty()).unwrap();
        let (_, content) = whole(sender.send(request).await.unwrap()).await;
        let text = String::from_utf8(content).unwrap();
        assert!(text.starts_with("example.com:8080\n"), "{protocol:?} {text}");
        assert!(text.contains("content-length: 0\n"), "{protocol:?} {text}");
        assert!(!text.contains("secret"), "{protocol:?} {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_expects_a_100_waits_for_it() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let content = Frames::text("content");
        let asked = Arc::clone(&content.asked);
        let mut request = post("/", content);
        request.headers_mut().insert("expect", HeaderValue::from_static("100-continue"));
        let (at_100, count) = (Arc::new(Mutex::new(None)), Arc::clone(&asked));
        let log = Arc::clone(&at_100);
        request.extensions_mut().insert(OnInformational::new(move |status, _| {
            let asked = count.load(std::sync::atomic::Ordering::SeqCst);
            log.lock().unwrap().get_or_insert((status.as_u16(), asked));
        }));
        let response = sender.send(request).await.unwrap();
        assert_eq!(whole(response).await, (200, b"content".to_vec()), "{protocol:?}");
        let at_100 = at_100.lock().unwrap().unwrap();
        assert_eq!(at_100.0, 100, "{protocol:?}");
        if protocol == Protocol::H1 {
            assert_eq!(at_100.1, 0, "content before the 100");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_expects_a_100_is_kept_when_it_is_refused() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let content = Frames::text("content");
        let asked = Arc::clone(&content.asked);
        let mut request = post("/status/403", content);
        request.headers_mut().insert("expect", HeaderValue::from_static("100-continue"));
        let response = sender.send(request).await.unwrap();
        assert_eq!(response.status(), 403, "{protocol:?}");
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0, "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_says_100_gets_the_content_in_the_end() {
    let (ours, mut theirs) = duplex(4096);
    let sender = client_on(Protocol::H1, ours);
    let mut request = post("/", Frames::text("content"));
    request.headers_mut().insert("expect", HeaderValue::from_static("100-continue"));
    let sending = tokio::spawn(async move { sender.send(request).await });
    let mut got = Vec::new();
    while !got.ends_with(b"content") {
        assert_ne!(theirs.read_buf(&mut got).await.unwrap(), 0);
    }
    theirs.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert_eq!(sending.await.unwrap().unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn content_that_fails_fails_the_request() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let (more, receiver) = oneshot::channel();
        let body = Later(receiver, false);
        let request = Request::post("http://example.com/").body(body).unwrap();
        drop(more);
        let error = sender.send(request).await.unwrap_err();
        assert_eq!(error.kind(), client::ErrorKind::Body, "{protocol:?}");
        assert!(!error.is_retryable());
        match protocol {
            Protocol::H1 => until(|| sender.is_closed()).await,
            Protocol::H2 => assert!(!sender.is_closed()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn content_may_be_shorter_than_announced_only_at_the_price_of_the_request() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let mut request = post("/", Frames::pieces(b"abc", 2));
        request.headers_mut().insert("content-length", HeaderValue::from_static("7"));
        let error = match sender.send(request).await {
            Err(error) => error,
            Ok(response) => read_all(response.into_body()).await.unwrap_err(),
        };
        assert_eq!(error.kind(), client::ErrorKind::Body, "{protocol:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_may_begin_before_its_request_is_complete() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let (more, receiver) = oneshot::channel();
        let body = Later(receiver, false);
        let request = Request::post("http://example.com/bytes/10").body(body).unwrap();
        let response = sender.send(request).await.unwrap();
        assert_eq!(whole(response).await.1, [b'x'; 10], "{protocol:?}");
        let _ = more.send(Bytes::from_static(b"late"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_closes_ends_the_sending() {
    let (sender, server) = connected(Protocol::H1);
    let response = sender.send(post("/refuse", Frames::pieces(&[0; 1000], 100_000))).await.unwrap();
    assert_eq!(whole(response).await, (413, b"no".to_vec()));
    until(|| sender.is_closed()).await;
    assert!(matches!(server.await.unwrap().outcome, Outcome::Closed | Outcome::ClientClosed));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_reads_holds_the_server_back() {
    for protocol in BOTH {
        let (ours, theirs) = duplex(4096);
        let sender = client_on(protocol, ours);
        let server = driver_client_side::serve(theirs);
        let mut response = sender.send(get("/bytes/10000000")).await.unwrap();
        let first = next(response.body_mut()).await.unwrap().unwrap().into_data().unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        // The rest did not pile up here: what comes next is at most a window, or a read.
        let second = next(response.body_mut()).await.unwrap().unwrap().into_data().unwrap();
        assert!(second.len() <= 64 << 10, "{protocol:?}: {}", second.len());
        assert!(!server.is_finished());
        let (rest, _) = read_all(response.into_body()).await.unwrap();
        assert_eq!(first.len() + second.len() + rest.len(), 10_000_000, "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn content_is_asked_for_only_as_it_goes() {
    for protocol in BOTH {
        let (ours, theirs) = duplex(4096);
        let sender = client_on(protocol, ours);
        let content = Frames::pieces(&[0; 1000], 10_000);
        let asked = Arc::clone(&content.asked);
        let server = driver_client_side::serve(theirs);
        // The server does not read on.
        let sending = tokio::spawn(async move { sender.send(post("/never", content)).await });
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        let asked = asked.load(std::sync::atomic::Ordering::SeqCst);
        assert!(asked < 200, "{protocol:?}: asked for {asked} pieces of 1000 octets");
        assert!(!server.is_finished());
        sending.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_costs_its_stream_or_its_connection() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let waits =
            tokio::time::timeout(std::time::Duration::from_secs(1), sender.send(get("/never")));
        assert!(waits.await.is_err());
        match protocol {
            Protocol::H1 => until(|| sender.is_closed()).await,
            Protocol::H2 => {
                assert_eq!(whole(sender.send(get("/hello")).await.unwrap()).await.1, b"hello");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_given_up_costs_its_stream_or_its_connection() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let mut response = sender.send(get("/stuck")).await.unwrap();
        assert!(next(response.body_mut()).await.unwrap().is_ok());
        drop(response);
        match protocol {
            Protocol::H1 => until(|| sender.is_closed()).await,
            Protocol::H2 => {
                assert_eq!(whole(sender.send(get("/hello")).await.unwrap()).await.1, b"hello");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_rest_that_nobody_reads_does_not_cost_the_connection() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        for _ in 0..3 {
            drop(sender.send(get("/bytes/20000")).await.unwrap());
        }
        assert_eq!(whole(sender.send(get("/hello")).await.unwrap()).await.1, b"hello");
        assert!(!sender.is_closed(), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_when_nobody_can_send_on_it() {
    for protocol in BOTH {
        let (sender, server) = connected(protocol);
        let response = sender.send(get("/hello")).await.unwrap();
        drop(sender);
        assert_eq!(whole(response).await.1, b"hello");
        let outcome = server.await.unwrap().outcome;
        assert!(
            matches!(outcome, Outcome::ClientClosed | Outcome::Closed),
            "{protocol:?} {outcome}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_closes_closes() {
    let (sender, _) = connected(Protocol::H1);
    assert_eq!(whole(sender.send(get("/close")).await.unwrap()).await.1, b"the last");
    until(|| sender.is_closed()).await;
    let error = sender.send(get("/hello")).await.unwrap_err();
    assert!(error.is_retryable() && error.kind() == client::ErrorKind::Closed, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_in_the_middle_is_an_error() {
    let (ours, mut theirs) = duplex(4096);
    let sender = client_on(Protocol::H1, ours);
    tokio::spawn(async move {
        let _ = theirs.read(&mut [0; 4096]).await.unwrap();
        theirs.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    });
    let mut response = sender.send(get("/")).await.unwrap();
    assert_eq!(&next(response.body_mut()).await.unwrap().unwrap().into_data().unwrap()[..], b"abc");
    let error = next(response.body_mut()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), client::ErrorKind::Closed);
    assert!(!error.is_retryable());
    assert!(next(response.body_mut()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_breaks_the_protocol_is_an_error_that_names_the_rule() {
    let (ours, mut theirs) = duplex(4096);
    let sender = client_on(Protocol::H1, ours);
    tokio::spawn(async move {
        let _ = theirs.read(&mut [0; 4096]).await.unwrap();
        theirs.write_all(b"HTTP/1.1 2x0 OK\r\n\r\n").await.unwrap();
        let _ = theirs.read(&mut [0; 4096]).await.unwrap();
    });
    let error = sender.send(get("/")).await.unwrap_err();
    assert_eq!(error.kind(), client::ErrorKind::Protocol);
    assert!(error.protocol().is_some_and(|error| error.rule().contains('4')), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_an_error_and_costs_nothing() {
    for protocol in BOTH {
        let (sender, _) = connected(protocol);
        let mut request = post("/", Frames::text("abc"));
        request.headers_mut().insert("content-length", HeaderValue::from_static("4"));
        let error = sender.send(request).await.unwrap_err();
        let kind = error.kind();
        assert!(
            matches!(kind, client::ErrorKind::Request | client::ErrorKind::Body),
            "{protocol:?} {error}"
        );
        let error = sender.send(Request::get("/").body(Frames::empty()).unwrap()).await;
        assert_eq!(error.unwrap_err().kind(), client::ErrorKind::Request);
        assert_eq!(whole(sender.send(get("/hello")).await.unwrap()).await.1, b"hello");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_hands_the_transport_over_with_what_was_read() {
    let (ours, mut theirs) = duplex(4096);
    let sender = client_on(Protocol::H1, ours);
    let peer = tokio::spawn(async move {
        let _ = theirs.read(&mut [0; 4096]).await.unwrap();
        let answer = b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nearly";
        theirs.write_all(answer).await.unwrap();
        let mut got = [0; 4];
        theirs.read_exact(&mut got).await.unwrap();
        got
    });
    let mut request = get("/");
    request.headers_mut().insert("upgrade", HeaderValue::from_static("x"));
    let mut response = sender.send(request).await.unwrap();
    assert_eq!(response.status(), 101);
    let mut upgraded = client::upgrade(&mut response).await.unwrap();
    let mut early = [0; 5];
    upgraded.read_exact(&mut early).await.unwrap();
    assert_eq!(&early, b"early");
    upgraded.write_all(b"late").await.unwrap();
    assert_eq!(&peer.await.unwrap(), b"late");
    assert!(sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn connect_makes_a_tunnel() {
    let (ours, mut theirs) = duplex(4096);
    let sender = client_on(Protocol::H1, ours);
    let peer = tokio::spawn(async move {
        let mut got = vec![0; 4096];
        let octets = theirs.read(&mut got).await.unwrap();
        got.truncate(octets);
        theirs.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
        (got, theirs)
    });
    let request = Request::connect("example.com:443").body(Frames::empty()).unwrap();
    let mut response = sender.send(request).await.unwrap();
    let (got, mut theirs) = peer.await.unwrap();
    assert!(got.starts_with(b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n"));
    let mut upgraded = client::upgrade(&mut response).await.unwrap();
    upgraded.write_all(b"tunnel").await.unwrap();
    let mut through = [0; 6];
    theirs.read_exact(&mut through).await.unwrap();
    assert_eq!(&through, b"tunnel");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_changes_no_protocol_has_no_transport_to_give() {
    let (sender, _) = connected(Protocol::H1);
    let mut response = sender.send(get("/hello")).await.unwrap();
    let error = client::upgrade(&mut response).await.unwrap_err();
    assert_eq!(error.kind(), client::ErrorKind::NotUpgraded);
}

/// hyper sends every content back, and its trailers.
async fn hyper_echo(
    request: Request<hyper::body::Incoming>,
) -> Result<http::Response<hyper::body::Incoming>, std::convert::Infallible> {
    Ok(http::Response::new(request.into_body()))
}

#[tokio::test]
async fn hyper_is_understood() {
    for protocol in BOTH {
        let (ours, theirs) = duplex(10_000);
        let io = hyper_util::rt::TokioIo::new(theirs);
        let service = hyper::service::service_fn(hyper_echo);
        match protocol {
            Protocol::H1 => {
                let serving = hyper::server::conn::http1::Builder::new();
                tokio::spawn(serving.serve_connection(io, service));
            }
            Protocol::H2 => {
                let executor = hyper_util::rt::TokioExecutor::new();
                let serving = hyper::server::conn::http2::Builder::new(executor);
                tokio::spawn(serving.serve_connection(io, service));
            }
        }
        let sender = client_on(protocol, ours);
        for pieces in [0, 1, 700] {
            let response =
                sender.send(post("/", Frames::pieces(&[7; 1001], pieces))).await.unwrap();
            assert!(
                whole(response).await == (200, vec![7; 1001 * pieces]),
                "{protocol:?} {pieces}"
            );
        }
        let mut request = post("/", Frames::text("content"));
        request.headers_mut().insert("expect", HeaderValue::from_static("100-continue"));
        let response = sender.send(request).await.unwrap();
        assert_eq!(whole(response).await, (200, b"content".to_vec()), "{protocol:?}");
    }
}
