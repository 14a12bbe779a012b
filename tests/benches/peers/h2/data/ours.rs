//! Ours: frames whose payload the caller writes.

use std::sync::Arc;
use std::time::Duration;

use h2_proto::{
    ClientConnection, Config, Event, FieldBuf, RequestLine, ServerConnection, StreamId,
};

use super::{
    FRAME, FRAMES, Fetching, Piece, Received, Sending, Spliced, WINDOW, one_request, refill,
};

const NONE: [(&str, &str); 0] = [];

pub(super) struct Sends {
    conn: ServerConnection,
    fields: FieldBuf,
    out: Vec<u8>,
    stream: StreamId,
}

impl Sends {
    fn feed(&mut self, mut input: &[u8]) {
        while let Some(event) =
            self.conn.next_event(&mut input, &mut self.fields, &mut self.out).expect("good")
        {
            if let Event::Request { stream, .. } = event {
                self.conn.send_response(stream, 200, NONE, false, &mut self.out).expect("open");
            }
        }
        self.conn.wrote(self.out.len());
        self.out.clear();
    }
}

impl Sending for Sends {
    const NAME: &'static str = "ours";

    fn new() -> Self {
        let mut out = Vec::new();
        let conn = ServerConnection::new(Config::default(), Duration::ZERO, &mut out);
        let mut this = Self { conn, fields: FieldBuf::new(), out, stream: StreamId::new(1) };
        this.feed(&one_request());
        this
    }

    fn refill(&mut self) {
        self.feed(&refill(1));
    }

    fn send(&mut self) -> usize {
        let mut sent = 0;
        self.conn.want_send(self.stream).expect("open");
        while let Some((stream, _)) = self.conn.next_writable() {
            let rest = FRAME * FRAMES - sent;
            let splice =
                self.conn.send_data_splice(stream, rest, false, &mut self.out).expect("open");
            sent += splice.len;
            self.conn.wrote(self.out.len() + splice.len);
            self.out.clear();
        }
        sent
    }
}

pub(super) struct Fetches {
    client: ClientConnection,
    server: ServerConnection,
    fields: FieldBuf,
    to_server: Vec<u8>,
    to_client: Spliced,
}

impl Fetches {
    /// The server's wake. What it sends at most, and what it has sent of it.
    fn serve(&mut self, octets: usize, sent: &mut usize) {
        let Self { server, fields, to_server, to_client: Spliced { octets: out, pieces }, .. } =
            self;
        let mut input = to_server.as_slice();
        while let Some(event) = server.next_event(&mut input, fields, out).expect("good") {
            if let Event::Request { stream, .. } = event {
                server.send_response(stream, 200, NONE, false, out).expect("open");
                server.want_send(stream).expect("open");
            }
        }
        assert!(input.is_empty());
        to_server.clear();
        let mut payloads = 0;
        while let Some((stream, _)) = server.next_writable() {
            let splice = server.send_data_splice(stream, octets - *sent, true, out).expect("open");
            pieces.push(Piece { at: splice.at, offset: *sent, len: splice.len });
            payloads += splice.len;
            *sent += splice.len;
        }
        server.advance(Duration::ZERO, out).expect("in time");
        server.wrote(out.len() + payloads);
    }
}

impl Fetching for Fetches {
    const NAME: &'static str = "ours";

    fn new() -> Self {
        let mut config = Config::default();
        config.stream_window_bytes = WINDOW;
        let config = Arc::new(config);
        let (mut to_server, mut to_client) = (Vec::new(), Spliced::default());
        Self {
            client: ClientConnection::new(config.clone(), Duration::ZERO, &mut to_server),
            server: ServerConnection::new(config, Duration::ZERO, &mut to_client.octets),
            fields: FieldBuf::new(),
            to_server,
            to_client,
        }
    }

    fn fetch(&mut self, octets: usize, received: &mut Received) {
        let line = RequestLine::new("GET", "https", "example.com", "/");
        self.client.send_request(line, NONE, true, &mut self.to_server).expect("a stream");
        self.client.wrote(self.to_server.len());
        let (mut sent, mut ended) = (0, false);
        while !ended {
            self.serve(octets, &mut sent);
            let Self { client, fields, to_server, to_client, .. } = self;
            to_client.drain(|mut input| {
                while let Some(event) =
                    client.next_event(&mut input, fields, to_server).expect("good")
                {
                    if let Event::Data { data, end_stream, .. } = event {
                        received.data(data);
                        ended |= end_stream;
                    }
                }
            });
            client.advance(Duration::ZERO, to_server).expect("in time");
            client.wrote(to_server.len());
        }
    }
}
