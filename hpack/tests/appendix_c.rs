//! The examples of RFC 7541 Appendix C: every one decoded, with the table after each block, and
//! encoded where our encoder makes the same choices.
//!
//! Ours never sends a string raw that its Huffman code would make shorter, so the examples without
//! Huffman coding (C.2, C.3, C.5) are those of other encoders and only decoded.

use hpack::{Decoder, Encoder, FieldBuf, FieldLimits, Indexing, huffman};

/// Octets as the RFC prints them.
fn octets(dump: &str) -> Vec<u8> {
    let digits: Vec<u32> = dump.chars().filter_map(|digit| digit.to_digit(16)).collect();
    assert!(digits.len().is_multiple_of(2), "whole octets");
    digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// An example: its octets, the fields, and the table after it, the newest entry first.
struct Example<'a> {
    dump: &'a str,
    fields: &'a [(&'a str, &'a str)],
    /// With the size of each entry.
    table: &'a [(usize, &'a str, &'a str)],
    table_size: usize,
}

impl Example<'_> {
    #[track_caller]
    fn assert_table(&self, table: &hpack::DynamicTable) {
        let mut entries = FieldBuf::new();
        table.entries(&mut entries);
        let expected = self.table.iter().map(|&(_, name, value)| (name, value).into());
        assert!(entries.iter().eq(expected), "{entries:?}");
        for (entry, (size, ..)) in entries.iter().zip(self.table) {
            assert_eq!(entry.size(), *size);
        }
        assert_eq!((table.len(), table.size()), (self.table.len(), self.table_size));
    }

    /// Decodes it as the next block of a connection; the fields.
    #[track_caller]
    fn assert_decoded(&self, decoder: &mut Decoder) -> FieldBuf {
        let mut fields = FieldBuf::new();
        decoder.decode(&octets(self.dump), &FieldLimits::default(), &mut fields).unwrap();
        let pairs = fields.iter().map(|field| (field.name, field.value));
        let expected = self.fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        assert!(pairs.eq(expected), "{fields:?}");
        self.assert_table(decoder.table());
        fields
    }

    /// Encodes it as the next block of a connection.
    #[track_caller]
    fn assert_encoded(&self, encoder: &mut Encoder) {
        let mut block = Vec::new();
        encoder.encode_block(self.fields, &mut block);
        assert_eq!(block, octets(self.dump));
        self.assert_table(encoder.table());
    }
}

/// An encoder that puts everything into its table, as that of the RFC does.
fn encoder() -> Encoder {
    Encoder::new(4096).with_policy(|_, _| Indexing::Incremental)
}

// ---- C.1: integers ----

/// The one prefix of 8 bits that the appendix has (C.1.3) occurs in no representation.
#[test]
fn c_1_integers() {
    for (size, dump) in [(10, "2a"), (1337, "3f9a0a")] {
        let mut decoder = Decoder::new(4096);
        decoder.decode(&octets(dump), &FieldLimits::default(), &mut FieldBuf::new()).unwrap();
        assert_eq!(decoder.table().size_max(), size);
        let mut block = Vec::new();
        Encoder::new(size).begin(&mut block);
        assert_eq!(block, octets(dump));
    }
}

// ---- C.2: representations ----

#[test]
fn c_2_1_literal_with_indexing() {
    let example = Example {
        dump: "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
        fields: &[("custom-key", "custom-header")],
        table: &[(55, "custom-key", "custom-header")],
        table_size: 55,
    };
    let fields = example.assert_decoded(&mut Decoder::new(4096));
    assert!(!fields.get(0).unwrap().sensitive);
}

#[test]
fn c_2_2_literal_without_indexing() {
    let example = Example {
        dump: "040c 2f73 616d 706c 652f 7061 7468",
        fields: &[(":path", "/sample/path")],
        table: &[],
        table_size: 0,
    };
    let fields = example.assert_decoded(&mut Decoder::new(4096));
    assert!(!fields.get(0).unwrap().sensitive);
}

#[test]
fn c_2_3_literal_never_indexed() {
    let example = Example {
        dump: "1008 7061 7373 776f 7264 0673 6563 7265 74",
        fields: &[("password", "secret")],
        table: &[],
        table_size: 0,
    };
    let fields = example.assert_decoded(&mut Decoder::new(4096));
    assert!(fields.get(0).unwrap().sensitive);
}

#[test]
fn c_2_4_indexed() {
    let example = Example { dump: "82", fields: &[(":method", "GET")], table: &[], table_size: 0 };
    example.assert_decoded(&mut Decoder::new(4096));
    example.assert_encoded(&mut encoder());
}

// ---- C.3 and C.4: requests ----

/// The three requests, whose octets alone differ between C.3 and C.4.
fn requests(dumps: [&str; 3]) -> [Example<'_>; 3] {
    let [first, second, third] = dumps;
    [
        Example {
            dump: first,
            fields: &[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "/"),
                (":authority", "www.example.com"),
            ],
            table: &[(57, ":authority", "www.example.com")],
            table_size: 57,
        },
        Example {
            dump: second,
            fields: &[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "/"),
                (":authority", "www.example.com"),
                ("cache-control", "no-cache"),
            ],
            table: &[(53, "cache-control", "no-cache"), (57, ":authority", "www.example.com")],
            table_size: 110,
        },
        Example {
            dump: third,
            fields: &[
                (":method", "GET"),
                (":scheme", "https"),
                (":path", "/index.html"),
                (":authority", "www.example.com"),
                ("custom-key", "custom-value"),
            ],
            table: &[
                (54, "custom-key", "custom-value"),
                (53, "cache-control", "no-cache"),
                (57, ":authority", "www.example.com"),
            ],
            table_size: 164,
        },
    ]
}

#[test]
fn c_3_requests_without_huffman_coding() {
    let mut decoder = Decoder::new(4096);
    for example in requests([
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ]) {
        example.assert_decoded(&mut decoder);
    }
}

#[test]
fn c_4_requests_with_huffman_coding() {
    let (mut decoder, mut encoder) = (Decoder::new(4096), encoder());
    for example in requests([
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ]) {
        example.assert_decoded(&mut decoder);
        example.assert_encoded(&mut encoder);
    }
}

// ---- C.5 and C.6: responses, with a table of 256 octets ----

const RESPONSE_TABLE: usize = 256;
const COOKIE: &str = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";

/// The three responses, whose octets alone differ between C.5 and C.6.
fn responses(dumps: [&str; 3]) -> [Example<'_>; 3] {
    let [first, second, third] = dumps;
    [
        Example {
            dump: first,
            fields: &[
                (":status", "302"),
                ("cache-control", "private"),
                ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
                ("location", "https://www.example.com"),
            ],
            table: &[
                (63, "location", "https://www.example.com"),
                (65, "date", "Mon, 21 Oct 2013 20:13:21 GMT"),
                (52, "cache-control", "private"),
                (42, ":status", "302"),
            ],
            table_size: 222,
        },
        Example {
            dump: second,
            fields: &[
                (":status", "307"),
                ("cache-control", "private"),
                ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
                ("location", "https://www.example.com"),
            ],
            table: &[
                (42, ":status", "307"),
                (63, "location", "https://www.example.com"),
                (65, "date", "Mon, 21 Oct 2013 20:13:21 GMT"),
                (52, "cache-control", "private"),
            ],
            table_size: 222,
        },
        Example {
            dump: third,
            fields: &[
                (":status", "200"),
                ("cache-control", "private"),
                ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
                ("location", "https://www.example.com"),
                ("content-encoding", "gzip"),
                ("set-cookie", COOKIE),
            ],
            table: &[
                (98, "set-cookie", COOKIE),
                (52, "content-encoding", "gzip"),
                (65, "date", "Mon, 21 Oct 2013 20:13:22 GMT"),
            ],
            table_size: 215,
        },
    ]
}

#[test]
fn c_5_responses_without_huffman_coding() {
    let mut decoder = Decoder::new(RESPONSE_TABLE);
    for example in responses([
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 \
         2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 \
         6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d \
         54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 \
         5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e \
         3d31",
    ]) {
        example.assert_decoded(&mut decoder);
    }
}

const C_6: [&str; 3] = [
    "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 \
     2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
    "4883 640e ffc1 c0bf",
    "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab \
     77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f \
     9587 3160 65c0 03ed 4ee5 b106 3d50 07",
];

#[test]
fn c_6_responses_with_huffman_coding() {
    let mut decoder = Decoder::new(RESPONSE_TABLE);
    for example in responses(C_6) {
        example.assert_decoded(&mut decoder);
    }
}

/// But for the `307` of C.6.2, whose code is no shorter than itself: ours sends it as it is.
#[test]
fn c_6_encoded() {
    let mut encoder = encoder();
    encoder.set_peer_table_bytes_max(RESPONSE_TABLE);
    let mut block = Vec::new();
    encoder.begin(&mut block);
    assert_eq!(block, octets("3f e1 01"), "the examples leave the size update out");

    assert_eq!(huffman::encoded_len(b"307"), b"307".len());
    let second = C_6[1].replace("83 640e ff", "03 3330 37");
    assert_ne!(second, C_6[1]);
    for example in responses([C_6[0], &second, C_6[2]]) {
        example.assert_encoded(&mut encoder);
    }
}

/// Evictions come with each insertion, not at the end of a block: each representation as a block
/// of its own, with the size of the table behind it.
#[test]
fn c_6_step_by_step() {
    let mut decoder = Decoder::new(RESPONSE_TABLE);
    for (representation, size, newest) in [
        ("4882 6402", 42, ":status"),
        ("5885 aec3 771a 4b", 42 + 52, "cache-control"),
        ("6196 d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff", 42 + 52 + 65, "date"),
        ("6e91 9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3", 42 + 52 + 65 + 63, "location"),
        ("4883 640e ff", 52 + 65 + 63 + 42, ":status"),
        ("c1", 52 + 65 + 63 + 42, ":status"),
        ("c0", 52 + 65 + 63 + 42, ":status"),
        ("bf", 52 + 65 + 63 + 42, ":status"),
        ("88", 52 + 65 + 63 + 42, ":status"),
        ("c1", 52 + 65 + 63 + 42, ":status"),
        ("6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff", 65 + 63 + 42 + 65, "date"),
        ("c0", 65 + 63 + 42 + 65, "date"),
        ("5a83 9bd9 ab", 63 + 42 + 65 + 52, "content-encoding"),
        (
            "77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f \
             9587 3160 65c0 03ed 4ee5 b106 3d50 07",
            65 + 52 + 98,
            "set-cookie",
        ),
    ] {
        let mut fields = FieldBuf::new();
        decoder.decode(&octets(representation), &FieldLimits::default(), &mut fields).unwrap();
        assert_eq!(decoder.table().size(), size, "{fields:?}");
        let mut entries = FieldBuf::new();
        decoder.table().entries(&mut entries);
        assert_eq!(entries.get(0).unwrap().name, newest.as_bytes());
    }
}
