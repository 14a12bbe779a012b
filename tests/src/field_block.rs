//! Field blocks (RFC 7541) made representation by representation, valid or not, by choices that no
//! encoder makes; and what becomes of them in a decoder, however they are cut.

use hpack::{DecodeError, Decoder, DynamicTable, FieldBuf, FieldLimits, Fragments, huffman};

/// Limits that nothing reaches.
pub const UNLIMITED: FieldLimits =
    FieldLimits { section_bytes_max: usize::MAX, fields_max: usize::MAX };

/// Up to so many octets every cut is tried; beyond, those near the ends and a sample between.
const CUTS_ALL_MAX: usize = 300;

/// The three literals (RFC 7541 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "the RFC has three")]
pub enum Literal {
    /// With incremental indexing.
    Incremental,
    /// Without indexing.
    Without,
    /// Never indexed.
    Never,
}

impl Literal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Incremental, Self::Without, Self::Never];

    const fn flags_and_prefix(self) -> (u8, u32) {
        match self {
            Self::Incremental => (0x40, 6),
            Self::Without => (0x00, 4),
            Self::Never => (0x10, 4),
        }
    }
}

/// How a literal names its field.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums, reason = "the RFC has two ways")]
pub enum Name<'a> {
    /// As an entry of the tables has it.
    Index(usize),
    /// By a string.
    Octets(&'a [u8]),
}

impl From<usize> for Name<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(name: &'a str) -> Self {
        Self::Octets(name.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Name<'a> {
    fn from(name: &'a [u8]) -> Self {
        Self::Octets(name)
    }
}

/// A field block that is being made.
#[derive(Clone, Debug)]
pub struct FieldBlock {
    octets: Vec<u8>,
    coded: bool,
}

impl FieldBlock {
    /// An empty block whose strings are sent as they are.
    #[must_use]
    pub const fn raw() -> Self {
        Self { octets: Vec::new(), coded: false }
    }

    /// An empty block whose strings are Huffman-coded, also where that is longer.
    #[must_use]
    pub const fn coded() -> Self {
        Self { octets: Vec::new(), coded: true }
    }

    /// A dynamic table size update (RFC 7541 §6.3).
    #[must_use]
    pub fn size_update(mut self, size: usize) -> Self {
        append_integer(size, 5, 0x20, &mut self.octets);
        self
    }

    /// An indexed field (RFC 7541 §6.1).
    #[must_use]
    pub fn indexed(mut self, index: usize) -> Self {
        append_integer(index, 7, 0x80, &mut self.octets);
        self
    }

    /// A literal (RFC 7541 §6.2).
    #[must_use]
    pub fn literal<'a>(
        mut self,
        literal: Literal,
        name: impl Into<Name<'a>>,
        value: impl AsRef<[u8]>,
    ) -> Self {
        let (flags, prefix_bits) = literal.flags_and_prefix();
        match name.into() {
            Name::Index(index) => append_integer(index, prefix_bits, flags, &mut self.octets),
            Name::Octets(name) => {
                self.octets.push(flags);
                self.string(name);
            }
        }
        self.string(value.as_ref());
        self
    }

    /// Its octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn string(&mut self, text: &[u8]) {
        if self.coded {
            append_integer(huffman::encoded_len(text), 7, 0x80, &mut self.octets);
            huffman::encode(text, &mut self.octets);
        } else {
            append_integer(text.len(), 7, 0, &mut self.octets);
            self.octets.extend_from_slice(text);
        }
    }
}

/// Appends an integer (RFC 7541 §5.1), whose prefix shares its octet with the bits of `flags`.
pub fn append_integer(value: usize, prefix_bits: u32, flags: u8, out: &mut Vec<u8>) {
    let full = (1 << prefix_bits) - 1;
    if value < full {
        out.push(flags | value as u8);
        return;
    }
    out.push(flags | full as u8);
    let mut rest = value - full;
    while rest >= 128 {
        out.push((rest % 128 + 128) as u8);
        rest /= 128;
    }
    out.push(rest as u8);
}

impl AsRef<[u8]> for FieldBlock {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

/// What a decoder made of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// What it said.
    pub result: Result<(), DecodeError>,
    /// What it gave.
    pub fields: FieldBuf,
    /// The entries of its table afterwards, the newest first.
    pub table: FieldBuf,
    /// The bound of its table afterwards, in octets.
    pub table_size_max: usize,
}

impl Outcome {
    /// The error.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn error(&self) -> DecodeError {
        self.result.expect_err("the block was taken")
    }
}

/// The entries of a table, the newest first.
#[must_use]
pub fn entries(table: &DynamicTable) -> FieldBuf {
    let mut fields = FieldBuf::new();
    table.entries(&mut fields);
    fields
}

/// Decodes a block in one piece.
pub fn decode(decoder: &mut Decoder, block: impl AsRef<[u8]>, limits: &FieldLimits) -> Outcome {
    let mut fields = FieldBuf::new();
    let result = decoder.decode(block.as_ref(), limits, &mut fields);
    let table = decoder.table();
    Outcome { result, fields, table: entries(table), table_size_max: table.size_max() }
}

/// Decodes a block in one piece, octet by octet, and cut in two at every place, with empty
/// fragments between; the same has to come of it.
///
/// # Panics
/// If a cut makes a difference.
#[track_caller]
pub fn decode_however_cut(
    decoder: &mut Decoder,
    block: impl AsRef<[u8]>,
    limits: &FieldLimits,
) -> Outcome {
    let (block, before) = (block.as_ref(), decoder.clone());
    let outcome = decode(decoder, block, limits);
    let mut fragments = Fragments::new();
    let mut try_cuts = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        fragments.clear();
        for piece in pieces {
            fragments.push(piece, block.len()).expect("no longer than the block");
            fragments.push(&[], block.len()).expect("nothing");
        }
        let again = decode(&mut before.clone(), fragments.block(), limits);
        assert_eq!(again, outcome, "it depends on how the block is cut");
    };
    try_cuts(&mut block.chunks(1));
    for cut in cuts(block.len()) {
        let (head, tail) = block.split_at(cut);
        try_cuts(&mut [head, tail].into_iter());
    }
    outcome
}

fn cuts(len: usize) -> impl Iterator<Item = usize> {
    let near_an_end = move |cut: usize| cut < CUTS_ALL_MAX / 4 || len - cut < CUTS_ALL_MAX / 4;
    let step = (len / (CUTS_ALL_MAX / 2)).max(1);
    (0..=len).filter(move |&cut| len <= CUTS_ALL_MAX || near_an_end(cut) || cut % step == 0)
}
