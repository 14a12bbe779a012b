//! How a connection ended: for logs and metrics, never for the wire.

use std::fmt;
use std::io;

use crate::error::ProtocolError;

/// Why a connection is over.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The protocol came to its end: one side said `close`, the server drained, or nothing was asked for as
    /// long as a connection may be idle.
    Closed,
    /// The connection belongs to another protocol now.
    Upgraded,
    /// The client closed, between requests or in the middle of something.
    ClientClosed,
    /// [`Stop::cancel`](crate::Stop::cancel) was called.
    Cancelled,
    /// The handshake of TLS failed, or took too long.
    Handshake(io::Error),
    /// The transport failed.
    Io(io::Error),
    /// The client broke a rule.
    Parse(ProtocolError),
    /// The client caused more work than it brought (HTTP/2).
    Flood(ProtocolError),
    /// The client passed a limit of size or number.
    TooLarge(ProtocolError),
    /// A transfer coding that is not served.
    UnsupportedTransferEncoding(ProtocolError),
    /// A handler failed or panicked in the middle of an answer, so that it had to be cut.
    HandlerError,
    /// The client let a deadline pass.
    Deadline(ProtocolError),
}

impl Outcome {
    /// All that [`label`](Self::label) can be.
    pub const LABELS: [&'static str; 12] = [
        "closed",
        "upgraded",
        "client_closed",
        "cancelled",
        "handshake",
        "io",
        "parse",
        "flood",
        "too_large",
        "unsupported_transfer_encoding",
        "handler_error",
        "deadline",
    ];

    /// A short name that does not change, for a metric's label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Upgraded => "upgraded",
            Self::ClientClosed => "client_closed",
            Self::Cancelled => "cancelled",
            Self::Handshake(_) => "handshake",
            Self::Io(_) => "io",
            Self::Parse(_) => "parse",
            Self::Flood(_) => "flood",
            Self::TooLarge(_) => "too_large",
            Self::UnsupportedTransferEncoding(_) => "unsupported_transfer_encoding",
            Self::HandlerError => "handler_error",
            Self::Deadline(_) => "deadline",
        }
    }
}

impl From<h1_proto::ConnectionError> for Outcome {
    fn from(error: h1_proto::ConnectionError) -> Self {
        use h1_proto::{Deadline, ErrorKind};
        match (error.kind(), error.status()) {
            // How most connections end, and nobody's fault.
            (ErrorKind::Deadline(Deadline::KeepAlive), _) => Self::Closed,
            (ErrorKind::Deadline(_), _) => Self::Deadline(error.into()),
            (ErrorKind::Incomplete, _) => Self::ClientClosed,
            (ErrorKind::TransferEncodingUnknown, _) => {
                Self::UnsupportedTransferEncoding(error.into())
            }
            (_, Some(413 | 414 | 431)) => Self::TooLarge(error.into()),
            _ => Self::Parse(error.into()),
        }
    }
}

impl From<h2_proto::ConnectionError> for Outcome {
    fn from(error: h2_proto::ConnectionError) -> Self {
        use h2_proto::{ErrorCode, ErrorKind};
        match (error.kind(), error.code()) {
            (ErrorKind::Deadline(_), _) => Self::Deadline(error.into()),
            (ErrorKind::Incomplete, _) => Self::ClientClosed,
            (ErrorKind::Overdrawn(_), _) => Self::Flood(error.into()),
            (_, ErrorCode::ENHANCE_YOUR_CALM) => Self::TooLarge(error.into()),
            _ => Self::Parse(error.into()),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())?;
        match self {
            Self::Io(error) | Self::Handshake(error) => write!(f, ": {error}"),
            Self::Parse(error)
            | Self::Flood(error)
            | Self::TooLarge(error)
            | Self::UnsupportedTransferEncoding(error)
            | Self::Deadline(error) => write!(f, ": {error}"),
            _ => Ok(()),
        }
    }
}
