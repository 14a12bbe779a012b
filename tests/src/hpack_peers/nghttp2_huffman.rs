//! The Huffman code of nghttp2: no part of its interface, but its functions are in the static
//! library. They are declared here, with the buffers that they write to.

use std::os::raw::{c_int, c_void};
use std::{ptr, slice};

// What links the library.
use libnghttp2_sys as _;

/// `nghttp2_buf`.
#[repr(C)]
#[derive(Debug)]
struct Buf {
    begin: *mut u8,
    end: *mut u8,
    pos: *mut u8,
    last: *mut u8,
    mark: *mut u8,
}

/// `nghttp2_buf_chain`.
#[repr(C)]
#[derive(Debug)]
struct BufChain {
    next: *mut Self,
    buf: Buf,
}

/// `nghttp2_bufs`.
#[repr(C)]
#[derive(Debug)]
struct Bufs {
    head: *mut BufChain,
    cur: *mut BufChain,
    mem: *mut c_void,
    chunk_length: usize,
    max_chunk: usize,
    chunk_used: usize,
    chunk_keep: usize,
    offset: usize,
}

/// `nghttp2_hd_huff_decode_context`.
#[repr(C)]
struct HuffmanContext {
    state: u16,
}

unsafe extern "C" {
    fn nghttp2_hd_huff_encode_count(text: *const u8, octets: usize) -> usize;
    fn nghttp2_hd_huff_encode(bufs: *mut Bufs, text: *const u8, octets: usize) -> c_int;
    fn nghttp2_hd_huff_decode_context_init(context: *mut HuffmanContext);
    fn nghttp2_hd_huff_decode(
        context: *mut HuffmanContext,
        buf: *mut Buf,
        code: *const u8,
        octets: usize,
        last: c_int,
    ) -> isize;
    fn nghttp2_hd_huff_decode_failure_state(context: *mut HuffmanContext) -> c_int;
}

/// The Huffman code of nghttp2 with a buffer of a fixed size, to which everything is appended.
#[derive(Debug)]
pub struct Nghttp2Huffman {
    /// What the chain points to, used through it only.
    octets: *mut [u8],
    chain: *mut BufChain,
}

impl Nghttp2Huffman {
    /// With room for so many octets.
    #[must_use]
    pub fn new(room: usize) -> Self {
        let octets = Box::into_raw(vec![0; room].into_boxed_slice());
        let begin = octets.cast::<u8>();
        // SAFETY: the end of the octets is in the same allocation.
        let end = unsafe { begin.add(room) };
        let buf = Buf { begin, end, pos: begin, last: begin, mark: begin };
        Self { octets, chain: Box::into_raw(Box::new(BufChain { next: ptr::null_mut(), buf })) }
    }

    fn buf(&mut self) -> &mut Buf {
        // SAFETY: the chain lives as long as we do, and is used by us alone.
        unsafe { &mut (*self.chain).buf }
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        let buf = self.buf();
        buf.last = buf.begin;
    }

    /// What was written since.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        // SAFETY: all octets were initialised, and `last` is in them, not before `begin`.
        unsafe {
            let buf = &(*self.chain).buf;
            slice::from_raw_parts(buf.begin, buf.last.offset_from_unsigned(buf.begin))
        }
    }

    /// The length of the code of a text.
    #[must_use]
    pub fn encoded_len(text: &[u8]) -> usize {
        // SAFETY: it reads as many octets as there are.
        unsafe { nghttp2_hd_huff_encode_count(text.as_ptr(), text.len()) }
    }

    /// Appends the code of a text.
    ///
    /// # Panics
    /// If there is no room.
    pub fn encode(&mut self, text: &[u8]) {
        let mut bufs = Bufs {
            head: self.chain,
            cur: self.chain,
            // Without memory of its own it cannot get more, nor does it try, being told that this
            // is the only buffer.
            mem: ptr::null_mut(),
            chunk_length: self.octets.len(),
            max_chunk: 1,
            chunk_used: 1,
            chunk_keep: 1,
            offset: 0,
        };
        // SAFETY: it reads as many octets as there are, and writes behind `last` until `end`.
        let status = unsafe { nghttp2_hd_huff_encode(&mut bufs, text.as_ptr(), text.len()) };
        assert_eq!(status, 0, "there is room");
    }

    /// Appends the text of a code; whether it was one.
    ///
    /// # Panics
    /// If there is no room for the longest text that the code could have.
    pub fn decode(&mut self, code: &[u8]) -> bool {
        let buf = self.buf();
        // A symbol takes 5 bits at least.
        let room = buf.end.addr() - buf.last.addr();
        assert!(code.len() * 2 <= room, "there is room");
        let mut context = HuffmanContext { state: 0 };
        // SAFETY: the context is written before it is read; it reads as many octets as there are,
        // and appends at most two for each, which is asserted above.
        unsafe {
            nghttp2_hd_huff_decode_context_init(&mut context);
            let (octets, count) = (code.as_ptr(), code.len());
            nghttp2_hd_huff_decode(&mut context, buf, octets, count, 1) >= 0
                && nghttp2_hd_huff_decode_failure_state(&mut context) == 0
        }
    }
}

impl Drop for Nghttp2Huffman {
    fn drop(&mut self) {
        // SAFETY: both were boxes, and nothing else points to them any more.
        unsafe {
            drop(Box::from_raw(self.chain));
            drop(Box::from_raw(self.octets));
        }
    }
}
