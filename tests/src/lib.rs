//! Helpers that the tests share.

pub mod counting;
pub mod desk;
pub mod endpoint;
pub mod field_block;
pub mod frames;
pub mod h2;
pub mod h2_peers;
pub mod headers;
pub mod hpack_peers;
pub mod hpack_script;
pub mod model;
pub mod pair;
pub mod plain_decoder;
pub mod rng;
pub mod split;

/// The code blocks of the README, as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
