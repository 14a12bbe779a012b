//! Every limit and every deadline, with its unit in its name and its default.

use core::time::Duration;

/// Limits, deadlines and policies of a connection. Shared between connections by reference
/// count; cheap to hand to each.
///
/// ```
/// let mut config = h1_proto::Config::default();
/// config.body_bytes_max = 16 << 20;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Octets of a request line or status line, line end included. Over it: 414. Default 8 KiB.
    pub start_line_bytes_max: usize,
    /// Octets of a method. Over it: 501. Default 32.
    pub method_bytes_max: usize,
    /// Octets of a head, start line and last empty line included. Over it: 431.
    /// Default 32 KiB; at most `u32::MAX` counts.
    pub head_bytes_max: usize,
    /// Field lines of a head. Over it: 431. Default 128.
    pub fields_max: usize,
    /// Octets of one field line, line end included. Over it: 431. Default 16 KiB.
    pub field_bytes_max: usize,
    /// Octets of a trailer section, last empty line included. Over it: 431. Default 8 KiB.
    pub trailers_bytes_max: usize,
    /// Field lines of a trailer section. Over it: 431. Default 32.
    pub trailers_max: usize,
    /// Empty lines before a start line, which are skipped (RFC 9112 §2.2). Over it: 400.
    /// Default 4.
    pub empty_lines_max: u8,
    /// Octets of one chunk-size line, line end included. Over it: 400. Default 256.
    pub chunk_line_bytes_max: usize,
    /// Octets of chunk extensions that a message may have in any case. Over it, and over the
    /// ratio: 400. Default 1 KiB.
    pub chunk_extension_bytes_max: u64,
    /// Beyond that, one octet of chunk extensions for so many octets of content. Default 8.
    pub chunk_extension_body_ratio: u64,
    /// Octets of a message's content, chunked coding removed. Over it: 413. Default 1 MiB;
    /// [`Config::client`] sets none.
    pub body_bytes_max: u64,
    /// Interim responses that a client takes for one request. Default 8.
    pub informational_max: u8,
    /// Octets of the interim responses that a client takes for one request. Default 16 KiB.
    pub informational_bytes_max: usize,
    /// Requests that a client sends ahead of the answers. Default 32.
    pub pipeline_max: usize,
    /// Octets that may be unsent: beyond it `send_data` accepts nothing. Default 256 KiB.
    pub output_bytes_max: usize,
    /// Exchanges on one connection; the last answer says `close`. Default: no cap.
    pub requests_max: Option<u32>,
    /// Whether connections carry more than one exchange. Default: yes.
    pub keep_alive: bool,
    /// Time for a complete head: from its first octet, for the first head from the start of the
    /// connection. Default 5 s.
    pub head_timeout: Duration,
    /// Time that a connection may stand idle between exchanges. Default 5 s.
    pub keep_alive_timeout: Duration,
    /// Time within which content must make progress. Default 30 s.
    pub body_timeout: Duration,
    /// Octets that are progress within [`Config::body_timeout`]; the end of the content always
    /// is. Default 1 KiB.
    pub body_progress_bytes_min: u64,
    /// Time within which the transport must take output while some is unsent. Default 30 s.
    pub send_timeout: Duration,
    /// Octets that are progress within [`Config::send_timeout`]; taking all of it always is.
    /// Default 1 KiB.
    pub send_progress_bytes_min: u64,
    /// Octets of content that a server reads and throws away after its answer in order to keep
    /// the connection. Default 64 KiB.
    pub unread_body_bytes_max: u64,
    /// Time for that. Default 2 s.
    pub unread_body_timeout: Duration,
    /// Octets that a lingering close reads at most. Default 1 MiB.
    pub linger_bytes_max: u64,
    /// Time of a lingering close. Default 5 s.
    pub linger_timeout: Duration,
    /// Time from `drain` to the end of the last exchange. Default 30 s.
    pub drain_timeout: Duration,
    /// Time that a client waits for a 100 (Continue) before it sends the content all the same.
    /// Default 1 s.
    pub continue_timeout: Duration,
    /// What to accept beyond the strict reading of the RFC. Default: nothing that opens an
    /// attack.
    pub leniency: Leniency,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            start_line_bytes_max: 8 << 10,
            method_bytes_max: 32,
            head_bytes_max: 32 << 10,
            fields_max: 128,
            field_bytes_max: 16 << 10,
            trailers_bytes_max: 8 << 10,
            trailers_max: 32,
            empty_lines_max: 4,
            chunk_line_bytes_max: 256,
            chunk_extension_bytes_max: 1 << 10,
            chunk_extension_body_ratio: 8,
            body_bytes_max: 1 << 20,
            informational_max: 8,
            informational_bytes_max: 16 << 10,
            pipeline_max: 32,
            output_bytes_max: 256 << 10,
            requests_max: None,
            keep_alive: true,
            head_timeout: Duration::from_secs(5),
            keep_alive_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(30),
            body_progress_bytes_min: 1 << 10,
            send_timeout: Duration::from_secs(30),
            send_progress_bytes_min: 1 << 10,
            unread_body_bytes_max: 64 << 10,
            unread_body_timeout: Duration::from_secs(2),
            linger_bytes_max: 1 << 20,
            linger_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(30),
            continue_timeout: Duration::from_secs(1),
            leniency: Leniency::default(),
        }
    }
}

impl Config {
    /// The defaults of a client: content of any length, 30 s for a response to begin and 60 s
    /// of idleness, since a client waits for work that a server does.
    #[must_use]
    pub fn client() -> Self {
        Self {
            body_bytes_max: u64::MAX,
            head_timeout: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(60),
            ..Self::default()
        }
    }

    /// A small server: 100 requests a connection.
    #[must_use]
    pub fn small() -> Self {
        Self { requests_max: Some(100), ..Self::default() }
    }

    /// Octets that one connection can hold at most, itself included, whatever the peer sends:
    /// the carry of an unfinished head or trailer section, and the list of unanswered requests
    /// on a client. Content is never held.
    #[must_use]
    pub fn memory_max_bytes(&self) -> usize {
        let carry = self.head_bytes_max.max(self.trailers_bytes_max).max(self.start_line_bytes_max);
        // A vector that grows may hold twice its length.
        let carry = carry.saturating_mul(2).saturating_add(64);
        let pipeline = self
            .pipeline_max
            .saturating_add(1)
            .saturating_mul(2 * size_of::<crate::client::Unanswered>());
        let own = size_of::<crate::ServerConnection>().max(size_of::<crate::ClientConnection>());
        // An error keeps the name of the field, cut to 64 octets before it is escaped.
        own.saturating_add(carry).saturating_add(pipeline).saturating_add(512)
    }
}

/// Deviations from the strict reading, each off by default if it opens an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leniency {
    /// Accept a bare LF as the end of a line in heads and trailers (RFC 9112 §2.2 allows it).
    ///
    /// Attack: a proxy in front that does not see a line end there sees other fields than we do;
    /// what it passes on as one value becomes a framing field here. Off.
    pub bare_lf: bool,
    /// Accept Content-Length beside Transfer-Encoding: the latter wins, the connection closes
    /// after the exchange (RFC 9112 §6.3, item 3).
    ///
    /// Attack: request smuggling by CL.TE and TE.CL, if the other side of a proxy takes the
    /// former. Off.
    pub content_length_with_transfer_encoding: bool,
    /// Accept the same Content-Length more than once, in lines or as a list (RFC 9112 §6.3,
    /// item 5). Differing values are always refused.
    ///
    /// Attack: a peer that reads the list `5, 5` by another rule frames another message. Off.
    pub repeated_content_length: bool,
    /// In responses, take a folded field line as one, the fold replaced by spaces. RFC 9112 §5.2
    /// demands it of user agents; in requests folding is always refused.
    ///
    /// Attack: a cache in front that reads the fold as a field of its own sees other fields than
    /// we do. On, because of the RFC.
    pub folded_response_fields: bool,
}

impl Default for Leniency {
    fn default() -> Self {
        Self {
            bare_lf: false,
            content_length_with_transfer_encoding: false,
            repeated_content_length: false,
            folded_response_fields: true,
        }
    }
}
