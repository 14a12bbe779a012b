//! Properties of HTTP/2 over random conversations: credit is conserved on streams and on the
//! connection, whatever becomes of streams.
//!
//! The generator is seeded: a failure names its seed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use h2_proto::{
    ClientConnection, Config, ErrorCode, OwnedEvent, Phase, ServerConnection, StreamId,
};
use tests::frames::{Frame, flag, kind};
use tests::h2::{self, Desk, Endpoint};
use tests::model::role::Role;
use tests::rng::Rng;

fn for_seeds(seeds: u64, property: impl Fn(&mut Rng)) {
    for seed in 0..seeds {
        let run = catch_unwind(AssertUnwindSafe(|| property(&mut Rng::new(seed))));
        assert!(run.is_ok(), "seed {seed}");
    }
}

fn word(frame: &Frame) -> i64 {
    i64::from(u32::from_be_bytes(*frame.payload.first_chunk().unwrap()))
}

/// A stream that the peer sends content on.
#[derive(Default)]
struct Stream {
    id: u32,
    /// What the peer may send.
    window: i64,
    /// What the application has not released.
    held: u32,
    /// The application knows of it and is not done with it.
    surfaced: bool,
    /// It was told that the stream was reset, or left it.
    over: bool,
    /// It was told all of the content.
    complete: bool,
    /// The peer has said all.
    ended: bool,
}

impl Stream {
    /// A client said all before: once it has all, and holds nothing, the stream is done by itself.
    const fn is_whole<C: Role>(&self) -> bool {
        C::SIDE == 0 && self.complete && !self.over && self.held == 0
    }
}

/// A peer that keeps to the windows, and the application at the other side.
struct Credit<C> {
    desk: Desk<C>,
    config: Config,
    window: i64,
    streams: Vec<Stream>,
    rng: Rng,
}

impl<C: Role + Endpoint> Credit<C> {
    fn find(&mut self, id: u32) -> Option<&mut Stream> {
        self.streams.iter_mut().find(|stream| stream.id == id)
    }

    fn feed(&mut self, octets: &[u8]) {
        let cut = self.rng.below(octets.len() + 1);
        let (first, second) = octets.split_at(cut);
        for piece in [first, second] {
            let mut told = Vec::new();
            self.desk.feed_with(piece, |event, _, _| told.push(event.to_owned()));
            for event in told {
                match event {
                    OwnedEvent::Request { stream, .. } => {
                        self.find(stream.get()).unwrap().surfaced = true;
                    }
                    OwnedEvent::Data { stream, data, credit, end_stream } => {
                        let stream = self.find(stream.get()).unwrap();
                        assert!(stream.surfaced && !stream.over && !stream.complete);
                        assert!(credit == 0 || credit as usize == data.len());
                        stream.held += credit;
                        stream.complete = end_stream;
                        stream.surfaced &= !stream.is_whole::<C>();
                    }
                    OwnedEvent::Reset { stream, .. } => {
                        self.find(stream.get()).unwrap().over = true;
                    }
                    _ => {}
                }
            }
        }
    }

    /// Content, padded or not, as far as the windows go.
    fn send_content(&mut self) {
        let open: Vec<usize> =
            (0..self.streams.len()).filter(|&at| !self.streams[at].ended).collect();
        if open.is_empty() {
            return;
        }
        let at = open[self.rng.below(open.len())];
        let stream = &self.streams[at];
        let most = stream.window.min(self.window).clamp(0, 16_384) as usize;
        let length = self.rng.below(most + 1);
        let mut payload = vec![0; length];
        let mut flags = if self.rng.once_in(10) { flag::END_STREAM } else { 0 };
        if length > 0 && self.rng.once_in(3) {
            flags |= flag::PADDED;
            payload[0] = self.rng.below(length.min(256)) as u8;
        }
        let stream = &mut self.streams[at];
        stream.window -= length as i64;
        stream.ended = flags & flag::END_STREAM != 0;
        self.window -= length as i64;
        let octets = h2::data(stream.id, flags, payload);
        self.feed(&octets);
    }

    /// The application gives back, or gives up.
    fn let_go(&mut self) {
        let known: Vec<usize> =
            (0..self.streams.len()).filter(|&at| self.streams[at].surfaced).collect();
        if known.is_empty() {
            return;
        }
        let at = known[self.rng.below(known.len())];
        let stream = &mut self.streams[at];
        let id = StreamId::new(stream.id);
        let (conn, out) = (&mut self.desk.conn, &mut self.desk.out);
        match self.rng.below(8) {
            0 => conn.reset(id, ErrorCode::CANCEL, out).unwrap(),
            1 => conn.done(id, out).unwrap(),
            _ => {
                let octets = self.rng.below(stream.held as usize + 1) as u32;
                conn.release(id, octets, out).unwrap();
                stream.held -= octets;
                stream.surfaced &= !stream.is_whole::<C>();
                return;
            }
        }
        (stream.surfaced, stream.held, stream.over) = (false, 0, true);
    }

    /// What was sent changes the windows; then both sides agree, and nothing is lost.
    fn check(&mut self) {
        for frame in self.desk.sent() {
            if frame.kind != kind::WINDOW_UPDATE {
                continue;
            }
            if frame.stream == 0 {
                self.window += word(&frame);
            } else if let Some(stream) = self.find(frame.stream) {
                stream.window += word(&frame);
            }
        }
        assert_eq!(self.desk.error, None);
        let seen = self.desk.conn.snapshot();
        assert_eq!(i64::from(seen.receive_window), self.window, "{seen}");
        let held: u64 = self.streams.iter().map(|it| u64::from(it.held)).sum();
        assert_eq!(seen.unreleased_bytes, held, "{seen}");
        // In the middle of nothing: all that was sent is either released and not worth a frame
        // yet, or held back because too much is unreleased.
        let whole = i64::from(self.config.connection_window_bytes);
        let withheld = held.saturating_sub(self.config.connection_unreleased_bytes_max) as i64;
        let waits = whole - self.window - withheld;
        assert!((0..whole / 2).contains(&waits), "{waits} of the connection's window\n{seen}");
        let whole = i64::from(self.config.stream_window_bytes);
        for stream in self.streams.iter().filter(|it| it.surfaced && !it.over && !it.ended) {
            let waits = whole - stream.window - i64::from(stream.held);
            assert!(
                (0..(whole / 2).max(1)).contains(&waits),
                "{waits} of the window of stream {}",
                stream.id
            );
        }
    }

    fn run(mut self, open: impl Fn(&mut Desk<C>) -> Option<u32>) {
        let mut shutdowns = 0;
        for _ in 0..150 {
            match self.rng.below(12) {
                0 => {
                    if let Some(id) = open(&mut self.desk) {
                        let window = i64::from(self.config.stream_window_bytes);
                        let surfaced = C::SIDE == 0;
                        self.streams.push(Stream { id, window, surfaced, ..Stream::default() });
                        let head = if surfaced { vec![0x88] } else { vec![0x83, 0x86, 0x84] };
                        self.feed(&h2::headers(id, 0, head));
                    }
                }
                1 if self.rng.once_in(3) => {
                    let open: Vec<u32> =
                        self.streams.iter().filter(|it| !it.ended).map(|it| it.id).collect();
                    if !open.is_empty() {
                        let id = open[self.rng.below(open.len())];
                        self.find(id).unwrap().ended = true;
                        self.feed(&h2::cancel(id));
                    }
                }
                2 if self.rng.once_in(8) && shutdowns < 2 => {
                    self.desk.conn.shutdown(&mut self.desk.out);
                    shutdowns += 1;
                }
                3..7 => self.let_go(),
                _ => self.send_content(),
            }
            if self.desk.conn.phase() == Phase::Closed {
                return;
            }
            self.check();
        }
        // Everybody leaves: nothing is missing.
        for stream in &mut self.streams {
            if stream.surfaced {
                self.desk.conn.done(StreamId::new(stream.id), &mut self.desk.out).unwrap();
                (stream.surfaced, stream.held, stream.over) = (false, 0, true);
            }
        }
        if self.desk.conn.phase() != Phase::Closed {
            self.check();
            assert_eq!(self.desk.conn.snapshot().unreleased_bytes, 0);
        }
    }
}

fn credit_config(rng: &mut Rng) -> Config {
    let mut config = Config::default();
    config.manual_release = !rng.once_in(4);
    config.stream_window_bytes = 1 + rng.below(20_000) as u32;
    config.connection_window_bytes = 65_535 + rng.below(3) as u32 * 50_000;
    config.connection_unreleased_bytes_max = [0, 5_000, 1 << 40][rng.below(3)];
    config.ledger_units_max = u32::MAX;
    config
}

fn credit<C>(rng: &mut Rng, desk: impl Fn(Config) -> Desk<C>) -> Credit<C> {
    let config = credit_config(rng);
    let window = i64::from(config.connection_window_bytes);
    let (desk, rng) = (desk(config.clone()), Rng::new(rng.bits()));
    Credit { desk, config, window, streams: Vec::new(), rng }
}

#[test]
fn a_server_conserves_credit_whatever_becomes_of_streams() {
    for_seeds(1_500, |rng| {
        let next = core::cell::Cell::new(1);
        credit(rng, Desk::<ServerConnection>::server).run(|_| Some(next.replace(next.get() + 2)));
    });
}

#[test]
fn a_client_conserves_credit_whatever_becomes_of_streams() {
    for_seeds(1_500, |rng| {
        credit(rng, Desk::<ClientConnection>::client).run(|desk| {
            let draining = desk.conn.is_draining();
            (!draining).then(|| desk.get().get())
        });
    });
}
