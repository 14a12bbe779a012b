//! gRPC on the driver: tonic's services, generated and by hand, called by tonic's own client.

use std::net::SocketAddr;
use std::time::Duration;

use driver_tokio::{Outcome, Stop};
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use tonic_health::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::HealthReporter;
use tonic_prost::ProstCodec;

#[path = "driver_tonic_services/mod.rs"]
mod services;

use services::{Talk, Told};

const SERVING: i32 = ServingStatus::Serving as i32;
const NOT_SERVING: i32 = ServingStatus::NotServing as i32;

/// A server, and a channel of tonic to it.
struct Running {
    address: SocketAddr,
    channel: Channel,
    stop: Stop,
    serving: JoinHandle<std::io::Result<()>>,
    ends: mpsc::UnboundedReceiver<String>,
}

async fn run(routes: Routes) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, (ended, ends)) = (Stop::new(), mpsc::unbounded_channel());
    let serve = driver_tokio::serve(listener, routes).with_stop(stop.clone());
    let serve = serve.on_end(move |end| drop(ended.send(end.outcome.label().to_owned())));
    let serving = tokio::spawn(async move { serve.await });
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    Running { address, channel: endpoint.connect().await.unwrap(), stop, serving, ends }
}

impl Running {
    fn health(&self) -> HealthClient<Channel> {
        HealthClient::new(self.channel.clone())
    }

    /// Ends it while nothing is under way: every connection closes in good order.
    async fn close(mut self) {
        self.stop.drain();
        self.serving.await.unwrap().unwrap();
        assert_eq!(self.ends.recv().await.as_deref(), Some(Outcome::Closed.label()));
    }
}

async fn health() -> (HealthReporter, Running) {
    let (reporter, service) = tonic_health::server::health_reporter();
    (reporter, run(Routes::new(service)).await)
}

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.into() }
}

#[tokio::test]
async fn a_unary_call_has_its_status_in_trailers() {
    let (reporter, running) = health().await;
    reporter.set_service_status("down", ServingStatus::NotServing).await;
    for (service, status) in [("", SERVING), ("down", NOT_SERVING)] {
        let answer = running.health().check(of(service)).await.unwrap();
        // tonic puts the trailers among the fields of the head; no head of a success has this one.
        assert_eq!(answer.metadata().get("grpc-status").unwrap(), "0");
        assert_eq!(answer.into_inner().status, status);
    }
    running.close().await;
}

#[tokio::test]
async fn a_generated_server_needs_no_router() {
    let (_reporter, service) = tonic_health::server::health_reporter();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { driver_tokio::serve(listener, service).await });
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let answer = HealthClient::new(channel).check(of("")).await.unwrap();
    assert_eq!(answer.into_inner().status, SERVING);
}

#[tokio::test]
async fn the_drivers_client_is_a_transport() {
    let (reporter, running) = health().await;
    let mut settings = driver_tokio::client::Settings::default();
    settings.prior_knowledge = true;
    let client = driver_tokio::client::Client::builder().settings(settings).build();
    let origin = format!("http://{}", running.address).parse().unwrap();
    let mut health = HealthClient::with_origin(client, origin);
    assert_eq!(health.check(of("")).await.unwrap().into_inner().status, SERVING);
    assert_eq!(health.check(of("nobody")).await.unwrap_err().code(), Code::NotFound);
    let mut watch = health.watch(of("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
    reporter.set_service_status("", ServingStatus::NotServing).await;
    assert_eq!(watch.message().await.unwrap().unwrap().status, NOT_SERVING);
}

#[tokio::test]
async fn what_nobody_knows_has_a_status_of_its_own() {
    let (_reporter, running) = health().await;
    let status = running.health().check(of("nobody")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "service not registered"));
    let status = running.health().watch(of("nobody")).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let mut other = Grpc::new(running.channel.clone());
    other.ready().await.unwrap();
    let path = PathAndQuery::from_static("/no.such.Service/Call");
    let codec = ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    let status = other.unary(Request::new(of("")), path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(running.health().check(of("")).await.unwrap().into_inner().status, SERVING);
    running.close().await;
}

#[tokio::test]
async fn updates_come_one_by_one_until_the_server_ends_them() {
    let (mut reporter, running) = health().await;
    reporter.set_service_status("it", ServingStatus::Serving).await;
    let mut watch = running.health().watch(of("it")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
    for round in 0..50 {
        let status =
            if round % 2 == 0 { ServingStatus::NotServing } else { ServingStatus::Serving };
        reporter.set_service_status("it", status).await;
        assert_eq!(watch.message().await.unwrap().unwrap().status, status as i32);
    }
    reporter.clear_service_status("it").await;
    assert_eq!(watch.message().await.unwrap(), None);
    let trailers = watch.trailers().await.unwrap().unwrap();
    assert_eq!(trailers.get("grpc-status").unwrap(), "0");
    running.close().await;
}

/// As many as a connection may have; the call behind them waits until one is given up.
#[tokio::test]
async fn many_streams_at_once_and_one_more() {
    let (reporter, running) = health().await;
    let mut watches = Vec::new();
    for _ in 0..h2_proto::Config::default().streams_max {
        let mut watch = running.health().watch(of("")).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
        watches.push(watch);
    }
    reporter.set_service_status("", ServingStatus::NotServing).await;
    for watch in &mut watches {
        assert_eq!(watch.message().await.unwrap().unwrap().status, NOT_SERVING);
    }
    let mut client = running.health();
    let mut behind = Box::pin(client.check(of("")));
    let early = tokio::time::timeout(Duration::from_millis(20), &mut behind).await;
    assert!(early.is_err(), "it waits for a stream");
    drop(watches.pop());
    assert_eq!(behind.await.unwrap().into_inner().status, NOT_SERVING);
    drop(watches);
    running.close().await;
}

#[tokio::test]
async fn calls_beside_each_other() {
    let (_reporter, running) = health().await;
    let calls = (0..500).map(|_| {
        let mut client = running.health();
        tokio::spawn(async move { client.check(of("")).await.unwrap().into_inner().status })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), SERVING);
    }
    running.close().await;
}

// ---- a service that does what it is told ----

async fn told() -> (Running, mpsc::UnboundedReceiver<&'static str>) {
    let (tell, dropped) = mpsc::unbounded_channel();
    (run(Routes::new(HealthServer::new(Told(tell)))).await, dropped)
}

#[tokio::test]
async fn a_failure_behind_messages_is_in_the_trailers() {
    let (running, _) = told().await;
    let mut watch = running.health().watch(of("fails")).await.unwrap().into_inner();
    for number in 0..3 {
        assert_eq!(watch.message().await.unwrap().unwrap().status, number);
    }
    let status = watch.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::DataLoss, "as it was told: 50% \u{e4}"));
    let binary = status.metadata().get_bin("x-bin").unwrap().to_bytes().unwrap();
    assert_eq!(&binary[..], [0, 255, 10]);
    running.close().await;
}

#[tokio::test]
async fn a_hundred_thousand_messages_keep_their_order() {
    let (running, _) = told().await;
    let mut watch = running.health().watch(of("many")).await.unwrap().into_inner();
    let mut number = 0;
    while let Some(message) = watch.message().await.unwrap() {
        assert_eq!(message.status, number);
        number += 1;
    }
    assert_eq!(number, 100_000);
    running.close().await;
}

#[tokio::test]
async fn a_stream_that_the_client_gives_up_ends_on_the_server() {
    let (running, mut dropped) = told().await;
    let mut watch = running.health().watch(of("endless")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
    assert!(dropped.try_recv().is_err());
    drop(watch);
    assert_eq!(dropped.recv().await, Some("stream"));
    assert!(running.health().check(of("")).await.is_ok(), "the connection goes on");
    running.close().await;
}

#[tokio::test]
async fn a_deadline_is_told_and_ends_the_call_on_both_sides() {
    let (running, mut dropped) = told().await;
    let mut request = Request::new(of("deadline"));
    request.set_timeout(Duration::from_secs(90));
    let status = running.health().check(request).await.unwrap_err();
    assert_eq!(status.message(), "Ok(\"90000000u\")");
    assert_eq!(dropped.recv().await, Some("call"));
    let mut request = Request::new(of("forever"));
    request.set_timeout(Duration::from_millis(30));
    let status = running.health().check(request).await.unwrap_err();
    assert!(matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded), "{status}");
    assert_eq!(dropped.recv().await, Some("call"), "the handler ends with its stream");
    assert!(running.health().check(of("")).await.is_ok(), "the connection goes on");
    running.close().await;
}

// ---- shutdown ----

#[tokio::test]
async fn a_graceful_shutdown_lets_a_stream_go_on() {
    let (mut reporter, running) = health().await;
    reporter.set_service_status("it", ServingStatus::Serving).await;
    let mut watch = running.health().watch(of("it")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
    running.stop.drain();
    while TcpListener::bind(running.address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for status in [ServingStatus::NotServing, ServingStatus::Serving] {
        reporter.set_service_status("it", status).await;
        assert_eq!(watch.message().await.unwrap().unwrap().status, status as i32);
    }
    assert!(!running.serving.is_finished());
    reporter.clear_service_status("it").await;
    assert_eq!(watch.message().await.unwrap(), None);
    running.close().await;
}

#[tokio::test]
async fn a_cancel_ends_a_stream_with_an_error() {
    let (_reporter, mut running) = health().await;
    let mut watch = running.health().watch(of("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
    running.stop.cancel();
    assert!(watch.message().await.is_err());
    running.serving.await.unwrap().unwrap();
    assert_eq!(running.ends.recv().await.as_deref(), Some(Outcome::Cancelled.label()));
}

// ---- streams in both directions ----

#[tokio::test]
async fn messages_larger_than_the_windows_go_both_ways_in_turn() {
    let running = run(Routes::new(Talk)).await;
    let mut client = Grpc::new(running.channel.clone());
    client.ready().await.unwrap();
    let (say, said) = mpsc::channel(1);
    let said = stream::unfold(said, |mut said| async move { Some((said.recv().await?, said)) });
    let path = PathAndQuery::from_static("/tests.Talk/Talk");
    let codec = ProstCodec::<HealthCheckRequest, HealthCheckRequest>::default();
    let answer = client.streaming(Request::new(said), path, codec).await.unwrap();
    let mut answers = answer.into_inner();
    let mut octets = 0;
    for size in [0, 1, 70_000, 3, 2_000_000, 1_000_000, 10] {
        let text = "x".repeat(size);
        say.send(of(&text)).await.unwrap();
        octets += size;
        let answer = answers.message().await.unwrap().unwrap().service;
        assert!(answer == format!("{octets} {text}"), "{} octets", answer.len());
    }
    drop(say);
    assert_eq!(answers.message().await.unwrap(), None);
    running.close().await;
}
