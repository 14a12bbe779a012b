//! Errors of both protocols in one shape: what the peer did wrong, what a handler did wrong, and
//! what it is told when its request is gone.

use std::fmt;

/// The peer broke a rule of the protocol, a limit or a deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "the protocols that are spoken here")]
pub enum ProtocolError {
    /// In HTTP/1.
    H1(h1_proto::ConnectionError),
    /// In HTTP/2.
    H2(h2_proto::ConnectionError),
}

impl ProtocolError {
    /// The section of the RFC, or the name of the limit.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::H1(error) => error.rule(),
            Self::H2(error) => error.rule(),
        }
    }

    /// The offset of the fault in all that the connection received, in octets.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self {
            Self::H1(error) => error.offset(),
            Self::H2(error) => error.offset(),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::H1(error) => error.fmt(f),
            Self::H2(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ProtocolError {}

impl From<h1_proto::ConnectionError> for ProtocolError {
    fn from(error: h1_proto::ConnectionError) -> Self {
        Self::H1(error)
    }
}

impl From<h2_proto::ConnectionError> for ProtocolError {
    fn from(error: h2_proto::ConnectionError) -> Self {
        Self::H2(error)
    }
}

/// What was to be sent is not valid, or not possible now. Nothing of it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "the protocols that are spoken here")]
pub enum SendError {
    /// In HTTP/1.
    H1(h1_proto::SendError),
    /// In HTTP/2.
    H2(h2_proto::SendError),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::H1(error) => error.fmt(f),
            Self::H2(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

impl From<h1_proto::SendError> for SendError {
    fn from(error: h1_proto::SendError) -> Self {
        Self::H1(error)
    }
}

impl From<h2_proto::SendError> for SendError {
    fn from(error: h2_proto::SendError) -> Self {
        Self::H2(error)
    }
}

/// The request is not to be had any more; the connection knows why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gone {
    /// The client broke the protocol, or closed or fell silent in the middle of the request.
    Broken(ProtocolError),
    /// The stream was reset (RFC 9113 §5.4.2): by the client, or because of what it sent on it.
    Reset(h2_proto::ErrorCode),
    /// The transport failed, or the connection was cancelled.
    Closed,
    /// The answer is complete: what of the content was not read before is thrown away.
    Answered,
    /// The answer did not change the protocol, or somebody else asked for it before.
    NotUpgraded,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => error.fmt(f),
            Self::Reset(code) => write!(f, "the stream was reset: {code}"),
            Self::Closed => f.write_str("the connection is closed"),
            Self::Answered => f.write_str("the request is answered, its content is gone"),
            Self::NotUpgraded => f.write_str("the answer does not change the protocol"),
        }
    }
}

impl std::error::Error for Gone {}

/// Why a handler did not answer. `?` makes one of what requests and responses say, of boxed errors and
/// of common errors of the standard library; [`HandlerError::new`] of any other.
///
/// ```
/// use driver_tokio::{Handler, HandlerError, Request, Response};
///
/// struct Sum;
///
/// impl Handler for Sum {
///     async fn handle(
///         &self,
///         request: &mut Request<'_>,
///         response: &mut Response<'_>,
///     ) -> Result<(), HandlerError> {
///         let mut sum = std::fs::read_to_string("sum")?.trim().parse::<u64>()?;
///         while let Some(data) = request.data().await? {
///             sum += std::str::from_utf8(data)?.parse::<u64>()?;
///         }
///         let sum = u32::try_from(sum).map_err(|_| HandlerError::new("the sum is too large"))?;
///         let address: std::net::Ipv4Addr = format!("{sum}").parse().map_err(HandlerError::new)?;
///         response.respond(200, [("content-type", "text/plain")], address.to_string().as_bytes())?;
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// The client is gone, cancelled or broke the protocol: nobody waits for the answer.
    Gone(Gone),
    /// The answer was not valid.
    Send(SendError),
    /// The application's own reason.
    Application(Box<dyn std::error::Error + Send + Sync>),
}

impl HandlerError {
    /// The application's own reason: an error of any type, or a text.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Application(reason.into())
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(gone) => gone.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::Application(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HandlerError {}

impl From<Gone> for HandlerError {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

impl From<SendError> for HandlerError {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<h1_proto::SendError> for HandlerError {
    fn from(error: h1_proto::SendError) -> Self {
        Self::Send(error.into())
    }
}

impl From<h2_proto::SendError> for HandlerError {
    fn from(error: h2_proto::SendError) -> Self {
        Self::Send(error.into())
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for HandlerError {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::Application(error)
    }
}

/// Not of every error: there is a way for those of requests and responses, and it is another one.
macro_rules! application {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for HandlerError {
            fn from(error: $error) -> Self {
                Self::new(error)
            }
        }
    )*};
}

application!(
    std::io::Error,
    fmt::Error,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    std::num::ParseIntError,
    std::num::ParseFloatError,
    std::num::TryFromIntError,
    tokio::task::JoinError,
    tokio::time::error::Elapsed,
);
