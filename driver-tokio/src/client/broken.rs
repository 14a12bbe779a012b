//! What the server did wrong, in the words of a client: nobody answers a response.

use std::error::Error;
use std::fmt;

use crate::error::ProtocolError;

/// See the module.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) ProtocolError);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ProtocolError::H1(error) => match error.kind() {
                h1_proto::ErrorKind::Deadline(deadline) => {
                    write!(f, "{} ({})", h1_deadline(deadline), error.rule())
                }
                h1_proto::ErrorKind::Incomplete => incomplete(f, &self.0),
                kind => {
                    write!(f, "{kind} at octet {}", error.offset())?;
                    if let Some(field) = error.field() {
                        write!(f, " in field `{field}`")?;
                    }
                    write!(f, " ({})", error.rule())
                }
            },
            ProtocolError::H2(error) => match error.kind() {
                kind @ h2_proto::ErrorKind::Deadline(_) => f.write_str(&broken_stream(kind)),
                h2_proto::ErrorKind::Incomplete => incomplete(f, &self.0),
                _ => error.fmt(f),
            },
        }
    }
}

impl Error for Broken {}

fn incomplete(f: &mut fmt::Formatter<'_>, error: &ProtocolError) -> fmt::Result {
    write!(f, "it ends at octet {} ({})", error.offset(), error.rule())
}

fn h1_deadline(deadline: h1_proto::Deadline) -> &'static str {
    use h1_proto::Deadline;
    match deadline {
        Deadline::FirstOctet | Deadline::Head => "the head of the response did not come in time",
        Deadline::Body => "the content of the response did not come in time",
        Deadline::UnreadBody => "the content that nobody reads did not end in time",
        Deadline::Send => "the server took the request too slowly",
        Deadline::KeepAlive => "the connection stood idle too long",
        _ => "the response did not end in time",
    }
}

/// What was wrong with one stream of HTTP/2.
pub(crate) fn broken_stream(kind: h2_proto::ErrorKind) -> String {
    use h2_proto::{Deadline, ErrorKind};
    let text = match kind {
        ErrorKind::Deadline(Deadline::Body) => "the content of the response did not come in time",
        ErrorKind::Deadline(Deadline::Send) => "the server took the request too slowly",
        _ => return format!("{kind} ({})", kind.rule()),
    };
    format!("{text} ({})", kind.rule())
}
