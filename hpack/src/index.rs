//! Finds entries of the dynamic table by their hashes, for the encoder.
//!
//! Buckets of four numbers, the newest first; what is added to a full one makes the oldest fall out.
//! So a lookup looks at four places at most, whatever names and values the caller is made to send:
//! who makes them collide loses compression, not time. Nothing is ever removed: numbers of entries
//! that are no longer in the table are told by the table.

use alloc::vec::Vec;

const WAYS: usize = 4;
/// The first allocation: 16 buckets of 16 octets.
const BUCKETS_MIN: usize = 16;

/// A number and some bits of its hash.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    number: u16,
    tag: u16,
}

/// Hashes to the numbers of entries. Numbers are those of the table modulo 2^16: what is found is
/// compared anyway.
#[derive(Clone, Default)]
pub(crate) struct Index {
    /// A power of two of them.
    buckets: Vec<[Place; WAYS]>,
}

impl Index {
    pub(crate) const fn new() -> Self {
        Self { buckets: Vec::new() }
    }

    pub(crate) const fn memory_bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<[Place; WAYS]>()
    }

    /// The numbers that may be of entries with this hash, the newest first; at most four.
    #[inline]
    pub(crate) fn find(&self, hash: u64) -> impl Iterator<Item = u16> + '_ {
        let bucket =
            self.buckets.get(self.bucket(hash)).unwrap_or(&[Place { number: 0, tag: 0 }; WAYS]);
        bucket.iter().filter(move |place| place.tag == tag(hash)).map(|place| place.number)
    }

    /// The entry with this number has this hash. What was there with the same tag is replaced.
    pub(crate) fn add(&mut self, hash: u64, number: u16) {
        let bucket = self.bucket(hash);
        let Some(bucket) = self.buckets.get_mut(bucket) else { return };
        let place = Place { number, tag: tag(hash) };
        let end = bucket.iter().position(|it| it.tag == place.tag).unwrap_or(WAYS - 1);
        bucket.copy_within(..end, 1);
        bucket[0] = place;
    }

    /// Whether it is too small for so many entries, each of which may have two hashes: with half the
    /// places taken few fall out before their entries do.
    pub(crate) const fn is_small_for(&self, entries: usize) -> bool {
        self.buckets.len() < entries
    }

    /// Whether it holds far more room than so many entries need.
    pub(crate) const fn is_large_for(&self, entries: usize) -> bool {
        self.buckets.len() > 2 * entries && (entries == 0 || self.buckets.len() > BUCKETS_MIN)
    }

    /// Forgets everything and takes room for so many entries.
    pub(crate) fn reset_for(&mut self, entries: usize) {
        if entries == 0 {
            self.buckets = Vec::new();
            return;
        }
        let buckets = entries.next_power_of_two().max(BUCKETS_MIN);
        self.buckets = Vec::with_capacity(buckets);
        self.buckets.resize(buckets, [Place::default(); WAYS]);
    }

    #[inline]
    const fn bucket(&self, hash: u64) -> usize {
        (hash >> 32) as usize & self.buckets.len().wrapping_sub(1)
    }
}

/// Never 0, which marks a place that is empty.
#[inline]
const fn tag(hash: u64) -> u16 {
    hash as u16 | 1
}
