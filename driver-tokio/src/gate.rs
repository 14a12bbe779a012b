//! What each request passes on its way to its handler: the limit of requests, counters, a span.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tracing::{Instrument, Level, Span};

use crate::error::HandlerError;
use crate::handler::Handler;
use crate::metrics::Metrics;
use crate::request::Request;
use crate::response::Response;

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    /// Requests that may be at work; none for any number.
    pub(crate) places: Option<Arc<Semaphore>>,
    pub(crate) metrics: Option<Arc<Metrics>>,
}

impl Gate {
    /// Whether requests may as well go by: there is no limit, and nobody counts or looks.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.places.is_none() && self.metrics.is_none() && !tracing::enabled!(Level::DEBUG)
    }

    /// Hands a request to its handler, or turns it away.
    pub(crate) async fn handle<H: Handler>(
        &self,
        handler: &H,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let place = self.places.as_ref().map(|places| places.try_acquire());
        if let Some(Err(_)) = place {
            if let Some(metrics) = &self.metrics {
                metrics.count_shed_request();
            }
            let fields = [("content-type", "text/plain"), ("retry-after", "1")];
            response.respond(503, fields, b"503 Service Unavailable\n")?;
            return Ok(());
        }
        let _open = self.metrics.as_ref().map(Metrics::request);
        if tracing::enabled!(Level::DEBUG) {
            let span = span_of(request);
            handler.handle(request, response).instrument(span).await
        } else {
            handler.handle(request, response).await
        }
    }

    /// A handler failed: it returned an error, panicked or did not answer.
    pub(crate) fn count_failed(&self) {
        if let Some(metrics) = &self.metrics {
            metrics.count_failed();
        }
    }
}

fn span_of(request: &Request<'_>) -> Span {
    let head = request.head();
    tracing::debug_span!(
        "request",
        method = %head.method().escape_ascii(),
        path = %head.path_and_query().escape_ascii(),
        version = %head.version(),
    )
}
