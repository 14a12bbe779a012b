//! Field blocks that come in pieces (RFC 9113 §4.3): carried as they are, decoded once.

use alloc::vec::Vec;

/// The fragments of one field block, in order: HEADERS or PUSH_PROMISE and its CONTINUATION frames.
///
/// [`clear`](Self::clear) comes after each block. The number of fragments is the caller's to bound: empty
/// ones take no room here.
///
/// A block that came in one piece needs none of this. They are carried compressed, so what a peer
/// can make us hold is what it sent, up to a bound, and decoding is linear however it was cut.
///
/// ```
/// use hpack::{Decoder, FieldBuf, FieldLimits, Fragments};
///
/// let mut fragments = Fragments::new();
/// for fragment in [&[0x82, 0x86][..], &[], &[0x84]] {
///     fragments.push(fragment, 16 << 10)?;
/// }
/// let mut fields = FieldBuf::new();
/// Decoder::new(4096).decode(fragments.block(), &FieldLimits::default(), &mut fields).unwrap();
/// fragments.clear();
/// assert_eq!(fields.value(":path"), Some(&b"/"[..]));
/// # Ok::<_, hpack::BlockTooLong>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fragments {
    octets: Vec<u8>,
}

/// A field block, still compressed, is longer than `block_bytes_max`. Without it the table is lost: in
/// HTTP/2 the connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a field block of more than {block_bytes_max} octets (block_bytes_max)")]
#[non_exhaustive]
pub struct BlockTooLong {
    /// The bound, in octets.
    pub block_bytes_max: usize,
}

impl Fragments {
    /// No fragment; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { octets: Vec::new() }
    }

    /// Adds the next fragment.
    ///
    /// # Errors
    /// If the block would be longer than `block_bytes_max`; nothing is added then.
    pub fn push(&mut self, fragment: &[u8], block_bytes_max: usize) -> Result<(), BlockTooLong> {
        if fragment.len() > block_bytes_max.saturating_sub(self.octets.len()) {
            return Err(BlockTooLong { block_bytes_max });
        }
        self.octets.extend_from_slice(fragment);
        Ok(())
    }

    /// The block so far.
    #[must_use]
    pub fn block(&self) -> &[u8] {
        &self.octets
    }

    /// Forgets the block; the storage stays.
    pub fn clear(&mut self) {
        self.octets.clear();
    }

    /// Gives storage back that is not in use.
    pub fn shrink(&mut self) {
        self.octets.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_for_all_together() {
        let mut fragments = Fragments::new();
        assert_eq!(fragments.push(b"12345", 8), Ok(()));
        assert_eq!(fragments.push(b"6789", 8), Err(BlockTooLong { block_bytes_max: 8 }));
        assert_eq!(fragments.push(b"678", 8), Ok(()));
        assert_eq!(fragments.push(b"", 8), Ok(()));
        assert_eq!(fragments.block(), b"12345678");
        assert!(fragments.push(b"", 0).is_ok() && fragments.push(b"9", 0).is_err());
        fragments.clear();
        assert_eq!(fragments.block(), b"");
    }
}
