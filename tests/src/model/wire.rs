//! Frames on their way, each a number: a state of the model holds thousands of them at no cost, and
//! the content of DATA is nowhere.

use std::collections::HashMap;

use crate::frames::{PREFACE, kind};

const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];

/// A frame that was seen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seen(u16);

/// What the model needs to know of a frame.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "plain data of the model")]
pub struct Facts {
    /// What is written, without the content of DATA.
    pub octets: Box<[u8]>,
    /// Octets of content behind it.
    pub content: u32,
    /// Its type; none for the client's preface.
    pub kind: Option<u8>,
    /// Its stream.
    pub stream: u32,
    /// The increment of a WINDOW_UPDATE.
    pub increment: u32,
    /// The window of streams that SETTINGS announce.
    pub window: Option<u32>,
}

impl Facts {
    fn of(octets: &[u8]) -> Self {
        let mut facts = Self {
            octets: octets.into(),
            content: 0,
            kind: None,
            stream: 0,
            increment: 0,
            window: None,
        };
        if octets != PREFACE {
            let word =
                |at: usize| u32::from_be_bytes([at, at + 1, at + 2, at + 3].map(|i| octets[i]));
            facts.kind = Some(octets[3]);
            facts.stream = word(5);
            match octets[3] {
                kind::DATA => facts.content = word(0) >> 8,
                kind::WINDOW_UPDATE => facts.increment = word(9),
                kind::SETTINGS => {
                    let mut entries = octets[9..].chunks_exact(6);
                    facts.window = entries
                        .find(|it| it[..2] == INITIAL_WINDOW_SIZE)
                        .map(|entry| u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]));
                }
                _ => {}
            }
        }
        facts
    }

    /// How long it is on the wire.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.octets.len() as u32 + self.content
    }

    /// Never: a frame has a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }
}

/// All frames that were seen.
#[derive(Debug, Default)]
pub struct Frames {
    known: HashMap<Box<[u8]>, Seen>,
    facts: Vec<Facts>,
}

impl Frames {
    /// What a frame is.
    #[must_use]
    pub fn get(&self, frame: Seen) -> &Facts {
        &self.facts[usize::from(frame.0)]
    }

    /// The first frame of an output whose DATA lacks its content, and its length there.
    ///
    /// # Panics
    /// If it is not whole.
    pub fn take(&mut self, out: &[u8]) -> (Seen, usize) {
        let len = if out.starts_with(PREFACE) {
            PREFACE.len()
        } else {
            let length = u32::from_be_bytes([0, out[0], out[1], out[2]]) as usize;
            if out[3] == kind::DATA { 9 } else { 9 + length }
        };
        let octets = &out[..len];
        if let Some(&seen) = self.known.get(octets) {
            return (seen, len);
        }
        let seen = Seen(u16::try_from(self.facts.len()).expect("a few frames"));
        self.facts.push(Facts::of(octets));
        self.known.insert(octets.into(), seen);
        (seen, len)
    }
}
