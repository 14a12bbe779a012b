//! A client that asks and a server that answers by the path, each by any implementation; and the
//! wires between, which cut what goes through them.

use crate::rng::Rng;

/// A request to be sent.
#[derive(Clone, Debug, Default)]
#[allow(clippy::exhaustive_structs, reason = "tests make them")]
pub struct Ask {
    /// GET if it is empty.
    pub method: &'static str,
    /// What decides the [`Answer`].
    pub path: &'static str,
    /// Further fields.
    pub fields: Vec<(String, String)>,
    /// Content; none is none.
    pub content: Vec<u8>,
    /// Whether trailers end it.
    pub trailers: bool,
}

impl Ask {
    /// A GET.
    #[must_use]
    pub fn get(path: &'static str) -> Self {
        Self { method: "GET", path, ..Self::default() }
    }

    /// A POST, which is echoed.
    #[must_use]
    pub fn post(content: Vec<u8>, trailers: bool) -> Self {
        let path = if trailers { "/trailers" } else { "/" };
        Self { method: "POST", path, fields: Vec::new(), content, trailers }
    }
}

/// The trailers that every message has that has any.
pub const TRAILERS: [(&str, &str); 2] = [("x-sum", "1"), ("x-more", "two")];

/// What a server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "ends match on all")]
pub enum Answer {
    /// It is reset: CANCEL.
    Reset,
    /// A head with this status and nothing else.
    Head(u16),
    /// Content that is known, after an interim response or not; many fields or few.
    Fixed {
        /// After a 103.
        early: bool,
        /// With [`many_fields`].
        many_fields: bool,
    },
    /// The content of the request, then trailers or not.
    Echo {
        /// Trailers.
        trailers: bool,
    },
    /// Some content, and no end.
    Endless,
}

impl Answer {
    /// What a server does with this request.
    #[must_use]
    pub fn to(method: &str, path: &str) -> Self {
        match (method, path) {
            (_, "/reset") => Self::Reset,
            (_, "/204") => Self::Head(204),
            (_, "/304") => Self::Head(304),
            ("HEAD", _) => Self::Head(200),
            ("POST", _) => Self::Echo { trailers: path == "/trailers" },
            (_, "/endless") => Self::Endless,
            _ => Self::Fixed { early: path == "/early", many_fields: path == "/fields" },
        }
    }

    /// The status.
    #[must_use]
    pub fn status(self) -> u16 {
        if let Self::Head(status) = self { status } else { 200 }
    }

    /// The fields of the final response.
    #[must_use]
    pub fn fields(self) -> Vec<(String, String)> {
        let mut fields = vec![("server".to_owned(), "a server".to_owned())];
        match self {
            Self::Fixed { many_fields: true, .. } => fields.extend(many_fields()),
            Self::Head(200) | Self::Fixed { .. } => {
                fields.push(("content-length".to_owned(), "100".to_owned()));
            }
            _ => {}
        }
        fields
    }
}

/// Fields that fill several frames, whatever the compression: no two octets of a value say what
/// the third is.
#[must_use]
pub fn many_fields() -> Vec<(String, String)> {
    let mut rng = Rng::new(7);
    let mut value = || (0..1000).map(|_| (b'!' + rng.below(90) as u8) as char).collect();
    (0..40).map(|number| (format!("x-field-{number}"), value())).collect()
}

/// Content in which every octet's place can be told, nearly.
#[must_use]
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| ((index * 31) >> 3) as u8).collect()
}

/// What an end has received on a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "tests compare it")]
pub struct Message {
    /// Its field sections: interim ones, the head, trailers.
    pub sections: Vec<Vec<(String, String)>>,
    /// Its content.
    pub data: Vec<u8>,
    /// Whether it has ended.
    pub ended: bool,
    /// The code of the RST_STREAM that came.
    pub reset: Option<u32>,
}

/// What an end has to send on a stream.
#[derive(Clone, Debug, Default)]
#[allow(clippy::exhaustive_structs, reason = "ends make them")]
pub struct Body {
    /// Content that is there.
    pub data: Vec<u8>,
    /// How much of it was sent.
    pub sent: usize,
    /// Whether that is all.
    pub complete: bool,
    /// Whether trailers follow.
    pub trailers: bool,
    /// Whether it never ends.
    pub endless: bool,
}

/// One end.
pub trait End {
    /// Octets arrive.
    fn feed(&mut self, octets: &[u8]);
    /// All that it sends now.
    fn take(&mut self) -> Vec<u8>;
    /// A client sends a request: on which stream.
    fn ask(&mut self, ask: &Ask) -> u32;
    /// What it has received on a stream.
    fn message(&self, stream: u32) -> Message;
    /// How many streams are open.
    fn open(&self) -> usize;
    /// It resets a stream.
    fn reset(&mut self, stream: u32, code: u32);
    /// It sends a PING.
    fn ping(&mut self, data: [u8; 8]);
    /// The PINGs of its own that were answered.
    fn pongs(&self) -> Vec<[u8; 8]>;
    /// It announces the table's size, the window and the frame's size, unless too many such
    /// announcements wait for their acknowledgement.
    fn settings(&mut self, table: u32, window: u32, frame: u32);
    /// Windows that it may announce one after the other while content flows.
    fn windows(&self) -> [u32; 4];
    /// It begins to end the connection.
    fn shutdown(&mut self);
    /// The codes of the GOAWAYs that came.
    fn goaways(&self) -> Vec<u32>;
    /// Whether it is ready to close.
    fn is_over(&self) -> bool;
}

/// Both ends and the wires.
#[derive(Debug)]
#[non_exhaustive]
pub struct Talk<C, S> {
    /// The one that asks.
    pub client: C,
    /// The one that answers.
    pub server: S,
    /// All that the client and the server have sent.
    pub sent: [Vec<u8>; 2],
    /// How much of it has arrived.
    arrived: [usize; 2],
    rng: Rng,
    piece_max: usize,
}

impl<C: End, S: End> Talk<C, S> {
    /// A connection that is new. Pieces have at most so many octets.
    pub fn new(client: C, server: S, seed: u64, piece_max: usize) -> Self {
        let rng = Rng::new(seed);
        Self { client, server, sent: Default::default(), arrived: [0; 2], rng, piece_max }
    }

    /// A piece goes one way or the other, as chance has it. Whether any could.
    pub fn step(&mut self) -> bool {
        self.sent[0].extend(self.client.take());
        self.sent[1].extend(self.server.take());
        let mut way = self.rng.below(2);
        if self.arrived[way] == self.sent[way].len() {
            way = 1 - way;
        }
        let rest = &self.sent[way][self.arrived[way]..];
        if rest.is_empty() {
            return false;
        }
        let piece = &rest[..rest.len().min(1 + self.rng.below(self.piece_max))];
        self.arrived[way] += piece.len();
        if way == 0 {
            self.server.feed(piece)
        } else {
            self.client.feed(piece)
        }
        true
    }

    /// Until nothing is on the way.
    pub fn run(&mut self) {
        while self.step() {}
    }

    /// At most so many pieces.
    pub fn steps(&mut self, count: usize) {
        let _ = (0..count).all(|_| self.step());
    }

    /// Asserts that a request and its answer are what they have to be.
    ///
    /// # Panics
    /// If they are not.
    #[track_caller]
    pub fn assert_answered(&self, stream: u32, ask: &Ask) {
        let answer = Answer::to(ask.method, ask.path);
        let (request, response) = (self.server.message(stream), self.client.message(stream));
        let mut head = request.sections[0].clone();
        let pseudo = [
            (":authority", "example.com"),
            (":method", ask.method),
            (":path", ask.path),
            (":scheme", "https"),
        ];
        head[..4].sort();
        assert_eq!(head[..4], owned(&pseudo), "stream {stream}");
        assert_eq!(head[4..], ask.fields, "stream {stream}");
        assert!(request.data == ask.content && request.ended, "stream {stream}");
        let trailers = |is: bool| if is { vec![owned(&TRAILERS)] } else { Vec::new() };
        assert_eq!(request.sections[1..], trailers(ask.trailers), "stream {stream}");

        let mut sections = Vec::new();
        if answer == (Answer::Fixed { early: true, many_fields: false }) {
            sections.push(owned(&[(":status", "103"), ("link", "</a.css>")]));
        }
        let mut head = owned(&[(":status", &answer.status().to_string())]);
        head.extend(answer.fields());
        sections.push(head);
        sections.extend(trailers(answer == Answer::Echo { trailers: true }));
        assert_eq!(response.sections, sections, "stream {stream}");
        let content = match answer {
            Answer::Echo { .. } => ask.content.clone(),
            Answer::Fixed { .. } => pattern(100),
            _ => Vec::new(),
        };
        assert!(response.data == content && response.ended, "stream {stream}");
        assert_eq!((request.reset, response.reset), (None, None), "stream {stream}");
    }
}

/// Fields that borrow nothing.
#[must_use]
pub fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A field as text.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn text(name: &[u8], value: &[u8]) -> (String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).expect("text");
    (text(name), text(value))
}
