//! What can go wrong with a request, in one shape.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::broken::Broken;
use crate::error::{Gone, ProtocolError, SendError};
use crate::outcome::Outcome;

/// Any error.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// A request got no response, or its response no end.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    retryable: bool,
    /// How far the response was when the connection ended.
    stage: Option<Stage>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// How far a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing of it came.
    Nothing,
    /// Its head is not complete.
    Head,
    /// Its head is.
    Content,
}

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request cannot be sent as it is.
    Request,
    /// There is no connection to be had.
    Connect,
    /// The handshake of TLS failed.
    Tls,
    /// A time is over: to connect, for the response to begin, for its content, or to send.
    Timeout,
    /// The server broke the protocol or a limit.
    Protocol,
    /// The content of the request failed, or is not as long as it said.
    Body,
    /// The stream was reset.
    Reset,
    /// The connection ended.
    Closed,
    /// The response was not an upgrade.
    NotUpgraded,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, retryable: false, stage: None, source: Some(source.into().into()) }
    }

    /// The connection is over, before or in the middle of something.
    pub(crate) fn closed() -> Self {
        Self { kind: ErrorKind::Closed, retryable: false, stage: None, source: None }
    }

    pub(crate) fn timeout(what: &'static str) -> Self {
        Self::new(ErrorKind::Timeout, what)
    }

    pub(crate) fn request(source: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Request, source)
    }

    /// A call that the machine refused.
    pub(crate) fn refused(error: SendError) -> Self {
        use h1_proto::SendError as H1;
        use h2_proto::SendError as H2;
        match error {
            SendError::H1(H1::Closed | H1::WrongState | H1::PipelineFull)
            | SendError::H2(H2::Closed | H2::ShuttingDown | H2::Exhausted | H2::TooManyPending) => {
                Self::new(ErrorKind::Closed, error).unprocessed(true)
            }
            error => Self::request(error),
        }
    }

    /// Content that the machine refused.
    pub(crate) fn of_content(error: impl Into<SendError>) -> Self {
        Self::new(ErrorKind::Body, error.into())
    }

    /// How a connection's transport ended.
    pub(crate) fn of_outcome(outcome: Option<Outcome>) -> Self {
        match outcome {
            Some(Outcome::Io(error)) => Self::new(ErrorKind::Closed, error),
            _ => Self::closed(),
        }
    }

    /// The request was provably not processed, or that is not known.
    pub(crate) fn unprocessed(self, retryable: bool) -> Self {
        Self { retryable, ..self }
    }

    /// With how far the response was, if the connection ended.
    pub(crate) fn at(mut self, stage: Stage) -> Self {
        if self.kind == ErrorKind::Closed {
            self.stage = Some(stage);
            // A server may close before it answers: it broke no rule.
            self.source.take_if(|it| stage == Stage::Nothing && it.is::<Broken>());
        }
        self
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the server provably did not act on the request: then it can be sent again, whatever
    /// its method (RFC 9110 §9.2.2).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// The rule that the server broke, if that is what happened.
    #[must_use]
    pub fn protocol(&self) -> Option<&ProtocolError> {
        self.source.as_deref()?.downcast_ref().map(|Broken(error)| error)
    }

    /// The code that the stream was reset with, if that is what happened.
    #[must_use]
    pub fn reset_code(&self) -> Option<h2_proto::ErrorCode> {
        match self.source.as_deref()?.downcast_ref()? {
            Gone::Reset(code) => Some(*code),
            _ => None,
        }
    }
}

impl From<h1_proto::ConnectionError> for Error {
    fn from(error: h1_proto::ConnectionError) -> Self {
        let kind = match error.kind() {
            h1_proto::ErrorKind::Incomplete => ErrorKind::Closed,
            h1_proto::ErrorKind::Deadline(_) => ErrorKind::Timeout,
            _ => ErrorKind::Protocol,
        };
        Self::new(kind, Broken(error.into()))
    }
}

impl From<h2_proto::ConnectionError> for Error {
    fn from(error: h2_proto::ConnectionError) -> Self {
        let kind = match error.kind() {
            h2_proto::ErrorKind::Incomplete => ErrorKind::Closed,
            h2_proto::ErrorKind::Deadline(_) => ErrorKind::Timeout,
            _ => ErrorKind::Protocol,
        };
        Self::new(kind, Broken(error.into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stage) = self.stage {
            let io = self.source.as_deref().is_some_and(|source| source.is::<std::io::Error>());
            f.write_str(if io {
                "the connection broke "
            } else {
                "the server closed the connection "
            })?;
            f.write_str(match stage {
                Stage::Nothing => "before the response began",
                Stage::Head => "in the middle of the response's head",
                Stage::Content => "in the middle of the response's content",
            })?;
        } else {
            f.write_str(self.kind.text())?;
        }
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl ErrorKind {
    const fn text(self) -> &'static str {
        match self {
            Self::Request => "the request cannot be sent",
            Self::Connect => "no connection",
            Self::Tls => "no TLS",
            Self::Timeout => "out of time",
            Self::Protocol => "the server broke the protocol",
            Self::Body => "the content of the request failed",
            Self::Reset => "the stream was reset",
            Self::Closed => "the connection is closed",
            Self::NotUpgraded => "the response changes no protocol",
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
