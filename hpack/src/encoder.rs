//! The encoder (RFC 7541 §2.4, §6): a list of fields in, a field block out.

use alloc::vec::Vec;
use core::fmt;

use crate::dynamic_table::{DynamicTable, SIZE_MAX};
use crate::field::Field;
use crate::field_buf::FieldBuf;
use crate::history::History;
use crate::index::Index;
use crate::policy::{Indexing, Policy, Sighting, default_policy};
use crate::{hash, huffman, integer, static_table};

/// The size of the table of a peer that said nothing (RFC 9113 §6.5.2), in octets.
const PEER_TABLE_BYTES: usize = 4096;

/// The first bits of the representations: see `decoder` for all of them.
const INDEXED: u8 = 0x80;
const LITERAL_INCREMENTAL: u8 = 0x40;
const SIZE_UPDATE: u8 = 0x20;
const LITERAL_NEVER: u8 = 0x10;
const LITERAL_WITHOUT: u8 = 0x00;

/// Encodes the field blocks of one direction of a connection. All of them must be sent, in that order:
/// the peer's table follows. (A clone from before takes one back that was not.)
///
/// ```
/// use hpack::{Decoder, Encoder, Field, FieldBuf, FieldLimits};
///
/// let mut encoder = Encoder::new(4096);
/// let mut block = Vec::new();
/// encoder.begin(&mut block);
/// encoder.encode(Field::new(b":method", b"GET"), &mut block);
/// encoder.encode(Field::new(b"user-agent", b"an agent"), &mut block);
/// encoder.encode(Field::sensitive(b"x-token", b"secret"), &mut block);
///
/// let mut fields = FieldBuf::new();
/// Decoder::new(4096).decode(&block, &FieldLimits::default(), &mut fields)?;
/// assert_eq!(fields.value("user-agent"), Some(&b"an agent"[..]));
/// assert!(fields.get(2).unwrap().sensitive);
/// # Ok::<_, hpack::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct Encoder {
    table: DynamicTable,
    index: Index,
    history: History,
    policy: Policy,
    /// Our own cap. Sizes beyond [`SIZE_MAX`] count as that.
    table_bytes_max: u32,
    /// What the peer allows.
    peer_table_bytes_max: u32,
    /// The size that the peer's decoder knows of.
    announced: u32,
    /// The lowest bound since the last block, if one was set.
    lowest: Option<u32>,
}

impl Encoder {
    /// An encoder with an empty table, which allocates nothing before the first field that neither
    /// table has.
    ///
    /// The table never exceeds `table_bytes_max` octets, by the account of RFC 7541 §4.1, whatever
    /// the peer allows; at first that is 4,096. At most 1 GiB counts.
    #[must_use]
    pub fn new(table_bytes_max: usize) -> Self {
        let mut encoder = Self {
            table: DynamicTable::new(PEER_TABLE_BYTES.min(table_bytes_max)),
            index: Index::new(),
            history: History::new(),
            policy: default_policy,
            table_bytes_max: capped(table_bytes_max),
            peer_table_bytes_max: PEER_TABLE_BYTES as u32,
            announced: PEER_TABLE_BYTES as u32,
            lowest: None,
        };
        encoder.bound_changed();
        encoder
    }

    /// With another policy of indexing.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The peer's decoder has a table of this size: in HTTP/2 its SETTINGS_HEADER_TABLE_SIZE. In
    /// force from the next [`begin`](Self::begin) on.
    pub fn set_peer_table_bytes_max(&mut self, peer_table_bytes_max: usize) {
        self.peer_table_bytes_max = capped(peer_table_bytes_max);
        self.bound_changed();
    }

    /// Changes our own cap. In force from the next [`begin`](Self::begin) on.
    pub fn set_table_bytes_max(&mut self, table_bytes_max: usize) {
        self.table_bytes_max = capped(table_bytes_max);
        self.bound_changed();
    }

    fn bound(&self) -> u32 {
        self.table_bytes_max.min(self.peer_table_bytes_max)
    }

    fn bound_changed(&mut self) {
        let bound = self.bound();
        self.lowest = Some(self.lowest.map_or(bound, |lowest| lowest.min(bound)));
    }

    /// The dynamic table.
    #[must_use]
    pub const fn table(&self) -> &DynamicTable {
        &self.table
    }

    /// What the encoder has allocated: the table, and what finds matches in it, in octets.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.table.memory_bytes() + self.index.memory_bytes() + self.history.memory_bytes()
    }

    /// Begins a block: says how the table's size changed since the last, if it did, with the
    /// smallest size in between and the final one (RFC 7541 §4.2).
    #[inline]
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if self.lowest.is_some() {
            self.resize(out);
        }
    }

    #[cold]
    fn resize(&mut self, out: &mut Vec<u8>) {
        let bound = self.bound();
        if let Some(lowest) = self.lowest.take()
            && lowest < bound
            && lowest < self.announced
        {
            self.update_size(lowest, out);
        }
        if bound != self.announced {
            self.update_size(bound, out);
        }
    }

    fn update_size(&mut self, size: u32, out: &mut Vec<u8>) {
        self.announced = size;
        let size = size as usize;
        let shrinks = size < self.table.size_max();
        self.table.set_size_max(size);
        integer::encode(size, 5, SIZE_UPDATE, out);
        if shrinks && self.index.is_large_for(self.table.len()) {
            self.rebuild_index();
        }
    }

    /// Encodes the next field of the block. [`begin`](Self::begin) comes before the first, once a block:
    /// sizes change there, and nowhere else.
    #[inline]
    pub fn encode<'a>(&mut self, field: impl Into<Field<'a>>, out: &mut Vec<u8>) {
        self.encode_field(field.into(), out);
    }

    /// Encodes a whole block, from its beginning.
    pub fn encode_block<'a, I>(&mut self, fields: I, out: &mut Vec<u8>)
    where
        I: IntoIterator,
        I::Item: Into<Field<'a>>,
    {
        self.begin(out);
        fields.into_iter().for_each(|field| self.encode(field, out));
    }

    fn encode_field(&mut self, field: Field<'_>, out: &mut Vec<u8>) {
        // Never in the dynamic table, which is not looked at then.
        if let Some(index) = static_table::find_pseudo(field)
            && !field.sensitive
        {
            out.push(INDEXED | index as u8);
            return;
        }
        let name_hash = hash::name(field.name);
        if field.sensitive {
            let name = self.find_name(field.name, name_hash);
            return literal(LITERAL_NEVER, 4, name, field, out);
        }
        let field_hash = hash::field(name_hash, field.value);
        if let Some(index) = self.find_field(field, field_hash) {
            self.history.hit(score_hash(field, name_hash));
            integer::encode(index, 7, INDEXED, out);
            return;
        }
        let static_name = static_table::find_name(field.name, name_hash);
        if let Some(first) = static_name
            && let Some(index) = static_table::find_value(first, field.value)
        {
            out.push(INDEXED | index as u8);
            return;
        }
        let name = static_name.or_else(|| self.find_dynamic_name(field.name, name_hash));
        let score_hash = score_hash(field, name_hash);
        let (again, name_score) = self.history.sighting(score_hash, field_hash);
        let sighting = Sighting {
            again,
            name_score,
            name_indexed: name.is_some(),
            table_bytes_max: self.table.size_max(),
        };
        let indexing = (self.policy)(field, &sighting);
        if indexing != Indexing::Never {
            self.history.miss(score_hash, field_hash, again);
        }
        match indexing {
            Indexing::Incremental => {
                literal(LITERAL_INCREMENTAL, 6, name, field, out);
                self.insert(field, name_hash, field_hash, static_name.is_some());
            }
            Indexing::Without => literal(LITERAL_WITHOUT, 4, name, field, out),
            Indexing::Never => literal(LITERAL_NEVER, 4, name, field, out),
        }
    }

    fn insert(&mut self, field: Field<'_>, name_hash: u64, field_hash: u64, static_name: bool) {
        let number = self.table.next_number() as u16;
        if !self.table.insert(field.name, field.value, field_hash as u32) {
            return;
        }
        if self.index.is_small_for(self.table.len()) {
            self.rebuild_index();
            return;
        }
        self.index.add(field_hash, number);
        if !static_name {
            self.index.add(name_hash, number);
        }
    }

    #[cold]
    fn rebuild_index(&mut self) {
        let mut fields = FieldBuf::new();
        self.table.entries(&mut fields);
        self.index.reset_for(fields.len());
        let oldest = self.table.next_number().wrapping_sub(fields.len() as u32);
        for back in (0..fields.len()).rev() {
            let Some(field) = fields.get(back) else { continue };
            let number = oldest.wrapping_add((fields.len() - 1 - back) as u32) as u16;
            let name_hash = hash::name(field.name);
            self.index.add(hash::field(name_hash, field.value), number);
            if static_table::find_name(field.name, name_hash).is_none() {
                self.index.add(name_hash, number);
            }
        }
    }

    /// The index of the field in the dynamic table.
    #[inline]
    fn find_field(&self, field: Field<'_>, field_hash: u64) -> Option<usize> {
        let mut numbers = self.index.find(field_hash);
        let place =
            numbers.find_map(|number| self.table.find_field(number, field_hash as u32, field))?;
        Some(place + static_table::LEN + 1)
    }

    /// The index of an entry that has this name, in either table.
    fn find_name(&self, name: &[u8], name_hash: u64) -> Option<usize> {
        static_table::find_name(name, name_hash).or_else(|| self.find_dynamic_name(name, name_hash))
    }

    #[inline]
    fn find_dynamic_name(&self, name: &[u8], name_hash: u64) -> Option<usize> {
        let mut numbers = self.index.find(name_hash);
        let place = numbers.find_map(|number| self.table.find_name(number, name))?;
        Some(place + static_table::LEN + 1)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("table", &self.table).finish_non_exhaustive()
    }
}

fn capped(table_bytes: usize) -> u32 {
    table_bytes.min(SIZE_MAX) as u32
}

/// The hash by which a name is scored: a cookie alone in its line (RFC 9113 §8.2.3) has a name of its own.
fn score_hash(field: Field<'_>, name_hash: u64) -> u64 {
    if field.name != b"cookie" {
        return name_hash;
    }
    let name_len = field.value.iter().position(|&octet| octet == b'=').unwrap_or(0);
    hash::field(name_hash, &field.value[..name_len])
}

/// A literal (RFC 7541 §6.2): the index of the name, or 0 and the name, then the value.
fn literal(flags: u8, prefix_bits: u32, name: Option<usize>, field: Field<'_>, out: &mut Vec<u8>) {
    match name {
        Some(index) => integer::encode(index, prefix_bits, flags, out),
        None => {
            out.push(flags);
            string(field.name, out);
        }
    }
    string(field.value, out);
}

/// A string (RFC 7541 §5.2; `decoder` has the diagram), Huffman-coded where that is shorter.
fn string(text: &[u8], out: &mut Vec<u8>) {
    const CODED: u8 = 0x80;
    const LEN_SHORT: usize = 0x7F;
    // The code goes where it belongs if its length takes one octet, as most do.
    let start = out.len();
    out.push(0);
    if text.is_empty() || !huffman::encode_within(text, out, text.len() - 1) {
        out.truncate(start);
        integer::encode(text.len(), 7, 0, out);
        out.extend_from_slice(text);
        return;
    }
    let len = out.len() - start - 1;
    if len < LEN_SHORT {
        out[start] = CODED | len as u8;
        return;
    }
    // More octets of length: written behind the code, turned to its front, in place of the one.
    integer::encode(len, 7, CODED, out);
    let length_octets = out.len() - start - 1 - len;
    out[start..].rotate_right(length_octets);
    out.remove(start + length_octets);
}
