//! Buffers that the connections of a thread share. A connection takes a set while it has work and
//! puts it back when it parks: an idle connection holds none. They are moved, never borrowed, so
//! a handler that drives another connection in the same task simply gets another set.

use std::cell::RefCell;
use std::mem;

use h1_proto::Head;
use h2_proto::FieldBuf;

#[cfg(feature = "tower")]
use crate::convert::Made;
use crate::h2::Exchanges;

/// What a connection needs while it works.
#[derive(Default)]
pub(crate) struct Buffers {
    /// Input, of which the connection has used what is before `used`.
    pub(crate) input: Vec<u8>,
    pub(crate) used: usize,
    pub(crate) out: Vec<u8>,
    /// The head of the request. It is never another one, so its editions tell heads apart.
    pub(crate) head: Head,
    /// What was made of it.
    #[cfg(feature = "tower")]
    pub(crate) made: Made,
    /// The trailers of the request.
    pub(crate) trailers: Head,
    /// Fields of HTTP/2.
    pub(crate) fields: FieldBuf,
    /// Exchanges of HTTP/2 that are over.
    pub(crate) exchanges: Exchanges,
}

/// Sets that a thread keeps.
const KEPT: usize = 4;
/// A buffer that grew beyond this is not kept.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// In boxes, so that taking and putting back moves a pointer.
#[allow(clippy::vec_box, reason = "they come and go as boxes")]
type Pool = Vec<Box<Buffers>>;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Vec::new()) };
}

/// A set of empty buffers, with memory if there is one to use again.
pub(crate) fn take() -> Box<Buffers> {
    POOL.with(|pool| pool.borrow_mut().pop()).unwrap_or_default()
}

/// Puts a set back. What is in it is lost.
pub(crate) fn put_back(mut buffers: Box<Buffers>) {
    buffers.used = 0;
    for vector in [&mut buffers.input, &mut buffers.out] {
        vector.clear();
        if vector.capacity() > KEPT_BYTES_MAX {
            *vector = Vec::new();
        }
    }
    buffers.head.clear();
    buffers.trailers.clear();
    buffers.fields.clear();
    POOL.with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < KEPT {
            pool.push(buffers);
        }
    });
}

/// Room for one if there is none for any: many connections never have more, and the least that a vector
/// takes by itself is four.
pub(crate) fn one_first<T>(vector: &mut Vec<T>) {
    if vector.capacity() == 0 {
        vector.reserve_exact(1);
    }
}

impl Buffers {
    /// Input that the connection has not used.
    pub(crate) fn rest(&self) -> &[u8] {
        self.input.get(self.used..).unwrap_or_default()
    }

    /// Makes room for the next read.
    pub(crate) fn make_room(&mut self, octets: usize) {
        if self.used > 0 {
            self.input.drain(..self.used);
            self.used = 0;
        }
        self.input.reserve(octets);
    }

    pub(crate) fn take_input(&mut self) -> Vec<u8> {
        self.input.drain(..mem::take(&mut self.used));
        mem::take(&mut self.input)
    }
}

/// The buffers of a connection: there while it has work, given back when it parks or ends.
#[derive(Default)]
pub(crate) struct Held(Option<Box<Buffers>>);

impl Held {
    pub(crate) fn take(&mut self) -> &mut Buffers {
        self.0.get_or_insert_with(take)
    }

    pub(crate) fn is_any(&self) -> bool {
        self.0.is_some()
    }

    /// Input that is not used.
    pub(crate) fn rest(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |buffers| buffers.rest())
    }

    pub(crate) fn take_input(&mut self) -> Vec<u8> {
        self.0.as_mut().map(|buffers| buffers.take_input()).unwrap_or_default()
    }

    pub(crate) fn put_back(&mut self) {
        if let Some(buffers) = self.0.take() {
            put_back(buffers);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.put_back();
    }
}
