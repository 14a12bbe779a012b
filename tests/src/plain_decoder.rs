//! A decoder of HPACK as plain as can be, to hold the real one against: an encoder that shares its
//! table's code would share its faults.

use hpack::{Field, FieldBuf, huffman, static_table};

const STATIC_LEN: usize = 61;

/// The decoder: a list of fields, the newest first, and its bounds.
#[derive(Clone, Debug)]
pub struct PlainDecoder {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    size_max: usize,
    bound: usize,
}

impl PlainDecoder {
    /// With an empty table of this size.
    #[must_use]
    pub const fn new(size_max: usize) -> Self {
        Self { entries: Vec::new(), size_max, bound: size_max }
    }

    /// What table size updates may ask for.
    pub const fn set_bound(&mut self, bound: usize) {
        self.bound = bound;
    }

    /// The entries, the newest first.
    #[must_use]
    pub fn entries(&self) -> FieldBuf {
        self.entries.iter().collect()
    }

    /// The fields of a block, `None` if it is faulty.
    #[must_use]
    pub fn decode(&mut self, block: &[u8]) -> Option<FieldBuf> {
        let (mut rest, mut fields, mut updates) = (block, FieldBuf::new(), 0);
        while let Some(&first) = rest.first() {
            if first & 0xe0 == 0x20 {
                self.size_max = integer(&mut rest, 5)?;
                updates += 1;
                if self.size_max > self.bound || updates > 2 || !fields.is_empty() {
                    return None;
                }
                self.evict(self.size_max);
                continue;
            }
            if first & 0x80 != 0 {
                let index = integer(&mut rest, 7)?;
                let (name, value) = self.get(index)?;
                fields.push(Field::new(&name, &value));
                continue;
            }
            let index = integer(&mut rest, if first & 0x40 != 0 { 6 } else { 4 })?;
            let name = if index == 0 { string(&mut rest)? } else { self.get(index)?.0 };
            let value = string(&mut rest)?;
            let sensitive = first & 0x50 == 0x10;
            fields.push(Field { name: &name, value: &value, sensitive });
            if first & 0x40 != 0 {
                let size = name.len() + value.len() + 32;
                self.evict(self.size_max.saturating_sub(size));
                if size <= self.size_max {
                    self.entries.insert(0, (name, value));
                }
            }
        }
        Some(fields)
    }

    fn get(&self, index: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        if index > STATIC_LEN {
            return self.entries.get(index - STATIC_LEN - 1).cloned();
        }
        static_table::get(index).map(|field| (field.name.into(), field.value.into()))
    }

    fn evict(&mut self, size: usize) {
        let entry_size = |(name, value): &(Vec<u8>, Vec<u8>)| name.len() + value.len() + 32;
        while self.entries.iter().map(entry_size).sum::<usize>() > size {
            self.entries.pop();
        }
    }
}

fn integer(rest: &mut &[u8], prefix_bits: u32) -> Option<usize> {
    let (&first, tail) = rest.split_first()?;
    *rest = tail;
    let full = (1 << prefix_bits) - 1;
    let mut value = usize::from(first) & full;
    if value < full {
        return Some(value);
    }
    for position in 0..5 {
        let (&octet, tail) = rest.split_first()?;
        *rest = tail;
        value += usize::from(octet & 0x7f) << (7 * position);
        if octet & 0x80 == 0 {
            return Some(value).filter(|&value| value <= 1 << 31);
        }
    }
    None
}

fn string(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let coded = rest.first()? & 0x80 != 0;
    let len = integer(rest, 7)?;
    let (octets, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    if !coded {
        return Some(octets.into());
    }
    let mut text = Vec::new();
    huffman::decode(octets, &mut text).ok().map(|()| text)
}
