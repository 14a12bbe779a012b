//! A client and a server that talk to each other: the octets of the input are what the two
//! applications do, and how much the network carries at a time.

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, ConnectionError, Event, Head, NextStep, ServerConnection,
    Verdict,
};

/// What is sent arrives: every request and every answer, in order, with its content. Neither side
/// ever refuses what the other sends, neither waits for ever, nothing panics, the work is linear.
/// All of it is the same if the network carries one octet at a time.
///
/// # Panics
/// If one of these does not hold.
pub fn check(input: &[u8]) {
    assert!(run(input, false) == run(input, true), "the cuts of the network show");
}

/// What both sides came to.
fn run(input: &[u8], drips: bool) -> [Side; 2] {
    let mut world = World::new(drips);
    for operation in input.chunks(2) {
        let operand = operation.get(1).copied().unwrap_or_default();
        world.act(operation[0], operand);
    }
    if !world.disturbed {
        world.settle();
    }
    let [server, client] = &mut world.sides;
    assert!(world.server.work() <= WORK_FACTOR * server.received.len() as u64);
    assert!(world.client.work() <= WORK_FACTOR * client.received.len() as u64);
    server.next_step = Some(world.server.next_step());
    client.next_step = Some(world.client.next_step());
    world.sides
}

/// Octets that may be looked at for each one received.
const WORK_FACTOR: u64 = 4;

/// What a side received and made of it.
#[derive(Default, PartialEq)]
struct Side {
    received: Vec<u8>,
    /// Heads, content and trailers, each marked, adjacent content as one.
    events: Vec<u8>,
    next_step: Option<NextStep>,
}

impl Side {
    fn note(&mut self, event: &Event<'_, '_>) {
        match event {
            Event::Head { head, .. } => self.mark(b'H', head.raw()),
            Event::Informational(head) => self.mark(b'I', head.raw()),
            Event::Data(data) => self.events.extend_from_slice(data),
            Event::End { trailers } => self.mark(b'E', trailers.raw()),
            _ => self.mark(b'?', b""),
        }
    }

    fn mark(&mut self, kind: u8, octets: &[u8]) {
        self.events.extend_from_slice(&[0, kind]);
        self.events.extend_from_slice(octets);
    }
}

/// A message as its sender knows it.
#[derive(Debug, Default)]
struct Message {
    content: Vec<u8>,
    /// Octets still to send, if their number was announced.
    left: Option<u64>,
    trailer: bool,
    complete: bool,
    /// An answer that has no content whatever its sender says.
    swallowed: bool,
}

struct World {
    client: ClientConnection,
    server: ServerConnection,
    /// Appended by a side, not taken by the network.
    client_out: Vec<u8>,
    server_out: Vec<u8>,
    /// Delivered to a side, not used by it.
    client_in: Vec<u8>,
    server_in: Vec<u8>,
    requests: Vec<Message>,
    answers: Vec<Message>,
    /// What has arrived of the request that the server reads, and of the answer.
    request_in: Vec<u8>,
    answer_in: Vec<u8>,
    requests_seen: usize,
    answers_seen: usize,
    answer_begun: bool,
    now: Duration,
    /// A deadline or a drain took part: messages may be lost.
    disturbed: bool,
    filler: u8,
    heads: [Head; 2],
    /// The network carries one octet at a time.
    drips: bool,
    /// The server's and the client's.
    sides: [Side; 2],
}

const HOST: [(&str, &str); 1] = [("host", "a")];
const TRAILER: [(&str, &str); 1] = [("x-end", "yes")];
const NONE: [(&str, &str); 0] = [];

impl World {
    fn new(drips: bool) -> Self {
        let mut config = Config::default();
        config.output_bytes_max = 512;
        config.pipeline_max = 4;
        let mut client_config = Config::client();
        client_config.output_bytes_max = 300;
        client_config.pipeline_max = 4;
        Self {
            client: ClientConnection::new(client_config, Duration::ZERO),
            server: ServerConnection::new(config, Duration::ZERO),
            client_out: Vec::new(),
            server_out: Vec::new(),
            client_in: Vec::new(),
            server_in: Vec::new(),
            requests: Vec::new(),
            answers: Vec::new(),
            request_in: Vec::new(),
            answer_in: Vec::new(),
            requests_seen: 0,
            answers_seen: 0,
            answer_begun: false,
            now: Duration::ZERO,
            disturbed: false,
            filler: 0,
            heads: [Head::new(), Head::new()],
            drips,
            sides: Default::default(),
        }
    }

    fn act(&mut self, operation: u8, operand: u8) {
        let octets = usize::from(operand);
        match operation % 16 {
            0 => self.begin_request(operand),
            1 => self.send_request_data(octets, false),
            2 => self.finish_request(operand & 1 == 1),
            3 => self.send_request_data(octets, true),
            4 => self.respond(octets),
            5 => self.begin_answer(operand),
            6 => self.send_answer_data(octets, false),
            7 => self.finish_answer(operand & 1 == 1),
            8 => {
                let status = if operand & 1 == 1 { 103 } else { 100 };
                let _ = self.server.send_informational(status, NONE, &mut self.server_out);
            }
            9 => self.carry_to_server(octets),
            10 => self.carry_to_client(octets),
            11 => {
                self.carry_to_server(usize::MAX);
                self.carry_to_client(usize::MAX);
            }
            12 => {
                self.server.abandon_body();
                self.pull_server();
            }
            13 => self.pass(Duration::from_millis(20 * u64::from(operand))),
            14 => self.send_answer_data(octets, true),
            _ => self.rarely(operand),
        }
    }

    fn rarely(&mut self, operand: u8) {
        match operand {
            0x40 => {
                self.server.drain();
                self.disturbed = true;
            }
            0x41 => {
                self.client.drain();
                self.disturbed = true;
            }
            0x42 => {
                self.client.abandon_request();
                self.disturbed = true;
            }
            0x43 => {
                self.server.abort_response();
                self.disturbed = true;
            }
            0x44 => {
                self.client.eof();
                self.disturbed = true;
                self.pull_client();
            }
            0x45 => {
                self.server.eof();
                self.disturbed = true;
                self.pull_server();
            }
            0x46 => {
                self.server.close_after();
                self.disturbed = true;
            }
            _ => {
                self.client.shrink();
                self.server.shrink();
            }
        }
    }

    // ---- the client's application ----

    fn begin_request(&mut self, operand: u8) {
        let method = ["GET", "POST", "HEAD", "M-X"][usize::from(operand & 3)];
        let length = u64::from(operand >> 4);
        let body = [BodyLength::None, BodyLength::Known(length), BodyLength::Chunked]
            [usize::from(operand >> 2 & 3) % 3];
        let line = (method, "/a?b");
        let before = (self.client_out.len(), self.client.can_send_request());
        match self.client.send_request(line, HOST, body, &mut self.client_out) {
            Ok(id) => {
                assert_eq!(id.0, self.requests.len() as u64);
                self.requests.push(Message::new(body));
                self.answers.push(Message { swallowed: method == "HEAD", ..Message::default() });
            }
            Err(_) => assert_eq!(before, (self.client_out.len(), false)),
        }
    }

    fn send_request_data(&mut self, octets: usize, splice: bool) {
        let Some(request) = self.requests.last_mut().filter(|request| !request.complete) else {
            return;
        };
        let data = request.some_content(octets, &mut self.filler);
        let out = &mut self.client_out;
        let accepted = if splice {
            let Ok(splice) = self.client.send_data_splice(data.len(), out) else { return };
            let payload = data[..splice.len].iter().copied();
            out.splice(splice.at..splice.at, payload);
            splice.len
        } else {
            let Ok(accepted) = self.client.send_data(&data, out) else { return };
            accepted
        };
        request.note(&data[..accepted]);
    }

    fn finish_request(&mut self, trailers: bool) {
        let Some(request) = self.requests.last_mut().filter(|request| !request.complete) else {
            return;
        };
        let out = &mut self.client_out;
        let done = if trailers {
            self.client.send_trailers(TRAILER, out)
        } else {
            self.client.finish(out)
        };
        if done.is_ok() {
            request.complete = true;
            request.trailer = trailers;
            assert!(request.left.is_none_or(|left| left == 0));
        }
    }

    // ---- the server's application ----

    fn respond(&mut self, octets: usize) {
        let Some(answer) = self.requests_seen.checked_sub(1) else { return };
        let answer = &mut self.answers[answer];
        let data = answer.some_content(octets, &mut self.filler);
        if self.server.respond(200, NONE, &data, &mut self.server_out).is_ok() {
            answer.note(&data);
            answer.complete = true;
            self.pull_server();
        }
    }

    fn begin_answer(&mut self, operand: u8) {
        let Some(answer) = self.requests_seen.checked_sub(1) else { return };
        let length = u64::from(operand >> 2);
        let body = [
            BodyLength::None,
            BodyLength::Known(length),
            BodyLength::Chunked,
            BodyLength::UntilClose,
        ][usize::from(operand & 3)];
        if self.server.send_response(404, NONE, body, &mut self.server_out).is_ok() {
            let swallowed = self.answers[answer].swallowed;
            self.answers[answer] = Message { swallowed, ..Message::new(body) };
            self.answer_begun = body != BodyLength::None;
            self.pull_server();
        }
    }

    fn send_answer_data(&mut self, octets: usize, splice: bool) {
        if !self.answer_begun {
            return;
        }
        let answer = &mut self.answers[self.requests_seen - 1];
        let data = answer.some_content(octets, &mut self.filler);
        let out = &mut self.server_out;
        if splice && !answer.swallowed {
            let Ok(splice) = self.server.send_data_splice(data.len(), out) else { return };
            out.splice(splice.at..splice.at, data[..splice.len].iter().copied());
            answer.note(&data[..splice.len]);
        } else {
            let Ok(accepted) = self.server.send_data(&data, out) else { return };
            answer.note(&data[..accepted]);
        }
    }

    fn finish_answer(&mut self, trailers: bool) {
        if !self.answer_begun {
            return;
        }
        let answer = &mut self.answers[self.requests_seen - 1];
        let out = &mut self.server_out;
        let done = if trailers {
            self.server.send_trailers(TRAILER, out)
        } else {
            self.server.finish(out)
        };
        if done.is_ok() {
            answer.complete = true;
            self.answer_begun = false;
            self.pull_server();
        }
    }

    // ---- the network ----

    fn carry_to_server(&mut self, octets: usize) {
        let octets = octets.min(self.client_out.len());
        let carried: Vec<u8> = self.client_out.drain(..octets).collect();
        self.client.wrote(octets);
        assert_eq!(self.client.unsent(), self.client_out.len() as u64);
        self.sides[0].received.extend_from_slice(&carried);
        for piece in carried.chunks(if self.drips { 1 } else { usize::MAX }) {
            self.server_in.extend_from_slice(piece);
            self.pull_server();
        }
        self.pull_server();
    }

    fn carry_to_client(&mut self, octets: usize) {
        let octets = octets.min(self.server_out.len());
        let carried: Vec<u8> = self.server_out.drain(..octets).collect();
        self.server.wrote(octets);
        assert_eq!(self.server.unsent(), self.server_out.len() as u64);
        self.sides[1].received.extend_from_slice(&carried);
        for piece in carried.chunks(if self.drips { 1 } else { usize::MAX }) {
            self.client_in.extend_from_slice(piece);
            self.pull_client();
        }
        self.pull_client();
    }

    fn pull_server(&mut self) {
        let mut rest = self.server_in.as_slice();
        let mut failed = None;
        loop {
            let event = self.server.next_event(&mut rest, &mut self.heads[0]);
            if let Ok(Some(event)) = &event {
                self.sides[0].note(event);
            }
            match event {
                Ok(Some(Event::Head { head, .. })) => {
                    assert_eq!(head.target(), b"/a?b");
                    self.requests_seen += 1;
                    self.request_in.clear();
                }
                Ok(Some(Event::Data(data))) => self.request_in.extend_from_slice(data),
                Ok(Some(Event::End { trailers })) => {
                    let request = &self.requests[self.requests_seen - 1];
                    assert_eq!(self.request_in, request.content);
                    assert!(request.is_over());
                    assert_eq!(trailers.field("x-end").is_some(), request.trailer);
                }
                Ok(Some(event)) => panic!("{event}"),
                Ok(None) => {
                    assert!(rest.is_empty() || self.server.is_paused());
                    break;
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let used = self.server_in.len() - rest.len();
        self.server_in.drain(..used);
        if let Some(error) = failed {
            self.server_failed(&error);
        }
    }

    fn server_failed(&mut self, error: &ConnectionError) {
        assert!(self.disturbed, "the server refuses what the client sent: {error}");
        self.server.respond_error(error, &mut self.server_out);
        self.answer_begun = false;
    }

    fn pull_client(&mut self) {
        let mut rest = self.client_in.as_slice();
        loop {
            let event = self.client.next_event(&mut rest, &mut self.heads[1]);
            if let Ok(Some(event)) = &event {
                self.sides[1].note(event);
            }
            match event {
                Ok(Some(Event::Head { .. })) => {
                    self.answers_seen += 1;
                    self.answer_in.clear();
                }
                Ok(Some(Event::Data(data))) => self.answer_in.extend_from_slice(data),
                Ok(Some(Event::End { .. })) if self.disturbed => {}
                Ok(Some(Event::End { .. })) => {
                    let answer = &self.answers[self.answers_seen - 1];
                    assert!(answer.is_over());
                    if answer.swallowed {
                        assert!(self.answer_in.is_empty());
                    } else {
                        assert_eq!(self.answer_in, answer.content);
                    }
                }
                Ok(Some(Event::Informational(_))) => {}
                Ok(Some(event)) => panic!("{event}"),
                Ok(None) => {
                    assert!(rest.is_empty() || self.client.is_paused());
                    break;
                }
                Err(error) => {
                    // Limits of interim responses are the one thing that a server cannot know.
                    let interim = error.rule().starts_with("informational");
                    assert!(
                        self.disturbed || interim,
                        "the client refuses what the server sent: {error}"
                    );
                    self.disturbed = true;
                    break;
                }
            }
        }
        let used = self.client_in.len() - rest.len();
        self.client_in.drain(..used);
    }

    // ---- time, and the end ----

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.pull_server();
        self.pull_client();
        let reads = self.server.next_step() == NextStep::Read;
        if let Err(error) = self.server.advance(self.now) {
            self.disturbed = true;
            self.server_failed(&error);
        }
        // Content that nobody reads has its deadline too, and that one is no error.
        let stops = reads && self.server.next_step() != NextStep::Read;
        if self.client.advance(self.now).is_err() || stops {
            self.disturbed = true;
        }
        for deadline in [self.server.next_deadline(), self.client.next_deadline()] {
            assert!(deadline.is_none_or(|deadline| deadline > self.now), "a deadline in the past");
        }
    }

    /// Both applications end what they began and the network carries all: then every request has
    /// its answer, or the server has said that it closes.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            if self.requests.last().is_some_and(|request| !request.complete) {
                self.send_request_data(usize::MAX, false);
                self.finish_request(false);
            }
            self.carry_to_server(usize::MAX);
            if self.server.owes_answer() {
                self.respond(3);
            } else if self.answer_begun {
                self.send_answer_data(usize::MAX, false);
                self.finish_answer(false);
            }
            self.carry_to_client(usize::MAX);
            if self.client.is_idle() {
                break;
            }
        }
        if self.disturbed {
            return;
        }
        let closing = !matches!(self.server.next_step(), NextStep::Read);
        if closing {
            self.client.eof();
            self.pull_client();
            assert_eq!(self.client.next_step(), NextStep::Close);
            let mut left = self.client.unfinished();
            assert!(left.all(|(_, verdict)| verdict != Verdict::Processed), "an answer was cut");
        } else {
            assert!(self.client.is_idle() && self.server.is_idle(), "somebody waits for ever");
            assert_eq!(self.answers_seen, self.requests.len());
        }
    }
}

impl Message {
    fn new(body: BodyLength) -> Self {
        Self {
            left: match body {
                BodyLength::Known(octets) => Some(octets),
                _ => None,
            },
            complete: body == BodyLength::None,
            ..Self::default()
        }
    }

    /// Whether the other side can know that it is complete: `finish` adds nothing to a length.
    fn is_over(&self) -> bool {
        self.complete || self.swallowed || self.left == Some(0)
    }

    /// Content that fits what is announced and differs from place to place.
    fn some_content(&self, octets: usize, filler: &mut u8) -> Vec<u8> {
        let left = self.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or_default());
        let octets = octets.min(left).min(1 << 10);
        let mut next = || {
            *filler = filler.wrapping_add(1);
            *filler
        };
        (0..octets).map(|_| next()).collect()
    }

    fn note(&mut self, data: &[u8]) {
        self.content.extend_from_slice(data);
        self.left = self.left.map(|left| left - data.len() as u64);
    }
}
