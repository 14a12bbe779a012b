//! What the encoder remembers of what it sent, for the policy to judge by.

use alloc::boxed::Box;

const FIELDS: usize = 128;
const NAMES: usize = 256;
const SCORE_MAX: i8 = 16;

/// What was sent before, by hashes: small tables in which what is new takes the place of what is
/// old. A collision makes a worse guess, nothing else.
#[derive(Clone, Default)]
pub(crate) struct History(Option<Box<Tables>>);

#[derive(Clone)]
struct Tables {
    fields: [u16; FIELDS],
    names: [i8; NAMES],
}

impl History {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    pub(crate) const fn memory_bytes(&self) -> usize {
        if self.0.is_some() { size_of::<Tables>() } else { 0 }
    }

    /// The table held the field.
    #[inline]
    pub(crate) fn hit(&mut self, name_hash: u64) {
        let score = &mut self.tables().names[name_place(name_hash)];
        *score = (*score + 1).min(SCORE_MAX);
    }

    /// Whether a field was sent not long ago, and how its name did until now.
    #[inline]
    pub(crate) fn sighting(&self, name_hash: u64, field_hash: u64) -> (bool, i8) {
        self.0.as_ref().map_or((false, 0), |tables| {
            (
                tables.fields[field_place(field_hash)] == field_tag(field_hash),
                tables.names[name_place(name_hash)],
            )
        })
    }

    /// The table did not hold the field, which was sent not long ago all the same, or was not.
    #[inline]
    pub(crate) fn miss(&mut self, name_hash: u64, field_hash: u64, again: bool) {
        let tables = self.tables();
        tables.fields[field_place(field_hash)] = field_tag(field_hash);
        let score = &mut tables.names[name_place(name_hash)];
        let change = if again { 1 } else { -1 };
        *score = (*score + change).clamp(-SCORE_MAX, SCORE_MAX);
    }

    fn tables(&mut self) -> &mut Tables {
        self.0.get_or_insert_with(|| Box::new(Tables { fields: [0; FIELDS], names: [0; NAMES] }))
    }
}

const fn name_place(name_hash: u64) -> usize {
    (name_hash >> 40) as usize % NAMES
}

const fn field_place(field_hash: u64) -> usize {
    (field_hash >> 40) as usize % FIELDS
}

/// Never 0, which marks a place that is empty.
const fn field_tag(field_hash: u64) -> u16 {
    field_hash as u16 | 1
}
