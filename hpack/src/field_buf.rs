//! The buffer that decoded fields land in.

use alloc::vec::Vec;
use core::fmt;

use crate::field::{FIELD_OVERHEAD, Field};

/// A list of fields in storage that is used again: all octets in one vector, the ends in another.
///
/// Shared by as many decoders as a thread has; it holds no limits.
#[derive(Clone, Default)]
pub struct FieldBuf {
    octets: Vec<u8>,
    ends: Vec<Ends>,
}

/// Where a field's name and value end in the octets; they begin where the field before ends.
#[derive(Clone, Copy)]
struct Ends {
    /// With [`MARKED`].
    name: u32,
    /// With [`SENSITIVE`].
    value: u32,
}

const SENSITIVE: u32 = 1 << 31;
const MARKED: u32 = 1 << 31;

impl Ends {
    const fn name(self) -> usize {
        (self.name & !MARKED) as usize
    }

    const fn value(self) -> usize {
        (self.value & !SENSITIVE) as usize
    }
}

impl FieldBuf {
    /// An empty list, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { octets: Vec::new(), ends: Vec::new() }
    }

    /// The number of fields.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The size of the section: names, values and [`FIELD_OVERHEAD`] for each field, in octets.
    #[must_use]
    pub const fn section_bytes(&self) -> usize {
        self.octets.len().saturating_add(self.ends.len().saturating_mul(FIELD_OVERHEAD))
    }

    /// The octets of all names and values, in order: every field lies in them.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.octets
    }

    /// The field at `index`, in the order in which they came.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<Field<'_>> {
        let ends = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1].value() };
        let (name, value) = self.octets[start..ends.value()].split_at(ends.name() - start);
        Some(Field { name, value, sensitive: ends.value & SENSITIVE != 0 })
    }

    /// The value of the first field with this name.
    #[must_use]
    pub fn value(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.iter().find(|field| field.name == name).map(|field| field.value)
    }

    /// The fields in order.
    pub fn iter(&self) -> Fields<'_> {
        Fields { octets: &self.octets, start: 0, ends: self.ends.iter() }
    }

    /// The fields from this one on, in order.
    #[must_use]
    pub fn iter_from(&self, index: usize) -> Fields<'_> {
        let start = index.checked_sub(1).and_then(|last| self.ends.get(last));
        Fields {
            octets: &self.octets,
            start: start.map_or(0, |ends| ends.value()),
            ends: self.ends.get(index..).unwrap_or_default().iter(),
        }
    }

    /// Whether the decoder's caller has marked the field at `index`
    /// ([`decode_marking`](crate::Decoder::decode_marking)).
    #[must_use]
    #[inline]
    pub fn is_marked(&self, index: usize) -> bool {
        self.ends.get(index).is_some_and(|ends| ends.name & MARKED != 0)
    }

    /// Adds a field at the end.
    ///
    /// # Panics
    /// If all names and values together take 2 GiB or more.
    pub fn push<'a>(&mut self, field: impl Into<Field<'a>>) {
        let field = field.into();
        let octets =
            (self.octets.len() as u64) + field.name.len() as u64 + field.value.len() as u64;
        assert!(octets < u64::from(SENSITIVE), "2 GiB of fields");
        self.octets.extend_from_slice(field.name);
        let name_end = self.octets.len();
        self.octets.extend_from_slice(field.value);
        self.end_field(name_end, field.sensitive, false);
    }

    /// Removes all fields; the storage stays.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.ends.clear();
    }

    /// Gives storage back that is not in use.
    pub fn shrink(&mut self) {
        self.octets.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// The octets, for whoever adds a field in place: what is appended becomes one by
    /// [`end_field`](Self::end_field), or is cut off again.
    #[inline]
    pub(crate) const fn octets(&mut self) -> &mut Vec<u8> {
        &mut self.octets
    }

    /// What was appended is a field, whose name ends at `name_end` in the octets. They are fewer
    /// than 2^31.
    #[inline]
    pub(crate) fn end_field(&mut self, name_end: usize, sensitive: bool, marked: bool) {
        let name = name_end as u32 | if marked { MARKED } else { 0 };
        let value = self.octets.len() as u32 | if sensitive { SENSITIVE } else { 0 };
        self.ends.push(Ends { name, value });
    }
}

/// The same fields; what is marked says nothing of them.
impl PartialEq for FieldBuf {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other)
    }
}

impl Eq for FieldBuf {}

impl fmt::Debug for FieldBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a> IntoIterator for &'a FieldBuf {
    type Item = Field<'a>;
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        self.iter()
    }
}

impl<'a, F: Into<Field<'a>>> FromIterator<F> for FieldBuf {
    /// # Panics
    /// If all names and values together take 2 GiB or more.
    fn from_iter<I: IntoIterator<Item = F>>(fields: I) -> Self {
        let mut buf = Self::new();
        fields.into_iter().for_each(|field| buf.push(field));
        buf
    }
}

/// The fields of a [`FieldBuf`] in order.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    octets: &'a [u8],
    start: usize,
    ends: core::slice::Iter<'a, Ends>,
}

impl fmt::Debug for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.name(), self.value())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        let ends = *self.ends.next()?;
        let (name, value) =
            self.octets[self.start..ends.value()].split_at(ends.name() - self.start);
        self.start = ends.value();
        Some(Field { name, value, sensitive: ends.value & SENSITIVE != 0 })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ends.size_hint()
    }
}

impl ExactSizeIterator for Fields<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stay_what_and_where_they_are() {
        let mut buf: FieldBuf = [("a", "1"), ("", ""), ("bb", "")].into_iter().collect();
        buf.push(Field::sensitive(b"secret", b"x"));
        assert_eq!(buf.len(), 4);
        assert_eq!(buf.section_bytes(), 4 * 32 + 2 + 2 + 7);
        let expected = [
            Field::new(b"a", b"1"),
            Field::new(b"", b""),
            Field::new(b"bb", b""),
            Field::sensitive(b"secret", b"x"),
        ];
        assert!(buf.iter().eq(expected));
        for (index, field) in expected.into_iter().enumerate() {
            assert_eq!(buf.get(index), Some(field));
        }
        assert_eq!(buf.get(4), None);
        assert_eq!(buf.value("secret"), Some(&b"x"[..]));
        assert_eq!(buf.value("absent"), None);
        buf.clear();
        assert!(buf.is_empty() && buf.iter().next().is_none());
    }
}
