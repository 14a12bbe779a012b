//! Our connections as ends of a [`Talk`](super::talk::Talk).

use std::collections::BTreeMap;
use std::time::Duration;

use h2_proto::{
    ClientConnection, Config, ErrorCode, Event, FieldBuf, NextStep, OwnedEvent as Owned,
    RequestLine, SendError, ServerConnection, StreamId,
};

use super::talk::{Answer, Ask, Body, End, Message, TRAILERS, pattern, text};

/// A client or server of ours.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ours<C> {
    /// The connection.
    pub conn: C,
    out: Vec<u8>,
    input: Vec<u8>,
    state: State,
}

/// What it knows.
#[derive(Debug, Default)]
struct State {
    messages: BTreeMap<u32, Message>,
    bodies: BTreeMap<u32, Body>,
    pongs: Vec<[u8; 8]>,
    goaways: Vec<u32>,
}

impl Ours<ServerConnection> {
    /// A server that has greeted.
    #[must_use]
    pub fn server(config: Config) -> Self {
        let mut out = Vec::new();
        let conn = ServerConnection::new(config, Duration::ZERO, &mut out);
        Self { conn, out, input: Vec::new(), state: State::default() }
    }
}

impl Ours<ClientConnection> {
    /// A client that has greeted.
    #[must_use]
    pub fn client(config: Config) -> Self {
        let mut out = Vec::new();
        let conn = ClientConnection::new(config, Duration::ZERO, &mut out);
        Self { conn, out, input: Vec::new(), state: State::default() }
    }
}

impl State {
    fn section(&mut self, stream: StreamId, fields: &FieldBuf, ended: bool) {
        let message = self.messages.entry(stream.get()).or_default();
        let fields = fields.iter().map(|field| text(field.name, field.value));
        message.sections.push(fields.collect());
        message.ended |= ended;
    }

    /// What both roles do with what comes.
    fn take_in(&mut self, event: &Event<'_, '_>) {
        match event.to_owned() {
            Owned::Request { stream, fields, end_stream, .. }
            | Owned::Response { stream, fields, end_stream } => {
                self.section(stream, &fields, end_stream);
            }
            Owned::Informational { stream, fields } => self.section(stream, &fields, false),
            Owned::Data { stream, data, end_stream, .. } => {
                let message = self.messages.get_mut(&stream.get()).expect("a head");
                message.data.extend_from_slice(&data);
                message.ended |= end_stream;
            }
            Owned::Trailers { stream, fields } => self.section(stream, &fields, true),
            Owned::Reset { stream, code, by, .. } => {
                assert_eq!(by, h2_proto::ResetBy::Peer);
                self.messages.entry(stream.get()).or_default().reset = Some(code.0);
                self.bodies.remove(&stream.get());
            }
            Owned::Pong { data, .. } => self.pongs.push(data),
            Owned::GoAway { code, .. } => self.goaways.push(code.0),
            Owned::SettingsChanged | Owned::SettingsAcked => {}
            _ => panic!("{event}"),
        }
    }
}

/// A server answers a request whose head is there, and what follows of it.
fn answer(
    state: &mut State,
    conn: &mut ServerConnection,
    event: &Event<'_, '_>,
    out: &mut Vec<u8>,
) {
    let (stream, ended) = match *event {
        Event::Request { stream, head, end_stream, .. } => {
            let (method, path) = text(head.method(), head.path().expect("a path"));
            let answer = Answer::to(&method, &path);
            let mut body = Body::default();
            match answer {
                Answer::Reset => return conn.reset(stream, ErrorCode::CANCEL, out).expect("open"),
                Answer::Head(_) => {}
                Answer::Fixed { early, .. } => {
                    if early {
                        let fields = [("link", "</a.css>")];
                        conn.send_informational(stream, 103, fields, out).expect("open");
                    }
                    body.data = pattern(100);
                }
                Answer::Endless => body = Body { data: pattern(10), endless: true, ..body },
                Answer::Echo { trailers } => body.trailers = trailers,
            }
            let fields = answer.fields();
            let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let ends = matches!(answer, Answer::Head(_));
            conn.send_response(stream, answer.status(), fields, ends, out).expect("open");
            if ends {
                return;
            }
            state.bodies.insert(stream.get(), body);
            (stream, end_stream)
        }
        Event::Data { stream, data, end_stream, .. } => {
            let Some(body) = state.bodies.get_mut(&stream.get()) else { return };
            body.data.extend_from_slice(data);
            (stream, end_stream)
        }
        Event::Trailers { stream, .. } => (stream, true),
        Event::Reset { stream, .. } => return conn.done(stream, out).expect("held"),
        _ => return,
    };
    if let Some(body) = state.bodies.get_mut(&stream.get()) {
        body.complete |= ended && !body.endless;
        conn.want_send(stream).expect("open");
    }
}

fn follow(_: &mut State, conn: &mut ClientConnection, event: &Event<'_, '_>, out: &mut Vec<u8>) {
    if let Event::Reset { stream, .. } = *event {
        conn.done(stream, out).expect("held");
    }
}

macro_rules! end {
    ($connection:ty, $react:expr, $open:ident, $ask:expr) => {
        impl End for Ours<$connection> {
            fn feed(&mut self, octets: &[u8]) {
                self.input.extend_from_slice(octets);
                let mut fields = FieldBuf::new();
                let mut rest = self.input.as_slice();
                while let Some(event) =
                    self.conn.next_event(&mut rest, &mut fields, &mut self.out).expect("no error")
                {
                    self.state.take_in(&event);
                    ($react)(&mut self.state, &mut self.conn, &event, &mut self.out);
                }
                let used = self.input.len() - rest.len();
                self.input.drain(..used);
                self.conn.advance(Duration::ZERO, &mut self.out).expect("time stands still");
            }

            fn take(&mut self) -> Vec<u8> {
                while let Some((stream, capacity)) = self.conn.next_writable() {
                    let Some(body) = self.state.bodies.get_mut(&stream.get()) else { continue };
                    let rest = &body.data[body.sent..];
                    let piece = &rest[..rest.len().min(capacity as usize)];
                    let last = body.complete && piece.len() == rest.len();
                    let end = last && !body.trailers;
                    let accepted = self.conn.send_data(stream, piece, end, &mut self.out);
                    body.sent += accepted.expect("open");
                    if body.sent < body.data.len() {
                        self.conn.want_send(stream).expect("open");
                    } else if last && body.trailers {
                        self.conn.send_trailers(stream, TRAILERS, &mut self.out).expect("open");
                    }
                }
                self.conn.advance(Duration::ZERO, &mut self.out).expect("time stands still");
                self.conn.wrote(self.out.len());
                let out = std::mem::take(&mut self.out);
                if !self.input.is_empty() {
                    // What was caused is written: a pause is over.
                    self.feed(b"");
                }
                out
            }

            fn ask(&mut self, ask: &Ask) -> u32 {
                ($ask)(self, ask)
            }

            fn message(&self, stream: u32) -> Message {
                self.state.messages.get(&stream).cloned().unwrap_or_default()
            }

            fn open(&self) -> usize {
                self.conn.snapshot().$open as usize
            }

            fn reset(&mut self, stream: u32, code: u32) {
                let stream = StreamId::new(stream);
                self.conn.reset(stream, ErrorCode(code), &mut self.out).expect("open");
            }

            fn ping(&mut self, data: [u8; 8]) {
                self.conn.ping(data, &mut self.out).expect("few");
            }

            fn pongs(&self) -> Vec<[u8; 8]> {
                self.state.pongs.clone()
            }

            fn settings(&mut self, table: u32, window: u32, frame: u32) {
                let change = |settings: &mut h2_proto::Settings| {
                    settings.header_table_bytes = table;
                    settings.window_bytes = window;
                    settings.frame_bytes_max = frame;
                };
                match self.conn.update_settings(change, &mut self.out) {
                    Ok(()) | Err(SendError::TooManyUnacknowledged) => {}
                    Err(error) => panic!("{error}"),
                }
            }

            fn windows(&self) -> [u32; 4] {
                [1_000, 200_000, 0, 65_535]
            }

            fn shutdown(&mut self) {
                self.conn.shutdown(&mut self.out);
            }

            fn goaways(&self) -> Vec<u32> {
                self.state.goaways.clone()
            }

            fn is_over(&self) -> bool {
                matches!(self.conn.next_step(), NextStep::Linger { .. } | NextStep::Close)
            }
        }
    };
}

end!(ServerConnection, answer, peer_streams, |_: &mut Self, _: &Ask| panic!("a server"));
end!(ClientConnection, follow, own_streams, |end: &mut Self, ask: &Ask| {
    let line = RequestLine::new(ask.method, "https", "example.com", ask.path);
    let fields = ask.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let ends = ask.content.is_empty() && !ask.trailers;
    let stream = end.conn.send_request(line, fields, ends, &mut end.out).expect("room");
    let (data, trailers) = (ask.content.clone(), ask.trailers);
    if !ends {
        end.state
            .bodies
            .insert(stream.get(), Body { data, complete: true, trailers, ..Body::default() });
        end.conn.want_send(stream).expect("open");
    }
    stream.get()
});
