//! HPACK (RFC 7541), the header compression of HTTP/2: useful alone for proxies, sniffers and test
//! tools. No `unsafe`, no std, no dependency but `alloc` and the derive of its errors.
//!
//! [`Decoder`] turns field blocks into lists of fields, [`Encoder`] does the reverse; each serves
//! one direction of a connection and keeps the dynamic table of that direction. Fields land in a
//! [`FieldBuf`] of the caller's, under [`FieldLimits`] that come with the call. [`Fragments`] puts
//! blocks together that came in pieces. [`huffman`] and [`static_table`] stand alone.
//!
//! # A block, octet by octet
//!
//! A field block is a sequence of representations: a reference to a table, or a literal, whose name
//! may be such a reference. The first bits tell which (§6):
//!
//! ```text
//!   0   1   2   3   4   5   6   7
//! +---+---+---+---+---+---+---+---+
//! | 1 |        Index (7+)         |   indexed field                            §6.1
//! +---+---+-----------------------+
//! | 0   1 |      Index (6+)       |   literal, to be inserted in the table     §6.2.1
//! +---+---+---+-------------------+
//! | 0   0   1 |   Max size (5+)   |   table size update                        §6.3
//! +---+---+---+---+---------------+
//! | 0   0   0   1 |  Index (4+)   |   literal, never indexed                   §6.2.3
//! +---+---+---+---+---------------+
//! | 0   0   0   0 |  Index (4+)   |   literal, not inserted                    §6.2.2
//! +---+---+---+---+---------------+
//! ```
//!
//! The RFC's first request (§C.4.1), and the second on the same connection:
//!
//! ```
//! use hpack::{Decoder, FieldBuf, FieldLimits};
//!
//! let first = [
//!     0x82, // 1 0000010: index 2 of the static table,  :method: GET
//!     0x86, // 1 0000110: index 6,                      :scheme: http
//!     0x84, // 1 0000100: index 4,                      :path: /
//!     0x41, // 01 000001: a literal to be inserted, its name that of index 1, :authority
//!     0x8c, // 1 0001100: its value is Huffman code of 12 octets
//!     0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff, // www.example.com
//! ];
//! let second = [
//!     0x82, 0x86, 0x84,
//!     0xbe, // 1 0111110: index 62, the newest entry of the dynamic table
//!     0x58, // 01 011000: a literal to be inserted, its name that of index 24, cache-control
//!     0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf, // no-cache
//! ];
//!
//! let mut decoder = Decoder::new(4096);
//! let (mut fields, limits) = (FieldBuf::new(), FieldLimits::default());
//! decoder.decode(&first, &limits, &mut fields)?;
//! assert_eq!(fields.value(":authority"), Some(&b"www.example.com"[..]));
//! decoder.decode(&second, &limits, &mut fields)?;
//! assert_eq!(fields.value(":authority"), Some(&b"www.example.com"[..]));
//! assert_eq!(fields.value("cache-control"), Some(&b"no-cache"[..]));
//! assert_eq!(decoder.table().len(), 2);
//! # Ok::<_, hpack::DecodeError>(())
//! ```
//!
//! # What it takes
//!
//! A decoder that has inserted nothing has allocated nothing; a warm one allocates nothing more,
//! per field or per block, and neither does an encoder, which allocates first for the first field that
//! no table has. The table's octets never exceed the size that was agreed on; beside them lie 16 to 32
//! octets for each entry, and in the encoder up to 2.5 KiB for finding matches in a table of 4 KiB and
//! remembering what was sent.
//!
//! Decoding is linear in what is read, copied and inserted, which [`Decoder::work`] counts: a block may
//! refer to a long entry with every octet, and to a long name that is inserted again with every two, so
//! whoever decodes for others can charge for it. No reference costs more than the table holds, and
//! behind a limit all of them together no more than 8 octets for each of the block.
//!
//! # Sizes in HTTP/2
//!
//! | RFC 9113 | here |
//! |---|---|
//! | our SETTINGS_HEADER_TABLE_SIZE was acknowledged | [`Decoder::set_table_bytes_max`] |
//! | the peer's SETTINGS_HEADER_TABLE_SIZE arrived | [`Encoder::set_peer_table_bytes_max`] |
//! | our SETTINGS_MAX_HEADER_LIST_SIZE | [`FieldLimits::section_bytes_max`] |
//! | a [fatal](DecodeError::is_fatal) error | a connection error of type COMPRESSION_ERROR |
//! | another | the stream's: a 431, or a stream error |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod compare;
mod decoder;
mod dynamic_table;
mod encoder;
mod error;
mod field;
mod field_buf;
mod fragments;
mod hash;
mod history;
pub mod huffman;
mod index;
mod integer;
mod policy;
pub mod static_table;

pub use decoder::Decoder;
pub use dynamic_table::DynamicTable;
pub use encoder::Encoder;
pub use error::{DecodeError, DecodeErrorKind};
pub use field::{FIELD_OVERHEAD, Field, FieldLimits};
pub use field_buf::{FieldBuf, Fields};
pub use fragments::{BlockTooLong, Fragments};
pub use policy::{Indexing, Policy, Sighting, default_policy};

#[cfg(test)]
mod budgets {
    //! What a connection of HTTP/2 holds of each: sizes are budgets.
    const _: () = assert!(size_of::<crate::Decoder>() <= 152);
    const _: () = assert!(size_of::<crate::Encoder>() <= 184);
}
