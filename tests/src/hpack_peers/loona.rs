//! `loona-hpack`, which descends from the crate `hpack` of old.

use loona_hpack::{Decoder, Encoder};

use super::{Decode, Encode, Refused};
use crate::headers::Block;

/// The encoder of `loona-hpack`: no Huffman code, and a value is indexed only with its first
/// occurrence of its name.
#[derive(Default)]
pub struct LoonaEncoder(Encoder<'static>);

impl Encode for LoonaEncoder {
    type Prepared<'a> = Vec<(&'a [u8], &'a [u8])>;

    fn prepare(block: &Block) -> Self::Prepared<'_> {
        block.iter().map(|(name, value)| (&name[..], &value[..])).collect()
    }

    fn encode(&mut self, block: &mut Self::Prepared<'_>, out: &mut Vec<u8>) {
        self.0.encode_into(block.iter().copied(), out).expect("a vector takes everything");
    }
}

/// The decoder of `loona-hpack`.
#[derive(Default)]
pub struct LoonaDecoder(Decoder<'static>);

impl Decode for LoonaDecoder {
    fn decode(&mut self, block: &[u8], mut show: impl FnMut(&[u8], &[u8])) -> Result<(), Refused> {
        self.0.decode_with_cb(block, |name, value| show(&name, &value)).map_err(|_| Refused)
    }
}
