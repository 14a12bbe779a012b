//! The exchanges of a connection: what of a request waits for its handler, and what of an answer
//! waits for its windows.

use std::task::Waker;

use h2_proto::{FieldBuf, StreamId};

use super::tunnel::Stage;
use crate::error::Gone;
use crate::scratch::one_first;

/// Memory of one exchange that is kept for the next, in octets.
pub(crate) const KEPT_BYTES_MAX: usize = 4 << 10;
/// Exchanges beyond which an idle connection keeps the memory for itself, as long as it keeps any.
const LEFT_MAX: usize = 16;
/// Field buffers that are kept.
const SPARE_MAX: usize = 16;

/// A request and its answer on a stream.
pub(crate) struct Exchange {
    pub(crate) stream: StreamId,
    /// The task that answers it.
    pub(crate) task: u32,
    /// The request is for HEAD: the answer has no content.
    pub(crate) is_head: bool,
    /// The request is for CONNECT: it may become a tunnel.
    pub(crate) is_connect: bool,
    pub(crate) tunnel: Stage,
    /// Content that came and was not taken; the stream's window limits it.
    pub(crate) received: Vec<u8>,
    pub(crate) trailers: FieldBuf,
    /// The request is complete, or will not be.
    pub(crate) end: Option<Result<(), Gone>>,
    pub(crate) reader: Option<Waker>,
    /// The head of the answer was sent.
    pub(crate) begun: bool,
    /// The end of the answer was sent, or is in `rest`.
    pub(crate) ended: bool,
    /// The answer is only a head: content is thrown away.
    pub(crate) head_only: bool,
    /// The end of a whole answer that the windows did not take, and how much of it went since.
    pub(crate) rest: Vec<u8>,
    pub(crate) rest_sent: usize,
    pub(crate) sender: Option<Waker>,
    pub(crate) flusher: Option<Waker>,
    /// It is this stream's turn to send.
    pub(crate) granted: bool,
    /// The handler is at work.
    pub(crate) handling: bool,
    /// A body that left the handler reads on.
    pub(crate) body_held: bool,
}

impl Exchange {
    fn new(stream: StreamId) -> Self {
        Self {
            stream,
            task: 0,
            is_head: false,
            is_connect: false,
            tunnel: Stage::None,
            received: Vec::new(),
            trailers: FieldBuf::new(),
            end: None,
            reader: None,
            begun: false,
            ended: false,
            head_only: false,
            rest: Vec::new(),
            rest_sent: 0,
            sender: None,
            flusher: None,
            granted: false,
            handling: true,
            body_held: false,
        }
    }

    /// As new, with its memory: it is cleared, and nobody waits for it.
    fn reset(&mut self, stream: StreamId) {
        self.stream = stream;
        self.tunnel = Stage::None;
        self.end = None;
        (self.begun, self.ended, self.head_only) = (false, false, false);
        self.rest_sent = 0;
        (self.granted, self.handling, self.body_held) = (false, true, false);
    }

    /// Forgets its content, and gives the memory for it back if that is much.
    fn clear(&mut self) {
        for octets in [&mut self.received, &mut self.rest] {
            octets.clear();
            octets.shrink_to(KEPT_BYTES_MAX);
        }
        self.trailers.clear();
    }

    /// Nobody has anything to do with it any more.
    pub(crate) fn is_over(&self) -> bool {
        !self.handling && !self.body_held && !self.is_tunnel() && self.rest_sent == self.rest.len()
    }

    /// The stream will say nothing more and take nothing more.
    pub(crate) fn break_off(&mut self, gone: Gone) {
        self.received.clear();
        self.rest.clear();
        self.rest_sent = 0;
        self.end = Some(Err(gone));
    }

    /// Everyone who waits on it.
    pub(crate) fn take_wakers(&mut self) -> [Option<Waker>; 3] {
        [self.reader.take(), self.sender.take(), self.flusher.take()]
    }
}

/// All of them, found by their stream. In a box, which an idle connection leaves to others of its thread.
#[derive(Default)]
pub(crate) struct Exchanges(Option<Box<Places>>);

#[derive(Default)]
struct Places {
    /// Sorted by stream.
    index: Vec<(StreamId, u32)>,
    slots: Vec<Exchange>,
    free: Vec<u32>,
    /// Field buffers that nobody uses.
    spare: Vec<FieldBuf>,
}

impl Exchanges {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|places| places.index.is_empty())
    }

    /// Hands its memory over if that is not in use and not much, unless there is some already.
    pub(crate) fn leave_to(&mut self, others: &mut Self) {
        if others.0.is_none() {
            let fits = |it: &mut Box<Places>| it.index.is_empty() && it.slots.len() <= LEFT_MAX;
            others.0 = self.0.take_if(fits);
        }
    }

    /// A field buffer that nobody uses.
    pub(crate) fn take_fields(&mut self) -> FieldBuf {
        self.0.as_mut().and_then(|places| places.spare.pop()).unwrap_or_default()
    }

    pub(crate) fn put_fields_back(&mut self, mut fields: FieldBuf) {
        if let Some(places) = &mut self.0
            && places.spare.len() < SPARE_MAX
        {
            fields.clear();
            one_first(&mut places.spare);
            places.spare.push(fields);
        }
    }

    /// A new one; streams are opened in rising order.
    pub(crate) fn open(&mut self, stream: StreamId) -> &mut Exchange {
        let Places { index, slots, free, .. } = &mut **self.0.get_or_insert_default();
        let slot = match free.pop() {
            Some(slot) => {
                if let Some(exchange) = slots.get_mut(slot as usize) {
                    exchange.reset(stream);
                }
                slot
            }
            None => {
                one_first(slots);
                slots.push(Exchange::new(stream));
                // Streams are far fewer than 2^32.
                slots.len() as u32 - 1
            }
        };
        index.push((stream, slot));
        &mut slots[slot as usize]
    }

    pub(crate) fn find(&mut self, stream: StreamId) -> Option<&mut Exchange> {
        let places = self.0.as_mut()?;
        let slot = places.index.get(places.find(stream)?)?.1;
        places.slots.get_mut(slot as usize)
    }

    pub(crate) fn remove(&mut self, stream: StreamId) {
        if let Some(places) = &mut self.0
            && let Some(place) = places.find(stream)
        {
            let slot = places.index.remove(place).1;
            if let Some(exchange) = places.slots.get_mut(slot as usize) {
                exchange.clear();
            }
            places.free.push(slot);
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Exchange> {
        self.0.iter_mut().flat_map(|places| {
            let Places { index, slots, .. } = &mut **places;
            slots.iter_mut().filter(|exchange| {
                index.binary_search_by_key(&exchange.stream, |entry| entry.0).is_ok()
            })
        })
    }

    /// Gives back what is not in use, if nothing is.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.0 = None;
        }
    }
}

impl Places {
    fn find(&self, stream: StreamId) -> Option<usize> {
        self.index.binary_search_by_key(&stream, |entry| entry.0).ok()
    }
}
