//! hyper's client against the driver, on HTTP/1.1 and HTTP/2: trailers both ways, interim responses,
//! pools.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

#[path = "driver_clients_server/mod.rs"]
mod server;

use server::{LARGE, Running, add, pattern, run};

type Content = BoxBody<Bytes, Infallible>;
type Hyper = Client<HttpConnector, Content>;

/// Both protocols, each with a server and a client of its own.
async fn both() -> [(Version, Running, Hyper); 2] {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client =
        |is_h2| Client::builder(TokioExecutor::new()).http2_only(is_h2).build(connector.clone());
    [
        (Version::HTTP_11, run(None).await, client(false)),
        (Version::HTTP_2, run(None).await, client(true)),
    ]
}

fn get(running: &Running, path: &str) -> Request<Content> {
    Request::get(running.url(path)).body(Empty::new().boxed()).unwrap()
}

fn post(running: &Running, path: &str, content: Vec<u8>) -> Request<Content> {
    Request::post(running.url(path)).body(Full::from(content).boxed()).unwrap()
}

async fn text(answer: Response<Incoming>) -> String {
    let content = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(content.to_vec()).unwrap()
}

#[tokio::test]
async fn trailers_come_and_go() {
    for (version, running, client) in both().await {
        let answer = client.request(get(&running, "/trailers")).await.unwrap();
        assert_eq!((answer.version(), answer.status()), (version, StatusCode::OK));
        assert_eq!(answer.headers()["trailer"], "x-sum, x-more");
        assert!(!answer.headers().contains_key("x-sum"));
        let got = answer.into_body().collect().await.unwrap();
        let trailers = got.trailers().unwrap();
        assert_eq!(
            (&trailers["x-sum"], &trailers["x-more"]),
            (&"17".parse().unwrap(), &"and more".parse().unwrap())
        );
        assert_eq!(got.to_bytes(), "before the trailers");

        let content = pattern(100_000);
        let mut fields = HeaderMap::new();
        fields.insert("x-sum", HeaderValue::from_static("behind it"));
        let frames: Vec<Result<_, Infallible>> = content
            .chunks(7777)
            .map(|piece| Frame::data(Bytes::copy_from_slice(piece)))
            .chain([Frame::trailers(fields)])
            .map(Ok)
            .collect();
        let body = StreamBody::new(futures_util::stream::iter(frames)).boxed();
        let mut request = Request::post(running.url("/sum")).body(body).unwrap();
        // On HTTP/1.1 hyper sends only the trailers that were announced.
        request.headers_mut().insert("trailer", HeaderValue::from_static("x-sum"));
        let answer = client.request(request).await.unwrap();
        let expected = format!("100000 {} behind it", add(0, &content));
        assert_eq!(text(answer).await, expected, "{version:?}");
    }
}

#[tokio::test]
async fn interim_responses_are_told_on_http_1_1() {
    let [(_, running, client), _] = both().await;
    let links = Arc::new(Mutex::new(Vec::new()));
    let mut request = get(&running, "/hints");
    let told = Arc::clone(&links);
    hyper::ext::on_informational(&mut request, move |hints| {
        let link = hints.headers()["link"].to_str().unwrap().to_owned();
        told.lock().unwrap().push((hints.status().as_u16(), link));
    });
    let answer = client.request(request).await.unwrap();
    assert_eq!(text(answer).await, "after the hints");
    let expected = [(103, "</1.css>".to_owned()), (103, "</2.css>".to_owned())];
    assert_eq!(*links.lock().unwrap(), expected);
}

#[tokio::test]
async fn interim_responses_are_passed_over_on_http_2() {
    let [_, (_, running, client)] = both().await;
    let answer = client.request(get(&running, "/hints")).await.unwrap();
    assert_eq!((answer.status(), text(answer).await.as_str()), (StatusCode::OK, "after the hints"));
}

#[tokio::test]
async fn a_pool_uses_its_connections_again() {
    for (version, running, client) in both().await {
        let seen = async || text(client.request(get(&running, "/seen")).await.unwrap()).await;
        let first = seen().await;
        for number in 0..50 {
            let content = pattern(number * 100);
            let answer = client.request(post(&running, "/echo", content.clone())).await.unwrap();
            assert!(answer.into_body().collect().await.unwrap().to_bytes() == content);
            let mut request = get(&running, "/large");
            *request.method_mut() = Method::HEAD;
            let answer = client.request(request).await.unwrap();
            assert_eq!(answer.headers()["content-length"], LARGE.to_string());
            assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
        }
        assert_eq!(seen().await, first, "{version:?}");
    }
}

#[tokio::test]
async fn large_content_both_ways_beside_each_other() {
    for (version, running, client) in both().await {
        let content = pattern(LARGE);
        let calls = (0..4).map(|_| {
            let (client, content) = (client.clone(), content.clone());
            let request = post(&running, "/echo", content.clone());
            tokio::spawn(async move {
                let answer = client.request(request).await.unwrap();
                answer.into_body().collect().await.unwrap().to_bytes() == content
            })
        });
        for call in calls.collect::<Vec<_>>() {
            assert!(call.await.unwrap(), "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_request_that_is_given_up_ends_its_handler() {
    for (version, mut running, client) in both().await {
        let mut answer = client.request(get(&running, "/endless")).await.unwrap();
        assert!(answer.frame().await.unwrap().unwrap().is_data());
        drop(answer);
        assert_eq!(running.told.recv().await, Some("ended"), "{version:?}");
        let answer = client.request(get(&running, "/seen")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{version:?}");
    }
}

/// A connection that was drained while it was idle is not used for the request after it.
#[tokio::test]
async fn a_drain_ends_idle_connections() {
    for (version, running, client) in both().await {
        let answer = client.request(get(&running, "/seen")).await.unwrap();
        assert!(!text(answer).await.is_empty());
        running.stop.drain();
        let url = running.url("/seen");
        running.serving.await.unwrap();
        let request = Request::get(url).body(Empty::new().boxed()).unwrap();
        let error = client.request(request).await.unwrap_err();
        assert!(error.is_connect(), "{version:?}: {error:?}");
    }
}
