//! An allocator that counts only where counting is what a line is about, so that nobody's time
//! has it in.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use tests::counting::{Asked, Counting, watch};

static COUNTS: AtomicBool = AtomicBool::new(false);

/// The system's allocator, watched at times.
pub(crate) struct Switched;

// SAFETY: every call goes to the system's allocator as it came, if need be by way of the one that
// counts and does the same.
unsafe impl GlobalAlloc for Switched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        unsafe {
            if COUNTS.load(Ordering::Relaxed) {
                Counting.alloc(layout)
            } else {
                System.alloc(layout)
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the same.
        unsafe {
            if COUNTS.load(Ordering::Relaxed) {
                Counting.dealloc(block, layout);
            } else {
                System.dealloc(block, layout);
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        unsafe {
            if COUNTS.load(Ordering::Relaxed) {
                Counting.alloc_zeroed(layout)
            } else {
                System.alloc_zeroed(layout)
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        unsafe {
            if COUNTS.load(Ordering::Relaxed) {
                Counting.realloc(block, layout, size)
            } else {
                System.realloc(block, layout, size)
            }
        }
    }
}

/// Does the work and says what it asked for.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Asked) {
    COUNTS.store(true, Ordering::Relaxed);
    let result = watch(work);
    COUNTS.store(false, Ordering::Relaxed);
    result
}
