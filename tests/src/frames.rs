//! Frames of HTTP/2 (RFC 9113 §4.1), under the names that the tests know them by.

pub use h2_proto::testing::setting::HEADER_TABLE_SIZE;
pub use h2_proto::testing::{Frame, flag, kind};

/// What a client sends before its first frame (RFC 9113 §3.4).
pub const PREFACE: &[u8] = h2_proto::PREFACE;
