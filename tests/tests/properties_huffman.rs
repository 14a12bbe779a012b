//! Properties of the Huffman code over random texts and octets, and against the code of RFC 7541
//! Appendix B taken bit by bit.
//!
//! The generator is seeded: a failure comes again.

use hpack::huffman::{self, HuffmanError, HuffmanErrorKind};
use quickcheck::{Arbitrary, Gen, QuickCheck};

const SEED: u64 = 0x6875;

fn below(g: &mut Gen, end: usize) -> usize {
    usize::arbitrary(g) % end
}

fn one_of<T: Copy>(g: &mut Gen, choices: &[T]) -> T {
    choices[below(g, choices.len())]
}

/// The code of RFC 7541 Appendix B, as bits: those of octet 0 first, those of EOS last.
fn codes() -> Vec<Vec<bool>> {
    let lines = include_str!("../../hpack/huffman_code.txt").lines();
    let code = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let code = u32::from_str_radix(words[1], 16).unwrap();
        (0..words[2].parse().unwrap()).rev().map(|bit: u32| code >> bit & 1 == 1).collect()
    };
    lines.filter(|line| !line.starts_with('#')).map(code).collect()
}

/// The code bit by bit, as the RFC says it: slow, and plain to see.
struct Reference {
    codes: Vec<Vec<bool>>,
}

impl Reference {
    fn new() -> Self {
        let codes = codes();
        assert_eq!(codes.len(), 257);
        Self { codes }
    }

    fn encode(&self, text: &[u8]) -> Vec<u8> {
        let mut bits: Vec<bool> =
            text.iter().flat_map(|&octet| self.codes[usize::from(octet)].clone()).collect();
        while !bits.len().is_multiple_of(8) {
            bits.push(true);
        }
        let octet = |bits: &[bool]| bits.iter().fold(0, |octet, &bit| octet << 1 | u8::from(bit));
        bits.chunks(8).map(octet).collect()
    }

    fn decode(&self, code: &[u8]) -> Result<Vec<u8>, HuffmanError> {
        let bits: Vec<bool> = code
            .iter()
            .flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1))
            .collect();
        let (mut text, mut start) = (Vec::new(), 0);
        // No code is the beginning of another, so the first that fits is it.
        'symbols: loop {
            for len in 5..=30.min(bits.len() - start) {
                let symbol = self.codes.iter().position(|it| it == &bits[start..start + len]);
                match symbol {
                    None => continue,
                    Some(256) => {
                        let kind = HuffmanErrorKind::Eos;
                        return Err(HuffmanError { kind, offset: start / 8 });
                    }
                    Some(octet) => text.push(octet as u8),
                }
                start += len;
                continue 'symbols;
            }
            break;
        }
        let padding = &bits[start..];
        if padding.len() > 7 || padding.contains(&false) {
            return Err(HuffmanError { kind: HuffmanErrorKind::Padding, offset: start / 8 });
        }
        Ok(text)
    }
}

/// Text whose codes are of all lengths: short ones only, any, or long ones only.
#[derive(Clone, Debug)]
struct Text(Vec<u8>);

impl Arbitrary for Text {
    fn arbitrary(g: &mut Gen) -> Self {
        let alphabet: &[u8] = one_of(
            g,
            &[
                b"012aceiost",
                b" %-./3456789=A_bdfghlmnpru",
                b"abcdefghijklmnopqrstuvwxyz0123456789-_./:;=",
                b"!\"#$&'()*+,;<>?@XZ[\\]^`{|}~",
                b"\x00\x01\n\r\x16\x7f\x80\xf0\xf9\xff",
                b"0\n",
            ],
        );
        let any = below(g, 4) == 0;
        let end = one_of(g, &[4, 12, 40, 300]);
        let len = below(g, end);
        let octet = |g: &mut Gen| if any { u8::arbitrary(g) } else { one_of(g, alphabet) };
        Self((0..len).map(|_| octet(g)).collect())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

#[test]
fn huffman_there_and_back() {
    fn property(Text(text): Text, before: Vec<u8>) -> bool {
        // Behind what is already there.
        let mut code = before.clone();
        huffman::encode(&text, &mut code);
        let code = code.strip_prefix(&before[..]).expect("it is still there");
        assert_eq!(code.len(), huffman::encoded_len(&text));
        let mut back = before.clone();
        huffman::decode(code, &mut back).unwrap();
        back == [before, text].concat()
    }
    let generator = Gen::from_size_and_seed(60, SEED);
    let mut check = QuickCheck::new().rng(generator).tests(20_000).max_tests(20_000);
    check.quickcheck(property as fn(Text, Vec<u8>) -> bool);
}

#[test]
fn huffman_code_is_that_of_the_rfc() {
    let reference = Reference::new();
    let mut generator = Gen::from_size_and_seed(60, SEED);
    for _ in 0..3_000 {
        let Text(text) = Text::arbitrary(&mut generator);
        let mut code = Vec::new();
        huffman::encode(&text, &mut code);
        assert_eq!(code, reference.encode(&text), "{}", text.escape_ascii());
    }
}

/// Codes and what is none: any octets, the ends of codes cut off, ones and zeros behind them.
#[test]
fn huffman_faults_are_those_of_the_rfc() {
    let reference = Reference::new();
    let mut g = Gen::from_size_and_seed(60, SEED);
    let (mut texts, mut eos, mut padding) = (0, 0, 0);
    for _ in 0..6_000 {
        let Text(text) = Text::arbitrary(&mut g);
        let mut code = reference.encode(&text[..text.len().min(60)]);
        match below(&mut g, 6) {
            0 => code.truncate(below(&mut g, code.len() + 1)),
            1 => code.extend(vec![0xff; below(&mut g, 6)]),
            2 => code.extend(Vec::<u8>::arbitrary(&mut g).iter().take(12)),
            3 if !code.is_empty() => {
                let at = below(&mut g, code.len());
                code[at] ^= 1 << below(&mut g, 8);
            }
            4 => {
                if let Some(last) = code.last_mut() {
                    *last = u8::arbitrary(&mut g);
                }
            }
            _ => {}
        }
        let mut text = b"before".to_vec();
        let result = huffman::decode(&code, &mut text);
        match reference.decode(&code) {
            Ok(expected) => {
                assert_eq!(result, Ok(()), "{code:x?}");
                assert_eq!(&text[6..], expected);
                texts += 1;
            }
            Err(expected) => {
                assert_eq!(result, Err(expected), "{code:x?}");
                assert_eq!(text, b"before", "nothing is left of it");
                match expected.kind {
                    HuffmanErrorKind::Eos => eos += 1,
                    _ => padding += 1,
                }
            }
        }
    }
    assert!(texts > 1_000 && eos > 300 && padding > 1_000, "{texts}, {eos}, {padding}");
}
