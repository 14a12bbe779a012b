//! Properties of HTTP/2 over random conversations: the tables of both sides stay in step, whatever is
//! refused or reset.
//!
//! The generator is seeded: a failure names its seed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use h2_proto::{Config, OwnedEvent, Phase, RequestLine, StreamId};
use hpack::{Decoder, Encoder, Field, FieldBuf};
use tests::field_block::UNLIMITED;
use tests::frames::{flag, kind};
use tests::h2::{self, Desk, Endpoint};
use tests::model::role::Role;
use tests::rng::Rng;

fn for_seeds(seeds: u64, property: impl Fn(&mut Rng)) {
    for seed in 0..seeds {
        let run = catch_unwind(AssertUnwindSafe(|| property(&mut Rng::new(seed))));
        assert!(run.is_ok(), "seed {seed}");
    }
}

/// The tables of the peer.
struct Tables {
    encoder: Encoder,
    decoder: Decoder,
    fields: FieldBuf,
    next: u32,
    rng: Rng,
}

const FIELDS_MAX: u32 = 12;

impl Tables {
    fn new(rng: &mut Rng, config: &mut Config) -> Self {
        config.fields_max = FIELDS_MAX;
        config.section_bytes_max = 1_500;
        config.streams_max = 4;
        config.ledger_units_max = u32::MAX;
        config.informational_max = 255;
        config.table_bytes_max = [4_096, 4_096, 20_000][rng.below(3)];
        config.encoder_table_bytes_max = [0, 200, 4_096][rng.below(3)];
        Self {
            encoder: Encoder::new(4_096),
            decoder: Decoder::new(4_096),
            fields: FieldBuf::new(),
            next: 1,
            rng: Rng::new(rng.bits()),
        }
    }

    /// A few fields from a small set, now and then too many or too long ones, or a name that
    /// cannot be.
    fn lines(&mut self, faults: bool) -> Vec<(String, String)> {
        let rng = &mut self.rng;
        let count = if faults && rng.once_in(6) { 14 } else { rng.below(5) };
        let mut lines: Vec<(String, String)> = (0..count)
            .map(|_| (format!("x-{}", rng.below(6)), format!("value {}", rng.below(12))))
            .collect();
        if faults && rng.once_in(6) {
            lines.push(("x-long".into(), "v".repeat(2_000)));
        }
        if faults && rng.once_in(8) {
            lines.push(("X-Upper".into(), "a value that is indexed".into()));
        }
        lines
    }

    /// A field block in frames of any cut: what is sent.
    fn section(&mut self, stream: u32, end: bool, lines: &[(String, String)]) -> Vec<u8> {
        let mut block = Vec::new();
        let fields =
            lines.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
        self.encoder.encode_block(fields, &mut block);
        let mut flags = if end { flag::END_STREAM } else { 0 };
        let mut payload = Vec::new();
        if self.rng.once_in(5) {
            // On another stream, or on itself, which is an error of the stream.
            flags |= flag::PRIORITY;
            let on = if self.rng.once_in(2) { stream } else { 0 };
            payload.extend(on.to_be_bytes());
            payload.push(7);
        }
        let cut = if self.rng.once_in(3) { self.rng.below(block.len() + 1) } else { block.len() };
        payload.extend_from_slice(&block[..cut]);
        if cut == block.len() {
            return h2::headers(stream, flags, payload);
        }
        let rest = h2::frame(kind::CONTINUATION, flag::END_HEADERS, stream, &block[cut..]);
        [h2::frame(kind::HEADERS, flags, stream, payload), rest].concat()
    }

    /// All field blocks that were sent decode, and both tables are as large as their twins.
    fn check<C: Role + Endpoint>(&mut self, desk: &mut Desk<C>) {
        let mut frames = desk.sent().into_iter();
        while let Some(frame) = frames.next() {
            if frame.kind != kind::HEADERS {
                continue;
            }
            let mut block = frame.fragment().unwrap().to_vec();
            let mut ended = frame.has(flag::END_HEADERS);
            while !ended {
                let next = frames.next().unwrap();
                assert_eq!(next.kind, kind::CONTINUATION);
                ended = next.has(flag::END_HEADERS);
                block.extend_from_slice(&next.payload);
            }
            self.decoder.decode(&block, &UNLIMITED, &mut self.fields).unwrap();
        }
        assert_eq!(desk.error, None);
        let seen = desk.conn.snapshot();
        assert_eq!(seen.decoder_table_bytes, self.encoder.table().size(), "{seen}");
        assert_eq!(seen.encoder_table_bytes, self.decoder.table().size(), "{seen}");
    }

    /// The peer wants another table.
    fn resize<C: Endpoint>(&mut self, desk: &mut Desk<C>) {
        let size = [0, 100, 4_096, 10_000][self.rng.below(4)];
        desk.feed(h2::settings(&[(1, size)]));
        self.decoder.set_table_bytes_max(size as usize);
    }
}

fn borrowed(lines: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> + Clone {
    lines.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn told(fields: &FieldBuf, lines: &[(String, String)]) {
    let expected = borrowed(lines).map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    assert!(fields.iter().map(|it| (it.name, it.value)).eq(expected), "other fields");
}

#[test]
fn the_tables_of_a_server_stay_in_step_whatever_is_refused() {
    for_seeds(800, |rng| {
        let mut config = Config::default();
        let mut tables = Tables::new(rng, &mut config);
        let mut desk = Desk::server(config);
        let mut open: Vec<StreamId> = Vec::new();
        desk.feed(h2::settings(&[(6, 1_000)]));
        for _ in 0..80 {
            let mut sent = tables.lines(true);
            match tables.rng.below(12) {
                0 => tables.resize(&mut desk),
                // Trailers, or fields on a stream that is over, or of which nobody knows any more.
                1 | 2 if tables.next > 1 => {
                    let stream = (1 + 2 * tables.rng.below(tables.next as usize / 2)) as u32;
                    let octets = tables.section(stream, true, &sent);
                    for event in desk.feed(octets) {
                        if let OwnedEvent::Trailers { fields, .. } = event {
                            told(&fields, &sent);
                        }
                    }
                }
                3..7 => {
                    let start = [(":method", "POST"), (":scheme", "http"), (":path", "/")];
                    let start = start.map(|(name, value)| (name.to_owned(), value.to_owned()));
                    sent.splice(0..0, start);
                    let end = tables.rng.once_in(2);
                    let octets = tables.section(tables.next, end, &sent);
                    tables.next += 2;
                    for event in desk.feed(octets) {
                        if let OwnedEvent::Request { stream, fields, .. } = event {
                            told(&fields, &sent);
                            open.push(stream);
                        }
                    }
                }
                7 if tables.rng.once_in(15) => desk.conn.shutdown(&mut desk.out),
                _ if !open.is_empty() => {
                    let at = tables.rng.below(open.len());
                    let (stream, end) = (open[at], tables.rng.once_in(3));
                    let (conn, out) = (&mut desk.conn, &mut desk.out);
                    let before = out.len();
                    let result = match tables.rng.below(5) {
                        0 => conn.send_informational(stream, 103, borrowed(&sent), out),
                        1 => conn.send_trailers(stream, borrowed(&sent), out),
                        2 => {
                            open.swap_remove(at);
                            Role::done(conn, stream, out)
                        }
                        _ => conn.send_response(stream, 200, borrowed(&sent), end, out),
                    };
                    assert!(result.is_ok() || out.len() == before);
                }
                _ => {}
            }
            if desk.conn.phase() == Phase::Closed {
                return;
            }
            tables.check(&mut desk);
        }
    });
}

#[test]
fn the_tables_of_a_client_stay_in_step_whatever_is_refused() {
    for_seeds(800, |rng| {
        let mut config = Config::default();
        let mut tables = Tables::new(rng, &mut config);
        let mut desk = Desk::client(config);
        desk.feed(h2::settings(&[(6, 1_000), (3, 5)]));
        for _ in 0..80 {
            let mut sent = tables.lines(true);
            match tables.rng.below(10) {
                0 => tables.resize(&mut desk),
                1..4 => {
                    let line = RequestLine::new("GET", "http", "a.example", "/");
                    let (out, end) = (&mut desk.out, tables.rng.once_in(2));
                    let before = out.len();
                    match desk.conn.send_request(line, borrowed(&sent), end, out) {
                        Ok(stream) => tables.next = stream.get() + 2,
                        Err(_) => assert_eq!(out.len(), before),
                    }
                }
                4 if tables.next > 1 => {
                    let stream = (1 + 2 * tables.rng.below(tables.next as usize / 2)) as u32;
                    let _ = desk.conn.done(StreamId::new(stream), &mut desk.out);
                }
                // An answer to a request that may be over, or waits: nothing comes for that.
                5.. if tables.next > 1 => {
                    let stream = (1 + 2 * tables.rng.below(tables.next as usize / 2)) as u32;
                    let waiting = desk.conn.pending() as u32;
                    if stream + 2 * waiting >= tables.next {
                        continue;
                    }
                    let status = ["103", "200", "404"][tables.rng.below(3)];
                    sent.insert(0, (":status".into(), status.into()));
                    let end = tables.rng.once_in(2);
                    let octets = tables.section(stream, end, &sent);
                    for event in desk.feed(octets) {
                        if let OwnedEvent::Response { fields, .. } = event {
                            told(&fields, &sent);
                        }
                    }
                }
                _ => {}
            }
            if desk.conn.phase() == Phase::Closed {
                return;
            }
            tables.check(&mut desk);
        }
    });
}
