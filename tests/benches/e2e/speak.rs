//! The client's side of both protocols, as far as a generator needs it.

use std::io;

use tests::frames::{Frame, PREFACE, flag, kind};

use crate::process::Protocol;
use crate::servers::CONTENT;

/// What goes over one connection.
pub(crate) trait Speak: Send {
    /// What is said first.
    fn greeting(&self) -> Vec<u8>;

    /// Adds a request.
    fn request(&mut self, out: &mut Vec<u8>);

    /// Tells of each request that was answered, by its number from 0.
    fn answers(&mut self, octets: &[u8], answered: &mut dyn FnMut(usize)) -> io::Result<()>;
}

/// `sends`: requests of HTTP/1.1 have content.
pub(crate) fn speaker(protocol: Protocol, sends: bool) -> Box<dyn Speak> {
    match protocol {
        Protocol::H1 => Box::new(H1 {
            request: if sends { POST } else { GET },
            counter: Counter::new(CONTENT.as_bytes()),
            answers: 0,
        }),
        Protocol::H2 => Box::new(H2 { next_stream: 1, input: Vec::new() }),
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(format!("a wrong answer: {what}"))
}

/// How many messages octets are, when all are as long as the first.
pub(crate) struct Counter {
    end: &'static [u8],
    message_bytes: usize,
    rest: usize,
}

impl Counter {
    /// `end` is what the first one ends with.
    pub(crate) fn new(end: &'static [u8]) -> Self {
        Self { end, message_bytes: 0, rest: 0 }
    }

    /// How many end in these octets.
    ///
    /// # Panics
    /// If the first one is not whole at once.
    pub(crate) fn count(&mut self, octets: &[u8]) -> usize {
        if self.message_bytes == 0 {
            let end = octets.windows(self.end.len()).position(|it| it == self.end);
            self.message_bytes = end.expect("a first message at once") + self.end.len();
        }
        self.rest += octets.len();
        let count = self.rest / self.message_bytes;
        self.rest -= count * self.message_bytes;
        count
    }
}

const GET: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: e2e/1\r\n\r\n";
const POST: &[u8] = b"POST /echo HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: e2e/1\r\n\
    Content-Length: 13\r\n\r\nHello, World!";

struct H1 {
    request: &'static [u8],
    counter: Counter,
    answers: usize,
}

impl Speak for H1 {
    fn greeting(&self) -> Vec<u8> {
        Vec::new()
    }

    fn request(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.request);
    }

    fn answers(&mut self, octets: &[u8], answered: &mut dyn FnMut(usize)) -> io::Result<()> {
        if self.answers == 0 && !octets.starts_with(b"HTTP/1.1 200 ") {
            return Err(wrong(&String::from_utf8_lossy(octets)));
        }
        for _ in 0..self.counter.count(octets) {
            answered(self.answers);
            self.answers += 1;
        }
        if self.counter.rest == 0 && !octets.ends_with(CONTENT.as_bytes()) {
            return Err(wrong("not as long as the first"));
        }
        Ok(())
    }
}

struct H2 {
    next_stream: u32,
    /// A frame that is not whole.
    input: Vec<u8>,
}

/// With incremental indexing, in this order; `:path` is the oldest then.
const INDEXED: [(&[u8], &str); 3] =
    [(b"\x44", "/plaintext"), (b"\x41", "www.example.com"), (b"\x7a", "e2e/1")];

impl Speak for H2 {
    fn greeting(&self) -> Vec<u8> {
        let window = (1_u32 << 30).to_be_bytes();
        let mut greeting = PREFACE.to_vec();
        for frame in [
            Frame::new(kind::SETTINGS, 0, 0, b""),
            Frame::new(kind::SETTINGS, flag::ACK, 0, b""),
            Frame::new(kind::WINDOW_UPDATE, 0, 0, window),
        ] {
            frame.write(&mut greeting);
        }
        greeting
    }

    fn request(&mut self, out: &mut Vec<u8>) {
        // GET and http; then all from the table, once it is there.
        let mut block = vec![0x82, 0x86];
        if self.next_stream == 1 {
            for (begin, value) in INDEXED {
                block.extend_from_slice(begin);
                block.push(value.len() as u8);
                block.extend_from_slice(value.as_bytes());
            }
        } else {
            block.extend([0x80 | 64, 0x80 | 63, 0x80 | 62]);
        }
        let ends = flag::END_HEADERS | flag::END_STREAM;
        Frame::new(kind::HEADERS, ends, self.next_stream, block).write(out);
        self.next_stream += 2;
    }

    fn answers(&mut self, octets: &[u8], answered: &mut dyn FnMut(usize)) -> io::Result<()> {
        self.input.extend_from_slice(octets);
        let mut left = &*self.input;
        while let Some((header, behind)) = left.split_first_chunk::<9>() {
            let [high, middle, low, kind, flags, stream @ ..] = *header;
            let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            let Some((payload, behind)) = behind.split_at_checked(length) else { break };
            left = behind;
            let ends = flags & flag::END_STREAM != 0;
            match kind {
                kind::RST_STREAM | kind::GOAWAY => return Err(wrong("an error")),
                // `:status: 200` of the static table, which all send first.
                kind::HEADERS if payload.first() != Some(&0x88) => return Err(wrong("no 200")),
                kind::DATA if !payload.is_empty() && payload != CONTENT.as_bytes() => {
                    return Err(wrong("another content"));
                }
                kind::DATA | kind::HEADERS if ends => {
                    answered(u32::from_be_bytes(stream) as usize / 2);
                }
                _ => {}
            }
        }
        let rest = self.input.len() - left.len();
        self.input.drain(..rest);
        Ok(())
    }
}
