//! Frames (RFC 9113 §4 and §6): one file a frame with rules; here the header that they share.
//!
//! ```text
//! +-----------------------------------------------+
//! |                 Length (24)                   |
//! +---------------+---------------+---------------+
//! |   Type (8)    |   Flags (8)   |
//! +-+-------------+---------------+-------------------------------+
//! |R|                 Stream Identifier (31)                      |
//! +=+=============================================================+
//! |                   Frame Payload (0...)                      ...
//! +---------------------------------------------------------------+
//! ```

pub(crate) mod data;
pub(crate) mod goaway;
pub(crate) mod headers;
pub(crate) mod ping;
pub(crate) mod priority;
pub(crate) mod priority_update;
pub(crate) mod push_promise;
pub(crate) mod rst_stream;
pub(crate) mod settings;
pub(crate) mod window_update;

use alloc::vec::Vec;

use crate::error::{ErrorKind, Fault};

/// Frame types (RFC 9113 §6, RFC 9218 §7.1).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0x0;
    pub(crate) const HEADERS: u8 = 0x1;
    pub(crate) const PRIORITY: u8 = 0x2;
    pub(crate) const RST_STREAM: u8 = 0x3;
    pub(crate) const SETTINGS: u8 = 0x4;
    pub(crate) const PUSH_PROMISE: u8 = 0x5;
    pub(crate) const PING: u8 = 0x6;
    pub(crate) const GOAWAY: u8 = 0x7;
    pub(crate) const WINDOW_UPDATE: u8 = 0x8;
    pub(crate) const CONTINUATION: u8 = 0x9;
    pub(crate) const PRIORITY_UPDATE: u8 = 0x10;
}

/// Flags. Those that a frame does not define are ignored.
pub(crate) mod flag {
    pub(crate) const ACK: u8 = 0x1;
    pub(crate) const END_STREAM: u8 = 0x1;
    pub(crate) const END_HEADERS: u8 = 0x4;
    pub(crate) const PADDED: u8 = 0x8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// A stream identifier has 31 bits.
pub(crate) const STREAM_ID_MAX: u32 = (1 << 31) - 1;

/// The header of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Octets of the payload.
    pub(crate) length: u32,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    /// 0 for the connection.
    pub(crate) stream: u32,
}

impl Header {
    pub(crate) const LEN: usize = 9;

    /// The reserved bit is ignored.
    #[inline]
    pub(crate) fn parse(octets: &[u8; Self::LEN]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *octets;
        Self {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & STREAM_ID_MAX,
        }
    }

    #[inline]
    pub(crate) fn octets(self) -> [u8; Self::LEN] {
        let [_, l0, l1, l2] = self.length.to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        [l0, l1, l2, self.kind, self.flags, s0, s1, s2, s3]
    }

    #[inline]
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }

    pub(crate) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// What the header alone tells: refused before an octet of the payload is waited for.
    pub(crate) fn check(&self, frame_bytes_max: u32) -> Result<(), Fault> {
        use Fault::{Connection, Stream};
        if self.length > frame_bytes_max {
            return Err(Connection(ErrorKind::FrameTooLong));
        }
        match self.kind {
            kind::SETTINGS | kind::PING | kind::GOAWAY | kind::PRIORITY_UPDATE
                if self.stream != 0 =>
            {
                return Err(Connection(ErrorKind::NotStreamZero));
            }
            kind::DATA
            | kind::HEADERS
            | kind::PRIORITY
            | kind::RST_STREAM
            | kind::PUSH_PROMISE
            | kind::CONTINUATION
                if self.stream == 0 =>
            {
                return Err(Connection(ErrorKind::StreamZero));
            }
            _ => {}
        }
        let padding = u32::from(self.has(flag::PADDED));
        let fits = match self.kind {
            kind::DATA => self.length >= padding,
            kind::HEADERS => self.length >= padding + if self.has(flag::PRIORITY) { 5 } else { 0 },
            // A connection error only where the connection's state is touched (§4.2).
            kind::PRIORITY if self.length != 5 => return Err(Stream(ErrorKind::FrameLength)),
            kind::RST_STREAM | kind::WINDOW_UPDATE => self.length == 4,
            kind::SETTINGS if self.has(flag::ACK) => self.length == 0,
            kind::SETTINGS => self.length.is_multiple_of(6),
            kind::PUSH_PROMISE => self.length >= padding + 4,
            kind::PING => self.length == 8,
            kind::GOAWAY => self.length >= 8,
            kind::PRIORITY_UPDATE => self.length >= 4,
            _ => true,
        };
        if fits { Ok(()) } else { Err(Connection(ErrorKind::FrameLength)) }
    }
}

/// A payload without its padding (§6.1): the octet of its length in front, if the flag is set, and
/// so many octets behind.
pub(crate) fn without_padding<'a>(header: &Header, payload: &'a [u8]) -> Result<&'a [u8], Fault> {
    if !header.has(flag::PADDED) {
        return Ok(payload);
    }
    let (&padding, rest) =
        payload.split_first().ok_or(Fault::Connection(ErrorKind::FrameLength))?;
    let length = rest
        .len()
        .checked_sub(usize::from(padding))
        .ok_or(Fault::Connection(ErrorKind::Padding))?;
    Ok(&rest[..length])
}

/// The 32 bits at the front of a payload whose length was checked.
pub(crate) fn word(payload: &[u8]) -> u32 {
    payload.first_chunk().map_or(0, |octets| u32::from_be_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_4_1_there_and_back() {
        let octets = [0x01, 0x02, 0x03, 0x09, 0x05, 0x80, 0x00, 0x00, 0x07];
        let header = Header::parse(&octets);
        assert_eq!(header, Header { length: 0x1_0203, kind: 9, flags: 5, stream: 7 });
        assert_eq!(header.octets()[5], 0, "the reserved bit is sent as 0");
        assert_eq!(Header::parse(&header.octets()), header);
    }

    /// Every type with every length from 0 to 16, with and without the flags that matter.
    #[test]
    fn lengths_and_streams_are_checked_in_the_header() {
        for kind in 0..=255_u8 {
            for length in 0..=16_u32 {
                for flags in [0, flag::ACK, flag::PADDED, flag::PRIORITY | flag::PADDED] {
                    for stream in [0, 1] {
                        let header = Header { length, kind, flags, stream };
                        let expected = expected(&header);
                        assert_eq!(header.check(16_384), expected, "{header:?}");
                    }
                }
            }
        }
    }

    fn expected(header: &Header) -> Result<(), Fault> {
        let connection = |kind| Err(Fault::Connection(kind));
        let on_stream = [0, 1, 2, 3, 5, 9].contains(&header.kind);
        let on_connection = [4, 6, 7, 0x10].contains(&header.kind);
        if on_stream && header.stream == 0 {
            return connection(ErrorKind::StreamZero);
        }
        if on_connection && header.stream != 0 {
            return connection(ErrorKind::NotStreamZero);
        }
        let padded = u32::from(header.flags & 8 != 0);
        let priority = if header.flags & 0x20 != 0 { 5 } else { 0 };
        let good = match header.kind {
            0 => header.length >= padded,
            1 => header.length >= padded + priority,
            2 if header.length != 5 => return Err(Fault::Stream(ErrorKind::FrameLength)),
            3 | 8 => header.length == 4,
            4 if header.flags & 1 != 0 => header.length == 0,
            4 => [0, 6, 12].contains(&header.length),
            5 => header.length >= padded + 4,
            6 => header.length == 8,
            7 => header.length >= 8,
            0x10 => header.length >= 4,
            _ => true,
        };
        if good { Ok(()) } else { connection(ErrorKind::FrameLength) }
    }

    #[test]
    fn rfc9113_4_2_the_largest_frame() {
        for kind in 0..=255 {
            let header = Header { length: 16_385, kind, flags: 0, stream: 1 };
            assert_eq!(header.check(16_384), Err(Fault::Connection(ErrorKind::FrameTooLong)));
        }
        let header = Header { length: 16_384, kind: kind::DATA, flags: 0, stream: 1 };
        assert_eq!(header.check(16_384), Ok(()));
    }

    #[test]
    fn rfc9113_6_1_padding() {
        let padded = Header { flags: flag::PADDED, ..Header::default() };
        assert_eq!(without_padding(&padded, &[2, b'a', 0, 0]), Ok(&b"a"[..]));
        assert_eq!(without_padding(&padded, &[3, 0, 0, 0]), Ok(&b""[..]));
        assert_eq!(
            without_padding(&padded, &[4, 0, 0, 0]),
            Err(Fault::Connection(ErrorKind::Padding))
        );
        assert_eq!(without_padding(&Header::default(), &[4, 0]), Ok(&[4, 0][..]));
    }
}
