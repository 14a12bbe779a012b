//! One request of HTTP/1.1 and its response.

use std::time::Duration;

use h1_proto::{BodyLength, Head};
use http::{HeaderMap, Response, StatusCode, Version};
use tokio::sync::oneshot;

use super::feed::{self, Feed};
use crate::client::body::Body;
use crate::client::call::{Call, Failed, OnInformational, Outcome};
use crate::client::error::{Error, ErrorKind, Stage};
use crate::client::upgrade::OnUpgrade;
use crate::convert;
use crate::head::Fields;
use crate::upgrade::Upgraded;

/// Called when the connection can be used again.
pub(crate) type GiveBack = Box<dyn FnOnce() + Send + Sync>;

/// A request on its way to the connection's task.
pub(crate) struct Sent {
    pub(crate) call: Box<Call>,
    pub(crate) reply: oneshot::Sender<Outcome>,
    pub(crate) give_back: Option<GiveBack>,
}

/// See the module.
pub(crate) struct Exchange {
    pub(crate) call: Box<Call>,
    /// Until the response has a head.
    pub(crate) reply: Option<oneshot::Sender<Outcome>>,
    pub(crate) give_back: Option<GiveBack>,
    pub(crate) feed: Option<Feed>,
    on_informational: Option<OnInformational>,
    pub(crate) on_upgrade: Option<oneshot::Sender<Upgraded>>,
    /// The request is not complete.
    pub(crate) sending: bool,
    /// Its content goes in chunks, so trailers may follow.
    pub(crate) chunked: bool,
    /// The response is not complete.
    pub(crate) receiving: bool,
    /// Octets of the response came.
    pub(crate) heard: bool,
    /// Its content waits for a 100 (Continue).
    pub(crate) expecting: bool,
    /// Octets of the response still to come, if that is known.
    pub(crate) left: Option<u64>,
    /// The response lasts until the connection closes.
    pub(crate) until_close: bool,
    /// Nobody reads on: octets that may still be thrown away, and until when.
    pub(crate) skipping: Option<(u64, Duration)>,
}

impl Exchange {
    pub(crate) fn new(sent: Sent, length: BodyLength, expecting: bool) -> Self {
        let Sent { call, reply, give_back } = sent;
        Self {
            on_informational: call.on_informational(),
            call,
            reply: Some(reply),
            give_back,
            feed: None,
            on_upgrade: None,
            sending: length != BodyLength::None,
            chunked: length == BodyLength::Chunked,
            receiving: true,
            heard: false,
            expecting,
            left: None,
            until_close: false,
            skipping: None,
        }
    }

    pub(crate) fn informational(&self, head: &Head) {
        if let Some(callee) = &self.on_informational {
            callee.call(head.status(), &convert::header_map(Fields::of_head(head)));
        }
    }

    /// The final head: whoever waits for it gets it.
    pub(crate) fn respond(&mut self, head: &Head, length: BodyLength) {
        self.left = match length {
            BodyLength::None => Some(0),
            BodyLength::Known(octets) => Some(octets),
            BodyLength::Chunked | BodyLength::UntilClose => None,
        };
        self.until_close = length == BodyLength::UntilClose;
        let body = if self.left == Some(0) {
            Body::empty()
        } else {
            let (feed, reader) = feed::channel();
            self.feed = Some(feed);
            Body::h1(reader, self.left)
        };
        let mut response = Response::new(body);
        // What the machine lets through is a status.
        *response.status_mut() = StatusCode::from_u16(head.status()).unwrap_or_default();
        *response.version_mut() = match head.version() {
            h1_proto::Version::Http10 => Version::HTTP_10,
            h1_proto::Version::Http11 => Version::HTTP_11,
        };
        *response.headers_mut() = convert::header_map(Fields::of_head(head));
        let connected = self.call.parts.method == http::Method::CONNECT;
        if head.status() == 101 || connected && (200..300).contains(&head.status()) {
            let (sender, upgrade) = OnUpgrade::new();
            self.on_upgrade = Some(sender);
            response.extensions_mut().insert(upgrade);
        }
        if let Some(reply) = self.reply.take() {
            // If nobody waits, the body says so as it is dropped.
            let _ = reply.send(Ok(response));
        }
    }

    /// The response is complete.
    pub(crate) fn end(&mut self, trailers: &Head) {
        self.receiving = false;
        self.skipping = None;
        if let Some(feed) = self.feed.take() {
            let some = trailers.fields().len() > 0;
            let trailers: Option<HeaderMap> =
                some.then(|| convert::header_map(Fields::of_head(trailers)));
            feed.end(trailers);
        }
    }

    /// It ends here, for better or worse.
    pub(crate) fn fail(self, error: Error, unprocessed: bool) {
        let stage = match (&self.reply, self.heard) {
            (None, _) => Stage::Content,
            (_, true) => Stage::Head,
            _ => Stage::Nothing,
        };
        let error = error.at(stage);
        if let Some(reply) = self.reply {
            let failed = if unprocessed {
                Failed::unprocessed(error, self.call)
            } else if stage == Stage::Nothing && error.kind() == ErrorKind::Closed {
                Failed::unheard(error, self.call)
            } else {
                Failed::new(error)
            };
            // Nobody may wait any more.
            let _ = reply.send(Err(failed));
        } else if let Some(feed) = self.feed {
            feed.fail(error);
        }
    }
}
