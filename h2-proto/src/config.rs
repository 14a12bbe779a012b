//! Every limit and every deadline, with its unit in its name and its default.

use core::time::Duration;

use crate::frame::Header;
use crate::settings::Settings;

/// Limits, deadlines and policies of a connection. Shared between connections by reference count;
/// cheap to hand to each.
///
/// ```
/// let mut config = h2_proto::Config::default();
/// config.streams_max = 250;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Streams of the peer that may be open, or not yet done with by the application
    /// (SETTINGS_MAX_CONCURRENT_STREAMS). Over it: REFUSED_STREAM. On a client also the requests that
    /// are out at a time, whatever the server allows; more wait. Default 100.
    pub streams_max: u32,
    /// Octets of a field section, each field 32 more than its name and value
    /// (SETTINGS_MAX_HEADER_LIST_SIZE). Over it a request is answered 431, a response is reset.
    /// Default 16 KiB.
    pub section_bytes_max: u32,
    /// Fields of a section, cookie crumbs counted one by one. Over it: the same. Default 128.
    pub fields_max: u32,
    /// Octets of a field block as it comes, compressed. Over it: ENHANCE_YOUR_CALM. Default 32 KiB.
    pub block_bytes_max: u32,
    /// CONTINUATION frames of a block, empty ones too. Over it: ENHANCE_YOUR_CALM. Default 8.
    pub continuations_max: u32,
    /// Octets of a frame's payload that are taken (SETTINGS_MAX_FRAME_SIZE), from 16,384 to 2^24-1.
    /// Over it: FRAME_SIZE_ERROR. Default 16,384.
    pub frame_bytes_max: u32,
    /// Entries of a SETTINGS frame. Over it: ENHANCE_YOUR_CALM. Default 32.
    pub settings_entries_max: u32,
    /// Octets of the decoder's dynamic table (SETTINGS_HEADER_TABLE_SIZE), each entry 32 more than its
    /// field. Over it the oldest entries go. Default 4,096.
    pub table_bytes_max: u32,
    /// Octets of the encoder's dynamic table, counted as there, whatever the peer allows. Default
    /// 4,096.
    pub encoder_table_bytes_max: u32,
    /// Octets that each stream may receive ahead of what was released
    /// (SETTINGS_INITIAL_WINDOW_SIZE). Over it: FLOW_CONTROL_ERROR, of the stream. Default 64 KiB.
    pub stream_window_bytes: u32,
    /// Octets that all streams together may receive ahead. Over it: FLOW_CONTROL_ERROR. Default 1 MiB,
    /// at least 65,535.
    pub connection_window_bytes: u32,
    /// Octets that may be unreleased by the application before the connection's window waits for
    /// it, too. So that a stream that nobody reads never stalls the others, it has to be at least
    /// `streams_max` times `stream_window_bytes`; the default is that.
    pub connection_unreleased_bytes_max: u64,
    /// Windows grow only by `release`; without, as content is handed out. Default: no.
    pub manual_release: bool,
    /// Octets of a message's content. Over it: CANCEL. Default: none.
    pub body_bytes_max: Option<u64>,
    /// Interim responses that a client takes for one request. Over it: ENHANCE_YOUR_CALM, of the
    /// stream. Default 8.
    pub informational_max: u8,
    /// Requests of a client that wait until the server allows another stream. Over it:
    /// [`SendError::TooManyPending`](crate::SendError::TooManyPending). Default 100.
    pub pending_max: u32,
    /// Octets of the fields of those, 32 more for each field. Over it: the same. Default 64 KiB.
    pub pending_bytes_max: u32,
    /// Octets that may be unsent before nothing more is produced of what the caller sends. Default
    /// 256 KiB.
    pub output_bytes_max: u64,
    /// Octets that the peer caused and that are unsent before input pauses: 256 frames. Default
    /// 4,352.
    pub caused_output_bytes_max: u32,
    /// Octets of a GOAWAY's debug data that are handed out. Default 256.
    pub debug_data_bytes_max: u32,
    /// SETTINGS frames of ours, and PING frames, that may wait for acknowledgement. Over it:
    /// [`SendError::TooManyUnacknowledged`](crate::SendError::TooManyUnacknowledged). Default 8 of each.
    pub unacknowledged_max: u8,
    /// The account of what the peer causes, in units of about 100 ns. Over it: ENHANCE_YOUR_CALM.
    /// Default 20,000.
    pub ledger_units_max: u32,
    /// What time repays of it. Default 100; 1,000 for gateways.
    pub ledger_repayment_units_per_second: u32,
    /// Whether a client lets the server push. Default: no.
    pub push: bool,
    /// Whether a server takes extended CONNECT (RFC 8441). Default: yes.
    pub connect_protocol: bool,
    /// Whether frames of unknown types are handed out. Default: no.
    pub unknown_frames: bool,
    /// Time for the preface and the first SETTINGS. After it: PROTOCOL_ERROR. Default 10 s.
    pub preface_timeout: Duration,
    /// Time for an acknowledgement of our SETTINGS. After it: SETTINGS_TIMEOUT. Default 10 s.
    pub settings_timeout: Duration,
    /// Time for a whole field block, from its first frame, and for a frame that is no DATA. After it:
    /// PROTOCOL_ERROR. Default 10 s.
    pub header_block_timeout: Duration,
    /// Time without any stream. After it the connection goes away, without an error. Default 60 s;
    /// `None` for ever.
    pub idle_timeout: Option<Duration>,
    /// Time within which unsent octets, or content that waits for a window, make progress. After it:
    /// ENHANCE_YOUR_CALM, of the connection or of the stream. Default 30 s.
    pub send_timeout: Duration,
    /// Octets that are progress, in either direction, at most 65,535. Default 1 KiB.
    pub send_progress_bytes_min: u32,
    /// Time within which content that a stream waits for makes progress, while it has the window to.
    /// After it: ENHANCE_YOUR_CALM, of the stream. Default: none, because a call of gRPC may stay
    /// silent for hours.
    pub body_timeout: Option<Duration>,
    /// How often the peer is asked whether it is there, while it is silent. Default: never.
    pub ping_interval: Option<Duration>,
    /// Time for its answer. After it the connection ends, with NO_ERROR. Default 20 s.
    pub ping_timeout: Duration,
    /// Age at which a connection begins to shut down, once both sides have greeted; its streams go on for as
    /// long as they take. Default: none.
    pub age_max: Option<Duration>,
    /// Time for the streams to end after [`shutdown`](crate::ServerConnection::shutdown). After it the
    /// connection ends, with NO_ERROR. Default 30 s.
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            streams_max: 100,
            section_bytes_max: 16 << 10,
            fields_max: 128,
            block_bytes_max: 32 << 10,
            continuations_max: 8,
            frame_bytes_max: 16_384,
            settings_entries_max: 32,
            table_bytes_max: 4096,
            encoder_table_bytes_max: 4096,
            stream_window_bytes: 64 << 10,
            connection_window_bytes: 1 << 20,
            connection_unreleased_bytes_max: 100 * (64 << 10),
            manual_release: false,
            body_bytes_max: None,
            informational_max: 8,
            pending_max: 100,
            pending_bytes_max: 64 << 10,
            output_bytes_max: 256 << 10,
            caused_output_bytes_max: 256 * 17,
            debug_data_bytes_max: 256,
            unacknowledged_max: 8,
            ledger_units_max: 20_000,
            ledger_repayment_units_per_second: 100,
            push: false,
            connect_protocol: true,
            unknown_frames: false,
            preface_timeout: Duration::from_secs(10),
            settings_timeout: Duration::from_secs(10),
            header_block_timeout: Duration::from_secs(10),
            idle_timeout: Some(Duration::from_secs(60)),
            send_timeout: Duration::from_secs(30),
            send_progress_bytes_min: 1024,
            body_timeout: None,
            ping_interval: None,
            ping_timeout: Duration::from_secs(20),
            age_max: None,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// What a client or server of this configuration announces.
    pub(crate) fn settings(&self, is_client: bool) -> Settings {
        Settings {
            header_table_bytes: self.table_bytes_max.min(1 << 30),
            push: is_client && self.push,
            streams_max: if is_client && !self.push { u32::MAX } else { self.streams_max },
            window_bytes: self.stream_window_bytes.min(i32::MAX as u32),
            frame_bytes_max: self.frame_bytes_max.clamp(16_384, (1 << 24) - 1),
            section_bytes_max: self.section_bytes_max,
            connect_protocol: !is_client && self.connect_protocol,
            no_rfc7540_priorities: true,
        }
    }

    /// What one connection can take in memory, whatever the peer sends, in octets: the connection,
    /// its tables and streams, and what is carried. Output and content are the caller's.
    #[must_use]
    pub fn memory_max_bytes(&self) -> usize {
        // A stream with its places: found by identifier, free, twice in the schedule, prioritized
        // before it is opened, and in a queue of what happened to many at once.
        const PLACES: usize = 8 + 4 + 2 * 20 + 12 + size_of::<crate::recv::Step>();
        // A client that takes pushes has as many streams again.
        let streams = self.streams_max as usize * if self.push { 2 } else { 1 };
        let tables = self.table_bytes_max as usize + self.encoder_table_bytes_max as usize;
        let frame = self.frame_bytes_max as usize + Header::LEN;
        let waiting = self.pending_bytes_max as usize + 64 * self.pending_max as usize;
        // Vectors grow by doubling.
        let grown = streams * (size_of::<crate::stream::Stream>() + PLACES)
            + tables
            + frame
            + self.block_bytes_max as usize;
        1024 + 4096 + 2 * grown + waiting
    }
}
