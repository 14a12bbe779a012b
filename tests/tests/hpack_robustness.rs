//! Valid blocks, damaged in every way that one octet allows: nothing panics, limits hold, and what
//! a decoder says under limits fits what one without limits says. Blocks with long strings are
//! damaged near their ends and at some places between, because the places within a string are alike.

use std::sync::LazyLock;

use hpack::{DecodeErrorKind, Decoder, Encoder, Field, FieldLimits, Indexing, Policy};
use tests::field_block::{FieldBlock, Literal, UNLIMITED, decode, entries};
use tests::headers;

/// Where blocks are damaged: everywhere in short ones, near the ends and at some places between in
/// those that have long strings.
const PLACES_ALL_MAX: usize = 700;

/// A block and the decoder that it is meant for.
struct Case {
    name: &'static str,
    decoder: Decoder,
    block: Vec<u8>,
}

/// The last of some blocks, which the ones before have filled the table for.
fn case(name: &'static str, policy: Policy, blocks: &[Vec<Field<'_>>]) -> Case {
    let mut encoder = Encoder::new(512).with_policy(policy);
    let (mut before, mut decoder, mut block) = (Decoder::new(4096), Decoder::new(4096), Vec::new());
    for fields in blocks {
        block.clear();
        encoder.encode_block(fields, &mut block);
        before = decoder.clone();
        let outcome = decode(&mut decoder, &block, &UNLIMITED);
        assert_eq!((outcome.result, outcome.fields.len()), (Ok(()), fields.len()), "{name}");
    }
    Case { name, decoder: before, block }
}

const EVERY_OCTET: [u8; 256] = {
    let mut octets = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        octets[octet] = octet as u8;
        octet += 1;
    }
    octets
};

/// Blocks of our encoder under every policy, and one with what it never sends.
static CORPUS: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let incremental: Policy = |_, _| Indexing::Incremental;
    let pair = |name: &'static str, value: &'static str| Field::from((name, value));
    let request = vec![
        pair(":method", "GET"),
        pair(":scheme", "https"),
        pair(":path", "/index.html"),
        pair(":authority", "www.example.com"),
        pair("user-agent", "someone"),
        pair("cookie", "a=b"),
    ];
    let next = [&request[..2], &[pair(":path", "/other"), pair("x-new", "1")], &request[3..]];
    let requests = [request.clone(), next.concat(), request];
    let long: &[u8] = &[b'0'; 16_384];
    let strings: Vec<_> = [127, 128, 255].map(|len| Field::new(b"x", &long[..len])).into();
    let mut all = vec![
        case("requests", incremental, &requests),
        case("requests by the default policy", hpack::default_policy, &requests),
        case("requests without indexing", |_, _| Indexing::Without, &requests),
        case("requests never indexed", |_, _| Indexing::Never, &requests),
        case("empty strings", incremental, &[vec![pair("", ""), pair("", "a"), pair("a", "")]]),
        case("all octets", incremental, &[vec![Field::new(&EVERY_OCTET, &EVERY_OCTET)]]),
        case("long strings", incremental, &[strings]),
        case("the longest code", incremental, &[vec![Field::new(b"longest", long)]]),
        case("the longest string", incremental, &[vec![Field::new(b"raw", &[0; 16_384])]]),
        Case { name: "an empty block", decoder: Decoder::new(4096), block: Vec::new() },
    ];
    let unusual = FieldBlock::coded()
        .size_update(70)
        .size_update(300)
        .literal(Literal::Incremental, "\n", "\n\\\u{7f}")
        .indexed(62)
        .literal(Literal::Incremental, 62, "two")
        .literal(Literal::Incremental, "empties the table", [b'v'; 300])
        .literal(Literal::Incremental, 1, "three")
        .literal(Literal::Never, 62, "");
    let mut decoder = Decoder::new(4096);
    decoder.set_table_bytes_max(300);
    all.push(Case { name: "unusual", decoder, block: unusual.octets().to_vec() });
    all
});

/// A block of any octets under some limits, against what comes of it without.
#[track_caller]
fn assert_robust(case: &Case, block: &[u8]) {
    let mut oracle = case.decoder.clone();
    let unlimited = decode(&mut oracle, block, &UNLIMITED);
    if let Err(error) = unlimited.result {
        assert!(error.is_fatal() && unlimited.fields.is_empty());
        assert!(error.offset() <= block.len());
        assert!(error.to_string().contains(&format!(" at octet {} of ", error.offset())));
    }
    for limits in [
        FieldLimits::default(),
        FieldLimits::NO_FIELDS,
        FieldLimits { section_bytes_max: 150, fields_max: 3 },
    ] {
        let mut decoder = case.decoder.clone();
        let outcome = decode(&mut decoder, block, &limits);
        assert!(outcome.fields.section_bytes() <= limits.section_bytes_max);
        assert!(outcome.fields.len() <= limits.fields_max);
        let table = decoder.table();
        assert!(table.size() <= table.size_max() && table.size_max() <= 4096);
        match outcome.result {
            Ok(()) => assert_eq!(outcome, unlimited),
            Err(error) if error.is_fatal() => {
                assert!(outcome.fields.is_empty());
                // The only fault that a decoder may pass over behind a limit is in a code whose
                // text it does not need.
                let first = unlimited.error();
                let passed_over = matches!(first.kind(), DecodeErrorKind::Huffman(_))
                    && first.offset() < error.offset();
                assert!(first == error || passed_over, "{first}, then {error}");
            }
            Err(error) => {
                assert!(error.offset() < block.len());
                if let Err(fault) = unlimited.result {
                    assert!(matches!(fault.kind(), DecodeErrorKind::Huffman(_)), "{fault}");
                } else {
                    let before = unlimited.fields.iter().take(outcome.fields.len());
                    assert!(outcome.fields.iter().eq(before));
                    assert_eq!(outcome.table, unlimited.table);
                    assert_eq!(outcome.table_size_max, unlimited.table_size_max);
                }
                // It goes on.
                assert_eq!(decode(&mut decoder, [0x82], &UNLIMITED).fields.len(), 1);
                assert_eq!(entries(decoder.table()), outcome.table);
            }
        }
    }
}

fn places(len: usize) -> impl Iterator<Item = usize> {
    let near_an_end = move |at: usize| at < PLACES_ALL_MAX / 10 || len - at < PLACES_ALL_MAX / 10;
    (0..len).filter(move |&at| len <= PLACES_ALL_MAX || near_an_end(at) || at % 5_000 == 0)
}

/// How many of the octets that a place may have instead are tried: all, or, where decoding takes
/// long, those that change one bit and some others.
fn others(case: &Case, octet: u8) -> impl Iterator<Item = u8> {
    let all = case.block.len() <= PLACES_ALL_MAX;
    (1..=255).map(move |change| octet ^ change).filter(move |&other| {
        let change = octet ^ other;
        all || change.is_power_of_two() || change == 0xff || matches!(other, 0 | 0x7f | 0xff)
    })
}

#[test]
fn the_corpus_is_valid() {
    for case in CORPUS.iter() {
        let outcome = decode(&mut case.decoder.clone(), &case.block, &UNLIMITED);
        assert_eq!(outcome.result, Ok(()), "{}", case.name);
        assert_robust(case, &case.block);
    }
    let longest = CORPUS.iter().map(|case| case.block.len()).max();
    assert!(longest > Some(16_384));
}

#[test]
fn every_prefix() {
    for case in CORPUS.iter() {
        for end in places(case.block.len()) {
            assert_robust(case, &case.block[..end]);
        }
    }
}

#[test]
fn every_octet_changed() {
    for case in CORPUS.iter() {
        let mut block = case.block.clone();
        for at in places(block.len()) {
            for other in others(case, case.block[at]) {
                block[at] = other;
                assert_robust(case, &block);
            }
            block[at] = case.block[at];
        }
    }
}

#[test]
fn every_octet_left_out() {
    for case in CORPUS.iter() {
        for at in places(case.block.len()) {
            let mut block = case.block.clone();
            block.remove(at);
            assert_robust(case, &block);
        }
    }
}

#[test]
fn every_octet_twice() {
    for case in CORPUS.iter() {
        for at in places(case.block.len()) {
            let mut block = case.block.clone();
            block.insert(at, case.block[at]);
            assert_robust(case, &block);
        }
    }
}

/// What a browser sends in life, cut at every place and damaged there.
#[test]
fn requests_of_life() {
    let connection = headers::browsing_requests().into_iter().next().expect("there are ten");
    let blocks: Vec<Vec<_>> =
        connection.blocks.iter().map(|block| block.iter().map(Field::from).collect()).collect();
    for count in [1, 2, blocks.len()] {
        let case = case("life", hpack::default_policy, &blocks[..count]);
        for at in 0..case.block.len() {
            assert_robust(&case, &case.block[..at]);
            for change in [0x01, 0x10, 0x40, 0x80, 0xff] {
                let mut block = case.block.clone();
                block[at] ^= change;
                assert_robust(&case, &block);
            }
        }
    }
}
