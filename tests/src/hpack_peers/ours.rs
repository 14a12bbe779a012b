//! Ours in the shape of the peers.

use hpack::{Decoder, Encoder, Field, FieldBuf, FieldLimits};

use super::{Decode, Encode, Refused, TABLE_BYTES};
use crate::headers::Block;

/// Ours.
pub struct OurEncoder(Encoder);

impl Default for OurEncoder {
    fn default() -> Self {
        Self(Encoder::new(TABLE_BYTES))
    }
}

impl Encode for OurEncoder {
    type Prepared<'a> = Vec<Field<'a>>;

    fn prepare(block: &Block) -> Self::Prepared<'_> {
        block.iter().map(Field::from).collect()
    }

    fn encode(&mut self, block: &mut Self::Prepared<'_>, out: &mut Vec<u8>) {
        self.0.encode_block(block.iter(), out);
    }
}

/// Ours, with limits that nothing here reaches.
pub struct OurDecoder {
    decoder: Decoder,
    fields: FieldBuf,
}

impl Default for OurDecoder {
    fn default() -> Self {
        Self { decoder: Decoder::new(TABLE_BYTES), fields: FieldBuf::new() }
    }
}

impl Decode for OurDecoder {
    fn decode(&mut self, block: &[u8], mut show: impl FnMut(&[u8], &[u8])) -> Result<(), Refused> {
        const LIMITS: FieldLimits = FieldLimits { section_bytes_max: 1 << 24, fields_max: 1 << 16 };
        self.decoder.decode(block, &LIMITS, &mut self.fields).map_err(|_| Refused)?;
        self.fields.iter().for_each(|field| show(field.name, field.value));
        Ok(())
    }
}
