//! The map of a head whose lines are, for the most part, those of the head before it: a copy of that one's
//! map, with the lines that changed.

use h1_proto::{Field, Head};
use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};

use super::map_of;
use super::octets::{self, Octets};
use crate::head::Fields;

/// What was made of the field lines in a buffer.
#[derive(Default)]
pub(crate) struct Made {
    /// Of which edition of the buffer.
    edition: u64,
    /// There once two heads were alike.
    map: Option<HeaderMap>,
    /// The names of its lines.
    names: Vec<HeaderName>,
}

impl Made {
    /// The fields of the head in the buffer that this belongs to.
    pub(super) fn map(&mut self, head: &Head, octets: &mut Octets<'_>) -> HeaderMap {
        let before = self.edition;
        self.edition = head.edition();
        let changed = head.changed_since(before).filter(|it| it.len() <= CHANGED_MAX);
        let Some(changed) = changed else {
            self.map = None;
            return map_of(Fields::of_head(head), octets).0;
        };
        if let Some(map) = &mut self.map {
            let mut patched = true;
            for (index, field) in changed {
                patched &= patch(map, self.names.get(index), field);
            }
            if patched {
                return map.clone();
            }
        }
        let map = map_of(Fields::of_head(head), octets).0;
        self.names.clear();
        self.names.extend(head.fields().map_while(|it| HeaderName::from_bytes(it.name).ok()));
        self.map = Some(map.clone());
        map
    }
}

/// Heads of which more lines changed are not alike.
const CHANGED_MAX: usize = 4;

/// Puts the new value of a line in place of the old one; whether that can be done.
fn patch(map: &mut HeaderMap, name: Option<&HeaderName>, field: Field<'_>) -> bool {
    let Some(name) = name.filter(|it| it.as_str().as_bytes().eq_ignore_ascii_case(field.name))
    else {
        return false;
    };
    let value = HeaderValue::from_maybe_shared(octets::copy(field.value));
    match (map.entry(name), value) {
        (Entry::Occupied(mut old), Ok(value)) if old.iter().nth(1).is_none() => {
            old.insert(value);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use h1_proto::{Config, Event, ServerConnection};

    use super::*;
    use crate::convert::header_map;

    /// Reads a head into `head` and makes its map, which is what it is without anything before it.
    fn check(head: &mut Head, made: &mut Made, lines: &[String]) {
        let input = format!("GET / HTTP/1.1\r\n{}\r\n", lines.concat());
        let mut conn = ServerConnection::new(Config::default(), Duration::ZERO);
        let event = conn.next_event(&mut input.as_bytes(), head);
        assert!(matches!(event, Ok(Some(Event::Head { .. }))), "{event:?}");
        let expected = header_map(Fields::of_head(head));
        let map = made.map(head, &mut Octets::of(head.raw()));
        assert_eq!(map, expected);
        // Values of one name keep their order.
        for name in map.keys() {
            assert!(map.get_all(name).iter().eq(expected.get_all(name)), "{name}");
        }
    }

    #[test]
    fn a_map_is_that_of_its_head_whatever_came_before() {
        let (mut head, mut made) = (Head::new(), Made::default());
        let mut lines: Vec<String> = Vec::new();
        let (mut seed, mut patched) = (1_u32, 0);
        let mut below = |end: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % end
        };
        for _ in 0..20_000 {
            for _ in 0..below(4) {
                let name =
                    ["Accept", "accept", "X-One", "X-Two", "Via", "Cookie"][below(6) as usize];
                let line = format!("{name}: {}\r\n", below(3));
                let at = below(lines.len() as u32 + 1) as usize;
                match below(4) {
                    0 => lines.insert(at, line),
                    1 if at < lines.len() => drop(lines.remove(at)),
                    _ if at < lines.len() => lines[at] = line,
                    _ => {}
                }
            }
            if lines.len() > 9 {
                lines.truncate(3);
            }
            let mut all = lines.clone();
            all.insert(below(2) as usize * lines.len() / 2, "Host: a\r\n".to_owned());
            let had = made.map.is_some();
            check(&mut head, &mut made, &all);
            patched += usize::from(had && made.map.is_some());
        }
        assert!(patched > 2_000, "{patched}");
    }

    #[test]
    fn names_that_changed_and_lines_that_come_twice_are_no_new_values() {
        let (mut head, mut made) = (Head::new(), Made::default());
        let heads = [
            ["Host: a\r\n", "X-One: 1\r\n", "Via: a\r\n", "Via: b\r\n"],
            ["Host: a\r\n", "X-One: 2\r\n", "Via: a\r\n", "Via: b\r\n"],
            ["Host: a\r\n", "X-One: 3\r\n", "Via: a\r\n", "Via: c\r\n"],
            ["Host: a\r\n", "X-Two: 3\r\n", "Via: a\r\n", "Via: c\r\n"],
            ["Host: a\r\n", "Via: 3\r\n", "Via: d\r\n", "Via: c\r\n"],
        ];
        for lines in heads {
            check(&mut head, &mut made, &lines.map(str::to_owned));
        }
    }
}
