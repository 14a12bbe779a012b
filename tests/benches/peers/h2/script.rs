//! What is said: the octets of a client that was recorded, so to speak, and the fields of answers.

use std::sync::LazyLock;

use tests::frames::{Frame, PREFACE, flag, kind};
use tests::h2::parse;

/// Requests in a batch.
pub(crate) const BATCH: usize = 100;

/// The fields of a request but for its path, in this order; they stay in the tables.
pub(crate) const REQUEST: [(&str, &str); 5] = [
    (":authority", "www.example-magazine.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    ("accept", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
];

/// The fields of an answer but for its status.
pub(crate) const RESPONSE: [(&str, &str); 5] = [
    ("content-type", "text/plain; charset=utf-8"),
    ("content-length", "100"),
    ("date", "Sat, 21 Nov 2026 08:12:31 GMT"),
    ("server", "example/1.0"),
    ("cache-control", "max-age=60"),
];

/// The content of an answer.
pub(crate) const CONTENT: [u8; 100] = [b'x'; 100];

/// The paths of a batch.
pub(crate) static PATHS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let path = |number| &*format!("/articles/2026/11/image-{number:03}.jpg").leak();
    (0..BATCH).map(path).collect()
});

/// The paths and all other fields of a request with it.
pub(crate) fn request(path: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut fields = vec![(":method", "GET"), (":scheme", "https"), REQUEST[0], (":path", path)];
    fields.extend(&REQUEST[1..]);
    fields
}

/// A client whose octets can be fed again and again: only the streams' identifiers change.
pub(crate) struct Script {
    octets: Vec<u8>,
    /// Where each request begins, and the end.
    starts: Vec<usize>,
    next_stream: u32,
}

/// Frames as octets.
pub(crate) fn octets(frames: &[Frame]) -> Vec<u8> {
    let mut octets = Vec::new();
    frames.iter().for_each(|frame| frame.write(&mut octets));
    octets
}

/// What a client says first: large windows, and nothing of streams.
pub(crate) fn greeting(window: u32) -> Vec<u8> {
    let mut settings = vec![0, 4];
    settings.extend_from_slice(&window.to_be_bytes());
    let greeting = octets(&[
        Frame::new(kind::SETTINGS, 0, 0, settings),
        Frame::new(kind::SETTINGS, flag::ACK, 0, b""),
        Frame::new(kind::WINDOW_UPDATE, 0, 0, (1_u32 << 30).to_be_bytes()),
    ]);
    [PREFACE, &greeting].concat()
}

impl Script {
    /// A script, and the octets that go before: greeting and a first request, whose fields are in
    /// the table from then on.
    pub(crate) fn new() -> (Self, Vec<u8>) {
        Self::with(|path| {
            let mut code = Vec::new();
            hpack::huffman::encode(path.as_bytes(), &mut code);
            // The path without indexing, as browsers do, and behind the authority what came after
            // it, from the table.
            let mut block = vec![0x82, 0x87, 0x80 | 66, 0x04, 0x80 | code.len() as u8];
            block.extend(code);
            block.extend([0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]);
            block
        })
    }

    /// The same with requests that have nothing in common and fill the table.
    pub(crate) fn filling() -> (Self, Vec<u8>) {
        Self::with(|path| {
            // The path with incremental indexing, and an authority without.
            let mut block = vec![0x82, 0x87, 0x44, path.len() as u8];
            block.extend_from_slice(path.as_bytes());
            block.extend_from_slice(b"\x01\x01a");
            block
        })
    }

    fn with(block: impl Fn(&'static str) -> Vec<u8>) -> (Self, Vec<u8>) {
        let mut fixed = vec![0x82, 0x87, 0x84];
        for (name, value) in REQUEST {
            // With incremental indexing, a new name, not in Huffman code.
            fixed.push(0x40);
            for text in [name, value] {
                fixed.push(u8::try_from(text.len()).expect("a short one"));
                fixed.extend_from_slice(text.as_bytes());
            }
        }
        let ends = flag::END_HEADERS | flag::END_STREAM;
        let mut first = greeting(65_535);
        first.extend(octets(&[Frame::new(kind::HEADERS, ends, 1, fixed)]));

        // What the content of a batch took of the connection's window.
        let more = (BATCH * CONTENT.len()) as u32;
        let mut all = octets(&[Frame::new(kind::WINDOW_UPDATE, 0, 0, more.to_be_bytes())]);
        let mut starts = Vec::new();
        for path in PATHS.iter() {
            starts.push(all.len());
            all.extend(octets(&[Frame::new(kind::HEADERS, ends, 0, block(path))]));
        }
        starts.push(all.len());
        (Self { octets: all, starts, next_stream: 3 }, first)
    }

    /// The next batch, on streams that are new.
    pub(crate) fn batch(&mut self) -> &[u8] {
        for &start in &self.starts[..BATCH] {
            self.octets[start + 5..start + 9].copy_from_slice(&self.next_stream.to_be_bytes());
            self.next_stream += 2;
        }
        &self.octets
    }

    /// The same, request by request.
    pub(crate) fn requests(&mut self) -> impl Iterator<Item = &[u8]> {
        self.batch();
        // What goes before the first comes with it.
        let starts = std::iter::once(0).chain(self.starts[1..].iter().copied());
        let octets = &self.octets;
        starts.zip(&self.starts[1..]).map(|(start, &end)| &octets[start..end])
    }
}

/// Looks at what a server has sent since it began: how many right answers.
///
/// # Panics
/// If one is wrong.
pub(crate) fn answers(sent: &[u8]) -> usize {
    let mut decoder = hpack::Decoder::new(4096);
    let mut fields = hpack::FieldBuf::new();
    let mut count = 0;
    for frame in parse(sent) {
        match frame.kind {
            kind::HEADERS => {
                let limits = hpack::FieldLimits::default();
                decoder.decode(&frame.payload, &limits, &mut fields).expect("a good block");
                let mut found: Vec<_> = fields.iter().map(|it| (it.name, it.value)).collect();
                assert_eq!(found.remove(0), (&b":status"[..], &b"200"[..]));
                found.sort_unstable();
                let mut right = RESPONSE.map(|it| (it.0.as_bytes(), it.1.as_bytes()));
                right.sort_unstable();
                assert_eq!(found, right);
                assert_eq!(frame.flags & flag::END_STREAM, 0);
            }
            kind::DATA => {
                assert_eq!((&*frame.payload, frame.flags), (&CONTENT[..], flag::END_STREAM));
                count += 1;
            }
            kind::RST_STREAM | kind::GOAWAY => panic!("{frame:?}"),
            _ => {}
        }
    }
    count
}
