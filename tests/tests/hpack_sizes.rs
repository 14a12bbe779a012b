//! The size of the tables as it changes (RFC 7541 §4.2, §4.3, §6.3): what an encoder says of it,
//! and what a decoder demands to hear.

use hpack::{DecodeErrorKind, Decoder, Encoder, FieldLimits, Indexing};
use tests::field_block::{FieldBlock, Literal, UNLIMITED, decode, decode_however_cut, entries};

/// The size that a peer's table has before it says anything (RFC 9113 §6.5.2).
const DEFAULT: usize = 4096;

fn encoder(table_bytes_max: usize) -> Encoder {
    Encoder::new(table_bytes_max).with_policy(|_, _| Indexing::Incremental)
}

fn begun(encoder: &mut Encoder) -> Vec<u8> {
    let mut block = Vec::new();
    encoder.begin(&mut block);
    block
}

/// The block of these size updates and nothing else.
fn updates(sizes: &[usize]) -> FieldBlock {
    sizes.iter().fold(FieldBlock::raw(), |block, &size| block.size_update(size))
}

// ---- what an encoder says ----

#[test]
fn an_encoder_says_nothing_of_a_size_that_did_not_change() {
    let mut encoder = encoder(DEFAULT);
    assert_eq!(begun(&mut encoder), []);
    encoder.set_peer_table_bytes_max(DEFAULT);
    encoder.set_table_bytes_max(DEFAULT);
    assert_eq!(begun(&mut encoder), []);
    // What the one raises does not matter while the other does not.
    encoder.set_peer_table_bytes_max(1 << 20);
    assert_eq!(begun(&mut encoder), []);
    encoder.set_peer_table_bytes_max(DEFAULT);
    encoder.set_table_bytes_max(1 << 20);
    assert_eq!(begun(&mut encoder), []);
    encoder.set_table_bytes_max(100);
    assert_eq!(begun(&mut encoder), updates(&[100]).octets());
    assert_eq!(begun(&mut encoder), [], "said once");
}

#[test]
fn an_encoder_with_a_cap_of_its_own_says_so_first() {
    for (cap, said) in [(0, &[0][..]), (100, &[100]), (4095, &[4095]), (4096, &[]), (1 << 20, &[])]
    {
        let mut encoder = encoder(cap);
        assert_eq!(begun(&mut encoder), updates(said).octets());
        assert_eq!(encoder.table().size_max(), cap.min(DEFAULT));
    }
}

/// A larger table is used, and said, once the peer has it.
#[test]
fn an_encoder_uses_what_the_peer_allows() {
    let mut encoder = encoder(10_000);
    encoder.set_peer_table_bytes_max(8_000);
    assert_eq!(begun(&mut encoder), updates(&[8_000]).octets());
    encoder.set_peer_table_bytes_max(12_000);
    assert_eq!(begun(&mut encoder), updates(&[10_000]).octets());
    encoder.set_peer_table_bytes_max(0);
    assert_eq!(begun(&mut encoder), updates(&[0]).octets());
}

#[test]
fn an_encoder_says_the_smallest_size_and_the_last() {
    let mut encoder = encoder(DEFAULT);
    for size in [2_000, 100, 3_000, 1_000] {
        encoder.set_peer_table_bytes_max(size);
    }
    assert_eq!(begun(&mut encoder), updates(&[100, 1_000]).octets());
    // There and back.
    encoder.set_table_bytes_max(0);
    encoder.set_table_bytes_max(DEFAULT);
    assert_eq!(begun(&mut encoder), updates(&[0, 1_000]).octets());
    // Up and a little down: the smallest is the last.
    encoder.set_peer_table_bytes_max(3_000);
    encoder.set_peer_table_bytes_max(2_000);
    assert_eq!(begun(&mut encoder), updates(&[2_000]).octets());
    // Above what is used in between changes nothing.
    encoder.set_peer_table_bytes_max(3_000);
    encoder.set_peer_table_bytes_max(2_000);
    assert_eq!(begun(&mut encoder), []);
}

/// Until a block says so, the table is as the peer has it.
#[test]
fn a_size_is_in_force_from_the_next_block_on() {
    let mut encoder = encoder(DEFAULT);
    let mut block = Vec::new();
    encoder.encode_block([("name", "value")], &mut block);
    encoder.set_peer_table_bytes_max(0);
    assert_eq!((encoder.table().len(), encoder.table().size_max()), (1, DEFAULT));
    assert_eq!(begun(&mut encoder), [0x20]);
    assert_eq!((encoder.table().len(), encoder.table().size_max()), (0, 0));
    block.clear();
    encoder.encode_block([("name", "value")], &mut block);
    assert_eq!(block[0], 0x40, "nothing of the table before is used");
}

/// The entries that the smallest size does not hold are gone on both sides, the others stay.
#[test]
fn the_smallest_size_evicts() {
    let (mut encoder, mut decoder) = (encoder(DEFAULT), Decoder::new(DEFAULT));
    let mut block = Vec::new();
    encoder.encode_block([("a", "1"), ("b", "2"), ("c", "3")], &mut block);
    assert_eq!(decode(&mut decoder, &block, &UNLIMITED).table.len(), 3);
    for size in [2 * 34 + 1, DEFAULT] {
        encoder.set_peer_table_bytes_max(size);
        decoder.set_table_bytes_max(size);
    }
    block.clear();
    encoder.encode_block([("c", "3"), ("b", "2"), ("a", "1")], &mut block);
    let expected = updates(&[69, DEFAULT]).indexed(62).indexed(63);
    assert!(block.starts_with(expected.octets()), "{block:x?}");
    assert_eq!(block[expected.octets().len()], 0x40);
    let outcome = decode_however_cut(&mut decoder, &block, &UNLIMITED);
    assert_eq!((outcome.result, outcome.table.len()), (Ok(()), 3));
    assert_eq!(outcome.table, entries(encoder.table()));
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// The peer's SETTINGS_HEADER_TABLE_SIZE.
    Peer(usize),
    /// Our own cap.
    Own(usize),
}

const SIZES: [usize; 5] = [0, 70, 105, DEFAULT, 5_000];

fn changes() -> Vec<Change> {
    SIZES.iter().flat_map(|&size| [Change::Peer(size), Change::Own(size)]).collect()
}

/// An encoder and a decoder, and a model of what they have to agree on.
#[derive(Clone)]
struct Pair {
    encoder: Encoder,
    decoder: Decoder,
    /// In use since the last block.
    size: usize,
    own: usize,
    peer: usize,
    /// All bounds since the last block.
    bounds: Vec<usize>,
}

impl Pair {
    fn new(own: usize) -> Self {
        Self {
            encoder: encoder(own),
            decoder: Decoder::new(DEFAULT),
            size: DEFAULT,
            own,
            peer: DEFAULT,
            bounds: vec![own.min(DEFAULT)],
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Peer(size) => {
                self.peer = size;
                self.encoder.set_peer_table_bytes_max(size);
                self.decoder.set_table_bytes_max(size);
            }
            Change::Own(size) => {
                self.own = size;
                self.encoder.set_table_bytes_max(size);
            }
        }
        self.bounds.push(self.own.min(self.peer));
    }

    /// The next block says what the model says, and fills the table.
    #[track_caller]
    fn assert_block(&mut self, context: &[Change]) {
        let last = self.own.min(self.peer);
        let smallest = self.bounds.drain(..).min().unwrap_or(last);
        let mut said = FieldBlock::raw();
        if smallest < self.size && smallest < last {
            said = said.size_update(smallest).size_update(last);
        } else if last != self.size {
            said = said.size_update(last);
        }
        self.size = last;

        let mut block = begun(&mut self.encoder);
        assert_eq!(block, said.octets(), "{context:?}");
        for field in [("a", "1"), ("b", "2"), ("c", "3")] {
            self.encoder.encode(field, &mut block);
        }
        let outcome = decode(&mut self.decoder, &block, &UNLIMITED);
        assert_eq!((outcome.result, outcome.fields.len()), (Ok(()), 3), "{context:?}");
        assert_eq!(outcome.table, entries(self.encoder.table()), "{context:?}");
        assert_eq!(outcome.table_size_max, last);
        assert_eq!(self.encoder.table().size_max(), last);
    }
}

/// All sequences of four changes, with a block behind the first, the second or the third, from
/// three different beginnings.
#[test]
fn both_sides_agree_through_every_sequence_of_changes() {
    for (own, block_behind) in [(DEFAULT, 2), (105, 1), (0, 3), (5_000, 2)] {
        for first in changes() {
            for second in changes() {
                for third in changes() {
                    for last in changes() {
                        let sequence = [first, second, third, last];
                        let mut pair = Pair::new(own);
                        for (number, &change) in sequence.iter().enumerate() {
                            if number == block_behind {
                                pair.assert_block(&sequence[..number]);
                            }
                            pair.change(change);
                        }
                        pair.assert_block(&sequence);
                        pair.assert_block(&sequence);
                    }
                }
            }
        }
    }
}

/// What no table can have is no size: the largest that one can have is said once.
#[test]
fn an_encoder_says_a_size_beyond_its_own_maximum_once() {
    let mut encoder = encoder(usize::MAX);
    encoder.set_peer_table_bytes_max(u32::MAX as usize);
    assert_ne!(begun(&mut encoder), []);
    encoder.set_peer_table_bytes_max(u32::MAX as usize);
    assert_eq!(begun(&mut encoder), []);
}

/// What a decoder takes for its table's size is the size that its table has.
#[test]
fn a_decoder_never_has_a_smaller_table_than_it_agreed_to() {
    for size in [1 << 30, (1 << 30) + 1, 1 << 31] {
        let mut decoder = Decoder::new(DEFAULT);
        decoder.set_table_bytes_max(size);
        if let Ok(()) = decode(&mut decoder, updates(&[size]), &UNLIMITED).result {
            assert_eq!(decoder.table().size_max(), size);
        }
    }
}

// ---- what a decoder demands ----

/// A decoder with three entries of 34 octets, whose reductions to these sizes were acknowledged.
fn reduced(sizes: &[usize]) -> Decoder {
    let mut decoder = Decoder::new(DEFAULT);
    let mut block = FieldBlock::raw();
    for name in ["a", "b", "c"] {
        block = block.literal(Literal::Incremental, name, "1");
    }
    assert_eq!(decode(&mut decoder, block, &UNLIMITED).table.len(), 3);
    for &size in sizes {
        decoder.set_table_bytes_max(size);
    }
    decoder
}

#[track_caller]
fn taken(mut decoder: Decoder, block: FieldBlock) -> Decoder {
    assert_eq!(decode_however_cut(&mut decoder, block, &UNLIMITED).result, Ok(()));
    decoder
}

#[track_caller]
fn refused(decoder: &Decoder, block: FieldBlock, kind: DecodeErrorKind, offset: usize) {
    for limits in [UNLIMITED, FieldLimits::NO_FIELDS] {
        let outcome = decode_however_cut(&mut decoder.clone(), &block, &limits);
        let error = outcome.error();
        assert_eq!((error.kind(), error.offset()), (kind, offset));
        assert!(error.is_fatal() && outcome.fields.is_empty());
    }
}

#[test]
fn a_reduction_has_to_be_taken_note_of() {
    let missing = DecodeErrorKind::SizeUpdateMissing;
    for block in [
        FieldBlock::raw(),
        FieldBlock::raw().indexed(2),
        FieldBlock::raw().literal(Literal::Incremental, "n", "v"),
        FieldBlock::raw().literal(Literal::Never, "n", "v"),
    ] {
        refused(&reduced(&[100]), block, missing, 0);
    }
    let error = decode(&mut reduced(&[100]), [0x82], &UNLIMITED).error();
    assert_eq!(
        error.to_string(),
        "the table size update after a reduction is missing at octet 0 of the field block \
         (RFC 7541 §4.2)",
    );
    // By the size itself or a smaller one, and no more afterwards.
    for size in [100, 99, 0] {
        let decoder = taken(reduced(&[100]), updates(&[size]).indexed(2));
        assert_eq!((decoder.table().size_max(), decoder.table().len()), (size, size / 34));
        let decoder = taken(decoder, FieldBlock::raw().indexed(2));
        // The bound is what was agreed on, also after a smaller choice.
        let decoder = taken(decoder, updates(&[100]).indexed(2));
        refused(&decoder, updates(&[101]), DecodeErrorKind::SizeUpdateTooLarge, 0);
    }
    refused(&reduced(&[100]), updates(&[101]), DecodeErrorKind::SizeUpdateTooLarge, 0);
}

#[test]
fn of_several_reductions_the_smallest_has_to_be_taken_note_of() {
    for sizes in [&[100, 2_000][..], &[2_000, 100, 2_000], &[100, 5_000, 2_000]] {
        let decoder = reduced(sizes);
        refused(&decoder, updates(&[]).indexed(2), DecodeErrorKind::SizeUpdateMissing, 0);
        refused(&decoder, updates(&[2_000]), DecodeErrorKind::SizeUpdateMissing, 0);
        refused(&decoder, updates(&[101, 2_000]), DecodeErrorKind::SizeUpdateMissing, 0);
        refused(&decoder, updates(&[2_000, 100]), DecodeErrorKind::SizeUpdateMissing, 0);
        refused(&decoder, updates(&[100, 2_001]), DecodeErrorKind::SizeUpdateTooLarge, 2);
        refused(&decoder, updates(&[100, 2_000, 2_000]), DecodeErrorKind::TooManySizeUpdates, 5);
        let two = taken(decoder.clone(), updates(&[100, 2_000]).indexed(2));
        assert_eq!((two.table().size_max(), two.table().len()), (2_000, 2));
        // One may be enough for an encoder that needs no larger table.
        let one = taken(decoder, updates(&[70]).indexed(2));
        assert_eq!((one.table().size_max(), one.table().len()), (70, 2));
    }
}

#[test]
fn what_is_no_reduction_needs_no_update() {
    // Raised, or not changed.
    for sizes in [&[DEFAULT][..], &[5_000], &[5_000, DEFAULT]] {
        let decoder = taken(reduced(sizes), FieldBlock::raw().indexed(64));
        assert_eq!(decoder.table().size_max(), DEFAULT);
    }
    // Down to what the peer uses by its own choice, or not so far.
    for size in [DEFAULT - 1, 200, 150] {
        let mut decoder = taken(reduced(&[]), updates(&[150]));
        decoder.set_table_bytes_max(size);
        let decoder = taken(decoder, FieldBlock::raw().indexed(64));
        assert_eq!(decoder.table().size_max(), 150);
    }
    let mut decoder = taken(reduced(&[]), updates(&[150]));
    decoder.set_table_bytes_max(149);
    refused(&decoder, FieldBlock::raw().indexed(64), DecodeErrorKind::SizeUpdateMissing, 0);
}

#[test]
fn an_increase_may_be_used_at_once_or_never() {
    let mut decoder = Decoder::new(DEFAULT);
    decoder.set_table_bytes_max(10_000);
    for size in [DEFAULT, DEFAULT + 1, 10_000] {
        assert_eq!(taken(decoder.clone(), updates(&[size])).table().size_max(), size);
    }
    refused(&decoder, updates(&[10_001]), DecodeErrorKind::SizeUpdateTooLarge, 0);
    let decoder = taken(decoder, FieldBlock::raw().indexed(2));
    assert_eq!(decoder.table().size_max(), DEFAULT);
    taken(decoder, updates(&[10_000]));
}

/// Not demanded by a change of ours, but the peer's to choose.
#[test]
fn two_updates_at_the_beginning_of_any_block() {
    let decoder = taken(reduced(&[]), updates(&[0, 100]).indexed(2));
    assert_eq!((decoder.table().size_max(), decoder.table().len()), (100, 0));
    let decoder = taken(decoder, updates(&[100, 0]));
    assert_eq!(decoder.table().size_max(), 0);
    refused(&decoder, updates(&[0, 0, 0]), DecodeErrorKind::TooManySizeUpdates, 2);
    let error = decode(&mut decoder.clone(), updates(&[0, 0, 0]), &UNLIMITED).error();
    assert_eq!(
        error.to_string(),
        "a block has more than two table size updates at octet 2 of the field block \
         (RFC 7541 §4.2)",
    );
}

#[test]
fn an_update_comes_before_the_fields() {
    let misplaced = DecodeErrorKind::SizeUpdateMisplaced;
    for field in [
        FieldBlock::raw().indexed(62),
        FieldBlock::raw().literal(Literal::Incremental, "n", "v"),
        FieldBlock::coded().literal(Literal::Without, 62, "v"),
    ] {
        let at = field.octets().len();
        for size in [0, 100, DEFAULT, 5_000] {
            refused(&reduced(&[]), field.clone().size_update(size), misplaced, at);
        }
    }
    let error = decode(&mut reduced(&[]), [0x82, 0x20], &UNLIMITED).error();
    assert_eq!(
        error.to_string(),
        "a table size update comes after a field at octet 1 of the field block (RFC 7541 §4.2)",
    );
    // Behind an update of the beginning, too; and what was demanded is not made good by it.
    refused(&reduced(&[]), updates(&[0]).indexed(2).size_update(0), misplaced, 2);
    let missing = DecodeErrorKind::SizeUpdateMissing;
    refused(&reduced(&[100]), FieldBlock::raw().indexed(2).size_update(100), missing, 0);
}

/// An update counts also at the head of a block that is too much, or that has no field.
#[test]
fn an_update_with_a_block_that_is_too_much() {
    let mut decoder = reduced(&[100]);
    let block = updates(&[70]).indexed(2).literal(Literal::Incremental, "d", "1");
    let outcome = decode_however_cut(&mut decoder, &block, &FieldLimits::NO_FIELDS);
    assert_eq!(outcome.error().kind(), DecodeErrorKind::TooManyFields);
    assert_eq!((outcome.table_size_max, outcome.table.len()), (70, 2));
    assert_eq!(outcome.table.value("d"), Some(&b"1"[..]));
    taken(decoder, FieldBlock::raw().indexed(63));

    let decoder = taken(reduced(&[100]), updates(&[100]));
    taken(decoder, FieldBlock::raw().indexed(62));
}
