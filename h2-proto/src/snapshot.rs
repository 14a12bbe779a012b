//! A connection on one page, for people who look into it.

use core::fmt;

use crate::core::{Core, Side};
use crate::phase::Phase;
use crate::settings::Settings;

/// What a connection is at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Whether it is a server's.
    pub is_server: bool,
    /// Where it stands.
    pub phase: Phase,
    /// Ours, as the peer has acknowledged them.
    pub local_settings: Settings,
    /// SETTINGS of ours that are not acknowledged.
    pub settings_unacknowledged: usize,
    /// The peer's.
    pub remote_settings: Settings,
    /// What we may still send, and receive, on the connection, in octets.
    pub send_window: i32,
    /// See `send_window`.
    pub receive_window: i32,
    /// Octets that were handed out and not released.
    pub unreleased_bytes: u64,
    /// Streams that the peer opened, and that we opened, and that are not done with.
    pub peer_streams: u32,
    /// See `peer_streams`.
    pub own_streams: u32,
    /// Requests that wait for a stream.
    pub pending: usize,
    /// The highest stream that the peer opened.
    pub last_peer_stream: u32,
    /// The last stream in the GOAWAY that we sent, and in that which came.
    pub goaway_sent: Option<u32>,
    /// See `goaway_sent`.
    pub goaway_received: Option<u32>,
    /// A shutdown has begun on this side.
    pub is_draining: bool,
    /// Input waits until what the peer caused is written.
    pub is_paused: bool,
    /// Octets that are not written.
    pub unsent_bytes: u64,
    /// The account of what the peer caused, in units, and its limit.
    pub ledger_units: u32,
    /// See `ledger_units`.
    pub ledger_units_max: u32,
    /// The sizes of the dynamic tables, the decoder's and the encoder's, in octets.
    pub decoder_table_bytes: usize,
    /// See `decoder_table_bytes`.
    pub encoder_table_bytes: usize,
}

impl Snapshot {
    pub(crate) fn of(core: &Core) -> Self {
        Self {
            is_server: core.side == Side::Server,
            phase: core.phase,
            local_settings: core.local.in_force,
            settings_unacknowledged: core.local.unacknowledged(),
            remote_settings: core.remote,
            send_window: core.send.get(),
            receive_window: core.receive.get(),
            unreleased_bytes: core.unreleased,
            peer_streams: core.peer_streams,
            own_streams: core.own_streams,
            pending: core.pending.len(),
            last_peer_stream: core.last_peer_id,
            goaway_sent: core.goaway_sent,
            goaway_received: core.goaway_received,
            is_draining: core.is_draining(),
            is_paused: core.is_paused(),
            unsent_bytes: core.unsent(),
            ledger_units: core.ledger.debt(),
            ledger_units_max: core.config.ledger_units_max,
            decoder_table_bytes: core.decoder.table().size(),
            encoder_table_bytes: core.encoder.table().size(),
        }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.is_server { "server" } else { "client" };
        writeln!(f, "{role}, phase {}", self.phase)?;
        for (flag, text) in [(self.is_draining, "draining"), (self.is_paused, "input paused")] {
            if flag {
                writeln!(f, "  {text}")?;
            }
        }
        writeln!(
            f,
            "  streams: {} of the peer, {} of ours, {} waiting; highest of the peer {}",
            self.peer_streams, self.own_streams, self.pending, self.last_peer_stream
        )?;
        writeln!(
            f,
            "  windows: send {}, receive {}; unreleased {}, unsent {}",
            self.send_window, self.receive_window, self.unreleased_bytes, self.unsent_bytes
        )?;
        writeln!(
            f,
            "  ledger: {} of {}; tables: decoder {}, encoder {}",
            self.ledger_units,
            self.ledger_units_max,
            self.decoder_table_bytes,
            self.encoder_table_bytes
        )?;
        writeln!(f, "  goaway: sent {:?}, received {:?}", self.goaway_sent, self.goaway_received)?;
        for (whose, settings) in
            [("ours", &self.local_settings), ("the peer's", &self.remote_settings)]
        {
            writeln!(
                f,
                "  settings, {whose}: table {}, push {}, streams {}, window {}, frame {}, section {}, \
                 connect {}, no old priorities {}",
                settings.header_table_bytes,
                settings.push,
                settings.streams_max,
                settings.window_bytes,
                settings.frame_bytes_max,
                settings.section_bytes_max,
                settings.connect_protocol,
                settings.no_rfc7540_priorities
            )?;
        }
        write!(f, "  settings not acknowledged: {}", self.settings_unacknowledged)
    }
}
