//! Whose content goes next (RFC 9218 §10): the most urgent first; within an urgency in the order in
//! which they asked, an incremental one going to the end after each turn, another staying until it
//! is done.
//!
//! A heap of those that have content and window. What is reset, or changes its priority, is told
//! when it comes up.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use crate::stream::map::{Slot, Streams};
use crate::stream::{Flags, Stream};

/// A stream that can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    urgency: u8,
    turn: u32,
    slot: Slot,
    id: u32,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    heap: BinaryHeap<Reverse<Entry>>,
    /// Turns given out.
    turns: u32,
}

impl Schedule {
    pub(crate) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), turns: 0 }
    }

    /// The stream has content and window. A turn that it had is kept, unless it is to share.
    pub(crate) fn add(&mut self, slot: Slot, stream: &mut Stream, turn: Option<u32>) {
        if stream.flags.has(Flags::SCHEDULED) {
            return;
        }
        stream.flags.set(Flags::SCHEDULED);
        let turn = turn.filter(|_| !stream.priority.incremental).unwrap_or_else(|| {
            self.turns = self.turns.wrapping_add(1);
            self.turns
        });
        let urgency = stream.priority.urgency;
        self.heap.push(Reverse(Entry { urgency, turn, slot, id: stream.id }));
    }

    /// Takes the next stream out, with its turn.
    pub(crate) fn next(&mut self, streams: &mut Streams) -> Option<(Slot, u32)> {
        while let Some(Reverse(entry)) = self.heap.pop() {
            if streams.find(entry.id) != Some(entry.slot) {
                continue;
            }
            let stream = streams.get_mut(entry.slot);
            if !stream.flags.has(Flags::SCHEDULED) {
                continue;
            }
            stream.flags.clear(Flags::SCHEDULED);
            if stream.priority.urgency != entry.urgency {
                // It has changed: to where it belongs now.
                self.add(entry.slot, stream, Some(entry.turn));
                continue;
            }
            return Some((entry.slot, entry.turn));
        }
        self.turns = 0;
        None
    }

    /// Whether nobody waits. What was reset meanwhile may still count.
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Throws away what is over, once that is more than what is not.
    pub(crate) fn tidy(&mut self, streams: &Streams) {
        if self.heap.len() > 2 * streams.len() + 16 {
            self.heap.retain(|Reverse(entry)| {
                streams.find(entry.id) == Some(entry.slot)
                    && streams.get(entry.slot).flags.has(Flags::SCHEDULED)
            });
        }
    }

    pub(crate) fn shrink(&mut self) {
        self.heap.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::priority::Priority;
    use crate::stream::state::State;

    fn streams(priorities: &[(u8, bool)]) -> (Streams, Schedule) {
        let (mut streams, mut schedule) = (Streams::new(), Schedule::new());
        for (index, &(urgency, incremental)) in priorities.iter().enumerate() {
            let mut stream = Stream::new(2 * index as u32 + 1, State::Open, 0, 0);
            stream.priority = Priority { urgency, incremental };
            let slot = streams.insert(stream);
            schedule.add(slot, streams.get_mut(slot), None);
        }
        (streams, schedule)
    }

    /// Each stream has so many pieces: the order in which they go.
    fn order(streams: &mut Streams, schedule: &mut Schedule, pieces: usize) -> Vec<u32> {
        let mut order = Vec::new();
        while let Some((slot, turn)) = schedule.next(streams) {
            let id = streams.get(slot).id;
            order.push(id);
            if order.iter().filter(|&&it| it == id).count() < pieces {
                schedule.add(slot, streams.get_mut(slot), Some(turn));
            }
        }
        order
    }

    #[test]
    fn rfc9218_10_urgency_then_turns() {
        let (mut all, mut schedule) = streams(&[(3, false), (7, false), (0, false), (3, false)]);
        assert_eq!(order(&mut all, &mut schedule, 2), [5, 5, 1, 1, 7, 7, 3, 3]);
    }

    #[test]
    fn rfc9218_4_2_incremental_ones_share() {
        let (mut all, mut schedule) = streams(&[(3, true), (3, true), (3, false), (3, true)]);
        assert_eq!(order(&mut all, &mut schedule, 3), [1, 3, 5, 5, 5, 7, 1, 3, 7, 1, 3, 7]);
    }

    #[test]
    fn what_changed_or_ended_is_told_when_it_comes_up() {
        let (mut all, mut schedule) = streams(&[(0, false), (1, false), (2, false)]);
        let slot = all.find(1).unwrap();
        all.get_mut(slot).priority.urgency = 5;
        all.remove(3);
        assert_eq!(order(&mut all, &mut schedule, 1), [5, 1]);
        assert!(schedule.heap.is_empty());
    }
}
