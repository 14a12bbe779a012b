//! What whoever comes to the driver meets first: listeners, errors by `?`, counters under a name of one's own, and stamps around what axum makes.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::routing::get;
use driver_tokio::tower::{MakeConnection, PerPeer, RequestInfo, Stamped, Tower};
use driver_tokio::{
    Gone, Handler, HandlerError, Metrics, Request, Response, Server, Settings, Stop,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::layer::layer_fn;

#[cfg(unix)]
#[tokio::test]
async fn listeners_share_an_address_only_when_asked_to() {
    let mut settings = Settings::default();
    let alone = settings.listen("127.0.0.1:0".parse().unwrap()).unwrap();
    assert!(settings.listen(alone.local_addr().unwrap()).is_err());
    settings.reuse_port = true;
    let first = settings.listen("127.0.0.1:0".parse().unwrap()).unwrap();
    settings.listen(first.local_addr().unwrap()).unwrap();
    Server::new(Fails).settings(settings).listen(first.local_addr().unwrap()).unwrap();
}

#[test]
#[should_panic(expected = "runtime")]
fn a_listener_wants_a_runtime() {
    let _ = Settings::default().listen("127.0.0.1:0".parse().unwrap());
}

struct Fails;

impl Handler for Fails {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        _: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let path = std::str::from_utf8(request.head().path_and_query())?.to_owned();
        match path.trim_start_matches('/') {
            "file" => drop(std::fs::read("/nowhere/to/be/found")?),
            "task" => tokio::spawn(std::future::pending::<()>()).abort_and_wait().await?,
            "address" => drop("x".parse::<SocketAddr>().map_err(HandlerError::new)?),
            "text" => return Err(HandlerError::new("a text")),
            number => drop(number.parse::<u8>()?),
        }
        Ok(())
    }
}

trait AbortAndWait {
    async fn abort_and_wait(self) -> Result<(), tokio::task::JoinError>;
}

impl AbortAndWait for tokio::task::JoinHandle<()> {
    async fn abort_and_wait(self) -> Result<(), tokio::task::JoinError> {
        self.abort();
        self.await
    }
}

async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn errors_of_others_are_those_of_a_handler() {
    let (server, stop) = (Server::new(Fails), Stop::new());
    let listener = server.listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { server.serve(listener, &stop).await });
    for path in ["/file", "/task", "/address", "/text", "/256"] {
        let answer = ask(address, path).await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{path}: {answer}");
    }
}

#[test]
fn an_error_keeps_what_it_was() {
    assert!(matches!(HandlerError::from(Gone::Closed), HandlerError::Gone(Gone::Closed)));
    let HandlerError::Application(error) = HandlerError::from(std::io::Error::other("why")) else {
        panic!("another reason")
    };
    assert_eq!(error.downcast::<std::io::Error>().unwrap().to_string(), "why");
    assert_eq!(HandlerError::new("a text").to_string(), "a text");
}

#[test]
fn counters_have_help_and_a_prefix() {
    let metrics = Metrics::default();
    let text = metrics.to_string();
    assert_eq!(text, metrics.display("http_").to_string());
    let help = "# HELP http_requests_total Requests that handlers were given.\n\
                # TYPE http_requests_total counter\nhttp_requests_total 0\n";
    assert!(text.contains(help), "{text}");
    let text = metrics.display("shop_").to_string();
    let names = text.lines().map(|line| {
        line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").split(' ').next().unwrap()
    });
    assert!(names.clone().all(|name| name.starts_with("shop_")), "{text}");
    for name in names {
        let name = name.split('{').next().unwrap();
        assert_eq!(text.matches(&format!("# HELP {name} ")).count(), 1, "{text}");
        assert_eq!(text.matches(&format!("# TYPE {name} ")).count(), 1, "{text}");
    }
}

async fn peer_and_stamp(ConnectInfo(peer): ConnectInfo<SocketAddr>, fields: HeaderMap) -> String {
    let stamp = fields["x-weft-submitted-at"].to_str().unwrap().parse::<u64>().unwrap();
    format!("{} {}", peer.ip(), stamp > 1_700_000_000_000)
}

#[tokio::test]
async fn what_makes_services_of_peers_makes_them_stamped() {
    let app = Router::new().route("/", get(peer_and_stamp));
    peer_and_stamp_are_told(Stamped(app.into_make_service_with_connect_info::<SocketAddr>())).await;
}

#[tokio::test]
async fn a_stamp_is_a_layer_too() {
    let app = Router::new().route("/", get(peer_and_stamp)).layer(layer_fn(Stamped));
    peer_and_stamp_are_told(app.into_make_service_with_connect_info::<SocketAddr>()).await;
}

async fn peer_and_stamp_are_told<M>(make: M)
where
    M: MakeConnection<PerPeer>,
    Tower<M::Service>: Handler,
{
    let listener = Settings::default().listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = driver_tokio::serve(listener, make);
    tokio::spawn(async move { serving.await });
    let answer = ask(address, "/").await;
    assert!(answer.ends_with("\r\n\r\n127.0.0.1 true"), "{answer}");
}

#[tokio::test]
async fn a_service_of_tonic_knows_its_peer_by_an_extension() {
    let (_reporter, service) = tonic_health::server::health_reporter();
    let service = InterceptedService::new(service, |request: tonic::Request<()>| {
        let info = request.extensions().get::<RequestInfo>();
        let peer = info.and_then(|info| info.connection().peer());
        match peer {
            Some(_) => Ok(request),
            None => Err(tonic::Status::internal("a call from nowhere")),
        }
    });
    let listener = Settings::default().listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { driver_tokio::serve(listener, service).await });
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
}
