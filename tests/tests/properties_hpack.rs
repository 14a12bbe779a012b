//! Properties of HPACK over random fields, sizes, cuts and octets.
//!
//! The generator is seeded: a failure comes again.

use core::fmt;
use std::collections::VecDeque;

use hpack::{
    Decoder, Encoder, Field, FieldBuf, FieldLimits, Fragments, Indexing, Policy, default_policy,
    static_table,
};
use quickcheck::{Arbitrary, Gen, QuickCheck, Testable};
use tests::field_block::{FieldBlock, Literal, UNLIMITED, append_integer, decode, entries};
use tests::plain_decoder::PlainDecoder;

fn check(cases: u64, size: usize, property: impl Testable) {
    let generator = Gen::from_size_and_seed(size, 0x6870);
    QuickCheck::new().rng(generator).tests(cases).max_tests(cases).quickcheck(property);
}

fn below(g: &mut Gen, end: usize) -> usize {
    usize::arbitrary(g) % end
}

fn one_of<T: Copy>(g: &mut Gen, choices: &[T]) -> T {
    choices[below(g, choices.len())]
}

// ---- fields ----

const NAMES: [&str; 14] = [
    ":method",
    ":path",
    ":status",
    "cookie",
    "authorization",
    "set-cookie",
    "date",
    "via",
    "a",
    "b",
    "x-name",
    "x-name-",
    "x-a-name-that-is-longer-than-others-are",
    "",
];
const VALUES: [&str; 10] =
    ["GET", "/", "200", "", "1", "2", "a=b", "some value", "Some Value", "\u{1}\u{2}\u{3}"];

/// Names and values from small sets, so that they come again, and now and then any octets.
#[derive(Clone, PartialEq, Eq)]
struct Line {
    name: Vec<u8>,
    value: Vec<u8>,
    sensitive: bool,
}

impl Arbitrary for Line {
    fn arbitrary(g: &mut Gen) -> Self {
        let name = match below(g, 20) {
            0 => Vec::arbitrary(g),
            1 => vec![b'n'; below(g, 300)],
            _ => one_of(g, &NAMES).into(),
        };
        let value = match below(g, 20) {
            0 => Vec::arbitrary(g),
            1 => vec![one_of(g, b"0z\n"); one_of(g, &[10, 63, 126, 127, 128, 255, 300, 5_000])],
            _ => one_of(g, &VALUES).into(),
        };
        Self { name, value, sensitive: below(g, 10) == 0 }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let all = (self.name.clone(), self.value.clone(), self.sensitive);
        Box::new(all.shrink().map(|(name, value, sensitive)| Self { name, value, sensitive }))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Field::from(self).fmt(f)
    }
}

impl<'a> From<&'a Line> for Field<'a> {
    fn from(line: &'a Line) -> Self {
        Field { name: &line.name, value: &line.value, sensitive: line.sensitive }
    }
}

/// Cuts a block by lengths that come again and again, and puts it together.
fn fragmented(block: &[u8], lengths: &[u8]) -> Fragments {
    let mut fragments = Fragments::new();
    let mut rest = block;
    for &length in lengths.iter().cycle().take(300) {
        let (piece, tail) = rest.split_at(usize::from(length).min(rest.len()));
        fragments.push(piece, block.len()).unwrap();
        rest = tail;
    }
    fragments.push(rest, block.len()).unwrap();
    fragments
}

// ---- a connection ----

/// What happens in one direction of a connection.
#[derive(Clone, Debug)]
enum Step {
    /// A block, cut into fragments of these lengths.
    Block(Vec<Line>, Vec<u8>),
    /// The decoder's side announces another size of its table.
    Announce(usize),
    /// The encoder's side hears of the oldest announcement and acknowledges it.
    Acknowledge,
    /// The encoder's own cap.
    Cap(usize),
}

const SIZES: [usize; 9] = [0, 31, 32, 60, 100, 200, 1_000, 4_096, 10_000];

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        match below(g, 10) {
            0 => Self::Announce(one_of(g, &SIZES)),
            1 | 2 => Self::Acknowledge,
            3 => Self::Cap(one_of(g, &SIZES)),
            _ => Self::Block(Vec::arbitrary(g), Vec::arbitrary(g)),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match self {
            Self::Block(lines, lengths) => {
                let all = (lines.clone(), lengths.clone());
                Box::new(all.shrink().map(|(lines, lengths)| Self::Block(lines, lengths)))
            }
            _ => Box::new(core::iter::empty()),
        }
    }
}

/// What the policy of an encoder is to be.
#[derive(Clone, Copy, Debug)]
enum Chosen {
    Always(Indexing),
    Default,
}

impl Arbitrary for Chosen {
    fn arbitrary(g: &mut Gen) -> Self {
        let always = [Indexing::Incremental, Indexing::Without, Indexing::Never].map(Self::Always);
        if below(g, 2) == 0 { Self::Default } else { one_of(g, &always) }
    }
}

impl Chosen {
    fn policy(self) -> Policy {
        match self {
            Self::Always(Indexing::Incremental) => |_, _| Indexing::Incremental,
            Self::Always(Indexing::Without) => |_, _| Indexing::Without,
            Self::Always(Indexing::Never) => |_, _| Indexing::Never,
            Self::Default => default_policy,
        }
    }

    /// Whether a line arrives as never indexed: as the caller says, or as the policy does, which is
    /// not asked about what the static table has.
    fn is_sensitive(self, line: &Line) -> bool {
        let field = Field { sensitive: false, ..line.into() };
        let in_static_table = (1..=61).any(|index| static_table::get(index) == Some(field));
        let never = match self {
            Self::Always(indexing) => indexing == Indexing::Never,
            Self::Default => {
                matches!(field.name, b"authorization" | b"set-cookie")
                    || field.name == b"cookie" && field.value.len() < 20
            }
        };
        line.sensitive || never && !in_static_table
    }
}

/// The octets of a literal with both strings as they are.
fn raw_len(line: &Line) -> usize {
    FieldBlock::raw().literal(Literal::Without, &line.name[..], &line.value).octets().len()
}

/// Whatever is sent arrives: every field in its place, whether it is sensitive, and the tables are
/// the same after every block.
#[test]
fn what_is_encoded_is_decoded() {
    fn property(chosen: Chosen, first_cap: u16, steps: Vec<Step>) -> bool {
        let first_cap = usize::from(first_cap) % 6_000;
        let mut encoder = Encoder::new(first_cap).with_policy(chosen.policy());
        let (mut decoder, mut fields) = (Decoder::new(4_096), FieldBuf::new());
        let mut plain = PlainDecoder::new(4_096);
        let (mut announced, mut cap, mut peer) = (VecDeque::new(), first_cap, 4_096);
        for step in &steps {
            match step {
                Step::Announce(size) => announced.push_back(*size),
                Step::Acknowledge => {
                    if let Some(size) = announced.pop_front() {
                        peer = size;
                        encoder.set_peer_table_bytes_max(size);
                        // Everything that was encoded before has been decoded: in order.
                        decoder.set_table_bytes_max(size);
                        plain.set_bound(size);
                    }
                }
                Step::Cap(size) => {
                    cap = *size;
                    encoder.set_table_bytes_max(cap);
                }
                Step::Block(lines, lengths) => {
                    let mut block = Vec::new();
                    encoder.encode_block(lines, &mut block);
                    let fragments = fragmented(&block, lengths);
                    assert_eq!(fragments.block(), block);
                    assert_eq!(decoder.decode(fragments.block(), &UNLIMITED, &mut fields), Ok(()));
                    let expected = lines.iter().map(|line| Field {
                        sensitive: chosen.is_sensitive(line),
                        ..Field::from(line)
                    });
                    assert!(fields.iter().eq(expected), "{fields:?}");
                    assert_eq!(plain.decode(&block).as_ref(), Some(&fields));
                    assert_eq!(entries(decoder.table()), plain.entries());
                    assert_eq!(entries(encoder.table()), plain.entries());
                    assert_eq!(decoder.table().size(), encoder.table().size());
                    assert_eq!(decoder.table().size_max(), cap.min(peer));
                    assert_eq!(encoder.table().size_max(), cap.min(peer));
                    // Two updates take at most 3 octets each. An index takes at most 3, in place of
                    // at least 2 for the length of a name and what comes before it.
                    let raw: usize = lines.iter().map(|line| raw_len(line) + 1).sum();
                    assert!(block.len() <= 2 * 3 + raw, "{} octets for {raw}", block.len());
                }
            }
        }
        true
    }
    check(1_000, 40, property as fn(Chosen, u16, Vec<Step>) -> bool);
}

/// Under limits the fields end earlier, and the tables are the same all the same.
#[test]
fn tables_stay_in_step_under_limits() {
    fn property(chosen: Chosen, blocks: Vec<(Vec<Line>, u16, u8)>) -> bool {
        let mut encoder = Encoder::new(1_000).with_policy(chosen.policy());
        let mut decoder = Decoder::new(4_096);
        for (lines, section_bytes_max, fields_max) in &blocks {
            let limits = FieldLimits {
                section_bytes_max: usize::from(*section_bytes_max) % 1_000,
                fields_max: usize::from(*fields_max) % 32,
            };
            let mut block = Vec::new();
            encoder.encode_block(lines, &mut block);
            let outcome = decode(&mut decoder, &block, &limits);
            let mut given = 0;
            let mut section_bytes = 0;
            for line in lines.iter().take(limits.fields_max) {
                section_bytes += Field::from(line).size();
                given += usize::from(section_bytes <= limits.section_bytes_max);
            }
            assert_eq!(outcome.fields.len(), given);
            assert_eq!(outcome.result.is_ok(), given == lines.len());
            assert!(outcome.result.is_ok() || !outcome.error().is_fatal());
            assert_eq!(outcome.table, entries(encoder.table()));
        }
        true
    }
    check(2_000, 30, property as fn(Chosen, Vec<(Vec<Line>, u16, u8)>) -> bool);
}

/// What comes as never indexed goes on as that (RFC 7541 §6.2.3), through any encoder.
#[test]
fn what_is_never_indexed_stays_so() {
    fn property(chosen: Chosen, blocks: Vec<Vec<Line>>) -> bool {
        let (mut encoder, mut decoder) =
            (Encoder::new(4_096).with_policy(chosen.policy()), Decoder::new(4_096));
        for lines in &blocks {
            let received: FieldBuf = lines.iter().collect();
            let mut block = Vec::new();
            encoder.encode_block(&received, &mut block);
            let outcome = decode(&mut decoder, &block, &UNLIMITED);
            for (sent, arrived) in received.iter().zip(&outcome.fields) {
                assert!(arrived.sensitive || !sent.sensitive);
            }
            assert_eq!(outcome.fields.len(), received.len());
        }
        true
    }
    check(500, 30, property as fn(Chosen, Vec<Vec<Line>>) -> bool);
}

// ---- any octets ----

/// Octets of which a decoder makes something more often than of random ones.
#[derive(Clone, Debug)]
struct Noise(Vec<u8>);

impl Arbitrary for Noise {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut octets = Vec::new();
        for _ in 0..below(g, 12) {
            let line = Line::arbitrary(g);
            let block = if bool::arbitrary(g) { FieldBlock::raw() } else { FieldBlock::coded() };
            let literal = one_of(g, &Literal::ALL);
            let index = one_of(g, &[0, 1, 2, 16, 58, 61, 62, 63, 64, 70, 127, 128, 1 << 20]);
            let block = match below(g, 8) {
                0 | 1 => block.indexed(index),
                2 => block.literal(literal, index.max(1), &line.value),
                3 | 4 => block.literal(literal, &line.name[..], &line.value),
                5 if octets.is_empty() => block.size_update(one_of(g, &SIZES)),
                6 => {
                    append_integer(below(g, 300), 7, 0x80, &mut octets);
                    block
                }
                7 => {
                    octets.extend(Vec::<u8>::arbitrary(g));
                    block
                }
                _ => block,
            };
            octets.extend_from_slice(block.octets());
        }
        if !octets.is_empty() && below(g, 4) == 0 {
            let at = below(g, octets.len());
            octets[at] = u8::arbitrary(g);
        }
        Self(octets)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

/// What is decoded is what a plain decoder makes of it, table included; what is refused it refuses.
#[test]
fn any_octets_are_what_a_plain_decoder_makes_of_them() {
    fn property(blocks: Vec<Noise>) -> bool {
        let (mut decoder, mut plain) = (Decoder::new(500), PlainDecoder::new(500));
        for Noise(block) in &blocks {
            let outcome = decode(&mut decoder, block, &UNLIMITED);
            let Some(fields) = plain.decode(block) else { return outcome.result.is_err() };
            assert_eq!((outcome.result, outcome.fields), (Ok(()), fields));
            assert_eq!(outcome.table, plain.entries());
        }
        true
    }
    check(10_000, 20, property as fn(Vec<Noise>) -> bool);
}

/// A decoder takes any octets, says the same of them each time, and keeps its limits.
#[test]
fn any_octets_are_decoded_or_refused() {
    fn property(blocks: Vec<Noise>, section_bytes_max: u16, fields_max: u8) -> bool {
        let limits = FieldLimits {
            section_bytes_max: usize::from(section_bytes_max),
            fields_max: usize::from(fields_max),
        };
        let (mut one, mut other) = (Decoder::new(4_096), Decoder::new(4_096));
        for Noise(block) in &blocks {
            let outcome = decode(&mut one, block, &limits);
            assert_eq!(outcome, decode(&mut other, block, &limits));
            assert!(outcome.fields.section_bytes() <= limits.section_bytes_max);
            assert!(outcome.fields.len() <= limits.fields_max);
            assert!(one.table().size() <= one.table().size_max());
            if let Err(error) = outcome.result {
                assert!(error.offset() <= block.len());
                if error.is_fatal() {
                    assert!(outcome.fields.is_empty());
                    return decode(&mut one, block, &UNLIMITED).result == Err(error);
                }
            }
        }
        true
    }
    check(10_000, 20, property as fn(Vec<Noise>, u16, u8) -> bool);
}

/// What was decoded can be encoded, and is the same again.
#[test]
fn what_is_decoded_can_be_encoded() {
    fn property(chosen: Chosen, Noise(block): Noise) -> bool {
        let outcome = decode(&mut Decoder::new(4_096), &block, &UNLIMITED);
        let mut again = Vec::new();
        Encoder::new(4_096).with_policy(chosen.policy()).encode_block(&outcome.fields, &mut again);
        let decoded = decode(&mut Decoder::new(4_096), &again, &UNLIMITED).fields;
        decoded
            .iter()
            .map(|field| (field.name, field.value))
            .eq(outcome.fields.iter().map(|field| (field.name, field.value)))
    }
    check(10_000, 30, property as fn(Chosen, Noise) -> bool);
}
