//! A client and a server, two wires, and all that can happen next.

use core::hash::Hasher;
use core::time::Duration;
use std::hash::DefaultHasher;
use std::sync::Arc;

use h2_proto::{ClientConnection, Phase, RequestLine, ServerConnection, Snapshot};

use super::end::{End, Fate, Scratch, id};
use super::role::Role;
use super::rules::{CONNECTION_WINDOW, Rules};
use super::wire::{Frames, Seen};
use crate::frames::kind;

/// One thing that happens; the first number is the side, the second the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The client makes its next request.
    Ask,
    /// The first frame on the wire to a side arrives, or half of it.
    Deliver(u8),
    /// The transport of a side takes a frame.
    Take(u8),
    /// A side sends a piece of content.
    Pump(u8, u8),
    /// A side gives a piece of credit back.
    Release(u8, u8),
    /// A side gives a stream up.
    Leave(u8, u8),
    /// A side was told of a reset, and is done with the stream.
    Done(u8, u8),
    /// A side shuts down.
    Shutdown(u8),
    /// A side announces other windows.
    Resize(u8),
}

/// A state of the model.
#[derive(Clone, Debug)]
pub struct World {
    client: End<ClientConnection>,
    server: End<ServerConnection>,
    asked: usize,
    resets: u8,
}

/// Calls the same of either side.
macro_rules! on {
    ($world:expr, $side:expr, |$end:ident| $call:expr) => {
        if $side == 0 {
            let $end = &mut $world.client;
            $call
        } else {
            let $end = &mut $world.server;
            $call
        }
    };
}

impl World {
    /// The first state.
    #[must_use]
    pub fn new(rules: &Rules, scratch: &mut Scratch) -> Self {
        let now = Duration::ZERO;
        let [ours, theirs] = [0, 1].map(|side| Arc::new(rules.config(side)));
        let client = ClientConnection::new(ours, now, &mut scratch.out);
        let client = End::new(client, rules, scratch);
        let server = ServerConnection::new(theirs, now, &mut scratch.out);
        let server = End::new(server, rules, scratch);
        let mut world = Self { client, server, asked: 0, resets: rules.resets };
        world.settle(rules, scratch);
        if rules.greeted {
            while let Some(side) = [0, 1].into_iter().find(|&it| world.may_move(it)) {
                let action = if world.may_take(side) { Action::Take } else { Action::Deliver };
                world.act(action(side), rules, scratch);
            }
        }
        for _ in 0..rules.asked {
            world.act(Action::Ask, rules, scratch);
        }
        world
    }

    fn may_take(&self, side: u8) -> bool {
        !if side == 0 { self.client.out.is_empty() } else { self.server.out.is_empty() }
    }

    fn may_move(&self, side: u8) -> bool {
        let delivers =
            if side == 0 { self.client.may_deliver() } else { self.server.may_deliver() };
        delivers || self.may_take(side)
    }

    /// What can happen now.
    #[must_use]
    pub fn actions(&self, rules: &Rules) -> Vec<Action> {
        let mut actions = Vec::with_capacity(16);
        let seen = self.client.conn.snapshot();
        if self.asked < rules.streams
            && !seen.is_draining
            && seen.goaway_received.is_none()
            && seen.phase < Phase::Goaway
        {
            actions.push(Action::Ask);
        }
        self.actions_of(&self.client, &seen, rules, &mut actions);
        self.actions_of(&self.server, &self.server.conn.snapshot(), rules, &mut actions);
        actions
    }

    fn actions_of<C: Role>(
        &self,
        end: &End<C>,
        seen: &Snapshot,
        rules: &Rules,
        actions: &mut Vec<Action>,
    ) {
        let side = C::SIDE as u8;
        if !end.out.is_empty() {
            actions.push(Action::Take(side));
        }
        if end.may_deliver() {
            actions.push(Action::Deliver(side));
        }
        for (at, it) in end.streams.iter().enumerate() {
            let stream = at as u8;
            if end.may_pump(at, seen, rules) {
                actions.push(Action::Pump(side, stream));
            }
            if it.is_open() && it.held > 0 {
                actions.push(Action::Release(side, stream));
            }
            if it.fate == Fate::Reset {
                actions.push(Action::Done(side, stream));
            }
            if self.resets > 0 && it.is_open() && !it.is_complete() {
                actions.push(Action::Leave(side, stream));
            }
        }
        if end.resizes > 0 && seen.phase != Phase::Closed {
            actions.push(Action::Resize(side));
        }
        if end.shutdowns > 0 && seen.phase != Phase::Closed {
            actions.push(Action::Shutdown(side));
        }
    }

    /// It happens.
    pub fn act(&mut self, action: Action, rules: &Rules, scratch: &mut Scratch) {
        match action {
            Action::Ask => self.ask(scratch),
            Action::Deliver(side) => on!(self, side, |end| end.deliver(rules, scratch)),
            Action::Take(side) => self.carry(side, scratch),
            Action::Pump(side, at) => on!(self, side, |end| end.pump(at.into(), rules, scratch)),
            Action::Release(side, at) => {
                on!(self, side, |end| end.release(at.into(), rules, scratch));
            }
            Action::Leave(side, at) => {
                self.resets -= 1;
                on!(self, side, |end| end.leave(at.into(), rules.by_done, scratch));
            }
            Action::Done(side, at) => on!(self, side, |end| end.leave(at.into(), true, scratch)),
            Action::Resize(side) => on!(self, side, |end| end.resize(rules, scratch)),
            Action::Shutdown(side) => on!(self, side, |end| {
                end.shutdowns -= 1;
                end.conn.shutdown(&mut scratch.out);
            }),
        }
        match action {
            Action::Ask => self.client.absorb(scratch),
            Action::Pump(side, _)
            | Action::Release(side, _)
            | Action::Leave(side, _)
            | Action::Done(side, _)
            | Action::Resize(side)
            | Action::Shutdown(side) => on!(self, side, |end| {
                end.absorb(scratch);
                end.pull(&[], rules, scratch);
                end.absorb(scratch);
            }),
            Action::Deliver(_) | Action::Take(_) => {}
        }
        self.settle(rules, scratch);
    }

    fn ask(&mut self, scratch: &mut Scratch) {
        let line = RequestLine {
            method: b"POST",
            scheme: Some(b"http"),
            path: Some(b"/"),
            ..RequestLine::default()
        };
        let end = &mut self.client;
        let none: [(&str, &str); 0] = [];
        let stream = end.conn.send_request(line, none.iter(), false, &mut scratch.out).unwrap();
        assert_eq!(stream, id(self.asked));
        end.conn.want_send(stream).unwrap();
        let it = &mut end.streams[self.asked];
        (it.known, it.waits) = (true, true);
        self.asked += 1;
    }

    fn carry(&mut self, from: u8, scratch: &Scratch) {
        let frame = if from == 0 { self.client.take(scratch) } else { self.server.take(scratch) };
        on!(self, 1 - from, |to| if !to.is_closed() {
            to.input.push(frame);
        });
    }

    /// Where nobody chooses when the transport takes output, it does.
    fn settle(&mut self, rules: &Rules, scratch: &Scratch) {
        if rules.transport {
            return;
        }
        for side in [0, 1] {
            while self.may_take(side) {
                self.carry(side, scratch);
            }
        }
    }

    /// Both sides are closed, and nothing is under way.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.client.is_closed()
            && self.server.is_closed()
            && self.client.out.is_empty()
            && self.server.out.is_empty()
    }

    /// Whether a side does not read.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.client.conn.is_paused() || self.server.conn.is_paused()
    }

    /// The phases of both sides.
    #[must_use]
    pub fn phases(&self) -> [Phase; 2] {
        [self.client.conn.phase(), self.server.conn.phase()]
    }

    /// Asserts what holds in every state; what tells it from others.
    ///
    /// # Panics
    /// If it does not hold.
    pub fn check(&mut self, rules: &Rules, frames: &Frames) -> u64 {
        let seen = [self.client.conn.snapshot(), self.server.conn.snapshot()];
        let [client, server] = &seen;
        self.client.check(client, rules);
        self.server.check(server, rules);
        self.client.check_turns(client, rules);
        self.server.check_turns(server, rules);
        if client.phase != Phase::Closed && server.phase != Phase::Closed {
            check_credit(&self.client, &self.server, client, server, rules, frames);
            check_credit(&self.server, &self.client, server, client, rules, frames);
        }
        if self.is_finished() {
            self.check_finished(rules);
        }
        let mut hasher = DefaultHasher::new();
        self.client.hash(client, &mut hasher);
        self.server.hash(server, &mut hasher);
        hasher.write_usize(self.asked);
        hasher.write_u8(self.resets);
        hasher.finish()
    }

    /// What nobody gave up came through.
    fn check_finished(&self, rules: &Rules) {
        for (at, (ours, theirs)) in self.client.streams.iter().zip(&self.server.streams).enumerate()
        {
            if !ours.is_open() || theirs.fate != Fate::Open {
                continue;
            }
            assert!(ours.is_complete() && theirs.is_complete(), "stream {at} is not complete");
            assert_eq!((ours.got, theirs.got), (rules.content(1), rules.content(0)));
        }
    }
}

/// Content under way from a side to the other, and the windows that the other gave: whatever of the
/// connection's window is neither open nor in flight is in the hands of the application.
fn check_credit<S: Role, R: Role>(
    sender: &End<S>,
    receiver: &End<R>,
    sends: &Snapshot,
    receives: &Snapshot,
    rules: &Rules,
    frames: &Frames,
) {
    let content = |all: &[Seen], stream: Option<u32>| -> i64 {
        let facts = all.iter().map(|it| frames.get(*it));
        let data = facts.filter(|it| it.kind == Some(kind::DATA));
        data.filter(|it| stream.is_none_or(|id| it.stream == id))
            .map(|it| i64::from(it.content))
            .sum()
    };
    let given = |stream: u32| -> i64 {
        let facts = receiver.out.iter().chain(&sender.input).map(|it| frames.get(*it));
        facts.filter(|it| it.stream == stream).map(|it| i64::from(it.increment)).sum()
    };
    // A frame that has begun is off the windows.
    let begun = usize::from(receiver.fed > 0);
    let flight = |stream| content(&sender.out, stream) + content(&receiver.input[begun..], stream);
    assert_eq!(
        i64::from(receives.receive_window),
        i64::from(sends.send_window) + flight(None) + given(0),
        "the windows of the connection\n{sends}\n{receives}"
    );
    if begun > 0 {
        return;
    }
    let announced = i64::from(receives.receive_window) + receives.unreleased_bytes as i64;
    let waits = i64::from(CONNECTION_WINDOW) - announced;
    // Halves of pieces wait until there is enough to announce.
    let waits_max = if rules.halves { i64::from(CONNECTION_WINDOW) / 2 } else { 1 };
    assert!((0..waits_max).contains(&waits), "{waits} octets of credit are lost\n{receives}");
    for (at, (from, to)) in sender.streams.iter().zip(&receiver.streams).enumerate() {
        if !from.is_open() || !to.is_open() || to.ended_in || from.waits {
            continue;
        }
        let stream = id(at).get();
        assert_eq!(
            from.window + flight(Some(stream)) + given(stream) + i64::from(to.held),
            sender.given,
            "credit of stream {stream}"
        );
    }
}
