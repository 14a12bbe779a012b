//! nghttp2, in C: all that is unsafe in the peers is here and in its Huffman code.

use std::os::raw::c_int;
use std::ptr::{self, NonNull};
use std::slice;

use hpack::Field;
use libnghttp2_sys::{
    NGHTTP2_HD_INFLATE_EMIT, NGHTTP2_HD_INFLATE_FINAL, NGHTTP2_NV_FLAG_NO_COPY_NAME,
    NGHTTP2_NV_FLAG_NO_COPY_VALUE, NGHTTP2_NV_FLAG_NO_INDEX, nghttp2_hd_deflate_change_table_size,
    nghttp2_hd_deflate_del, nghttp2_hd_deflate_hd2, nghttp2_hd_deflate_new, nghttp2_hd_deflater,
    nghttp2_hd_inflate_change_table_size, nghttp2_hd_inflate_del, nghttp2_hd_inflate_end_headers,
    nghttp2_hd_inflate_hd3, nghttp2_hd_inflate_new, nghttp2_hd_inflater, nghttp2_nv,
};

use super::{Decode, Encode, Refused, TABLE_BYTES};
use crate::headers::Block;

/// The encoder of nghttp2.
#[derive(Debug)]
pub struct Nghttp2Encoder(NonNull<nghttp2_hd_deflater>);

impl Default for Nghttp2Encoder {
    fn default() -> Self {
        let mut deflater = ptr::null_mut();
        // SAFETY: it writes a pointer to where we have one.
        let status = unsafe { nghttp2_hd_deflate_new(&mut deflater, TABLE_BYTES) };
        assert_eq!(status, 0, "out of memory");
        Self(NonNull::new(deflater).expect("a deflater"))
    }
}

impl Drop for Nghttp2Encoder {
    fn drop(&mut self) {
        // SAFETY: it was made by `nghttp2_hd_deflate_new` and is used no more.
        unsafe { nghttp2_hd_deflate_del(self.0.as_ptr()) }
    }
}

impl Nghttp2Encoder {
    /// The peer's decoder has a table of this size, of which at most [`TABLE_BYTES`] are used.
    ///
    /// # Panics
    /// If there is no memory.
    pub fn set_peer_table_bytes_max(&mut self, peer_table_bytes_max: usize) {
        // SAFETY: the encoder is valid.
        let status =
            unsafe { nghttp2_hd_deflate_change_table_size(self.0.as_ptr(), peer_table_bytes_max) };
        assert_eq!(status, 0, "out of memory");
    }
}

/// A block as nghttp2 takes it: names and values where they lie.
#[derive(Debug)]
pub struct Nghttp2Block<'a> {
    /// Keeps what the pointers point to.
    _fields: &'a Block,
    pairs: Vec<nghttp2_nv>,
    /// More octets than the block can take.
    room: usize,
}

impl Nghttp2Block<'_> {
    /// The field at `index` must never be indexed.
    pub fn mark_sensitive(&mut self, index: usize) {
        self.pairs[index].flags |= NGHTTP2_NV_FLAG_NO_INDEX as u8;
    }
}

impl Encode for Nghttp2Encoder {
    type Prepared<'a> = Nghttp2Block<'a>;

    fn prepare(block: &Block) -> Self::Prepared<'_> {
        // Two size updates, and two lengths and an index for each field; Huffman code is used only
        // where it is shorter.
        let room = block.iter().map(|(name, value)| name.len() + value.len() + 16).sum::<usize>();
        let flags = (NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE) as u8;
        let pairs = block.iter().map(|(name, value)| nghttp2_nv {
            name: name.as_ptr().cast_mut(),
            value: value.as_ptr().cast_mut(),
            namelen: name.len(),
            valuelen: value.len(),
            flags,
        });
        Nghttp2Block { _fields: block, pairs: pairs.collect(), room: room + 16 }
    }

    fn encode(&mut self, block: &mut Self::Prepared<'_>, out: &mut Vec<u8>) {
        out.reserve(block.room);
        let spare = out.spare_capacity_mut();
        // SAFETY: the encoder is valid; it reads the pairs, and through them the fields that the
        // block borrows, and writes at most as many octets as are spare.
        let octets = unsafe {
            nghttp2_hd_deflate_hd2(
                self.0.as_ptr(),
                spare.as_mut_ptr().cast(),
                spare.len(),
                block.pairs.as_ptr(),
                block.pairs.len(),
            )
        };
        let octets = usize::try_from(octets).expect("a good block");
        // SAFETY: so many octets behind the vector's end have been written.
        unsafe { out.set_len(out.len() + octets) }
    }
}

/// The decoder of nghttp2.
#[derive(Debug)]
pub struct Nghttp2Decoder(NonNull<nghttp2_hd_inflater>);

impl Default for Nghttp2Decoder {
    fn default() -> Self {
        let mut inflater = ptr::null_mut();
        // SAFETY: it writes a pointer to where we have one. Its table is as large as HTTP/2 begins
        // with, which is `TABLE_BYTES`.
        let status = unsafe { nghttp2_hd_inflate_new(&mut inflater) };
        assert_eq!(status, 0, "out of memory");
        Self(NonNull::new(inflater).expect("an inflater"))
    }
}

impl Drop for Nghttp2Decoder {
    fn drop(&mut self) {
        // SAFETY: it was made by `nghttp2_hd_inflate_new` and is used no more.
        unsafe { nghttp2_hd_inflate_del(self.0.as_ptr()) }
    }
}

impl Nghttp2Decoder {
    /// The peer has acknowledged another bound of the table.
    ///
    /// # Panics
    /// If there is no memory.
    pub fn set_table_bytes_max(&mut self, table_bytes_max: usize) {
        // SAFETY: the decoder is valid, and not in the middle of a block.
        let status =
            unsafe { nghttp2_hd_inflate_change_table_size(self.0.as_ptr(), table_bytes_max) };
        assert_eq!(status, 0, "out of memory");
    }

    /// Shows every field of the next block, and whether it must never be indexed.
    ///
    /// # Errors
    /// That the decoder refuses the block.
    pub fn decode_fields(
        &mut self,
        block: &[u8],
        mut show: impl FnMut(Field<'_>),
    ) -> Result<(), Refused> {
        let mut rest = block;
        loop {
            let mut pair = nghttp2_nv {
                name: ptr::null_mut(),
                value: ptr::null_mut(),
                namelen: 0,
                valuelen: 0,
                flags: 0,
            };
            let mut flags: c_int = 0;
            // SAFETY: the decoder is valid, reads as many octets as there are, and writes to the
            // pair and the flags.
            let octets = unsafe {
                nghttp2_hd_inflate_hd3(
                    self.0.as_ptr(),
                    &mut pair,
                    &mut flags,
                    rest.as_ptr(),
                    rest.len(),
                    1,
                )
            };
            let octets = usize::try_from(octets).map_err(|_| Refused)?;
            rest = &rest[octets..];
            if flags & NGHTTP2_HD_INFLATE_EMIT as c_int != 0 {
                // SAFETY: until the next call to the decoder they point to as many octets as it
                // says, and are not null.
                let (name, value) = unsafe {
                    (
                        slice::from_raw_parts(pair.name, pair.namelen),
                        slice::from_raw_parts(pair.value, pair.valuelen),
                    )
                };
                let sensitive = u32::from(pair.flags) & NGHTTP2_NV_FLAG_NO_INDEX != 0;
                show(Field { name, value, sensitive });
            }
            if flags & NGHTTP2_HD_INFLATE_FINAL as c_int != 0 {
                // SAFETY: the decoder is valid.
                unsafe { nghttp2_hd_inflate_end_headers(self.0.as_ptr()) };
                return Ok(());
            }
        }
    }
}

impl Decode for Nghttp2Decoder {
    fn decode(&mut self, block: &[u8], mut show: impl FnMut(&[u8], &[u8])) -> Result<(), Refused> {
        self.decode_fields(block, |field| show(field.name, field.value))
    }
}
