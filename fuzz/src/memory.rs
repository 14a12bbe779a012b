//! How much memory a call takes, counted by the allocator for each thread by itself.

use core::cell::Cell;
use std::alloc::{GlobalAlloc, Layout, System};

struct Counting;

thread_local! {
    /// Octets that this thread asked for less those that it gave back.
    /// Negative where it gave back what another asked for.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// The most that `HELD` was.
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// What `work` comes to, and the most octets that it held at a time beyond those held before.
pub(crate) fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    (result, PEAK.get().abs_diff(before))
}

fn note(more: usize, less: usize) {
    // A thread that is being torn down has nothing to tell.
    let _ = HELD.try_with(|held| {
        held.set(held.get().wrapping_add_unsigned(more).wrapping_sub_unsigned(less));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        // SAFETY: the caller's promises are the same.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_at_a_time_counts() {
        let (vector, octets) = peak(|| {
            drop(Vec::<u8>::with_capacity(300));
            Vec::<u8>::with_capacity(200)
        });
        assert_eq!((vector.capacity(), octets), (200, 300));
        assert_eq!(peak(|| drop(vector)).1, 0);
    }
}
