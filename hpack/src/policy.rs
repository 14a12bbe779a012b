//! Which fields the encoder inserts into the table: the default policy, and what it learns from.

use alloc::boxed::Box;

use crate::field::Field;

/// How a field that neither table holds is represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 7541 has three kinds of literals")]
pub enum Indexing {
    /// Inserted into the table, so that it is one or two octets next time (RFC 7541 §6.2.1).
    Incremental,
    /// Not inserted (RFC 7541 §6.2.2).
    Without,
    /// Not inserted, and nobody who forwards it may (RFC 7541 §6.2.3).
    Never,
}

/// Decides for a field that neither table holds. Fields that the caller marked as sensitive are not
/// asked about: they are never indexed.
///
/// A function without state, so that it fits any configuration; what was seen before comes with the
/// call. [`default_policy`] is the one that encoders start with.
pub type Policy = fn(Field<'_>, &Sighting) -> Indexing;

/// What the encoder remembers that bears on a field.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Sighting {
    /// The same field, name and value, was sent not long ago.
    pub again: bool,
    /// How fields of this name did so far: up for each that came again, down for each that did not,
    /// between -16 and 16. It begins at 0. Cookies are scored by the name of the cookie.
    pub name_score: i8,
    /// One of the tables has the name, so that only the value has to be spelt out.
    pub name_indexed: bool,
    /// The bound of the table, in octets.
    pub table_bytes_max: usize,
}

/// The policy of an encoder that was given no other.
///
/// - Never: what is secret and short enough to be guessed by trying it against the table (RFC 7541
///   §7.1): `authorization`, `proxy-authorization`, `set-cookie`, and cookies of fewer than 20 octets.
/// - Without: what takes more than three quarters of the table; a value that is new, of a name
///   whose values mostly are.
/// - Incremental: everything else, so also a value of such a name when it comes again, and a name
///   that no table has, because the next line of that name can refer to it.
#[must_use]
pub fn default_policy(field: Field<'_>, sighting: &Sighting) -> Indexing {
    const COOKIE_GUESSABLE: usize = 20;
    match field.name {
        b"authorization" | b"proxy-authorization" | b"set-cookie" => return Indexing::Never,
        b"cookie" if field.value.len() < COOKIE_GUESSABLE => return Indexing::Never,
        _ => {}
    }
    if field.size() > sighting.table_bytes_max / 4 * 3 {
        return Indexing::Without;
    }
    // Found by trying, on the header sets of `tests` and others: any from -2 to -5 do about as well.
    let threshold = if is_volatile(field.name) { 0 } else { -3 };
    if sighting.again || sighting.name_score > threshold || !sighting.name_indexed {
        Indexing::Incremental
    } else {
        Indexing::Without
    }
}

/// Names whose values seldom come again.
fn is_volatile(name: &[u8]) -> bool {
    matches!(
        name,
        b":path"
            | b"age"
            | b"content-length"
            | b"content-range"
            | b"date"
            | b"etag"
            | b"expires"
            | b"if-modified-since"
            | b"if-none-match"
            | b"if-range"
            | b"last-modified"
            | b"location"
            | b"range"
    )
}

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
