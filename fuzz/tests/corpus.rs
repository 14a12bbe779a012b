//! Every harness over its corpus, over what fuzzing has found before, and over some thousands of
//! mutations of both that are the same in every run.

use std::fs;
use std::path::{Path, PathBuf};

use fuzz::{Rng, chunked, h1_pair, h1_request, h1_response};

const MUTATIONS: usize = 4_000;

#[test]
fn h1_request_holds() {
    run("h1_request", h1_request::check);
}

#[test]
fn h1_response_holds() {
    run("h1_response", h1_response::check);
}

#[test]
fn chunked_holds() {
    run("chunked", chunked::check);
}

#[test]
fn h1_pair_holds() {
    run("h1_pair", h1_pair::check);
}

fn run(target: &str, check: fn(&[u8])) {
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
        let input = mutate(&inputs, &mut rng);
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
fn mutate(inputs: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    const WORDS: [&[u8]; 12] = [
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
            3 => drop(input.splice(at..at, WORDS[rng.below(WORDS.len())].iter().copied())),
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
