//! A field, and the limits of a section of them.

use core::fmt;

/// What a field costs beside its name and value, in every account of sizes (RFC 7541 §4.1,
/// RFC 9113 §6.5.2).
pub const FIELD_OVERHEAD: usize = 32;

/// A field line: name and value, as octets. From a pair of strings it is not sensitive; its `Debug` does
/// not show the value of one that is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "this is what a field is")]
pub struct Field<'a> {
    /// The name. HTTP/2 has it in lower case; HPACK does not mind.
    pub name: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Never to be indexed, here or by anyone who forwards it (RFC 7541 §6.2.3, §7.1.3).
    pub sensitive: bool,
}

impl<'a> Field<'a> {
    /// A field that may be indexed.
    #[must_use]
    pub const fn new(name: &'a [u8], value: &'a [u8]) -> Self {
        Self { name, value, sensitive: false }
    }

    /// A field that must never be indexed.
    #[must_use]
    pub const fn sensitive(name: &'a [u8], value: &'a [u8]) -> Self {
        Self { name, value, sensitive: true }
    }

    /// Its size in the tables and in limits: name, value and [`FIELD_OVERHEAD`], in octets.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.name.len().saturating_add(self.value.len()).saturating_add(FIELD_OVERHEAD)
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive {
            // What must not be indexed must not be logged by accident, either.
            return write!(
                f,
                "{}: ({} octets, sensitive)",
                self.name.escape_ascii(),
                self.value.len()
            );
        }
        write!(f, "{}: {}", self.name.escape_ascii(), self.value.escape_ascii())
    }
}

impl<'a, N: AsRef<[u8]> + ?Sized, V: AsRef<[u8]> + ?Sized> From<(&'a N, &'a V)> for Field<'a> {
    fn from((name, value): (&'a N, &'a V)) -> Self {
        Self::new(name.as_ref(), value.as_ref())
    }
}

impl<'a, N: AsRef<[u8]>, V: AsRef<[u8]>> From<&'a (N, V)> for Field<'a> {
    fn from((name, value): &'a (N, V)) -> Self {
        Self::new(name.as_ref(), value.as_ref())
    }
}

impl<'a> From<&Self> for Field<'a> {
    fn from(field: &Self) -> Self {
        *field
    }
}

/// How much one field section may be. Given with each call, because it may differ from one message
/// to the next: a trailer section, a stream that is refused anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "callers spell their limits out")]
pub struct FieldLimits {
    /// The octets of all names and values, and [`FIELD_OVERHEAD`] for each field.
    pub section_bytes_max: usize,
    /// The number of fields.
    pub fields_max: usize,
}

impl FieldLimits {
    /// No field at all: for blocks that are decoded for the table alone. A block that has one ends as
    /// [`TooManyFields`](crate::DecodeErrorKind), which is not fatal; one that inserts names of thousands
    /// of octets again and again may end as [`WorkTooMuch`](crate::DecodeErrorKind), which is.
    pub const NO_FIELDS: Self = Self { section_bytes_max: 0, fields_max: 0 };

    /// No limits but that of a buffer, a little under 2 GiB: for blocks of one's own. Half a MiB of a
    /// hostile block fills it.
    pub const UNLIMITED: Self = Self { section_bytes_max: usize::MAX, fields_max: usize::MAX };
}

impl Default for FieldLimits {
    /// 16 KiB and 128 fields.
    fn default() -> Self {
        Self { section_bytes_max: 16 << 10, fields_max: 128 }
    }
}
