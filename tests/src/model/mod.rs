//! A model of two connections of HTTP/2: the real ones, joined by two wires, in every state that
//! they can get into.
//!
//! `rules` says how large a world is, `world` what can happen in it and what has to hold, `end` is one
//! side of it, `wire` what is under way, `explore` goes everywhere.

mod end;
pub mod explore;
pub mod role;
pub mod rules;
pub mod wire;
pub mod world;

pub use end::Scratch;
