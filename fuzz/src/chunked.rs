//! The chunked decoder under arbitrary octets, beside a second decoder that is written for
//! nothing but to be obvious.
//!
//! The first octet chooses how tight the limits are; the rest is the body.

use h1_proto::{ChunkedDecoder, Config, ConnectionError, Decoded, Head};

use crate::{cuts, limits};

/// What a decoder came to.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    content: Vec<u8>,
    trailers: Vec<u8>,
    complete: bool,
    /// Octets of the input behind the body.
    left: usize,
    error: Option<ConnectionError>,
}

/// The decoder must never panic, must not let the cuts of its input show, must repeat its errors,
/// and must agree with the plain one on everything that has no extensions.
///
/// # Panics
/// If one of these does not hold.
pub fn check(input: &[u8]) {
    let Some((&first, octets)) = input.split_first() else { return };
    let config = limits::config(first & 8 != 0, first & 16 != 0);
    // Later runs find what the ones before have left in it.
    let (mut whole, mut head) = (None, Head::new());
    for pieces in cuts::all(octets).into_iter().chain([vec![octets]]) {
        let outcome = decode(&config, &pieces, octets.len(), &mut head);
        match &whole {
            None => {
                compare(&outcome, octets, &config);
                whole = Some(outcome);
            }
            Some(whole) => assert_eq!(&outcome, whole, "the cuts of the input show"),
        }
    }
}

fn decode(config: &Config, pieces: &[&[u8]], octets: usize, head: &mut Head) -> Outcome {
    let mut decoder = ChunkedDecoder::new(config.clone());
    let mut outcome = Outcome::default();
    let mut used = 0;
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let before = rest.len();
            match decoder.decode(&mut rest, head) {
                Ok(Decoded::Data(data)) => {
                    assert!(!data.is_empty() && before - rest.len() >= data.len());
                    outcome.content.extend_from_slice(data);
                }
                Ok(Decoded::NeedInput) => {
                    assert!(rest.is_empty() && !decoder.is_complete());
                    break;
                }
                Ok(Decoded::End) => {
                    assert!(decoder.is_complete());
                    if !outcome.complete {
                        outcome.trailers = head.raw().to_vec();
                        assert!(head.fields().len() <= config.trailers_max);
                    }
                    outcome.complete = true;
                    break;
                }
                Err(error) => {
                    let again = decoder.decode(&mut &b"0\r\n\r\n"[..], head);
                    assert_eq!(again, Err(error.clone()));
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
        used += piece.len() - rest.len();
    }
    assert!(outcome.content.len() as u64 <= config.body_bytes_max);
    assert!(decoder.work() <= 4 * octets as u64);
    outcome.left = octets - used;
    outcome
}

/// What the plain decoder came to.
#[derive(Debug, PartialEq)]
enum Plain<'i> {
    /// The content, and what follows the line of the last chunk.
    Content(Vec<u8>, &'i [u8]),
    Short,
    Wrong,
    /// Something that it does not know: an extension.
    Unknown,
}

/// RFC 9112 §7.1 without extensions, trailers and limits.
fn plain(mut input: &[u8]) -> Plain<'_> {
    let mut content = Vec::new();
    loop {
        let digits = input.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
        let (size, rest) = input.split_at(digits);
        if digits > 16 {
            return Plain::Wrong;
        }
        let rest = match (digits, rest) {
            (_, []) | (1.., [b'\r']) => return Plain::Short,
            (1.., [b'\r', b'\n', rest @ ..]) => rest,
            (1.., [b';' | b' ' | b'\t', ..]) => return Plain::Unknown,
            _ => return Plain::Wrong,
        };
        let size = core::str::from_utf8(size).expect("digits");
        let size = u64::from_str_radix(size, 16).expect("up to 16 digits");
        if size == 0 {
            return Plain::Content(content, rest);
        }
        let Some((data, rest)) =
            usize::try_from(size).ok().and_then(|size| rest.split_at_checked(size))
        else {
            return Plain::Short;
        };
        content.extend_from_slice(data);
        input = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Plain::Short,
            _ => return Plain::Wrong,
        };
    }
}

fn compare(outcome: &Outcome, octets: &[u8], config: &Config) {
    let limit = |error: &ConnectionError| error.rule().ends_with("_max");
    match (plain(octets), &outcome.error) {
        (Plain::Unknown, _) => {}
        (_, Some(error)) if limit(error) => {}
        (Plain::Content(content, rest), error) => {
            assert_eq!(content, outcome.content);
            if rest.starts_with(b"\r\n") {
                assert_eq!(error, &None);
                assert_eq!((outcome.complete, outcome.left), (true, rest.len() - 2));
            } else if outcome.complete && !config.leniency.bare_lf {
                assert!(outcome.trailers.ends_with(b"\r\n\r\n"));
                assert_eq!(outcome.trailers, rest[..rest.len() - outcome.left]);
            }
        }
        (Plain::Short, error) => {
            // Announced octets may overflow before they are missed.
            let overflow = error.as_ref().is_some_and(|error| error.rule() == "RFC 9112 §7.1");
            assert!(!outcome.complete && (error.is_none() || overflow), "{error:?}");
        }
        (Plain::Wrong, error) => assert!(error.is_some(), "accepted what is wrong"),
    }
}
