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
        for limits in [UNLIMITED, FieldLimits::NO_FIELDS] {
            let (decoder, asked) = watch(|| {
                let mut decoder = Decoder::new(4096);
                let result = decoder.decode(&block, &limits, &mut FieldBuf::new());
                assert!(result.is_ok() || limits == FieldLimits::NO_FIELDS);
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
        encoder.encode_block(&[("name", number.to_string())], &mut Vec::new());
    }
    encoder.set_peer_table_bytes_max(0);
    encoder.begin(&mut Vec::new());
    assert_eq!(encoder.table().memory_bytes(), 0);
    assert!(encoder.memory_bytes() <= 1024, "what the policy learns from");
}

/// A smaller table takes less, also while there is something in it.
#[test]
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
