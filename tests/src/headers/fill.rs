//! Names and tokens from templates: paths, identifiers and hashes that differ as they do in life.

use crate::rng::Rng;

/// A template with each `{kind count}` replaced by so many characters (of `w`: words):
/// `d` digits, `x` hexadecimal, `b` base64url, `w` words joined by hyphens; `{u}` is a UUID.
pub(super) fn fill(template: &str, rng: &mut Rng) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (hole, after) = after.split_once('}').expect("a hole that ends");
        out.push_str(before);
        let count = hole[1..].parse().unwrap_or(1);
        match &hole[..1] {
            "d" => pick_each(&mut out, b"0123456789", count, rng),
            "x" => pick_each(&mut out, b"0123456789abcdef", count, rng),
            "b" => pick_each(&mut out, BASE64URL, count, rng),
            "w" => words(&mut out, count, rng),
            "u" => out.push_str(&fill("{x8}-{x4}-4{x3}-a{x3}-{x12}", rng)),
            kind => panic!("no such kind: {kind}"),
        }
        rest = after;
    }
    out + rest
}

/// One of some.
pub(super) fn pick<'a, T: ?Sized>(of: &[&'a T], rng: &mut Rng) -> &'a T {
    of[rng.below(of.len())]
}

const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const WORDS: &[&str] = &[
    "harbour", "council", "winter", "signal", "garden", "night", "market", "river", "bridge",
    "school", "paper", "record", "north", "season", "open", "light", "station", "value", "guide",
    "first", "repair", "summer", "coast", "budget", "street", "mountain", "report", "kitchen",
    "small", "wooden", "travel", "music", "green", "history", "plan", "bicycle", "storm", "test",
];

fn pick_each(out: &mut String, of: &[u8], count: usize, rng: &mut Rng) {
    out.extend((0..count).map(|_| char::from(of[rng.below(of.len())])));
}

fn words(out: &mut String, count: usize, rng: &mut Rng) {
    for index in 0..count {
        out.push_str(if index == 0 { "" } else { "-" });
        out.push_str(pick(WORDS, rng));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled() {
        let filled = fill("/a/{d6}/{x32}?q={w2}&t={b22}#{u}", &mut Rng::new(1));
        let (path, tail) = filled.split_once("?q=").unwrap();
        assert_eq!(path.len(), "/a/".len() + 6 + 1 + 32);
        assert!(path[3..9].bytes().all(|digit| digit.is_ascii_digit()));
        assert_eq!(tail.split_once('#').unwrap().1.len(), 36);
        assert_eq!(fill("plain", &mut Rng::new(1)), "plain");
    }
}
