//! The static table against a transcription of RFC 7541 Appendix A that knows nothing of ours, with
//! the numbers written out, so that a row that is missing or out of place shows.

use hpack::{Decoder, Encoder, Field, FieldBuf, FieldLimits, static_table};

#[rustfmt::skip]
const APPENDIX_A: &str = "
    1 | :authority |
    2 | :method | GET
    3 | :method | POST
    4 | :path | /
    5 | :path | /index.html
    6 | :scheme | http
    7 | :scheme | https
    8 | :status | 200
    9 | :status | 204
    10 | :status | 206
    11 | :status | 304
    12 | :status | 400
    13 | :status | 404
    14 | :status | 500
    15 | accept-charset |
    16 | accept-encoding | gzip, deflate
    17 | accept-language |
    18 | accept-ranges |
    19 | accept |
    20 | access-control-allow-origin |
    21 | age |
    22 | allow |
    23 | authorization |
    24 | cache-control |
    25 | content-disposition |
    26 | content-encoding |
    27 | content-language |
    28 | content-length |
    29 | content-location |
    30 | content-range |
    31 | content-type |
    32 | cookie |
    33 | date |
    34 | etag |
    35 | expect |
    36 | expires |
    37 | from |
    38 | host |
    39 | if-match |
    40 | if-modified-since |
    41 | if-none-match |
    42 | if-range |
    43 | if-unmodified-since |
    44 | last-modified |
    45 | link |
    46 | location |
    47 | max-forwards |
    48 | proxy-authenticate |
    49 | proxy-authorization |
    50 | range |
    51 | referer |
    52 | refresh |
    53 | retry-after |
    54 | server |
    55 | set-cookie |
    56 | strict-transport-security |
    57 | transfer-encoding |
    58 | user-agent |
    59 | vary |
    60 | via |
    61 | www-authenticate |
";

/// Index, name and value.
fn rows() -> Vec<(usize, Field<'static>)> {
    let row = |line: &'static str| {
        let [index, name, value] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("three columns: {line}");
        };
        (index.trim().parse().unwrap(), Field::from((name.trim(), value.trim())))
    };
    APPENDIX_A.trim().lines().map(row).collect()
}

#[test]
fn every_row() {
    let rows = rows();
    assert_eq!(rows.len(), 61);
    for (position, (index, field)) in rows.into_iter().enumerate() {
        assert_eq!(index, position + 1);
        assert_eq!(static_table::get(index), Some(field));
    }
    for beyond in [0, 62, usize::MAX] {
        assert_eq!(static_table::get(beyond), None);
    }
}

/// As an indexed representation, both ways.
#[test]
fn every_row_is_an_octet() {
    for (index, field) in rows() {
        let mut block = Vec::new();
        Encoder::new(4096).encode_block([field], &mut block);
        assert_eq!(block, [0x80 | index as u8], "{field:?}");
        let mut fields = FieldBuf::new();
        Decoder::new(4096).decode(&block, &FieldLimits::default(), &mut fields).unwrap();
        assert!(fields.iter().eq([field]), "{fields:?}");
    }
}

/// As the name of a literal, both ways: the first row with that name.
#[test]
fn every_name_is_found() {
    let rows = rows();
    for &(_, Field { name, .. }) in &rows {
        let first = rows.iter().find(|(_, field)| field.name == name).unwrap().0;
        let mut block = Vec::new();
        Encoder::new(4096).encode_block([Field::sensitive(name, b"*")], &mut block);
        // A prefix of 4 bits: from 15 on the rest follows.
        let mut expected =
            if first < 15 { vec![0x10 | first as u8] } else { vec![0x1f, first as u8 - 15] };
        expected.extend(b"\x01*");
        assert_eq!(block, expected, "{}", name.escape_ascii());
        let mut fields = FieldBuf::new();
        Decoder::new(4096).decode(&block, &FieldLimits::default(), &mut fields).unwrap();
        assert!(fields.iter().eq([Field::sensitive(name, b"*")]));
    }
}

/// Every row as the name of every kind of literal: whatever the encoder prefers, they all are valid.
#[test]
fn every_row_names_a_literal() {
    for (index, Field { name, .. }) in rows() {
        for (flags, prefix) in [(0x40, 63), (0x00, 15), (0x10, 15)] {
            let mut block = if index < prefix {
                vec![flags | index as u8]
            } else {
                vec![flags | prefix as u8, (index - prefix) as u8]
            };
            block.extend(b"\x05value");
            let mut decoder = Decoder::new(4096);
            let mut fields = FieldBuf::new();
            decoder.decode(&block, &FieldLimits::default(), &mut fields).unwrap();
            let expected = Field { name, value: b"value", sensitive: flags == 0x10 };
            assert!(fields.iter().eq([expected]), "{fields:?}");
            assert_eq!(decoder.table().len(), usize::from(flags == 0x40));
        }
    }
}
