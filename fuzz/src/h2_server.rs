//! A server of HTTP/2 under arbitrary octets.
//!
//! The first octet chooses how the input is read, the second the configuration, the third what the
//! application does with requests.

use core::time::Duration;

use h2_proto::testing::Frame;
use h2_proto::{Event, ServerConnection, StreamId};

use crate::h2_run::{self, App, Message, Script};
use crate::h2_wire;

/// No panic; the same events, output and error in every cut; memory within the bound; nothing
/// behind the last GOAWAY; and every octet of a window comes back.
///
/// # Panics
/// If one of these does not hold.
pub fn check(input: &[u8]) {
    let Some((&[first, bits, plan], octets)) = input.split_first_chunk() else { return };
    let config = h2_run::config(bits);
    let expanded;
    let mut greeting = Vec::new();
    let input = match first & 3 {
        0 | 1 => octets,
        kind => {
            greeting.extend_from_slice(h2_proto::PREFACE);
            Frame::settings([]).write(&mut greeting);
            Frame::settings_ack().write(&mut greeting);
            expanded = if kind == 2 { octets.to_vec() } else { h2_wire::expand(octets) };
            &expanded
        }
    };
    let script = Script { greeting: &greeting, input, eof: first & 4 != 0, framed: first & 3 == 3 };
    h2_run::check(&script, &config.clone(), |out| {
        let conn = if first & 3 == 1 {
            ServerConnection::with_prior_knowledge(config.clone(), Duration::ZERO)
        } else {
            ServerConnection::new(config.clone(), Duration::ZERO, out)
        };
        (conn, Server::new(plan))
    });
}

struct Server {
    plan: u8,
    messages: Vec<Message>,
    last: Option<StreamId>,
    sent: usize,
}

const NONE: [(&str, &str); 0] = [];

impl Server {
    fn new(plan: u8) -> Self {
        Self { plan, messages: Vec::with_capacity(128), last: None, sent: 0 }
    }

    fn find(&mut self, stream: StreamId) -> Option<&mut Message> {
        self.messages.iter_mut().find(|message| message.stream == stream)
    }

    fn begin(
        &mut self,
        stream: StreamId,
        ended: bool,
        conn: &mut ServerConnection,
        out: &mut Vec<u8>,
    ) {
        let message = Message { stream, left: 0, trailer: false, sends: false, credit: 0 };
        self.messages.retain(|it| it.stream != stream);
        if self.messages.len() == 128 {
            let oldest = self.messages.remove(0);
            let _ = conn.done(oldest.stream, out);
        }
        self.messages.push(message);
        self.last = Some(stream);
        let kind = self.kind(stream);
        match kind {
            3 => conn.reset(stream, h2_proto::ErrorCode::CANCEL, out).expect("it is open"),
            4 => conn.done(stream, out).expect("it is open"),
            5 if !ended => {}
            6 => {}
            _ => self.answer(stream, conn, out),
        }
    }

    fn kind(&self, stream: StreamId) -> u8 {
        (self.plan ^ (stream.get() >> 1) as u8) & 7
    }

    fn answer(&mut self, stream: StreamId, conn: &mut ServerConnection, out: &mut Vec<u8>) {
        let kind = self.kind(stream);
        self.sent += 200;
        if kind & 1 == 0 {
            let _ = conn.send_informational(stream, 103, [("link", "</a>")], out);
        }
        let (end, left) = match kind {
            0 => (true, 0),
            7 => (false, if self.plan & 0x80 == 0 { 1_500 } else { 70_000 }),
            _ => (false, 300),
        };
        let before = out.len();
        if conn.send_response(stream, 200, NONE, end, out).is_err() {
            // Gone, or the peer allows no fields.
            assert_eq!(out.len(), before);
            return;
        }
        let Some(message) = self.find(stream).filter(|_| !end) else { return };
        message.left = left;
        message.trailer = kind == 2;
        message.sends = true;
        conn.want_send(stream).expect("it is open");
    }

    fn ended(&mut self, stream: StreamId, conn: &mut ServerConnection, out: &mut Vec<u8>) {
        if let Some(message) = self.find(stream) {
            h2_run::release(message, conn, out);
        }
        if self.kind(stream) == 5 {
            self.answer(stream, conn, out);
        }
    }
}

impl App<ServerConnection> for Server {
    fn on_event(&mut self, event: &Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>) {
        match *event {
            Event::Request { stream, head, end_stream, .. } => {
                assert!(!head.method().is_empty());
                self.begin(stream, end_stream, conn, out);
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
            Event::SettingsChanged if self.plan & 0x10 != 0 => {
                self.sent += 64;
                let _ = conn.ping(*b"settings", out);
            }
            Event::PriorityChanged { .. } if self.plan & 0x20 != 0 => {
                self.sent += 64;
                let window = u32::from(self.plan & 0xC0);
                let _ = conn.update_settings(|settings| settings.window_bytes = window, out);
            }
            Event::Pong { .. } if self.plan & 0x40 != 0 => {
                self.sent += 64;
                conn.shutdown(out);
            }
            _ => {}
        }
    }

    fn pump(&mut self, conn: &mut ServerConnection, out: &mut Vec<u8>) {
        self.sent += h2_run::pump(&mut self.messages, conn, out);
    }

    fn give_up(&mut self, conn: &mut ServerConnection, out: &mut Vec<u8>) {
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
        conn: &mut ServerConnection,
        _: &mut Vec<u8>,
    ) -> Option<(StreamId, Vec<u8>)> {
        let stream = StreamId::new((conn.snapshot().last_peer_stream + 2) | 1);
        // It is held, whatever its number.
        self.plan = (stream.get() >> 1) as u8 & 7 ^ 6;
        let mut head = Vec::new();
        h2_wire::frame(1, 4, stream.get(), b"\x83\x87\x84", &mut head);
        Some((stream, head))
    }

    fn sent(&self) -> usize {
        self.sent
    }
}
