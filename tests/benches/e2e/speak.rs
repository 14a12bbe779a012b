//! The client's side of both protocols, as far as a generator needs it.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tests::frames::{Frame, PREFACE, flag, kind};

use crate::load::Asks;
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

pub(crate) fn speaker(protocol: Protocol, asks: Asks) -> Box<dyn Speak> {
    match protocol {
        Protocol::H1 => {
            Box::new(H1 { asks, counter: Counter::new(CONTENT.as_bytes()), answers: 0 })
        }
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

/// As Firefox 128 asks for a page, without the end.
const BROWSER: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: http://www.example.com/index.html\r\nUpgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\
    Cache-Control: max-age=0\r\n";

/// Requests that were made with a number.
static NUMBER: AtomicU32 = AtomicU32::new(0);

struct H1 {
    asks: Asks,
    counter: Counter,
    answers: usize,
}

impl Speak for H1 {
    fn greeting(&self) -> Vec<u8> {
        Vec::new()
    }

    fn request(&mut self, out: &mut Vec<u8>) {
        match self.asks {
            Asks::Plain => out.extend_from_slice(GET),
            Asks::Content => out.extend_from_slice(POST),
            Asks::Browser => {
                out.extend_from_slice(BROWSER);
                let number = NUMBER.fetch_add(1, Relaxed).wrapping_mul(0x9e37_79b9);
                out.extend_from_slice(format!("X-Request-Id: {number:08x}\r\n\r\n").as_bytes());
            }
        }
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
