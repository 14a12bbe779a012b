//! HPACK as h2 has it, by way of its frames, which its feature `unstable` shows.
//!
//! The coders themselves are private, but they are arguments of public functions, and have
//! defaults: so they can be made without being named. What is timed includes the frame's nine
//! octets and the `HeaderMap` that h2 gets fields from and puts them into; nobody has its HPACK
//! without. The order of fields is that of the map: those with the same name come together.

use bytes::buf::Limit;
use bytes::{BufMut, Bytes, BytesMut};
use h2::frame::{BytesStr, Continuation, Error, HEADER_LEN, Headers, Pseudo, StreamId};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::{Decode, Encode, Refused};
use crate::headers::Block;

type EncodeFrame = dyn FnMut(Headers, &mut BytesMut);

/// The encoder of h2.
pub struct H2Encoder {
    encode: Box<EncodeFrame>,
    frame: BytesMut,
}

impl Default for H2Encoder {
    fn default() -> Self {
        Self { encode: encoder_of(Headers::encode), frame: BytesMut::new() }
    }
}

fn encoder_of<E: Default + 'static>(
    encode: fn(Headers, &mut E, &mut Limit<&mut BytesMut>) -> Option<Continuation>,
) -> Box<EncodeFrame> {
    let mut encoder = E::default();
    Box::new(move |headers, out| {
        let rest = encode(headers, &mut encoder, &mut out.limit(usize::MAX));
        assert!(rest.is_none(), "there is room for all");
    })
}

impl Encode for H2Encoder {
    /// It takes each frame by value.
    type Prepared<'a> = Option<Headers>;

    fn prepare(block: &Block) -> Self::Prepared<'_> {
        let (mut pseudo, mut fields) = (Pseudo::default(), HeaderMap::new());
        for (name, value) in block {
            let text = || BytesStr::try_from(Bytes::copy_from_slice(value)).ok();
            match name.as_slice() {
                b":method" => pseudo.method = Method::from_bytes(value).ok(),
                b":scheme" => pseudo.scheme = text(),
                b":authority" => pseudo.authority = text(),
                b":path" => pseudo.path = text(),
                b":status" => pseudo.status = StatusCode::from_bytes(value).ok(),
                name => {
                    let name = HeaderName::from_bytes(name).expect("a name");
                    fields.append(name, HeaderValue::from_bytes(value).expect("a value"));
                }
            }
        }
        Some(Headers::new(StreamId::from(1), pseudo, fields))
    }

    fn encode(&mut self, block: &mut Self::Prepared<'_>, out: &mut Vec<u8>) {
        self.frame.clear();
        (self.encode)(block.take().expect("a block that was not used"), &mut self.frame);
        out.extend_from_slice(&self.frame[HEADER_LEN..]);
    }
}

type Load = dyn FnMut(&mut Headers, &mut BytesMut) -> Result<(), Error>;

/// The decoder of h2.
pub struct H2Decoder {
    load: Box<Load>,
    input: BytesMut,
}

impl Default for H2Decoder {
    fn default() -> Self {
        Self { load: decoder_of(Headers::load_hpack), input: BytesMut::new() }
    }
}

fn decoder_of<D: Default + 'static>(
    load: fn(&mut Headers, &mut BytesMut, usize, &mut D) -> Result<(), Error>,
) -> Box<Load> {
    const HEADER_LIST_BYTES_MAX: usize = 1 << 24;
    let mut decoder = D::default();
    Box::new(move |headers, input| load(headers, input, HEADER_LIST_BYTES_MAX, &mut decoder))
}

impl H2Decoder {
    /// Decodes the next block into h2's own form.
    ///
    /// # Errors
    /// That h2 refuses the block, or the fields in it.
    pub fn decode_frame(&mut self, block: &[u8]) -> Result<Headers, Refused> {
        let mut headers = Headers::new(StreamId::from(1), Pseudo::default(), HeaderMap::new());
        self.input.clear();
        self.input.extend_from_slice(block);
        (self.load)(&mut headers, &mut self.input).map_err(|_| Refused)?;
        Ok(headers)
    }
}

impl Decode for H2Decoder {
    fn decode(&mut self, block: &[u8], mut show: impl FnMut(&[u8], &[u8])) -> Result<(), Refused> {
        let (pseudo, fields) = self.decode_frame(block)?.into_parts();
        for (name, value) in [
            (":method", pseudo.method.as_ref().map(Method::as_str)),
            (":scheme", pseudo.scheme.as_deref()),
            (":authority", pseudo.authority.as_deref()),
            (":path", pseudo.path.as_deref()),
            (":status", pseudo.status.as_ref().map(StatusCode::as_str)),
        ] {
            value.into_iter().for_each(|value| show(name.as_bytes(), value.as_bytes()));
        }
        fields.iter().for_each(|(name, value)| show(name.as_ref(), value.as_bytes()));
        Ok(())
    }
}
