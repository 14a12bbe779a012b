//! The dynamic table (RFC 7541 §2.3.2): first in, first out, of bounded size.
//!
//! Octets of all entries lie in one ring, oldest first, name before value, and may wrap around its
//! end; a second ring says where each begins. Entries are numbered as they are inserted, so a number
//! stays while indices, which count from the newest, move:
//!
//! ```text
//!            +---------------+------------+-------------+
//!   octets   | ..entry 9]    |  free      | [entry 8 .. |
//!            +---------------+------------+-------------+
//!   inserted: 10   index 62 is entry 9, index 63 is entry 8
//! ```
//!
//! The rings grow with what they hold, and shrink when the size does. That of octets never exceeds the
//! size that was agreed on; the other takes 16 octets an entry and doubles from 4 entries on, so it
//! takes no more than that size again, or 64 octets.

use alloc::vec::Vec;
use core::fmt;

use crate::compare::same;
use crate::field::{FIELD_OVERHEAD, Field};
use crate::field_buf::FieldBuf;

/// The dynamic table of one direction of a connection: the same in the encoder and the decoder.
#[derive(Clone)]
pub struct DynamicTable {
    /// The ring of octets, all of it initialized.
    octets: Vec<u8>,
    /// Where the next octet goes; below `octets.len()` unless that is 0.
    end: usize,
    /// Octets of the ring in use.
    used: usize,
    /// The ring of entries: number `n` lies at `n` modulo its length, a power of two.
    entries: Vec<Entry>,
    /// The entries in the table.
    count: u32,
    /// The entries ever inserted, modulo 2^32: the number of the next one.
    inserted: u32,
    /// The bound for `size()`.
    size_max: usize,
}

/// Where an entry lies.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// Its first octet in the ring.
    start: u32,
    name_len: u32,
    /// Name and value.
    len: u32,
    /// Whatever the owner wants to remember of it.
    mark: u32,
}

/// Octets of the ring when it first holds any, unless the table is smaller: what a small client sends
/// with each request takes no more.
const OCTETS_MIN: usize = 64;
/// And when that is not enough.
const OCTETS_MORE: usize = 256;
const ENTRIES_MIN: usize = 4;
/// The largest table: its offsets are kept in 32 bits.
pub(crate) const SIZE_MAX: usize = 1 << 30;

impl DynamicTable {
    /// An empty table, which allocates nothing.
    pub(crate) fn new(size_max: usize) -> Self {
        Self {
            octets: Vec::new(),
            end: 0,
            used: 0,
            entries: Vec::new(),
            count: 0,
            inserted: 0,
            size_max: size_max.min(SIZE_MAX),
        }
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The size of all entries: names, values and 32 for each, in octets (RFC 7541 §4.1).
    #[must_use]
    pub const fn size(&self) -> usize {
        self.used + self.len() * FIELD_OVERHEAD
    }

    /// What [`size`](Self::size) may reach before the oldest entries go.
    #[must_use]
    pub const fn size_max(&self) -> usize {
        self.size_max
    }

    /// What the table has allocated, in octets.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.octets.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// Adds the entries to `fields`, the newest (index 62) first: for people who look into a
    /// connection.
    ///
    /// # Panics
    /// If all names and values in `fields` together would take 2 GiB or more.
    pub fn entries(&self, fields: &mut FieldBuf) {
        assert!(fields.octets().len() + self.used < 1 << 31, "2 GiB of fields");
        for index in 0..self.len() {
            let _ = self.push_field(index, fields);
        }
    }

    /// The entry at `index`, 0 for the newest.
    #[inline]
    fn entry(&self, index: usize) -> Option<&Entry> {
        if index >= self.count as usize {
            return None;
        }
        let number = self.inserted.wrapping_sub(1).wrapping_sub(index as u32);
        self.entries.get(number as usize & (self.entries.len() - 1))
    }

    /// The octets of an entry, name before value, in one piece or, around the end, two.
    #[inline]
    fn pieces(&self, start: u32, len: u32) -> (&[u8], &[u8]) {
        let (start, len) = (start as usize, len as usize);
        match self.octets.get(start..start + len) {
            Some(piece) => (piece, &[]),
            None => {
                let tail = &self.octets[start..];
                (tail, &self.octets[..len - tail.len()])
            }
        }
    }

    /// The size of the entry at `index` in the account of limits.
    #[inline]
    pub(crate) fn entry_size(&self, index: usize) -> Option<usize> {
        self.entry(index).map(|entry| entry.len as usize + FIELD_OVERHEAD)
    }

    /// Adds the entry at `index` to the fields.
    #[inline]
    pub(crate) fn push_field(&self, index: usize, fields: &mut FieldBuf) -> Option<()> {
        let entry = self.entry(index)?;
        let (head, tail) = self.pieces(entry.start, entry.len);
        let octets = fields.octets();
        let name_end = octets.len() + entry.name_len as usize;
        octets.extend_from_slice(head);
        if !tail.is_empty() {
            octets.extend_from_slice(tail);
        }
        fields.end_field(name_end, false, entry.mark != 0);
        Some(())
    }

    /// The length of the name of the entry at `index`.
    #[inline]
    pub(crate) fn name_len(&self, index: usize) -> Option<usize> {
        self.entry(index).map(|entry| entry.name_len as usize)
    }

    /// Appends the name of the entry at `index`.
    pub(crate) fn push_name(&self, index: usize, octets: &mut Vec<u8>) {
        if let Some(entry) = self.entry(index) {
            let (head, tail) = self.pieces(entry.start, entry.name_len);
            octets.extend_from_slice(head);
            octets.extend_from_slice(tail);
        }
    }

    /// The place, 0 for the newest, of the entry with this number modulo 2^16, if it may be one and
    /// `is_it` says so.
    #[inline]
    fn find(&self, number: u16, is_it: impl Fn(&Self, &Entry) -> bool) -> Option<usize> {
        let place = usize::from((self.inserted as u16).wrapping_sub(1).wrapping_sub(number));
        let entry = self.entry(place)?;
        is_it(self, entry).then_some(place)
    }

    /// The place of the entry with this number, if it has this name.
    #[inline]
    pub(crate) fn find_name(&self, number: u16, name: &[u8]) -> Option<usize> {
        self.find(number, |table, entry| {
            entry.name_len as usize == name.len() && {
                let (head, tail) = table.pieces(entry.start, entry.name_len);
                let (name_head, name_tail) = name.split_at(head.len());
                same(head, name_head) && same(tail, name_tail)
            }
        })
    }

    /// The place of the entry with this number, if it has this mark, name and value.
    #[inline]
    pub(crate) fn find_field(&self, number: u16, mark: u32, field: Field<'_>) -> Option<usize> {
        let Field { name, value, .. } = field;
        self.find(number, |table, entry| {
            if entry.mark != mark
                || entry.name_len as usize != name.len()
                || entry.len as usize != name.len() + value.len()
            {
                return false;
            }
            let (head, tail) = table.pieces(entry.start, entry.len);
            if tail.is_empty()
                && let Some((entry_name, entry_value)) = head.split_at_checked(name.len())
            {
                return same(entry_name, name) && same(entry_value, value);
            }
            if let Some((head_name, head_value)) = head.split_at_checked(name.len()) {
                let (value_head, value_tail) = value.split_at(head_value.len());
                same(head_name, name) && same(head_value, value_head) && same(tail, value_tail)
            } else {
                let (name_head, name_tail) = name.split_at(head.len());
                let (tail_name, tail_value) = tail.split_at(name_tail.len());
                same(head, name_head) && same(tail_name, name_tail) && same(tail_value, value)
            }
        })
    }

    /// The number that the next entry gets.
    #[inline]
    pub(crate) const fn next_number(&self) -> u32 {
        self.inserted
    }

    /// Inserts an entry, for which the oldest go; one that is larger than the table empties it
    /// (RFC 7541 §4.4). Whether it is in.
    pub(crate) fn insert(&mut self, name: &[u8], value: &[u8], mark: u32) -> bool {
        let len = name.len().saturating_add(value.len());
        if len.saturating_add(FIELD_OVERHEAD) > self.size_max {
            self.clear();
            return false;
        }
        self.evict_to(self.size_max - len - FIELD_OVERHEAD);
        if self.used + len > self.octets.len() {
            let room = (self.used + len).next_power_of_two();
            let least = if self.octets.is_empty() { OCTETS_MIN } else { OCTETS_MORE };
            self.relocate(room.max(least).min(self.size_max));
        }
        if self.len() == self.entries.len() {
            self.resize_entries((2 * self.entries.len()).max(ENTRIES_MIN));
        }
        let mask = self.entries.len() - 1;
        self.entries[self.inserted as usize & mask] =
            Entry { start: self.end as u32, name_len: name.len() as u32, len: len as u32, mark };
        self.append(name);
        self.append(value);
        self.used += len;
        self.count += 1;
        self.inserted = self.inserted.wrapping_add(1);
        true
    }

    /// Copies octets to the end of the ring, which has room.
    fn append(&mut self, octets: &[u8]) {
        if let Some(place) = self.octets.get_mut(self.end..self.end + octets.len()) {
            place.copy_from_slice(octets);
            self.end += octets.len();
        } else {
            let (head, tail) = octets.split_at(self.octets.len() - self.end);
            self.octets[self.end..].copy_from_slice(head);
            self.octets[..tail.len()].copy_from_slice(tail);
            self.end = tail.len();
        }
        if self.end == self.octets.len() {
            self.end = 0;
        }
    }

    /// Changes the bound; the oldest entries go where it is passed (RFC 7541 §4.3).
    pub(crate) fn set_size_max(&mut self, size_max: usize) {
        self.size_max = size_max.min(SIZE_MAX);
        self.evict_to(self.size_max);
        if self.octets.len() > self.size_max {
            self.relocate(self.used);
        }
        let entries = if self.count == 0 { 0 } else { self.len().next_power_of_two() };
        if 2 * entries < self.entries.len() || entries == 0 {
            self.resize_entries(entries);
        }
    }

    /// Removes all entries.
    pub(crate) fn clear(&mut self) {
        self.evict_to(0);
    }

    fn evict_to(&mut self, size: usize) {
        while self.size() > size {
            let oldest = self.len() - 1;
            let len = self.entry(oldest).map_or(0, |entry| entry.len);
            self.used -= len as usize;
            self.count -= 1;
        }
    }

    /// Moves the octets into a ring of another size, which they fit, from its beginning on.
    fn relocate(&mut self, size: usize) {
        let mut octets = Vec::with_capacity(size);
        for index in (0..self.len()).rev() {
            let Some(&Entry { start, len, .. }) = self.entry(index) else { continue };
            let (head, tail) = self.pieces(start, len);
            let moved = octets.len() as u32;
            octets.extend_from_slice(head);
            octets.extend_from_slice(tail);
            let number = self.inserted.wrapping_sub(1).wrapping_sub(index as u32);
            let mask = self.entries.len() - 1;
            self.entries[number as usize & mask].start = moved;
        }
        self.end = if octets.len() == size { 0 } else { octets.len() };
        octets.resize(size, 0);
        self.octets = octets;
    }

    /// Gives the ring of entries another size, 0 or a power of two that they fit.
    fn resize_entries(&mut self, size: usize) {
        let old = core::mem::take(&mut self.entries);
        let mut entries = Vec::with_capacity(size);
        entries.resize(size, Entry::default());
        for back in 1..=self.count {
            let number = self.inserted.wrapping_sub(back) as usize;
            entries[number & (size - 1)] = old[number & (old.len() - 1)];
        }
        self.entries = entries;
    }
}

/// What is in it may be nobody's business: see [`entries`](DynamicTable::entries).
impl fmt::Debug for DynamicTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, size_max) = (self.size(), self.size_max);
        write!(f, "DynamicTable({} entries, {size} of {size_max} octets)", self.count)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;
    use alloc::vec;

    use super::*;

    /// The table against a list of fields with every kind of size, wrap and resize.
    #[test]
    fn like_a_list() {
        let mut table = DynamicTable::new(0);
        let mut list: VecDeque<(Vec<u8>, Vec<u8>)> = VecDeque::new();
        let mut size_max = 0;
        let mut random = 1_u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
            (random >> 8) % below
        };
        for step in 0..20_000_u32 {
            if next(50) == 0 {
                size_max = next(3) as usize * next(700) as usize;
                table.set_size_max(size_max);
            } else {
                let (name_len, value_len) = match next(20) {
                    0 => (next(300), next(300)),
                    _ => (next(12), next(30)),
                };
                let name = vec![step as u8; name_len as usize];
                let value = vec![!step as u8; value_len as usize];
                let fits = name.len() + value.len() + 32 <= size_max;
                assert_eq!(table.insert(&name, &value, step), fits);
                list.push_front((name, value));
            }
            let size = |list: &VecDeque<(Vec<u8>, Vec<u8>)>| {
                list.iter().map(|it| it.0.len() + it.1.len() + 32).sum::<usize>()
            };
            while size(&list) > size_max {
                list.pop_back();
            }
            assert_eq!((table.len(), table.size()), (list.len(), size(&list)));
            assert!(table.octets.len() <= size_max && table.is_empty() == list.is_empty());
            let mut fields = FieldBuf::new();
            table.entries(&mut fields);
            assert!(fields.iter().eq(list.iter().map(Field::from)));
            for (index, (name, value)) in list.iter().enumerate() {
                let number = (table.next_number() as usize - 1 - index) as u16;
                let mark = table.entry(index).unwrap().mark;
                let found = |name, value| table.find_field(number, mark, Field::new(name, value));
                assert_eq!(found(name, value), Some(index));
                assert_eq!(table.find_name(number, name), Some(index));
                let mut other = value.clone();
                other.push(0);
                assert!(found(name, &other).is_none());
                other.pop();
                if let Some(last) = other.last_mut() {
                    *last ^= 1;
                    assert!(table.find_field(number, mark, Field::new(name, &other)).is_none());
                }
                assert!(table.find_name(number, &[name, &b"x"[..]].concat()).is_none());
                assert!(table.find_field(number, !mark, Field::new(name, value)).is_none());
                let mut pushed = Vec::new();
                table.push_name(index, &mut pushed);
                assert_eq!((&pushed, table.name_len(index)), (name, Some(name.len())));
                assert_eq!(table.entry_size(index), Some(name.len() + value.len() + 32));
            }
            assert_eq!(table.name_len(list.len()), None);
        }
    }

    /// C20 of the attack suite: what a table takes is what was agreed on.
    #[test]
    fn memory_is_bounded_by_the_size() {
        for (name_len, value_len) in [(0, 0), (1, 1), (10, 50), (100, 1000), (0, 4064)] {
            let mut table = DynamicTable::new(4096);
            assert_eq!(table.memory_bytes(), 0);
            for _ in 0..1000 {
                table.insert(&vec![b'n'; name_len], &vec![b'v'; value_len], 0);
                assert!(table.octets.capacity() <= 4096);
                assert!(table.entries.capacity() <= 4096 / 32);
            }
            table.set_size_max(0);
            assert_eq!(table.memory_bytes(), 0);
        }
    }
}
