//! What is remembered of streams that are gone: the last few of each kind, without a clock.

use super::state::State;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    /// Those that we reset: what was under way on them means nothing.
    reset: Ring<8>,
    /// Those that the peer reset, and those that ended: nothing may come any more.
    reset_by_peer: Ring<4>,
    ended: Ring<4>,
    /// The identifiers that were skipped last, from and to: never used, and not to be.
    skipped: (u32, u32),
}

#[derive(Clone, Debug)]
struct Ring<const N: usize> {
    ids: [u32; N],
    next: u8,
}

impl<const N: usize> Ring<N> {
    const fn new() -> Self {
        Self { ids: [0; N], next: 0 }
    }

    fn add(&mut self, id: u32) {
        self.ids[usize::from(self.next)] = id;
        self.next = (self.next + 1) % N as u8;
    }

    fn has(&self, id: u32) -> bool {
        self.ids.contains(&id)
    }
}

impl Closed {
    pub(crate) const fn new() -> Self {
        Self { reset: Ring::new(), reset_by_peer: Ring::new(), ended: Ring::new(), skipped: (1, 0) }
    }

    /// A stream is gone; this was its last state.
    pub(crate) fn add(&mut self, id: u32, state: State) {
        match state {
            State::ResetByUs => self.reset.add(id),
            State::ResetByPeer => self.reset_by_peer.add(id),
            _ => self.ended.add(id),
        }
    }

    /// These identifiers were skipped.
    pub(crate) const fn skip(&mut self, from: u32, to: u32) {
        self.skipped = (from, to);
    }

    /// The state of a stream that is gone, or was never there.
    pub(crate) fn state(&self, id: u32) -> State {
        if self.reset.has(id) {
            State::ResetByUs
        } else if self.reset_by_peer.has(id) {
            State::ResetByPeer
        } else if self.ended.has(id) {
            State::Ended
        } else if (self.skipped.0..=self.skipped.1).contains(&id) {
            State::Skipped
        } else {
            State::Forgotten
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_kind() {
        let mut closed = Closed::new();
        closed.add(1, State::ResetByUs);
        closed.add(3, State::ResetByPeer);
        closed.skip(6, 10);
        for id in 0..4 {
            assert_eq!(closed.state(1), State::ResetByUs);
            closed.add(101 + 2 * id, State::Ended);
        }
        assert_eq!(closed.state(101), State::Ended);
        closed.add(201, State::Ended);
        assert_eq!(closed.state(101), State::Forgotten);
        assert_eq!((closed.state(3), closed.state(7)), (State::ResetByPeer, State::Skipped));
        assert_eq!((closed.state(5), closed.state(11)), (State::Forgotten, State::Forgotten));
    }
}
