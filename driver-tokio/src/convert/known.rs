//! What requests have in common: most are for one of a few authorities, and their clients send the same
//! lines again and again. A thread remembers those as what `http` makes of them, which is cheaper to share
//! than to make.

use std::cell::RefCell;
use std::thread::LocalKey;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery};

use super::table::{Table, trace};
use crate::head::Field;

/// An authority as `http` has it.
pub(super) fn authority(octets: &[u8], share: impl FnOnce(&[u8]) -> Bytes) -> Option<Authority> {
    let known = recall(&AUTHORITIES, octets, |_| true, Authority::as_str, |it| it.try_into().ok());
    known.or_else(|| Authority::from_maybe_shared(share(octets)).ok())
}

/// Path and query as `http` has them. A query may say what is not to stay in memory.
pub(super) fn path(octets: &[u8], share: impl FnOnce(&[u8]) -> Bytes) -> Option<PathAndQuery> {
    // What `http` can count; not every version of it looks.
    if octets.len() >= usize::from(u16::MAX) {
        return None;
    }
    let may = |octets: &[u8]| !octets.contains(&b'?');
    let known = recall(&PATHS, octets, may, PathAndQuery::as_str, |it| it.try_into().ok());
    known.or_else(|| PathAndQuery::from_maybe_shared(share(octets)).ok())
}

/// What a table knows of these octets, or keeps of them if it `may`.
#[inline]
fn recall<T: Clone, const PLACES: usize>(
    table: &'static LocalKey<RefCell<Table<T, PLACES>>>,
    octets: &[u8],
    may: impl FnOnce(&[u8]) -> bool,
    text: impl FnOnce(&T) -> &str,
    read: impl FnOnce(&[u8]) -> Option<T>,
) -> Option<T> {
    if octets.len() > BYTES_MAX {
        return None;
    }
    let trace = trace(octets);
    table.with_borrow_mut(|table| {
        table.get(
            trace >> 32,
            |kept| text(kept).as_bytes() == octets,
            || may(octets).then_some(trace),
            || read(octets),
            T::clone,
        )
    })
}

/// A field line as `http` has it.
pub(super) fn line(
    field: Field<'_>,
    share: impl FnOnce(&[u8]) -> Bytes,
) -> Option<(HeaderName, HeaderValue)> {
    let Field { name, value, sensitive } = field;
    if !sensitive && name.len() + value.len() <= BYTES_MAX && !is_credential(name) {
        let trace = trace(name).rotate_left(7) ^ trace(value);
        let known = LINES.with_borrow_mut(|known| {
            known.get(
                trace >> 32,
                |kept| kept.is(name, value),
                || Some(trace),
                || Line::new(name, value),
                |kept| (kept.name.clone(), kept.value.clone()),
            )
        });
        if known.is_some() {
            return known;
        }
    }
    let name = HeaderName::from_bytes(name).ok()?;
    let mut value = HeaderValue::from_maybe_shared(share(value)).ok()?;
    value.set_sensitive(sensitive);
    Some((name, value))
}

/// What is longer is not remembered.
const BYTES_MAX: usize = 256;

thread_local! {
    static AUTHORITIES: RefCell<Table<Authority, 8>> = const { RefCell::new(Table::EMPTY) };
    static PATHS: RefCell<Table<PathAndQuery, 64>> = const { RefCell::new(Table::EMPTY) };
    static LINES: RefCell<Table<Line, 128>> = const { RefCell::new(Table::EMPTY) };
}

/// Names whose values are not to stay here for long.
fn is_credential(name: &[u8]) -> bool {
    let credential: &[u8] = match name.len() {
        6 => b"cookie",
        13 => b"authorization",
        19 => b"proxy-authorization",
        _ => return false,
    };
    name.eq_ignore_ascii_case(credential)
}

/// A field line as it came, and what it is.
struct Line {
    octets: Box<[u8]>,
    name_bytes: usize,
    name: HeaderName,
    value: HeaderValue,
}

impl Line {
    fn new(name: &[u8], value: &[u8]) -> Option<Self> {
        Some(Self {
            octets: [name, value].concat().into(),
            name_bytes: name.len(),
            name: HeaderName::from_bytes(name).ok()?,
            value: HeaderValue::from_bytes(value).ok()?,
        })
    }

    fn is(&self, name: &[u8], value: &[u8]) -> bool {
        self.octets.split_at_checked(self.name_bytes) == Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(octets: &[u8]) -> Bytes {
        Bytes::copy_from_slice(octets)
    }

    #[test]
    fn an_authority_is_what_was_sent_whatever_is_known() {
        for round in 0..1000 {
            // Many of them fall on the place of another.
            for text in
                [format!("a{:03}.example:80", round % 10), format!("{round}"), "b".repeat(300)]
            {
                let read = authority(text.as_bytes(), copy);
                assert_eq!(read.map(|it| it.to_string()), Some(text));
            }
            assert!(authority(b"a b", copy).is_none());
        }
    }

    #[test]
    fn a_path_is_what_was_sent_unless_it_is_too_long() {
        for round in 0..300 {
            for text in [format!("/{}", round % 7), format!("/?{round}"), format!("/{round}/x")] {
                assert_eq!(path(text.as_bytes(), copy).map(|it| it.to_string()), Some(text));
            }
        }
        let long = "/".repeat(65_534);
        assert!(path(long.as_bytes(), copy).is_some());
        assert!(path(format!("{long}a").as_bytes(), copy).is_none());
        assert!(path(b"/a b", copy).is_none());
    }

    #[test]
    fn a_line_is_what_was_sent_whatever_is_known() {
        for round in 0..3000u32 {
            let changing = format!("{round}");
            let lines = [
                ("Host", "example"),
                ("hOST", "example"),
                ("ab", "c"),
                ("a", "bc"),
                ("x-request-id", &changing),
                ("X-Request-Id", if round % 3 == 0 { "same" } else { &changing }),
                ("accept", ""),
                ("user-agent", "a browser of some kind"),
                ("user-agent", "a browser or some kind"),
                ("cookie", "secret"),
            ];
            for (name, value) in lines {
                let field = Field::new(name.as_bytes(), value.as_bytes());
                let (read, content) = line(field, copy).unwrap();
                assert_eq!(read.as_str(), name.to_ascii_lowercase());
                assert_eq!(content, value);
                assert!(!content.is_sensitive());
            }
            assert!(line(Field::new(b"a b", b""), copy).is_none());
            assert!(line(Field::new(b"a", b"\n"), copy).is_none());
        }
        LINES.with_borrow(|known| {
            let kept = known.kept().map(|line| line.octets.clone()).collect::<Vec<_>>();
            assert!(kept.contains(&b"Hostexample"[..].into()), "{kept:?}");
            assert!(!kept.contains(&b"cookiesecret"[..].into()), "{kept:?}");
        });
    }

    #[test]
    fn a_line_is_another_one_where_its_name_ends_elsewhere() {
        let kept = Line::new(b"ab", b"c").unwrap();
        assert!(kept.is(b"ab", b"c"));
        for (name, value) in [("a", "bc"), ("abc", ""), ("ab", "cd"), ("Ab", "c"), ("ab", "")] {
            assert!(!kept.is(name.as_bytes(), value.as_bytes()), "{name}: {value}");
        }
    }

    #[test]
    fn what_is_sensitive_is_not_remembered_and_stays_so() {
        for _ in 0..3 {
            let field = Field { name: b"x-key", value: b"secret", sensitive: true };
            assert!(line(field, copy).is_some_and(|(_, value)| value.is_sensitive()));
        }
        LINES.with_borrow(|known| assert_eq!(known.kept().count(), 0));
    }
}
