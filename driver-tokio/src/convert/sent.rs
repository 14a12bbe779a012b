//! The fields of answers as lines of HTTP/1: most answers of an application have those of another one before,
//! but for their length. A thread remembers them as lines that were checked, which go out as they are.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;

use h1_proto::{FieldLines, grammar};
use http::header::{
    CONTENT_LENGTH, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE,
};

use super::table::{Table, trace};

/// The fields of an answer, without its Content-Length.
struct Sent {
    fields: Vec<(HeaderName, HeaderValue)>,
    /// None if [`FieldLines`] does not take them: a connection must see one of them each time, or a value is
    /// padded.
    lines: Option<Rc<FieldLines>>,
}

thread_local! {
    static SENT: RefCell<Table<Sent, 16>> = const { RefCell::new(Table::EMPTY) };
}

/// Octets of names and values; longer ones are not remembered.
const BYTES_MAX: usize = 1 << 10;

/// The lines of these fields without Content-Length, if they are known, and the length that they say is no other
/// than that of the content. There is no Date among them.
pub(crate) fn known_lines(map: &HeaderMap, content_bytes: usize) -> Option<Rc<FieldLines>> {
    // What comes first is a Content-Type as a rule, whose length tells answers apart.
    let first = map.values().next().map_or(0, HeaderValue::len);
    SENT.with_borrow_mut(|sent| {
        sent.get(
            (map.len() + first) as u64,
            |kept| kept.is(map, content_bytes),
            || trace_of(map, content_bytes),
            || Sent::new(map),
            |kept| kept.lines.clone(),
        )
    })?
}

/// Whether a Content-Length, if there is one, says this length, and says it once.
pub(crate) fn is_length_right(map: &HeaderMap, content_bytes: usize) -> bool {
    let mut length = Length::of(content_bytes);
    map.get_all(CONTENT_LENGTH).iter().all(|value| length.is_right(value))
}

impl Sent {
    fn new(map: &HeaderMap) -> Option<Self> {
        let mut fields = Vec::new();
        for (name, value) in map.iter().filter(|(name, _)| *name != CONTENT_LENGTH) {
            // Copied, for it may lie in a large buffer, which would stay as long as it.
            fields.push((name.clone(), HeaderValue::from_bytes(value.as_bytes()).ok()?));
        }
        let lines = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let lines = FieldLines::new(lines).ok().map(Rc::new);
        Some(Self { fields, lines })
    }

    /// Whether these are the same fields in the same order, but for a Content-Length that is right.
    #[inline]
    fn is(&self, map: &HeaderMap, content_bytes: usize) -> bool {
        let mut kept = self.fields.iter();
        let mut length = Length::of(content_bytes);
        for (name, value) in map {
            if name == CONTENT_LENGTH {
                if !length.is_right(value) {
                    return false;
                }
                continue;
            }
            match kept.next() {
                Some((kept_name, kept)) if name == kept_name && kept == value => {}
                _ => return false,
            }
        }
        kept.next().is_none()
    }
}

/// What Content-Length is to say, if it is there: once.
struct Length {
    octets: u64,
    is_told: bool,
}

impl Length {
    fn of(content_bytes: usize) -> Self {
        Self { octets: content_bytes as u64, is_told: false }
    }

    #[inline]
    fn is_right(&mut self, value: &HeaderValue) -> bool {
        !mem::replace(&mut self.is_told, true)
            && grammar::decimal(value.as_bytes()) == Ok(self.octets)
    }
}

/// What tells fields from most others; none of those that are not to be remembered: they change each time, are not
/// to stay here for long, or have to be refused.
fn trace_of(map: &HeaderMap, content_bytes: usize) -> Option<u64> {
    let (mut all, mut octets) = (0_u64, 0);
    let mut length = Length::of(content_bytes);
    for (name, value) in map {
        if *name == CONTENT_LENGTH {
            if !length.is_right(value) {
                return None;
            }
            continue;
        }
        if value.is_sensitive() || [DATE, LOCATION, SET_COOKIE].contains(name) {
            return None;
        }
        let name = name.as_str().as_bytes();
        octets += name.len() + value.len();
        all = all.rotate_left(9) ^ trace(name).rotate_left(7) ^ trace(value.as_bytes());
    }
    (octets <= BYTES_MAX).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    /// What is known of an answer with these fields and thirteen octets of content.
    fn known(fields: &[(&str, &str)]) -> Option<String> {
        let lines = known_lines(&map(fields), 13)?;
        Some(lines.as_bytes().escape_ascii().to_string())
    }

    #[test]
    fn a_length_that_is_wrong_is_for_the_connection_to_see() {
        for _ in 0..5 {
            for wrong in ["12", "x", "", "+13"] {
                assert_eq!(known(&[("content-type", "a"), ("content-length", wrong)]), None);
            }
            let twice = [("content-length", "13"), ("content-length", "13")];
            assert_eq!(known(&twice), None);
        }
        assert_eq!(known(&[("content-type", "a")]), None, "nothing of it is known");
    }

    #[test]
    fn what_came_twice_is_known_whether_it_says_its_length_or_not() {
        let text = ("content-type", "text/plain");
        for fields in [&[text][..], &[text, ("content-length", "13")]] {
            assert_eq!(known(fields), None);
            for _ in 0..3 {
                assert_eq!(known(fields).as_deref(), Some(r"content-type: text/plain\r\n"));
            }
        }
    }

    #[test]
    fn lines_are_those_of_the_fields_whatever_is_known() {
        let values = ["a", "b", "application/json", "c d", "\"e\""];
        let names = ["content-type", "x-one", "x-two", "etag", "connection", "set-cookie", "date"];
        let (mut seed, mut found) = (1_u32, 0);
        let mut below = |end: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as usize % end
        };
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for _ in 0..50_000 {
            match below(6) {
                0 => fields.insert(
                    below(fields.len() + 1),
                    (names[below(names.len())], values[below(values.len())]),
                ),
                1 if !fields.is_empty() => drop(fields.remove(below(fields.len()))),
                _ => {}
            }
            fields.truncate(6);
            let map = map(&fields);
            let Some(lines) = known_lines(&map, 0) else { continue };
            let expected = map.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            assert_eq!(*lines, FieldLines::new(expected).unwrap());
            found += 1;
        }
        assert!(found > 10_000, "{found}");
    }

    #[test]
    fn what_is_secret_changes_or_matters_to_the_connection_is_not_known() {
        for _ in 0..3 {
            for field in
                ["set-cookie", "date", "location", "connection", "upgrade", "transfer-encoding"]
            {
                assert_eq!(known(&[("x", "y"), (field, "close")]), None, "{field}");
            }
            let mut sensitive = map(&[("x-key", "secret")]);
            sensitive.values_mut().for_each(|value| value.set_sensitive(true));
            assert!(known_lines(&sensitive, 0).is_none());
            assert_eq!(known(&[("x", &"y".repeat(BYTES_MAX))]), None);
        }
        SENT.with_borrow(|sent| {
            let kept = sent.kept().flat_map(|kept| &kept.fields);
            for (name, value) in kept {
                assert!(
                    !value.is_sensitive() && ![DATE, LOCATION, SET_COOKIE].contains(name),
                    "{name}"
                );
            }
        });
    }
}
