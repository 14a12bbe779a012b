//! Attacks on HPACK by strings that collide in the index by which the encoder finds matches (C19 of
//! the attack suite): they lose compression, and gain neither memory nor a wrong match.

use hpack::{Decoder, Encoder, Field, Indexing};
use tests::counting::{self, Counting, watch};
use tests::field_block::{FieldBlock, Literal, UNLIMITED, decode};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_allocator_counts() {
    counting::assert_counts();
}

/// An encoder that puts everything into its table.
fn encoder() -> Encoder {
    Encoder::new(4096).with_policy(|_, _| Indexing::Incremental)
}

/// The encoder's own hash, so that strings can be found that collide by it.
#[allow(dead_code, reason = "its other half is a comparison")]
#[path = "../../hpack/src/hash.rs"]
mod hash;

/// The bits of a hash that choose one of 128 buckets, as many as a table of 4,096 octets comes to.
fn bucket(hash: u64) -> u64 {
    (hash >> 32) & 0x7f
}

/// In the static table, so that it takes no place in a bucket itself.
const NAME: &[u8] = b"server";

fn value(number: u32) -> Vec<u8> {
    format!("{number:08}").into_bytes()
}

/// Values that, with [`NAME`], all fall into one bucket.
fn colliding_values() -> impl Iterator<Item = Vec<u8>> {
    let name_hash = hash::name(NAME);
    (0..).map(value).filter(move |value| bucket(hash::field(name_hash, value)) == 5)
}

/// Names that all fall into one bucket, which their fields with an empty value are not in.
fn colliding_names() -> impl Iterator<Item = Vec<u8>> {
    let names = (0..).map(|number| format!("x-{number:08}").into_bytes());
    names.filter(|name| {
        let name_hash = hash::name(name);
        // Apart also while there are only 16 buckets.
        bucket(name_hash) == 5 && bucket(hash::field(name_hash, b"")) % 16 != 5
    })
}

fn encoded(encoder: &mut Encoder, name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    encoder.encode_block([(name, value)], &mut block);
    block
}

/// A bucket holds four: of eight fields that fall into one, the newest four are found, and no more
/// is looked at. If this fails because all are found, the buckets are others than these tests
/// think, and have to be collided with in another way.
#[test]
fn c19_fields_that_collide_lose_compression() {
    let mut encoder = encoder();
    let values: Vec<_> = colliding_values().take(8).collect();
    for value in &values {
        assert_eq!(encoded(&mut encoder, NAME, value)[0], 0x40 | 54);
    }
    assert_eq!(encoder.table().len(), 8, "all are in the table");
    for (age, value) in values.iter().rev().enumerate() {
        let again = encoded(&mut encoder.clone(), NAME, value);
        if age < 4 {
            assert_eq!(again, [0x80 | (62 + age as u8)], "found");
        } else {
            assert_eq!(again[0], 0x40 | 54, "not found, so sent anew");
        }
    }
}

#[test]
fn c19_names_that_collide_lose_compression() {
    let mut encoder = encoder();
    let names: Vec<_> = colliding_names().take(8).collect();
    for name in &names {
        assert_eq!(encoded(&mut encoder, name, b"")[0], 0x40);
    }
    assert_eq!(encoder.table().len(), 8, "all are in the table");
    for (age, name) in names.iter().rev().enumerate() {
        let again = encoded(&mut encoder.clone(), name, b"another");
        if age < 4 {
            let found = FieldBlock::coded().literal(Literal::Incremental, 62 + age, "another");
            assert_eq!(again, found.octets(), "found");
        } else {
            assert_eq!(again[0], 0x40, "not found, so sent anew");
        }
    }
}

/// A flood of them arrives as it was sent, and takes the same memory as any other fields.
#[test]
fn c19_a_flood_takes_no_more_memory() {
    let flood = |values: Vec<Vec<u8>>, names: Vec<Vec<u8>>| {
        let (mut encoder, mut decoder) = (encoder(), Decoder::new(4096));
        for again in 0..3 {
            for (value, name) in values.iter().zip(&names) {
                let fields =
                    [Field::new(NAME, value), Field::new(name, b""), Field::new(name, value)];
                let mut block = Vec::new();
                encoder.encode_block(fields, &mut block);
                let outcome = decode(&mut decoder, &block, &UNLIMITED);
                assert!(outcome.result.is_ok() && outcome.fields.iter().eq(fields), "{again}");
            }
        }
        let mut block = Vec::with_capacity(1000);
        let ((), asked) = watch(|| {
            for (value, name) in values.iter().zip(&names) {
                block.clear();
                encoder.encode_block([(NAME, value.as_slice()), (name, b"")], &mut block);
            }
        });
        assert_eq!(asked.blocks, 0, "the index is as large as it gets");
        encoder.memory_bytes()
    };
    const FIELDS: usize = 1000;
    let colliding =
        flood(colliding_values().take(FIELDS).collect(), colliding_names().take(FIELDS).collect());
    let others = flood(
        (0..FIELDS as u32).map(value).collect(),
        (0..FIELDS).map(|number| format!("x-{number:08}").into_bytes()).collect(),
    );
    assert_eq!(colliding, others);
}

/// Numbers below `end` whose strings collide: the hashes of each two are the same in these bits.
fn collisions(end: u32, mask: u64, hash: impl Fn(u32) -> u64) -> Vec<(u32, u32)> {
    let mut hashes: Vec<_> = (0..end).map(|number| (hash(number) & mask, number)).collect();
    hashes.sort_unstable();
    let pairs = hashes.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let pairs: Vec<_> = pairs.map(|pair| (pair[0].1, pair[1].1)).collect();
    assert!(!pairs.is_empty(), "search further");
    pairs
}

/// The octets in the ring of a table that has just had its first entries.
const RING: usize = 256;

/// An encoder and a decoder whose next entry begins so many octets before the end of the ring.
fn near_the_end_of_the_ring(octets: usize) -> (Encoder, Decoder) {
    let (mut encoder, mut decoder) = (Encoder::new(RING), Decoder::new(4096));
    encoder = encoder.with_policy(|_, _| Indexing::Incremental);
    // Three fields that are not the same, so that each is inserted.
    for (octet, len) in [(b'a', 100), (b'b', 100), (b'c', RING - 200 - octets)] {
        let block = encoded(&mut encoder, &vec![octet; len], b"");
        assert!(block.len() > 1, "inserted");
        assert_eq!(decode(&mut decoder, &block, &UNLIMITED).result, Ok(()));
    }
    (encoder, decoder)
}

/// Sends fields that are no match for each other; each has to arrive as what it is.
#[track_caller]
fn assert_no_match(fields: &[Field<'_>], from: (Encoder, Decoder)) {
    let (mut encoder, mut decoder) = from;
    for field in fields {
        let block = encoded(&mut encoder, field.name, field.value);
        assert!(block.len() > 1, "the newer has taken the place of the older: {block:?}");
        let outcome = decode(&mut decoder, &block, &UNLIMITED);
        assert!(outcome.fields.iter().eq([*field]), "{outcome:?}");
        assert!(outcome.table.get(0) == Some(*field), "{outcome:?}");
    }
}

/// Values that are the same to everything but a comparison, one bucket, and all bits of the hash
/// that are kept, are no match, however their entries lie around the end of the ring.
#[test]
fn c19_fields_that_are_found_are_compared() {
    let name_hash = hash::name(NAME);
    let field_hash = |number| hash::field(name_hash, &value(number));
    for (one, other) in collisions(1 << 21, 0x7f_ffff_ffff, field_hash) {
        let (one, other) = (value(one), value(other));
        let (one, other) = (Field::new(NAME, &one), Field::new(NAME, &other));
        for octets in 0..=NAME.len() + 8 {
            assert_no_match(&[one, other, one, other], near_the_end_of_the_ring(octets));
        }
    }
}

/// So are names, of which fewer bits are kept.
#[test]
fn c19_names_that_are_found_are_compared() {
    let name = |number: u32| format!("x-name-{number:06}").into_bytes();
    for (one, other) in collisions(1 << 14, 0x0f_0000_fffe, |number| hash::name(&name(number))) {
        let (one, other) = (name(one), name(other));
        for octets in 0..=one.len() {
            let fields = [Field::new(&one, b"1"), Field::new(&other, b"2"), Field::new(&one, b"3")];
            assert_no_match(&fields, near_the_end_of_the_ring(octets));
        }
    }
}
