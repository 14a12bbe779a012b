//! The decoder of HPACK and that of nghttp2 under the same octets: blocks, and bounds of the table
//! that are acknowledged between them.

use hpack::{DecodeError, DecodeErrorKind, Decoder, FIELD_OVERHEAD, FieldBuf};

use crate::nghttp2::{Inflater, Refused};
use crate::steps::{Step, steps};
use crate::table::{AMPLE, Snapshot};

/// Both must come to the same fields, each with the same mark of one that is never indexed, to the
/// same tables, and to the same verdict, but for what `Difference` lists.
///
/// # Panics
/// If one of these does not hold.
pub fn check(input: &[u8]) {
    compare(input);
}

/// Where the two come to different verdicts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Difference {
    /// We refuse the third table size update of a block. RFC 7541 §4.2 has two, the smallest size in
    /// between and the final one; nghttp2 takes any number.
    SizeUpdates,
    /// We refuse a block that is far beyond our limits and costs more than its octets in following the
    /// table; nghttp2 has no limits.
    WorkBehindLimit,
    /// nghttp2 refuses a string that takes more than 64 KiB in the block, whatever it may take
    /// decoded. To us that is a matter of the limits, which are the caller's.
    LongString,
}

/// Both decoders, over the input, up to the first difference. What is refused stays refused.
fn compare(input: &[u8]) -> Option<Difference> {
    let (mut ours, mut theirs) = (Decoder::new(4096), Inflater::new());
    for step in steps(input) {
        match step {
            Step::Acknowledge(bound) => {
                ours.set_table_bytes_max(bound);
                theirs.set_table_bytes_max(bound);
            }
            Step::Block(block) => {
                let verdicts = decode(&mut ours, &mut theirs, block);
                let decoded = verdicts.0.is_ok() && verdicts.1.is_ok();
                if let Some(difference) = difference(verdicts, block) {
                    return Some(difference);
                }
                if decoded {
                    assert_eq!(Snapshot::of(ours.table()), theirs.table(), "the tables differ");
                }
            }
        }
    }
    None
}

/// Both over one block. A limit that we pass is no matter of the verdict: there has to be one.
fn decode(
    ours: &mut Decoder,
    theirs: &mut Inflater,
    block: &[u8],
) -> (Result<(), DecodeError>, Result<(), Refused>) {
    let (mut our_fields, mut their_fields) = (FieldBuf::new(), FieldBuf::new());
    let our_verdict = match ours.decode(block, &AMPLE, &mut our_fields) {
        Err(error) if !error.is_fatal() => Ok(()),
        verdict => verdict,
    };
    let mut room = true;
    let their_verdict = theirs.decode(block, |field| {
        let size = field.name.len() + field.value.len() + FIELD_OVERHEAD;
        room &= their_fields.section_bytes() + size <= AMPLE.section_bytes_max;
        if room {
            their_fields.push(field);
        }
    });
    if our_verdict.is_ok() && their_verdict.is_ok() {
        assert_eq!(our_fields, their_fields);
    }
    (our_verdict, their_verdict)
}

/// The difference that explains two verdicts, if they are not the same.
///
/// # Panics
/// If none does.
fn difference(
    verdicts: (Result<(), DecodeError>, Result<(), Refused>),
    block: &[u8],
) -> Option<Difference> {
    const STRING_MAX: usize = 64 << 10;
    match verdicts {
        (Err(_), Err(Refused)) | (Ok(()), Ok(())) => None,
        (Err(error), Ok(())) if error.kind() == DecodeErrorKind::TooManySizeUpdates => {
            Some(Difference::SizeUpdates)
        }
        (Err(error), Ok(())) if error.kind() == DecodeErrorKind::WorkTooMuch => {
            Some(Difference::WorkBehindLimit)
        }
        (Ok(()), Err(Refused)) if block.len() > STRING_MAX => Some(Difference::LongString),
        (ours, theirs) => panic!("we say {ours:?}, nghttp2 says {theirs:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_size_update() {
        assert_eq!(compare(b"\x03\x20\x20\x82"), None);
        assert_eq!(compare(b"\x04\x20\x20\x20\x82"), Some(Difference::SizeUpdates));
    }

    /// A name of 4,000 octets, inserted again and again by reference.
    #[test]
    fn a_name_again_and_again() {
        let name = [&b"\xf0\x40\x7f\xa1\x1e"[..], &[b'n'; 4000], b"\x00"].concat();
        let block = |times| [name.as_slice(), &b"\x7e\x00".repeat(times)].concat();
        assert_eq!(compare(&block(60)), None);
        assert_eq!(compare(&block(200)), Some(Difference::WorkBehindLimit));
    }

    /// 64 KiB and one more, as they are.
    #[test]
    fn a_long_string() {
        let block =
            |length: &[u8], octets| [b"\xff\x00\x01a", length, &vec![b'v'; octets]].concat();
        assert_eq!(compare(&block(b"\x7f\x81\xff\x03", 1 << 16)), None);
        let difference = compare(&block(b"\x7f\x82\xff\x03", (1 << 16) + 1));
        assert_eq!(difference, Some(Difference::LongString));
    }
}
