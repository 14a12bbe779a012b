//! Whose content goes next (RFC 9218 §10): the most urgent first; within an urgency those that are
//! not incremental, one after the other in the order of their identifiers, then the incremental
//! ones, which share: each goes to the end after its turn.
//!
//! A heap of those that have content and window. What was reset, or has another priority since, is
//! told when it comes up.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use crate::priority::Priority;
use crate::stream::map::{Slot, Streams};
use crate::stream::{Flags, Stream};

/// A stream that can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    urgency: u8,
    /// The turn of one that is incremental; 0 of others.
    order: u32,
    id: u32,
    slot: Slot,
    /// From 1; the stream knows its last.
    turn: u32,
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

    /// The stream has content and window.
    pub(crate) fn add(&mut self, slot: Slot, stream: &mut Stream) {
        if !stream.flags.has(Flags::SCHEDULED) {
            stream.flags.set(Flags::SCHEDULED);
            self.push(slot, stream);
        }
    }

    /// The stream has another priority.
    pub(crate) fn prioritize(&mut self, slot: Slot, streams: &mut Streams, priority: Priority) {
        let stream = streams.get_mut(slot);
        if stream.priority == priority {
            return;
        }
        stream.priority = priority;
        if stream.flags.has(Flags::SCHEDULED) {
            // To where it belongs now; the entry that it had is told by its priority.
            self.push(slot, stream);
            self.tidy(streams);
        }
    }

    fn push(&mut self, slot: Slot, stream: &mut Stream) {
        let Priority { urgency, incremental } = stream.priority;
        self.turns = self.turns.wrapping_add(1).max(1);
        let turn = self.turns;
        stream.turn = turn;
        let order = if incremental { turn } else { 0 };
        self.heap.push(Reverse(Entry { urgency, order, id: stream.id, slot, turn }));
    }

    /// Whether an entry is of a stream that waits, and where it belongs.
    fn holds(entry: &Entry, streams: &Streams) -> bool {
        streams.find(entry.id) == Some(entry.slot) && {
            let stream = streams.get(entry.slot);
            stream.flags.has(Flags::SCHEDULED) && stream.turn == entry.turn
        }
    }

    /// Takes the next stream out.
    pub(crate) fn next(&mut self, streams: &mut Streams) -> Option<Slot> {
        while let Some(Reverse(entry)) = self.heap.pop() {
            if Self::holds(&entry, streams) {
                streams.get_mut(entry.slot).flags.clear(Flags::SCHEDULED);
                return Some(entry.slot);
            }
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
            self.heap.retain(|Reverse(entry)| Self::holds(entry, streams));
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
    use crate::stream::state::State;

    fn streams(priorities: &[(u8, bool)]) -> (Streams, Schedule) {
        let (mut streams, mut schedule) = (Streams::new(), Schedule::new());
        for (index, &(urgency, incremental)) in priorities.iter().enumerate() {
            let mut stream = Stream::new(2 * index as u32 + 1, State::Open, 0, 0);
            stream.priority = Priority { urgency, incremental };
            let slot = streams.insert(stream);
            schedule.add(slot, streams.get_mut(slot));
        }
        (streams, schedule)
    }

    /// Each stream has so many pieces: the order in which they go.
    fn order(streams: &mut Streams, schedule: &mut Schedule, pieces: usize) -> Vec<u32> {
        let mut order = Vec::new();
        while let Some(slot) = schedule.next(streams) {
            let id = streams.get(slot).id;
            order.push(id);
            if order.iter().filter(|&&it| it == id).count() < pieces {
                schedule.add(slot, streams.get_mut(slot));
            }
        }
        order
    }

    #[test]
    fn rfc9218_10_urgency_then_identifiers() {
        let (mut all, mut schedule) = streams(&[(3, false), (7, false), (0, false), (3, false)]);
        assert_eq!(order(&mut all, &mut schedule, 2), [5, 5, 1, 1, 7, 7, 3, 3]);
    }

    #[test]
    fn rfc9218_4_2_incremental_ones_share() {
        let (mut all, mut schedule) = streams(&[(3, true), (3, true), (3, false), (3, true)]);
        assert_eq!(order(&mut all, &mut schedule, 3), [5, 5, 5, 1, 3, 7, 1, 3, 7, 1, 3, 7]);
    }

    #[test]
    fn rfc9218_7_a_priority_changes_while_the_stream_waits() {
        let (mut all, mut schedule) = streams(&[(1, false), (2, true), (3, false), (3, false)]);
        let place = |all: &Streams, id| all.find(id).unwrap();
        let priority = |urgency, incremental| Priority { urgency, incremental };
        let (first, last) = (place(&all, 1), place(&all, 7));
        schedule.prioritize(first, &mut all, priority(5, false));
        schedule.prioritize(last, &mut all, priority(0, false));
        schedule.prioritize(last, &mut all, priority(2, true));
        assert_eq!(order(&mut all, &mut schedule, 1), [3, 7, 5, 1]);
        assert!(schedule.is_empty());
    }

    #[test]
    fn what_ended_is_told_when_it_comes_up() {
        let (mut all, mut schedule) = streams(&[(0, false), (1, false), (2, false)]);
        all.remove(3);
        assert_eq!(order(&mut all, &mut schedule, 1), [1, 5]);
        assert!(schedule.is_empty());
    }

    #[test]
    fn changes_without_end_take_no_memory() {
        let (mut all, mut schedule) = streams(&[(0, false), (1, false)]);
        let slot = all.find(1).unwrap();
        for change in 0..1000 {
            let urgency = if change % 2 == 0 { 3 } else { 4 };
            schedule.prioritize(slot, &mut all, Priority { urgency, incremental: false });
            schedule.prioritize(slot, &mut all, Priority { urgency, incremental: false });
        }
        assert!(schedule.heap.len() <= 2 * all.len() + 17);
        assert_eq!(order(&mut all, &mut schedule, 1), [3, 1]);
    }
}
