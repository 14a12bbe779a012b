//! Errors, sorted by fault: [`ConnectionError`] is the peer's and ends the connection, a
//! [`Fault`] of a stream ends that stream, [`SendError`] is the caller's and changes nothing.

use alloc::boxed::Box;
use core::fmt;

/// An error code (RFC 9113 §7). Codes that are not defined there are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "an error code is 32 bits")]
pub struct ErrorCode(pub u32);

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal;)+) => {
        impl ErrorCode {
            $($(#[doc = $doc])+ pub const $name: Self = Self($value);)+

            /// The name in the RFC, or `None` if it has none there.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// Not an error: a graceful end.
    NO_ERROR = 0x0;
    /// A rule of the protocol was broken, and no other code says more.
    PROTOCOL_ERROR = 0x1;
    /// Something went wrong inside the sender.
    INTERNAL_ERROR = 0x2;
    /// More octets than the window had.
    FLOW_CONTROL_ERROR = 0x3;
    /// A SETTINGS frame was not acknowledged in time.
    SETTINGS_TIMEOUT = 0x4;
    /// A frame came after its stream was half-closed.
    STREAM_CLOSED = 0x5;
    /// A frame of a size that it cannot have.
    FRAME_SIZE_ERROR = 0x6;
    /// The stream was refused before any processing: the request can be sent again.
    REFUSED_STREAM = 0x7;
    /// The stream is not needed any more.
    CANCEL = 0x8;
    /// A field block cannot be decoded: the tables are out of step.
    COMPRESSION_ERROR = 0x9;
    /// The connection made by CONNECT broke.
    CONNECT_ERROR = 0xa;
    /// The peer causes more work than it is worth.
    ENHANCE_YOUR_CALM = 0xb;
    /// The transport does not meet the demands of §9.2.
    INADEQUATE_SECURITY = 0xc;
    /// HTTP/1.1 is wanted instead.
    HTTP_1_1_REQUIRED = 0xd;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error code {:#x}", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deadline {
    /// The preface and the first SETTINGS of the peer.
    Preface,
    /// The acknowledgement of our SETTINGS.
    SettingsAck,
    /// The end of a field block.
    HeaderBlock,
    /// Any stream.
    Idle,
    /// The answer to a keep-alive PING.
    KeepAlive,
    /// Progress of the transport, or of a window that holds a body back.
    Send,
    /// The end of the last stream after a shutdown.
    Drain,
    /// Content of the peer that its stream waits for.
    Body,
}

impl Deadline {
    const fn rule(self) -> &'static str {
        match self {
            Self::Preface => "preface_timeout",
            Self::SettingsAck => "settings_timeout",
            Self::HeaderBlock => "header_block_timeout",
            Self::Idle => "idle_timeout",
            Self::KeepAlive => "ping_timeout",
            Self::Send => "send_timeout",
            Self::Drain => "drain_timeout",
            Self::Body => "body_timeout",
        }
    }

    const fn code(self) -> ErrorCode {
        match self {
            Self::SettingsAck => ErrorCode::SETTINGS_TIMEOUT,
            Self::Preface | Self::HeaderBlock => ErrorCode::PROTOCOL_ERROR,
            Self::Send | Self::Body => ErrorCode::ENHANCE_YOUR_CALM,
            Self::Idle | Self::KeepAlive | Self::Drain => ErrorCode::NO_ERROR,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Preface => "the connection preface was not complete in time",
            Self::SettingsAck => "SETTINGS were not acknowledged in time",
            Self::HeaderBlock => "a field block was not complete in time",
            Self::Idle => "the connection stood idle too long",
            Self::KeepAlive => "a PING was not answered in time",
            Self::Send => "the peer took the output too slowly",
            Self::Body => "the content of a message did not come in time",
            Self::Drain => "the last stream did not end in time after the shutdown",
        }
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident => $text:literal, $rule:literal, $code:ident;)+) => {
        /// What was wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ #[error($text)] $name,)+
            /// A field block cannot be decoded.
            #[error("{0}")]
            Compression(hpack::DecodeErrorKind),
            /// The peer causes more work than it is worth: the cause that cost most.
            #[error("too much of what costs and brings nothing: {0}")]
            Overdrawn(crate::Cause),
            /// A deadline passed.
            #[error("{}", .0.text())]
            Deadline(Deadline),
        }

        impl ErrorKind {
            /// Every kind but those with something in them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The section of the RFC, or the name of the limit in [`Config`](crate::Config).
            #[must_use]
            pub const fn rule(self) -> &'static str {
                match self {
                    $(Self::$name => $rule,)+
                    Self::Compression(kind) => kind.rule(),
                    Self::Overdrawn(_) => "ledger_units_max",
                    Self::Deadline(deadline) => deadline.rule(),
                }
            }

            /// The code that the peer is told.
            #[must_use]
            pub const fn code(self) -> ErrorCode {
                match self {
                    $(Self::$name => ErrorCode::$code,)+
                    Self::Compression(_) => ErrorCode::COMPRESSION_ERROR,
                    Self::Overdrawn(_) => ErrorCode::ENHANCE_YOUR_CALM,
                    Self::Deadline(deadline) => deadline.code(),
                }
            }
        }
    };
}

kinds! {
    /// The first octets are no preface of HTTP/2.
    Preface => "these octets are no preface of HTTP/2", "RFC 9113 §3.4", PROTOCOL_ERROR;
    /// The first frame is not SETTINGS.
    FirstFrame => "the first frame is not SETTINGS", "RFC 9113 §3.4", PROTOCOL_ERROR;
    /// A frame is longer than SETTINGS_MAX_FRAME_SIZE.
    FrameTooLong => "a frame is longer than SETTINGS_MAX_FRAME_SIZE", "RFC 9113 §4.2", FRAME_SIZE_ERROR;
    /// A frame of a fixed length has another, or one is too short for what it must hold.
    FrameLength => "a frame has a length that its type cannot have", "RFC 9113 §4.2", FRAME_SIZE_ERROR;
    /// A frame of a stream on stream 0.
    StreamZero => "a frame that needs a stream has none", "RFC 9113 §5.1.1", PROTOCOL_ERROR;
    /// A frame of the connection on a stream.
    NotStreamZero => "a frame of the connection is on a stream", "RFC 9113 §5.1.1", PROTOCOL_ERROR;
    /// The padding is as long as what is left of the frame, or longer.
    Padding => "the padding does not fit its frame", "RFC 9113 §6.1", PROTOCOL_ERROR;
    /// Another frame within a field block, or CONTINUATION without one.
    BlockInterrupted => "a field block is interrupted, or continued where there is none", "RFC 9113 §6.10", PROTOCOL_ERROR;
    /// A field block is longer than the limit, while it is still compressed.
    BlockTooLong => "a field block is too long", "block_bytes_max", ENHANCE_YOUR_CALM;
    /// More CONTINUATION frames in a block than the limit.
    TooManyContinuations => "a field block has too many CONTINUATION frames", "continuations_max", ENHANCE_YOUR_CALM;
    /// A stream identifier that the peer cannot open: of our parity, or not above the last.
    StreamId => "a stream is opened with an identifier that it cannot have", "RFC 9113 §5.1.1", PROTOCOL_ERROR;
    /// A frame on a stream that was never opened.
    StreamIdle => "a frame came on a stream that is idle", "RFC 9113 §5.1", PROTOCOL_ERROR;
    /// A frame on a stream that the peer has ended.
    StreamClosed => "a frame came on a stream that its sender had ended", "RFC 9113 §5.1", STREAM_CLOSED;
    /// More streams than SETTINGS_MAX_CONCURRENT_STREAMS, whether the peer knows of it yet or not.
    StreamRefused => "there are too many streams", "RFC 9113 §5.1.2", REFUSED_STREAM;
    /// A stream that depends on itself.
    SelfDependency => "a stream depends on itself", "RFC 7540 §5.3.1", PROTOCOL_ERROR;
    /// A setting with a value outside its range.
    SettingValue => "a setting has a value outside its range", "RFC 9113 §6.5.2", PROTOCOL_ERROR;
    /// SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1.
    SettingWindow => "SETTINGS_INITIAL_WINDOW_SIZE is above 2^31-1", "RFC 9113 §6.5.2", FLOW_CONTROL_ERROR;
    /// More entries in a SETTINGS frame than the limit.
    TooManySettings => "a SETTINGS frame has too many entries", "settings_entries_max", ENHANCE_YOUR_CALM;
    /// An acknowledgement of SETTINGS that were not sent.
    SettingsAck => "SETTINGS are acknowledged that were not sent", "RFC 9113 §6.5.3", PROTOCOL_ERROR;
    /// SETTINGS_ENABLE_PUSH from a server, or of another value than it may have.
    SettingPush => "SETTINGS_ENABLE_PUSH has a value that its sender cannot give it", "RFC 9113 §6.5.2", PROTOCOL_ERROR;
    /// A setting that cannot be taken back was.
    SettingTakenBack => "a setting was taken back that cannot be", "RFC 8441 §3", PROTOCOL_ERROR;
    /// PUSH_PROMISE to a server, or to a client that has not allowed it.
    PushForbidden => "PUSH_PROMISE came where it is not allowed", "RFC 9113 §8.4", PROTOCOL_ERROR;
    /// A pushed request that is not safe, or has content.
    PushUnsafe => "a promised request is not safe, or has content", "RFC 9113 §8.4", PROTOCOL_ERROR;
    /// The last stream of a GOAWAY is above that of the one before.
    GoAwayRaised => "a GOAWAY raises the last stream", "RFC 9113 §6.8", PROTOCOL_ERROR;
    /// A window increment of 0.
    IncrementZero => "a WINDOW_UPDATE adds nothing", "RFC 9113 §6.9", PROTOCOL_ERROR;
    /// A window above 2^31-1.
    WindowTooLarge => "a window grows above 2^31-1", "RFC 9113 §6.9.1", FLOW_CONTROL_ERROR;
    /// More octets than the window had.
    WindowExceeded => "there are more octets than the window had", "RFC 9113 §6.9.1", FLOW_CONTROL_ERROR;
    /// A PRIORITY_UPDATE for no stream, or for one that it cannot be for.
    PriorityUpdate => "a PRIORITY_UPDATE is for a stream that it cannot be for", "RFC 9218 §7.1", PROTOCOL_ERROR;
    /// PRIORITY_UPDATE for more idle streams than may be open beside those that are.
    TooManyPriorities => "more streams have a priority than may be open", "RFC 9218 §7.1", PROTOCOL_ERROR;
    /// The field section is longer than the limit.
    SectionTooLong => "a field section is too long", "section_bytes_max", ENHANCE_YOUR_CALM;
    /// The field section has more fields than the limit.
    TooManyFields => "a field section has too many fields", "fields_max", ENHANCE_YOUR_CALM;
    /// A field name is empty, no token, or not in lower case.
    FieldName => "a field name is malformed", "RFC 9113 §8.2.1", PROTOCOL_ERROR;
    /// A field value holds a control octet or white space around it.
    FieldValue => "a field value is malformed", "RFC 9113 §8.2.1", PROTOCOL_ERROR;
    /// A field of the connection (RFC 9110 §7.6.1), or `te` with another value than trailers.
    ConnectionField => "a field of the connection has no place in HTTP/2", "RFC 9113 §8.2.2", PROTOCOL_ERROR;
    /// A pseudo-field that is unknown, repeated, late, or has no place in this message.
    PseudoField => "a pseudo-field is unknown, repeated, late or out of place", "RFC 9113 §8.3", PROTOCOL_ERROR;
    /// A pseudo-field that is missing.
    PseudoFieldMissing => "a pseudo-field is missing", "RFC 9113 §8.3.1", PROTOCOL_ERROR;
    /// The method is not a token.
    Method => "the method is malformed", "RFC 9113 §8.3.1", PROTOCOL_ERROR;
    /// The scheme is malformed.
    Scheme => "the scheme is malformed", "RFC 9113 §8.3.1", PROTOCOL_ERROR;
    /// The path is empty, or malformed.
    Path => "the path is malformed", "RFC 9113 §8.3.1", PROTOCOL_ERROR;
    /// The authority is malformed.
    Authority => "the authority is malformed", "RFC 9113 §8.3.1", PROTOCOL_ERROR;
    /// Host and `:authority` differ, or Host comes twice.
    Host => "Host is repeated, malformed or not the same as :authority", "RFC 9113 §8.3.1", PROTOCOL_ERROR;
    /// The status is no number from 100 to 999, or a 101.
    Status => "the status is malformed", "RFC 9113 §8.3.2", PROTOCOL_ERROR;
    /// Content-Length is malformed, or given twice with different values.
    ContentLength => "Content-Length is malformed", "RFC 9113 §8.1.1", PROTOCOL_ERROR;
    /// The content is not as long as Content-Length says.
    ContentLengthMismatch => "the content is not as long as Content-Length says", "RFC 9113 §8.1.1", PROTOCOL_ERROR;
    /// DATA before the head, or an interim response after the final one, or trailers that do not
    /// end the stream.
    MessageOrder => "a message has its parts in the wrong order", "RFC 9113 §8.1", PROTOCOL_ERROR;
    /// Content where the method or the status has none.
    ContentForbidden => "a message has content that cannot have any", "RFC 9110 §6.4.1", PROTOCOL_ERROR;
    /// A trailer that frames or routes.
    TrailerForbidden => "a trailer frames or routes the message", "RFC 9110 §6.5.1", PROTOCOL_ERROR;
    /// More interim responses than the limit.
    TooManyInformational => "too many interim responses", "informational_max", ENHANCE_YOUR_CALM;
    /// The content is longer than the limit.
    BodyTooLong => "the content is too long", "body_bytes_max", CANCEL;
    /// The input ended in the middle of something.
    Incomplete => "the input ended in the middle", "RFC 9113 §5.4", PROTOCOL_ERROR;
}

/// The peer broke the connection. Receiving is over: the same error comes again from every call,
/// and every send is [`SendError::Closed`]. The GOAWAY that says so is already in the output.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionError(Box<Detail>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Detail {
    kind: ErrorKind,
    offset: u64,
}

impl ConnectionError {
    pub(crate) fn new(kind: ErrorKind, offset: u64) -> Self {
        Self(Box::new(Detail { kind, offset }))
    }

    /// Which rule was broken.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The offset in all that the connection received, from 0, of the frame at fault: its first
    /// octet.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// The code that the peer is told.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.kind.code()
    }

    /// The section of the RFC, or the name of the limit in [`Config`](crate::Config).
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.0.kind.rule()
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {} ({}; {})", self.kind(), self.offset(), self.rule(), self.code())
    }
}

impl fmt::Debug for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionError({:?}: {self})", self.kind())
    }
}

impl core::error::Error for ConnectionError {}

/// What a frame broke: its stream, or the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Connection(ErrorKind),
    Stream(ErrorKind),
}

/// The caller asked for something that the connection cannot do. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection sends nothing any more.
    #[error("the connection is closed for sending")]
    Closed,
    /// There is no such stream, or it is over.
    #[error("there is no such stream, or it is over")]
    NoStream,
    /// This call does not fit the state of the stream: a head was sent already or not yet, or the
    /// message is complete.
    #[error("this call does not fit the state of the stream")]
    WrongState,
    /// No new stream can be opened: a shutdown has begun, on either side.
    #[error("no new stream can be opened: the connection is shutting down")]
    ShuttingDown,
    /// As many requests wait for a stream as [`Config::pending_max`](crate::Config::pending_max) says,
    /// or [`pending_bytes_max`](crate::Config::pending_bytes_max).
    #[error("too many requests wait for a stream")]
    TooManyPending,
    /// The stream identifiers are used up (RFC 9113 §5.1.1): a new connection is needed.
    #[error("the stream identifiers are used up")]
    Exhausted,
    /// A method that is no token, or CONNECT in the wrong form.
    #[error("the method is invalid, or not with these pseudo-fields")]
    InvalidMethod,
    /// A path, scheme or authority that cannot be sent.
    #[error("the path, the scheme or the authority is invalid")]
    InvalidTarget,
    /// A status outside 200 to 999 for a final response, or outside 100 to 199 without 101 for an
    /// interim one.
    #[error("the status code does not fit this call")]
    InvalidStatus,
    /// A field name that is not a token.
    #[error("field {0} (from 0): the name is not a token")]
    InvalidFieldName(usize),
    /// A field value with a control octet or outer white space.
    #[error("field {0} (from 0): the value holds a control octet or outer white space")]
    InvalidFieldValue(usize),
    /// A field of the connection, a pseudo-field, or `te` with another value than trailers.
    #[error("field {0} (from 0): it has no place in a message of HTTP/2")]
    ForbiddenField(usize),
    /// The section is longer than the peer accepts (SETTINGS_MAX_HEADER_LIST_SIZE).
    #[error("the field section is longer than the peer accepts")]
    SectionTooLong,
    /// More octets than Content-Length announced.
    #[error("more content than was announced")]
    BodyTooLong,
    /// The message ends before Content-Length is reached.
    #[error("less content than was announced")]
    BodyTooShort,
    /// Content where the status or the method allows none.
    #[error("this message cannot have content")]
    BodyNotAllowed,
    /// More window than was taken, or none at all.
    #[error("more credit is released than was taken")]
    ReleasedTooMuch,
    /// A setting outside its range, or one that this role cannot set.
    #[error("a setting has a value that it cannot have")]
    InvalidSetting,
    /// As many SETTINGS or PING frames wait for their acknowledgement as
    /// [`Config::unacknowledged_max`](crate::Config::unacknowledged_max) says.
    #[error("too many frames wait for their acknowledgement")]
    TooManyUnacknowledged,
    /// The server has not allowed this: extended CONNECT (RFC 8441 §3).
    #[error("the peer has not allowed this")]
    NotAllowed,
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn an_error_reads_like_a_sentence() {
        let error = ConnectionError::new(ErrorKind::FrameTooLong, 33);
        assert_eq!(
            format!("{error}"),
            "a frame is longer than SETTINGS_MAX_FRAME_SIZE at octet 33 \
             (RFC 9113 §4.2; FRAME_SIZE_ERROR)"
        );
        assert_eq!(format!("{}", ErrorCode(0x77)), "error code 0x77");
    }

    #[test]
    fn every_kind_names_its_rule() {
        for kind in ErrorKind::ALL {
            assert!(kind.rule().starts_with("RFC ") || kind.rule().ends_with("_max"), "{kind:?}");
        }
    }
}
