//! How long a message is: RFC 9112 §6.3, decided on the complete list of field lines.
//!
//! [`Facts`] gathers what the lines say of framing, persistence and expectations while they are
//! read; [`request_body`] and [`response_body`] decide once all are there.

use crate::config::Config;
use crate::error::ErrorKind;
use crate::event::{BodyLength, Field, KeepAlive, Version};
use crate::grammar::{self, Name};

const CLOSE: Name<5> = Name::new(b"close");
const CONNECTION: Name<10> = Name::new(b"connection");
const CONTENT_LENGTH: Name<14> = Name::new(b"content-length");
const EXPECT: Name<6> = Name::new(b"expect");
const HOST: Name<4> = Name::new(b"host");
const KEEP_ALIVE: Name<10> = Name::new(b"keep-alive");
const UPGRADE: Name<7> = Name::new(b"upgrade");

/// What the field lines of a head say about the connection.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) host: Seen,
    pub(crate) content_length: Length,
    pub(crate) codings: Codings,
    pub(crate) connection: Options,
    pub(crate) expects_continue: bool,
    pub(crate) upgrade: bool,
    /// A field line was folded, so values are known only after unfolding.
    pub(crate) folded: bool,
}

/// How often a field came, and where last.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) times: u32,
    /// The index of its last line.
    pub(crate) index: u32,
}

/// What Content-Length says.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    pub(crate) seen: Seen,
    octets: u64,
    /// The value came again, the same.
    repeated: bool,
    /// What is wrong whatever is lenient.
    wrong: Option<ErrorKind>,
}

/// What Transfer-Encoding says.
#[derive(Clone, Copy)]
pub(crate) struct Codings {
    pub(crate) seen: Seen,
    /// The last coding is chunked.
    chunked: bool,
    /// A coding other than chunked was named.
    unknown: bool,
    /// Not a list of plain tokens, or chunked before the end.
    malformed: bool,
}

/// The options of Connection that decide persistence (RFC 9110 §7.6.1).
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    close: bool,
    keep_alive: bool,
    pub(crate) upgrade: bool,
    pub(crate) te: bool,
}

impl Facts {
    /// Those of no field lines.
    pub(crate) const NONE: Self = Self {
        host: Seen::NEVER,
        content_length: Length { seen: Seen::NEVER, octets: 0, repeated: false, wrong: None },
        codings: Codings { seen: Seen::NEVER, chunked: false, unknown: false, malformed: false },
        connection: Options { close: false, keep_alive: false, upgrade: false, te: false },
        expects_continue: false,
        upgrade: false,
        folded: false,
    };

    /// Takes note of one field line.
    #[inline(always)]
    pub(crate) fn note(&mut self, index: u32, name: &[u8], value: &[u8]) {
        // The length tells apart what matters from almost everything else.
        match name.len() {
            4 if HOST.is(name) => self.host.again(index),
            6 if EXPECT.is(name) => {
                self.expects_continue |= grammar::list_contains(value, b"100-continue");
            }
            7 if UPGRADE.is(name) => self.upgrade = true,
            10 if CONNECTION.is(name) => self.connection.note(value),
            14 if CONTENT_LENGTH.is(name) => {
                self.content_length.note(index, value);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.codings.note(index, value);
            }
            _ => {}
        }
    }
}

impl Seen {
    const NEVER: Self = Self { times: 0, index: 0 };

    fn again(&mut self, index: u32) {
        self.times += 1;
        self.index = index;
    }
}

impl Length {
    #[cold]
    fn note_list(&mut self, value: &[u8]) {
        for element in grammar::list(value) {
            self.note_one(element);
        }
    }

    fn note(&mut self, index: u32, value: &[u8]) {
        self.seen.again(index);
        if self.seen.times == 1 && !value.contains(&b',') {
            match grammar::decimal(value) {
                Ok(octets) => self.octets = octets,
                Err(_) => self.wrong = Some(ErrorKind::ContentLengthInvalid),
            }
            return;
        }
        if self.seen.times == 1 {
            // The first element of the list has nothing to agree with.
            self.octets = grammar::list(value)
                .next()
                .and_then(|element| grammar::decimal(element).ok())
                .unwrap_or_default();
        }
        self.note_list(value);
        self.repeated = true;
    }

    fn note_one(&mut self, element: &[u8]) {
        match grammar::decimal(element) {
            Err(_) => self.wrong = Some(ErrorKind::ContentLengthInvalid),
            Ok(octets) if octets != self.octets && self.wrong.is_none() => {
                self.wrong = Some(ErrorKind::ContentLengthRepeated);
            }
            Ok(_) => {}
        }
    }

    /// The length, `None` without the field.
    fn decide(&self, config: &Config) -> Result<Option<u64>, ErrorKind> {
        if self.seen.times == 0 {
            return Ok(None);
        }
        match self.wrong {
            Some(kind) => Err(kind),
            None if self.repeated && !config.leniency.repeated_content_length => {
                Err(ErrorKind::ContentLengthRepeated)
            }
            None => Ok(Some(self.octets)),
        }
    }
}

impl Codings {
    #[inline(never)]
    fn note(&mut self, index: u32, value: &[u8]) {
        self.seen.again(index);
        for coding in grammar::list(value) {
            // Nothing may follow chunked, not even itself.
            self.malformed |= self.chunked || !grammar::is_token(coding);
            self.chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.unknown |= !self.chunked;
        }
    }
}

impl Options {
    #[inline]
    pub(crate) fn note(&mut self, value: &[u8]) {
        // Hardly ever a list.
        if !self.note_one(value) {
            for option in grammar::list(value) {
                self.note_one(option);
            }
        }
    }

    /// Takes note of one option; false if it is none of these.
    #[inline]
    fn note_one(&mut self, option: &[u8]) -> bool {
        let noted = match option.len() {
            2 if option.eq_ignore_ascii_case(b"te") => &mut self.te,
            5 if CLOSE.is(option) => &mut self.close,
            7 if UPGRADE.is(option) => &mut self.upgrade,
            10 if KEEP_ALIVE.is(option) => &mut self.keep_alive,
            _ => return false,
        };
        *noted = true;
        true
    }

    /// RFC 9112 §9.3: `close` wins; HTTP/1.1 persists unless told otherwise, HTTP/1.0 only when
    /// asked to.
    pub(crate) fn decide(self, version: Version, allowed: bool) -> KeepAlive {
        let asked = match version {
            Version::Http11 => true,
            Version::Http10 => self.keep_alive,
        };
        if allowed && asked && !self.close { KeepAlive::Continue } else { KeepAlive::Close }
    }

    pub(crate) fn close(self) -> bool {
        self.close
    }
}

/// Whether a connection persists after a message with these fields (RFC 9112 §9.3):
/// `server_allows` is this side's own wish. Letter case does not matter, Connection may be a list
/// and come more than once, `close` wins.
///
/// ```
/// use h1_proto::{KeepAlive, Version, decide_keep_alive};
/// let fields = [("Connection", "Upgrade, Close")];
/// assert_eq!(decide_keep_alive(Version::Http11, &fields, true), KeepAlive::Close);
/// ```
pub fn decide_keep_alive<'a, I>(version: Version, fields: I, server_allows: bool) -> KeepAlive
where
    I: IntoIterator,
    I::Item: Into<Field<'a>>,
{
    let mut options = Options::default();
    for field in fields {
        let field = field.into();
        if field.name.eq_ignore_ascii_case(b"connection") {
            options.note(field.value);
        }
    }
    options.decide(version, server_allows)
}

/// What a head decided, or the kind of error and the index of the field line at fault.
pub(crate) type Decision<T> = Result<T, (ErrorKind, Option<u32>)>;

/// The content of a request (RFC 9112 §6.3). It does not depend on the method.
#[inline]
pub(crate) fn request_body(
    facts: &Facts,
    version: Version,
    config: &Config,
) -> Decision<BodyLength> {
    if facts.codings.seen.times > 0 {
        return coded_body(facts, version, config).and_then(|chunked| {
            if chunked {
                Ok(BodyLength::Chunked)
            } else {
                Err((ErrorKind::TransferEncodingInvalid, Some(facts.codings.seen.index)))
            }
        });
    }
    known_body(facts, config).map(|length| length.map_or(BodyLength::None, BodyLength::Known))
}

/// The content of a response that can have some (RFC 9112 §6.3).
pub(crate) fn response_body(
    facts: &Facts,
    version: Version,
    config: &Config,
) -> Decision<BodyLength> {
    if facts.codings.seen.times > 0 {
        return coded_body(facts, version, config)
            .map(|chunked| if chunked { BodyLength::Chunked } else { BodyLength::UntilClose });
    }
    known_body(facts, config).map(|length| length.map_or(BodyLength::UntilClose, BodyLength::Known))
}

/// Whether Transfer-Encoding ends with chunked; an error where it is wrong in both directions.
fn coded_body(facts: &Facts, version: Version, config: &Config) -> Decision<bool> {
    let at = Some(facts.codings.seen.index);
    if version == Version::Http10 {
        return Err((ErrorKind::TransferEncodingInHttp10, at));
    }
    if facts.codings.malformed {
        return Err((ErrorKind::TransferEncodingInvalid, at));
    }
    if facts.content_length.seen.times > 0 && !config.leniency.content_length_with_transfer_encoding
    {
        let at = Some(facts.content_length.seen.index);
        return Err((ErrorKind::ContentLengthWithTransferEncoding, at));
    }
    if facts.codings.chunked && facts.codings.unknown {
        return Err((ErrorKind::TransferEncodingUnknown, at));
    }
    Ok(facts.codings.chunked)
}

fn known_body(facts: &Facts, config: &Config) -> Decision<Option<u64>> {
    let at = Some(facts.content_length.seen.index);
    let length = facts.content_length.decide(config).map_err(|kind| (kind, at))?;
    match length {
        Some(octets) if octets > config.body_bytes_max => Err((ErrorKind::BodyTooLong, at)),
        length => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn decide(version: Version, lines: &[(&str, &str)], config: &Config) -> Decision<BodyLength> {
        let mut facts = Facts::NONE;
        for (index, (name, value)) in lines.iter().enumerate() {
            facts.note(u32::try_from(index).unwrap(), name.as_bytes(), value.as_bytes());
        }
        request_body(&facts, version, config)
    }

    fn kind(lines: &[(&str, &str)]) -> Option<ErrorKind> {
        decide(Version::Http11, lines, &Config::default()).err().map(|(kind, _)| kind)
    }

    #[test]
    fn rfc9112_6_3_content_length() {
        use ErrorKind::{BodyTooLong, ContentLengthInvalid, ContentLengthRepeated};
        let cl = |value| kind(&[("Content-Length", value)]);
        assert_eq!(cl("5"), None);
        for value in
            ["+5", "0x5", "5 5", "1_0", "", "-48", "5,", ",5", "5,x", "18446744073709551616"]
        {
            assert_eq!(cl(value), Some(ContentLengthInvalid), "{value}");
        }
        assert_eq!(cl("5,5"), Some(ContentLengthRepeated));
        assert_eq!(cl("5,6"), Some(ContentLengthRepeated));
        assert_eq!(cl("18446744073709551615"), Some(BodyTooLong));
        let twice = [("content-length", "0"), ("content-length", "1")];
        assert_eq!(kind(&twice), Some(ContentLengthRepeated));
    }

    #[test]
    fn rfc9112_6_3_equal_lengths_collapse_only_when_allowed() {
        let mut config = Config::default();
        config.leniency.repeated_content_length = true;
        let d = |lines: &[(&str, &str)]| decide(Version::Http11, lines, &config);
        assert_eq!(d(&[("content-length", "5, 5")]), Ok(BodyLength::Known(5)));
        let twice = [("content-length", "5"), ("content-length", "5")];
        assert_eq!(d(&twice), Ok(BodyLength::Known(5)));
        let thrice = [("content-length", "5"), ("content-length", "5, 6")];
        assert_eq!(d(&thrice), Err((ErrorKind::ContentLengthRepeated, Some(1))));
    }

    #[test]
    fn rfc9112_6_1_transfer_encoding() {
        use ErrorKind::{
            TransferEncodingInHttp10, TransferEncodingInvalid, TransferEncodingUnknown,
        };
        let te = |value| kind(&[("Transfer-Encoding", value)]);
        assert_eq!(te("chunked"), None);
        assert_eq!(te("CHUNKED"), None);
        for value in [
            "",
            ",chunked",
            "chunked,",
            "chunked, chunked",
            "chunked;q=1",
            "chunked, identity",
            "xchunked",
            "\"chunked\"",
            "\x0bchunked",
            "chun ked",
            "gzip;q=1, chunked",
            "gzip",
        ] {
            assert_eq!(te(value), Some(TransferEncodingInvalid), "{value}");
        }
        assert_eq!(te("gzip, chunked"), Some(TransferEncodingUnknown));
        assert_eq!(te("identity, chunked"), Some(TransferEncodingUnknown));
        let two = [("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
        assert_eq!(kind(&two), Some(TransferEncodingInvalid));
        let old = decide(Version::Http10, &[("transfer-encoding", "chunked")], &Config::default());
        assert_eq!(old, Err((TransferEncodingInHttp10, Some(0))));
    }

    #[test]
    fn rfc9112_6_3_both_framings_in_either_order() {
        let te = ("Transfer-Encoding", "chunked");
        let cl = ("Content-Length", "6");
        let both = Some(ErrorKind::ContentLengthWithTransferEncoding);
        assert_eq!((kind(&[te, cl]), kind(&[cl, te])), (both, both));
        let mut config = Config::default();
        config.leniency.content_length_with_transfer_encoding = true;
        for lines in [[te, cl], [cl, te]] {
            assert_eq!(decide(Version::Http11, &lines, &config), Ok(BodyLength::Chunked));
        }
    }

    #[test]
    fn rfc9112_9_3_keep_alive() {
        let decide = |version, values: &[&str], allowed| {
            let fields: Vec<_> = values.iter().map(|value| ("CONNECTION", *value)).collect();
            decide_keep_alive(version, &fields, allowed)
        };
        use KeepAlive::*;
        use Version::*;
        assert_eq!(decide(Http11, &[], true), Continue);
        assert_eq!(decide(Http11, &[], false), Close);
        assert_eq!(decide(Http11, &["Close"], true), Close);
        assert_eq!(decide(Http11, &["foo", "bar , close"], true), Close);
        assert_eq!(decide(Http11, &["closed"], true), Continue);
        assert_eq!(decide(Http10, &[], true), Close);
        assert_eq!(decide(Http10, &["Keep-Alive"], true), Continue);
        assert_eq!(decide(Http10, &["keep-alive, close"], true), Close);
    }
}
