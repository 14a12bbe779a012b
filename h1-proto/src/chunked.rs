//! The chunked transfer coding, received (RFC 9112 §7.1).
//!
//! ```text
//! chunked-body = *chunk last-chunk trailer-section CRLF
//! chunk        = 1*HEXDIG [ chunk-ext ] CRLF chunk-data CRLF
//! chunk-ext    = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
//! ```
//!
//! [`ChunkedDecoder`] stands alone: feed it the octets after a head. The connections use the same
//! machine, [`Chunks`], with a carry of their own.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::Head;
use crate::config::Config;
use crate::error::{ConnectionError, ErrorKind};
use crate::grammar;
use crate::head::{self, Fault, Progress, Section};

/// Decodes one chunked body, wherever its octets come from.
///
/// ```
/// use h1_proto::{ChunkedDecoder, Config, Decoded, Head};
/// let mut decoder = ChunkedDecoder::new(Config::default());
/// let mut trailers = Head::new();
/// let mut input: &[u8] = b"5\r\nhello\r\n0\r\n\r\nrest";
/// assert_eq!(decoder.decode(&mut input, &mut trailers)?, Decoded::Data(b"hello"));
/// assert_eq!(decoder.decode(&mut input, &mut trailers)?, Decoded::End);
/// assert_eq!(input, b"rest");
/// # Ok::<_, h1_proto::ConnectionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    config: Arc<Config>,
    chunks: Chunks,
    progress: Progress,
    carry: Vec<u8>,
    offset: u64,
    failed: Option<ConnectionError>,
}

/// What [`ChunkedDecoder::decode`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "content, its end, or neither yet")]
pub enum Decoded<'i> {
    /// The next octets of the content, never empty. Call again.
    Data(&'i [u8]),
    /// The input is used up; feed more.
    NeedInput,
    /// The body is complete, its trailers are read; the rest of the input is not part of it.
    End,
}

impl ChunkedDecoder {
    /// A decoder at the beginning of a body. The limits are those of the configuration with
    /// `chunk`, `trailers` or `body` in their names. Allocates nothing.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        Self {
            config: config.into(),
            chunks: Chunks::default(),
            progress: Progress::default(),
            carry: Vec::new(),
            offset: 0,
            failed: None,
        }
    }

    /// The next thing in `input`, which advances past it. At [`Decoded::End`] `trailers` holds
    /// the trailer section; before, it is scratch.
    ///
    /// # Errors
    /// The coding is broken or a limit is passed; the offset counts from the beginning of the
    /// body. The same error comes again from every later call.
    pub fn decode<'i>(
        &mut self,
        input: &mut &'i [u8],
        trailers: &mut Head,
    ) -> Result<Decoded<'i>, ConnectionError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let before = input.len();
        let step = self.chunks.step(input, &self.config);
        self.offset += (before - input.len()) as u64;
        let step = match step {
            Ok(Step::Trailers) => {
                let (progress, carry) = (&mut self.progress, &mut self.carry);
                let (config, offset) = (&*self.config, &mut self.offset);
                read_trailers(&mut self.chunks, progress, carry, offset, input, config, trailers)
            }
            Ok(step) => Ok(step),
            Err(kind) => Err(ConnectionError::new(kind, self.offset)),
        };
        match step {
            Ok(Step::Data(data)) => Ok(Decoded::Data(data)),
            Ok(Step::Short | Step::Trailers) => Ok(Decoded::NeedInput),
            Ok(Step::End) => Ok(Decoded::End),
            Err(error) => {
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Octets looked at, those looked at twice counted twice: at most a small multiple of those
    /// decoded.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.offset + self.carry.len() as u64 + self.progress.work()
    }

    /// Whether the body is complete.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.chunks.at == At::End
    }
}

/// The machine without its surroundings: no carry, no configuration of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunks {
    at: At,
    /// Digits of the size read so far.
    digits: u8,
    /// Octets of the chunk-size line so far.
    line: u32,
    /// The size while its digits come, then the octets left of the chunk.
    left: u64,
    /// Octets of content announced so far.
    body: u64,
    /// Octets of extensions so far.
    extensions: u64,
}

/// Where in the grammar the next octet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Size,
    /// Bad white space before a semicolon.
    BeforeExtension,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Value,
    Quoted,
    QuotedPair,
    AfterQuoted,
    LineFeed,
    Data,
    DataReturn,
    DataFeed,
    Trailers,
    End,
}

/// What a step of the machine came to.
#[derive(Debug)]
pub(crate) enum Step<'i> {
    Data(&'i [u8]),
    Short,
    /// The last chunk is read; a trailer section begins.
    Trailers,
    End,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { at: At::Size, digits: 0, line: 0, left: 0, body: 0, extensions: 0 }
    }
}

impl Chunks {
    /// Reads on to the next data, the trailer section or the end of the input. On an error the
    /// input has advanced to the octet at fault.
    #[inline]
    pub(crate) fn step<'i>(
        &mut self,
        input: &mut &'i [u8],
        config: &Config,
    ) -> Result<Step<'i>, ErrorKind> {
        if self.at != At::Data
            && !self.whole_line(input, config)
            && let Some(step) = self.octets(input, config)?
        {
            return Ok(step);
        }
        Ok(if self.at == At::Data { self.data(input) } else { Step::Trailers })
    }

    #[inline]
    fn data<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        if take == 0 {
            return Step::Short;
        }
        let (data, rest) = input.split_at_checked(take).unwrap_or((input, b""));
        *input = rest;
        self.left -= data.len() as u64;
        if self.left == 0 {
            self.at = At::DataReturn;
        }
        Step::Data(data)
    }

    /// The common case in one go: the line end behind the data before, if there was some, and a
    /// size line of up to eight digits without extension. False if this is not that or it is cut,
    /// with nothing changed.
    #[inline]
    fn whole_line(&mut self, input: &mut &[u8], config: &Config) -> bool {
        let line = match (self.at, *input) {
            (At::DataReturn, [b'\r', b'\n', line @ ..]) => line,
            (At::Size, line) if self.digits == 0 => line,
            _ => return false,
        };
        let mut size = 0u64;
        let mut digits = 0;
        for octet in line.iter().take(9) {
            let Some(digit) = hex_digit(*octet) else { break };
            size = size << 4 | u64::from(digit);
            digits += 1;
        }
        let Some([b'\r', b'\n', rest @ ..]) = line.get(digits..) else { return false };
        if !(1..=8).contains(&digits) || digits + 2 > config.chunk_line_bytes_max {
            return false;
        }
        if self.announce(size, config).is_err() {
            return false;
        }
        *input = rest;
        true
    }

    /// Everything else, octet by octet: up to the data (then none), or to where it ends.
    #[inline(never)]
    fn octets<'i>(
        &mut self,
        input: &mut &[u8],
        config: &Config,
    ) -> Result<Option<Step<'i>>, ErrorKind> {
        loop {
            match self.at {
                At::Data | At::Trailers => return Ok(None),
                At::End => return Ok(Some(Step::End)),
                _ => {}
            }
            let Some((&octet, rest)) = input.split_first() else {
                return Ok(Some(Step::Short));
            };
            self.octet(octet, config)?;
            *input = rest;
        }
    }

    fn begin_line(&mut self) {
        self.at = At::Size;
        self.digits = 0;
        self.line = 0;
        self.left = 0;
    }

    /// Ends the size line: what the chunk brings is known.
    #[inline(always)]
    fn announce(&mut self, size: u64, config: &Config) -> Result<(), ErrorKind> {
        let body = self.body.checked_add(size).ok_or(ErrorKind::ChunkSizeOverflow)?;
        if body > config.body_bytes_max {
            return Err(ErrorKind::BodyTooLong);
        }
        let free = config.chunk_extension_bytes_max;
        if self.extensions > free
            && self.extensions > self.body / config.chunk_extension_body_ratio.max(1)
        {
            return Err(ErrorKind::ChunkExtensionsTooLong);
        }
        self.body = body;
        self.left = size;
        self.at = if size == 0 { At::Trailers } else { At::Data };
        Ok(())
    }

    /// One octet of a size line, or of what follows the data.
    fn octet(&mut self, octet: u8, config: &Config) -> Result<(), ErrorKind> {
        match self.at {
            At::DataReturn if octet == b'\r' => self.at = At::DataFeed,
            At::DataFeed if octet == b'\n' => self.begin_line(),
            At::DataReturn | At::DataFeed => return Err(ErrorKind::ChunkEnd),
            _ => {
                self.line += 1;
                if self.line as usize > config.chunk_line_bytes_max {
                    return Err(ErrorKind::ChunkLineTooLong);
                }
                if self.at == At::LineFeed {
                    return match octet {
                        b'\n' => self.announce(self.left, config),
                        _ => Err(ErrorKind::BareCr),
                    };
                }
                let next = match self.at {
                    At::Size => self.size_octet(octet)?,
                    at => extension_octet(at, octet)?,
                };
                if next != At::Size && next != At::LineFeed {
                    self.extensions += 1;
                }
                self.at = next;
            }
        }
        Ok(())
    }

    fn size_octet(&mut self, octet: u8) -> Result<At, ErrorKind> {
        match (octet, hex_digit(octet)) {
            (_, Some(_)) if self.digits == 16 => Err(ErrorKind::ChunkSizeOverflow),
            (_, Some(digit)) => {
                self.digits += 1;
                self.left = self.left << 4 | u64::from(digit);
                Ok(At::Size)
            }
            (b'\r', None) if self.digits > 0 => Ok(At::LineFeed),
            (b';', None) if self.digits > 0 => Ok(At::BeforeName),
            (b' ' | b'\t', None) if self.digits > 0 => Ok(At::BeforeExtension),
            (b'\n', None) if self.digits > 0 => Err(ErrorKind::BareLf),
            _ => Err(ErrorKind::ChunkSize),
        }
    }
}

/// The state behind one octet of a chunk extension (RFC 9112 §7.1.1). Nothing within it ends the
/// line but CRLF, quoted or not.
fn extension_octet(at: At, octet: u8) -> Result<At, ErrorKind> {
    let token = grammar::TCHAR[usize::from(octet)];
    let space = matches!(octet, b' ' | b'\t');
    Ok(match (at, octet) {
        (At::Quoted | At::QuotedPair, octet) if octet != b'\t' && grammar::is_control(octet) => {
            return Err(ErrorKind::ChunkExtension);
        }
        (At::Quoted, b'"') => At::AfterQuoted,
        (At::Quoted, b'\\') => At::QuotedPair,
        (At::Quoted | At::QuotedPair, _) => At::Quoted,
        (_, b'\n') => return Err(ErrorKind::BareLf),
        (At::BeforeExtension | At::BeforeName | At::BeforeValue, _) if space => at,
        (At::BeforeExtension | At::AfterName | At::AfterQuoted, b';') => At::BeforeName,
        (At::BeforeName | At::Name, _) if token => At::Name,
        (At::Name | At::Value, b';') => At::BeforeName,
        (At::Name | At::AfterName, b'=') => At::BeforeValue,
        (At::Name | At::Value | At::AfterQuoted, b'\r') => At::LineFeed,
        (At::Name | At::AfterName, _) if space => At::AfterName,
        (At::BeforeValue, b'"') => At::Quoted,
        (At::BeforeValue | At::Value, _) if token => At::Value,
        (At::Value | At::AfterQuoted, _) if space => At::BeforeExtension,
        _ => return Err(ErrorKind::ChunkExtension),
    })
}

/// The value of a hexadecimal digit.
#[inline]
fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        _ => match octet | 0x20 {
            letter @ b'a'..=b'f' => Some(letter - b'a' + 10),
            _ => None,
        },
    }
}

/// Reads the trailer section, or as much of it as there is: into `carry` if it is cut. `offset`
/// is that of the beginning of the section until it is complete.
pub(crate) fn read_trailers<'i>(
    chunks: &mut Chunks,
    progress: &mut Progress,
    carry: &mut Vec<u8>,
    offset: &mut u64,
    input: &mut &'i [u8],
    config: &Config,
    trailers: &mut Head,
) -> Result<Step<'i>, ConnectionError> {
    let section = Section::Trailers;
    let held = carry.len();
    let read = if held == 0 {
        head::read(section, input, config, trailers, progress)
    } else {
        take_up_to(carry, input, config.trailers_bytes_max);
        head::resume(section, carry, config, trailers, progress)
    };
    match read {
        Ok(Some(octets)) => {
            let fresh = octets.saturating_sub(held);
            *input = input.get(fresh..).unwrap_or_default();
            carry.clear();
            if let Some(fault) = forbidden(trailers) {
                return Err(error_at(fault, *offset, trailers.raw()));
            }
            *offset += octets as u64;
            chunks.at = At::End;
            Ok(Step::End)
        }
        Ok(None) => {
            if held == 0 {
                take_up_to(carry, input, config.trailers_bytes_max);
            }
            let taken = carry.len() - held;
            *input = input.get(taken..).unwrap_or_default();
            Ok(Step::Short)
        }
        Err(fault) => {
            let octets = if held == 0 { input } else { carry.as_slice() };
            Err(error_at(fault, *offset, octets))
        }
    }
}

/// Appends to the carry what of the input may still belong to a section of `max` octets. The
/// input does not advance.
pub(crate) fn take_up_to(carry: &mut Vec<u8>, input: &[u8], max: usize) {
    let take = max.saturating_sub(carry.len()).min(input.len());
    carry.extend_from_slice(input.get(..take).unwrap_or_default());
}

/// A fault as the error that the caller gets; `octets` are those of the section.
pub(crate) fn error_at(fault: Fault, offset: u64, octets: &[u8]) -> ConnectionError {
    let error = ConnectionError::new(fault.kind, offset + fault.at as u64);
    match fault.name {
        Some((from, to)) => {
            error.in_field(octets.get(from as usize..to as usize).unwrap_or_default())
        }
        None => error,
    }
}

/// The first trailer that would frame or route the message.
fn forbidden(trailers: &Head) -> Option<Fault> {
    let index = trailers.fields().position(|field| grammar::is_forbidden_trailer(field.name))?;
    Some(trailers.fault_in(ErrorKind::TrailerForbidden, index))
}
