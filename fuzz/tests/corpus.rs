//! Every harness over its corpus, over what fuzzing has found before, and over some thousands of
//! mutations of both that are the same in every run.

use std::fs;
use std::path::{Path, PathBuf};

use fuzz::{
    Rng, chunked, h1_pair, h1_request, h1_response, h2_calls, h2_client, h2_pair, h2_server,
};
use fuzz::{hpack_decode, hpack_differential, hpack_round_trip};

const MUTATIONS: usize = 4_000;

#[test]
fn h1_request_holds() {
    run("h1_request", &H1_WORDS, h1_request::check);
}

#[test]
fn h1_response_holds() {
    run("h1_response", &H1_WORDS, h1_response::check);
}

#[test]
fn chunked_holds() {
    run("chunked", &H1_WORDS, chunked::check);
}

#[test]
fn h1_pair_holds() {
    run("h1_pair", &H1_WORDS, h1_pair::check);
}

#[test]
fn hpack_decode_holds() {
    run("hpack_decode", &HPACK_WORDS, hpack_decode::check);
}

#[test]
fn hpack_round_trip_holds() {
    run("hpack_round_trip", &HPACK_WORDS, hpack_round_trip::check);
}

#[test]
fn hpack_differential_holds() {
    run("hpack_differential", &HPACK_WORDS, hpack_differential::check);
}

#[test]
fn h2_server_holds() {
    run("h2_server", &H2_WORDS, h2_server::check);
}

#[test]
fn h2_client_holds() {
    run("h2_client", &H2_WORDS, h2_client::check);
}

#[test]
fn h2_calls_holds() {
    run("h2_calls", &H2_WORDS, h2_calls::check);
}

#[test]
fn h2_pair_holds() {
    run("h2_pair", &H2_PAIR_WORDS, h2_pair::check);
}

const H1_WORDS: [&[u8]; 12] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b":",
    b"0\r\n\r\n",
    b";a=\"b\"",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\xff",
    b"\0",
];

/// Indices, literals, sizes and integers at their borders, the Huffman code of 0 and a long one.
const HPACK_WORDS: [&[u8]; 12] = [
    b"\x82",
    b"\xbe",
    b"\xbf",
    b"\xff\x00",
    b"\x40\x01a\x01b",
    b"\x7e\x01c",
    b"\x10\x01s\x01t",
    b"\x20",
    b"\x3f\xe1\x1f",
    b"\xff\xff\xff\xff",
    b"\x40\x81\x07\x80",
    b"\x0f\x2f\x84\xff\xff\xff\xf3",
];

/// Frames in short: requests, a response, content, settings, windows, resets.
const H2_WORDS: [&[u8]; 12] = [
    b"\x01\x05\x01\x03\x82\x87\x84",
    b"\x01\x04\x03\x03\x83\x87\x84",
    b"\x01\x04\x01\x01\x88",
    b"\0\0\x01\x01x",
    b"\0\x01\x01\0",
    b"\0\0\x01\xffx",
    b"\x03\0\x01\x04\0\0\0\x08",
    b"\x04\0\0\x06\0\x04\0\0\0\x0a",
    b"\x06\x01\0\x08settings",
    b"\x07\0\0\x08\0\0\0\x01\0\0\0\0",
    b"\x08\0\0\x04\0\x01\0\0",
    b"\x08\0\x01\x04\x7f\xff\xff\xff",
];

/// Operations: requests, content, answers, everything carried, resets, settings, shutdowns.
const H2_PAIR_WORDS: [&[u8]; 12] = [
    b"\0\0",
    b"\0\x01",
    b"\x0a\0",
    b"\x02\xf8",
    b"\x03\x10",
    b"\x05\xf0",
    b"\x0b\xf0",
    b"\x0d\x08",
    b"\x0e\0",
    b"\x0e\x06",
    b"\x0f\x24",
    b"\x0f\x25",
];

fn run(target: &str, words: &[&[u8]], check: fn(&[u8])) {
    let seeds = files("corpus", target);
    assert!(seeds.len() >= 20, "the corpus of {target} is gone");
    let mut inputs = Vec::new();
    for path in seeds.into_iter().chain(files("regressions", target)) {
        let input = fs::read(&path).expect("a file of the corpus");
        under(&path.display().to_string(), &input, check);
        inputs.push(input);
    }
    let mut rng = Rng::of(target.as_bytes());
    for number in 0..MUTATIONS {
        let input = mutate(&inputs, words, &mut rng);
        under(&format!("mutation {number}"), &input, check);
    }
}

/// The files of a target in the order of their names, so that mutations are the same everywhere.
fn files(folder: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// Says which input it was if the harness panics.
fn under(name: &str, input: &[u8], check: fn(&[u8])) {
    struct Tell<'a>(&'a str, &'a [u8]);
    impl Drop for Tell<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("found by {}: b\"{}\"", self.0, self.1.escape_ascii());
            }
        }
    }
    let _tell = Tell(name, input);
    check(input);
}

/// One to four small changes to one of the inputs.
fn mutate(inputs: &[Vec<u8>], words: &[&[u8]], rng: &mut Rng) -> Vec<u8> {
    let mut input = inputs[rng.below(inputs.len())].clone();
    for _ in 0..=rng.below(4) {
        let at = rng.below(input.len() + 1);
        let to = (at + rng.below(12)).min(input.len());
        match rng.below(7) {
            0 if at < input.len() => input[at] ^= 1 << rng.below(8),
            1 => drop(input.drain(at..to)),
            2 => {
                let again = input[at..to].to_vec();
                input.splice(at..at, again);
            }
            3 => drop(input.splice(at..at, words[rng.below(words.len())].iter().copied())),
            4 => {
                let other = &inputs[rng.below(inputs.len())];
                let from = rng.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            5 => input.truncate(at),
            _ => {
                let octet = u8::try_from(rng.below(256)).unwrap_or_default();
                input.insert(at, octet);
            }
        }
    }
    input
}
