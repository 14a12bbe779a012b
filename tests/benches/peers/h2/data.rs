//! Rows H2d and H2e: content.
//!
//! Nobody copies it who need not: *ours* and *nghttp2* give the header of a frame, and the payload
//! goes from where the server's application has it to where the client's sees it. *h2* gives slices to
//! write; what is of the payload is noted and not copied, but it is copied where it is read, because a
//! transport of h2 fills a buffer.

mod crate_h2;
mod nghttp2;
mod ours;

use std::sync::LazyLock;
use std::time::Duration;

use crate::harness::{Contender, Limit, Options, Row, timed};

const MIB: usize = 1 << 20;
/// The payload of a frame.
const FRAME: usize = 16_384;
/// Frames in a batch of [`Sending`].
const FRAMES: usize = 64;
/// The window of a stream in [`Fetching`].
const WINDOW: u32 = 65_536;

/// What is sent, again and again. A piece of at most a frame may begin anywhere in its first MiB.
static PAYLOAD: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..MIB + FRAME).map(|index| (((index % MIB) * 31) >> 3) as u8).collect());

/// A piece of content that is in the payload.
#[derive(Clone, Copy)]
struct Piece {
    /// Behind how many octets of output it goes.
    at: usize,
    /// Where the content it belongs to has it.
    offset: usize,
    len: usize,
}

impl Piece {
    fn octets(self) -> &'static [u8] {
        let start = self.offset % MIB;
        &PAYLOAD[start..start + self.len]
    }
}

/// Octets with pieces of the payload between them.
#[derive(Default)]
struct Spliced {
    octets: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Spliced {
    /// Shows all in order, and forgets it.
    fn drain(&mut self, mut show: impl FnMut(&[u8])) {
        let mut start = 0;
        for piece in self.pieces.drain(..) {
            show(&self.octets[start..piece.at]);
            show(piece.octets());
            start = piece.at;
        }
        if start < self.octets.len() {
            show(&self.octets[start..]);
        }
        self.octets.clear();
    }
}

/// What a client has received of a response's content.
#[derive(Default)]
struct Received {
    octets: usize,
    /// Whether each octet is looked at.
    compares: bool,
}

impl Received {
    fn data(&mut self, data: &[u8]) {
        if self.compares {
            let mut rest = data;
            while !rest.is_empty() {
                let start = self.octets % MIB;
                let (piece, behind) = rest.split_at(rest.len().min(MIB + FRAME - start));
                assert!(*piece == PAYLOAD[start..start + piece.len()]);
                self.octets += piece.len();
                rest = behind;
            }
        } else {
            self.octets += std::hint::black_box(data).len();
        }
    }
}

/// A server with a stream whose windows are always open.
trait Sending {
    const NAME: &'static str;
    fn new() -> Self;
    /// Opens the windows again.
    fn refill(&mut self);
    /// Sends a batch of frames: octets of payload.
    fn send(&mut self) -> usize;
}

/// A client and a server.
trait Fetching {
    const NAME: &'static str;
    fn new() -> Self;
    /// A request, and a response with so many octets.
    fn fetch(&mut self, octets: usize, received: &mut Received);
}

pub(crate) fn rows(options: &Options) -> bool {
    let mut held = true;
    if options.wants("H2d DATA out, 16 KiB") {
        held &= options.run(Row {
            id: "H2d",
            what: "DATA out, 16 KiB".to_owned(),
            operations: FRAMES,
            octets: None,
            contenders: vec![
                sending::<ours::Sends>(),
                sending::<nghttp2::Sends>(),
                sending::<crate_h2::Sends>(),
            ],
            bar: Some(Limit::Times(0.3, "h2")),
            goal: Some(Limit::Nanoseconds(30.0)),
        });
    }
    for (what, octets) in [("DATA, 1 MiB", MIB), ("DATA, 1 GiB", 1 << 30)] {
        let line = format!("H2e {what}");
        if options.wants(&line) {
            let is_row = octets == MIB;
            held &= options.run(Row {
                id: "H2e",
                what: what.to_owned(),
                operations: 1,
                octets: Some(octets),
                contenders: vec![
                    fetching::<ours::Fetches>(octets),
                    fetching::<nghttp2::Fetches>(octets),
                    fetching::<crate_h2::Fetches>(octets),
                ],
                bar: is_row.then_some(Limit::Rate(1.0, "nghttp2")),
                goal: is_row.then_some(Limit::Rate(1.5, "nghttp2")),
            });
        }
    }
    held
}

fn sending<'a, S: Sending + 'a>() -> Contender<'a> {
    let mut sender = S::new();
    Contender::new(S::NAME, move || {
        sender.refill();
        timed(|| assert_eq!(sender.send(), FRAME * FRAMES))
    })
}

fn fetching<'a, F: Fetching + 'a>(octets: usize) -> Contender<'a> {
    let mut pair = F::new();
    for octets in [1, FRAME, MIB, 3 * MIB + 1] {
        let mut received = Received { octets: 0, compares: true };
        pair.fetch(octets, &mut received);
        assert_eq!(received.octets, octets, "{}", F::NAME);
    }
    Contender::new(F::NAME, move || -> Duration {
        timed(|| {
            let mut received = Received::default();
            pair.fetch(octets, &mut received);
            assert_eq!(received.octets, octets, "{}", F::NAME);
        })
    })
}

/// The frames that open the windows for a batch again.
fn refill(stream: u32) -> Vec<u8> {
    use tests::frames::{Frame, kind};
    let more = ((FRAME * FRAMES) as u32).to_be_bytes();
    super::script::octets(&[
        Frame::new(kind::WINDOW_UPDATE, 0, 0, more),
        Frame::new(kind::WINDOW_UPDATE, 0, stream, more),
    ])
}

/// A client that has sent one request, with large windows.
fn one_request() -> Vec<u8> {
    use tests::frames::{Frame, flag, kind};
    let mut octets = super::script::greeting(1 << 30);
    let ends = flag::END_HEADERS | flag::END_STREAM;
    let block = *b"\x82\x87\x84\x01\x01a";
    octets.extend(super::script::octets(&[Frame::new(kind::HEADERS, ends, 1, block)]));
    octets
}
