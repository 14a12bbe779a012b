//! Which fields the encoder inserts into the table.

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
/// call. [`default_policy`] is the one that encoders start with; one that takes its place decides about
/// credentials, too, unless it asks it first:
///
/// ```
/// use hpack::{Encoder, Indexing, default_policy};
///
/// let encoder = Encoder::new(4096).with_policy(|field, sighting| match field.name {
///     b":path" => Indexing::Without,
///     _ => default_policy(field, sighting),
/// });
/// ```
///
/// A field that a table has is a reference to it, whatever the policy.
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
///   §7.1): `authorization`, `proxy-authorization`, `set-cookie`, and lines of cookies of fewer than 20 octets.
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
    // Three values in a row that do not come again, and a name has to show that others do.
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
