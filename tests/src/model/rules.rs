//! What may happen in a world of the model, and how large things are in it.

use h2_proto::Config;

/// The most streams that a world has.
pub const STREAMS_MAX: usize = 4;

/// The window of both connections. A piece of content is all of it or half of it, so that every
/// release is announced at once and no credit is out of sight.
pub const CONNECTION_WINDOW: u32 = 65_536;

/// A world. The sides are the client, 0, and the server, 1.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "each test makes its own")]
pub struct Rules {
    /// For those who read the numbers.
    pub name: &'static str,
    /// Requests that the client makes, and how many of them before the world begins.
    pub streams: usize,
    /// See `streams`.
    pub asked: usize,
    /// Streams that the server allows.
    pub streams_max: u32,
    /// Octets of a piece of content: a frame of DATA.
    pub piece: u32,
    /// Pieces of the content that each side sends on each stream.
    pub pieces: [u32; 2],
    /// Pieces that the windows of streams hold at each side.
    pub window: [u32; 2],
    /// How often each side may announce other windows for streams, and how many pieces they hold.
    pub resizes: [u8; 2],
    /// See `resizes`.
    pub resized: u32,
    /// Whether it is chosen when the transport takes output. If not, it does at once.
    pub transport: bool,
    /// Octets of caused output that pause input.
    pub caused_max: u32,
    /// Whether DATA arrives in two halves.
    pub halves: bool,
    /// Streams that are given up, by either side; by `done` instead of `reset`.
    pub resets: u8,
    /// See `resets`.
    pub by_done: bool,
    /// How often each side may call `shutdown`.
    pub shutdowns: [u8; 2],
    /// Whether the world begins behind the greeting of both sides.
    pub greeted: bool,
}

impl Rules {
    /// Three streams with a piece each way, windows of one frame, each side may shut down.
    pub const BASE: Self = Self {
        name: "base",
        streams: 3,
        asked: 3,
        streams_max: 100,
        piece: CONNECTION_WINDOW,
        pieces: [1, 1],
        window: [1, 1],
        resizes: [0, 0],
        resized: 1,
        transport: false,
        caused_max: 1_000,
        halves: false,
        resets: 0,
        by_done: false,
        shutdowns: [1, 2],
        greeted: true,
    };

    /// What a side announces.
    #[must_use]
    pub fn config(&self, side: usize) -> Config {
        let mut config = Config::default();
        config.streams_max = self.streams_max;
        config.frame_bytes_max = CONNECTION_WINDOW;
        config.stream_window_bytes = self.piece * self.window[side];
        config.connection_window_bytes = CONNECTION_WINDOW;
        config.connection_unreleased_bytes_max = 0;
        config.manual_release = true;
        config.caused_output_bytes_max = self.caused_max;
        config.output_bytes_max =
            if self.transport { u64::from(self.piece) + 100 } else { 1 << 40 };
        // An account that is never overdrawn has no say, and is no part of a state.
        config.ledger_units_max = u32::MAX;
        config
    }

    /// Octets of content that a side sends on a stream.
    #[must_use]
    pub fn content(&self, side: usize) -> u32 {
        self.piece * self.pieces[side]
    }
}
