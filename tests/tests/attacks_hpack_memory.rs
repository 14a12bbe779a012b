//! Attacks on HPACK that are after memory or work, counted.

use hpack::huffman;
use hpack::{DecodeErrorKind, Decoder, Encoder, Field, FieldBuf, FieldLimits, Fragments, Indexing};
use tests::counting::{self, Counting, watch};
use tests::field_block::{
    FieldBlock, Literal, UNLIMITED, append_integer, decode, decode_however_cut,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_allocator_counts() {
    counting::assert_counts();
}

/// What a table of 4,096 octets may take: its octets, and 16 for each entry that it has room for.
const TABLE_MEMORY_MAX: usize = 4096 + 4096 / 32 * 16;

/// An encoder that puts everything into its table.
fn encoder() -> Encoder {
    Encoder::new(4096).with_policy(|_, _| Indexing::Incremental)
}

// ---- C12 ----

/// A table that is emptied and restored in every block costs nothing while it is empty, and the
/// first small piece of it when it is not.
#[test]
fn c12_a_table_that_is_emptied_again_and_again() {
    let mut decoder = Decoder::new(4096);
    let mut fields = FieldBuf::new();
    let updates = FieldBlock::raw().size_update(0).size_update(4096);
    let ((), asked) = watch(|| {
        for _ in 0..1000 {
            decoder.decode(updates.octets(), &UNLIMITED, &mut fields).unwrap();
        }
    });
    assert_eq!(asked.blocks, 0);
    let block = updates.literal(Literal::Incremental, "a", "b");
    decoder.decode(block.octets(), &UNLIMITED, &mut fields).unwrap();
    for _ in 0..1000 {
        let ((), asked) = watch(|| {
            decoder.decode(block.octets(), &UNLIMITED, &mut fields).unwrap();
        });
        assert!(asked.blocks <= 2 && asked.octets <= 512, "{asked:?}");
    }
}

// ---- C15 ----

#[test]
fn c15_a_string_longer_than_the_block_costs_nothing() {
    for before in [&[0x00][..], &[0x40], &[0x10], &[0x41], &[0x40, 0x01, b'a']] {
        for prefix in [0x7f, 0xff] {
            let block = [before, &[prefix, 0xff, 0xff, 0xff, 0x07]].concat();
            let (outcome, asked) = watch(|| {
                let (mut decoder, mut fields) = (Decoder::new(4096), FieldBuf::new());
                decoder.decode(&block, &UNLIMITED, &mut fields)
            });
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::Truncated, block.len()));
            assert_eq!(asked.blocks, 0);
            let again = decode_however_cut(&mut Decoder::new(4096), &block, &UNLIMITED);
            assert_eq!(again.error(), error);
        }
    }
}

/// Refused for its length alone: before it is copied, and before its Huffman code is looked at,
/// which here is a faulty one.
#[test]
fn c15_a_string_longer_than_the_limit_costs_nothing() {
    let limits = FieldLimits::default();
    // A code stands for 8/30 of its octets at the least.
    for (flag, len) in [(0x00, limits.section_bytes_max), (0x80, limits.section_bytes_max * 4)] {
        for literal in [0x40, 0x00, 0x10] {
            for before in [&[literal][..], &[literal, 0x01, b'a'], &[literal | 1]] {
                let mut block = before.to_vec();
                append_integer(len, 7, flag, &mut block);
                block.resize(block.len() + len, 0xff);
                if before.len() == 1 && before[0] == literal {
                    block.push(0x00); // the value of that name
                }
                let (result, asked) =
                    watch(|| Decoder::new(4096).decode(&block, &limits, &mut FieldBuf::new()));
                let error = result.unwrap_err();
                assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::SectionTooLong, 0));
                assert_eq!(asked.blocks, 0);
            }
        }
    }
}

/// A code that may be short enough is decoded, but never beyond the limit.
#[test]
fn c15_a_code_that_expands_beyond_the_limit_takes_no_more() {
    let limits = FieldLimits::default();
    let text = vec![b'0'; 3 * limits.section_bytes_max];
    for literal in Literal::ALL {
        let block = FieldBlock::coded().literal(literal, "a", &text);
        let (outcome, asked) = watch(|| {
            let (mut decoder, mut fields) = (Decoder::new(4096), FieldBuf::new());
            decoder.decode(block.octets(), &limits, &mut fields)
        });
        assert_eq!(outcome.unwrap_err().kind(), DecodeErrorKind::SectionTooLong);
        assert!(asked.peak <= 2 * limits.section_bytes_max, "{asked:?}");
    }
}

// ---- C16 ----

/// A literal whose value is Huffman code of so many octets.
fn coded_value(text: u8, code_octets: usize) -> Vec<u8> {
    let bits = code_octets * 8;
    let each = huffman::encoded_len(&[text; 8]);
    let text = vec![text; bits / each];
    let block = FieldBlock::coded().literal(Literal::Without, "a", text);
    assert!((code_octets..code_octets + 10).contains(&(block.octets().len() + 2)));
    block.octets().to_vec()
}

/// Every octet in a fragment of its own is kept once and decoded once: four times the octets cost
/// four times the memory, or a little more. One that put the block together anew with each
/// fragment, or decoded it from the start, would need sixteen times as much.
#[test]
fn c16_huffman_code_in_fragments_of_one_octet() {
    for text in [b'0', b'~', b'\\', 0x00, b'\n'] {
        let cost = |code_octets| {
            let block = coded_value(text, code_octets);
            let (fragments, carried) = watch(|| {
                let mut fragments = Fragments::new();
                for octet in block.chunks(1) {
                    fragments.push(octet, block.len()).unwrap();
                }
                fragments
            });
            assert_eq!(fragments.block(), block);
            assert!(carried.peak <= 4 * block.len(), "{carried:?}");
            let (fields, decoded) = watch(|| {
                let mut fields = FieldBuf::new();
                Decoder::new(4096).decode(fragments.block(), &UNLIMITED, &mut fields).unwrap();
                fields
            });
            assert!(fields.get(0).unwrap().value.iter().all(|&octet| octet == text));
            // At most 8/5 of the code, in a vector that grows to twice that at the most.
            assert!(decoded.peak <= 4 * block.len(), "{decoded:?}");
            carried.octets + decoded.octets
        };
        let (small, large) = (cost(16 << 10), cost(64 << 10));
        assert!(large <= 5 * small, "{small} octets, then {large}");
    }
}

/// What comes of it does not depend on the cuts.
#[test]
fn c16_huffman_code_however_cut() {
    let block = coded_value(b'0', 16 << 10);
    let outcome = decode_however_cut(&mut Decoder::new(4096), &block, &UNLIMITED);
    assert_eq!(outcome.result, Ok(()));
    let outcome = decode_however_cut(&mut Decoder::new(4096), &block, &FieldLimits::default());
    assert_eq!(outcome.error().kind(), DecodeErrorKind::SectionTooLong);
}

// ---- C19 ----

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

// ---- C20 ----

/// Names and values of many sizes, each new.
fn fields_of_all_sizes() -> Vec<Vec<Field<'static>>> {
    let sizes =
        [(0, 0), (1, 0), (0, 1), (3, 7), (10, 20), (20, 100), (100, 900), (1, 2000), (64, 4000)];
    let field = |(name_len, value_len), number: u8| {
        let name: &'static [u8] = vec![number; name_len].leak();
        let value: &'static [u8] = vec![!number; value_len].leak();
        Field::new(name, value)
    };
    let mut all: Vec<Vec<_>> = sizes.map(|size| (0..250).map(|n| field(size, n)).collect()).into();
    let mixed = (0..250).map(|n| field(sizes[usize::from(n) % sizes.len()], n));
    all.push(mixed.collect());
    all
}

#[test]
fn c20_a_decoder_takes_what_was_agreed_on() {
    for fields in fields_of_all_sizes() {
        let mut block = Vec::new();
        for field in &fields {
            let literal = FieldBlock::raw().literal(Literal::Incremental, field.name, field.value);
            block.extend_from_slice(literal.octets());
        }
        for limits in [UNLIMITED, FieldLimits::NONE] {
            let (decoder, asked) = watch(|| {
                let mut decoder = Decoder::new(4096);
                let result = decoder.decode(&block, &limits, &mut FieldBuf::new());
                assert!(result.is_ok() || limits == FieldLimits::NONE);
                decoder
            });
            assert!(!decoder.table().is_empty());
            assert_eq!(decoder.table().memory_bytes(), asked.held);
            assert!(asked.held <= TABLE_MEMORY_MAX, "{asked:?}");
        }
    }
}

#[test]
fn c20_an_encoder_takes_what_was_agreed_on_and_an_index() {
    for fields in fields_of_all_sizes() {
        let mut block = Vec::with_capacity(1 << 20);
        let (encoder, asked) = watch(|| {
            let mut encoder = encoder();
            encoder.encode_block(&fields, &mut block);
            encoder
        });
        assert!(!encoder.table().is_empty());
        assert_eq!(encoder.memory_bytes(), asked.held);
        assert!(encoder.table().memory_bytes() <= TABLE_MEMORY_MAX);
        // Two places for each entry at the least, eight at the most, each of four octets; and what
        // the policy learns from.
        assert!(asked.held <= TABLE_MEMORY_MAX + 8 * 4 * 4096 / 32 + 1024, "{asked:?}");
    }
}

/// Also a size that is no power of two: octets that nothing may be in are not taken.
#[test]
fn c20_a_table_of_any_size_takes_no_more_octets_than_that() {
    for size in [33, 40, 64, 100, 300, 1_000, 3_000, 5_000, 10_000] {
        for fields in fields_of_all_sizes() {
            let mut decoder = Decoder::new(size);
            for field in fields {
                let block =
                    FieldBlock::raw().literal(Literal::Incremental, field.name, field.value);
                decode(&mut decoder, &block, &UNLIMITED);
            }
            let entries = (size / 32).next_power_of_two().max(8);
            let memory = decoder.table().memory_bytes();
            assert!(memory <= size + 16 * entries, "{memory} octets for a table of {size}");
        }
    }
}

/// Emptied by the peer, a table takes nothing.
#[test]
fn c20_an_empty_table_takes_nothing() {
    let mut decoder = Decoder::new(4096);
    let full = FieldBlock::raw().literal(Literal::Incremental, "a", [b'v'; 4000]);
    assert_eq!(decode(&mut decoder, &full, &UNLIMITED).table.len(), 1);
    assert!(decoder.table().memory_bytes() >= 4000);
    decode(&mut decoder, FieldBlock::raw().size_update(0), &UNLIMITED);
    assert_eq!(decoder.table().memory_bytes(), 0);

    let mut encoder = encoder();
    for number in 0..1000 {
        encoded(&mut encoder, NAME, &value(number));
    }
    encoder.set_peer_table_bytes_max(0);
    encoder.begin(&mut Vec::new());
    assert_eq!(encoder.table().memory_bytes(), 0);
    assert!(encoder.memory_bytes() <= 1024, "what the policy learns from");
}

/// A smaller table takes less, also while there is something in it.
#[test]
#[ignore = "the ring of entries keeps its size until the table is empty"]
fn c20_a_smaller_table_takes_less() {
    let mut block = FieldBlock::raw();
    for _ in 0..4096 {
        block = block.literal(Literal::Incremental, "", "");
    }
    let mut decoder = Decoder::new(32 * 4096);
    assert_eq!(decode(&mut decoder, &block, &UNLIMITED).table.len(), 4096);
    decode(&mut decoder, FieldBlock::raw().size_update(64), &UNLIMITED);
    assert_eq!(decoder.table().len(), 2);
    let memory = decoder.table().memory_bytes();
    // The smallest ring of entries has eight.
    assert!(memory <= 64 + 8 * 16, "{memory} octets for two empty entries");
}
