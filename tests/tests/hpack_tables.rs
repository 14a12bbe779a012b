//! The tables and what each representation does with them (RFC 7541 §2.3, §3.2, §4): in the
//! decoder by blocks of any kind, in the encoder by what it sends.

use hpack::{Decoder, Encoder, Field, FieldBuf, Indexing, static_table};
use tests::field_block::{FieldBlock, Literal, UNLIMITED, decode, decode_however_cut, entries};

fn pairs(fields: &FieldBuf) -> Vec<(&str, &str)> {
    let text = |octets| core::str::from_utf8(octets).unwrap();
    fields.iter().map(|field| (text(field.name), text(field.value))).collect()
}

/// An encoder that puts everything into its table.
fn encoder(table_bytes_max: usize) -> Encoder {
    Encoder::new(table_bytes_max).with_policy(|_, _| Indexing::Incremental)
}

fn encoded<'a>(encoder: &mut Encoder, fields: &[impl Copy + Into<Field<'a>>]) -> Vec<u8> {
    let mut block = Vec::new();
    encoder.encode_block(fields.iter().copied(), &mut block);
    block
}

/// R7541-001, R7541-002.
#[test]
fn fields_keep_their_order() {
    // Static, literal, dynamic and again, in an order that no table has.
    let fields = [
        ("b", "2"),
        (":path", "/"),
        ("a", "1"),
        ("b", "2"),
        (":method", "GET"),
        ("a", "2"),
        ("b", "1"),
        ("a", "1"),
        ("a", "1"),
        (":path", "/"),
    ];
    let mut decoder = Decoder::new(4096);
    let mut encoder = encoder(4096);
    for _ in 0..3 {
        let block = encoded(&mut encoder, &fields);
        let outcome = decode_however_cut(&mut decoder, &block, &UNLIMITED);
        assert_eq!(pairs(&outcome.fields), fields);
    }
}

/// R7541-003.
#[test]
fn duplicate_entries_are_no_error() {
    let mut block = FieldBlock::raw();
    for _ in 0..3 {
        block = block.literal(Literal::Incremental, "name", "value");
    }
    let mut decoder = Decoder::new(4096);
    let outcome = decode_however_cut(&mut decoder, &block, &UNLIMITED);
    assert_eq!(pairs(&outcome.table), [("name", "value"); 3]);
    assert_eq!(decoder.table().size(), 3 * (4 + 5 + 32));
    // Each has its own index, and one goes at a time.
    let block = FieldBlock::raw().size_update(2 * 41).indexed(62).indexed(63);
    let outcome = decode_however_cut(&mut decoder, &block, &UNLIMITED);
    assert_eq!(pairs(&outcome.fields), [("name", "value"); 2]);
    // Also one of the static table.
    let block = FieldBlock::raw().literal(Literal::Incremental, 2, "GET").indexed(62);
    let outcome = decode_however_cut(&mut Decoder::new(4096), &block, &UNLIMITED);
    assert_eq!(pairs(&outcome.fields), [(":method", "GET"); 2]);
}

/// R7541-004: one address space, the static entries first, then the newest of the others.
#[test]
fn indices_count_from_the_newest_entry() {
    let mut decoder = Decoder::new(4096);
    let names = ["a", "b", "c", "d"];
    for name in names {
        let block = FieldBlock::raw().literal(Literal::Incremental, name, "");
        assert_eq!(decode(&mut decoder, &block, &UNLIMITED).result, Ok(()));
    }
    for (age, name) in names.iter().rev().enumerate() {
        let outcome = decode(&mut decoder.clone(), FieldBlock::raw().indexed(62 + age), &UNLIMITED);
        assert_eq!(pairs(&outcome.fields), [(*name, "")]);
        let literal = FieldBlock::raw().literal(Literal::Without, 62 + age, "v");
        let outcome = decode(&mut decoder.clone(), &literal, &UNLIMITED);
        assert_eq!(pairs(&outcome.fields), [(*name, "v")]);
    }
    let outcome = decode(&mut decoder.clone(), FieldBlock::raw().indexed(61), &UNLIMITED);
    assert_eq!(outcome.fields.get(0), static_table::get(61));
    let outcome = decode(&mut decoder.clone(), FieldBlock::raw().indexed(66), &UNLIMITED);
    assert!(outcome.error().is_fatal());
}

/// R7541-005: what each representation gives, and what it does to the table.
#[test]
fn each_representation_is_processed_by_its_rule() {
    let mut decoder = Decoder::new(4096);
    let mut step = |block: FieldBlock, field: Field<'_>, table: &[(&str, &str)]| {
        let outcome = decode_however_cut(&mut decoder, &block, &UNLIMITED);
        assert!(outcome.fields.iter().eq([field]), "{outcome:?}");
        assert_eq!(pairs(&outcome.table), table);
    };
    let raw = FieldBlock::raw;
    step(raw().indexed(2), Field::new(b":method", b"GET"), &[]);
    step(raw().literal(Literal::Without, "a", "1"), Field::new(b"a", b"1"), &[]);
    step(raw().literal(Literal::Never, "a", "1"), Field::sensitive(b"a", b"1"), &[]);
    let one = [("a", "1")];
    step(raw().literal(Literal::Incremental, "a", "1"), Field::new(b"a", b"1"), &one);
    step(raw().indexed(62), Field::new(b"a", b"1"), &one);
    step(raw().literal(Literal::Without, 62, "2"), Field::new(b"a", b"2"), &one);
    step(raw().literal(Literal::Never, 62, "2"), Field::sensitive(b"a", b"2"), &one);
    let two = [("a", "2"), ("a", "1")];
    step(raw().literal(Literal::Incremental, 62, "2"), Field::new(b"a", b"2"), &two);
    let three = [(":path", "/x"), ("a", "2"), ("a", "1")];
    step(raw().literal(Literal::Incremental, 4, "/x"), Field::new(b":path", b"/x"), &three);
}

/// What one representation inserts is what the next counts from, within one block.
#[test]
fn an_insertion_counts_at_once() {
    let block = FieldBlock::raw()
        .literal(Literal::Incremental, "a", "1")
        .indexed(62)
        .literal(Literal::Incremental, "b", "2")
        .indexed(62)
        .indexed(63)
        .literal(Literal::Incremental, 63, "3")
        .indexed(62);
    let outcome = decode_however_cut(&mut Decoder::new(4096), &block, &UNLIMITED);
    let expected =
        [("a", "1"), ("a", "1"), ("b", "2"), ("b", "2"), ("a", "1"), ("a", "3"), ("a", "3")];
    assert_eq!(pairs(&outcome.fields), expected);
}

/// The size of an entry is that of its text, however it was sent.
#[test]
fn sizes_are_those_of_the_text() {
    for (name, value) in [("", ""), ("name", "value"), ("\u{1}\u{2}", "\u{3}"), ("000", "0000000")]
    {
        for block in [FieldBlock::raw(), FieldBlock::coded()] {
            let mut decoder = Decoder::new(4096);
            let block = block.literal(Literal::Incremental, name, value);
            decode_however_cut(&mut decoder, &block, &UNLIMITED);
            assert_eq!(decoder.table().size(), name.len() + value.len() + 32);
        }
    }
}

/// The oldest go first, no more of them than needed, at every size of what comes.
#[test]
fn insertions_evict_the_oldest() {
    // Room for five entries of 34 octets.
    let size = 5 * 34;
    for value_len in 0..=size - 33 {
        let mut decoder = Decoder::new(size);
        let mut block = FieldBlock::raw();
        for name in ["a", "b", "c", "d", "e"] {
            block = block.literal(Literal::Incremental, name, "1");
        }
        assert_eq!(decode(&mut decoder, &block, &UNLIMITED).table.len(), 5);
        let block = FieldBlock::raw().literal(Literal::Incremental, "n", vec![b'v'; value_len]);
        let outcome = decode(&mut decoder, &block, &UNLIMITED);
        let names: String = pairs(&outcome.table).iter().map(|(name, _)| *name).collect();
        let kept = (size - 33 - value_len) / 34;
        assert_eq!(names, format!("n{}", &"edcba"[..kept]), "{value_len}");
    }
}

/// §4.3: a smaller bound evicts as an insertion does.
#[test]
fn a_smaller_bound_evicts_the_oldest() {
    for size in (0..=5 * 34).rev() {
        let mut decoder = Decoder::new(5 * 34);
        let mut block = FieldBlock::raw();
        for name in ["a", "b", "c", "d", "e"] {
            block = block.literal(Literal::Incremental, name, "1");
        }
        assert_eq!(decode(&mut decoder, &block, &UNLIMITED).table.len(), 5);
        let outcome = decode(&mut decoder, FieldBlock::raw().size_update(size), &UNLIMITED);
        let names: String = pairs(&outcome.table).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, "edcba"[..size / 34]);
    }
}

// ---- the encoder ----

/// What is in a table is an index, what has its name there names it by index; the rest is spelled
/// out.
#[test]
fn an_encoder_uses_what_the_tables_have() {
    let mut encoder = encoder(4096);
    let mut expect = |field: (&str, &str), block: FieldBlock| {
        assert_eq!(encoded(&mut encoder, &[field]), block.octets(), "{field:?}");
    };
    // Each value as it is: its code would be no shorter.
    let raw = FieldBlock::raw;
    expect((":status", "404"), raw().indexed(13));
    expect((":status", "777"), raw().literal(Literal::Incremental, 8, "777"));
    expect((":status", "777"), raw().indexed(62));
    expect(("!", "1"), raw().literal(Literal::Incremental, "!", "1"));
    expect(("!", "1"), raw().indexed(62));
    expect((":status", "777"), raw().indexed(63));
    expect(("!", "2"), raw().literal(Literal::Incremental, 62, "2"));
    expect(("!", "1"), raw().indexed(63));
    // An empty value of a name that the static table has with it.
    expect(("via", ""), raw().indexed(60));
    expect((":authority", ""), raw().indexed(1));
    // An empty value of a name that it has with others only.
    expect((":path", ""), raw().literal(Literal::Incremental, 4, ""));
}

/// Literals that are not inserted name their fields by index, too.
#[test]
fn an_encoder_names_by_index_in_every_literal() {
    for (policy, literal) in [
        ((|_, _| Indexing::Without) as hpack::Policy, Literal::Without),
        (|_, _| Indexing::Never, Literal::Never),
    ] {
        let mut encoder = encoder(4096);
        let first = encoded(&mut encoder, &[("!", "1")]);
        assert_eq!(first, FieldBlock::raw().literal(Literal::Incremental, "!", "1").octets());
        let mut encoder = encoder.with_policy(policy);
        for (field, name) in [(("!", "2"), 62), ((":path", "!"), 4), (("via", "!"), 60)] {
            let block = encoded(&mut encoder, &[field]);
            assert_eq!(block, FieldBlock::raw().literal(literal, name, field.1).octets());
        }
        assert_eq!(encoder.table().len(), 1);
    }
}

/// However many entries there are, and however often the table was turned over: what is in it is
/// found, but for a few that collide.
#[test]
fn an_encoder_finds_what_it_has_at_every_size() {
    for turned_over in [0, 1_000, 70_000] {
        let mut encoder = encoder(4096);
        let mut block = Vec::new();
        for number in 0..turned_over {
            encoder.encode_block(&[(format!("old-{number}"), "")], &mut block);
            block.clear();
        }
        let (mut sought, mut fields, mut names) = (0, 0, 0);
        for count in 0..90 {
            let name = format!("name-{count}");
            encoder.encode_block(&[(name, "")], &mut block);
            block.clear();
            for age in 0..=count {
                let name = format!("name-{}", count - age);
                sought += 1;
                let again = encoded(&mut encoder.clone(), &[(&*name, "")]);
                fields += usize::from(again == FieldBlock::raw().indexed(62 + age).octets());
                let other = encoded(&mut encoder.clone(), &[(&*name, "!")]);
                let by_index = FieldBlock::raw().literal(Literal::Incremental, 62 + age, "!");
                names += usize::from(other == by_index.octets());
            }
        }
        let found = format!("{fields} fields and {names} names of {sought}");
        assert!(fields * 100 >= sought * 98 && names * 100 >= sought * 98, "{found}");
    }
}

/// Where the code is shorter it is used, for names and for values, at every length of the length.
#[test]
fn an_encoder_codes_a_string_where_that_is_shorter() {
    for len in [1, 2, 3, 100, 126, 127, 128, 202, 203, 204, 205, 255, 256, 16_384, 20_000] {
        let long = "a".repeat(len);
        let worse = "!".repeat(len);
        let block = encoded(&mut encoder(4096), &[(&*long, &*worse)]);
        let coded = FieldBlock::coded().literal(Literal::Incremental, &*long, "");
        // One octet of 5 bits takes an octet all the same.
        let name = if len > 2 {
            coded
        } else {
            FieldBlock::raw().literal(Literal::Incremental, &*long, "")
        };
        // The empty value at the end is the one octet that is not the same.
        let name = &name.octets()[..name.octets().len() - 1];
        assert!(block.starts_with(name), "{len}");
        let value = FieldBlock::raw().literal(Literal::Incremental, 1, &worse);
        assert_eq!(block[name.len()..], value.octets()[1..], "{len}");
        let outcome = decode(&mut Decoder::new(4096), &block, &UNLIMITED);
        assert_eq!(pairs(&outcome.fields), [(&*long, &*worse)]);
    }
}

/// R7541-006: whatever the policy inserts, the table stays within the bound, on both sides.
#[test]
fn an_encoder_keeps_to_the_size() {
    for size in [0, 32, 34, 35, 100, 1_000, 4_096] {
        let (mut encoder, mut decoder) = (encoder(size), Decoder::new(4096));
        for number in 0..300 {
            let value = "v".repeat(number * 7 % 200);
            let block = encoded(&mut encoder, &[("name", &*value), ("", "")]);
            let outcome = decode(&mut decoder, &block, &UNLIMITED);
            assert_eq!((outcome.result, outcome.table_size_max), (Ok(()), size));
            assert_eq!(outcome.table, entries(encoder.table()));
            assert!(encoder.table().size() <= size);
        }
    }
}
