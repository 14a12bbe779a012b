//! Helpers that the tests share.

pub mod desk;
pub mod endpoint;
pub mod rng;
pub mod split;
