//! nghttp2, with callbacks and fields that are not copied.

use std::hint::black_box;

use tests::frames::{flag, kind};
use tests::h2_peers::{Calls, Content, Fields, Handler, Received, Role, Room, Session};

use super::script::{CONTENT, PATHS, RESPONSE, request};
use super::{Client, Server};

/// A server's application.
pub(crate) struct Answers {
    out: Vec<u8>,
    fields: Fields<'static>,
    answers: bool,
    count: usize,
}

impl Handler for Answers {
    fn output(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    fn field(&mut self, _: u32, name: &[u8], value: &[u8]) {
        black_box((name, value));
    }

    fn frame(&mut self, mut session: Calls<'_>, frame: Received<'_>) {
        if frame.kind() == kind::HEADERS && frame.flags() & flag::END_STREAM != 0 && self.answers {
            session.response(frame.stream(), &self.fields, true);
            self.count += 1;
        }
    }

    fn content(&mut self, _: Calls<'_>, _: u32, room: Room<'_>) -> Content {
        Content::End(room.put(&CONTENT))
    }
}

pub(crate) struct Nghttp2Server(Session<Answers>);

impl Nghttp2Server {
    fn run(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        // Output is appended to the caller's buffer.
        self.0.handler().out = std::mem::take(out);
        self.0.handler().count = 0;
        self.0.receive(input).expect("a good client");
        self.0.send().expect("a good session");
        *out = std::mem::take(&mut self.0.handler().out);
        self.0.handler().count
    }

    fn with(session: impl FnOnce(Role, Answers) -> Session<Answers>) -> Self {
        let mut fields = vec![(":status", "200")];
        fields.extend(RESPONSE);
        let fields = Fields::constant(&fields);
        let handler = Answers { out: Vec::new(), fields, answers: true, count: 0 };
        let mut session = session(Role::Server, handler);
        session.calls().settings(&[(3, 100)]);
        Self(session)
    }
}

impl Server for Nghttp2Server {
    const NAME: &'static str = "nghttp2";
    // It is in its memory.
    const SIZE: usize = 0;

    fn new() -> Self {
        Self::with(Session::new)
    }

    fn serve(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        self.run(input, out)
    }

    fn hold(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.0.handler().answers = false;
        self.run(input, out);
    }

    fn idle(&mut self, _: bool) {}
}

/// The same with memory that is counted.
pub(crate) struct CountedServer(Nghttp2Server);

impl Server for CountedServer {
    const NAME: &'static str = "nghttp2";
    const SIZE: usize = 0;

    fn new() -> Self {
        Self(Nghttp2Server::with(Session::counted))
    }

    fn serve(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        self.0.serve(input, out)
    }

    fn hold(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.0.hold(input, out);
    }

    fn idle(&mut self, _: bool) {}

    fn own_memory(&self) -> Option<(usize, u64)> {
        let memory = self.0.0.memory();
        Some((memory.held(), memory.blocks()))
    }
}

/// A client's application.
pub(crate) struct Asks {
    out: Vec<u8>,
    ended: usize,
}

impl Handler for Asks {
    fn output(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    fn field(&mut self, _: u32, name: &[u8], value: &[u8]) {
        if name == b":status" {
            assert_eq!(value, b"200");
        }
        black_box((name, value));
    }

    fn frame(&mut self, _: Calls<'_>, frame: Received<'_>) {
        self.ended += usize::from(frame.kind() == kind::DATA && frame.flags() & 1 != 0);
    }

    fn data(&mut self, _: Calls<'_>, _: u32, data: &[u8]) {
        assert_eq!(data.len(), CONTENT.len());
    }

    fn content(&mut self, _: Calls<'_>, _: u32, _: Room<'_>) -> Content {
        Content::End(0)
    }
}

pub(crate) struct Nghttp2Client {
    session: Session<Asks>,
    /// The fields of each request.
    fields: Vec<Fields<'static>>,
}

impl Nghttp2Client {
    fn flush(&mut self, out: &mut Vec<u8>) {
        self.session.handler().out = std::mem::take(out);
        self.session.send().expect("a good session");
        *out = std::mem::take(&mut self.session.handler().out);
    }

    fn with(session: impl FnOnce(Role, Asks) -> Session<Asks>, out: &mut Vec<u8>) -> Self {
        let mut session = session(Role::Client, Asks { out: Vec::new(), ended: 0 });
        session.calls().settings(&[]);
        let fields = PATHS.iter().map(|path| Fields::constant(&request(path))).collect();
        let mut client = Self { session, fields };
        client.flush(out);
        client
    }
}

impl Client for Nghttp2Client {
    fn new(out: &mut Vec<u8>) -> Self {
        Self::with(Session::new, out)
    }

    fn ask(&mut self, paths: &[&'static str], out: &mut Vec<u8>) {
        for fields in &self.fields[..paths.len()] {
            self.session.calls().request(fields, false);
        }
        self.flush(out);
    }

    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        self.session.handler().ended = 0;
        self.session.receive(input).expect("a good server");
        self.flush(out);
        self.session.handler().ended
    }
}

/// The same with memory that is counted.
pub(crate) struct CountedClient(Nghttp2Client);

impl Client for CountedClient {
    fn new(out: &mut Vec<u8>) -> Self {
        Self(Nghttp2Client::with(Session::counted, out))
    }

    fn ask(&mut self, paths: &[&'static str], out: &mut Vec<u8>) {
        self.0.ask(paths, out);
    }

    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        self.0.take(input, out)
    }

    fn own_memory(&self) -> Option<(usize, u64)> {
        let memory = self.0.session.memory();
        Some((memory.held(), memory.blocks()))
    }
}
