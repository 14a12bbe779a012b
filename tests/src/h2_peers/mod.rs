//! Other implementations of HTTP/2 as the foreign end of a connection in memory.

mod nghttp2;
mod nghttp2_callbacks;
mod nghttp2_memory;
mod nghttp2_wire;
mod ours;
pub mod talk;
mod theirs;

pub use nghttp2::{Handler, Role, Session};
pub use nghttp2_memory::Memory;
pub use nghttp2_wire::{Calls, Content, Fields, Received, Room};
pub use ours::Ours;
pub use theirs::Theirs;
