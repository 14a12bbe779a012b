//! A frame that can say anything, and its parts put together for each type.

use alloc::vec::Vec;

use hpack::{Encoder, Field};

use super::{flag, kind};
use crate::frame::Header;
use crate::{ErrorCode, ErrorKind};

/// A frame (RFC 9113 §4.1), also one that the RFC forbids: nothing is checked, and every part can be
/// set. Its `Display` is a line of [`FrameLog`](super::FrameLog), without the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "this is what a frame is")]
pub struct Frame {
    /// Its type, one of [`kind`] or not.
    pub kind: u8,
    /// Its flags, of [`flag`] or not.
    pub flags: u8,
    /// The stream, or 0; the highest bit is the reserved one.
    pub stream: u32,
    /// What is in it, padding included.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Any frame.
    #[must_use]
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// DATA.
    #[must_use]
    pub fn data(stream: u32, content: impl AsRef<[u8]>) -> Self {
        Self::new(kind::DATA, 0, stream, content.as_ref())
    }

    /// HEADERS with a whole field block that leaves the peer's table alone: literals without
    /// indexing; never indexed, if the field is sensitive. See [`split`](Self::split).
    #[must_use]
    pub fn headers<'a, I>(stream: u32, fields: I) -> Self
    where
        I: IntoIterator<Item: Into<Field<'a>>>,
    {
        let frame = Self::headers_of_block(stream, []);
        fields.into_iter().fold(frame, |frame, field| frame.field(field))
    }

    /// HEADERS with a whole field block by an encoder, whose table the peer's follows.
    #[must_use]
    pub fn headers_by<'a, I>(encoder: &mut Encoder, stream: u32, fields: I) -> Self
    where
        I: IntoIterator<Item: Into<Field<'a>>>,
    {
        let mut block = Vec::new();
        encoder.encode_block(fields, &mut block);
        Self::headers_of_block(stream, block)
    }

    /// HEADERS with a whole field block that is made already, or is none.
    #[must_use]
    pub fn headers_of_block(stream: u32, block: impl AsRef<[u8]>) -> Self {
        Self::new(kind::HEADERS, flag::END_HEADERS, stream, block.as_ref())
    }

    /// A whole request without content: GET of `https://a.example`.
    #[must_use]
    pub fn get(stream: u32, path: &str) -> Self {
        Self::request(stream, "GET", path).end_stream()
    }

    /// The head of a request to `https://a.example`; content follows.
    #[must_use]
    pub fn request(stream: u32, method: &str, path: &str) -> Self {
        let target = [(":scheme", "https"), (":authority", "a.example"), (":path", path)];
        Self::headers(stream, [(":method", method)]).fields(target)
    }

    /// The head of a response; content follows.
    #[must_use]
    pub fn response(stream: u32, status: u16) -> Self {
        Self::headers(stream, [(":status", &alloc::format!("{status:03}"))])
    }

    /// PRIORITY. The weight is one more than its octet; 0 is as 1.
    #[must_use]
    pub fn priority(stream: u32, depends_on: u32, weight: u16) -> Self {
        Self::new(kind::PRIORITY, 0, stream, dependency(depends_on, weight))
    }

    /// RST_STREAM.
    #[must_use]
    pub fn rst_stream(stream: u32, code: ErrorCode) -> Self {
        Self::new(kind::RST_STREAM, 0, stream, code.0.to_be_bytes())
    }

    /// SETTINGS, of pairs of [`setting`](super::setting) and value.
    #[must_use]
    pub fn settings(entries: impl IntoIterator<Item = (u16, u32)>) -> Self {
        let mut payload = Vec::new();
        for (id, value) in entries {
            payload.extend_from_slice(&id.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        Self::new(kind::SETTINGS, 0, 0, payload)
    }

    /// The acknowledgement of SETTINGS.
    #[must_use]
    pub fn settings_ack() -> Self {
        Self::settings([]).flag(flag::ACK)
    }

    /// PUSH_PROMISE with a whole field block, as by [`headers`](Self::headers).
    #[must_use]
    pub fn push_promise<'a, I>(stream: u32, promised: u32, fields: I) -> Self
    where
        I: IntoIterator<Item: Into<Field<'a>>>,
    {
        let begin = promised.to_be_bytes();
        Self::new(kind::PUSH_PROMISE, flag::END_HEADERS, stream, begin).fields(fields)
    }

    /// PING.
    #[must_use]
    pub fn ping(data: [u8; 8]) -> Self {
        Self::new(kind::PING, 0, 0, data)
    }

    /// The answer to a PING.
    #[must_use]
    pub fn ping_ack(data: [u8; 8]) -> Self {
        Self::ping(data).flag(flag::ACK)
    }

    /// GOAWAY.
    #[must_use]
    pub fn goaway(last_stream: u32, code: ErrorCode, debug_data: impl AsRef<[u8]>) -> Self {
        let words = [last_stream.to_be_bytes(), code.0.to_be_bytes()].concat();
        Self::new(kind::GOAWAY, 0, 0, [&words, debug_data.as_ref()].concat())
    }

    /// WINDOW_UPDATE; stream 0 for the connection.
    #[must_use]
    pub fn window_update(stream: u32, increment: u32) -> Self {
        Self::new(kind::WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
    }

    /// CONTINUATION, which ends no field block.
    #[must_use]
    pub fn continuation(stream: u32, fragment: impl AsRef<[u8]>) -> Self {
        Self::new(kind::CONTINUATION, 0, stream, fragment.as_ref())
    }

    /// PRIORITY_UPDATE (RFC 9218 §7.1) for a stream; it is sent on the connection.
    #[must_use]
    pub fn priority_update(prioritized: u32, value: impl AsRef<[u8]>) -> Self {
        let payload = [&prioritized.to_be_bytes(), value.as_ref()].concat();
        Self::new(kind::PRIORITY_UPDATE, 0, 0, payload)
    }

    /// With these flags, too.
    #[must_use]
    pub fn flag(mut self, flags: u8) -> Self {
        self.flags |= flags;
        self
    }

    /// Without these flags.
    #[must_use]
    pub fn without(mut self, flags: u8) -> Self {
        self.flags &= !flags;
        self
    }

    /// With END_STREAM.
    #[must_use]
    pub fn end_stream(self) -> Self {
        self.flag(flag::END_STREAM)
    }

    /// With the reserved bit of the stream identifier set.
    #[must_use]
    pub fn reserved(mut self) -> Self {
        self.stream |= 1 << 31;
        self
    }

    /// With one more field at the end of the payload, as by [`headers`](Self::headers); so before
    /// [`padded`](Self::padded).
    #[must_use]
    pub fn field<'a>(mut self, field: impl Into<Field<'a>>) -> Self {
        let field = field.into();
        self.payload.push(if field.sensitive { 0x10 } else { 0 });
        for text in [field.name, field.value] {
            string(text, &mut self.payload);
        }
        self
    }

    /// With more fields, as by [`field`](Self::field).
    #[must_use]
    pub fn fields<'a, I>(self, fields: I) -> Self
    where
        I: IntoIterator<Item: Into<Field<'a>>>,
    {
        fields.into_iter().fold(self, |frame, field| frame.field(field))
    }

    /// With the fields of a dependency in front, and PRIORITY; so before [`padded`](Self::padded).
    #[must_use]
    pub fn depends_on(mut self, stream: u32, weight: u16) -> Self {
        self.payload.splice(..0, dependency(stream, weight));
        self.flag(flag::PRIORITY)
    }

    /// With so much padding behind, its length in front, and PADDED.
    #[must_use]
    pub fn padded(mut self, padding: u8) -> Self {
        self.payload.insert(0, padding);
        self.payload.resize(self.payload.len() + usize::from(padding), 0);
        self.flag(flag::PADDED)
    }

    /// Cut into frames of at most so many octets: what does not fit goes on in CONTINUATION, and the
    /// last has END_HEADERS if this one has.
    ///
    /// # Panics
    /// If `payload_bytes_max` is 0.
    #[must_use]
    pub fn split(&self, payload_bytes_max: usize) -> Vec<Self> {
        assert!(payload_bytes_max > 0, "frames without anything in them do not end");
        let mut pieces = self.payload.chunks(payload_bytes_max);
        let first = pieces.next().unwrap_or_default();
        let mut frames = Vec::from([Self::new(self.kind, self.flags, self.stream, first)]);
        frames.extend(pieces.map(|piece| Self::continuation(self.stream, piece)));
        if let [first, .., last] = &mut frames[..] {
            last.flags |= first.flags & flag::END_HEADERS;
            first.flags &= !flag::END_HEADERS;
        }
        frames
    }

    /// Appends it to the output.
    ///
    /// # Panics
    /// If its payload is 16 MiB or more, which no length can tell.
    pub fn write(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        assert!(length < 1 << 24, "a payload of 16 MiB");
        self.write_as(length, out);
    }

    /// Appends it with a length that is said to be another, of which 24 bits count.
    pub fn write_as(&self, length: u32, out: &mut Vec<u8>) {
        let Self { kind, flags, stream, ref payload } = *self;
        Header { length, kind, flags, stream }.write(out);
        out.extend_from_slice(payload);
    }

    /// Its octets.
    ///
    /// # Panics
    /// As [`write`](Self::write).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Header::LEN + self.payload.len());
        self.write(&mut out);
        out
    }

    /// The first frame of the input, if all of it is there; the input advances past it.
    pub fn read(input: &mut &[u8]) -> Option<Self> {
        let (header, rest) = input.split_first_chunk()?;
        let Header { length, kind, flags, .. } = Header::parse(header);
        let &[.., s0, s1, s2, s3] = header;
        let (payload, rest) = rest.split_at_checked(length as usize)?;
        *input = rest;
        Some(Self::new(kind, flags, u32::from_be_bytes([s0, s1, s2, s3]), payload))
    }

    /// Takes the first frame from a buffer, if all of it is there.
    pub fn take(input: &mut Vec<u8>) -> Option<Self> {
        let mut rest = &input[..];
        let frame = Self::read(&mut rest)?;
        let end = input.len() - rest.len();
        input.drain(..end);
        Some(frame)
    }

    /// Whether one of these flags is set.
    #[must_use]
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// The entries of a SETTINGS frame; octets behind the last whole one are not looked at.
    pub fn entries(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        crate::frame::settings::entries(&self.payload)
    }

    /// What is wrong with it, whatever the peer has allowed and whatever came before: a length, a
    /// stream, padding, an increment that it cannot have.
    #[must_use]
    pub fn fault(&self) -> Option<ErrorKind> {
        super::line::Line::of(self).fault()
    }

    /// The fragment of a field block, without what is around it (RFC 9113 §6.2, §6.6, §6.10), or
    /// `None` if the frame has none, or is malformed.
    #[must_use]
    pub fn fragment(&self) -> Option<&[u8]> {
        super::line::Line::of(self).fragment()
    }
}

fn dependency(stream: u32, weight: u16) -> [u8; 5] {
    let [s0, s1, s2, s3] = stream.to_be_bytes();
    [s0, s1, s2, s3, u8::try_from(weight.saturating_sub(1)).unwrap_or(u8::MAX)]
}

/// A string literal (RFC 7541 §5.2) that is not compressed.
fn string(text: &[u8], out: &mut Vec<u8>) {
    const PREFIX_MAX: usize = 127;
    if let Some(mut rest) = text.len().checked_sub(PREFIX_MAX) {
        out.push(PREFIX_MAX as u8);
        while rest >= 128 {
            out.push((rest % 128 + 128) as u8);
            rest /= 128;
        }
        out.push(rest as u8);
    } else {
        out.push(text.len() as u8);
    }
    out.extend_from_slice(text);
}
