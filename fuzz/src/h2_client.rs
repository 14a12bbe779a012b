//! A client of HTTP/2 under arbitrary octets, with requests outstanding.
//!
//! The first octet chooses how the input is read, the second the configuration, the third what the
//! application asks for.

use core::time::Duration;

use h2_proto::testing::Frame;
use h2_proto::{ClientConnection, Event, Priority, RequestLine, StreamId};

use crate::h2_run::{self, App, Message, Script};
use crate::h2_wire;

/// As for [`h2_server`](crate::h2_server).
///
/// # Panics
/// If something of it does not hold.
pub fn check(input: &[u8]) {
    let Some((&[first, bits, plan], octets)) = input.split_first_chunk() else { return };
    let config = h2_run::config(bits);
    let expanded;
    let mut greeting = Vec::new();
    let input = match first & 3 {
        0 => octets,
        kind => {
            Frame::settings([]).write(&mut greeting);
            Frame::settings_ack().write(&mut greeting);
            expanded = if kind < 3 { octets.to_vec() } else { h2_wire::expand(octets) };
            &expanded
        }
    };
    let script = Script { greeting: &greeting, input, eof: first & 4 != 0, framed: first & 3 == 3 };
    h2_run::check(&script, &config.clone(), |out| {
        let mut conn = ClientConnection::new(config.clone(), Duration::ZERO, out);
        let mut app = Client { plan, messages: Vec::with_capacity(16), last: None, sent: 0 };
        for _ in 0..=plan & 3 {
            app.ask(&mut conn, out);
        }
        (conn, app)
    });
}

struct Client {
    plan: u8,
    messages: Vec<Message>,
    /// The last stream whose request went out.
    last: Option<StreamId>,
    sent: usize,
}

/// Requests of a run.
const REQUESTS_MAX: usize = 8;

impl Client {
    fn ask(&mut self, conn: &mut ClientConnection, out: &mut Vec<u8>) {
        if self.messages.len() == REQUESTS_MAX {
            return;
        }
        let (method, left, trailer) = match (usize::from(self.plan >> 2) + self.messages.len()) & 3
        {
            0 => ("GET", None, false),
            1 => ("HEAD", None, false),
            2 => ("POST", Some(300), true),
            _ => ("POST", Some(if self.plan & 0x80 == 0 { 1_500 } else { 70_000 }), false),
        };
        let line = RequestLine::new(method, "https", "a.example", "/");
        let before = out.len();
        self.sent += 200;
        let Ok(stream) = conn.send_request(line, [("x-a", "b")], left.is_none(), out) else {
            assert_eq!(out.len(), before);
            return;
        };
        if left.is_some() {
            conn.want_send(stream).expect("it has content");
        }
        let message = Message {
            stream,
            left: left.unwrap_or_default(),
            trailer,
            sends: left.is_some(),
            credit: 0,
        };
        self.messages.push(message);
    }

    fn find(&mut self, stream: StreamId) -> Option<&mut Message> {
        self.messages.iter_mut().find(|message| message.stream == stream)
    }

    fn ended(&mut self, stream: StreamId, conn: &mut ClientConnection, out: &mut Vec<u8>) {
        if let Some(message) = self.find(stream) {
            h2_run::release(message, conn, out);
        }
        if self.plan & 0x10 != 0 {
            self.ask(conn, out);
        }
    }
}

impl App<ClientConnection> for Client {
    fn on_event(&mut self, event: &Event<'_, '_>, conn: &mut ClientConnection, out: &mut Vec<u8>) {
        match *event {
            Event::Response { stream, end_stream, .. } => {
                self.last = Some(stream);
                if end_stream {
                    self.ended(stream, conn, out);
                }
            }
            Event::Data { stream, credit, end_stream, .. } => {
                if let Some(message) = self.find(stream) {
                    message.credit += credit;
                }
                if end_stream {
                    self.ended(stream, conn, out);
                }
            }
            Event::Trailers { stream, .. } => self.ended(stream, conn, out),
            Event::Reset { stream, .. } => {
                if let Some(message) = self.find(stream) {
                    message.sends = false;
                }
                conn.done(stream, out).expect("it was surfaced");
            }
            Event::PushPromise { promised, .. } => {
                if self.messages.len() < 16 {
                    self.messages.push(Message {
                        stream: promised,
                        left: 0,
                        trailer: false,
                        sends: false,
                        credit: 0,
                    });
                } else {
                    self.sent += 64;
                    let _ = conn.done(promised, out);
                }
            }
            Event::SettingsChanged => {
                self.sent += 64;
                let window = u32::from(self.plan & 0xC0) << 2;
                if self.plan & 0x20 != 0 {
                    let _ = conn.update_settings(|settings| settings.window_bytes = window, out);
                } else if let Some(stream) = self.messages.last().map(|it| it.stream) {
                    let priority = Priority { urgency: 1, incremental: true };
                    let _ = conn.set_priority(stream, priority, out);
                }
            }
            Event::Informational { stream, .. } if self.plan & 0x40 != 0 => {
                if let Some(message) = self.find(stream) {
                    message.sends = false;
                    conn.reset(stream, h2_proto::ErrorCode::CANCEL, out).expect("it is open");
                }
            }
            Event::Pong { .. } => conn.shutdown(out),
            _ => {}
        }
    }

    fn pump(&mut self, conn: &mut ClientConnection, out: &mut Vec<u8>) {
        self.sent += h2_run::pump(&mut self.messages, conn, out);
    }

    fn give_up(&mut self, conn: &mut ClientConnection, out: &mut Vec<u8>) {
        for message in &mut self.messages {
            message.sends = false;
            let _ = conn.done(message.stream, out);
        }
    }

    fn any_stream(&self) -> Option<StreamId> {
        self.last
    }

    fn probe(
        &mut self,
        conn: &mut ClientConnection,
        out: &mut Vec<u8>,
    ) -> Option<(StreamId, Vec<u8>)> {
        let line = RequestLine::new("GET", "https", "a.example", "/");
        let stream = conn.send_request(line, [("x-a", "b"); 0], true, out).ok()?;
        if conn.pending() > 0 {
            return None;
        }
        let sends = false;
        self.messages.push(Message { stream, left: 0, trailer: false, sends, credit: 0 });
        self.plan = 0;
        let mut head = Vec::new();
        h2_wire::frame(1, 4, stream.get(), b"\x88", &mut head);
        Some((stream, head))
    }

    fn sent(&self) -> usize {
        self.sent
    }
}
