//! Ways to cut the same octets into reads.

use crate::Rng;

/// The cuts at which every harness runs its input: whole, octet by octet, two ways that depend on
/// the octets, and in reads with an empty one between them.
pub(crate) fn all(input: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut rng = Rng::of(input);
    let short = at_random(input, 1 + rng.below(7), &mut rng);
    let long = at_random(input, 8 + rng.below(120), &mut rng);
    let gaps = long.iter().flat_map(|piece| [*piece, b""]).collect();
    vec![vec![input], input.chunks(1).collect(), short, long, gaps]
}

/// Pieces of 1 to `max` octets.
fn at_random<'i>(mut input: &'i [u8], max: usize, rng: &mut Rng) -> Vec<&'i [u8]> {
    let mut pieces = Vec::new();
    while !input.is_empty() {
        let (piece, rest) = input.split_at((1 + rng.below(max)).min(input.len()));
        pieces.push(piece);
        input = rest;
    }
    pieces
}
