//! The buffers that the connections of a thread share are moved, never borrowed: a handler may drive a client's
//! connection, and the server at its other end, inside its own task, in every pair of protocols.

use bytes::Bytes;
use driver_tokio::client;
use driver_tokio::{Handler, HandlerError, Protocols, Request, Response, Server, Settings, Stop};
use futures_util::future::{join_all, join3};
use http_body_util::{BodyExt, Full};
use tokio::io::duplex;

const TEXT: (&str, &str) = ("content-type", "text/plain");
const PAIRS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

async fn content_of(request: &mut Request<'_>) -> Result<Vec<u8>, HandlerError> {
    let mut content = Vec::new();
    while let Some(data) = request.data().await? {
        content.extend_from_slice(data);
    }
    Ok(content)
}

struct Echo;

impl Handler for Echo {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let content = content_of(request).await?;
        Ok(response.respond(200, [TEXT], &content)?)
    }
}

/// Answers what another server answers.
struct Forward {
    http2: bool,
}

impl Handler for Forward {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        // The first piece lies in the buffers of this connection while the others work.
        let first = request.data().await?.unwrap_or_default().to_vec();
        let inner = exchange(Echo, self.http2, &first).await;
        let rest = content_of(request).await?;
        let all = [inner, exchange(Echo, self.http2, &rest).await].concat();
        Ok(response.respond(200, [TEXT], &all)?)
    }
}

/// One request to a server of this handler, with both ends on this task.
async fn exchange(handler: impl Handler, http2: bool, content: &[u8]) -> Vec<u8> {
    let (ours, theirs) = duplex(100);
    let mut settings = Settings::default();
    settings.protocols = if http2 { Protocols::Http2 } else { Protocols::Http1 };
    let (server, stop) = (Server::new(handler).settings(settings), Stop::new());
    let (sender, connection) = if http2 {
        client::http2(ours, h2_proto::Config::default())
    } else {
        client::http1(ours, h1_proto::Config::client())
    };
    let asking = async move {
        let content = Full::new(Bytes::copy_from_slice(content));
        let request = http::Request::post("http://a/").header("host", "a").body(content);
        let response = sender.send(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    };
    let (answer, (), ended) =
        join3(asking, connection, server.serve_connection(theirs, &stop)).await;
    assert!(matches!(ended.outcome.label(), "client_closed" | "closed"), "{}", ended.outcome);
    answer
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_drive_a_client_and_its_server_inside_its_own_task() {
    for (outer, inner) in PAIRS {
        // More than once, so that buffers come back, and several at a time.
        for round in 0..3 {
            let contents = (0..5).map(|it| format!("{round}.{it} ").repeat(200 * it));
            let contents = contents.collect::<Vec<_>>();
            let asked = contents
                .iter()
                .map(|content| exchange(Forward { http2: inner }, outer, content.as_bytes()));
            for (answer, content) in join_all(asked).await.iter().zip(&contents) {
                assert_eq!(String::from_utf8_lossy(answer), *content, "{outer} {inner}");
            }
        }
    }
}
