//! A client and a server in virtual time: random pipelines, random cuts, random delays. Every
//! answer comes, in order, to the request that it belongs to.

use core::time::Duration;
use std::collections::VecDeque;

use h1_proto::{BodyLength, ClientConnection, Config, Event, NextStep, ServerConnection};
use tests::pair::{App, Pair};
use tests::rng::Rng;

const SEEDS: u64 = 300;

/// Content that goes out piece by piece, as much as is accepted.
#[derive(Debug, Default)]
struct Outgoing {
    rest: Vec<u8>,
    trailers: bool,
}

/// A request as it is planned and as it has to be answered.
#[derive(Clone, Debug)]
struct Planned {
    number: usize,
    method: &'static str,
    body: BodyLength,
    content: Vec<u8>,
    expects: bool,
    trailers: bool,
}

fn plan(rng: &mut Rng, number: usize) -> Planned {
    let content: Vec<u8> = (0..rng.below(300)).map(|_| rng.bits() as u8).collect();
    let (method, body) = match rng.below(4) {
        0 => ("GET", BodyLength::None),
        1 => ("HEAD", BodyLength::None),
        2 => ("POST", BodyLength::Known(content.len() as u64)),
        _ => ("PUT", BodyLength::Chunked),
    };
    let content = if body == BodyLength::None { Vec::new() } else { content };
    let trailers = body == BodyLength::Chunked && rng.once_in(2);
    Planned { number, method, body, content, expects: rng.once_in(5), trailers }
}

/// What an answer tells of the request that was received.
fn digest(number: &str, method: &[u8], content: &[u8], trailers: usize) -> Vec<u8> {
    let sum = content.iter().fold(0u32, |sum, &octet| sum.rotate_left(5) ^ u32::from(octet));
    format!("{number} {} {} {sum:x} {trailers}", method.escape_ascii(), content.len()).into_bytes()
}

#[derive(Debug)]
struct Client {
    planned: VecDeque<Planned>,
    sending: Option<Outgoing>,
    waiting: VecDeque<Planned>,
    received: Vec<u8>,
    answered: usize,
}

impl App<ClientConnection> for Client {
    fn on_event(
        &mut self,
        event: &Event<'_, '_>,
        _: &mut ClientConnection,
        _: &mut Vec<u8>,
        _: Duration,
    ) {
        match event {
            Event::Head { head, .. } => {
                let request = self.waiting.front().expect("an answer has its request");
                let number = request.number.to_string();
                assert_eq!(head.field("number"), Some(number.as_bytes()), "in order");
            }
            Event::Data(data) => self.received.extend_from_slice(data),
            Event::End { .. } => {
                let Planned { number, method, content, trailers, .. } =
                    self.waiting.pop_front().expect("an answer has its request");
                let told =
                    digest(&number.to_string(), method.as_bytes(), &content, trailers.into());
                let told = if method == "HEAD" { Vec::new() } else { told };
                assert_eq!(core::mem::take(&mut self.received), told);
                self.answered += 1;
            }
            _ => {}
        }
    }

    fn pump(&mut self, conn: &mut ClientConnection, out: &mut Vec<u8>, _: Duration) {
        loop {
            if let Some(sending) = &mut self.sending {
                if conn.awaits_continue() {
                    return;
                }
                let accepted = conn.send_data(&sending.rest, out).unwrap();
                sending.rest.drain(..accepted);
                if !sending.rest.is_empty() {
                    return;
                }
                if sending.trailers {
                    conn.send_trailers([("t", "1")], out).unwrap();
                } else {
                    conn.finish(out).unwrap();
                }
                self.sending = None;
            }
            if !conn.can_send_request() {
                return;
            }
            let Some(request) = self.planned.pop_front() else {
                if self.waiting.is_empty() {
                    conn.drain();
                }
                return;
            };
            let target = format!("/{}", request.number);
            let mut fields = vec![("host", "a")];
            if request.expects {
                fields.push(("expect", "100-continue"));
            }
            let line = (request.method, target.as_str());
            conn.send_request(line, &fields, request.body, out).unwrap();
            if request.body != BodyLength::None {
                let rest = request.content.clone();
                self.sending = Some(Outgoing { rest, trailers: request.trailers });
            }
            self.waiting.push_back(request);
        }
    }
}

#[derive(Debug)]
struct Server {
    rng: Rng,
    method: Vec<u8>,
    number: String,
    received: Vec<u8>,
    /// The answer, and when it begins.
    ready: Option<(Duration, Vec<u8>)>,
    sending: Option<Outgoing>,
}

impl App<ServerConnection> for Server {
    fn on_event(
        &mut self,
        event: &Event<'_, '_>,
        conn: &mut ServerConnection,
        out: &mut Vec<u8>,
        now: Duration,
    ) {
        match event {
            Event::Head { head, expects_continue, .. } => {
                self.method = head.method().to_vec();
                self.number = String::from_utf8(head.target()[1..].to_vec()).unwrap();
                self.received.clear();
                if *expects_continue && self.rng.once_in(2) {
                    conn.send_informational(100, [("x", "y")], out).unwrap();
                }
            }
            Event::Data(data) => self.received.extend_from_slice(data),
            Event::End { trailers } => {
                let count = trailers.fields().len();
                let answer = digest(&self.number, &self.method, &self.received, count);
                let delay = Duration::from_millis(self.rng.below(50) as u64);
                self.ready = Some((now + delay, answer));
            }
            _ => {}
        }
    }

    fn pump(&mut self, conn: &mut ServerConnection, out: &mut Vec<u8>, now: Duration) {
        if let Some((_, rest)) = self.ready.take_if(|(at, _)| *at <= now) {
            if self.rng.once_in(3) {
                conn.send_informational(103, [("link", "x")], out).unwrap();
            }
            let chunked = self.rng.once_in(2);
            let body =
                if chunked { BodyLength::Chunked } else { BodyLength::Known(rest.len() as u64) };
            conn.send_response(200, [("number", &self.number)], body, out).unwrap();
            self.sending = Some(Outgoing { rest, trailers: chunked });
        }
        if let Some(sending) = &mut self.sending {
            let accepted = conn.send_data(&sending.rest, out).unwrap();
            sending.rest.drain(..accepted);
            if sending.rest.is_empty() {
                if sending.trailers {
                    conn.send_trailers([("t", "1")], out).unwrap();
                } else {
                    conn.finish(out).unwrap();
                }
                self.sending = None;
            }
        }
    }

    fn deadline(&self) -> Option<Duration> {
        self.ready.as_ref().map(|(at, _)| *at)
    }
}

fn simulate(seed: u64) {
    let mut rng = Rng::new(seed);
    let requests = 1 + rng.below(40);
    let planned = (0..requests).map(|number| plan(&mut rng, number)).collect();
    let (mut server, mut client) = (Config::default(), Config::client());
    // Small enough that content is accepted in parts.
    server.output_bytes_max = 200 + rng.below(200);
    client.output_bytes_max = 200 + rng.below(200);
    client.pipeline_max = 1 + rng.below(10);
    let client_app = Client {
        planned,
        sending: None,
        waiting: VecDeque::new(),
        received: Vec::new(),
        answered: 0,
    };
    let server_app = Server {
        rng: Rng::new(seed + 1_000_000),
        method: Vec::new(),
        number: String::new(),
        received: Vec::new(),
        ready: None,
        sending: None,
    };
    let latency = Duration::from_millis(rng.below(100) as u64);
    let mut pair = Pair::new((server, server_app), (client, client_app), seed, latency);
    pair.run();
    assert_eq!((&pair.client.error, &pair.server.error), (&None, &None));
    assert_eq!((pair.client.app.answered, pair.client.conn.in_flight()), (requests, 0));
    assert_eq!(pair.client.conn.next_step(), NextStep::Close);
    assert_eq!(pair.server.conn.next_step(), NextStep::Close);
    assert!(pair.client.closed.is_some() && pair.server.closed.is_some());
}

// R9112-094, R9112-104
#[test]
fn random_pipelines_are_answered_in_order() {
    for seed in 0..SEEDS {
        let run = std::panic::catch_unwind(|| simulate(seed));
        assert!(run.is_ok(), "seed {seed}");
    }
}
