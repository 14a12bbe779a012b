//! An allocator that counts, each thread by itself, so that tests which run beside each other do
//! not disturb.
//!
//! ```no_run
//! #[global_allocator]
//! static ALLOCATOR: tests::counting::Counting = tests::counting::Counting;
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, watched.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "each test makes one")]
pub struct Counting;

thread_local! {
    static BLOCKS: Cell<u64> = const { Cell::new(0) };
    /// Octets that this thread asked for.
    static OCTETS: Cell<u64> = const { Cell::new(0) };
    /// Octets that this thread asked for less those that it gave back, some of them for others.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// The most that `HELD` was.
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn note(blocks: u64, more: usize, less: usize) {
    // A thread that is being torn down has nothing to tell.
    let _ = BLOCKS.try_with(|count| count.set(count.get() + blocks));
    let _ = OCTETS.try_with(|count| count.set(count.get() + more as u64));
    let _ = HELD.try_with(|held| {
        held.set(held.get() + more as isize - less as isize);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), 0);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, 0, layout.size());
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size, layout.size());
        // SAFETY: the caller's promises are the same.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// What some work asked of the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// Blocks of memory, also those that were made larger or smaller.
    pub blocks: u64,
    /// The octets of all of them: what may have been written or copied.
    pub octets: u64,
    /// The octets that were held at the most, beyond those before.
    pub peak: usize,
    /// The octets that are held still, beyond those before; 0 if they are fewer.
    pub held: usize,
}

/// Does the work and says what it asked for.
pub fn watch<T>(work: impl FnOnce() -> T) -> (T, Asked) {
    let (blocks, octets, before) = (BLOCKS.get(), OCTETS.get(), HELD.get());
    PEAK.set(before);
    let result = work();
    let since = |octets: isize| usize::try_from(octets - before).unwrap_or(0);
    let asked = Asked {
        blocks: BLOCKS.get() - blocks,
        octets: OCTETS.get() - octets,
        peak: since(PEAK.get()),
        held: since(HELD.get()),
    };
    (result, asked)
}

/// How many blocks the work asks for.
pub fn blocks(work: impl FnOnce()) -> u64 {
    watch(work).1.blocks
}

/// For a test of its own in every file that counts: without the allocator nothing is counted.
///
/// # Panics
/// If it does not count.
pub fn assert_counts() {
    let ((), asked) = watch(|| {
        let mut vector = Vec::<u8>::with_capacity(100);
        vector.reserve_exact(1000);
        std::hint::black_box(&vector);
    });
    assert_eq!((asked.blocks, asked.octets, asked.held), (2, 1100, 0));
    assert!((1000..=1100).contains(&asked.peak), "{asked:?}");
    let (vector, asked) = watch(|| vec![0_u8; 10]);
    assert_eq!((vector.len(), asked.held), (10, 10));
}
