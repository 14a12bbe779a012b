//! `httlib-hpack`.

use httlib_hpack::{Decoder, Encoder};

use super::{Decode, Encode, Refused};
use crate::headers::Block;

/// The encoder of `httlib-hpack`, told to do its best with every field.
#[derive(Debug, Default)]
pub struct HttlibEncoder(Encoder<'static>);

impl Encode for HttlibEncoder {
    /// It takes each field by value.
    type Prepared<'a> = Block;

    fn prepare(block: &Block) -> Self::Prepared<'_> {
        block.clone()
    }

    fn encode(&mut self, block: &mut Self::Prepared<'_>, out: &mut Vec<u8>) {
        const BEST: u8 = Encoder::BEST_FORMAT
            | Encoder::WITH_INDEXING
            | Encoder::HUFFMAN_NAME
            | Encoder::HUFFMAN_VALUE;
        for (name, value) in block.drain(..) {
            self.0.encode((name, value, BEST), out).expect("a vector takes everything");
        }
    }
}

/// The decoder of `httlib-hpack`.
#[derive(Debug, Default)]
pub struct HttlibDecoder {
    decoder: Decoder<'static>,
    /// It eats its input and adds to its output.
    input: Vec<u8>,
    fields: Vec<(Vec<u8>, Vec<u8>, u8)>,
}

impl Decode for HttlibDecoder {
    fn decode(&mut self, block: &[u8], mut show: impl FnMut(&[u8], &[u8])) -> Result<(), Refused> {
        self.input.clear();
        self.input.extend_from_slice(block);
        self.fields.clear();
        self.decoder.decode(&mut self.input, &mut self.fields).map_err(|_| Refused)?;
        self.fields.iter().for_each(|(name, value, _)| show(name, value));
        Ok(())
    }
}
