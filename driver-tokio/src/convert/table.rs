//! A table of what comes again and again: each thing has one place where it may be, which it gets when it
//! comes for the second time.

use std::mem;

/// Things, each with one of so many places where it may be.
pub(super) struct Table<T, const PLACES: usize>([Place<T>; PLACES]);

struct Place<T> {
    /// What was not kept last, as far as a trace tells.
    trace: u64,
    kept: Option<T>,
    /// It came since something else wanted the place.
    came: bool,
}

impl<T, const PLACES: usize> Table<T, PLACES> {
    pub(super) const EMPTY: Self =
        Self([const { Place { trace: 0, kept: None, came: false } }; PLACES]);

    /// What is known at the place of this number. What comes for the second time, as its `trace` tells, is made
    /// and known from there on, unless what has its place came meanwhile: so what comes once costs little, and
    /// two with one place do not take it from each other. Without a trace it is not remembered.
    #[inline]
    pub(super) fn get<R>(
        &mut self,
        place: u64,
        is: impl FnOnce(&T) -> bool,
        trace: impl FnOnce() -> Option<u64>,
        make: impl FnOnce() -> Option<T>,
        share: impl FnOnce(&T) -> R,
    ) -> Option<R> {
        let place = self.0.get_mut((place % PLACES as u64) as usize)?;
        if let Some(kept) = &place.kept
            && is(kept)
        {
            place.came = true;
            return Some(share(kept));
        }
        let trace = trace()?;
        if place.trace != trace {
            place.trace = trace;
            return None;
        }
        if mem::take(&mut place.came) {
            return None;
        }
        place.kept = make();
        place.kept.as_ref().map(share)
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|place| place.kept.as_ref())
    }
}

/// A number that tells most things apart by their lengths and ends.
pub(super) fn trace(octets: &[u8]) -> u64 {
    let ends = match (octets.first_chunk(), octets.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29)
        }
        _ => octets.iter().fold(0, |sum, &octet| sum << 8 | u64::from(octet)),
    };
    (ends ^ octets.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
