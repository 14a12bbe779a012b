//! Helpers that the tests share.

pub mod endpoint;
pub mod rng;
pub mod split;
