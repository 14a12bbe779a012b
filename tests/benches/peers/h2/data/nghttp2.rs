//! nghttp2: a source of data that is not copied.

use tests::frames::{flag, kind};
use tests::h2_peers::{self, Calls, Content, Fields, Handler, Role, Room, Session};

use super::{
    FRAME, FRAMES, Fetching, Piece, Received, Sending, Spliced, WINDOW, one_request, refill,
};

/// A server's application.
struct App {
    out: Spliced,
    fields: Fields<'static>,
    /// What is to be sent, and was sent of it.
    octets: usize,
    sent: usize,
    ends: bool,
}

impl Handler for App {
    const SPLICES: bool = true;

    fn output(&mut self, octets: &[u8]) {
        self.out.octets.extend_from_slice(octets);
    }

    fn frame(&mut self, mut session: Calls<'_>, frame: h2_peers::Received<'_>) {
        if frame.kind() == kind::HEADERS {
            session.response(frame.stream(), &self.fields, true);
        }
    }

    fn content(&mut self, _: Calls<'_>, _: u32, room: Room<'_>) -> Content {
        let rest = self.octets - self.sent;
        let octets = rest.min(room.len());
        if rest == octets && self.ends {
            Content::End(octets)
        } else if octets == 0 {
            Content::Wait
        } else {
            Content::More(octets)
        }
    }

    fn splice(&mut self, header: &[u8], len: usize) {
        self.out.octets.extend_from_slice(header);
        self.out.pieces.push(Piece { at: self.out.octets.len(), offset: self.sent, len });
        self.sent += len;
    }
}

fn server(ends: bool) -> Session<App> {
    let fields = Fields::constant(&[(":status", "200")]);
    let app = App { out: Spliced::default(), fields, octets: 0, sent: 0, ends };
    let mut session = Session::new(Role::Server, app);
    session.calls().settings(&[(3, 100)]);
    session
}

pub(super) struct Sends(Session<App>);

impl Sending for Sends {
    const NAME: &'static str = "nghttp2";

    fn new() -> Self {
        let mut session = server(false);
        session.receive(&one_request()).expect("good");
        session.send().expect("good");
        Self(session)
    }

    fn refill(&mut self) {
        self.0.receive(&refill(1)).expect("good");
        let app = self.0.handler();
        (app.sent, app.octets) = (0, FRAME * FRAMES);
        app.out.octets.clear();
        app.out.pieces.clear();
    }

    fn send(&mut self) -> usize {
        self.0.calls().resume(1);
        self.0.send().expect("good");
        self.0.handler().sent
    }
}

/// A client's application.
struct Asks {
    out: Vec<u8>,
    received: Received,
    ended: bool,
}

impl Handler for Asks {
    fn output(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    fn frame(&mut self, _: Calls<'_>, frame: h2_peers::Received<'_>) {
        self.ended |= frame.kind() == kind::DATA && frame.flags() & flag::END_STREAM != 0;
    }

    fn data(&mut self, _: Calls<'_>, _: u32, data: &[u8]) {
        self.received.data(data);
    }

    fn content(&mut self, _: Calls<'_>, _: u32, _: Room<'_>) -> Content {
        Content::End(0)
    }
}

pub(super) struct Fetches {
    client: Session<Asks>,
    server: Session<App>,
    fields: Fields<'static>,
}

impl Fetching for Fetches {
    const NAME: &'static str = "nghttp2";

    fn new() -> Self {
        let asks = Asks { out: Vec::new(), received: Received::default(), ended: false };
        let mut client = Session::new(Role::Client, asks);
        client.calls().settings(&[(4, WINDOW)]);
        // As large as ours.
        client.calls().window_update(0, (1 << 20) - 65_535);
        let get = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")];
        Self { client, server: server(true), fields: Fields::constant(&get) }
    }

    fn fetch(&mut self, octets: usize, received: &mut Received) {
        self.client.calls().request(&self.fields, false);
        std::mem::swap(&mut self.client.handler().received, received);
        self.client.handler().ended = false;
        let app = self.server.handler();
        (app.sent, app.octets) = (0, octets);
        while !self.client.handler().ended {
            self.client.send().expect("good");
            self.server.receive(&self.client.handler().out).expect("good");
            self.client.handler().out.clear();
            self.server.send().expect("good");
            let client = &mut self.client;
            self.server.handler().out.drain(|octets| client.receive(octets).expect("good"));
        }
        std::mem::swap(&mut self.client.handler().received, received);
    }
}
