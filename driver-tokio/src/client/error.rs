//! What can go wrong with a request, in one shape.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::error::{Gone, ProtocolError, SendError};
use crate::outcome::Outcome;

/// Any error.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// A request got no response, or its response no end.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    retryable: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
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
    /// A time is over: to connect, or for the response to begin.
    Timeout,
    /// The server broke the protocol, a limit or a deadline.
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
        Self { kind, retryable: false, source: Some(source.into().into()) }
    }

    /// The connection is over, before or in the middle of something.
    pub(crate) fn closed() -> Self {
        Self { kind: ErrorKind::Closed, retryable: false, source: None }
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
        self.source.as_deref()?.downcast_ref()
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
        Self::new(kind, ProtocolError::from(error))
    }
}

impl From<h2_proto::ConnectionError> for Error {
    fn from(error: h2_proto::ConnectionError) -> Self {
        let kind = match error.kind() {
            h2_proto::ErrorKind::Incomplete => ErrorKind::Closed,
            h2_proto::ErrorKind::Deadline(_) => ErrorKind::Timeout,
            _ => ErrorKind::Protocol,
        };
        Self::new(kind, ProtocolError::from(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ErrorKind::Request => "the request cannot be sent",
            ErrorKind::Connect => "no connection",
            ErrorKind::Tls => "no TLS",
            ErrorKind::Timeout => "out of time",
            ErrorKind::Protocol => "the server broke the protocol",
            ErrorKind::Body => "the content of the request failed",
            ErrorKind::Reset => "the stream was reset",
            ErrorKind::Closed => "the connection is closed",
            ErrorKind::NotUpgraded => "the response changes no protocol",
        })?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
