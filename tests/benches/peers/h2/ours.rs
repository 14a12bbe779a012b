//! Ours, driven by its contract.

use std::hint::black_box;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use h2_proto::{
    ClientConnection, Config, Event, FieldBuf, RequestLine, ServerConnection, StreamId,
};

use super::script::{CONTENT, REQUEST, RESPONSE};
use super::{Client, Server};

/// Connections share it, so it is nobody's memory.
static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| Arc::new(Config::default()));

/// Between two wakes.
const TICK: Duration = Duration::from_micros(50);

pub(crate) struct OurServer {
    pub(crate) conn: ServerConnection,
    pub(crate) fields: FieldBuf,
    now: Duration,
    greeting: Vec<u8>,
    streams: Vec<StreamId>,
}

impl OurServer {
    /// Takes all events.
    pub(crate) fn pull(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        self.now += TICK;
        self.conn.arrived(self.now);
        while let Some(event) =
            self.conn.next_event(&mut input, &mut self.fields, out).expect("a good client")
        {
            if let Event::Request { stream, head, .. } = event {
                black_box(head.path());
                self.streams.push(stream);
            }
        }
        assert!(input.is_empty(), "no pause");
    }

    /// The end of a wake: the transport takes what is in `out`, and payloads of so many octets.
    pub(crate) fn finish(&mut self, payloads: usize, out: &mut Vec<u8>) {
        self.conn.advance(self.now, out).expect("in time");
        self.conn.wrote(out.len() + payloads);
        black_box(self.conn.next_step());
    }
}

impl Server for OurServer {
    const NAME: &'static str = "ours";
    const SIZE: usize = size_of::<ServerConnection>();

    fn new() -> Self {
        let mut greeting = Vec::new();
        let conn = ServerConnection::new(CONFIG.clone(), Duration::ZERO, &mut greeting);
        let fields = FieldBuf::new();
        Self { conn, fields, now: Duration::ZERO, greeting, streams: Vec::new() }
    }

    fn serve(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        out.append(&mut self.greeting);
        self.pull(input, out);
        let count = self.streams.len();
        for stream in self.streams.drain(..) {
            let sent = self.conn.respond(stream, 200, RESPONSE, &CONTENT, out);
            assert_eq!(sent, Ok(CONTENT.len()));
        }
        self.finish(0, out);
        count
    }

    fn hold(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.pull(input, out);
        self.finish(0, out);
    }

    fn idle(&mut self, parks: bool) {
        self.fields = FieldBuf::new();
        self.streams = Vec::new();
        self.greeting = Vec::new();
        if parks {
            self.conn.shrink();
        }
    }
}

pub(crate) struct OurClient {
    pub(crate) conn: ClientConnection,
    pub(crate) fields: FieldBuf,
    now: Duration,
}

impl OurClient {
    /// The end of a wake: the transport takes what is in `out`.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.conn.advance(self.now, out).expect("in time");
        self.conn.wrote(out.len());
        black_box(self.conn.next_step());
    }

    /// Takes all events: how many messages ended, and the octets of content.
    pub(crate) fn pull(
        &mut self,
        mut input: &[u8],
        out: &mut Vec<u8>,
        mut content: impl FnMut(&[u8]),
    ) -> usize {
        self.now += TICK;
        self.conn.arrived(self.now);
        let mut ended = 0;
        while let Some(event) =
            self.conn.next_event(&mut input, &mut self.fields, out).expect("a good server")
        {
            match event {
                Event::Response { head, .. } => assert_eq!(head.status, 200),
                Event::Data { data, end_stream, .. } => {
                    content(data);
                    ended += usize::from(end_stream);
                }
                Event::Reset { .. } => panic!("{event}"),
                _ => {}
            }
        }
        assert!(input.is_empty(), "no pause");
        ended
    }
}

impl Client for OurClient {
    fn new(out: &mut Vec<u8>) -> Self {
        let conn = ClientConnection::new(CONFIG.clone(), Duration::ZERO, out);
        let mut client = Self { conn, fields: FieldBuf::new(), now: Duration::ZERO };
        client.finish(out);
        client
    }

    fn ask(&mut self, paths: &[&'static str], out: &mut Vec<u8>) {
        for path in paths {
            let line = RequestLine::new("GET", "https", REQUEST[0].1, path);
            let fields = REQUEST[1..].iter().copied();
            self.conn.send_request(line, fields, true, out).expect("a stream is free");
        }
        self.finish(out);
    }

    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let ended = self.pull(input, out, |data| assert_eq!(data.len(), CONTENT.len()));
        self.finish(out);
        ended
    }
}
