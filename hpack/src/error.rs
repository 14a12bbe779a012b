//! What can be wrong with a field block.

use core::fmt;

use crate::huffman::HuffmanErrorKind;

/// A field block that was refused: why, and where.
///
/// Two kinds of fault: a block that cannot be decoded loses the dynamic table, so the connection has
/// to end ([`is_fatal`](Self::is_fatal)); a block that is too much was decoded all the same as far as
/// the table needs it, so only its message is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    kind: DecodeErrorKind,
    offset: usize,
}

impl DecodeError {
    pub(crate) const fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// Which rule was broken, or which limit passed.
    #[must_use]
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// The offset in the block of the octet at which the offending thing begins; for something that
    /// is missing, where it would have begun. A fatal error that comes again still speaks of the block
    /// that it came from.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The section of RFC 7541, or the name of the limit.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.kind.rule()
    }

    /// Whether the decoder can go on no more: in HTTP/2 a connection error of type
    /// COMPRESSION_ERROR (RFC 9113 §4.3). If not, the table is in step and the next block can be
    /// decoded.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        !matches!(self.kind, DecodeErrorKind::SectionTooLong | DecodeErrorKind::TooManyFields)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {} of the field block ({})", self.kind, self.offset, self.rule())
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError({:?}: {self})", self.kind)
    }
}

impl core::error::Error for DecodeError {}

/// See [`DecodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The block ends within a representation.
    #[error("the field block ends within a field")]
    Truncated,
    /// An integer above 2^31, or of more than 5 octets after its prefix.
    #[error("an integer is too large or too long")]
    IntegerTooLarge,
    /// The index 0 in an indexed representation.
    #[error("index 0 is not valid")]
    IndexZero,
    /// An index beyond both tables.
    #[error("an index is beyond the tables")]
    IndexOutOfRange,
    /// A string that is no Huffman code.
    #[error("{0}")]
    Huffman(HuffmanErrorKind),
    /// A table size update above what was allowed.
    #[error("a table size update is above the limit")]
    SizeUpdateTooLarge,
    /// A table size update after the first field.
    #[error("a table size update comes after a field")]
    SizeUpdateMisplaced,
    /// More than two table size updates in a block.
    #[error("a block has more than two table size updates")]
    TooManySizeUpdates,
    /// The limit was reduced, that was acknowledged, and the next block does not begin with the
    /// update that takes note of it.
    #[error("the table size update after a reduction is missing")]
    SizeUpdateMissing,
    /// The fields take more than [`FieldLimits::section_bytes_max`](crate::FieldLimits).
    #[error("the field section is too long")]
    SectionTooLong,
    /// More fields than [`FieldLimits::fields_max`](crate::FieldLimits).
    #[error("there are too many fields")]
    TooManyFields,
    /// Behind one of these limits, following the table costs more than 8 octets of work for each of
    /// the block, and four times the table. Fatal: the table is not followed any more.
    #[error("a field block over its limit costs out of proportion")]
    WorkTooMuch,
}

impl DecodeErrorKind {
    /// The section of RFC 7541, or the name of the limit.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Truncated => "RFC 7541 §6",
            Self::IntegerTooLarge => "RFC 7541 §5.1",
            Self::IndexZero => "RFC 7541 §6.1",
            Self::IndexOutOfRange => "RFC 7541 §2.3.3",
            Self::Huffman(_) => "RFC 7541 §5.2",
            Self::SizeUpdateTooLarge => "RFC 7541 §6.3",
            Self::SizeUpdateMisplaced | Self::TooManySizeUpdates | Self::SizeUpdateMissing => {
                "RFC 7541 §4.2"
            }
            Self::SectionTooLong => "section_bytes_max",
            Self::TooManyFields => "fields_max",
            Self::WorkTooMuch => "8 octets of work an octet behind a limit",
        }
    }
}
