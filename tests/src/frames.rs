//! Frames of HTTP/2 (RFC 9113 §4.1), as plainly as they can be read and written: for tests that
//! speak it by hand.
//!
//! ```text
//! +-----------------------------------------------+
//! |                 Length (24)                   |
//! +---------------+---------------+---------------+
//! |   Type (8)    |   Flags (8)   |
//! +-+-------------+---------------+-------------------------------+
//! |R|                 Stream identifier (31)                      |
//! +=+=============================================================+
//! |                   Payload (0...)                            ...
//! +---------------------------------------------------------------+
//! ```

/// What a client sends before its first frame (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frames.
pub mod kind {
    #![allow(missing_docs, reason = "the names of RFC 9113 §6")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags, some of which mean different things in different frames.
pub mod flag {
    #![allow(missing_docs, reason = "the names of RFC 9113 §6")]
    pub const END_STREAM: u8 = 0x01;
    pub const ACK: u8 = 0x01;
    pub const END_HEADERS: u8 = 0x04;
    pub const PADDED: u8 = 0x08;
    pub const PRIORITY: u8 = 0x20;
}

/// A setting (RFC 9113 §6.5.2).
pub const HEADER_TABLE_SIZE: u16 = 1;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "this is what a frame is")]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The stream, or 0.
    pub stream: u32,
    /// What is in it.
    pub payload: Vec<u8>,
}

const HEAD: usize = 9;

impl Frame {
    /// A frame.
    #[must_use]
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// A SETTINGS frame with one setting.
    #[must_use]
    pub fn setting(setting: u16, value: u32) -> Self {
        let payload = [&setting.to_be_bytes()[..], &value.to_be_bytes()].concat();
        Self::new(kind::SETTINGS, 0, 0, payload)
    }

    /// Takes the first frame from the input, if all of it is there.
    pub fn take(input: &mut Vec<u8>) -> Option<Self> {
        let &[a, b, c, kind, flags, stream @ ..] = input.first_chunk::<HEAD>()?;
        let end = HEAD + u32::from_be_bytes([0, a, b, c]) as usize;
        let payload = input.get(HEAD..end)?.to_vec();
        input.drain(..end);
        Some(Self { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    /// Whether a flag is set.
    #[must_use]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The settings of a SETTINGS frame.
    pub fn settings(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.payload.chunks_exact(6).map(|setting| {
            let (name, value) = setting.split_at(2);
            let number = |octets: &[u8]| {
                octets.iter().fold(0, |number, &octet| number << 8 | u32::from(octet))
            };
            (number(name) as u16, number(value))
        })
    }

    /// The fragment of a field block in a HEADERS or CONTINUATION frame, without padding and
    /// priority (RFC 9113 §6.2).
    ///
    /// # Panics
    /// If it does not hold what its flags say.
    #[must_use]
    pub fn fragment(&self) -> &[u8] {
        let mut fragment = self.payload.as_slice();
        if self.kind == kind::HEADERS {
            if self.has(flag::PADDED) {
                let (&padding, rest) = fragment.split_first().expect("a length of padding");
                fragment = &rest[..rest.len() - usize::from(padding)];
            }
            if self.has(flag::PRIORITY) {
                fragment = &fragment[5..];
            }
        }
        fragment
    }

    /// Appends it to the output.
    ///
    /// # Panics
    /// If its payload is 16 MiB or more.
    pub fn write(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).expect("a short payload").to_be_bytes();
        assert_eq!(length[0], 0, "a payload of 16 MiB");
        out.extend_from_slice(&length[1..]);
        out.extend_from_slice(&[self.kind, self.flags]);
        out.extend_from_slice(&self.stream.to_be_bytes());
        out.extend_from_slice(&self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_taken() {
        let frames = [
            Frame::setting(HEADER_TABLE_SIZE, 1 << 20),
            Frame::new(
                kind::HEADERS,
                flag::PADDED | flag::PRIORITY,
                3,
                b"\x02.....block..".to_vec(),
            ),
            Frame::new(kind::CONTINUATION, flag::END_HEADERS, 3, Vec::new()),
        ];
        let mut octets = Vec::new();
        frames.iter().for_each(|frame| frame.write(&mut octets));
        let mut input = Vec::new();
        let mut taken = Vec::new();
        for octet in octets {
            input.push(octet);
            taken.extend(Frame::take(&mut input));
        }
        assert!(input.is_empty());
        assert_eq!(taken, frames);
        assert!(taken[0].settings().eq([(HEADER_TABLE_SIZE, 1 << 20)]));
        assert_eq!((taken[1].fragment(), taken[2].fragment()), (&b"block"[..], &b""[..]));
    }
}
