//! HEADERS and CONTINUATION (RFC 9113 §6.2 and §6.10): a field block, whole or in pieces.
//!
//! ```text
//! +---------------+
//! |Pad Length? (8)|   if PADDED
//! +-+-------------+-----------------------------------------------+
//! |E|                 Stream Dependency? (31)                     |   if PRIORITY: tolerated,
//! +-+-------------+-----------------------------------------------+   means nothing any more
//! |  Weight? (8)  |
//! +-+-------------+-----------------------------------------------+
//! |                   Field Block Fragment (*)                  ...
//! +---------------------------------------------------------------+
//! |                           Padding (*)                       ...
//! +---------------------------------------------------------------+
//! ```

use alloc::vec::Vec;

use super::{Header, flag, kind, priority, without_padding};
use crate::error::Fault;

/// What a HEADERS frame says beside its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Headers<'a> {
    pub(crate) fragment: &'a [u8],
    /// The stream is said to depend on itself.
    pub(crate) depends_on_itself: bool,
}

/// Reads a HEADERS frame whose header was checked.
pub(crate) fn parse<'a>(header: &Header, payload: &'a [u8]) -> Result<Headers<'a>, Fault> {
    let rest = without_padding(header, payload)?;
    if !header.has(flag::PRIORITY) {
        return Ok(Headers { fragment: rest, depends_on_itself: false });
    }
    // The length was checked with the padding's octet, not with the padding.
    let (dependency, fragment) = rest
        .split_at_checked(priority::LEN)
        .ok_or(Fault::Connection(crate::error::ErrorKind::Padding))?;
    let depends_on_itself = priority::dependency(dependency) == header.stream;
    Ok(Headers { fragment, depends_on_itself })
}

/// Makes HEADERS, and CONTINUATION where `frame_bytes_max` demands, of the block that is the end of
/// `out` from `start` on, which has room for the first header in front of it.
pub(crate) fn frame_block(first: Header, start: usize, frame_bytes_max: u32, out: &mut Vec<u8>) {
    let block_at = start + Header::LEN;
    let total = out.len() - block_at;
    let max = frame_bytes_max as usize;
    if total <= max {
        let header =
            Header { length: total as u32, flags: first.flags | flag::END_HEADERS, ..first };
        out[start..block_at].copy_from_slice(&header.octets());
        return;
    }
    // Rare: what is behind the first frame moves once.
    let block = out.split_off(block_at);
    let mut pieces = block.chunks(max).peekable();
    out.truncate(start);
    let mut kind = first.kind;
    let mut flags = first.flags;
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            flags |= flag::END_HEADERS;
        }
        Header { length: piece.len() as u32, kind, flags, stream: first.stream }.write(out);
        out.extend_from_slice(piece);
        (kind, flags) = (kind::CONTINUATION, 0);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn rfc9113_6_2_padding_and_priority() {
        let header = |flags| Header { kind: kind::HEADERS, flags, stream: 3, length: 0 };
        let parsed = |fragment, depends_on_itself| Ok(Headers { fragment, depends_on_itself });
        assert_eq!(parse(&header(0), b"block"), parsed(b"block", false));
        assert_eq!(parse(&header(0x8), b"\x02block.."), parsed(b"block", false));
        assert_eq!(parse(&header(0x20), b"\0\0\0\x01\x10block"), parsed(b"block", false));
        assert_eq!(parse(&header(0x20), b"\x80\0\0\x03\x10block"), parsed(b"block", true));
        assert_eq!(parse(&header(0x28), b"\x01\0\0\0\x01\x10block."), parsed(b"block", false));
        let padding = Err(Fault::Connection(ErrorKind::Padding));
        assert_eq!(parse(&header(0x8), b"\x03ab"), padding);
        assert_eq!(parse(&header(0x28), b"\x01\0\0\0\x01\x10"), padding);
    }

    #[test]
    fn rfc9113_6_10_a_block_in_pieces() {
        for (length, frames) in [(0, 1), (10, 1), (11, 2), (20, 2), (21, 3)] {
            let mut out = b"before".to_vec();
            let start = out.len();
            out.resize(start + Header::LEN, 0);
            out.extend(vec![b'x'; length]);
            let first = Header {
                kind: kind::HEADERS,
                flags: flag::END_STREAM,
                stream: 5,
                ..Header::default()
            };
            frame_block(first, start, 10, &mut out);
            let mut rest = &out[start..];
            let mut seen = 0;
            let mut block = 0;
            while let Some((octets, tail)) = rest.split_first_chunk() {
                let header = Header::parse(octets);
                assert_eq!(header.kind, if seen == 0 { kind::HEADERS } else { kind::CONTINUATION });
                assert_eq!(header.flags & flag::END_STREAM != 0, seen == 0);
                seen += 1;
                assert_eq!(header.has(flag::END_HEADERS), seen == frames);
                assert_eq!(header.stream, 5);
                block += header.length as usize;
                rest = &tail[header.length as usize..];
            }
            assert_eq!((seen, block), (frames, length));
            assert!(out.starts_with(b"before"));
        }
    }
}
