//! Services of tonic for the tests: one does what it is told, one talks in both directions.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::mpsc;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::metadata::MetadataValue;
use tonic::server::{NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_prost::ProstCodec;

use super::{SERVING, of};

type Answers = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;
type Texts = Pin<Box<dyn Stream<Item = Result<HealthCheckRequest, Status>> + Send>>;

/// Does what the name in the request says, and tells of handlers and streams that are dropped.
pub(crate) struct Told(pub(crate) mpsc::UnboundedSender<&'static str>);

struct Dropped(mpsc::UnboundedSender<&'static str>, &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

#[tonic::async_trait]
impl Health for Told {
    type WatchStream = Answers;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let _dropped = Dropped(self.0.clone(), "call");
        match request.get_ref().service.as_str() {
            "forever" => std::future::pending().await,
            "deadline" => {
                let given = request.metadata().get("grpc-timeout").map(|it| it.to_str());
                Err(Status::failed_precondition(format!("{:?}", given.unwrap())))
            }
            _ => Ok(Response::new(HealthCheckResponse { status: SERVING })),
        }
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Answers>, Status> {
        let dropped = Dropped(self.0.clone(), "stream");
        let status = |status| Ok(HealthCheckResponse { status });
        Ok(Response::new(match request.get_ref().service.as_str() {
            "endless" => {
                let next = move || (&dropped, status(SERVING)).1;
                stream::repeat_with(next).boxed()
            }
            "fails" => {
                let mut error = Status::data_loss("as it was told: 50% \u{e4}");
                error.metadata_mut().insert_bin("x-bin", MetadataValue::from_bytes(&[0, 255, 10]));
                stream::iter((0..3).map(status).chain([Err(error)])).boxed()
            }
            _ => stream::iter((0..100_000).map(status)).boxed(),
        }))
    }
}

/// Answers each message with all that came before it, while more may come.
#[derive(Clone)]
pub(crate) struct Talk;

impl NamedService for Talk {
    const NAME: &'static str = "tests.Talk";
}

impl StreamingService<HealthCheckRequest> for Talk {
    type Response = HealthCheckRequest;
    type ResponseStream = Texts;
    type Future = std::future::Ready<Result<Response<Texts>, Status>>;

    fn call(&mut self, request: Request<Streaming<HealthCheckRequest>>) -> Self::Future {
        let messages = request.into_inner().scan(0, |octets, message| {
            *octets += message.as_ref().map_or(0, |message| message.service.len());
            std::future::ready(Some(message.map(|it| of(&format!("{octets} {}", it.service)))))
        });
        std::future::ready(Ok(Response::new(messages.boxed())))
    }
}

impl tower_service::Service<http::Request<Body>> for Talk {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let codec = ProstCodec::<HealthCheckRequest, HealthCheckRequest>::default();
            Ok(tonic::server::Grpc::new(codec).streaming(Self, request).await)
        })
    }
}
