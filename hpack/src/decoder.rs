//! The decoder (RFC 7541 §3 and §6): a field block in, a list of fields out.
//!
//! The crate's documentation shows how the first bits tell the representations apart.

use core::fmt;

use crate::dynamic_table::{DynamicTable, SIZE_MAX};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::field::{FIELD_OVERHEAD, Field, FieldLimits};
use crate::field_buf::FieldBuf;
use crate::{huffman, integer, static_table};

/// What each octet of a block may cost behind a limit, besides four times the table.
const WORK_BEHIND_RATIO: u64 = 8;

/// Decodes the field blocks of one direction of a connection, in the order in which they came.
///
/// ```
/// use hpack::{Decoder, DecodeErrorKind, FieldBuf, FieldLimits};
///
/// let mut decoder = Decoder::new(4096);
/// let mut fields = FieldBuf::new();
/// // A literal that must never be indexed (0001 0000): name and value of one octet each.
/// decoder.decode(&[0x10, 1, b'k', 1, b'v'], &FieldLimits::default(), &mut fields)?;
/// let field = fields.get(0).unwrap();
/// assert_eq!((field.name, field.value, field.sensitive), (&b"k"[..], &b"v"[..], true));
///
/// // More than the caller admits: the message is lost, the connection is not.
/// let limits = FieldLimits { fields_max: 1, ..FieldLimits::default() };
/// let error = decoder.decode(&[0x82, 0x84], &limits, &mut fields).unwrap_err();
/// assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::TooManyFields, 1));
/// assert!(!error.is_fatal());
///
/// // No such entry.
/// let error = decoder.decode(&[0xbe], &limits, &mut fields).unwrap_err();
/// assert!(error.is_fatal());
/// assert_eq!(
///     error.to_string(),
///     "an index is beyond the tables at octet 0 of the field block (RFC 7541 §2.3.3)",
/// );
/// # Ok::<_, hpack::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct Decoder {
    table: DynamicTable,
    /// What a table size update may ask for.
    table_bytes_max: usize,
    /// The lowest that this was reduced to below the table's bound since the last block, which has
    /// to be taken note of by the next.
    reduced_to: Option<usize>,
    failed: Option<DecodeError>,
    work: u64,
}

impl Decoder {
    /// A decoder with an empty table, which allocates nothing before the first insertion.
    ///
    /// `table_bytes_max` is the size of table that the peer's encoder uses at first, by the account of
    /// RFC 7541 §4.1: in HTTP/2 4,096 ([`Decoder::default`]), whatever our SETTINGS say, because they
    /// are in force when the peer has acknowledged them
    /// ([`set_table_bytes_max`](Self::set_table_bytes_max)). At most 1 GiB counts, here and there.
    ///
    /// Whoever only listens does not know what was acknowledged: a generous `set_table_bytes_max` takes
    /// every update. Nobody can begin in the middle of a connection.
    #[must_use]
    pub fn new(table_bytes_max: usize) -> Self {
        let table = DynamicTable::new(table_bytes_max);
        Self { table_bytes_max: table.size_max(), table, reduced_to: None, failed: None, work: 0 }
    }

    /// The peer has acknowledged another bound of the table. If it is lower than what the peer uses,
    /// the next block has to begin with a table size update that takes note of it (RFC 7541 §4.2,
    /// RFC 9113 §4.3.1).
    pub fn set_table_bytes_max(&mut self, table_bytes_max: usize) {
        let table_bytes_max = table_bytes_max.min(SIZE_MAX);
        self.table_bytes_max = table_bytes_max;
        if table_bytes_max < self.table.size_max() {
            let lowest = self.reduced_to.unwrap_or(usize::MAX);
            self.reduced_to = Some(lowest.min(table_bytes_max));
        }
    }

    /// The dynamic table.
    #[must_use]
    pub const fn table(&self) -> &DynamicTable {
        &self.table
    }

    /// The octets that all blocks so far made it read, copy, decode and insert: what decoding costs, to
    /// within a constant factor.
    #[must_use]
    pub const fn work(&self) -> u64 {
        self.work
    }

    /// Decodes a whole block into `fields`, in place of what was there. Fragments are put together
    /// first ([`Fragments`](crate::Fragments)).
    ///
    /// Lengths are held against `limits` before a string is decoded, and decoding stops where it
    /// passes them: `fields` takes their room, or that of the table if that is larger, as vectors
    /// grow. What comes behind a limit is followed as far as the table needs it and thrown away;
    /// `fields` holds the fields before. A string there that the table does not need is not looked
    /// at.
    ///
    /// # Errors
    /// [Fatal](DecodeError::is_fatal) ones come again from every further call, with no fields:
    /// without the table nothing can be decoded. After the others the next block can be.
    pub fn decode(
        &mut self,
        block: &[u8],
        limits: &FieldLimits,
        fields: &mut FieldBuf,
    ) -> Result<(), DecodeError> {
        self.decode_marking(block, limits, fields, |_| false)
    }

    /// As [`decode`](Self::decode); `mark` is asked once for each field that comes as a literal, and
    /// its answer stays with the field, also where the table gives it out again: what a caller has to
    /// check of single fields it need not check again ([`FieldBuf::is_marked`]). Fields of the static
    /// table are not marked. A caller asks the same of all blocks of a connection.
    ///
    /// # Errors
    /// As there.
    pub fn decode_marking(
        &mut self,
        block: &[u8],
        limits: &FieldLimits,
        fields: &mut FieldBuf,
        mark: impl Fn(Field<'_>) -> bool,
    ) -> Result<(), DecodeError> {
        fields.clear();
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let bytes_max = limits.section_bytes_max.min(i32::MAX as usize);
        let mut run = Run {
            block,
            at: 0,
            table: &mut self.table,
            fields,
            bytes_left: bytes_max,
            fields_left: limits.fields_max,
            over: None,
            work: block.len() as u64,
            work_behind_max: u64::MAX,
            mark,
        };
        let mut result = run.size_updates(self.table_bytes_max, &mut self.reduced_to);
        if result.is_ok() {
            result = run.representations();
        }
        let over = run.over;
        self.work += run.work;
        if let Err(error) = result {
            fields.clear();
            self.failed = Some(error);
            return Err(error);
        }
        over.map_or(Ok(()), Err)
    }
}

impl Default for Decoder {
    /// As HTTP/2 begins: a table of 4,096 octets.
    fn default() -> Self {
        Self::new(4096)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("table", &self.table)
            .field("table_bytes_max", &self.table_bytes_max)
            .field("reduced_to", &self.reduced_to)
            .field("failed", &self.failed)
            .finish()
    }
}

/// One block on its way.
struct Run<'a, M> {
    block: &'a [u8],
    /// The octet to read next.
    at: usize,
    table: &'a mut DynamicTable,
    fields: &'a mut FieldBuf,
    bytes_left: usize,
    fields_left: usize,
    /// The limit that was passed. From there on nothing is added to the fields.
    over: Option<DecodeError>,
    /// Octets read, copied, decoded and inserted.
    work: u64,
    /// What that may reach once a limit was passed.
    work_behind_max: u64,
    /// What the caller says of a literal.
    mark: M,
}

impl<M: Fn(Field<'_>) -> bool> Run<'_, M> {
    /// Table size updates, which only a block's beginning may have (RFC 7541 §4.2): at most two,
    /// the lowest bound since the last block and the one that holds from now on.
    ///
    /// ```text
    ///   0   1   2   3   4   5   6   7
    /// +---+---+---+---+---+---+---+---+
    /// | 0 | 0 | 1 |   Max size (5+)   |
    /// +---+---------------------------+
    /// ```
    fn size_updates(
        &mut self,
        table_bytes_max: usize,
        reduced_to: &mut Option<usize>,
    ) -> Result<(), DecodeError> {
        for update in 0.. {
            let start = self.at;
            if self.block.get(start).is_none_or(|octet| octet & 0xE0 != 0x20) {
                break;
            }
            if update == 2 {
                return Err(DecodeError::new(DecodeErrorKind::TooManySizeUpdates, start));
            }
            let size = integer::decode(self.block, &mut self.at, 5)?;
            if size > table_bytes_max {
                return Err(DecodeError::new(DecodeErrorKind::SizeUpdateTooLarge, start));
            }
            if reduced_to.is_some_and(|lowest| size > lowest) {
                return Err(DecodeError::new(DecodeErrorKind::SizeUpdateMissing, start));
            }
            *reduced_to = None;
            self.work += self.table.size() as u64;
            self.table.set_size_max(size);
        }
        if reduced_to.is_some() {
            return Err(DecodeError::new(DecodeErrorKind::SizeUpdateMissing, self.at));
        }
        Ok(())
    }

    fn representations(&mut self) -> Result<(), DecodeError> {
        while let Some(&first) = self.block.get(self.at) {
            if first & 0x80 != 0 {
                self.indexed()?;
            } else if first & 0x40 != 0 {
                self.literal(6, true, false)?;
            } else if first & 0x20 == 0 {
                self.literal(4, false, first & 0x10 != 0)?;
            } else {
                return Err(DecodeError::new(DecodeErrorKind::SizeUpdateMisplaced, self.at));
            }
        }
        Ok(())
    }

    /// Whether the next field, of at least this size, may still be added. If not, and no limit was
    /// passed before, one is now.
    #[inline]
    fn admits(&mut self, size: usize, start: usize) -> bool {
        if self.over.is_some() {
            return false;
        }
        if size <= self.bytes_left && self.fields_left > 0 {
            return true;
        }
        let kind = if self.fields_left == 0 {
            DecodeErrorKind::TooManyFields
        } else {
            DecodeErrorKind::SectionTooLong
        };
        self.pass_limit(kind, start);
        false
    }

    /// From here on nothing is surfaced. The table is followed within bounds: whoever sends references
    /// to long names that are inserted again and again is no message that is a little too long.
    #[cold]
    fn pass_limit(&mut self, kind: DecodeErrorKind, start: usize) {
        self.over = Some(DecodeError::new(kind, start));
        let block = self.block.len() as u64 * WORK_BEHIND_RATIO;
        self.work_behind_max = self.work + block + 4 * self.table.size_max() as u64;
    }

    /// An indexed field (RFC 7541 §6.1).
    ///
    /// ```text
    ///   0   1   2   3   4   5   6   7
    /// +---+---+---+---+---+---+---+---+
    /// | 1 |        Index (7+)         |
    /// +---+---------------------------+
    /// ```
    #[inline]
    fn indexed(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        let index = integer::decode(self.block, &mut self.at, 7)?;
        if let Some((octets, name_len, len)) = static_table::octets(index) {
            let size = len + FIELD_OVERHEAD;
            if self.admits(size, start) {
                let end = self.fields.octets().len() + len;
                self.fields.octets().extend_from_slice(octets);
                self.fields.octets().truncate(end);
                self.fields.end_field(end - len + name_len, false, false);
                self.work += len as u64;
                self.bytes_left -= size;
                self.fields_left -= 1;
            }
            return Ok(());
        }
        if index == 0 {
            return Err(DecodeError::new(DecodeErrorKind::IndexZero, start));
        }
        let place = index - static_table::LEN - 1;
        let Some(size) = self.table.entry_size(place) else {
            return Err(DecodeError::new(DecodeErrorKind::IndexOutOfRange, start));
        };
        if self.admits(size, start) {
            self.table.push_field(place, self.fields);
            self.work += (size - FIELD_OVERHEAD) as u64;
            self.bytes_left -= size;
            self.fields_left -= 1;
        }
        Ok(())
    }

    /// A literal (RFC 7541 §6.2), its name by index, or, where that is 0, as a string.
    ///
    /// ```text
    ///   0   1   2   3   4   5   6   7
    /// +---+---+---+---+---+---+---+---+
    /// | 0 | 1 |      Index (6+)       |   or 0 0 0 0, 0 0 0 1 and Index (4+)
    /// +---+---+-----------------------+
    /// | H |     Name length (7+)      |   if the index is 0
    /// +---+---------------------------+
    /// |  Name string (length octets)  |
    /// +---+---------------------------+
    /// | H |     Value length (7+)     |
    /// +---+---------------------------+
    /// | Value string (length octets)  |
    /// +-------------------------------+
    /// ```
    fn literal(
        &mut self,
        prefix_bits: u32,
        insert: bool,
        sensitive: bool,
    ) -> Result<(), DecodeError> {
        let start = self.at;
        let index = integer::decode(self.block, &mut self.at, prefix_bits)?;
        let name = match index {
            0 => Name::Literal(self.string()?),
            1..=static_table::LEN => Name::Static(index),
            _ => Name::Dynamic(index - static_table::LEN - 1),
        };
        let name_len_min = match name {
            Name::Literal(string) => string.len_min(),
            Name::Static(index) => static_table::octets(index).map_or(0, |entry| entry.1),
            Name::Dynamic(place) => self
                .table
                .name_len(place)
                .ok_or_else(|| DecodeError::new(DecodeErrorKind::IndexOutOfRange, start))?,
        };
        let value = self.string()?;
        let size_min = name_len_min + value.len_min() + FIELD_OVERHEAD;

        let begin = self.fields.octets().len();
        if self.admits(size_min, start) {
            if let Some(name_end) = self.append(name, value, self.bytes_left - FIELD_OVERHEAD)? {
                let octets = self.fields.octets();
                let len = octets.len() - begin;
                self.bytes_left -= len + FIELD_OVERHEAD;
                self.fields_left -= 1;
                let (name, value) = octets[begin..].split_at(name_end - begin);
                let marked = (self.mark)(Field { name, value, sensitive });
                if insert {
                    self.work += len as u64;
                    self.table.insert(name, value, u32::from(marked));
                }
                self.fields.end_field(name_end, sensitive, marked);
                return Ok(());
            }
            self.pass_limit(DecodeErrorKind::SectionTooLong, start);
        }
        // Too much for the fields, but the table has to stay in step. The end of the buffer serves
        // as scratch, for no more than the table can hold.
        if insert {
            if self.work > self.work_behind_max {
                return Err(DecodeError::new(DecodeErrorKind::WorkTooMuch, start));
            }
            let octets_max = self.table.size_max().checked_sub(FIELD_OVERHEAD);
            let fits = match octets_max {
                Some(octets_max) if size_min <= self.table.size_max() => {
                    self.append(name, value, octets_max)?
                }
                _ => None,
            };
            match fits {
                Some(name_end) => {
                    let octets = self.fields.octets();
                    self.work += (octets.len() - begin) as u64;
                    let (name, value) = octets[begin..].split_at(name_end - begin);
                    self.table.insert(name, value, 0);
                    octets.truncate(begin);
                }
                // §4.4: what is larger than the table empties it.
                None => self.table.clear(),
            }
        }
        Ok(())
    }

    /// Appends name and value, if they take at most `octets_max`; the end of the name then, and
    /// nothing appended if not.
    fn append(
        &mut self,
        name: Name,
        value: Text,
        octets_max: usize,
    ) -> Result<Option<usize>, DecodeError> {
        let octets = self.fields.octets();
        let begin = octets.len();
        match name {
            Name::Literal(text) => {
                if !text.append(self.block, octets, octets_max)? {
                    return Ok(None);
                }
            }
            Name::Static(index) => {
                if let Some((name, len, _)) = static_table::octets(index) {
                    octets.extend_from_slice(name);
                    octets.truncate(begin + len);
                }
            }
            Name::Dynamic(place) => self.table.push_name(place, octets),
        }
        let name_end = octets.len();
        self.work += (name_end - begin) as u64;
        let left = octets_max.saturating_sub(name_end - begin);
        if name_end - begin > octets_max || !value.append(self.block, octets, left)? {
            octets.truncate(begin);
            return Ok(None);
        }
        self.work += (octets.len() - name_end) as u64;
        Ok(Some(name_end))
    }

    /// A string (RFC 7541 §5.2), which lies wholly in the block; not decoded yet.
    ///
    /// ```text
    ///   0   1   2   3   4   5   6   7
    /// +---+---+---+---+---+---+---+---+
    /// | H |    String Length (7+)     |   H: Huffman-coded
    /// +---+---------------------------+
    /// |  String Data (Length octets)  |
    /// +-------------------------------+
    /// ```
    #[inline]
    fn string(&mut self) -> Result<Text, DecodeError> {
        let coded = self.block.get(self.at).is_some_and(|octet| octet & 0x80 != 0);
        let len = integer::decode(self.block, &mut self.at, 7)?;
        let start = self.at;
        if len > self.block.len() - start {
            return Err(DecodeError::new(DecodeErrorKind::Truncated, self.block.len()));
        }
        self.at += len;
        Ok(Text { start, len, coded })
    }
}

#[derive(Clone, Copy)]
enum Name {
    Literal(Text),
    /// By index, from 1.
    Static(usize),
    /// By place, from 0 for the newest.
    Dynamic(usize),
}

/// A string in the block.
#[derive(Clone, Copy)]
struct Text {
    start: usize,
    len: usize,
    coded: bool,
}

impl Text {
    /// The fewest octets that it stands for.
    const fn len_min(self) -> usize {
        if self.coded { huffman::decoded_len_min(self.len) } else { self.len }
    }

    /// Appends what it stands for, if that is at most `octets_max`.
    #[inline]
    fn append(
        self,
        block: &[u8],
        octets: &mut alloc::vec::Vec<u8>,
        octets_max: usize,
    ) -> Result<bool, DecodeError> {
        let text = &block[self.start..self.start + self.len];
        if self.coded {
            return huffman::decode_within(text, octets, octets_max).map_err(|error| {
                let offset = self.start + error.offset;
                DecodeError::new(DecodeErrorKind::Huffman(error.kind), offset)
            });
        }
        if self.len > octets_max {
            return Ok(false);
        }
        octets.extend_from_slice(text);
        Ok(true)
    }
}
