//! The crate h2 at the other end of a connection in memory, in both roles: heads, content larger than
//! every window in both directions at once, trailers, HEAD, interim responses, resets, shutdown.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use h2_proto::{
    ClientConnection, Config, ErrorCode, Event, FieldBuf, NextStep, Phase, RequestLine,
    ServerConnection, StreamId,
};
use http::{HeaderMap, Method, Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);
const LARGE: usize = 3 << 20;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| ((index * 31) >> 3) as u8).collect()
}

/// What is to be sent on a stream.
#[derive(Default)]
struct Body {
    data: Vec<u8>,
    sent: usize,
    complete: bool,
    trailers: bool,
}

/// Sends what has its turn.
macro_rules! pump {
    ($conn:expr, $bodies:expr, $out:expr) => {
        while let Some((stream, capacity)) = $conn.next_writable() {
            let Some(body) = $bodies.get_mut(&stream) else { continue };
            let rest = &body.data[body.sent..];
            let piece = &rest[..rest.len().min(capacity as usize)];
            let last = body.complete && piece.len() == rest.len();
            let end = last && !body.trailers;
            body.sent += $conn.send_data(stream, piece, end, $out).unwrap();
            if body.sent < body.data.len() {
                $conn.want_send(stream).unwrap();
            } else if last && body.trailers {
                $conn.send_trailers(stream, [("x-sum", "1")].iter(), $out).unwrap();
            }
        }
    };
}

/// Echoes content; `/early` gets an interim response, `/trailers` trailers; `/reset` is reset.
async fn serve(mut transport: DuplexStream) -> ServerConnection {
    let (mut out, mut fields, mut input) = (Vec::new(), FieldBuf::new(), Vec::new());
    let mut conn = ServerConnection::new(Config::default(), Duration::ZERO, &mut out);
    let mut bodies: HashMap<StreamId, Body> = HashMap::new();
    loop {
        let mut rest = &input[..];
        while let Some(event) = conn.next_event(&mut rest, &mut fields, &mut out).unwrap() {
            match event {
                Event::Request { stream, head, end_stream, .. } => {
                    let path = head.path().unwrap().to_vec();
                    if path == b"/reset" {
                        conn.reset(stream, ErrorCode::CANCEL, &mut out).unwrap();
                        continue;
                    }
                    if path == b"/early" {
                        let link = [("link", "</a.css>; rel=preload")];
                        conn.send_informational(stream, 103, link.iter(), &mut out).unwrap();
                    }
                    let body = bodies.entry(stream).or_default();
                    body.trailers = path == b"/trailers";
                    let fields = [("content-type", "application/octet-stream")];
                    conn.send_response(stream, 200, fields.iter(), false, &mut out).unwrap();
                    if end_stream {
                        body.data = pattern(100);
                        body.complete = true;
                        conn.want_send(stream).unwrap();
                    }
                }
                Event::Data { stream, data, end_stream, .. } => {
                    let body = bodies.get_mut(&stream).unwrap();
                    body.data.extend_from_slice(data);
                    body.complete |= end_stream;
                    conn.want_send(stream).unwrap();
                }
                Event::Trailers { stream, fields } => {
                    assert_eq!(fields.value("x-sum"), Some(&b"1"[..]));
                    bodies.get_mut(&stream).unwrap().complete = true;
                    conn.want_send(stream).unwrap();
                }
                Event::Reset { stream, .. } => {
                    bodies.remove(&stream);
                    conn.done(stream, &mut out).unwrap();
                }
                _ => {}
            }
        }
        let used = input.len() - rest.len();
        input.drain(..used);
        pump!(conn, bodies, &mut out);
        conn.advance(Duration::ZERO, &mut out).unwrap();
        // A client that has said goodbye does not wait for ours.
        let written = transport.write_all(&out).await;
        assert!(written.is_ok() || conn.phase() == Phase::Closed);
        conn.wrote(out.len());
        out.clear();
        match conn.next_step() {
            NextStep::Read => {
                if transport.read_buf(&mut input).await.unwrap() == 0 {
                    conn.eof();
                }
            }
            NextStep::Write => {}
            _ => return conn,
        }
    }
}

async fn echoed(
    client: &mut h2::client::SendRequest<Bytes>,
    path: &str,
    data: Vec<u8>,
    trailers: bool,
) -> (Vec<u8>, Option<HeaderMap>) {
    let request = Request::post(format!("https://example.com{path}")).body(()).unwrap();
    client.clone().ready().await.unwrap();
    let (response, mut send) = client.send_request(request, false).unwrap();
    let sender = tokio::spawn(async move {
        let mut rest = Bytes::from(data);
        while !rest.is_empty() {
            send.reserve_capacity(rest.len().min(50_000));
            let capacity =
                std::future::poll_fn(|context| send.poll_capacity(context)).await.unwrap().unwrap();
            let piece = rest.split_to(capacity.min(rest.len()));
            send.send_data(piece, false).unwrap();
        }
        if trailers {
            let mut map = HeaderMap::new();
            map.insert("x-sum", "1".parse().unwrap());
            send.send_trailers(map).unwrap();
        } else {
            send.send_data(Bytes::new(), true).unwrap();
        }
    });
    let mut body = response.await.unwrap().into_body();
    let mut received = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        received.extend_from_slice(&data);
    }
    sender.await.unwrap();
    (received, body.trailers().await.unwrap())
}

#[tokio::test]
async fn our_server_and_a_client_of_h2() {
    let (ours, theirs) = duplex(64 << 10);
    let server = tokio::spawn(serve(ours));
    let work = async {
        let (mut client, connection) = h2::client::handshake(theirs).await.unwrap();
        let connection = tokio::spawn(connection);

        {
            let get = Request::get("https://example.com/early").body(()).unwrap();
            let (response, _) = client.send_request(get, true).unwrap();
            let response = response.await.unwrap();
            assert_eq!(response.status(), 200);
            let mut body = response.into_body();
            assert_eq!(body.data().await.unwrap().unwrap(), pattern(100));

            let head = Request::builder()
                .method(Method::HEAD)
                .uri("https://example.com/")
                .body(())
                .unwrap();
            let (response, _) = client.send_request(head, true).unwrap();
            let mut body = response.await.unwrap().into_body();
            while let Some(data) = body.data().await {
                assert!(data.unwrap().is_empty());
            }

            let reset = Request::get("https://example.com/reset").body(()).unwrap();
            let (response, _) = client.send_request(reset, true).unwrap();
            let error = response.await.unwrap_err();
            assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
        }
        let many: Vec<_> = (0..20)
            .map(|number| {
                let mut client = client.clone();
                tokio::spawn(async move {
                    let data = pattern(10_000 + number);
                    let (received, _) = echoed(&mut client, "/", data.clone(), false).await;
                    assert_eq!(received, data);
                })
            })
            .collect();
        for task in many {
            task.await.unwrap();
        }

        let (received, _) = echoed(&mut client, "/", pattern(LARGE), false).await;
        assert!(received == pattern(LARGE));
        let (received, trailers) = echoed(&mut client, "/trailers", pattern(100_000), true).await;
        assert!(received == pattern(100_000));
        assert_eq!(trailers.unwrap()["x-sum"], "1");
        drop(client);
        connection.await.unwrap().unwrap();
        let server = server.await.unwrap();
        assert_eq!(server.snapshot().peer_streams, 0);
        assert!(server.debt() < 100, "good work is no debt: {}", server.debt());
    };
    timeout(LIMIT, work).await.expect("within the limit");
}

/// A server of h2 that echoes.
async fn echo_by_h2(transport: DuplexStream) {
    let mut connection = h2::server::handshake(transport).await.unwrap();
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request.unwrap();
        tokio::spawn(async move {
            let mut body = request.into_body();
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            while let Some(data) = body.data().await {
                let mut data = data.unwrap();
                body.flow_control().release_capacity(data.len()).unwrap();
                while !data.is_empty() {
                    send.reserve_capacity(data.len());
                    let capacity = std::future::poll_fn(|context| send.poll_capacity(context))
                        .await
                        .unwrap()
                        .unwrap();
                    send.send_data(data.split_to(capacity.min(data.len())), false).unwrap();
                }
            }
            let trailers = body.trailers().await.unwrap();
            match trailers {
                Some(trailers) => send.send_trailers(trailers).unwrap(),
                None => send.send_data(Bytes::new(), true).unwrap(),
            }
        });
    }
}

#[tokio::test]
async fn our_client_and_a_server_of_h2() {
    let (ours, theirs) = duplex(64 << 10);
    let server = tokio::spawn(echo_by_h2(theirs));
    let work = async {
        let mut transport = ours;
        let (mut out, mut fields, mut input) = (Vec::new(), FieldBuf::new(), Vec::new());
        let mut conn = ClientConnection::new(Config::default(), Duration::ZERO, &mut out);
        let mut bodies: HashMap<StreamId, Body> = HashMap::new();
        let mut received: HashMap<StreamId, Vec<u8>> = HashMap::new();
        let sizes = [0, 1, 100, 65_535, 65_536, LARGE];
        for (index, size) in sizes.into_iter().enumerate() {
            let line = RequestLine::new("POST", "https", "example.com", "/echo");
            let stream =
                conn.send_request(line, [("x-index", "1")].iter(), false, &mut out).unwrap();
            conn.want_send(stream).unwrap();
            let trailers = index % 2 == 1;
            bodies.insert(stream, Body { data: pattern(size), sent: 0, complete: true, trailers });
        }
        let mut open = bodies.len();
        while open > 0 {
            let mut rest = &input[..];
            while let Some(event) = conn.next_event(&mut rest, &mut fields, &mut out).unwrap() {
                match event {
                    Event::Response { stream, head, end_stream } => {
                        assert_eq!((head.status, end_stream), (200, false));
                        received.insert(stream, Vec::new());
                    }
                    Event::Data { stream, data, end_stream, .. } => {
                        received.get_mut(&stream).unwrap().extend_from_slice(data);
                        open -= usize::from(end_stream);
                        assert!(!end_stream || !bodies[&stream].trailers);
                    }
                    Event::Trailers { stream, fields } => {
                        assert_eq!(fields.value("x-sum"), Some(&b"1"[..]));
                        assert!(bodies[&stream].trailers);
                        open -= 1;
                    }
                    Event::Reset { .. } => panic!("{event}"),
                    _ => {}
                }
            }
            let used = input.len() - rest.len();
            input.drain(..used);
            pump!(conn, bodies, &mut out);
            transport.write_all(&out).await.unwrap();
            conn.wrote(out.len());
            out.clear();
            if open > 0 {
                assert_ne!(transport.read_buf(&mut input).await.unwrap(), 0);
            }
        }
        for (stream, body) in &bodies {
            assert!(received[stream] == body.data, "{stream}");
        }
        assert_eq!(conn.snapshot().own_streams, 0);
        conn.shutdown(&mut out);
        transport.write_all(&out).await.unwrap();
        drop(transport);
        server.await.unwrap();
    };
    timeout(LIMIT, work).await.expect("within the limit");
}
