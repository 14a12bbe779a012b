//! Attacks on HPACK by blocks that break a rule, or that try to bring the tables out of step.
//!
//! Each is fed whole, octet by octet and in every two pieces. Those that are after memory or work
//! are in `attacks_hpack_memory` and `attacks_hpack_collisions`: there is something to count.

use hpack::huffman::HuffmanErrorKind;
use hpack::{DecodeErrorKind, Decoder, Encoder, Field, FieldBuf, FieldLimits, Indexing, Policy};
use tests::field_block::{
    FieldBlock, Literal, UNLIMITED, append_integer, decode, decode_however_cut,
};

/// The block is refused for ever, with this kind at this octet, and nothing of it is given.
#[track_caller]
fn refused_by(decoder: &mut Decoder, block: &[u8], kind: DecodeErrorKind, offset: usize) {
    let outcome = decode_however_cut(decoder, block, &FieldLimits::default());
    let error = outcome.error();
    assert_eq!((error.kind(), error.offset()), (kind, offset), "{}", hex(block));
    assert!(error.is_fatal());
    assert!(outcome.fields.is_empty());
    // In HTTP/2 the connection ends with COMPRESSION_ERROR; a caller that goes on gets no further.
    let again = decode_however_cut(decoder, [0x82], &UNLIMITED);
    assert_eq!((again.result, again.fields.len()), (Err(error), 0));
}

/// [`refused_by`] a decoder with an empty table of 4,096 octets.
#[track_caller]
fn refused(block: &[u8], kind: DecodeErrorKind, offset: usize) {
    refused_by(&mut Decoder::new(4096), block, kind, offset);
}

fn hex(block: &[u8]) -> String {
    block.iter().map(|octet| format!("{octet:02x} ")).collect()
}

/// Every place where a block has an integer: octets before it that make it one, with its prefix.
const INTEGERS: [(&[u8], u8); 7] = [
    (&[], 0xff),                 // an index
    (&[], 0x7f),                 // the index of a name, to be inserted
    (&[], 0x3f),                 // a table size
    (&[], 0x1f),                 // the index of a name, never indexed
    (&[], 0x0f),                 // the index of a name, not inserted
    (&[0x00], 0x7f),             // the length of a name
    (&[0x40, 0x01, b'a'], 0xff), // the length of a value, Huffman-coded
];

#[test]
fn c01_integer_overflow() {
    refused(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], DecodeErrorKind::IntegerTooLarge, 0);
    for (before, prefix) in INTEGERS {
        for rest in [
            &[0xff, 0xff, 0xff, 0xff, 0x7f][..],
            // 2^32 and 2^64, which are 0 to those who wrap.
            &[0x81, 0xff, 0xff, 0xff, 0x0f],
            &[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            // The first above 2^31, whatever the prefix adds.
            &[0x82, 0xff, 0xff, 0xff, 0x7f],
        ] {
            let block = [before, &[prefix], rest].concat();
            refused(&block, DecodeErrorKind::IntegerTooLarge, before.len());
        }
    }
}

/// The bound itself is an integer: what is wrong with it is something else.
#[test]
fn c01_integers_up_to_the_bound_are_read() {
    refused(&[0xff, 0x81, 0xff, 0xff, 0xff, 0x07], DecodeErrorKind::IndexOutOfRange, 0);
    refused(&[0xff, 0x82, 0xff, 0xff, 0xff, 0x07], DecodeErrorKind::IntegerTooLarge, 0);
    refused(&[0x3f, 0xe1, 0xff, 0xff, 0xff, 0x07], DecodeErrorKind::SizeUpdateTooLarge, 0);
    refused(&[0x3f, 0xe2, 0xff, 0xff, 0xff, 0x07], DecodeErrorKind::IntegerTooLarge, 0);
}

#[test]
fn c02_overlong_integers() {
    let block = [0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
    refused(&block, DecodeErrorKind::IntegerTooLarge, 0);
    for (before, prefix) in INTEGERS {
        // The fifth octet that promises another is the last that is looked at: with nothing behind
        // it the block is not called truncated.
        for zeros in [5, 6, 7, 1000] {
            let block = [before, &[prefix], &vec![0x80; zeros][..]].concat();
            refused(&block, DecodeErrorKind::IntegerTooLarge, before.len());
        }
        let block = [before, &[prefix], &[0x80; 4][..]].concat();
        refused(&block, DecodeErrorKind::Truncated, block.len());
    }
    // Zeros within the bound are no fault: 127 + 0 is an index all the same.
    refused(&[0xff, 0x80, 0x80, 0x80, 0x80, 0x00], DecodeErrorKind::IndexOutOfRange, 0);
    let mut decoder = Decoder::new(4096);
    let outcome =
        decode_however_cut(&mut decoder, [0x3f, 0x80, 0x80, 0x80, 0x80, 0x00], &UNLIMITED);
    assert_eq!((outcome.result, outcome.table_size_max), (Ok(()), 31));
}

#[test]
fn c03_index_zero() {
    refused(&[0x80], DecodeErrorKind::IndexZero, 0);
    refused(&[0x82, 0x80], DecodeErrorKind::IndexZero, 1);
    refused(&[0x40, 0x01, b'a', 0x01, b'b', 0x80, 0xbe], DecodeErrorKind::IndexZero, 5);
}

#[test]
fn c04_index_past_the_tables() {
    refused(&[0xbe], DecodeErrorKind::IndexOutOfRange, 0);
    for index in [62, 63, 126, 127, 128, 1 << 14, 1 << 30, (1 << 31) - 1, 1 << 31] {
        let block = FieldBlock::raw().indexed(2).indexed(index);
        refused(block.octets(), DecodeErrorKind::IndexOutOfRange, 1);
        for literal in Literal::ALL {
            let block = FieldBlock::raw().indexed(2).literal(literal, index, "value");
            refused(block.octets(), DecodeErrorKind::IndexOutOfRange, 1);
        }
    }
    // One further than there are entries, also behind those that were evicted.
    let entry = FieldBlock::raw().literal(Literal::Incremental, "name", "value");
    for entries in 1..5 {
        let mut decoder = Decoder::new(2 * (4 + 5 + 32));
        for _ in 0..entries {
            assert_eq!(decode(&mut decoder, &entry, &UNLIMITED).result, Ok(()));
        }
        let last = 61 + entries.min(2);
        let outcome = decode(&mut decoder, FieldBlock::raw().indexed(last), &UNLIMITED);
        assert_eq!(outcome.fields.value("name"), Some(&b"value"[..]));
        let beyond = FieldBlock::raw().indexed(last + 1);
        refused_by(&mut decoder, beyond.octets(), DecodeErrorKind::IndexOutOfRange, 0);
    }
}

/// A faulty code as the name and as the value of every literal; the octet of the fault.
#[track_caller]
fn refused_code(code: &[u8], kind: HuffmanErrorKind, offset: usize) {
    for flags in [0x40, 0x00, 0x10] {
        let coded = [&[0x80 | code.len() as u8], code].concat();
        let as_name = [&[flags], &coded[..], &[0x00]].concat();
        refused(&as_name, DecodeErrorKind::Huffman(kind), 2 + offset);
        let as_value = [&[flags, 0x01, b'a'], &coded[..]].concat();
        refused(&as_value, DecodeErrorKind::Huffman(kind), 4 + offset);
        let as_value_of_entry = [&[flags | 1], &coded[..]].concat();
        refused(&as_value_of_entry, DecodeErrorKind::Huffman(kind), 2 + offset);
    }
}

#[test]
fn c05_eos_in_a_huffman_code() {
    let block = [0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00];
    refused(&block, DecodeErrorKind::Huffman(HuffmanErrorKind::Eos), 2);
    refused_code(&[0xff, 0xff, 0xff, 0xff], HuffmanErrorKind::Eos, 0);
    // Behind `a` (00011), and with `a` behind it.
    refused_code(&[0x1f, 0xff, 0xff, 0xff, 0xff], HuffmanErrorKind::Eos, 0);
    refused_code(&[0xff, 0xff, 0xff, 0xfc, 0x7f], HuffmanErrorKind::Eos, 0);
}

#[test]
fn c06_padding_of_8_bits_and_more() {
    let block = [0x00, 0x82, 0x1f, 0xff, 0x00];
    refused(&block, DecodeErrorKind::Huffman(HuffmanErrorKind::Padding), 2);
    // From 8 to 29 bits of it: one more would be EOS.
    refused_code(&[0xff], HuffmanErrorKind::Padding, 0);
    refused_code(&[0x1f, 0xff], HuffmanErrorKind::Padding, 0);
    refused_code(&[0xff, 0xff, 0xff], HuffmanErrorKind::Padding, 0);
    // `a` and a space (00011 010100), and 29 ones behind them.
    refused_code(&[0x1a, 0x9f, 0xff, 0xff, 0xff], HuffmanErrorKind::Padding, 1);
    // `&` is 11111000, so 7 ones behind it are padding and 15 are not.
    refused_code(&[0xf8, 0xff], HuffmanErrorKind::Padding, 1);
}

#[test]
fn c07_padding_of_other_bits_than_ones() {
    let block = [0x00, 0x81, 0x18, 0x00];
    refused(&block, DecodeErrorKind::Huffman(HuffmanErrorKind::Padding), 2);
    // `a` and every padding but the right one.
    for padding in 0..7 {
        refused_code(&[0x18 | padding], HuffmanErrorKind::Padding, 0);
    }
    let right = [0x00, 0x81, 0x1f, 0x00];
    let outcome = decode_however_cut(&mut Decoder::new(4096), right, &FieldLimits::default());
    assert!(outcome.fields.iter().eq([Field::new(b"a", b"")]));
}

/// Every kind of representation, and where each ends.
fn every_representation() -> (Vec<u8>, Vec<usize>) {
    let blocks = [
        FieldBlock::raw().size_update(0),
        FieldBlock::raw().size_update(4000),
        FieldBlock::raw().indexed(2),
        FieldBlock::coded().literal(Literal::Incremental, "name", "value"),
        FieldBlock::raw().indexed(62),
        FieldBlock::raw().literal(Literal::Incremental, 62, vec![b'v'; 300]),
        FieldBlock::raw().literal(Literal::Without, 58, ""),
        FieldBlock::coded().literal(Literal::Never, 63, vec![b'v'; 300]),
        FieldBlock::raw().literal(Literal::Never, "", ""),
    ];
    let (mut whole, mut ends) = (Vec::new(), vec![0]);
    for block in blocks {
        whole.extend_from_slice(block.octets());
        ends.push(whole.len());
    }
    (whole, ends)
}

#[test]
fn c08_truncated() {
    refused(&[0x3f], DecodeErrorKind::Truncated, 1);
    let (block, ends) = every_representation();
    let mut fields_before = 0;
    for len in 0..=block.len() {
        let mut decoder = Decoder::new(4096);
        if !ends.contains(&len) {
            refused_by(&mut decoder, &block[..len], DecodeErrorKind::Truncated, len);
            continue;
        }
        let outcome = decode_however_cut(&mut decoder, &block[..len], &FieldLimits::default());
        assert_eq!(outcome.result, Ok(()));
        assert!(outcome.fields.len() >= fields_before);
        fields_before = outcome.fields.len();
    }
    assert_eq!(fields_before, 7);
}

/// Lengths that promise more than the block has, by one and by as much as an integer can say.
#[test]
fn c08_lengths_beyond_the_block() {
    for len in [5, 6, 126, 127, 128, 1 << 14, 1 << 24, (1 << 31) - 1, 1 << 31] {
        for coded in [0x00, 0x80] {
            for before in [&[0x00][..], &[0x40, 0x01, b'a'], &[0x51]] {
                let mut block = before.to_vec();
                append_integer(len, 7, coded, &mut block);
                block.extend([b'0'; 4]);
                refused(&block, DecodeErrorKind::Truncated, block.len());
            }
        }
    }
}

#[test]
fn c09_size_update_above_the_setting() {
    refused(&[0x3f, 0xe2, 0x1f], DecodeErrorKind::SizeUpdateTooLarge, 0);
    let mut decoder = Decoder::new(4096);
    let outcome = decode_however_cut(&mut decoder, [0x3f, 0xe1, 0x1f], &UNLIMITED);
    assert_eq!((outcome.result, outcome.table_size_max), (Ok(()), 4096));
    // The second of two.
    refused(&[0x20, 0x3f, 0xe2, 0x1f], DecodeErrorKind::SizeUpdateTooLarge, 1);
    refused_by(&mut Decoder::new(0), &[0x21], DecodeErrorKind::SizeUpdateTooLarge, 0);
}

#[test]
fn c10_size_update_behind_a_field() {
    refused(&[0x82, 0x20], DecodeErrorKind::SizeUpdateMisplaced, 1);
    refused(&[0x20, 0x82, 0x20], DecodeErrorKind::SizeUpdateMisplaced, 2);
    // Also if it changes nothing, or is cut off.
    refused(&[0x82, 0x3f, 0xe1, 0x1f], DecodeErrorKind::SizeUpdateMisplaced, 1);
    refused(&[0x82, 0x3f], DecodeErrorKind::SizeUpdateMisplaced, 1);
}

#[test]
fn c11_the_update_after_a_reduction_is_missing() {
    for block in [&[][..], &[0x82], &[0x21], &[0x3f, 0xe1, 0x1f], &[0x40, 0x00, 0x00]] {
        let mut decoder = Decoder::new(4096);
        decoder.set_table_bytes_max(0);
        let kind = match block.first() {
            // Above the limit, whatever else it is.
            Some(octet) if octet & 0xe0 == 0x20 => DecodeErrorKind::SizeUpdateTooLarge,
            _ => DecodeErrorKind::SizeUpdateMissing,
        };
        refused_by(&mut decoder, block, kind, 0);
    }
    let mut decoder = Decoder::new(4096);
    decoder.set_table_bytes_max(0);
    let outcome = decode_however_cut(&mut decoder, [0x20, 0x82], &UNLIMITED);
    assert_eq!((outcome.result, outcome.table_size_max), (Ok(()), 0));
}

#[test]
fn c12_size_updates_without_end() {
    refused(&[0x20; 1000], DecodeErrorKind::TooManySizeUpdates, 2);
    refused(&[0x20; 3], DecodeErrorKind::TooManySizeUpdates, 2);
    let outcome = decode_however_cut(&mut Decoder::new(4096), [0x20; 2], &UNLIMITED);
    assert_eq!((outcome.result, outcome.table_size_max), (Ok(()), 0));
}

#[test]
fn c13_an_entry_larger_than_the_table() {
    for (literal, limits) in [
        (FieldBlock::raw(), FieldLimits::default()),
        (FieldBlock::coded(), FieldLimits::default()),
        (FieldBlock::raw(), FieldLimits::NO_FIELDS),
        (FieldBlock::coded(), FieldLimits::NO_FIELDS),
    ] {
        let mut decoder = Decoder::new(64);
        let small = FieldBlock::raw().literal(Literal::Incremental, "a", "b");
        assert_eq!(decode(&mut decoder, &small, &UNLIMITED).table.len(), 1);
        let large = literal.literal(Literal::Incremental, "name", [b'v'; 100]);
        let outcome = decode_however_cut(&mut decoder, &large, &limits);
        assert_eq!(outcome.table.len(), 0);
        let given = if limits == FieldLimits::NO_FIELDS { 0 } else { 1 };
        assert_eq!((outcome.result.is_ok(), outcome.fields.len()), (given == 1, given));
        // The table is empty, not broken.
        let outcome = decode_however_cut(&mut decoder, &small, &FieldLimits::default());
        assert_eq!((outcome.result, outcome.table.len()), (Ok(()), 1));
    }
}

#[test]
fn c14_the_name_of_an_entry_that_its_own_insertion_evicts() {
    let first = FieldBlock::raw().literal(Literal::Incremental, "a-long-name", "value");
    for block in [FieldBlock::raw(), FieldBlock::coded()] {
        let second = block.literal(Literal::Incremental, 62, "other");
        for limits in [FieldLimits::default(), FieldLimits::NO_FIELDS] {
            // Room for one of them, so that the ring's octets are the same ones; and for a little
            // more, so that they are not.
            for size in [11 + 5 + 32, 11 + 5 + 32 + 7, 2 * (11 + 5 + 32) - 1] {
                let mut decoder = Decoder::new(size);
                assert_eq!(decode(&mut decoder, &first, &UNLIMITED).table.len(), 1);
                let outcome = decode_however_cut(&mut decoder, &second, &limits);
                let expected = Field::new(b"a-long-name", b"other");
                assert!(outcome.table.iter().eq([expected]), "{outcome:?}");
                if limits != FieldLimits::NO_FIELDS {
                    assert!(outcome.fields.iter().eq([expected]), "{outcome:?}");
                }
            }
        }
    }
    // From the encoder's side, for which the entry of the name is the last thing to go, too.
    let mut encoder = Encoder::new(48).with_policy(|_, _| Indexing::Incremental);
    let mut decoder = Decoder::new(4096);
    for value in ["value", "other", "third"] {
        let mut block = Vec::new();
        encoder.encode_block([("a-long-name", value)], &mut block);
        let outcome = decode_however_cut(&mut decoder, &block, &UNLIMITED);
        assert!(outcome.table.iter().eq([Field::from(("a-long-name", value))]));
        assert!(value == "value" || block.len() < "a-long-name".len(), "by its index: {block:?}");
    }
}

/// A block that is too much, of every representation that changes the table, then one that depends
/// on it, against a decoder for which nothing is too much.
#[test]
fn c17_desync_by_a_block_that_is_too_much() {
    let too_much = FieldBlock::raw()
        .size_update(300)
        .literal(Literal::Incremental, "a", "1")
        .literal(Literal::Incremental, 62, "2")
        .literal(Literal::Without, 63, "3")
        .indexed(62)
        .literal(Literal::Incremental, "b", [b'v'; 200])
        .literal(Literal::Never, 62, "4");
    let then = FieldBlock::raw().indexed(62).indexed(63).literal(Literal::Incremental, 63, "5");
    let (mut decoder, mut oracle) = (Decoder::new(4096), Decoder::new(4096));
    let outcome = decode_however_cut(&mut decoder, &too_much, &FieldLimits::NO_FIELDS);
    assert!(!outcome.error().is_fatal() && outcome.fields.is_empty());
    assert_eq!(outcome.table, decode(&mut oracle, &too_much, &UNLIMITED).table);
    let outcome = decode_however_cut(&mut decoder, &then, &FieldLimits::default());
    assert_eq!(outcome, decode(&mut oracle, &then, &UNLIMITED));
    assert!(outcome.result.is_ok() && outcome.fields.len() == 3);
}

/// Probing (RFC 7541 §7.1) needs that a secret is compared with guesses: it never is, here or
/// behind anyone who forwards it.
#[test]
fn c18_secrets_are_never_indexed() {
    let secrets = [
        ("authorization", "Basic c2VjcmV0OnNlY3JldA=="),
        ("proxy-authorization", "Bearer 0123456789"),
        ("set-cookie", "id=0123456789"),
        ("cookie", "pin=1234"),
    ];
    for (name, value) in secrets {
        let mut encoder = Encoder::new(4096);
        let mut first = Vec::new();
        encoder.encode_block([(name, value)], &mut first);
        assert_eq!(first[0] & 0xf0, 0x10, "{name}: never indexed");
        // It costs the same however often it, or a guess, is sent.
        for _ in 0..10 {
            let mut again = Vec::new();
            encoder.encode_block([(name, value)], &mut again);
            assert_eq!(again, first);
        }
        assert!(encoder.table().is_empty());
        let outcome = decode_however_cut(&mut Decoder::new(4096), &first, &UNLIMITED);
        assert!(outcome.table.is_empty());
        assert_eq!(
            outcome.fields.get(0),
            Some(Field::sensitive(name.as_bytes(), value.as_bytes()))
        );
        assert_forwarded(&outcome.fields);
    }
}

/// A field that came as never indexed goes on as that, whatever the policy.
#[track_caller]
fn assert_forwarded(fields: &FieldBuf) {
    let policies: [Policy; 2] = [|_, _| Indexing::Incremental, |_, _| Indexing::Without];
    for policy in policies {
        let mut encoder = Encoder::new(4096).with_policy(policy);
        for field in fields {
            // Not even if the same field without the mark is in the table.
            let mut block = Vec::new();
            encoder.encode_block([Field { sensitive: false, ..field }], &mut block);
            block.clear();
            encoder.encode_block([field], &mut block);
            assert_eq!(block[0] & 0xf0, 0x10, "{field:?}");
        }
    }
}
