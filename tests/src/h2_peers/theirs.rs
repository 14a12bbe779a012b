//! nghttp2 as an end of a [`Talk`](super::talk::Talk).

use std::collections::BTreeMap;

use super::talk::{Answer, Ask, Body, End, Message, TRAILERS, owned, pattern, text};
use super::{Calls, Content, Fields, Handler, Received, Role, Room, Session};
use crate::frames::{flag, kind};
use crate::rng::Rng;

/// A client or server by nghttp2.
#[derive(Debug)]
pub struct Theirs(Session<State>);

/// What it knows.
#[derive(Debug, Default)]
struct State {
    server: bool,
    out: Vec<u8>,
    /// The section that is received, and its stream.
    section: (u32, Vec<(String, String)>),
    messages: BTreeMap<u32, Message>,
    bodies: BTreeMap<u32, Body>,
    opened: usize,
    closed: usize,
    pongs: Vec<[u8; 8]>,
    goaways: Vec<u32>,
    /// Where padding comes from.
    padding: Option<Rng>,
}

impl Theirs {
    /// An end that has greeted; with a seed, it pads.
    #[must_use]
    pub fn new(role: Role, entries: &[(u16, u32)], padding: Option<u64>) -> Self {
        let server = role == Role::Server;
        let state = State { server, padding: padding.map(Rng::new), ..State::default() };
        let mut session = Session::new(role, state);
        session.calls().settings(entries);
        Self(session)
    }
}

fn pairs(fields: &[(String, String)]) -> Fields<'_> {
    Fields::of(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

impl State {
    /// A server answers a request whose head is there.
    fn answer(&mut self, session: &mut Calls<'_>, stream: u32) {
        let head = &self.messages[&stream].sections[0];
        let value = |name: &str| head.iter().find(|it| it.0 == name).map_or("", |it| &it.1);
        let answer = Answer::to(value(":method"), value(":path"));
        let mut body = Body::default();
        match answer {
            Answer::Reset => return session.reset(stream, 8),
            Answer::Head(_) => {}
            Answer::Fixed { early, .. } => {
                if early {
                    let fields = [(":status", "103"), ("link", "</a.css>")];
                    session.informational(stream, &Fields::of(fields));
                }
                body = Body { data: pattern(100), complete: true, ..body };
            }
            Answer::Endless => body = Body { data: pattern(10), endless: true, ..body },
            Answer::Echo { trailers } => body.trailers = trailers,
        }
        let mut fields = owned(&[(":status", &answer.status().to_string())]);
        fields.extend(answer.fields());
        session.response(stream, &pairs(&fields), !matches!(answer, Answer::Head(_)));
        self.bodies.insert(stream, body);
    }
}

impl Handler for State {
    const PADS: bool = true;

    fn output(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    fn field(&mut self, stream: u32, name: &[u8], value: &[u8]) {
        // What is reset amid its section leaves some.
        if self.section.0 != stream {
            self.section = (stream, Vec::new());
        }
        self.section.1.push(text(name, value));
    }

    fn frame(&mut self, mut session: Calls<'_>, frame: Received<'_>) {
        let stream = frame.stream();
        let ends = frame.flags() & flag::END_STREAM != 0;
        match frame.kind() {
            kind::HEADERS => {
                let message = self.messages.entry(stream).or_default();
                message.sections.push(std::mem::take(&mut self.section).1);
                message.ended |= ends;
                if self.server && message.sections.len() == 1 {
                    self.opened += 1;
                    self.answer(&mut session, stream);
                }
            }
            kind::DATA => self.messages.get_mut(&stream).expect("a head").ended |= ends,
            kind::RST_STREAM => {
                self.messages.entry(stream).or_default().reset = frame.code();
            }
            kind::PING if frame.flags() & flag::ACK != 0 => self.pongs.extend(frame.opaque()),
            kind::GOAWAY => self.goaways.extend(frame.code()),
            _ => {}
        }
        if self.server
            && self.messages.get(&stream).is_some_and(|message| message.ended)
            && let Some(body) = self.bodies.get_mut(&stream)
        {
            body.complete = !body.endless;
            session.resume(stream);
        }
    }

    fn data(&mut self, mut session: Calls<'_>, stream: u32, data: &[u8]) {
        self.messages.get_mut(&stream).expect("a head").data.extend_from_slice(data);
        if self.server
            && let Some(body) = self.bodies.get_mut(&stream)
        {
            body.data.extend_from_slice(data);
            session.resume(stream);
        }
    }

    fn invalid(&mut self, stream: u32, error: i32) {
        panic!("nghttp2 does not like a frame on stream {stream}: {error}");
    }

    fn closed(&mut self, _: u32, _: u32) {
        self.closed += 1;
    }

    fn content(&mut self, mut session: Calls<'_>, stream: u32, room: Room<'_>) -> Content {
        let body = self.bodies.get_mut(&stream).expect("a body");
        let octets = room.put(&body.data[body.sent..]);
        body.sent += octets;
        if !body.complete || body.sent < body.data.len() {
            return if octets > 0 { Content::More(octets) } else { Content::Wait };
        }
        if body.trailers {
            session.trailers(stream, &Fields::of(TRAILERS));
            return Content::BeforeTrailers(octets);
        }
        Content::End(octets)
    }

    fn padding(&mut self, octets_max: usize) -> usize {
        // The length of padding is an octet, and it has one of its own.
        let max = octets_max.min(256);
        self.padding.as_mut().map_or(0, |rng| rng.below(max + 1))
    }
}

impl End for Theirs {
    fn feed(&mut self, octets: &[u8]) {
        self.0.receive(octets).expect("nghttp2 goes on");
    }

    fn take(&mut self) -> Vec<u8> {
        self.0.send().expect("nghttp2 goes on");
        std::mem::take(&mut self.0.handler().out)
    }

    fn ask(&mut self, ask: &Ask) -> u32 {
        let mut fields = owned(&[
            (":method", ask.method),
            (":scheme", "https"),
            (":authority", "example.com"),
            (":path", ask.path),
        ]);
        fields.extend(ask.fields.iter().cloned());
        let content = !ask.content.is_empty() || ask.trailers;
        let stream = self.0.calls().request(&pairs(&fields), content);
        let (data, trailers) = (ask.content.clone(), ask.trailers);
        let body = Body { data, complete: true, trailers, ..Body::default() };
        let state = self.0.handler();
        state.bodies.insert(stream, body);
        state.opened += 1;
        stream
    }

    fn message(&self, stream: u32) -> Message {
        self.0.seen().messages.get(&stream).cloned().unwrap_or_default()
    }

    fn open(&self) -> usize {
        self.0.seen().opened - self.0.seen().closed
    }

    fn reset(&mut self, stream: u32, code: u32) {
        self.0.calls().reset(stream, code);
    }

    fn ping(&mut self, data: [u8; 8]) {
        self.0.calls().ping(data);
    }

    fn pongs(&self) -> Vec<[u8; 8]> {
        self.0.seen().pongs.clone()
    }

    fn settings(&mut self, table: u32, window: u32, frame: u32) {
        self.0.calls().settings(&[(1, table), (4, window), (5, frame)]);
    }

    fn windows(&self) -> [u32; 4] {
        [70_000, 100_000, 150_000, 200_000]
    }

    fn shutdown(&mut self) {
        let last = if self.0.seen().server {
            self.0.seen().messages.keys().copied().max().unwrap_or(0)
        } else {
            0
        };
        self.0.calls().goaway(last, 0, b"good bye");
    }

    fn goaways(&self) -> Vec<u32> {
        self.0.seen().goaways.clone()
    }

    fn is_over(&self) -> bool {
        self.0.is_over()
    }
}
