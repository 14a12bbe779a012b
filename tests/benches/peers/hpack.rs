//! Rows P: HPACK.
//!
//! *Stories* are browsers, sites, programs that call APIs and gRPC; *requests* and *responses* are
//! those of browsers and sites alone. A batch is a whole set, with a new encoder or decoder for
//! each connection, as in life, and every peer's input is prepared in its own form outside the
//! time. An operation is a field.
//!
//! - Decoders get the blocks that nghttp2's encoder made, all the same; the lines *own* have those
//!   of our encoder. Ours writes the fields into a list; from the peers they are taken as they show
//!   them, with nothing done but to add up lengths.
//! - h2 shows its HPACK only together with its `HeaderMap`: made from one, and put into one. Of
//!   fields with the same name its encoder looks up the first only: cookies that come one a line
//!   are literals from the second on.
//! - The Huffman code is fed with the strings that nghttp2 would send in it, to and from one buffer.
//!   *nghttp2+count* counts the length before, as nghttp2's encoder has to.

use std::hint::black_box;

use hpack::{Decoder, FieldBuf, FieldLimits, huffman};
use httlib_huffman::DecoderSpeed;
use loona_hpack::huffman::HuffmanDecoder;
use tests::headers::{self, Connection};
use tests::hpack_peers::{
    Decode, Encode, H2Decoder, H2Encoder, HttlibDecoder, HttlibEncoder, LoonaDecoder, LoonaEncoder,
    Nghttp2Decoder, Nghttp2Encoder, Nghttp2Huffman, OurEncoder, TABLE_BYTES, encode_all,
};

use crate::harness::{Contender, Limit, Options, Row, timed};
use crate::literals;
use crate::sizes::Sizes;

const PEER: &str = "nghttp2";

/// All rows of the family. Whether every bar held.
pub(crate) fn rows(options: &Options) -> bool {
    if !options.wants_family("P") {
        return true;
    }
    let stories = Set::new("stories", headers::stories());
    let requests = Set::new("requests", headers::browsing_requests());
    let responses = Set::new("responses", headers::browsing_responses());
    let calls = Set::new("calls", headers::api_and_grpc());
    let mut held = true;
    held &= decode(options, "P1", &stories, 0.70, 0.50);
    held &= decode(options, "P2", &requests, 0.69, 0.45);
    held &= encode(options, "P3", &stories, 0.76, 0.55);
    held &= encode(options, "P4", &requests, 1.0, 0.65);
    held &= sizes(options, &stories, Some((1.0, 0.99)));
    held &= sizes(options, &requests, Some((1.0, 0.88)));
    held &= sizes(options, &responses, Some((1.0, 0.94)));
    held &= sizes(options, &calls, None);
    held & huffman_code(options, &stories)
}

/// What is compressed, and what nghttp2 makes of it.
struct Set {
    name: &'static str,
    connections: Vec<Connection>,
    /// The blocks of each connection.
    blocks: Vec<Vec<Vec<u8>>>,
    fields: usize,
    /// Octets of names and values.
    raw: usize,
}

impl Set {
    fn new(name: &'static str, connections: Vec<Connection>) -> Self {
        let fields = || connections.iter().flat_map(|it| &it.blocks).flatten();
        Self {
            name,
            blocks: blocks_of::<Nghttp2Encoder>(&connections),
            fields: fields().count(),
            raw: fields().map(|(name, value)| name.len() + value.len()).sum(),
            connections,
        }
    }
}

fn blocks_of<E: Encode>(connections: &[Connection]) -> Vec<Vec<Vec<u8>>> {
    connections.iter().map(|connection| encode_all::<E>(&connection.blocks)).collect()
}

fn decode(options: &Options, id: &'static str, set: &Set, bar: f64, goal: f64) -> bool {
    let held = options.run(Row {
        id,
        what: format!("decode {}", set.name),
        operations: set.fields,
        octets: None,
        contenders: vec![
            our_decoding(&set.blocks),
            decoding::<Nghttp2Decoder>(PEER, &set.blocks),
            h2_decoding(&set.blocks),
            decoding::<HttlibDecoder>("httlib", &set.blocks),
            decoding::<LoonaDecoder>("loona", &set.blocks),
        ],
        bar: Some(Limit::Times(bar, PEER)),
        goal: Some(Limit::Times(goal, PEER)),
    });
    let blocks = blocks_of::<OurEncoder>(&set.connections);
    options.run(Row {
        id,
        what: format!("decode own, {}", set.name),
        operations: set.fields,
        octets: None,
        contenders: vec![
            our_decoding(&blocks),
            decoding::<Nghttp2Decoder>(PEER, &blocks),
            h2_decoding(&blocks),
        ],
        bar: None,
        goal: Some(Limit::Times(goal, PEER)),
    });
    held
}

fn our_decoding(connections: &[Vec<Vec<u8>>]) -> Contender<'_> {
    let limits = FieldLimits::default();
    let mut fields = FieldBuf::new();
    Contender::new("ours", move || {
        timed(|| {
            for blocks in connections {
                let mut decoder = Decoder::new(TABLE_BYTES);
                for block in blocks {
                    let result = decoder.decode(black_box(block), &limits, &mut fields);
                    assert!(result.is_ok());
                    black_box(&fields);
                }
            }
        })
    })
}

fn decoding<'a, D: Decode>(name: &'static str, connections: &'a [Vec<Vec<u8>>]) -> Contender<'a> {
    Contender::new(name, move || {
        timed(|| {
            for blocks in connections {
                let mut decoder = D::default();
                for block in blocks {
                    let mut octets = 0;
                    let count = |name: &[u8], value: &[u8]| octets += name.len() + value.len();
                    assert!(decoder.decode(black_box(block), count).is_ok());
                    black_box(octets);
                }
            }
        })
    })
}

fn h2_decoding(connections: &[Vec<Vec<u8>>]) -> Contender<'_> {
    Contender::new("h2", move || {
        timed(|| {
            for blocks in connections {
                let mut decoder = H2Decoder::default();
                for block in blocks {
                    assert!(black_box(decoder.decode_frame(black_box(block))).is_ok());
                }
            }
        })
    })
}

fn encode(options: &Options, id: &'static str, set: &Set, bar: f64, goal: f64) -> bool {
    options.run(Row {
        id,
        what: format!("encode {}", set.name),
        operations: set.fields,
        octets: None,
        contenders: vec![
            encoding::<OurEncoder>("ours", set),
            encoding::<Nghttp2Encoder>(PEER, set),
            encoding::<H2Encoder>("h2", set),
            encoding::<HttlibEncoder>("httlib", set),
            encoding::<LoonaEncoder>("loona", set),
        ],
        bar: Some(Limit::Times(bar, PEER)),
        goal: Some(Limit::Times(goal, PEER)),
    })
}

fn encoding<'a, E: Encode + 'a>(name: &'static str, set: &'a Set) -> Contender<'a> {
    let mut out = Vec::new();
    Contender::new(name, move || {
        let prepare = |connection: &'a Connection| connection.blocks.iter().map(E::prepare);
        let mut prepared: Vec<Vec<_>> =
            set.connections.iter().map(|it| prepare(it).collect()).collect();
        timed(|| {
            for blocks in &mut prepared {
                let mut encoder = E::default();
                for block in blocks {
                    out.clear();
                    encoder.encode(black_box(block), &mut out);
                    black_box(&out);
                }
            }
        })
    })
}

fn sizes(options: &Options, set: &Set, limits: Option<(f64, f64)>) -> bool {
    let size = |blocks: &[Vec<Vec<u8>>]| blocks.iter().flatten().map(Vec::len).sum::<usize>();
    Sizes {
        id: "P5",
        what: set.name,
        raw: set.raw,
        results: vec![
            ("ours", size(&blocks_of::<OurEncoder>(&set.connections))),
            (PEER, size(&set.blocks)),
            ("h2", size(&blocks_of::<H2Encoder>(&set.connections))),
            ("httlib", size(&blocks_of::<HttlibEncoder>(&set.connections))),
            ("loona", size(&blocks_of::<LoonaEncoder>(&set.connections))),
        ],
        peer: PEER,
        bar: limits.map(|it| it.0),
        goal: limits.map(|it| it.1),
    }
    .print(options)
}

fn huffman_code(options: &Options, set: &Set) -> bool {
    let (mut codes, mut texts, mut raw) = (Vec::new(), Vec::new(), 0);
    set.blocks.iter().flatten().for_each(|block| literals::collect(block, &mut codes));
    for code in &codes {
        let mut text = Vec::new();
        huffman::decode(code, &mut text).expect("a good code");
        raw += text.len();
        texts.push(text);
    }
    let mut held = options.run(Row {
        id: "P6",
        what: "Huffman encode".into(),
        operations: texts.len(),
        octets: Some(raw),
        contenders: vec![
            coding("ours", &texts, huffman::encode),
            coding_by_nghttp2(PEER, &texts, Nghttp2Huffman::encode),
            coding_by_nghttp2("nghttp2+count", &texts, |peer, text| {
                black_box(Nghttp2Huffman::encoded_len(text));
                peer.encode(text);
            }),
            coding("httlib", &texts, |text, out| {
                assert!(httlib_huffman::encode(text, out).is_ok());
            }),
        ],
        bar: Some(Limit::Rate(2.0, PEER)),
        goal: Some(Limit::Rate(3.0, PEER)),
    });
    let mut loona = HuffmanDecoder::new();
    held &= options.run(Row {
        id: "P7",
        what: "Huffman decode".into(),
        operations: codes.len(),
        octets: Some(raw),
        contenders: vec![
            coding("ours", &codes, |code, out| assert!(huffman::decode(code, out).is_ok())),
            coding_by_nghttp2(PEER, &codes, |peer, code| assert!(peer.decode(code))),
            coding("httlib", &codes, |code, out| {
                assert!(httlib_huffman::decode(code, out, DecoderSpeed::FiveBits).is_ok());
            }),
            coding("loona", &codes, |code, out| {
                *out = loona.decode(code).expect("a good code");
            }),
        ],
        bar: Some(Limit::Rate(1.4, PEER)),
        goal: Some(Limit::Rate(2.5, PEER)),
    });
    held
}

/// Codes every string behind the one before.
fn coding<'a>(
    name: &'static str,
    strings: &'a [Vec<u8>],
    mut code: impl FnMut(&[u8], &mut Vec<u8>) + 'a,
) -> Contender<'a> {
    let mut out = Vec::new();
    Contender::new(name, move || {
        out.clear();
        let time = timed(|| strings.iter().for_each(|string| code(black_box(string), &mut out)));
        black_box(&out);
        time
    })
}

fn coding_by_nghttp2<'a>(
    name: &'static str,
    strings: &'a [Vec<u8>],
    code: impl Fn(&mut Nghttp2Huffman, &[u8]) + 'a,
) -> Contender<'a> {
    let mut peer = Nghttp2Huffman::new(4 * strings.iter().map(Vec::len).sum::<usize>());
    Contender::new(name, move || {
        peer.clear();
        let time = timed(|| strings.iter().for_each(|string| code(&mut peer, black_box(string))));
        black_box(peer.written());
        time
    })
}
