//! HPACK (RFC 7541), header compression for HTTP/2: useful alone for proxies, sniffers and test
//! tools. No `unsafe`, no std.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod decoder;
mod dynamic_table;
mod encoder;
mod error;
mod field;
mod fragments;
mod hash;
pub mod huffman;
mod index;
mod integer;
mod policy;
pub mod static_table;

pub use decoder::Decoder;
pub use dynamic_table::DynamicTable;
pub use encoder::Encoder;
pub use error::{DecodeError, DecodeErrorKind};
pub use field::{FIELD_OVERHEAD, Field, FieldBuf, FieldLimits, Fields};
pub use fragments::{BlockTooLong, Fragments};
pub use policy::{Indexing, Policy, Sighting, default_policy};
