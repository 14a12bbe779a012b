//! What happens to HPACK in one direction of a connection: blocks with their secrets, and between
//! them sizes of the table that the decoder's side sets and the encoder's side acknowledges.

use hpack::{Decoder, Encoder, Field, FieldBuf, FieldLimits};

use crate::headers::{Block, random, stories};
use crate::hpack_peers::TABLE_BYTES;
use crate::rng::Rng;

/// One thing that happens, with blocks as fields or as octets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "nothing else happens")]
pub enum Step<B> {
    /// The bound of the table from now on, in octets.
    Size(usize),
    /// A block.
    Block(B),
}

/// Sizes around those of a few entries, none above what HTTP/2 begins with.
const SIZES: [usize; 8] = [0, 33, 64, 100, 500, 1000, 4095, TABLE_BYTES];

/// The blocks of a connection, before some of which the table's bound changes, once or twice.
#[must_use]
pub fn script(blocks: &[Block], seed: u64) -> Vec<Step<FieldBuf>> {
    let mut rng = Rng::new(seed);
    let (mut steps, mut size) = (Vec::new(), TABLE_BYTES);
    for block in blocks {
        let fields = with_secrets(block);
        // A block of nothing but sizes is an error to some.
        let changes = if rng.once_in(4) && !fields.is_empty() { 1 + rng.below(2) } else { 0 };
        for _ in 0..changes {
            // To another size each time: one that stays is no change to some.
            let others: Vec<_> = SIZES.into_iter().filter(|&other| other != size).collect();
            size = others[rng.below(others.len())];
            steps.push(Step::Size(size));
        }
        steps.push(Step::Block(fields));
    }
    steps
}

/// Scripts for the connections of life, and for some that nobody has.
#[must_use]
pub fn scripts() -> Vec<Vec<Step<FieldBuf>>> {
    let stories = stories().into_iter().map(|connection| connection.blocks);
    let blocks = stories.chain((0..20).map(|seed| random(seed, 60)));
    blocks.zip(0..).map(|(blocks, seed)| script(&blocks, seed)).collect()
}

/// The fields of a block, secrets as sensitive. Those without a value are left out: they are in the
/// static table, and encoders differ in what they make of them.
#[must_use]
pub fn with_secrets(block: &Block) -> FieldBuf {
    const SECRETS: [&[u8]; 4] =
        [b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"];
    let mut fields = FieldBuf::new();
    for (name, value) in block {
        let sensitive = SECRETS.contains(&name.as_slice());
        if !sensitive || !value.is_empty() {
            fields.push(Field { name, value, sensitive });
        }
    }
    fields
}

/// One side of a connection.
pub trait Coder {
    /// A block as it takes it.
    type From;
    /// A block as it makes it.
    type To;

    /// The table has another bound.
    fn resize(&mut self, table_bytes_max: usize);

    /// The next block.
    ///
    /// # Panics
    /// If there is something wrong with it.
    fn code(&mut self, block: &Self::From) -> Self::To;

    /// All of a script.
    fn run(mut self, steps: &[Step<Self::From>]) -> Vec<Step<Self::To>>
    where
        Self: Sized,
    {
        let one = |step: &Step<Self::From>| match step {
            Step::Size(size) => {
                self.resize(*size);
                Step::Size(*size)
            }
            Step::Block(block) => Step::Block(self.code(block)),
        };
        steps.iter().map(one).collect()
    }
}

/// Our encoder, with a table of [`TABLE_BYTES`] at the beginning.
pub struct OurEncoder(pub Encoder);

impl Default for OurEncoder {
    fn default() -> Self {
        Self(Encoder::new(TABLE_BYTES))
    }
}

impl Coder for OurEncoder {
    type From = FieldBuf;
    type To = Vec<u8>;

    fn resize(&mut self, table_bytes_max: usize) {
        self.0.set_peer_table_bytes_max(table_bytes_max);
    }

    fn code(&mut self, block: &FieldBuf) -> Vec<u8> {
        let mut out = Vec::new();
        self.0.encode_block(block, &mut out);
        out
    }
}

/// Our decoder, with a table of [`TABLE_BYTES`] at the beginning and limits that nothing reaches.
pub struct OurDecoder(pub Decoder);

impl Default for OurDecoder {
    fn default() -> Self {
        Self(Decoder::new(TABLE_BYTES))
    }
}

impl Coder for OurDecoder {
    type From = Vec<u8>;
    type To = FieldBuf;

    fn resize(&mut self, table_bytes_max: usize) {
        self.0.set_table_bytes_max(table_bytes_max);
    }

    fn code(&mut self, block: &Vec<u8>) -> FieldBuf {
        const LIMITS: FieldLimits = FieldLimits { section_bytes_max: 1 << 24, fields_max: 1 << 16 };
        let mut fields = FieldBuf::new();
        self.0.decode(block, &LIMITS, &mut fields).expect("a good block");
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_come_through_ourselves() {
        let (mut sizes, mut secrets) = (0, 0);
        for script in scripts() {
            let wire = OurEncoder::default().run(&script);
            assert_eq!(OurDecoder::default().run(&wire), script);
            for step in script {
                match step {
                    Step::Size(_) => sizes += 1,
                    Step::Block(fields) => {
                        secrets += fields.iter().filter(|it| it.sensitive).count()
                    }
                }
            }
        }
        assert!(sizes > 200 && secrets > 200, "{sizes} sizes, {secrets} secrets");
    }
}
