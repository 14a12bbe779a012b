//! The streams of a connection: slots that are used again, found by identifier.

use alloc::vec::Vec;

use super::Stream;

/// The place of a stream, stable while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u32);

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    slots: Vec<Stream>,
    free: Vec<u32>,
    /// Identifiers and slots, by identifier: they nearly always grow, so most are found at the end
    /// and most are added there.
    index: Vec<(u32, u32)>,
}

impl Streams {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), index: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn find(&self, id: u32) -> Option<Slot> {
        if let Some(&(last, slot)) = self.index.last()
            && last == id
        {
            return Some(Slot(slot));
        }
        Some(Slot(self.index[self.place(id)?].1))
    }

    /// Where it stands in the index: where it would if all of its parity from the first on lived, or
    /// wherever it is found.
    fn place(&self, id: u32) -> Option<usize> {
        let first = self.index.first()?.0;
        let guess = (id.wrapping_sub(first) / 2) as usize;
        if self.index.get(guess).is_some_and(|entry| entry.0 == id) {
            return Some(guess);
        }
        self.index.binary_search_by_key(&id, |entry| entry.0).ok()
    }

    pub(crate) fn get(&self, slot: Slot) -> &Stream {
        &self.slots[slot.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Stream {
        &mut self.slots[slot.0 as usize]
    }

    /// Adds a stream, whose identifier is new.
    pub(crate) fn insert(&mut self, stream: Stream) -> Slot {
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = stream;
            slot
        } else {
            // Many connections never have more than one, and the least that a vector takes is four.
            if self.slots.capacity() == 0 {
                self.slots.reserve_exact(1);
            }
            self.slots.push(stream);
            self.slots.len() as u32 - 1
        };
        let at = match self.index.last() {
            Some(last) if last.0 > stream.id => self.index.partition_point(|it| it.0 < stream.id),
            _ => self.index.len(),
        };
        self.index.insert(at, (stream.id, slot));
        Slot(slot)
    }

    pub(crate) fn remove(&mut self, id: u32) {
        if let Some(at) = self.place(id) {
            let (_, slot) = self.index.remove(at);
            self.free.push(slot);
        }
    }

    /// All streams, by identifier.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Stream)> {
        self.index.iter().map(|&(_, slot)| (Slot(slot), &self.slots[slot as usize]))
    }

    pub(crate) fn for_each(&mut self, mut change: impl FnMut(&mut Stream)) {
        for &(_, slot) in &self.index {
            change(&mut self.slots[slot as usize]);
        }
    }

    /// Gives storage back that is not in use.
    pub(crate) fn shrink(&mut self) {
        if self.index.is_empty() {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::State;
    use super::*;

    #[test]
    fn slots_are_stable_and_used_again() {
        let mut streams = Streams::new();
        let stream = |id| Stream::new(id, State::Open, 0, 0);
        let slots: Vec<Slot> =
            [1, 3, 7, 4].into_iter().map(|id| streams.insert(stream(id))).collect();
        assert!(streams.iter().map(|it| it.1.id).eq([1, 3, 4, 7]));
        for (slot, id) in slots.iter().zip([1, 3, 7, 4]) {
            assert_eq!(streams.find(id), Some(*slot));
            assert_eq!(streams.get(*slot).id, id);
        }
        streams.remove(3);
        streams.remove(3);
        assert_eq!((streams.find(3), streams.len()), (None, 3));
        assert_eq!(streams.insert(stream(9)), slots[1]);
        assert_eq!(streams.find(2), None);
    }
}
