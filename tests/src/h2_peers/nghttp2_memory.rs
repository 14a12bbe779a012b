//! What nghttp2 asks of its allocator.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::cell::Cell;
use std::os::raw::c_void;
use std::ptr;

use libnghttp2_sys::nghttp2_mem;

/// An allocator for one session, which counts. Without the crate's own counting, so the two do
/// not depend on each other.
#[derive(Debug, Default)]
pub struct Memory {
    blocks: Cell<u64>,
    held: Cell<usize>,
}

/// In front of each block: its size, in what any type may be put behind.
const HEADER: usize = 16;

impl Memory {
    /// Blocks of memory that were asked for, also those that were made larger or smaller.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.blocks.get()
    }

    /// The octets that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.get()
    }

    fn note(&self, more: usize, less: usize) {
        self.blocks.set(self.blocks.get() + u64::from(more > 0));
        self.held.set(self.held.get() + more - less);
    }

    /// The hooks. They are valid for as long as this is.
    pub(super) fn hooks(&self) -> nghttp2_mem {
        nghttp2_mem {
            mem_user_data: ptr::from_ref(self).cast_mut().cast(),
            malloc: Some(on_malloc),
            free: Some(on_free),
            calloc: Some(on_calloc),
            realloc: Some(on_realloc),
        }
    }
}

fn layout(octets: usize) -> Layout {
    Layout::from_size_align(octets + HEADER, HEADER).expect("a size that is possible")
}

/// # Safety
/// `memory` is a [`Memory`].
unsafe fn note(memory: *mut c_void, more: usize, less: usize) {
    // SAFETY: the caller says so.
    unsafe { &*memory.cast::<Memory>() }.note(more, less);
}

/// # Safety
/// `start` is null, or the first of at least as many octets as a header has.
unsafe fn behind_header(start: *mut u8, octets: usize) -> *mut c_void {
    if start.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: there is room for the header, aligned to its size.
    unsafe {
        start.cast::<usize>().write(octets);
        start.add(HEADER).cast()
    }
}

/// # Safety
/// `block` came from [`behind_header`].
unsafe fn header_of(block: *mut c_void) -> (*mut u8, usize) {
    // SAFETY: the header lies in front of it.
    unsafe {
        let start = block.cast::<u8>().sub(HEADER);
        (start, start.cast::<usize>().read())
    }
}

unsafe extern "C" fn on_malloc(octets: usize, memory: *mut c_void) -> *mut c_void {
    // SAFETY: the hooks' data is their memory; the layout is not empty.
    unsafe {
        note(memory, octets, 0);
        behind_header(alloc(layout(octets)), octets)
    }
}

unsafe extern "C" fn on_calloc(count: usize, each: usize, memory: *mut c_void) -> *mut c_void {
    let octets = count.checked_mul(each).expect("a size that is possible");
    // SAFETY: the same.
    unsafe {
        note(memory, octets, 0);
        behind_header(alloc_zeroed(layout(octets)), octets)
    }
}

unsafe extern "C" fn on_realloc(
    block: *mut c_void,
    octets: usize,
    memory: *mut c_void,
) -> *mut c_void {
    if block.is_null() {
        // SAFETY: it is the same then.
        return unsafe { on_malloc(octets, memory) };
    }
    // SAFETY: the block is one of these, with the size in its header.
    unsafe {
        let (start, before) = header_of(block);
        note(memory, octets, before);
        behind_header(realloc(start, layout(before), octets + HEADER), octets)
    }
}

unsafe extern "C" fn on_free(block: *mut c_void, memory: *mut c_void) {
    if block.is_null() {
        return;
    }
    // SAFETY: the block is one of these, with the size in its header.
    unsafe {
        let (start, octets) = header_of(block);
        note(memory, 0, octets);
        dealloc(start, layout(octets));
    }
}
