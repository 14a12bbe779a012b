//! The limits of HPACK at both sides, and what is beyond them: the tables stay in step.

use hpack::{
    BlockTooLong, DecodeErrorKind, Decoder, Encoder, FIELD_OVERHEAD, FieldBuf, FieldLimits,
    Fragments, Indexing, huffman,
};
use tests::field_block::{
    FieldBlock, Literal, Outcome, UNLIMITED, decode, decode_however_cut, entries,
};

fn limits(section_bytes_max: usize, fields_max: usize) -> FieldLimits {
    FieldLimits { section_bytes_max, fields_max }
}

/// A decoder whose table of 200 octets holds two entries.
fn warm_decoder() -> Decoder {
    let mut decoder = Decoder::new(200);
    for (name, value) in [("older", "1"), ("newer", "22")] {
        let entry = FieldBlock::raw().literal(Literal::Incremental, name, value);
        assert_eq!(decode(&mut decoder, &entry, &UNLIMITED).result, Ok(()));
    }
    decoder
}

/// Representations of every kind, each as a block of its own, for [`warm_decoder`].
fn representations() -> Vec<FieldBlock> {
    let mut all = vec![
        FieldBlock::raw().indexed(2),
        FieldBlock::raw().indexed(62),
        FieldBlock::raw().indexed(63),
        FieldBlock::raw().literal(Literal::Without, "x-without", "value"),
        FieldBlock::coded().literal(Literal::Never, 62, "secret"),
    ];
    for block in [FieldBlock::raw(), FieldBlock::coded()] {
        all.push(block.clone().literal(Literal::Incremental, "", ""));
        all.push(block.clone().literal(Literal::Incremental, "x-name", "value"));
        all.push(block.clone().literal(Literal::Incremental, 58, "an agent"));
        all.push(block.clone().literal(Literal::Incremental, 63, "another"));
        // The whole table, and one octet more.
        all.push(block.clone().literal(Literal::Incremental, "n", [b'v'; 200 - 32 - 1]));
        all.push(block.clone().literal(Literal::Incremental, 54, [b'v'; 200 - 32 - 6]));
        all.push(block.clone().literal(Literal::Incremental, 54, [b'v'; 200 - 32 - 5]));
        // A name that is too much for the table by itself.
        all.push(block.clone().literal(Literal::Incremental, &[b'n'; 300][..], "value"));
    }
    all
}

/// Where each of some representations begins in the block of them all, and the block.
fn block_of(representations: &[&FieldBlock]) -> (Vec<usize>, Vec<u8>) {
    let (mut starts, mut block) = (Vec::new(), Vec::new());
    for representation in representations {
        starts.push(block.len());
        block.extend_from_slice(representation.octets());
    }
    (starts, block)
}

/// What has to come of a block under limits, by what comes of it without: the fields before the
/// first that is too much, and which that is.
fn expected(
    unlimited: &FieldBuf,
    starts: &[usize],
    limits: FieldLimits,
) -> (FieldBuf, Option<(DecodeErrorKind, usize)>) {
    let mut fields = FieldBuf::new();
    for (field, &start) in unlimited.iter().zip(starts) {
        if fields.len() == limits.fields_max {
            return (fields, Some((DecodeErrorKind::TooManyFields, start)));
        }
        if fields.section_bytes() + field.size() > limits.section_bytes_max {
            return (fields, Some((DecodeErrorKind::SectionTooLong, start)));
        }
        fields.push(field);
    }
    (fields, None)
}

/// Decodes a block under limits, and holds it against what comes of it without.
#[track_caller]
fn assert_limited(
    decoder: &mut Decoder,
    block: &[u8],
    starts: &[usize],
    unlimited: &Outcome,
    limits: FieldLimits,
) {
    let outcome = decode(decoder, block, &limits);
    let error = outcome.result.err();
    if unlimited.result.is_err() {
        // An index that is none is found behind a limit, too, and that is the end.
        assert_eq!((error, outcome.fields.len()), (unlimited.result.err(), 0));
        return;
    }
    let (fields, fault) = expected(&unlimited.fields, starts, limits);
    assert_eq!(error.map(|error| (error.kind(), error.offset())), fault, "{limits:?}");
    assert!(error.is_none_or(|error| !error.is_fatal()));
    assert_eq!(outcome.fields, fields, "{limits:?}");
    assert_eq!(outcome.table, unlimited.table, "{limits:?}");
}

/// The limits worth a try: each sum of sizes and its neighbours, each number of fields.
fn limits_around(fields: &FieldBuf) -> Vec<FieldLimits> {
    let mut all = vec![FieldLimits::NO_FIELDS, FieldLimits::default()];
    let mut section_bytes = 0;
    for (index, field) in fields.iter().enumerate() {
        all.push(limits(usize::MAX, index));
        section_bytes += field.size();
        all.extend([0, 1, 2].map(|more| limits(section_bytes - 1 + more, usize::MAX)));
        all.push(limits(section_bytes, index + 1));
        all.push(limits(section_bytes - 1, index));
    }
    all
}

/// Every sequence of three representations, under every limit at both sides, and the next block.
#[test]
fn the_table_stays_in_step_behind_a_limit() {
    let representations = representations();
    let then = FieldBlock::raw().indexed(62).literal(Literal::Incremental, 62, "then").indexed(63);
    let (warm, mut tried) = (warm_decoder(), 0);
    for first in &representations {
        for second in &representations {
            for third in &representations {
                let (starts, block) = block_of(&[first, second, third]);
                let mut oracle = warm.clone();
                let unlimited = decode(&mut oracle, &block, &UNLIMITED);
                for limits in limits_around(&unlimited.fields) {
                    let mut decoder = warm.clone();
                    assert_limited(&mut decoder, &block, &starts, &unlimited, limits);
                    tried += 1;
                    let next = decode(&mut decoder, &then, &UNLIMITED);
                    assert_eq!(next, decode(&mut oracle.clone(), &then, &UNLIMITED));
                }
            }
        }
    }
    assert!(tried > 100_000, "{tried} blocks");
}

/// Each of them alone, however it is cut.
#[test]
fn a_limit_does_not_depend_on_how_a_block_is_cut() {
    for representation in representations() {
        let unlimited = decode(&mut warm_decoder(), &representation, &UNLIMITED);
        for limits in limits_around(&unlimited.fields) {
            let outcome = decode_however_cut(&mut warm_decoder(), &representation, &limits);
            assert_eq!(outcome.table, unlimited.table);
        }
    }
}

#[test]
fn section_bytes_max() {
    // 2 x 32, `:path`, `/`, `name` and `value`.
    let block = FieldBlock::raw().indexed(4).literal(Literal::Without, "name", "value");
    let size = 2 * FIELD_OVERHEAD + 5 + 1 + 4 + 5;
    let outcome = decode_however_cut(&mut Decoder::new(0), &block, &limits(size, 100));
    assert_eq!((outcome.result, outcome.fields.section_bytes()), (Ok(()), size));
    let outcome = decode_however_cut(&mut Decoder::new(0), &block, &limits(size - 1, 100));
    let error = outcome.error();
    assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::SectionTooLong, 1));
    assert_eq!(error.rule(), "section_bytes_max");
    assert!(!error.is_fatal());
    assert_eq!(
        error.to_string(),
        "the field section is too long at octet 1 of the field block (section_bytes_max)",
    );
    assert_eq!(outcome.fields.len(), 1, "the fields before the limit are given");
}

#[test]
fn fields_max() {
    let block = FieldBlock::raw().indexed(4).indexed(2).literal(Literal::Without, "name", "value");
    let outcome = decode_however_cut(&mut Decoder::new(0), &block, &limits(1000, 3));
    assert_eq!((outcome.result, outcome.fields.len()), (Ok(()), 3));
    let outcome = decode_however_cut(&mut Decoder::new(0), &block, &limits(1000, 2));
    let error = outcome.error();
    assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::TooManyFields, 2));
    assert_eq!(error.rule(), "fields_max");
    assert!(!error.is_fatal());
    assert_eq!(
        error.to_string(),
        "there are too many fields at octet 2 of the field block (fields_max)",
    );
    assert_eq!(outcome.fields.len(), 2, "the fields before the limit are given");
}

#[test]
fn table_bytes_max() {
    let entry = |len: usize| FieldBlock::raw().literal(Literal::Incremental, "n", vec![b'v'; len]);
    for size in [32, 33, 34, 100, 4096, 1 << 16] {
        let mut decoder = Decoder::new(size);
        assert_eq!((decoder.table().size(), decoder.table().size_max()), (0, size));
        if size > 32 {
            let outcome = decode(&mut decoder, entry(size - 33), &UNLIMITED);
            assert_eq!((outcome.result, decoder.table().size()), (Ok(()), size));
        }
        // One octet more is no error, and no entry.
        let outcome = decode(&mut decoder, entry(size - 32), &UNLIMITED);
        assert_eq!((outcome.fields.len(), outcome.table.len()), (1, 0));

        let exact = FieldBlock::raw().size_update(size);
        assert_eq!(decode_however_cut(&mut decoder.clone(), exact, &UNLIMITED).result, Ok(()));
        let more = FieldBlock::raw().size_update(size + 1);
        let error = decode_however_cut(&mut decoder, more, &UNLIMITED).error();
        assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::SizeUpdateTooLarge, 0));
        assert!(error.is_fatal());
        assert_eq!(
            error.to_string(),
            "a table size update is above the limit at octet 0 of the field block (RFC 7541 §6.3)",
        );
    }
}

/// The same bound on the other side: an encoder's table takes what fits and nothing more.
#[test]
fn table_bytes_max_of_an_encoder() {
    for size in [33, 34, 100, 4096] {
        let mut encoder = Encoder::new(size).with_policy(|_, _| Indexing::Incremental);
        let mut block = Vec::new();
        encoder.encode_block(&[("n", vec![b'v'; size - 33])], &mut block);
        assert_eq!((encoder.table().len(), encoder.table().size()), (1, size));
        encoder.encode_block(&[("n", vec![b'v'; size - 32])], &mut block);
        assert_eq!((encoder.table().len(), encoder.table().size()), (0, 0));
    }
}

#[test]
fn block_bytes_max() {
    let mut fragments = Fragments::new();
    for fragment in [&[0x82; 60][..], &[], &[0x82; 40]] {
        assert_eq!(fragments.push(fragment, 100), Ok(()));
    }
    let error = fragments.push(&[0x82], 100).unwrap_err();
    assert_eq!(error.block_bytes_max, 100);
    assert_eq!(error.to_string(), "a field block of more than 100 octets (block_bytes_max)");
    assert_eq!(fragments.block(), [0x82; 100], "nothing is added");
    assert_eq!(fragments.push(&[], 100), Ok(()));

    // In one fragment, and bounds that differ from call to call.
    fragments.clear();
    assert!(matches!(fragments.push(&[0; 11], 10), Err(BlockTooLong { block_bytes_max: 10, .. })));
    assert_eq!(fragments.push(&[0; 10], 10), Ok(()));
    assert!(fragments.push(&[0], 5).is_err() && fragments.push(&[], 5).is_ok());
    assert_eq!(fragments.push(&[0], usize::MAX), Ok(()));
}

#[test]
fn defaults() {
    assert_eq!(FieldLimits::default(), limits(16 << 10, 128));
    assert_eq!(FieldLimits::NO_FIELDS, limits(0, 0));
}

/// A stream that is refused anyway: what has no field is fine, what has one is too much, and the
/// table is kept.
#[test]
fn none() {
    let mut decoder = Decoder::new(4096);
    assert_eq!(decode(&mut decoder, [], &FieldLimits::NO_FIELDS).result, Ok(()));
    let updates = FieldBlock::raw().size_update(100).size_update(4096);
    assert_eq!(decode(&mut decoder, &updates, &FieldLimits::NO_FIELDS).result, Ok(()));
    let fields = updates.indexed(2).literal(Literal::Incremental, "name", "value");
    let outcome = decode_however_cut(&mut decoder, &fields, &FieldLimits::NO_FIELDS);
    let error = outcome.error();
    assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::TooManyFields, 5));
    assert!(outcome.fields.is_empty());
    assert_eq!(outcome.table.value("name"), Some(&b"value"[..]));
}

/// A string is held against what is left for this field, not against the whole limit: a name takes
/// from what its value has.
#[test]
fn what_is_left_counts() {
    for literal in Literal::ALL {
        for block in [FieldBlock::raw(), FieldBlock::coded()] {
            let block = block.literal(literal, &[b'0'; 50][..], [b'0'; 50]);
            for (section_bytes_max, taken) in [(132, true), (131, false), (82, false), (0, false)] {
                let limits = limits(section_bytes_max, 10);
                let outcome = decode_however_cut(&mut Decoder::new(4096), &block, &limits);
                assert_eq!(outcome.result.is_ok(), taken, "{section_bytes_max}");
            }
        }
    }
}

/// How long a text may be is guessed by the length of its code before that is decoded. The guess
/// is never too high, for the shortest codes and the longest: what fits exactly is taken, and
/// beyond a limit the table takes it.
#[test]
fn code_of_any_density_is_held_against_what_it_stands_for() {
    for octet in [b'0', b'~', b'\\', 0x00, b'\n'] {
        for len in 0..200 {
            let text = vec![octet; len];
            let block = FieldBlock::coded().literal(Literal::Incremental, &text[..], &text);
            let size = 2 * len + FIELD_OVERHEAD;
            let outcome = decode(&mut Decoder::new(size), &block, &limits(size, 1));
            assert_eq!((outcome.result, outcome.table.len()), (Ok(()), 1), "{octet}, {len}");
            let outcome = decode(&mut Decoder::new(size), &block, &limits(size - 1, 1));
            assert_eq!(outcome.error().kind(), DecodeErrorKind::SectionTooLong);
            assert_eq!(outcome.table.section_bytes(), size, "{octet}, {len}");
            let outcome = decode(&mut Decoder::new(size - 1), &block, &FieldLimits::NO_FIELDS);
            assert_eq!(outcome.table.len(), 0, "{octet}, {len}");
        }
    }
}

/// Once a limit is passed nothing more is given, also if it would fit.
#[test]
fn nothing_is_given_behind_a_limit() {
    let block = FieldBlock::raw().indexed(2).literal(Literal::Without, "n", [b'v'; 500]).indexed(2);
    let outcome = decode_however_cut(&mut Decoder::new(0), &block, &limits(400, 10));
    assert_eq!((outcome.error().offset(), outcome.fields.len()), (1, 1));
}

/// An expansion by the table (one octet for 4,096) ends at the limit; what follows costs nothing.
#[test]
fn a_bomb_ends_at_the_limit() {
    let mut block = FieldBlock::raw().literal(Literal::Incremental, "n", [b'v'; 4063]);
    for _ in 0..10_000 {
        block = block.indexed(62);
    }
    let outcome = decode(&mut Decoder::new(4096), &block, &FieldLimits::default());
    assert_eq!(outcome.error().kind(), DecodeErrorKind::SectionTooLong);
    assert_eq!(outcome.fields.section_bytes(), 16 << 10);
}

/// A fatal error behind a limit is told in place of it; all fields are taken back.
#[test]
fn a_fatal_error_behind_a_limit_wins() {
    let faults = [
        (&[0x80][..], DecodeErrorKind::IndexZero, 0),
        (&[0xff, 0x00], DecodeErrorKind::IndexOutOfRange, 0),
        (&[0x20], DecodeErrorKind::SizeUpdateMisplaced, 0),
        (&[0x00, 0x01], DecodeErrorKind::Truncated, 2),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], DecodeErrorKind::IntegerTooLarge, 0),
        // A faulty code where the table needs the text of it.
        (
            &[0x40, 0x81, 0x18, 0x00],
            DecodeErrorKind::Huffman(huffman::HuffmanErrorKind::Padding),
            2,
        ),
    ];
    for (octets, kind, offset) in faults {
        let mut block = vec![0x82, 0x84, 0x86];
        block.extend_from_slice(octets);
        for fields_max in [0, 1, 2, 3, 100] {
            let mut decoder = Decoder::new(4096);
            let outcome = decode_however_cut(&mut decoder, &block, &limits(10_000, fields_max));
            let error = outcome.error();
            assert_eq!((error.kind(), error.offset()), (kind, 3 + offset));
            assert!(error.is_fatal() && outcome.fields.is_empty());
        }
    }
}

/// A fatal error comes again for ever, whatever comes, and gives no fields, not even those of the
/// block before.
#[test]
fn a_fatal_error_stays() {
    let mut decoder = warm_decoder();
    let mut fields = FieldBuf::new();
    decoder.decode(&[0x82, 0xbe], &UNLIMITED, &mut fields).unwrap();
    assert_eq!(fields.len(), 2);
    let error = decoder.decode(&[0x82, 0x80], &UNLIMITED, &mut fields).unwrap_err();
    assert!(fields.is_empty());
    let table = entries(decoder.table());
    decoder.set_table_bytes_max(10);
    decoder.set_table_bytes_max(10_000);
    for block in [&[][..], &[0x82], &[0x20], &[0x80], &[0xff, 0xff], &[0x40, 0x00, 0x00]] {
        for limits in [UNLIMITED, FieldLimits::default(), FieldLimits::NO_FIELDS] {
            fields.push(("something", "else"));
            assert_eq!(decoder.decode(block, &limits, &mut fields), Err(error));
            assert!(fields.is_empty());
        }
    }
    assert_eq!(entries(decoder.table()), table, "nothing is decoded any more");
}

/// After an error that is not fatal, the next block is decoded as ever.
#[test]
fn a_limit_is_of_one_block() {
    let mut decoder = Decoder::new(4096);
    for _ in 0..3 {
        let block = FieldBlock::raw().indexed(2).indexed(4);
        let refused = decode(&mut decoder, &block, &limits(1000, 1));
        assert_eq!(refused.error().kind(), DecodeErrorKind::TooManyFields);
        let taken = decode(&mut decoder, &block, &limits(1000, 2));
        assert_eq!((taken.result, taken.fields.len()), (Ok(()), 2));
    }
}

// ---- the table of limits ----

/// Each limit has a row with its default in ARCHITECTURE.md, and what is said over it.
#[test]
fn every_limit_has_its_row() {
    let architecture = include_str!("../../ARCHITECTURE.md");
    let defaults = FieldLimits::default();
    assert_eq!((defaults.section_bytes_max, defaults.fields_max), (16 << 10, 128));
    for (limit, says) in [
        ("`FieldLimits::section_bytes_max` | 16 KiB", "`SectionTooLong`"),
        ("`FieldLimits::fields_max` | 128", "`TooManyFields`"),
        ("`table_bytes_max` of a decoder |", "`SizeUpdateTooLarge`"),
        ("`table_bytes_max` of an encoder |", "the oldest entries go"),
        ("`block_bytes_max` of `Fragments::push` |", "`BlockTooLong`"),
    ] {
        let row = architecture.lines().find(|line| line.starts_with(&format!("| {limit}")));
        assert!(row.is_some_and(|row| row.contains(says)), "{limit}");
    }
}
