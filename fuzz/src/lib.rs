//! What the fuzz targets check, as functions, so that `cargo test` runs the same over the corpus.
//!
//! Each harness takes octets and panics if something that the crates promise does not hold:
//! [`h1_request`] for a server, [`h1_response`] for a client, [`chunked`] for the decoder that
//! stands alone, [`h1_pair`] for a client and a server that talk to each other; [`h2_server`],
//! [`h2_client`] and [`h2_pair`] likewise; [`h2_calls`] for calls of the application; [`hpack_decode`]
//! for the decoder of HPACK, [`hpack_round_trip`] for its encoder and decoder, and
//! [`hpack_differential`] for the decoder beside that of nghttp2.
//!
//! ```text
//! cargo +nightly fuzz run h1_request          fuzz, with the corpus in git as a start
//! cargo run -p fuzz --bin h1_request -- FILE  replay, on stable, without a C++ compiler
//! ```

pub mod chunked;
mod cuts;
pub mod h1_pair;
pub mod h1_request;
pub mod h1_response;
pub mod h2_calls;
pub mod h2_client;
pub mod h2_pair;
mod h2_run;
pub mod h2_server;
mod h2_wire;
pub mod hpack_decode;
pub mod hpack_differential;
pub mod hpack_round_trip;
mod limits;
mod memory;
mod nghttp2;
mod rng;
mod steps;
mod table;
mod transcript;

pub use rng::Rng;

/// Runs a harness over the files that the command line names.
///
/// # Panics
/// If a file cannot be read, or the harness finds something.
pub fn replay(check: fn(&[u8])) {
    for path in std::env::args_os().skip(1) {
        let input = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", std::path::Path::new(&path).display()));
        println!("{} ({} octets)", std::path::Path::new(&path).display(), input.len());
        check(&input);
    }
}
