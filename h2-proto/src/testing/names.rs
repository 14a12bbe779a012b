//! The numbers of the protocol and their names in the RFCs.

macro_rules! names {
    ($(#[doc = $module_doc:literal])+ $module:ident: $number:ty;
     $($(#[doc = $doc:literal])+ $name:ident = $value:literal;)+) => {
        $(#[doc = $module_doc])+
        pub mod $module {
            $($(#[doc = $doc])+ pub const $name: $number = $value;)+

            /// The name in the RFC, or `None` if it has none there.
            #[must_use]
            pub const fn name(number: $number) -> Option<&'static str> {
                match number {
                    $($value => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

names! {
    /// The types of frames (RFC 9113 §6, RFC 9218 §7.1).
    kind: u8;
    /// Content.
    DATA = 0x0;
    /// A field section, or its beginning.
    HEADERS = 0x1;
    /// A dependency between streams, which means nothing any more.
    PRIORITY = 0x2;
    /// The end of a stream before its time.
    RST_STREAM = 0x3;
    /// What the sender takes, or that it has taken note of what the peer does.
    SETTINGS = 0x4;
    /// The request of a response that a server will push.
    PUSH_PROMISE = 0x5;
    /// A question whether the peer is there, or the answer.
    PING = 0x6;
    /// The end of the connection, soon or at once.
    GOAWAY = 0x7;
    /// Credit for content.
    WINDOW_UPDATE = 0x8;
    /// What did not fit into HEADERS or PUSH_PROMISE.
    CONTINUATION = 0x9;
    /// The priority of a response (RFC 9218).
    PRIORITY_UPDATE = 0x10;
}

names! {
    /// The identifiers of settings (RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1).
    setting: u16;
    /// Octets of the table that field blocks are decoded with.
    HEADER_TABLE_SIZE = 0x1;
    /// Whether a server may push: 0 or 1.
    ENABLE_PUSH = 0x2;
    /// Streams that the peer may have open.
    MAX_CONCURRENT_STREAMS = 0x3;
    /// Octets of content that a new stream takes.
    INITIAL_WINDOW_SIZE = 0x4;
    /// Octets of a frame's payload.
    MAX_FRAME_SIZE = 0x5;
    /// Octets of a field section, with 32 more for each field.
    MAX_HEADER_LIST_SIZE = 0x6;
    /// Whether extended CONNECT is taken: 0 or 1 (RFC 8441).
    ENABLE_CONNECT_PROTOCOL = 0x8;
    /// Whether the priorities of RFC 7540 mean nothing: 0 or 1 (RFC 9218).
    NO_RFC7540_PRIORITIES = 0x9;
}

/// Flags. Those that a frame does not define are ignored.
pub mod flag {
    use super::kind;

    /// SETTINGS and PING: an answer.
    pub const ACK: u8 = 0x1;
    /// DATA and HEADERS: the sender's side of the stream ends.
    pub const END_STREAM: u8 = 0x1;
    /// HEADERS, PUSH_PROMISE and CONTINUATION: the field block ends.
    pub const END_HEADERS: u8 = 0x4;
    /// DATA, HEADERS and PUSH_PROMISE: there is padding.
    pub const PADDED: u8 = 0x8;
    /// HEADERS: a dependency is in front.
    pub const PRIORITY: u8 = 0x20;

    /// The flags that a type of frame defines, with their names.
    #[must_use]
    pub const fn of(kind: u8) -> &'static [(u8, &'static str)] {
        const END: (u8, &str) = (END_STREAM, "END_STREAM");
        const BLOCK: (u8, &str) = (END_HEADERS, "END_HEADERS");
        const PADDING: (u8, &str) = (PADDED, "PADDED");
        match kind {
            kind::DATA => &[END, PADDING],
            kind::HEADERS => &[END, BLOCK, PADDING, (PRIORITY, "PRIORITY")],
            kind::PUSH_PROMISE => &[BLOCK, PADDING],
            kind::CONTINUATION => &[BLOCK],
            kind::SETTINGS | kind::PING => &[(ACK, "ACK")],
            _ => &[],
        }
    }
}
