//! Errors, sorted by fault: [`ConnectionError`] is the peer's, [`SendError`] is the caller's.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::{self, Write as _};

/// The peer broke the connection, or let it wait too long. Receiving is over: the same error
/// comes again from every call. What is owed may still be sent (see `respond_error`).
///
/// It says which rule was broken, at which octet, in which field, and the status to answer with.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionError(Box<Detail>);

#[derive(Clone, PartialEq, Eq)]
struct Detail {
    kind: ErrorKind,
    offset: u64,
    field: Option<Box<str>>,
}

impl ConnectionError {
    pub(crate) fn new(kind: ErrorKind, offset: u64) -> Self {
        Self(Box::new(Detail { kind, offset, field: None }))
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// With the name of the field at fault, escaped and cut to something printable.
    pub(crate) fn in_field(mut self, name: &[u8]) -> Self {
        const SHOWN: usize = 64;
        let shown = name.get(..SHOWN).unwrap_or(name);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = write!(text, "{}", shown.escape_ascii());
        if shown.len() < name.len() {
            text.push('…');
        }
        self.0.field = Some(text.into_boxed_str());
        self
    }

    /// Which rule was broken.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The offset of the offending octet in all that the connection received, from 0. For a
    /// missing thing (Host, the rest of a message) the place where it could have come last.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// The name of the field at fault, if one is; escaped where it is not printable.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The section of the RFC, or the name of the limit in [`Config`](crate::Config).
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.0.kind.rule()
    }

    /// The status that a server answers with; `None` if it closes in silence. Meaningless on a
    /// client.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.kind.status()
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}", self.kind(), self.offset())?;
        if let Some(field) = self.field() {
            write!(f, " in field `{field}`")?;
        }
        write!(f, " ({}", self.rule())?;
        if let Some(status) = self.status() {
            write!(f, "; answer {status}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionError({:?}: {self})", self.kind())
    }
}

impl core::error::Error for ConnectionError {}

/// Which deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deadline {
    /// No octet of a first message came. Closed in silence.
    FirstOctet,
    /// A head was not complete in time.
    Head,
    /// No further exchange came. Closed in silence.
    KeepAlive,
    /// Content stopped arriving, or dripped.
    Body,
    /// The content that nobody reads did not end in time.
    UnreadBody,
    /// The transport took too little of the output.
    Send,
    /// The last exchange did not end in time after `drain`.
    Drain,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident => $text:literal, $rule:literal, $status:expr;)+) => {
        /// What was wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ #[error($text)] $name,)+
            /// A deadline passed.
            #[error("{}", deadline_text(*.0))]
            Deadline(Deadline),
        }

        impl ErrorKind {
            /// Every kind but the deadlines.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            fn rule(self) -> &'static str {
                match self {
                    $(Self::$name => $rule,)+
                    Self::Deadline(deadline) => deadline_rule(deadline),
                }
            }

            fn status(self) -> Option<u16> {
                match self {
                    $(Self::$name => $status,)+
                    Self::Deadline(Deadline::Head | Deadline::Body) => Some(408),
                    Self::Deadline(_) => None,
                }
            }
        }
    };
}

const BAD: Option<u16> = Some(400);
const TOO_LARGE: Option<u16> = Some(431);

kinds! {
    /// The first octet cannot begin an HTTP/1 message: another protocol (TLS?) on this port.
    NotHttp => "these octets are not HTTP/1 (another protocol on this port?)", "RFC 9112 §2.1", BAD;
    /// More empty lines before a message than the limit.
    TooManyEmptyLines => "too many empty lines before a message", "empty_lines_max", BAD;
    /// A line ends with LF alone.
    BareLf => "a line ends with a bare LF instead of CRLF", "RFC 9112 §2.2", BAD;
    /// A CR is not followed by LF.
    BareCr => "a CR is not followed by LF", "RFC 9112 §2.2", BAD;
    /// The method is not a token.
    Method => "the method is malformed", "RFC 9110 §9.1", BAD;
    /// The method is longer than the limit.
    MethodTooLong => "the method is longer than any that is served", "method_bytes_max", Some(501);
    /// The request-target holds an octet that it must not, or is not of the form that its method
    /// demands.
    Target => "the request-target is malformed", "RFC 9112 §3.2", BAD;
    /// The start line is longer than the limit.
    StartLineTooLong => "the start line is too long", "start_line_bytes_max", Some(414);
    /// The version is not `HTTP/` digit `.` digit.
    Version => "the HTTP version is malformed or missing", "RFC 9112 §2.3", BAD;
    /// A major version other than 1.
    VersionUnsupported => "this major version of HTTP is not spoken here", "RFC 9110 §15.6.6", Some(505);
    /// The status line is malformed.
    StatusLine => "the status line is malformed", "RFC 9112 §4", None;
    /// White space before the first field line.
    SpaceBeforeFields => "white space stands between the start line and the first field", "RFC 9112 §2.2", BAD;
    /// A field name is empty, no token, or followed by something else than a colon.
    FieldName => "a field name is malformed or not followed by a colon", "RFC 9112 §5.1", BAD;
    /// A field value holds a control octet.
    FieldValue => "a field value holds a control octet", "RFC 9110 §5.5", BAD;
    /// A field line is folded.
    FoldedField => "a field line is folded", "RFC 9112 §5.2", BAD;
    /// One field line is longer than the limit.
    FieldTooLong => "a field line is too long", "field_bytes_max", TOO_LARGE;
    /// The head is longer than the limit.
    HeadTooLong => "the head is too long", "head_bytes_max", TOO_LARGE;
    /// More field lines than the limit.
    TooManyFields => "the head has too many fields", "fields_max", TOO_LARGE;
    /// HTTP/1.1 without Host.
    HostMissing => "an HTTP/1.1 request has no Host", "RFC 9112 §3.2", BAD;
    /// More than one Host.
    HostRepeated => "a request has more than one Host", "RFC 9112 §3.2", BAD;
    /// Host is not `uri-host [ ":" port ]`.
    HostInvalid => "the value of Host is invalid", "RFC 9112 §3.2", BAD;
    /// Content-Length is not a number of digits.
    ContentLengthInvalid => "Content-Length is not a decimal number of 64 bits", "RFC 9112 §6.3", BAD;
    /// Content-Length comes more than once.
    ContentLengthRepeated => "Content-Length comes more than once", "RFC 9112 §6.3", BAD;
    /// Transfer-Encoding is malformed, repeats chunked, has parameters, or, in a request, does
    /// not end with chunked.
    TransferEncodingInvalid => "Transfer-Encoding does not frame the message", "RFC 9112 §6.3", BAD;
    /// A transfer coding that is not implemented.
    TransferEncodingUnknown => "Transfer-Encoding names an unknown coding", "RFC 9112 §6.1", Some(501);
    /// Transfer-Encoding in HTTP/1.0.
    TransferEncodingInHttp10 => "Transfer-Encoding came in an HTTP/1.0 message", "RFC 9112 §6.1", BAD;
    /// Both framings at once.
    ContentLengthWithTransferEncoding => "Content-Length came beside Transfer-Encoding", "RFC 9112 §6.3", BAD;
    /// The content is longer than the limit.
    BodyTooLong => "the content is too long", "body_bytes_max", Some(413);
    /// A chunk size is not a hexadecimal number, or is followed by something else than an
    /// extension or the line end.
    ChunkSize => "a chunk size is malformed", "RFC 9112 §7.1", BAD;
    /// A chunk size of more than 16 digits, or more than 2^64 - 1 octets in all.
    ChunkSizeOverflow => "a chunk size is too large", "RFC 9112 §7.1", BAD;
    /// A chunk extension is malformed.
    ChunkExtension => "a chunk extension is malformed", "RFC 9112 §7.1.1", BAD;
    /// A chunk-size line is longer than the limit.
    ChunkLineTooLong => "a chunk-size line is too long", "chunk_line_bytes_max", BAD;
    /// More chunk extensions than the limit and the ratio to the content allow.
    ChunkExtensionsTooLong => "the chunk extensions are out of proportion to the content", "chunk_extension_bytes_max", BAD;
    /// Chunk data is not followed by CRLF.
    ChunkEnd => "chunk data is not followed by CRLF", "RFC 9112 §7.1", BAD;
    /// A trailer that frames or routes the message.
    TrailerForbidden => "a trailer frames or routes the message", "RFC 9110 §6.5.1", BAD;
    /// The trailer section is longer than the limit.
    TrailersTooLong => "the trailer section is too long", "trailers_bytes_max", TOO_LARGE;
    /// More trailers than the limit.
    TooManyTrailers => "the trailer section has too many fields", "trailers_max", TOO_LARGE;
    /// The input ended in the middle of a message.
    Incomplete => "the input ended in the middle of a message", "RFC 9112 §8", BAD;
    /// A client received octets that answer no request.
    Unsolicited => "octets came that answer no request", "RFC 9112 §9.2", None;
    /// More interim responses than the limit.
    TooManyInformational => "too many interim responses", "informational_max", None;
    /// Longer interim responses than the limit.
    InformationalTooLong => "the interim responses are too long", "informational_bytes_max", None;
    /// A 101 to a request that offered no upgrade.
    UnexpectedSwitch => "a 101 answers a request that offered no upgrade", "RFC 9110 §15.2.2", None;
}

const fn deadline_text(deadline: Deadline) -> &'static str {
    match deadline {
        Deadline::FirstOctet => "no octet of a message came in time",
        Deadline::Head => "the head was not complete in time",
        Deadline::KeepAlive => "the connection stood idle too long",
        Deadline::Body => "the content came too slowly",
        Deadline::UnreadBody => "the unread content did not end in time",
        Deadline::Send => "the peer took the output too slowly",
        Deadline::Drain => "the last exchange did not end in time after the drain",
    }
}

const fn deadline_rule(deadline: Deadline) -> &'static str {
    match deadline {
        Deadline::FirstOctet | Deadline::Head => "head_timeout",
        Deadline::KeepAlive => "keep_alive_timeout",
        Deadline::Body => "body_timeout",
        Deadline::UnreadBody => "unread_body_timeout",
        Deadline::Send => "send_timeout",
        Deadline::Drain => "drain_timeout",
    }
}

/// The caller asked for something that the connection cannot do. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Nothing is owed, or the message is already complete: this call does not fit now.
    #[error("this call does not fit the state of the exchange")]
    WrongState,
    /// The connection sends nothing any more.
    #[error("the connection is closed for sending")]
    Closed,
    /// A method that is not a token (RFC 9110 §9.1).
    #[error("the method is not a token")]
    InvalidMethod,
    /// A request-target with octets that it cannot hold, or of a form that its method does not
    /// take (RFC 9112 §3.2).
    #[error("the request-target is invalid for this method")]
    InvalidTarget,
    /// A status outside 200 to 999 for a final response, or outside 100 to 199 for an interim one.
    #[error("the status code does not fit this call")]
    InvalidStatus,
    /// A reason phrase with a control octet (RFC 9112 §4).
    #[error("the reason phrase holds a control octet")]
    InvalidReason,
    /// A field name that is not a token (RFC 9110 §5.1).
    #[error("field {0} (from 0): the name is not a token")]
    InvalidFieldName(usize),
    /// A field value with a control octet or outer white space (RFC 9110 §5.5).
    #[error("field {0} (from 0): the value holds a control octet or outer white space")]
    InvalidFieldValue(usize),
    /// A framing field that contradicts the length given, or one that the connection writes
    /// itself; in a trailer section, one that frames or routes (RFC 9110 §6.5.1).
    #[error("field {0} (from 0): the connection decides framing itself")]
    FramingField(usize),
    /// HTTP/1.1 wants exactly one valid Host (RFC 9112 §3.2).
    #[error("a request needs exactly one valid Host field")]
    Host,
    /// This framing is not possible here: content where the status or the method forbids it,
    /// `UntilClose` in a request, chunked in an HTTP/1.0 request.
    #[error("this message cannot have such content")]
    BodyNotAllowed,
    /// More octets than the length that was announced.
    #[error("more content than the length that was announced")]
    BodyTooLong,
    /// The message ends before the length that was announced.
    #[error("less content than the length that was announced")]
    BodyTooShort,
    /// Trailers need the chunked coding (RFC 9112 §7.1.2).
    #[error("trailers need the chunked coding")]
    TrailersNotAllowed,
    /// A 101 or its Upgrade field without an offer by the client (RFC 9110 §7.8), or a switch when nothing
    /// more is read.
    #[error("a switch of protocols needs an offer by the client and an Upgrade field")]
    NoUpgrade,
    /// As many requests as [`Config::pipeline_max`](crate::Config::pipeline_max) wait for
    /// answers, or one that may switch the protocol does.
    #[error("too many requests wait for their answers")]
    PipelineFull,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn an_error_reads_like_a_sentence() {
        let error = ConnectionError::new(ErrorKind::HostInvalid, 17).in_field(b"Host");
        assert_eq!(
            format!("{error}"),
            "the value of Host is invalid at octet 17 in field `Host` (RFC 9112 §3.2; answer 400)"
        );
    }

    #[test]
    fn a_long_or_odd_field_name_is_cut_and_escaped() {
        let error = ConnectionError::new(ErrorKind::FieldName, 0).in_field(&[0u8; 100]);
        assert_eq!(error.field().map(|name| name.chars().count()), Some(64 * 4 + 1));
    }

    #[test]
    fn every_kind_names_its_rule() {
        for kind in ErrorKind::ALL {
            assert!(!kind.rule().is_empty());
            assert!(kind.rule().starts_with("RFC") || kind.rule().ends_with("_max"), "{kind:?}");
        }
    }
}
