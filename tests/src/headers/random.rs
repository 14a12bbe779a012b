//! Header sets that nobody sends: every octet, every length, much repeated and much not.

use super::Block;
use crate::rng::Rng;

/// So many blocks for one connection: names are tokens in lower case, values any octets from
/// none to a few thousand. Names and whole fields come again often, so that tables are used,
/// and values are long sometimes, so that tables overflow.
#[must_use]
pub fn random(seed: u64, blocks: usize) -> Vec<Block> {
    let mut rng = Rng::new(seed);
    let mut seen = Block::new();
    (0..blocks)
        .map(|_| {
            let fields = rng.below(20);
            (0..fields).map(|_| field(&mut seen, &mut rng)).collect()
        })
        .collect()
}

fn field(seen: &mut Block, rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
    let again = (!seen.is_empty()).then(|| seen[rng.below(seen.len())].clone());
    let field = match (again, rng.below(8)) {
        (Some(field), 0..4) => return field,
        (Some((name, _)), 4..6) => (name, value(rng)),
        _ => (name(rng), value(rng)),
    };
    // The recent ones are likelier, as only they can still be in a table.
    if seen.len() == 40 {
        seen.remove(0);
    }
    seen.push(field.clone());
    field
}

fn name(rng: &mut Rng) -> Vec<u8> {
    const KNOWN: &[&str] = &[
        ":path",
        ":method",
        ":status",
        ":authority",
        "cookie",
        "set-cookie",
        "authorization",
        "date",
        "etag",
        "content-length",
        "accept-encoding",
        "www-authenticate",
    ];
    const TOKEN: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~";
    if rng.once_in(4) {
        return KNOWN[rng.below(KNOWN.len())].into();
    }
    let longest = if rng.once_in(20) { 300 } else { 24 };
    let octets = 1 + rng.below(longest);
    (0..octets).map(|_| TOKEN[rng.below(TOKEN.len())]).collect()
}

fn value(rng: &mut Rng) -> Vec<u8> {
    let octets = match rng.below(20) {
        0 => 0,
        1 => rng.below(4000),
        2..5 => rng.below(300),
        _ => rng.below(40),
    };
    let span = match rng.below(4) {
        // Any octet has codes of up to 30 bits, and text short ones.
        0 => (0, 256),
        1 => (b'0', 10),
        _ => (b'!', 94),
    };
    (0..octets).map(|_| span.0 + u8::try_from(rng.below(span.1)).unwrap_or(0)).collect()
}
