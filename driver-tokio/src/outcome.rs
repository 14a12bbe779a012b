//! How a connection ended: for logs and metrics, never for the wire.

use std::fmt;
use std::io;

use h1_proto::{ConnectionError, ErrorKind};

/// Why a connection is over.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The protocol came to its end: one side said `close`, or the server drained.
    Closed,
    /// The connection belongs to another protocol now.
    Upgraded,
    /// The client closed, between requests or in the middle of something.
    ClientClosed,
    /// The cancellation token fired.
    Cancelled,
    /// The transport failed.
    Io(io::Error),
    /// The client broke a rule.
    Parse(ConnectionError),
    /// The client passed a limit of size or number.
    TooLarge(ConnectionError),
    /// A transfer coding that is not served.
    UnsupportedTransferEncoding(ConnectionError),
    /// A handler failed or panicked in the middle of an answer, so that it had to be cut.
    HandlerError,
    /// The client let a deadline pass.
    Deadline(ConnectionError),
}

impl Outcome {
    /// A short name that does not change, for a metric's label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Upgraded => "upgraded",
            Self::ClientClosed => "client_closed",
            Self::Cancelled => "cancelled",
            Self::Io(_) => "io",
            Self::Parse(_) => "parse",
            Self::TooLarge(_) => "too_large",
            Self::UnsupportedTransferEncoding(_) => "unsupported_transfer_encoding",
            Self::HandlerError => "handler_error",
            Self::Deadline(_) => "deadline",
        }
    }
}

impl From<ConnectionError> for Outcome {
    fn from(error: ConnectionError) -> Self {
        match (error.kind(), error.status()) {
            (ErrorKind::Deadline(_), _) => Self::Deadline(error),
            (ErrorKind::Incomplete, _) => Self::ClientClosed,
            (ErrorKind::TransferEncodingUnknown, _) => Self::UnsupportedTransferEncoding(error),
            (_, Some(413 | 414 | 431)) => Self::TooLarge(error),
            _ => Self::Parse(error),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())?;
        match self {
            Self::Io(error) => write!(f, ": {error}"),
            Self::Parse(error)
            | Self::TooLarge(error)
            | Self::UnsupportedTransferEncoding(error)
            | Self::Deadline(error) => write!(f, ": {error}"),
            _ => Ok(()),
        }
    }
}
