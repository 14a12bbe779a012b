//! The protocol of an extended CONNECT, as an extension of a request.

use bytes::Bytes;

/// In the extensions of a CONNECT request, it is its `:protocol`, such as `websocket`: an extended CONNECT
/// (RFC 8441), which HTTP/2 has. A service finds it there; a client puts it there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a name")]
pub struct Protocol(pub Bytes);
