//! A request of HTTP/1 as `http` has it. Its lines are, for the most part, those of the head before it: then
//! it is a copy of that one, with what changed.

use std::mem;

use h1_proto::{Field, Head, TargetForm};
use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Uri, Version};

use super::octets::{self, Octets};
use super::{known, map_of};
use crate::head::Fields;

/// What was made of the head in a buffer.
#[derive(Default)]
pub(crate) struct Made {
    /// Of which edition of its field lines.
    edition: u64,
    /// Of which edition of its start line.
    start_edition: u64,
    /// There once two heads in a row had nearly the same lines.
    parts: Option<Parts>,
    /// The names of its lines.
    names: Vec<HeaderName>,
}

impl Made {
    /// The head in the buffer that this belongs to; `None` if its target is none that `http::Uri` takes.
    pub(crate) fn parts(&mut self, head: &Head) -> Option<Parts> {
        let before = mem::replace(&mut self.edition, head.fields_edition());
        let start_before = mem::replace(&mut self.start_edition, head.start_line_edition());
        let changed = head.changed_since(before).filter(|it| it.len() <= CHANGED_MAX);
        let Some(changed) = changed else {
            self.parts = None;
            return make(head);
        };
        if let Some(parts) = &mut self.parts {
            let mut patched = true;
            for (index, field) in changed {
                patched &= patch(&mut parts.headers, self.names.get(index), field);
            }
            if patched {
                let starts_alike = self.start_edition == start_before;
                if starts_alike || put_start_line(head, Octets::of(head.raw()), parts).is_some() {
                    return Some(parts.clone());
                }
                // Of this head it has a part only.
                self.parts = None;
                return None;
            }
        }
        self.names.clear();
        self.names.extend(head.fields().map_while(|it| HeaderName::from_bytes(it.name).ok()));
        self.parts = make(head);
        self.parts.clone()
    }
}

/// Without anything before it.
fn make(head: &Head) -> Option<Parts> {
    let mut octets = Octets::of(head.raw());
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.headers = map_of(Fields::of_head(head), &mut octets).0;
    put_start_line(head, octets, &mut parts)?;
    Some(parts)
}

fn put_start_line(head: &Head, octets: Octets<'_>, parts: &mut Parts) -> Option<()> {
    parts.method = Method::from_bytes(head.method()).ok()?;
    parts.version = match head.version() {
        h1_proto::Version::Http10 => Version::HTTP_10,
        h1_proto::Version::Http11 => Version::HTTP_11,
    };
    let (target, share) = (head.target(), |piece: &[u8]| octets.share_last(piece));
    parts.uri = match head.target_form() {
        TargetForm::Origin => known::path(target, share)?.into(),
        TargetForm::Asterisk => Uri::from_static("*"),
        _ => Uri::from_maybe_shared(share(target)).ok()?,
    };
    Some(())
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

    /// Reads a head into `head` and makes a request of it, which is what it is without anything before it.
    fn check(head: &mut Head, made: &mut Made, start: &str, lines: &[String]) {
        let input = format!("{start}\r\n{}\r\n", lines.concat());
        let mut conn = ServerConnection::new(Config::default(), Duration::ZERO);
        let event = conn.next_event(&mut input.as_bytes(), head);
        assert!(matches!(event, Ok(Some(Event::Head { .. }))), "{event:?}");
        let (parts, new) = (made.parts(head), make(head));
        assert_eq!(parts.is_some(), new.is_some(), "{start}");
        let (Some(parts), Some(new)) = (parts, new) else { return };
        assert_eq!((parts.method, parts.uri, parts.version), (new.method, new.uri, new.version));
        let (map, expected) = (parts.headers, header_map(Fields::of_head(head)));
        assert_eq!(map, expected);
        // Values of one name keep their order.
        for name in map.keys() {
            assert!(map.get_all(name).iter().eq(expected.get_all(name)), "{name}");
        }
    }

    /// The last one has a target that `http` does not take.
    const STARTS: [&str; 8] = [
        "GET / HTTP/1.1",
        "PUT / HTTP/1.1",
        "OWN /a HTTP/1.1",
        "GET /?a HTTP/1.0",
        "GET http://a/b HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT a:443 HTTP/1.1",
        "GET /a`b HTTP/1.1",
    ];

    #[test]
    fn a_request_is_that_of_its_head_whatever_came_before() {
        let (mut head, mut made) = (Head::new(), Made::default());
        let mut lines: Vec<String> = Vec::new();
        let (mut seed, mut patched, mut start) = (1_u32, 0, STARTS[0]);
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
            let had = made.parts.is_some();
            if below(3) == 0 {
                start = STARTS[below(STARTS.len() as u32) as usize];
            }
            check(&mut head, &mut made, start, &all);
            patched += usize::from(had && made.parts.is_some());
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
            check(&mut head, &mut made, STARTS[0], &lines.map(str::to_owned));
        }
    }
}
