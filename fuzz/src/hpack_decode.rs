//! The decoder of HPACK under arbitrary octets.
//!
//! The first octet chooses the limits and the table at the beginning; the rest is blocks, and
//! bounds of the table that are acknowledged between them.

use hpack::{
    DecodeError, DecodeErrorKind, Decoder, Encoder, FIELD_OVERHEAD, Field, FieldBuf, FieldLimits,
    Fragments, Indexing, default_policy,
};

use crate::steps::{Step, steps};
use crate::table::{AMPLE, Snapshot, memory_max};
use crate::{cuts, memory};

/// The decoder must never panic, must not let the cuts of its input show, must take no more memory
/// and do no more work than its limits say, must repeat its fatal errors, must say where in the block an error is; a
/// limit must change nothing but how many of the fields there are; and what was decoded can be
/// encoded and decoded again.
///
/// # Panics
/// If one of these does not hold.
pub fn check(input: &[u8]) {
    let Some((&first, octets)) = input.split_first() else { return };
    let mut run = Run::new(first);
    for step in steps(octets) {
        match step {
            Step::Acknowledge(bound) => run.acknowledge(bound),
            Step::Block(block) => {
                if run.block(block).is_err() {
                    break;
                }
            }
        }
    }
}

type Decoded = Result<(), DecodeError>;

struct Run {
    limits: FieldLimits,
    /// The bound of the table, and the highest that it was.
    bound: usize,
    bound_max: usize,
    limited: Decoder,
    /// Sees the same under limits that nothing passes, or hardly anything.
    ample: Decoder,
    /// What was decoded goes through these two.
    encoder: Encoder,
    echo: Decoder,
}

impl Run {
    fn new(first: u8) -> Self {
        let limits = |section_bytes_max, fields_max| FieldLimits { section_bytes_max, fields_max };
        let limits = match first & 7 {
            0 => FieldLimits::default(),
            1 => FieldLimits::NO_FIELDS,
            2 => limits(200, 128),
            3 => limits(16 << 10, 3),
            4 => limits(0, 128),
            5 => limits(76, 2),
            6 => limits(1 << 10, 20),
            _ => AMPLE,
        };
        let bound = [4096, 0, 100, 64 << 10][usize::from(first >> 3 & 3)];
        // Secrets are to come back as what they came, here.
        let encoder = Encoder::new(4096).with_policy(|field, sighting| {
            match default_policy(field, sighting) {
                Indexing::Never => Indexing::Incremental,
                indexing => indexing,
            }
        });
        Self {
            limits,
            bound,
            bound_max: bound,
            limited: Decoder::new(bound),
            ample: Decoder::new(bound),
            encoder,
            echo: Decoder::new(4096),
        }
    }

    fn acknowledge(&mut self, bound: usize) {
        self.bound = bound;
        self.bound_max = self.bound_max.max(bound);
        self.limited.set_table_bytes_max(bound);
        self.ample.set_table_bytes_max(bound);
    }

    /// An error if nothing can be decoded any more, or compared.
    fn block(&mut self, block: &[u8]) -> Decoded {
        let before = self.limited.clone();
        let mut fields = FieldBuf::new();
        let (result, octets) =
            memory::peak(|| self.limited.decode(block, &self.limits, &mut fields));
        self.check_sizes(&result, block, &fields, octets);
        let work = self.limited.work() - before.work();
        assert!(work <= self.work_max(block), "work {work} for {} octets", block.len());
        check_cuts(&before, block, &self.limits, (&result, &fields, &self.limited));
        check_repeats(&self.limited, &result);

        let mut all = FieldBuf::new();
        let ample = self.ample.decode(block, &AMPLE, &mut all);
        self.compare(&result, &fields, &ample, &all);
        if let Err(error) = result
            && !error.is_fatal()
        {
            // What is before the field that was too much is a block of its own, of these fields.
            let (mut decoder, mut start) = (before, FieldBuf::new());
            let cut = decoder.decode(&block[..error.offset()], &AMPLE, &mut start);
            assert_eq!((cut, &start), (Ok(()), &fields), "not where the limit is passed");
        }
        self.check_echo(&all);
        [result, ample].into_iter().find(is_fatal).unwrap_or(Ok(()))
    }

    fn check_sizes(&self, result: &Decoded, block: &[u8], fields: &FieldBuf, octets: usize) {
        assert!(fields.section_bytes() <= self.limits.section_bytes_max);
        assert!(fields.len() <= self.limits.fields_max);
        let table = self.limited.table();
        assert!(table.memory_bytes() <= memory_max(table.size_max()));
        match result {
            Err(error) => assert!(error.offset() <= block.len(), "{error} of {}", block.len()),
            Ok(()) => assert!(table.size_max() <= self.bound),
        }
        // Vectors grow to twice what they hold, and a field takes 8 octets beside its own; behind
        // the limit an entry for the table is scratch; the table's rings are copied when they grow.
        let most = self.limits.section_bytes_max / 2 * 5 + 6 * self.bound_max + 1024;
        assert!(octets <= most, "{octets} octets under {:?}, {}", self.limits, self.bound_max);
    }

    /// What each octet costs while there is room, each of the fields, and each octet behind that; all
    /// together the table, which may be filled anew some times.
    fn work_max(&self, block: &[u8]) -> u64 {
        let fields = 2 * self.limits.section_bytes_max;
        (12 * block.len() + fields + 12 * self.bound_max) as u64
    }

    /// With limits, the fields are those before the first that passes one, and the table is the
    /// same. Only a string that is no Huffman code may stay unseen behind a limit, if the table
    /// does not need it; and only there it may cost too much to follow the table.
    fn compare(&self, result: &Decoded, fields: &FieldBuf, ample: &Decoded, all: &FieldBuf) {
        match (result, ample) {
            (Ok(()), Ok(())) => assert_eq!(fields, all),
            (Err(error), Err(of_ample)) if error == of_ample => {}
            (Err(error), _) if error.kind() == DecodeErrorKind::WorkTooMuch => {
                assert!(is_fatal(ample) || admitted(all, &self.limits).1.is_some());
            }
            (Err(error), Err(of_ample)) if of_ample.is_fatal() => {
                assert!(matches!(of_ample.kind(), DecodeErrorKind::Huffman(_)), "{of_ample}");
                assert_eq!(of_ample.offset() < error.offset(), error.is_fatal());
                return;
            }
            (Err(over), _) if !over.is_fatal() => {
                let (admitted, kind) = admitted(all, &self.limits);
                assert!(fields.iter().eq(all.iter().take(admitted)));
                assert_eq!(Some(over.kind()), kind);
            }
            _ => panic!("{result:?} under limits, {ample:?} without"),
        }
        if !is_fatal(result) {
            let tables = [&self.limited, &self.ample].map(|it| Snapshot::of(it.table()));
            assert_eq!(tables[0], tables[1], "a limit changes the table");
        }
    }

    fn check_echo(&mut self, all: &FieldBuf) {
        let (mut block, mut fields) = (Vec::new(), FieldBuf::new());
        self.encoder.encode_block(all, &mut block);
        assert_eq!(self.echo.decode(&block, &AMPLE, &mut fields), Ok(()));
        assert_eq!(&fields, all, "encoded and decoded again");
    }
}

fn is_fatal(result: &Decoded) -> bool {
    result.is_err_and(|error| error.is_fatal())
}

/// How many of the fields the limits admit, and which one the next passes.
fn admitted(all: &FieldBuf, limits: &FieldLimits) -> (usize, Option<DecodeErrorKind>) {
    let mut bytes = 0;
    for (count, field) in all.iter().enumerate() {
        bytes += field.name.len() + field.value.len() + FIELD_OVERHEAD;
        if count == limits.fields_max {
            return (count, Some(DecodeErrorKind::TooManyFields));
        }
        if bytes > limits.section_bytes_max {
            return (count, Some(DecodeErrorKind::SectionTooLong));
        }
    }
    (all.len(), None)
}

/// The same block in fragments, cut in other ways.
fn check_cuts(
    before: &Decoder,
    block: &[u8],
    limits: &FieldLimits,
    whole: (&Decoded, &FieldBuf, &Decoder),
) {
    let (mut fragments, mut fields) = (Fragments::new(), FieldBuf::new());
    // What was there before is not to show.
    fields.push(Field::sensitive(b"x-before", b"yes"));
    for pieces in cuts::all(block) {
        for piece in pieces {
            fragments.push(piece, block.len()).expect("the block is no longer");
        }
        assert!(fragments.push(b"\x82", block.len()).is_err());
        let mut decoder = before.clone();
        let result = decoder.decode(fragments.block(), limits, &mut fields);
        fragments.clear();
        assert_eq!((&result, &fields), (whole.0, whole.1), "the cuts of the input show");
        assert_eq!(Snapshot::of(decoder.table()), Snapshot::of(whole.2.table()));
    }
}

/// A fatal error comes again for ever, with no fields; any other is over with its block.
fn check_repeats(decoder: &Decoder, result: &Decoded) {
    let mut decoder = decoder.clone();
    let mut fields: FieldBuf = [("x-before", "yes")].into_iter().collect();
    for block in [&b"\x82"[..], b"", b"\x40"] {
        if let Err(error) = result
            && error.is_fatal()
        {
            assert_eq!(decoder.decode(block, &AMPLE, &mut fields), Err(*error));
            assert!(fields.is_empty());
            decoder.set_table_bytes_max(4096);
        } else if block == b"\x82" {
            assert_eq!(decoder.decode(block, &AMPLE, &mut fields), Ok(()));
            assert!(fields.iter().eq([Field::new(b":method", b"GET")]));
        }
    }
}
