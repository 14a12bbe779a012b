//! One end of a world: a connection, the application behind it, and the wire towards it.

use core::hash::{Hash, Hasher};

use h2_proto::{ErrorCode, ErrorKind, Event, FieldBuf, Phase, ResetBy, Snapshot, StreamId};

use super::role::Role;
use super::rules::{Rules, STREAMS_MAX};
use super::wire::{Frames, Seen};
use crate::frames::kind;

/// Buffers that are no part of a state.
#[derive(Debug)]
pub struct Scratch {
    /// The frames that were seen.
    pub frames: Frames,
    pub(super) out: Vec<u8>,
    fields: FieldBuf,
    /// Room for a header, and content.
    input: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        let (frames, out, fields) = (Frames::default(), Vec::new(), FieldBuf::new());
        Self { frames, out, fields, input: vec![0; 9 + (1 << 17)] }
    }
}

/// What became of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Fate {
    #[default]
    Open,
    /// Its reset was told; the application still holds it.
    Reset,
    /// The application is done with it.
    Left,
}

/// What an application knows of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Stream {
    pub(super) known: bool,
    /// The request waits for a stream.
    pub(super) waits: bool,
    pub(super) sent: u32,
    pub(super) ended_out: bool,
    pub(super) head_in: bool,
    pub(super) got: u32,
    pub(super) ended_in: bool,
    /// Octets that are not released.
    pub(super) held: u32,
    pub(super) fate: Fate,
    /// What may be sent by the frames that came and went.
    pub(super) window: i64,
}

impl Stream {
    pub(super) fn is_complete(&self) -> bool {
        self.ended_in && self.ended_out && self.held == 0
    }

    pub(super) fn is_open(&self) -> bool {
        self.known && self.fate == Fate::Open
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct End<C> {
    pub(super) conn: C,
    pub(super) streams: [Stream; STREAMS_MAX],
    /// Output that the transport has not taken.
    pub(super) out: Vec<Seen>,
    /// The wire towards this end, and the octets of its first frame that were read.
    pub(super) input: Vec<Seen>,
    pub(super) fed: u32,
    /// Caused output, and octets to be written until it counts as written: what came first, and what
    /// came behind it.
    caused: [u32; 2],
    caused_left: [u64; 2],
    pub(super) shutdowns: u8,
    pub(super) resizes: u8,
    /// What the other side's SETTINGS give each stream that this side sends on.
    pub(super) given: i64,
}

pub(super) fn id(index: usize) -> StreamId {
    StreamId::new(2 * index as u32 + 1)
}

pub(super) fn index(stream: u32) -> usize {
    (stream as usize - 1) / 2
}

impl<C: Role> End<C> {
    pub(super) fn new(conn: C, rules: &Rules, scratch: &mut Scratch) -> Self {
        let mut end = Self {
            conn,
            streams: [Stream::default(); STREAMS_MAX],
            out: Vec::new(),
            input: Vec::new(),
            fed: 0,
            caused: [0; 2],
            caused_left: [0; 2],
            shutdowns: rules.shutdowns[C::SIDE],
            resizes: rules.resizes[C::SIDE],
            given: 65_535,
        };
        end.absorb(scratch);
        end
    }

    /// Takes what a call has appended over.
    pub(super) fn absorb(&mut self, scratch: &mut Scratch) {
        let mut rest = scratch.out.as_slice();
        while !rest.is_empty() {
            let (frame, len) = scratch.frames.take(rest);
            rest = &rest[len..];
            let facts = scratch.frames.get(frame);
            if C::SIDE == 0 && facts.kind == Some(kind::HEADERS) {
                let stream = &mut self.streams[index(facts.stream)];
                stream.waits = false;
                stream.window = self.given;
            }
            self.out.push(frame);
        }
        scratch.out.clear();
        let unsent: u64 = self.out.iter().map(|it| u64::from(scratch.frames.get(*it).len())).sum();
        assert_eq!(self.conn.unsent(), unsent);
    }

    /// The transport takes the first frame of the output.
    pub(super) fn take(&mut self, scratch: &Scratch) -> Seen {
        let frame = self.out.remove(0);
        let len = scratch.frames.get(frame).len();
        self.conn.wrote(len as usize);
        self.caused_left = self.caused_left.map(|left| left.saturating_sub(u64::from(len)));
        if self.caused_left[0] == 0 {
            let [_, next] = self.caused_left;
            self.caused = [if next > 0 { self.caused[1] } else { 0 }, 0];
            self.caused_left = [next, 0];
        }
        frame
    }

    /// Reads the first frame on the wire, or the first half of it.
    pub(super) fn deliver(&mut self, rules: &Rules, scratch: &mut Scratch) {
        let facts = scratch.frames.get(self.input[0]).clone();
        if facts.kind == Some(kind::WINDOW_UPDATE) && facts.stream > 0 {
            self.streams[index(facts.stream)].window += i64::from(facts.increment);
        }
        if let Some(window) = facts.window {
            let window = i64::from(window);
            for stream in self.streams.iter_mut().filter(|it| it.known && !it.waits) {
                stream.window += window - self.given;
            }
            self.given = window;
        }
        let len = facts.len() as usize;
        let halved = rules.halves && facts.content > 0 && self.fed == 0;
        let until = if halved { 9 + facts.content as usize / 2 } else { len };
        let mut input = core::mem::take(&mut scratch.input);
        input[..facts.octets.len()].copy_from_slice(&facts.octets);
        let fed = self.pull(&input[self.fed as usize..until], rules, scratch);
        scratch.input = input;
        self.fed += fed;
        assert!(
            self.fed as usize == until || self.conn.is_paused() || self.is_closed(),
            "input is left"
        );
        if self.fed as usize == len {
            self.input.remove(0);
            self.fed = 0;
        }
        self.absorb(scratch);
    }

    /// Pulls until nothing comes; how many octets that took.
    pub(super) fn pull(&mut self, input: &[u8], rules: &Rules, scratch: &mut Scratch) -> u32 {
        let mut rest = input;
        loop {
            let (start, unsent) = (scratch.out.len(), self.conn.unsent());
            let event = self.conn.next_event(&mut rest, &mut scratch.fields, &mut scratch.out);
            let event = event.unwrap_or_else(|error| panic!("side {}: {error}", C::SIDE));
            let caused = scratch.out.len() - start;
            if caused > 0 {
                let place = usize::from(self.caused[0] > 0);
                self.caused[place] += caused as u32;
                self.caused_left[place] = unsent + caused as u64;
            }
            let Some(event) = event else { break };
            self.on_event(&event, rules, &mut scratch.out);
        }
        if self.is_closed() {
            // What comes now is thrown away.
            self.input.clear();
            self.fed = 0;
            return 0;
        }
        (input.len() - rest.len()) as u32
    }

    fn on_event(&mut self, event: &Event<'_, '_>, rules: &Rules, out: &mut Vec<u8>) {
        match *event {
            Event::Request { stream, end_stream, .. } => {
                let it = &mut self.streams[index(stream.get())];
                assert!(!it.known && !end_stream, "{event}");
                (it.known, it.head_in) = (true, true);
                it.window = self.given;
                self.conn.answer(stream, out).unwrap();
                self.conn.want_send(stream).unwrap();
            }
            Event::Response { stream, .. } => {
                let it = &mut self.streams[index(stream.get())];
                assert!(it.is_open() && !it.head_in, "{event}");
                it.head_in = true;
            }
            Event::Data { stream, data, credit, end_stream } => {
                let it = &mut self.streams[index(stream.get())];
                assert!(it.is_open() && it.head_in && !it.ended_in, "{event}");
                assert_eq!(data.len(), credit as usize);
                it.got += credit;
                it.held += credit;
                it.ended_in = end_stream;
                assert_eq!(end_stream, it.got == rules.content(1 - C::SIDE), "{event}");
            }
            Event::Reset { stream, by, .. } => {
                let it = &mut self.streams[index(stream.get())];
                assert!(it.is_open() && !matches!(by, ResetBy::Us(_)), "{event}");
                it.fate = Fate::Reset;
                it.waits = false;
            }
            // Its place is held here until what came is released, so the client came too early.
            Event::Refused { kind: ErrorKind::StreamRefused, .. }
                if (rules.streams_max as usize) < rules.streams => {}
            Event::SettingsChanged
            | Event::SettingsAcked
            | Event::GoAway { .. }
            | Event::Pong { .. } => {}
            _ => panic!("{event}"),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.conn.phase() == Phase::Closed
    }

    pub(super) fn may_deliver(&self) -> bool {
        !self.input.is_empty() && !self.conn.is_paused() && !self.is_closed()
    }

    /// What a stream may send now, by what is seen from outside.
    pub(super) fn capacity(&self, at: usize, seen: &Snapshot, rules: &Rules) -> u32 {
        let it = &self.streams[at];
        let sends = it.is_open() && !it.waits && !it.ended_out && seen.phase != Phase::Closed;
        let room = rules.config(C::SIDE).output_bytes_max.saturating_sub(seen.unsent_bytes);
        let room = i64::try_from(room).unwrap_or(i64::MAX);
        let capacity = it.window.min(i64::from(seen.send_window)).min(room);
        if sends { u32::try_from(capacity).unwrap_or(0) } else { 0 }
    }

    /// Whether a stream can send a whole piece.
    pub(super) fn may_pump(&self, at: usize, seen: &Snapshot, rules: &Rules) -> bool {
        let left = rules.content(C::SIDE) - self.streams[at].sent.min(rules.content(C::SIDE));
        left > 0 && self.capacity(at, seen, rules) >= left.min(rules.piece)
    }

    /// Every stream that can send has its turn, and no other.
    pub(super) fn check_turns(&mut self, seen: &Snapshot, rules: &Rules) {
        let mut turns = [0; STREAMS_MAX];
        while let Some((stream, capacity)) = self.conn.next_writable() {
            let turn = &mut turns[index(stream.get())];
            assert_eq!(*turn, 0, "two turns");
            *turn = capacity;
        }
        for (at, turn) in turns.into_iter().enumerate() {
            let expected = self.capacity(at, seen, rules);
            assert_eq!(turn, expected, "side {}, stream {at}\n{seen}", C::SIDE);
            if turn > 0 {
                self.conn.want_send(id(at)).unwrap();
            }
        }
    }

    /// Sends a piece of a stream when its turn comes; the others stay where they are.
    pub(super) fn pump(&mut self, at: usize, rules: &Rules, scratch: &mut Scratch) {
        let mut others = Vec::new();
        loop {
            let (stream, _) = self.conn.next_writable().expect("it is writable");
            if stream == id(at) {
                break;
            }
            others.push(stream);
        }
        let total = rules.content(C::SIDE);
        let it = &mut self.streams[at];
        let piece = rules.piece.min(total - it.sent);
        let end = it.sent + piece == total;
        let splice =
            self.conn.send_data_splice(id(at), piece as usize, end, &mut scratch.out).unwrap();
        // What waited may follow.
        assert_eq!((splice.len, splice.at), (piece as usize, 9));
        it.sent += piece;
        it.window -= i64::from(piece);
        it.ended_out = end;
        for stream in others.into_iter().chain((!end).then_some(id(at))) {
            self.conn.want_send(stream).unwrap();
        }
    }

    pub(super) fn resize(&mut self, rules: &Rules, scratch: &mut Scratch) {
        self.resizes -= 1;
        self.conn.resize(rules.piece * rules.resized, &mut scratch.out).unwrap();
    }

    pub(super) fn release(&mut self, at: usize, rules: &Rules, scratch: &mut Scratch) {
        let it = &mut self.streams[at];
        let octets = it.held.min(rules.piece);
        it.held -= octets;
        self.conn.release(id(at), octets, &mut scratch.out).unwrap();
    }

    /// The application leaves a stream: because it was reset, or by itself.
    pub(super) fn leave(&mut self, at: usize, by_done: bool, scratch: &mut Scratch) {
        if by_done {
            self.conn.done(id(at), &mut scratch.out).unwrap();
        } else {
            self.conn.reset(id(at), ErrorCode::CANCEL, &mut scratch.out).unwrap();
        }
        let it = &mut self.streams[at];
        (it.fate, it.held, it.waits) = (Fate::Left, 0, false);
    }

    /// What makes two states different. Left out: what was counted without a say (the ledger,
    /// offsets, time) and turns, because every stream that can send is tried.
    pub(super) fn hash(&self, seen: &Snapshot, hasher: &mut impl Hasher) {
        (seen.phase as u8, seen.send_window, seen.receive_window).hash(hasher);
        (seen.unreleased_bytes, seen.peer_streams, seen.own_streams).hash(hasher);
        (seen.pending, seen.last_peer_stream, seen.goaway_sent).hash(hasher);
        (seen.goaway_received, seen.is_draining, seen.settings_unacknowledged).hash(hasher);
        (seen.remote_settings.window_bytes, seen.local_settings.window_bytes).hash(hasher);
        (seen.decoder_table_bytes, seen.encoder_table_bytes).hash(hasher);
        self.streams.hash(hasher);
        (&self.out, &self.input, self.fed).hash(hasher);
        (self.caused, self.caused_left, self.shutdowns).hash(hasher);
        (self.resizes, self.given).hash(hasher);
    }

    /// What holds of one side alone.
    pub(super) fn check(&self, seen: &Snapshot, rules: &Rules) {
        let held: u64 = self.streams.iter().map(|it| u64::from(it.held)).sum();
        assert_eq!(seen.unreleased_bytes, held, "{seen}");
        assert_eq!(seen.is_paused, self.caused.iter().sum::<u32>() > rules.caused_max, "{seen}");
        let waits = self.streams.iter().filter(|it| it.waits).count();
        assert_eq!(seen.pending, waits, "{seen}");
    }
}
