//! Other implementations of HPACK, and ours, in one shape: for comparing what they make of the
//! same fields, and how fast.
//!
//! Each encoder and decoder is that of one connection. Its peculiarities are kept out of what is
//! timed as far as its interface allows: [`Encode::prepare`] puts a block in the form that the
//! encoder takes, and what a decoder finds is shown where it lies.

mod h2;
mod httlib;
mod loona;
mod nghttp2;
mod nghttp2_huffman;
mod ours;

pub use h2::{H2Decoder, H2Encoder};
pub use httlib::{HttlibDecoder, HttlibEncoder};
pub use loona::{LoonaDecoder, LoonaEncoder};
pub use nghttp2::{Nghttp2Block, Nghttp2Decoder, Nghttp2Encoder};
pub use nghttp2_huffman::Nghttp2Huffman;
pub use ours::{OurDecoder, OurEncoder};

use crate::headers::Block;

/// The size of the table on both sides: what HTTP/2 begins with.
pub const TABLE_BYTES: usize = 4096;

/// Compresses the blocks of one connection, with a table of [`TABLE_BYTES`].
pub trait Encode: Default {
    /// A block in the form that this encoder takes.
    type Prepared<'a>;

    /// Puts a block in that form.
    fn prepare(block: &Block) -> Self::Prepared<'_>;

    /// Appends the next block, compressed, to `out`. What was prepared is used up.
    fn encode(&mut self, block: &mut Self::Prepared<'_>, out: &mut Vec<u8>);
}

/// Expands the blocks of one connection, with a table of at most [`TABLE_BYTES`].
pub trait Decode: Default {
    /// Shows every field of the next block, name and value.
    ///
    /// # Errors
    /// That the decoder refuses the block; what it showed before means nothing then.
    fn decode(&mut self, block: &[u8], show: impl FnMut(&[u8], &[u8])) -> Result<(), Refused>;
}

/// The decoder has refused a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// All blocks of a connection, compressed by a new encoder.
#[must_use]
pub fn encode_all<E: Encode>(blocks: &[Block]) -> Vec<Vec<u8>> {
    let mut encoder = E::default();
    let one = |block: &Block| {
        let mut out = Vec::new();
        encoder.encode(&mut E::prepare(block), &mut out);
        out
    };
    blocks.iter().map(one).collect()
}

/// The fields of all blocks of a connection, expanded by a new decoder.
///
/// # Errors
/// That the decoder refuses one of them.
pub fn decode_all<D: Decode>(blocks: &[Vec<u8>]) -> Result<Vec<Block>, Refused> {
    let mut decoder = D::default();
    let one = |block: &Vec<u8>| {
        let mut fields = Vec::new();
        decoder.decode(block, |name, value| fields.push((name.to_vec(), value.to_vec())))?;
        Ok(fields)
    };
    blocks.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::{Connection, random, stories};

    #[test]
    fn all_understand_each_other() {
        for Connection { name, blocks, .. } in stories() {
            let blocks = &blocks[..blocks.len().min(40)];
            for encoded in [
                encode_all::<OurEncoder>(blocks),
                encode_all::<Nghttp2Encoder>(blocks),
                encode_all::<LoonaEncoder>(blocks),
                encode_all::<HttlibEncoder>(blocks),
            ] {
                assert_eq!(decode_all::<OurDecoder>(&encoded).as_deref(), Ok(blocks), "{name}");
                assert_eq!(decode_all::<Nghttp2Decoder>(&encoded).as_deref(), Ok(blocks), "{name}");
            }
            let ours = encode_all::<OurEncoder>(blocks);
            assert_eq!(decode_all::<LoonaDecoder>(&ours).as_deref(), Ok(blocks), "{name}");
            assert_eq!(decode_all::<HttlibDecoder>(&ours).as_deref(), Ok(blocks), "{name}");
        }
    }

    /// h2 keeps fields by name, so they come back in another order.
    #[test]
    fn h2_understands_and_is_understood() {
        for connection in stories() {
            let sorted = |blocks: &[Block]| {
                let mut blocks = blocks.to_vec();
                blocks.iter_mut().for_each(|block| block.sort());
                blocks
            };
            let blocks = sorted(&connection.blocks);
            for encoded in [
                encode_all::<H2Encoder>(&connection.blocks),
                encode_all::<Nghttp2Encoder>(&connection.blocks),
                encode_all::<OurEncoder>(&connection.blocks),
            ] {
                let by_h2 = decode_all::<H2Decoder>(&encoded).expect("good blocks");
                let by_ours = decode_all::<OurDecoder>(&encoded).expect("good blocks");
                assert_eq!(sorted(&by_h2), blocks, "{}", connection.name);
                assert_eq!(sorted(&by_ours), blocks, "{}", connection.name);
            }
        }
    }

    #[test]
    fn any_octets_come_through() {
        for seed in 0..20 {
            let blocks = random(seed, 60);
            let (ours, theirs) =
                (encode_all::<OurEncoder>(&blocks), encode_all::<Nghttp2Encoder>(&blocks));
            for encoded in [ours, theirs] {
                assert_eq!(decode_all::<OurDecoder>(&encoded).as_ref(), Ok(&blocks));
                assert_eq!(decode_all::<Nghttp2Decoder>(&encoded).as_ref(), Ok(&blocks));
            }
        }
    }

    #[test]
    fn huffman_of_nghttp2_is_the_same() {
        let mut peer = Nghttp2Huffman::new(1 << 20);
        for (name, value) in random(3, 200).iter().flatten() {
            for text in [name, value] {
                let mut code = Vec::new();
                hpack::huffman::encode(text, &mut code);
                peer.clear();
                peer.encode(text);
                assert_eq!(peer.written(), code);
                assert_eq!(Nghttp2Huffman::encoded_len(text), code.len());
                peer.clear();
                assert!(peer.decode(&code));
                assert_eq!(peer.written(), text);
            }
        }
        peer.clear();
        assert!(!peer.decode(&[0xff; 4]), "the end of the code is no symbol");
    }
}
