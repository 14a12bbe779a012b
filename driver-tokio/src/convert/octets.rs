//! The octets of a head, copied once for all values that are made of it.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

/// See the module.
pub(super) struct Octets<'h> {
    head: &'h [u8],
    /// The copy, once it is needed.
    shared: Option<Bytes>,
}

impl<'h> Octets<'h> {
    pub(super) fn of(head: &'h [u8]) -> Self {
        Self { head, shared: None }
    }

    /// A piece of the head.
    pub(super) fn share(&mut self, piece: &[u8]) -> Bytes {
        let shared = self.shared.get_or_insert_with(|| copy(self.head));
        let start = (piece.as_ptr() as usize).wrapping_sub(self.head.as_ptr() as usize);
        match start.checked_add(piece.len()) {
            Some(end) if end <= shared.len() => shared.slice(start..end),
            // It lies elsewhere.
            _ => Bytes::copy_from_slice(piece),
        }
    }

    /// The last piece that is wanted: alone, if nothing was copied before.
    pub(super) fn share_last(mut self, piece: &[u8]) -> Bytes {
        if self.shared.is_none() { copy(piece) } else { self.share(piece) }
    }
}

/// Where a thread puts copies, one behind the other. It is used again once none of them is needed any more,
/// and replaced when it is full before that.
const COPIES_BYTES: usize = 4 << 10;
/// A larger one has memory of its own.
const COPY_MAX: usize = COPIES_BYTES / 4;

thread_local! {
    static COPIES: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(COPIES_BYTES));
}

/// A copy of a few octets.
pub(super) fn copy(octets: &[u8]) -> Bytes {
    if octets.len() > COPY_MAX {
        return Bytes::copy_from_slice(octets);
    }
    COPIES.with_borrow_mut(|copies| {
        copies.reserve(octets.len());
        copies.extend_from_slice(octets);
        copies.split().freeze()
    })
}
