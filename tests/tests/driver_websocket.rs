//! WebSockets over the upgrade of HTTP/1.1: tungstenite on both ends of what the driver hands over.

use driver_tokio::{
    BodyLength, Handler, HandlerError, Io, Outcome, Request, Response, Server, Stop, Tls,
};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Answers the opening handshake (RFC 6455 §4.2), and other requests as HTTP.
struct Opening;

impl Handler for Opening {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let head = request.head();
        let Some(key) = head.field("sec-websocket-key") else {
            return Ok(response.respond(426, [("upgrade", "websocket")], b"WebSocket only\n")?);
        };
        let accept = derive_accept_key(key);
        let fields = [("upgrade", "websocket"), ("sec-websocket-accept", &accept)];
        Ok(response.send_response(101, fields, BodyLength::None)?)
    }
}

/// Serves one connection and echoes the messages of the WebSocket that it becomes: how many there
/// were, and how both ended.
fn serve(server: Server<Opening>, io: impl Io + 'static) -> JoinHandle<(usize, Outcome)> {
    tokio::spawn(async move {
        let ended = server.serve_connection(io, &Stop::new()).await;
        let Some(upgraded) = ended.upgraded else { return (0, ended.outcome) };
        let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, None).await;
        let mut messages = 0;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() || message.is_binary() {
                messages += 1;
                socket.send(message).await.unwrap();
            }
        }
        (messages, ended.outcome)
    })
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(io: S) -> WebSocketStream<S> {
    let request = "ws://localhost/chat".into_client_request().unwrap();
    let (socket, answer) = client_async(request, io).await.unwrap();
    assert_eq!(answer.status().as_u16(), 101);
    socket
}

async fn start() -> (WebSocketStream<DuplexStream>, JoinHandle<(usize, Outcome)>) {
    let (io, theirs) = duplex(64 << 10);
    let serving = serve(Server::new(Opening), theirs);
    (open(io).await, serving)
}

/// Sends one and waits for it.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    message: Message,
) {
    socket.send(message.clone()).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap() == message);
}

#[tokio::test]
async fn messages_are_echoed_until_both_sides_close() {
    let (mut socket, serving) = start().await;
    echo(&mut socket, Message::text("")).await;
    echo(&mut socket, Message::text("h\u{e4}llo")).await;
    echo(&mut socket, Message::binary([0, 255, b'\r', b'\n'].as_slice())).await;
    for number in 0..500 {
        echo(&mut socket, Message::text(format!("message {number}"))).await;
    }
    socket.send(Message::Ping("are you there".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("are you there".into()));
    let close = CloseFrame { code: CloseCode::Normal, reason: "enough".into() };
    socket.close(Some(close.clone())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Close(Some(close)));
    let (messages, outcome) = serving.await.unwrap();
    assert_eq!(messages, 503);
    assert!(matches!(outcome, Outcome::Upgraded), "{outcome}");
}

#[tokio::test]
async fn large_messages_go_both_ways() {
    let (socket, serving) = start().await;
    let content: Vec<u8> = (0..3_000_000u32).map(|at| (at >> 3) as u8).collect();
    let (mut sink, mut answers) = socket.split();
    let sent = content.clone();
    let sending = async {
        sink.send(Message::binary(sent)).await.unwrap();
        sink.send(Message::text("the next")).await.unwrap();
    };
    let getting = async {
        assert!(answers.next().await.unwrap().unwrap() == Message::binary(content));
        assert_eq!(answers.next().await.unwrap().unwrap(), Message::text("the next"));
    };
    tokio::join!(sending, getting);
    drop((sink, answers));
    assert_eq!(serving.await.unwrap().0, 2);
}

/// A frame in the same write as the request is not lost, wherever the octets are cut.
#[tokio::test]
async fn frames_behind_the_request_belong_to_the_websocket() {
    let request = b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    // "Hello", masked (RFC 6455 §5.7).
    let frame = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    let octets = [&request[..], frame].concat();
    for cut in [0, 1, request.len() - 1, request.len(), request.len() + 1, request.len() + 6] {
        let (mut io, theirs) = duplex(64 << 10);
        let serving = serve(Server::new(Opening), theirs);
        io.write_all(&octets[..cut]).await.unwrap();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        io.write_all(&octets[cut..]).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\x81\x05Hello") {
            let got = io.read_buf(&mut answer).await.unwrap();
            assert!(got > 0, "{cut}: {}", answer.escape_ascii());
        }
        let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        // That of the example in RFC 6455 §1.3.
        assert!(
            head.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"),
            "{head}"
        );
        drop(io);
        assert_eq!(serving.await.unwrap().0, 1);
    }
}

#[tokio::test]
async fn requests_before_the_upgrade_are_http() {
    let (mut io, theirs) = duplex(64 << 10);
    let serving = serve(Server::new(Opening), theirs);
    io.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nWebSocket only\n") {
        assert!(io.read_buf(&mut answer).await.unwrap() > 0);
    }
    assert!(answer.starts_with(b"HTTP/1.1 426 Upgrade Required\r\n"));
    let mut socket = open(io).await;
    echo(&mut socket, Message::text("as if nothing had been")).await;
    drop(socket);
    let (messages, outcome) = serving.await.unwrap();
    assert!(messages == 1 && matches!(outcome, Outcome::Upgraded), "{outcome}");
}

#[tokio::test]
async fn a_server_that_only_speaks_http_is_no_websocket() {
    struct Plain;
    impl Handler for Plain {
        async fn handle(
            &self,
            _: &mut Request<'_>,
            response: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            Ok(response.respond(200, [("content-type", "text/plain")], b"plain")?)
        }
    }
    let (io, theirs) = duplex(64 << 10);
    tokio::spawn(async move { Server::new(Plain).serve_connection(theirs, &Stop::new()).await });
    let request = "ws://localhost/chat".into_client_request().unwrap();
    let refused = client_async(request, io).await.map(|_| ());
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 200));
}

#[tokio::test]
async fn over_tls_it_is_the_same() {
    use std::sync::Arc;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (io, theirs) = duplex(64 << 10);
    let serving = serve(Server::new(Opening).tls(tls), theirs);
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, io).await.unwrap();
    let mut socket = open(stream).await;
    echo(&mut socket, Message::binary(vec![7; 300_000])).await;
    socket.close(None).await.unwrap();
    while socket.next().await.is_some() {}
    assert_eq!(serving.await.unwrap().0, 1);
}
