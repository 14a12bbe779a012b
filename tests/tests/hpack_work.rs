//! What decoding costs: `Decoder::work` counts it, and no block makes it more than linear.

use hpack::{DecodeErrorKind, Decoder, Encoder, FieldBuf, FieldLimits, huffman};
use tests::headers;

const TABLE: usize = 4096;

fn work(prepare: &[u8], block: &[u8], limits: &FieldLimits) -> u64 {
    let mut decoder = Decoder::new(TABLE);
    let mut fields = FieldBuf::new();
    decoder.decode(prepare, &FieldLimits::UNLIMITED, &mut fields).unwrap();
    let before = decoder.work();
    let result = decoder.decode(block, limits, &mut fields);
    assert!(result.is_ok_and(|()| true) || result.is_err_and(|error| !error.is_fatal()));
    decoder.work() - before
}

/// A literal that is inserted, with a name of so many octets and no value.
fn long_name(octets: usize) -> Vec<u8> {
    let mut block = Vec::new();
    Encoder::new(TABLE)
        .with_policy(|_, _| hpack::Indexing::Incremental)
        .encode_block([(&vec![b'#'; octets][..], &b""[..])], &mut block);
    block
}

#[test]
fn what_is_sent_in_life_costs_little() {
    for connection in headers::stories() {
        let (mut encoder, mut decoder) = (Encoder::new(TABLE), Decoder::new(TABLE));
        let (mut fields, mut octets, mut raw) = (FieldBuf::new(), 0, 0);
        for lines in &connection.blocks {
            let mut block = Vec::new();
            encoder.encode_block(lines, &mut block);
            decoder.decode(&block, &FieldLimits::UNLIMITED, &mut fields).unwrap();
            octets += block.len();
            raw += fields.iter().map(|field| field.name.len() + field.value.len()).sum::<usize>();
        }
        assert!(decoder.work() <= (octets + 2 * raw) as u64, "{}", connection.name);
    }
}

#[test]
fn behind_a_limit_a_reference_costs_nothing_but_itself() {
    let limits = FieldLimits { section_bytes_max: 16 << 10, fields_max: 128 };
    let prepare = long_name(4000);
    for count in [1_000, 10_000, 100_000] {
        let block = vec![0xbe; count];
        let cost = work(&prepare, &block, &limits);
        assert!(cost <= (count + limits.section_bytes_max) as u64, "{count}: {cost}");
    }
}

/// The dearest that there is: a long name inserted again with every two octets. Within the limits
/// it costs what they allow, behind them the block ends.
#[test]
fn the_dearest_block_is_bounded_and_seen() {
    let block = [0x7e, 0x00].repeat(10_000);
    let mut decoder = Decoder::new(TABLE);
    let mut fields = FieldBuf::new();
    decoder.decode(&long_name(2000), &FieldLimits::UNLIMITED, &mut fields).unwrap();
    let before = decoder.work();
    let error = decoder.decode(&block, &FieldLimits::default(), &mut fields).unwrap_err();
    assert_eq!((error.kind(), error.is_fatal()), (DecodeErrorKind::WorkTooMuch, true));
    let cost = decoder.work() - before;
    assert!(cost >= 16 << 10, "it is seen: {cost}");
    assert!(cost <= (9 * block.len() + 3 * (16 << 10) + 6 * TABLE) as u64, "{cost}");
}

/// What is a little too long, with every name referred to and every value inserted, is followed.
#[test]
fn a_message_that_is_too_long_is_followed() {
    for connection in headers::stories() {
        let (mut encoder, mut decoder) = (Encoder::new(TABLE), Decoder::new(TABLE));
        let mut fields = FieldBuf::new();
        for lines in &connection.blocks {
            let mut block = Vec::new();
            encoder.encode_block(lines, &mut block);
            let result = decoder.decode(&block, &FieldLimits::NO_FIELDS, &mut fields);
            assert_eq!(result.map_err(|error| error.kind()), Err(DecodeErrorKind::TooManyFields));
        }
        assert_eq!(decoder.table().size(), encoder.table().size(), "{}", connection.name);
    }
}

/// C16 of the attack suite: a long string costs the same however it came.
#[test]
fn a_huffman_string_is_linear() {
    for len in [1 << 10, 16 << 10, 256 << 10] {
        let mut block = vec![0x00, 0x01, b'a', 0xff];
        let mut code = Vec::new();
        huffman::encode(&vec![b'0'; len], &mut code);
        let mut rest = code.len() - 127;
        while rest >= 128 {
            block.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        block.push(rest as u8);
        block.extend(code);
        let cost = work(&[], &block, &FieldLimits::UNLIMITED);
        assert!(cost <= 3 * block.len() as u64, "{len}: {cost}");
        let refused = work(&[], &block, &FieldLimits::default());
        assert!(refused <= (block.len() + (16 << 10)) as u64);
    }
}
