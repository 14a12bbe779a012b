//! What HPACK allocates: nothing before there is something to keep, and nothing once it is warm.

use hpack::{
    DecodeErrorKind, Decoder, Encoder, Field, FieldBuf, FieldLimits, Fragments, Indexing, Policy,
    default_policy, huffman,
};
use tests::counting::{self, Counting, blocks, watch};
use tests::field_block::{FieldBlock, Literal, UNLIMITED};
use tests::headers;
use tests::rng::Rng;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_allocator_counts() {
    counting::assert_counts();
}

const POLICIES: [Policy; 4] = [
    |_, _| Indexing::Incremental,
    |_, _| Indexing::Without,
    |_, _| Indexing::Never,
    default_policy,
];

/// Storage for fields and for blocks that is large enough for everything here.
fn warm_storage() -> (FieldBuf, Vec<u8>) {
    let mut fields = FieldBuf::new();
    for _ in 0..4096 {
        fields.push(("name", "a value of some length"));
    }
    fields.clear();
    (fields, Vec::with_capacity(1 << 20))
}

// ---- before there is something to keep ----

#[test]
fn new_ones_allocate_nothing() {
    for size in [0, 100, 4096, 1 << 20, usize::MAX] {
        let count = blocks(|| {
            let (decoder, encoder) = (Decoder::new(size), Encoder::new(size));
            assert_eq!((decoder.table().memory_bytes(), encoder.memory_bytes()), (0, 0));
            assert!((FieldBuf::new().is_empty(), Fragments::new().block()) == (true, &[]));
        });
        assert_eq!(count, 0);
    }
    // Also if the sizes change before anything is in the tables.
    let mut updates = Vec::with_capacity(10);
    let count = blocks(|| {
        let (mut decoder, mut encoder) = (Decoder::new(4096), Encoder::new(4096));
        for size in [0, 100, 1 << 20, 4096] {
            decoder.set_table_bytes_max(size);
            encoder.set_peer_table_bytes_max(size);
            encoder.set_table_bytes_max(size);
        }
        encoder.begin(&mut updates);
        decoder.decode(&updates, &UNLIMITED, &mut FieldBuf::new()).unwrap();
    });
    assert_eq!(count, 0);
}

/// What is in no table needs none: static fields and literals that are not inserted.
#[test]
fn a_decoder_allocates_nothing_before_the_first_insertion() {
    let (mut fields, _) = warm_storage();
    for block in [FieldBlock::raw(), FieldBlock::coded()] {
        let mut block = block.size_update(4096).indexed(2).indexed(61);
        for literal in [Literal::Without, Literal::Never] {
            for len in [0, 1, 100, 1_000] {
                block = block.literal(literal, 58, vec![b'v'; len]).literal(
                    literal,
                    &vec![b'n'; len][..],
                    vec![b'\n'; len],
                );
            }
        }
        let count = blocks(|| {
            let mut decoder = Decoder::new(4096);
            decoder.decode(block.octets(), &UNLIMITED, &mut fields).unwrap();
            assert_eq!((fields.len(), decoder.table().memory_bytes()), (2 + 16, 0));
        });
        assert_eq!(count, 0);
    }
}

/// An entry that the table cannot take is none.
#[test]
fn an_insertion_into_no_table_allocates_nothing() {
    let (mut fields, _) = warm_storage();
    let block = FieldBlock::coded().literal(Literal::Incremental, "name", "value");
    for size in [0, 31, 4 + 5 + 31] {
        let count = blocks(|| {
            let mut decoder = Decoder::new(size);
            decoder.decode(block.octets(), &UNLIMITED, &mut fields).unwrap();
            assert_eq!(fields.len(), 1);
        });
        assert_eq!(count, 0);
    }
}

#[test]
fn an_encoder_allocates_nothing_for_what_is_static_or_secret() {
    let (_, mut block) = warm_storage();
    for policy in POLICIES {
        let count = blocks(|| {
            let mut encoder = Encoder::new(4096).with_policy(policy);
            block.clear();
            encoder.begin(&mut block);
            for field in [(":method", "GET"), (":path", "/"), ("accept-encoding", "gzip, deflate")]
            {
                encoder.encode(field, &mut block);
            }
            encoder.encode(Field::sensitive(b"x-secret", b"value"), &mut block);
            encoder.encode(Field::sensitive(b"authorization", b"value"), &mut block);
            assert_eq!(encoder.memory_bytes(), 0);
        });
        assert_eq!(count, 0);
    }
}

/// With the first field that no table has comes what the policy learns from, once.
#[test]
fn an_encoder_allocates_once_for_what_it_learns() {
    let (_, mut block) = warm_storage();
    let count = blocks(|| {
        let mut encoder = Encoder::new(4096).with_policy(|_, _| Indexing::Without);
        encoder.encode_block([("x-name", "value")], &mut block);
        encoder.encode_block([("x-other", "value")], &mut block);
        assert!(encoder.table().is_empty());
    });
    assert_eq!(count, 1);
}

// ---- once it is warm ----

/// Every insertion and every eviction included: what connections of life send, and what nobody
/// does.
#[test]
fn a_warm_pair_allocates_nothing() {
    let mut connections: Vec<_> =
        headers::stories().into_iter().step_by(3).map(|it| (it.name, it.blocks)).collect();
    connections.push(("random".into(), headers::random(1, 100)));
    for policy in POLICIES {
        for (name, sent) in &connections {
            let (mut fields, mut block) = warm_storage();
            let mut encoder = Encoder::new(4096).with_policy(policy);
            let mut decoder = Decoder::new(4096);
            let mut run = |times| {
                for lines in core::iter::repeat_n(sent, times).flatten() {
                    block.clear();
                    encoder.encode_block(lines, &mut block);
                    decoder.decode(&block, &UNLIMITED, &mut fields).unwrap();
                    assert_eq!(fields.len(), lines.len());
                }
            };
            run(3);
            assert_eq!(blocks(|| run(3)), 0, "{name}");
        }
    }
}

/// Fields of any octets and sizes, all of them new, so that every one evicts others.
#[test]
fn a_table_that_is_full_takes_any_field_without_allocating() {
    for (seed, len_end) in [4, 10, 40, 200, 1_000, 4_000].into_iter().enumerate() {
        let (mut fields, mut block) = warm_storage();
        let mut encoder = Encoder::new(4096).with_policy(POLICIES[0]);
        let mut decoder = Decoder::new(4096);
        let mut rng = Rng::new(seed as u64);
        let mut octets = vec![0; 2 * len_end];
        let mut run = |blocks: usize| {
            for _ in 0..blocks {
                for octet in &mut octets {
                    *octet = rng.bits() as u8;
                }
                let at = rng.below(len_end);
                let (name, rest) = octets.split_at(at.min(60));
                let value = &rest[..rng.below(len_end)];
                block.clear();
                encoder.encode_block([(name, value)], &mut block);
                decoder.decode(&block, &UNLIMITED, &mut fields).unwrap();
                assert_eq!(fields.get(0), Some(Field::new(name, value)));
            }
        };
        run(2_000);
        assert_eq!(blocks(|| run(2_000)), 0, "fields below {len_end} octets");
    }
}

/// Blocks that are refused cost no more than others, whatever is beyond their limits.
#[test]
fn a_block_that_is_too_much_allocates_nothing_when_warm() {
    let (mut fields, _) = warm_storage();
    let mut decoder = Decoder::new(4096);
    let mut block = FieldBlock::raw().indexed(2);
    for len in [10, 100, 1_000, 4_000, 10_000] {
        block = block.literal(Literal::Incremental, "n", vec![b'v'; len]).indexed(2);
        block = block.literal(Literal::Never, &vec![b'n'; len][..], "value");
    }
    let block = [
        block.octets(),
        FieldBlock::coded().literal(Literal::Incremental, "n", [b'v'; 4_000]).octets(),
    ]
    .concat();
    let mut run = |limits: &FieldLimits| {
        let error = decoder.decode(&block, limits, &mut fields).unwrap_err();
        assert!(!error.is_fatal());
    };
    let none = FieldLimits::NO_FIELDS;
    let short = FieldLimits { section_bytes_max: 500, fields_max: 100 };
    run(&none);
    for limits in [none, short] {
        assert_eq!(blocks(|| (0..100).for_each(|_| run(&limits))), 0);
    }
}

/// The storage of fields grows to the limit and, where the table needs the text of what is beyond
/// it, by as much as the table holds; to twice that, because vectors grow so.
#[test]
fn fields_take_no_more_than_the_limits() {
    let limits = FieldLimits { section_bytes_max: 2_000, fields_max: 20 };
    let bound = 2 * (limits.section_bytes_max + 4096) + 2 * 8 * limits.fields_max;
    let mut all = vec![
        FieldBlock::raw().literal(Literal::Without, "n", vec![b'v'; 100_000]),
        FieldBlock::coded().literal(Literal::Without, "n", vec![b'0'; 100_000]),
        FieldBlock::coded().literal(Literal::Incremental, "n", vec![b'0'; 4_000]),
        FieldBlock::coded().literal(Literal::Incremental, &[b'0'; 100_000][..], "value"),
    ];
    let mut bomb = FieldBlock::raw().literal(Literal::Incremental, "n", [b'v'; 1_500]);
    let mut statics = FieldBlock::raw();
    for _ in 0..10_000 {
        bomb = bomb.indexed(62);
        statics = statics.indexed(2);
    }
    all.extend([bomb, statics]);
    for block in all {
        let (kind, asked) = watch(|| {
            let (mut decoder, mut fields) = (Decoder::new(4096), FieldBuf::new());
            let error = decoder.decode(block.octets(), &limits, &mut fields).unwrap_err();
            // Beside the table, which has its own account.
            drop(decoder);
            error.kind()
        });
        assert!(matches!(kind, DecodeErrorKind::SectionTooLong | DecodeErrorKind::TooManyFields));
        assert!(asked.peak <= bound + 4096 + 2048, "{asked:?} of {bound}");
    }
}

#[test]
fn fragments_allocate_nothing_when_warm() {
    let mut fragments = Fragments::new();
    let mut rng = Rng::new(1);
    let mut run = || {
        fragments.clear();
        while fragments.push(&[0x82; 700][..rng.below(700)], 16 << 10).is_ok() {}
    };
    run();
    for _ in 0..20 {
        // The block before may have been a little shorter.
        run();
    }
    assert_eq!(blocks(|| (0..100).for_each(|_| run())), 0);
    fragments.clear();
    fragments.shrink();
    let ((), asked) = watch(|| fragments.push(&[0x82; 100], 100).unwrap());
    assert_eq!(asked.blocks, 1, "the storage was given back");
}

/// The Huffman code alone, into storage with room: for text whatever there is, for code a little
/// more, because it is written word by word.
#[test]
fn huffman_coding_allocates_nothing_where_there_is_room() {
    let mut rng = Rng::new(7);
    let (mut code, mut text) = (Vec::with_capacity(10_000), Vec::with_capacity(10_000));
    for len in [0, 1, 10, 63, 64, 65, 500, 1_000] {
        let octets: Vec<u8> = (0..len).map(|_| rng.bits() as u8).collect();
        let count = blocks(|| {
            code.clear();
            huffman::encode(&octets, &mut code);
            text.clear();
            huffman::decode(&code, &mut text).unwrap();
            assert_eq!(text, octets);
        });
        assert_eq!(count, 0, "{len} octets");
    }
}

/// A string whose code is longer than itself is not coded to its end.
#[test]
fn a_string_that_its_code_would_make_longer_takes_no_more() {
    for octet in [0x00, b'\n', 0x80] {
        let value = vec![octet; 100_000];
        let (block, asked) = watch(|| {
            let mut block = Vec::new();
            Encoder::new(4096).encode_block([(b"name", &value)], &mut block);
            block
        });
        assert!(block.ends_with(&value));
        assert!(asked.peak < 2 * value.len(), "{asked:?}");
    }
}

/// Storage that is given back is given back.
#[test]
fn shrunk_fields_hold_nothing() {
    let (mut fields, _) = warm_storage();
    let ((), asked) = watch(|| {
        fields.shrink();
        for _ in 0..100 {
            fields.push(("name", "value"));
        }
        fields.clear();
        fields.shrink();
    });
    assert_eq!(asked.held, 0);
    assert!(asked.blocks > 2, "it had to ask anew: {asked:?}");
}
