//! Memory of HTTP/2: what one connection takes at its worst is within `Config::memory_max_bytes`,
//! each buffer by itself and all of them together, for either role.
//!
//! What is counted is the connection and what it asked of the allocator; output, input and decoded
//! fields are the caller's. The peaks beside the bounds:
//!
//! ```text
//! cargo test -p tests --test memory_h2 -- --nocapture --test-threads=1
//! ```

use core::time::Duration;
use std::sync::Arc;

use h2_proto::{
    ClientConnection, Config, ConnectionError, ErrorCode, ErrorKind, Event, FieldBuf, RequestLine,
    ServerConnection, StreamId,
};
use hpack::Field;
use tests::counting::{Counting, assert_counts, watch};
use tests::field_block::{FieldBlock, Literal};
use tests::frames::{PREFACE, flag, kind};
use tests::h2::{self, more};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn it_counts() {
    assert_counts();
}

const NONE: [(&str, &str); 0] = [];

// ---- configurations ----

/// As it comes, with the knobs on that let the peer do more.
fn default() -> Config {
    let mut config = Config::default();
    config.manual_release = true;
    config.push = true;
    config.unknown_frames = true;
    // The account would end most of this long before.
    config.ledger_units_max = u32::MAX;
    config
}

fn raised() -> Config {
    let mut config = default();
    config.streams_max = 1_000;
    config.section_bytes_max = 256 << 10;
    config.fields_max = 4_096;
    config.block_bytes_max = 512 << 10;
    config.continuations_max = 64;
    config.frame_bytes_max = 1 << 20;
    config.settings_entries_max = 1_000;
    config.table_bytes_max = 64 << 10;
    config.encoder_table_bytes_max = 64 << 10;
    config.pending_max = 1_000;
    config.pending_bytes_max = 1 << 20;
    config.caused_output_bytes_max = 64 << 10;
    config.debug_data_bytes_max = 64 << 10;
    config.unacknowledged_max = 255;
    config
}

/// Nearly nothing is allowed: what has no limit of its own shows.
fn lowered() -> Config {
    let mut config = default();
    config.streams_max = 1;
    config.section_bytes_max = 1_024;
    config.block_bytes_max = 1_024;
    config.encoder_table_bytes_max = 0;
    config.pending_max = 1;
    config.pending_bytes_max = 256;
    config.unacknowledged_max = 1;
    config
}

/// Nothing but streams.
fn crowded() -> Config {
    let mut config = lowered();
    config.streams_max = 4_097;
    config
}

type Named = (&'static str, fn() -> Config);

const CONFIGS: [Named; 4] =
    [("default", default), ("raised", raised), ("lowered", lowered), ("crowded", crowded)];

// ---- a connection under siege ----

/// A connection and the caller's buffers, which are large enough from the beginning.
struct Siege<C> {
    conn: Option<C>,
    config: Arc<Config>,
    out: Vec<u8>,
    fields: FieldBuf,
    error: Option<ConnectionError>,
    /// Whether the transport takes the output.
    drains: bool,
}

macro_rules! siege {
    ($connection:ident) => {
        impl Siege<$connection> {
            fn new(config: Config) -> Self {
                let mut fields = FieldBuf::new();
                for _ in 0..5_000 {
                    fields.push(Field::new(b"a name of some length", &[b'x'; 500]));
                }
                fields.clear();
                let out = Vec::with_capacity(8 << 20);
                let config = Arc::new(config);
                Self { conn: None, config, out, fields, error: None, drains: true }
            }

            /// Runs an attack on a new connection: the most that it took.
            fn run(mut self, attack: impl FnOnce(&mut Self)) -> usize {
                let ((), asked) = watch(|| {
                    let now = Duration::ZERO;
                    self.conn = Some($connection::new(self.config.clone(), now, &mut self.out));
                    attack(&mut self);
                });
                assert!(self.out.capacity() <= 8 << 20, "output was made larger");
                asked.peak + size_of::<$connection>()
            }

            fn conn(&mut self) -> (&mut $connection, &mut Vec<u8>) {
                (self.conn.as_mut().unwrap(), &mut self.out)
            }

            /// Feeds octets, and tells of each event.
            fn feed_with(
                &mut self,
                octets: &[u8],
                mut answer: impl FnMut(&Event<'_, '_>, &mut $connection, &mut Vec<u8>),
            ) {
                let conn = self.conn.as_mut().unwrap();
                let mut rest = octets;
                loop {
                    match conn.next_event(&mut rest, &mut self.fields, &mut self.out) {
                        Ok(Some(event)) => answer(&event, conn, &mut self.out),
                        Ok(None) => break,
                        Err(error) => {
                            self.error.get_or_insert(error);
                            break;
                        }
                    }
                }
                let error = conn.advance(Duration::ZERO, &mut self.out).err();
                if let Some(error) = error {
                    self.error.get_or_insert(error);
                }
                if self.drains {
                    conn.wrote(self.out.len());
                    self.out.clear();
                }
            }

            fn feed(&mut self, octets: &[u8]) {
                self.feed_with(octets, |_, _, _| {});
            }

            /// Feeds octets in pieces that force everything into the carry.
            fn drip(&mut self, octets: &[u8]) {
                octets.chunks(997).for_each(|piece| self.feed(piece));
            }

            #[track_caller]
            fn lives(&self) {
                assert_eq!(self.error, None);
            }
        }
    };
}

siege!(ServerConnection);
siege!(ClientConnection);

/// What is greeted with, prepared outside of what is counted.
fn greeting(server: bool, entries: &[(u16, u32)]) -> Vec<u8> {
    let preface = if server { PREFACE } else { b"" };
    [preface, &h2::settings(entries), &h2::settings_ack()].concat()
}

/// Asserts the bound for each configuration, and prints how near it was come to.
#[track_caller]
fn within(what: &str, peak: impl Fn(Config) -> usize) {
    for (name, config) in CONFIGS {
        let bound = config().memory_max_bytes();
        let peak = peak(config());
        println!("{what}, {name}: {peak} of {bound} octets, {} %", peak * 100 / bound);
        assert!(peak <= bound, "{what}, {name}: {peak} of {bound} octets");
    }
}

// ---- input ----

/// Field blocks that begin like this, and fill the table of a decoder with the smallest entries.
fn table_fillers(config: &Config, start: &[u8]) -> Vec<Vec<u8>> {
    let (table_bytes, section_bytes) = (config.table_bytes_max, config.section_bytes_max);
    let entries = table_bytes as usize / 34 + 2;
    // What one section holds beside a request.
    let at_a_time = (section_bytes as usize / 34).saturating_sub(8).clamp(1, 100);
    let mut blocks = Vec::new();
    for first in (0..entries).step_by(at_a_time) {
        let mut octets = Vec::new();
        if first == 0 {
            octets.extend(FieldBlock::raw().size_update(table_bytes as usize).octets());
        }
        octets.extend_from_slice(start);
        let mut block = FieldBlock::raw();
        for entry in first..(first + at_a_time).min(entries) {
            let value = [b'a' + (entry % 26) as u8];
            block = block.literal(Literal::Incremental, "x", value);
        }
        octets.extend_from_slice(block.octets());
        blocks.push(octets);
    }
    blocks
}

const GET: [u8; 3] = [0x82, 0x86, 0x84];

/// A block of fields as near to the limits as it gets, and not above: the start line, then fields
/// without indexing.
fn full_block(config: &Config, start: &[u8]) -> Vec<u8> {
    let mut block = start.to_vec();
    let room = (config.section_bytes_max as usize).saturating_sub(300);
    let value = vec![b'v'; room.min(config.block_bytes_max as usize - 100) - 40];
    let field = FieldBlock::raw().literal(Literal::Without, "x", &value);
    block.extend_from_slice(field.as_ref());
    block
}

/// HEADERS and as many CONTINUATIONs as the limits let through, without the last octet.
fn half_a_block(config: &Config, stream: u32) -> Vec<u8> {
    let frame = config.frame_bytes_max.min(config.block_bytes_max) as usize;
    let mut left = (config.block_bytes_max as usize).saturating_sub(frame);
    let mut octets = h2::frame(kind::HEADERS, 0, stream, vec![0; frame]);
    for _ in 1..config.continuations_max {
        let piece = left.min(frame);
        octets.extend(h2::frame(kind::CONTINUATION, 0, stream, vec![0; piece]));
        left -= piece;
    }
    // One that is not whole lies in the carry beside what was put together.
    octets.extend(part_of_a_frame(kind::CONTINUATION, config.frame_bytes_max, stream));
    octets
}

/// A frame of the largest size, without its last octet.
fn part_of_a_frame(kind: u8, length: u32, stream: u32) -> Vec<u8> {
    let mut octets = h2::frame(kind, 0, stream, vec![0; length as usize]);
    octets.pop();
    octets
}

/// PRIORITY_UPDATE for streams that are not open.
fn early_priorities(from: u32, count: u32) -> Vec<u8> {
    let one = |at: u32| {
        let id = (from + 2 * at).to_be_bytes();
        h2::frame(more::PRIORITY_UPDATE, 0, 0, [&id[..], b"u=1, i"].concat())
    };
    (0..count).flat_map(one).collect()
}

// ---- each buffer by itself, at a server ----

#[test]
fn a_frame_that_is_not_whole() {
    for (kind, stream) in [(kind::HEADERS, 1), (kind::GOAWAY, 0), (0xbe, 1)] {
        within(&format!("a part of a frame of type {kind}"), |config| {
            let octets = part_of_a_frame(kind, config.frame_bytes_max, stream);
            let greeting = greeting(true, &[]);
            Siege::<ServerConnection>::new(config).run(|siege| {
                siege.feed(&greeting);
                siege.drip(&octets);
                siege.lives();
            })
        });
    }
}

#[test]
fn a_block_that_is_not_whole() {
    within("a part of a field block", |config| {
        let octets = [greeting(true, &[]), half_a_block(&config, 1)].concat();
        Siege::<ServerConnection>::new(config).run(|siege| {
            siege.drip(&octets);
            siege.lives();
        })
    });
}

#[test]
fn a_section_at_the_limit_with_full_tables() {
    within("full tables", |config| {
        let blocks = table_fillers(&config, &GET);
        let rounds = config.encoder_table_bytes_max / 34 + 200;
        let mut input = greeting(true, &[(1, 1 << 20)]);
        let mut stream = 1;
        for block in &blocks {
            input.extend(h2::headers(stream, flag::END_STREAM, block));
            stream += 2;
        }
        let fills = h2::headers(stream, flag::END_STREAM, full_block(&config, &GET));
        let more: Vec<u8> = (1..rounds).flat_map(|it| h2::get(stream + 2 * it)).collect();
        let names: Vec<String> = (0..rounds + 1_000).map(|it| format!("{it:x}")).collect();
        let mut names = names.iter();
        Siege::<ServerConnection>::new(config).run(|siege| {
            for input in [&input, &fills, &more] {
                siege.feed_with(input, |event, conn, out| {
                    if let Event::Request { stream, .. } = event {
                        let name = names.next().unwrap();
                        // Twice, so that it is worth a place.
                        let fields = [(name.as_str(), "v"), (name.as_str(), "v")];
                        conn.send_response(*stream, 200, fields.iter(), true, out).unwrap();
                        conn.wrote(out.len());
                        out.clear();
                    }
                });
            }
            siege.lives();
            let seen = siege.conn().0.snapshot();
            let (decoder, encoder) = (seen.decoder_table_bytes, seen.encoder_table_bytes);
            assert!(decoder + 80 > siege.config.table_bytes_max as usize, "{decoder}");
            assert!(encoder + 80 > siege.config.encoder_table_bytes_max as usize, "{encoder}");
        })
    });
}

#[test]
fn streams_with_content_that_nobody_releases() {
    within("streams at their most", |config| {
        let streams = config.streams_max;
        let window = config.stream_window_bytes.min(1_000);
        let mut input = greeting(true, &[]);
        for stream in (0..streams).map(|it| 2 * it + 1) {
            input.extend(h2::post(stream));
            input.extend(h2::data(stream, 0, vec![0; window as usize]));
        }
        Siege::<ServerConnection>::new(config).run(|siege| {
            siege.feed_with(&input, |event, conn, out| {
                if let Event::Request { stream, .. } = event {
                    conn.send_response(*stream, 200, NONE.iter(), false, out).unwrap();
                    conn.want_send(*stream).unwrap();
                }
            });
            siege.lives();
            assert_eq!(siege.conn().0.snapshot().peer_streams, streams);
        })
    });
}

#[test]
fn streams_opened_and_reset_in_masses() {
    within("streams opened and reset", |config| {
        let streams = config.streams_max;
        let rounds: Vec<Vec<u8>> = (0..20)
            .map(|round| {
                let ids = || (0..streams).map(move |it| 2 * (round * streams + it) + 1);
                ids().flat_map(h2::post).chain(ids().flat_map(h2::cancel)).collect()
            })
            .collect();
        let greeting = greeting(true, &[]);
        Siege::<ServerConnection>::new(config).run(|siege| {
            siege.feed(&greeting);
            for input in &rounds {
                siege.feed_with(input, |event, conn, out| match event {
                    Event::Request { stream, .. } => {
                        conn.send_response(*stream, 200, NONE.iter(), false, out).unwrap();
                        conn.want_send(*stream).unwrap();
                    }
                    Event::Reset { stream, .. } => conn.done(*stream, out).unwrap(),
                    _ => {}
                });
            }
            siege.lives();
        })
    });
}

#[test]
fn floods_whose_answers_nobody_takes() {
    let entries: Vec<(u16, u32)> = (0..30).map(|_| (0xf000, 1)).collect();
    let floods = [
        ("SETTINGS", h2::settings(&[])),
        ("SETTINGS with entries", h2::settings(&entries)),
        ("PING", h2::ping()),
        ("WINDOW_UPDATE", h2::window_update(0, 1)),
        ("PRIORITY", h2::priority(1, 3)),
    ];
    for (name, piece) in floods {
        within(name, |config| {
            let flood = [greeting(true, &[]), piece.repeat(20_000)].concat();
            let mut siege = Siege::<ServerConnection>::new(config);
            siege.drains = false;
            siege.run(|siege| {
                siege.feed(&flood);
                siege.lives();
                let caused = u64::from(siege.config.caused_output_bytes_max);
                assert!(siege.conn().0.unsent() <= caused + 200);
            })
        });
    }
}

#[test]
fn priorities_of_streams_to_come() {
    within("PRIORITY_UPDATE", |config| {
        let octets = [greeting(true, &[]), early_priorities(1, config.streams_max)].concat();
        Siege::<ServerConnection>::new(config).run(|siege| {
            siege.feed(&octets);
            siege.lives();
        })
    });
}

#[test]
fn priorities_that_change_all_the_time() {
    // Back and forth, and always the same.
    for values in [[b"u=1", b"u=2"], [b"u=1", b"u=1"]] {
        within("PRIORITY_UPDATE of a stream that waits to send", |config| {
            let ask = [greeting(true, &[]), h2::get(1)].concat();
            let updates: Vec<u8> = (0..20_000_usize)
                .flat_map(|at| {
                    let payload = [&[0, 0, 0, 1], &values[at % 2][..]].concat();
                    h2::frame(more::PRIORITY_UPDATE, 0, 0, payload)
                })
                .collect();
            Siege::<ServerConnection>::new(config).run(|siege| {
                siege.feed(&ask);
                let (conn, out) = siege.conn();
                conn.send_response(StreamId::new(1), 200, NONE.iter(), false, out).unwrap();
                conn.want_send(StreamId::new(1)).unwrap();
                siege.feed(&updates);
                siege.lives();
            })
        });
    }
}

/// Everything that a client can do to a server at once.
fn all_at_a_server(config: Config) -> usize {
    let streams = config.streams_max;
    let mut input = greeting(true, &[(1, 1 << 20)]);
    let mut stream = 1;
    for block in table_fillers(&config, &GET) {
        input.extend(h2::headers(stream, flag::END_STREAM, block));
        stream += 2;
    }
    let rounds = config.encoder_table_bytes_max / 34 + 200;
    for _ in 0..rounds {
        input.extend(h2::get(stream));
        stream += 2;
    }
    let names: Vec<String> = (0..rounds + 10_000).map(|it| format!("{it:x}")).collect();
    let mut names = names.iter();
    let mut crowd = early_priorities(stream + 2 * streams + 2, streams);
    for _ in 0..streams {
        crowd.extend(h2::post(stream));
        crowd.extend(h2::data(stream, 0, "content"));
        stream += 2;
    }
    let last = half_a_block(&config, stream);
    let shift = h2::settings(&[(more::INITIAL_WINDOW_SIZE, 70_000)]);
    let unacknowledged = u32::from(config.unacknowledged_max);
    Siege::<ServerConnection>::new(config).run(|siege| {
        siege.feed_with(&input, |event, conn, out| {
            if let Event::Request { stream, .. } = event {
                let name = names.next().unwrap();
                let fields = [(name.as_str(), "v"), (name.as_str(), "v")];
                conn.send_response(*stream, 200, fields.iter(), true, out).unwrap();
                conn.wrote(out.len());
                out.clear();
            }
        });
        siege.feed_with(&crowd, |event, conn, out| {
            if let Event::Request { stream, .. } = event {
                conn.send_response(*stream, 200, NONE.iter(), false, out).unwrap();
                conn.want_send(*stream).unwrap();
            }
        });
        siege.feed(&shift);
        for it in 0..unacknowledged {
            let (conn, out) = siege.conn();
            conn.ping(u64::from(it).to_be_bytes(), out).unwrap();
            let _ = conn.update_settings(|settings| settings.window_bytes = 1_000 + it, out);
        }
        siege.drip(&last);
        siege.lives();
        assert_eq!(siege.conn().0.snapshot().peer_streams, streams);
    })
}

#[test]
fn a_server_with_everything_at_its_worst() {
    within("a server, everything at once", all_at_a_server);
}

// ---- a client ----

fn request(siege: &mut Siege<ClientConnection>, fields: &[(&str, &str)]) -> Option<StreamId> {
    let line = RequestLine::new("GET", "https", "a.example", "/");
    let (conn, out) = siege.conn();
    conn.send_request(line, fields.iter(), true, out).ok()
}

#[test]
fn requests_that_wait() {
    let long = "v".repeat(500);
    let kinds: [(&str, Vec<(&str, &str)>); 4] = [
        ("without fields", vec![]),
        ("with small fields", vec![("a", ""); 4]),
        ("with many small fields", vec![("a", ""); 60]),
        ("with long fields", vec![("x-a", &long); 8]),
    ];
    for (name, fields) in kinds {
        within(&format!("requests that wait, {name}"), |config| {
            let greeting = greeting(false, &[(3, 0)]);
            let most = config.pending_max + 10;
            Siege::<ClientConnection>::new(config).run(|siege| {
                siege.feed(&greeting);
                let asked = (0..most).filter(|_| request(siege, &fields).is_some()).count();
                assert_eq!(siege.conn().0.pending(), asked);
            })
        });
    }
}

/// As [`GET`], with an authority.
fn promised_get() -> Vec<u8> {
    let block = h2::block(&[(":authority", "a.example")]);
    [&GET[..], block.as_ref()].concat()
}

fn push_promise(promised: u32) -> Vec<u8> {
    let payload = [&promised.to_be_bytes()[..], &promised_get()].concat();
    h2::frame(more::PUSH_PROMISE, flag::END_HEADERS, 1, payload)
}

#[test]
fn pushes() {
    within("pushes", |config| {
        let streams = config.streams_max;
        let promises: Vec<u8> = (1..=streams + 10).flat_map(|it| push_promise(2 * it)).collect();
        let greeting = greeting(false, &[]);
        Siege::<ClientConnection>::new(config).run(|siege| {
            siege.feed(&greeting);
            request(siege, &[]).unwrap();
            let mut promised = 0;
            siege.feed_with(&promises, |event, _, _| {
                promised += u32::from(matches!(event, Event::PushPromise { .. }));
            });
            siege.lives();
            assert_eq!(promised, streams);
        })
    });
}

#[test]
fn a_goaway_that_says_much_and_loses_everything() {
    within("GOAWAY", |config| {
        let streams = config.streams_max;
        let debug_data = vec![b'x'; config.frame_bytes_max as usize - 8];
        let goaway = h2::goaway(0, ErrorCode::NO_ERROR, debug_data);
        let greeting = greeting(false, &[]);
        Siege::<ClientConnection>::new(config).run(|siege| {
            siege.feed(&greeting);
            for _ in 0..streams {
                request(siege, &[]).unwrap();
            }
            let mut lost = 0;
            for piece in goaway.chunks(997) {
                siege.feed_with(piece, |event, _, _| {
                    lost += u32::from(matches!(event, Event::Reset { .. }));
                });
            }
            siege.lives();
            assert_eq!(lost, streams);
        })
    });
}

/// Everything that a server can do to a client that has as many requests as the configuration
/// speaks of, some of which wait.
fn all_at_a_client(config: Config) -> usize {
    let (streams, waiting) = (config.streams_max, config.pending_max);
    let greeting = greeting(false, &[(1, 1 << 20), (3, streams)]);
    let mut input = Vec::new();
    // Interim responses, as many as each request may have.
    let status = FieldBlock::raw().literal(Literal::Without, 8, "103");
    for (at, block) in table_fillers(&config, status.octets()).into_iter().enumerate() {
        let stream = 2 * (at as u32 / 8) + 1;
        if stream < 2 * streams {
            input.extend(h2::headers(stream, 0, block));
        }
    }
    input.extend((1..=streams).flat_map(|it| push_promise(2 * it)));
    let half = half_a_block(&config, 1);
    let names: Vec<String> = (0..streams + waiting).map(|it| format!("{it:x}")).collect();
    let unacknowledged = u32::from(config.unacknowledged_max);
    // With the fields that are sent anyhow, as long as all of them may be together.
    let each = config.pending_bytes_max as usize / waiting as usize;
    let long = "v".repeat(each.saturating_sub(230));
    Siege::<ClientConnection>::new(config).run(|siege| {
        siege.feed(&greeting);
        for name in &names[..streams as usize] {
            request(siege, &[(name, "v"), (name, "v")]).unwrap();
            let (conn, out) = siege.conn();
            conn.wrote(out.len());
            out.clear();
        }
        for name in &names[streams as usize..] {
            request(siege, &[(name.as_str(), long.as_str())]).unwrap();
        }
        siege.feed(&input);
        for it in 0..unacknowledged {
            let (conn, out) = siege.conn();
            conn.ping(u64::from(it).to_be_bytes(), out).unwrap();
            let _ = conn.update_settings(|settings| settings.window_bytes = 1_000 + it, out);
        }
        siege.drip(&half);
        siege.lives();
        let seen = siege.conn().0.snapshot();
        assert_eq!((seen.own_streams, seen.pending as u32), (streams, waiting));
    })
}

#[test]
fn a_client_with_everything_at_its_worst() {
    within("a client, everything at once", all_at_a_client);
    // The bound is of some use: less than twice what it comes to.
    assert!(2 * all_at_a_client(default()) > default().memory_max_bytes());
    assert!(2 * all_at_a_client(raised()) > raised().memory_max_bytes());
}

// ---- after the end ----

#[test]
fn what_broke_holds_no_more() {
    within("a frame too long", |config| {
        let octets = h2::frame(kind::HEADERS, 0, 1, vec![0; config.frame_bytes_max as usize + 1]);
        let octets = [greeting(true, &[]), octets].concat();
        Siege::<ServerConnection>::new(config).run(|siege| {
            siege.drip(&octets);
            assert_eq!(
                siege.error.as_ref().map(ConnectionError::kind),
                Some(ErrorKind::FrameTooLong)
            );
        })
    });
}
