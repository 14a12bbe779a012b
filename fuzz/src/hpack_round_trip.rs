//! An encoder of HPACK and a decoder that talk to each other: the octets of the input are what the
//! encoder's application sends, what both sides do to the table, and how much the network carries.
//! The decoder of nghttp2 listens, too.

use std::collections::VecDeque;

use hpack::{
    DecodeErrorKind, Decoder, Encoder, Field, FieldBuf, FieldLimits, Fragments, Indexing, Policy,
    default_policy,
};

use crate::nghttp2::Inflater;
use crate::table::{AMPLE, SIZES, Snapshot, memory_max};
use crate::{Rng, cuts};

/// What is encoded comes out of every decoder, sensitive fields as sensitive ones, and their tables
/// are in step with the encoder's after each block, whatever the policy, the bounds of the table, the time that these
/// take to arrive, the fragments and the decoder's limits.
///
/// # Panics
/// If one of these does not hold.
pub fn check(input: &[u8]) {
    let mut world = World::new();
    let mut rest = input;
    while let [operation, operand, tail @ ..] = rest {
        rest = tail;
        world.act(*operation, *operand, &mut rest);
    }
    world.end_block();
    world.deliver(usize::MAX);
    assert_eq!(Snapshot::of(world.encoder.table()), Snapshot::of(world.decoder.table()));
}

const NAMES: [&str; 16] = [
    ":authority",
    ":method",
    ":path",
    ":status",
    "accept-encoding",
    "authorization",
    "cookie",
    "content-length",
    "date",
    "etag",
    "set-cookie",
    "user-agent",
    "x",
    "x-request-id",
    "X-Upper-Case",
    "",
];

const VALUES: [&str; 8] = [
    "",
    "GET",
    "/",
    "200",
    "gzip, deflate",
    "a=b; a-longer-one=0123456789abcdef",
    "\0\u{ff}\u{10ffff}\r\n",
    "Mozilla/5.0 (X11; Linux x86_64) \"and\" 'so' <on>",
];

/// Around the borders of lengths in one octet and more, as they are and in codes of 5 bits, and of
/// tables.
const LENGTHS: [usize; 16] =
    [1, 2, 30, 68, 126, 127, 128, 202, 203, 204, 255, 1000, 3000, 4064, 4065, 20_000];

const POLICIES: [Policy; 5] = [
    default_policy,
    |_, _| Indexing::Incremental,
    |_, _| Indexing::Without,
    |_, _| Indexing::Never,
    |field, sighting| match field.value.len() % 3 {
        0 => Indexing::Incremental,
        1 => Indexing::Without,
        _ => default_policy(field, sighting),
    },
];

/// Whether a policy says that a literal is never to be indexed, if that is known of it.
const POLICIES_NEVER: [Option<bool>; POLICIES.len()] =
    [None, Some(false), Some(false), Some(true), None];

/// What the network carries from the encoder to the decoder.
enum Message {
    /// The encoder's side has taken note of this bound.
    Acknowledgement(usize),
    Block {
        octets: Vec<u8>,
        fields: FieldBuf,
        /// The encoder's table behind it.
        table: Snapshot,
    },
}

struct World {
    encoder: Encoder,
    decoder: Decoder,
    /// Decodes for the table alone, unless that has cost it too much.
    idle: Option<Decoder>,
    foreign: Inflater,
    policy: usize,
    /// The encoder's own cap of the table, and what it knows of the decoder's bound.
    cap: usize,
    peer_bound: usize,
    /// Bounds that the decoder announced, on their way to the encoder.
    announced: VecDeque<usize>,
    /// Bounds that arrived in the middle of a block, to be acknowledged behind it.
    unacknowledged: Vec<usize>,
    network: VecDeque<Message>,
    /// The block that is being encoded, and its fields.
    open: Option<(Vec<u8>, FieldBuf)>,
    /// All fields so far, to be sent again.
    sent: FieldBuf,
    counter: u32,
    /// What may still be sent, in octets: the work is to be bounded.
    room: usize,
}

impl World {
    fn new() -> Self {
        Self {
            encoder: Encoder::new(4096),
            decoder: Decoder::new(4096),
            idle: Some(Decoder::new(4096)),
            foreign: Inflater::new(),
            policy: 0,
            cap: 4096,
            peer_bound: 4096,
            announced: VecDeque::new(),
            unacknowledged: Vec::new(),
            network: VecDeque::new(),
            open: None,
            sent: FieldBuf::new(),
            counter: 0,
            room: 64 << 10,
        }
    }

    fn act(&mut self, operation: u8, operand: u8, rest: &mut &[u8]) {
        let (low, high) = (usize::from(operand & 0x0F), usize::from(operand >> 4));
        let sensitive = high & 8 != 0;
        match operation % 16 {
            0..=2 => self.known(NAMES[low], VALUES[high & 7].as_bytes(), sensitive),
            3 => {
                let value = vec![operation; LENGTHS[high]];
                self.known(NAMES[low], &value, operation & 0x80 != 0);
            }
            4 => {
                let name = vec![operation; LENGTHS[low]];
                let value = vec![!operation; LENGTHS[high]];
                self.field(Field { name: &name, value: &value, sensitive: operation & 0x80 != 0 });
            }
            5 => {
                self.counter += 1;
                let value = self.counter.to_string();
                self.known(NAMES[low], value.as_bytes(), sensitive);
            }
            6 => {
                let (name, tail) = rest.split_at(low.min(rest.len()));
                let (value, tail) = tail.split_at((high & 7).min(tail.len()));
                *rest = tail;
                self.field(Field { name, value, sensitive });
            }
            7 => self.again(usize::from(operand)),
            8 => self.end_block(),
            9 => {
                self.cap = SIZES[low];
                self.encoder.set_table_bytes_max(self.cap);
            }
            10 => self.announced.push_back(SIZES[low]),
            11 => self.settings_arrive(),
            12 => self.deliver(low),
            13 => {
                self.policy = low % POLICIES.len();
                self.encoder = self.encoder.clone().with_policy(POLICIES[self.policy]);
            }
            14 => {
                self.end_block();
                self.deliver(usize::MAX);
            }
            _ => self.many(operand),
        }
    }

    // ---- the encoder's side ----

    fn known(&mut self, name: &str, value: &[u8], sensitive: bool) {
        self.field(Field { name: name.as_bytes(), value, sensitive });
    }

    /// The field that was sent so many fields ago.
    fn again(&mut self, back: usize) {
        let Some(index) = self.sent.len().checked_sub(back + 1) else { return };
        let field: FieldBuf = self.sent.get(index).into_iter().collect();
        field.iter().for_each(|field| self.field(field));
    }

    /// Short fields that fill a table with many entries.
    fn many(&mut self, operand: u8) {
        for number in 0..operand {
            let name = [number, operand];
            self.field(Field::new(&name[..1 + usize::from(operand & 1)], b""));
        }
    }

    /// The block under way, or a new one.
    fn block(&mut self) -> (Vec<u8>, FieldBuf) {
        self.open.take().unwrap_or_else(|| {
            let mut out = Vec::new();
            self.encoder.begin(&mut out);
            let bound = self.cap.min(self.peer_bound);
            assert_eq!(self.encoder.table().size_max(), bound);
            (out, FieldBuf::new())
        })
    }

    fn field(&mut self, field: Field<'_>) {
        let Some(room) = self.room.checked_sub(field.size()) else { return };
        self.room = room;
        let (mut out, mut fields) = self.block();
        let never = self.encode(field, &mut out);
        fields.push(Field { sensitive: never, ..field });
        self.sent.push(field);
        self.open = Some((out, fields));
    }

    /// Whether the field was encoded as one that is never indexed.
    fn encode(&mut self, field: Field<'_>, out: &mut Vec<u8>) -> bool {
        let before = field.sensitive.then(|| Snapshot::of(self.encoder.table()));
        let start = out.len();
        self.encoder.encode(field, out);
        let octets = &out[start..];
        // A literal with its strings as they are, at worst; but a name that is shorter than its index
        // is indexed all the same.
        assert!(octets.len() <= 2 + string_octets(field.name) + string_octets(field.value));
        let never = octets[0] & 0xF0 == 0x10;
        if let Some(before) = before {
            assert!(never, "a sensitive field is not said to be one");
            assert_eq!(Snapshot::of(self.encoder.table()), before);
        } else {
            match POLICIES_NEVER[self.policy] {
                Some(true) => assert!(never || octets[0] & 0x80 != 0),
                Some(false) => assert!(!never),
                None => {}
            }
        }
        never
    }

    fn end_block(&mut self) {
        let (octets, fields) = self.block();
        let table = Snapshot::of(self.encoder.table());
        // What finds the entries takes about as much as they do.
        assert!(self.encoder.memory_bytes() <= 2 * memory_max(table.size_max) + 512);
        self.network.push_back(Message::Block { octets, fields, table });
        let bounds = self.unacknowledged.drain(..);
        self.network.extend(bounds.map(Message::Acknowledgement));
    }

    /// What the decoder announced arrives.
    fn settings_arrive(&mut self) {
        let Some(bound) = self.announced.pop_front() else { return };
        self.peer_bound = bound;
        self.encoder.set_peer_table_bytes_max(bound);
        if self.open.is_some() {
            self.unacknowledged.push(bound);
        } else {
            self.network.push_back(Message::Acknowledgement(bound));
        }
    }

    // ---- the network and the decoder's side ----

    fn deliver(&mut self, messages: usize) {
        for _ in 0..messages {
            match self.network.pop_front() {
                None => break,
                Some(Message::Acknowledgement(bound)) => {
                    self.decoder.set_table_bytes_max(bound);
                    if let Some(idle) = &mut self.idle {
                        idle.set_table_bytes_max(bound);
                    }
                    self.foreign.set_table_bytes_max(bound);
                }
                Some(Message::Block { octets, fields, table }) => {
                    self.receive(&octets, &fields, &table);
                }
            }
        }
    }

    fn receive(&mut self, octets: &[u8], expected: &FieldBuf, table: &Snapshot) {
        let mut ways = cuts::all(octets);
        let pieces = ways.swap_remove(Rng::of(octets).below(ways.len()));
        let mut fragments = Fragments::new();
        for piece in pieces {
            fragments.push(piece, octets.len()).expect("the block is no longer");
        }
        let mut fields = FieldBuf::new();
        let decoded = self.decoder.decode(fragments.block(), &AMPLE, &mut fields);
        assert_eq!(decoded, Ok(()));
        assert_eq!(&fields, expected);
        assert_eq!(&Snapshot::of(self.decoder.table()), table, "the tables are out of step");

        self.receive_idly(octets, expected, table);

        fields.clear();
        let decoded = self.foreign.decode(octets, |field| fields.push(field));
        assert!(decoded.is_ok() && &fields == expected, "nghttp2 understands something else");
        assert_eq!(&self.foreign.table(), table, "nghttp2's table is another");
    }

    /// Without room for a single field the table is followed all the same.
    fn receive_idly(&mut self, octets: &[u8], expected: &FieldBuf, table: &Snapshot) {
        let Some(idle) = &mut self.idle else { return };
        let mut fields = FieldBuf::new();
        match idle.decode(octets, &FieldLimits::NO_FIELDS, &mut fields) {
            Ok(()) => assert!(expected.is_empty()),
            Err(error) if error.kind() == DecodeErrorKind::WorkTooMuch => {
                self.idle = None;
                return;
            }
            Err(error) => assert!(!error.is_fatal() && !expected.is_empty(), "{error}"),
        }
        assert!(fields.is_empty());
        assert_eq!(&Snapshot::of(idle.table()), table, "the limits are seen in the table");
    }
}

/// What a string takes that is not Huffman-coded, its length included.
const fn string_octets(text: &[u8]) -> usize {
    let length_octets = match text.len() {
        0..127 => 1,
        127..255 => 2,
        255..16_511 => 3,
        _ => 4,
    };
    length_octets + text.len()
}
