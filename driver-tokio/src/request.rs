//! A request of either protocol, as a handler sees it.

use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

use crate::error::Gone;
use crate::h1::Asked as AskedH1;
use crate::h2::Asked as AskedH2;
use crate::head::{BodyLength, Fields, Head, Kind};
use crate::info::ConnectionInfo;
use crate::upgrade::OnUpgrade;

/// A request: its head, and its content as it comes.
pub struct Request<'a>(pub(crate) Asked<'a>);

pub(crate) enum Asked<'a> {
    H1(AskedH1<'a>),
    H2(AskedH2),
}

impl Request<'_> {
    /// Target and fields.
    #[must_use]
    pub fn head(&self) -> Head<'_> {
        Head(match &self.0 {
            Asked::H1(asked) => Kind::H1(asked.head()),
            Asked::H2(asked) => Kind::H2(asked.head()),
        })
    }

    /// How long the content is.
    #[must_use]
    pub fn body_length(&self) -> BodyLength {
        match &self.0 {
            Asked::H1(asked) => asked.body_length(),
            Asked::H2(asked) => asked.body_length(),
        }
    }

    /// Where the connection comes from and what carries it.
    #[must_use]
    pub fn connection(&self) -> ConnectionInfo {
        match &self.0 {
            Asked::H1(asked) => asked.connection(),
            Asked::H2(asked) => asked.connection().clone(),
        }
    }

    /// The byte stream that this request becomes if it is answered with 101 (HTTP/1.1) or, for CONNECT, with
    /// 2xx: spawn a task that awaits it, and answer. Of several who ask the first gets it.
    #[allow(clippy::needless_pass_by_ref_mut, reason = "a request has one taker")]
    pub fn on_upgrade(&mut self) -> OnUpgrade {
        match &self.0 {
            Asked::H1(asked) => asked.on_upgrade(),
            Asked::H2(asked) => asked.on_upgrade(),
        }
    }

    /// When the first octet of the request came, counted from the start of the connection.
    #[must_use]
    pub fn began(&self) -> Duration {
        match &self.0 {
            Asked::H1(asked) => asked.began(),
            Asked::H2(asked) => asked.began(),
        }
    }

    /// How long ago that was: the time that the request has waited, for queue control.
    #[must_use]
    pub fn waited(&self) -> Duration {
        match &self.0 {
            Asked::H1(asked) => asked.waited(),
            Asked::H2(asked) => asked.waited(),
        }
    }

    /// The next piece of the content; `None` at its end. If the client waits for a 100 (Continue),
    /// the first call sends it.
    ///
    /// Nothing is read ahead of this call beyond the stream's window (HTTP/2) or at all (HTTP/1): a
    /// handler that does not call it holds the client back.
    ///
    /// # Errors
    /// The content will not be complete.
    pub async fn data(&mut self) -> Result<Option<&[u8]>, Gone> {
        match &mut self.0 {
            Asked::H1(asked) => asked.data().await,
            Asked::H2(asked) => {
                let more = poll_fn(|cx| asked.poll_data(cx)).await?;
                Ok(more.then(|| asked.piece()))
            }
        }
    }

    /// The trailers, once [`data`](Self::data) gave `None`; empty before.
    #[must_use]
    pub fn trailers(&self) -> Fields<'_> {
        match &self.0 {
            Asked::H1(asked) => Fields::of_head(asked.trailers()),
            Asked::H2(asked) => Fields::of_buffer(asked.trailers()),
        }
    }

    /// Takes what of the content is already here and throws it away; true if that was the rest of
    /// it. For an answer that does not need the content: the connection can then persist.
    pub fn skip_ready(&mut self) -> bool {
        match &mut self.0 {
            Asked::H1(asked) => asked.skip_ready(),
            Asked::H2(asked) => asked.skip_ready(),
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({}, content {:?})", self.head(), self.body_length())
    }
}
