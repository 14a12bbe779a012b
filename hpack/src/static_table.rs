//! The static table (RFC 7541 Appendix A), and finding a name in it.

use crate::compare::same;
use crate::field::Field;
use crate::hash;

/// The number of entries. Index 1 is the first; dynamic entries follow after the last.
pub const LEN: usize = 61;

/// Names and values, in order.
#[rustfmt::skip]
pub(crate) const ENTRIES: [(&str, &str); LEN] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// An entry as octets, name before value, with room behind them: the longest takes 28 octets, and
/// copying 32 of a known place is a matter of two instructions.
struct Entry {
    octets: [u8; 32],
    name_len: u8,
    len: u8,
}

static OCTETS: [Entry; LEN] = {
    let mut entries = [const { Entry { octets: [0; 32], name_len: 0, len: 0 } }; LEN];
    let mut index = 0;
    while index < LEN {
        let (name, value) = (ENTRIES[index].0.as_bytes(), ENTRIES[index].1.as_bytes());
        let entry = &mut entries[index];
        entry.name_len = name.len() as u8;
        entry.len = (name.len() + value.len()) as u8;
        let (head, tail) = entry.octets.split_at_mut(name.len());
        head.copy_from_slice(name);
        tail.split_at_mut(value.len()).0.copy_from_slice(value);
        index += 1;
    }
    entries
};

/// The entry at an index from 1 to [`LEN`]: 32 octets that begin with name and value, the length
/// of the name, and that of both.
#[inline]
pub(crate) fn octets(index: usize) -> Option<(&'static [u8; 32], usize, usize)> {
    let entry = OCTETS.get(index.wrapping_sub(1))?;
    Some((&entry.octets, usize::from(entry.name_len), usize::from(entry.len)))
}

/// The field at an index from 1 to [`LEN`].
#[must_use]
pub fn get(index: usize) -> Option<Field<'static>> {
    let &(name, value) = ENTRIES.get(index.wrapping_sub(1))?;
    Some(Field::new(name.as_bytes(), value.as_bytes()))
}

/// The first index with this name, if it has one: see [`get`].
#[must_use]
pub fn find(name: &[u8]) -> Option<usize> {
    find_name(name, hash::name(name))
}

/// Slots for the names, so many that each finds one of its own.
const SLOT_BITS: u32 = 8;

const fn slot(name_hash: u64, salt: u64) -> usize {
    (name_hash.wrapping_mul(salt) >> (64 - SLOT_BITS)) as usize
}

/// The slots for a salt: the first index with the name, 0 if none. `None` if two names collide.
const fn slots(salt: u64) -> Option<[u8; 1 << SLOT_BITS]> {
    let mut slots = [0; 1 << SLOT_BITS];
    let mut index = 0;
    while index < LEN {
        let name = ENTRIES[index].0.as_bytes();
        // Entries with the same name stand together.
        if index == 0 || !equal(name, ENTRIES[index - 1].0.as_bytes()) {
            let place = &mut slots[slot(hash::name(name), salt)];
            if *place != 0 {
                return None;
            }
            *place = index as u8 + 1;
        }
        index += 1;
    }
    Some(slots)
}

/// `==`, which constants cannot say.
const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The first odd number that gives every name a slot of its own, and the slots.
static NAMES: (u64, [u8; 1 << SLOT_BITS]) = {
    let mut salt = 1;
    loop {
        if let Some(slots) = slots(salt) {
            break (salt, slots);
        }
        salt += 2;
    }
};

/// The first index with this name, whose hash is given.
#[inline]
pub(crate) fn find_name(name: &[u8], name_hash: u64) -> Option<usize> {
    let index = usize::from(NAMES.1[slot(name_hash, NAMES.0)]);
    same(ENTRIES.get(index.wrapping_sub(1))?.0.as_bytes(), name).then_some(index)
}

/// The index of a pseudo-field that stands there with its value: nearly every status and scheme is one.
#[inline]
pub(crate) fn find_pseudo(field: Field<'_>) -> Option<usize> {
    Some(match (field.name, field.value) {
        (b":status", b"200") => 8,
        (b":status", b"204") => 9,
        (b":status", b"206") => 10,
        (b":status", b"304") => 11,
        (b":status", b"400") => 12,
        (b":status", b"404") => 13,
        (b":status", b"500") => 14,
        (b":method", b"GET") => 2,
        (b":method", b"POST") => 3,
        (b":path", b"/") => 4,
        (b":path", b"/index.html") => 5,
        (b":scheme", b"http") => 6,
        (b":scheme", b"https") => 7,
        _ => return None,
    })
}

/// The index with this value among those that share the name at `index`, the first of them.
#[inline]
pub(crate) fn find_value(index: usize, value: &[u8]) -> Option<usize> {
    let (name, first) = ENTRIES[index - 1];
    if first.is_empty() {
        // Such a name stands there once, and its entry means an empty value.
        return value.is_empty().then_some(index);
    }
    let same_name = ENTRIES[index - 1..].iter().take_while(|entry| entry.0 == name);
    same_name.zip(index..).find(|(entry, _)| entry.1.as_bytes() == value).map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appendix_a() {
        let known = [
            (1, ":authority", ""),
            (2, ":method", "GET"),
            (8, ":status", "200"),
            (16, "accept-encoding", "gzip, deflate"),
            (28, "content-length", ""),
            (61, "www-authenticate", ""),
        ];
        for (index, name, value) in known {
            assert_eq!(get(index), Some(Field::from((name, value))));
        }
        assert_eq!((get(0), get(62)), (None, None));
        // In alphabetical order behind the pseudo-fields, but for `accept`.
        let names: alloc::vec::Vec<_> = ENTRIES[14..].iter().map(|entry| entry.0).collect();
        assert_eq!(names.windows(2).filter(|pair| pair[0] > pair[1]).count(), 1, "{names:?}");
    }

    #[test]
    fn every_entry_is_found_and_copied() {
        for index in 1..=LEN {
            let field = get(index).unwrap();
            let first = find(field.name).unwrap();
            assert_eq!(get(first).unwrap().name, field.name);
            assert_eq!(find_value(first, field.value), Some(index));
            assert_eq!(find_value(first, b"none of them"), None);
            let is_pseudo = field.name[0] == b':' && !field.value.is_empty();
            assert_eq!(find_pseudo(field), is_pseudo.then_some(index));
            assert_eq!(find_pseudo(Field { value: b"none", ..field }), None);
            let (octets, name_len, len) = octets(index).unwrap();
            assert_eq!((&octets[..name_len], &octets[name_len..len]), (field.name, field.value));
        }
        for name in [&b""[..], b"x", b":statu", b"via ", b"Via", b"sec-fetch-mode"] {
            assert_eq!(find(name), None);
        }
    }
}
