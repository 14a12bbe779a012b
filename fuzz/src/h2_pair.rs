//! A client and a server of HTTP/2 that talk to each other: the octets of the input are what the two
//! applications do, and how much the network carries at a time.

use core::time::Duration;

use h2_proto::{
    ClientConnection, Config, ErrorCode, Event, FieldBuf, Phase, Priority, RequestLine, SendError,
    ServerConnection, StreamId, Verdict,
};

/// What is sent arrives: heads, content and trailers, of every exchange that nobody resets. Neither
/// side ever refuses what the other sends, nobody waits for ever, every window comes back, the
/// tables of both sides stay in step, and after a shutdown both are closed. All of it is the same if
/// the network carries one octet at a time.
///
/// # Panics
/// If one of these does not hold.
pub fn check(input: &[u8]) {
    let whole = run(input, false);
    let drips = run(input, true);
    // Where input pauses, what is sent meanwhile comes earlier.
    assert!(whole.0 || drips.0 || whole.1 == drips.1, "the cuts of the network show");
}

/// Whether input was paused, and what both sides sent.
fn run(input: &[u8], drips: bool) -> (bool, [Vec<u8>; 2]) {
    let Some((&first, script)) = input.split_first() else { return Default::default() };
    let mut world = World::new(first, drips);
    for operation in script.chunks(2) {
        let operand = operation.get(1).copied().unwrap_or_default();
        world.act(operation[0], operand);
    }
    world.settle();
    world.last_exchange();
    world.end(first & 0x80 != 0);
    (world.paused, [world.server.sent, world.client.sent])
}

/// One direction of an exchange.
#[derive(Debug, Default)]
struct Message {
    /// The head was sent.
    begun: bool,
    /// What was accepted.
    content: Vec<u8>,
    /// Octets that the application has to send, and whether nothing comes behind them.
    left: usize,
    ends: bool,
    trailer: bool,
    /// The end was accepted.
    complete: bool,
    /// What came at the other side, and whether that was all.
    received: Vec<u8>,
    over: bool,
    /// Octets to be released there.
    credit: u32,
}

#[derive(Debug)]
struct Exchange {
    stream: StreamId,
    number: u8,
    head: bool,
    request: Message,
    response: Message,
    /// The server was told of it.
    surfaced: bool,
    /// The client knows that it was not processed.
    denied: bool,
    /// One side knows that it will come to nothing.
    server_gone: bool,
    client_gone: bool,
}

impl Exchange {
    fn is_over(&self) -> bool {
        let read = |message: &Message| message.over && message.credit == 0;
        let server =
            !self.surfaced || self.server_gone || read(&self.request) && self.response.complete;
        let client = self.client_gone || read(&self.response) && self.request.complete;
        server && client
    }
}

/// One end: the connection, what it has said and what it has not read.
struct End<C> {
    conn: C,
    out: Vec<u8>,
    input: Vec<u8>,
    fields: FieldBuf,
    sent: Vec<u8>,
}

struct World {
    client: End<ClientConnection>,
    server: End<ServerConnection>,
    exchanges: Vec<Exchange>,
    filler: u8,
    drips: bool,
    paused: bool,
    window: [i32; 2],
}

const EXCHANGES_MAX: usize = 24;

impl World {
    fn new(first: u8, drips: bool) -> Self {
        let mut configs = [Config::default(), Config::default()];
        for (config, bits) in configs.iter_mut().zip([first, first >> 3]) {
            config.ledger_units_max = 1 << 30;
            config.connection_window_bytes = 65_535;
            config.manual_release = bits & 1 != 0;
            if bits & 2 != 0 {
                config.stream_window_bytes = 50;
                config.output_bytes_max = 300;
                config.connection_unreleased_bytes_max = 120;
            }
            if bits & 4 != 0 {
                config.streams_max = 2;
                config.table_bytes_max = 100;
                config.caused_output_bytes_max = 40;
            }
        }
        let [server, client] = configs;
        let (mut server_out, mut client_out) = (Vec::new(), Vec::new());
        let server = ServerConnection::new(server, Duration::ZERO, &mut server_out);
        let client = ClientConnection::new(client, Duration::ZERO, &mut client_out);
        let window = [server.snapshot().receive_window, client.snapshot().receive_window];
        Self {
            client: End::new(client, client_out),
            server: End::new(server, server_out),
            exchanges: Vec::new(),
            filler: 0,
            drips,
            paused: false,
            window,
        }
    }

    fn act(&mut self, operation: u8, operand: u8) {
        let octets = usize::from(operand);
        match operation % 16 {
            0 => self.ask(operand),
            1 => self.add(operand, true, false),
            2 => self.add(operand, true, true),
            3 => self.begin_answer(operand),
            4 => self.add(operand, false, false),
            5 => self.add(operand, false, true),
            6 => drop(self.turn_client()),
            7 => drop(self.turn_server()),
            8 => self.carry_to_server(octets * octets / 8),
            9 => self.carry_to_client(octets * octets / 8),
            10 => {
                while self.turn_client() || self.turn_server() {}
                self.carry_to_server(usize::MAX);
                self.carry_to_client(usize::MAX);
            }
            11 => self.release(operand, true),
            12 => self.release(operand, false),
            13 => self.reset(operand),
            14 => self.change_settings(operand),
            _ => self.rarely(operand),
        }
    }

    /// The exchange that an operand means.
    fn chosen(&self, operand: u8) -> Option<usize> {
        let count = self.exchanges.len();
        (count > 0).then(|| count - 1 - usize::from(operand & 7) % count)
    }

    // ---- what the applications do ----

    fn ask(&mut self, operand: u8) {
        if self.exchanges.len() == EXCHANGES_MAX {
            return;
        }
        let method = ["GET", "POST", "HEAD", "M-X"][usize::from(operand & 3)];
        let ends = operand & 1 == 0;
        let number = operand >> 2;
        let line = RequestLine::new(method, "https", "a.example", "/a?b");
        let value = number.to_string();
        let fields = [("x-number", value.as_str()), ("x-constant", "a value that is indexed")];
        let before = self.client.out.len();
        match self.client.conn.send_request(line, fields, ends, &mut self.client.out) {
            Ok(stream) => self.exchanges.push(Exchange {
                stream,
                number,
                head: method == "HEAD",
                request: Message { begun: true, ends, complete: ends, ..Message::default() },
                response: Message::default(),
                surfaced: false,
                denied: false,
                server_gone: false,
                client_gone: false,
            }),
            Err(error) => {
                assert_eq!(before, self.client.out.len());
                let draining = self.client.conn.is_draining()
                    || self.client.conn.snapshot().goaway_received.is_some();
                match error {
                    SendError::ShuttingDown => assert!(draining),
                    SendError::Closed => assert_eq!(self.client.conn.phase(), Phase::Closed),
                    SendError::TooManyPending => {}
                    error => panic!("{error}"),
                }
            }
        }
    }

    /// More content, or the last of it.
    fn add(&mut self, operand: u8, client: bool, last: bool) {
        let Some(index) = self.chosen(operand) else { return };
        let exchange = &mut self.exchanges[index];
        let gone = if client { exchange.client_gone } else { exchange.server_gone };
        let message = if client { &mut exchange.request } else { &mut exchange.response };
        if gone || !message.begun || message.ends {
            return;
        }
        message.left += usize::from(operand >> 3) * usize::from(operand >> 3) * 4;
        message.ends = last;
        message.trailer = last && operand & 8 != 0;
        let result = if client {
            self.client.conn.want_send(exchange.stream)
        } else {
            self.server.conn.want_send(exchange.stream)
        };
        // What waited when its client shut down is over, and that is still to be told.
        let lost = client && self.client.conn.is_draining();
        assert!(result.is_ok() || lost, "{exchange:?}");
    }

    fn begin_answer(&mut self, operand: u8) {
        let Some(index) = self.chosen(operand) else { return };
        let exchange = &mut self.exchanges[index];
        if !exchange.surfaced || exchange.server_gone || exchange.response.begun {
            return;
        }
        let (conn, out) = (&mut self.server.conn, &mut self.server.out);
        let stream = exchange.stream;
        let fields = [("x-answer", "indexed as well")];
        if operand & 8 != 0 {
            conn.send_informational(stream, 103, fields, out).expect("it is open");
        }
        let ends = operand & 0x30 == 0;
        let status = if ends { 204 } else { 200 };
        conn.send_response(stream, status, fields, ends, out).expect("it is open");
        exchange.response.begun = true;
        exchange.response.ends = ends;
        exchange.response.complete = ends;
    }

    /// One turn of a side: whether there was one.
    fn turn_client(&mut self) -> bool {
        let Some((stream, capacity)) = self.client.conn.next_writable() else { return false };
        let exchange = find(&mut self.exchanges, stream);
        let (data, end) = exchange.request.next(capacity, &mut self.filler);
        let (conn, out) = (&mut self.client.conn, &mut self.client.out);
        assert_eq!(conn.send_data(stream, &data, end, out), Ok(data.len()));
        if exchange.request.note(&data) {
            conn.send_trailers(stream, [("x-end", "yes")], out).expect("it is open");
        } else if exchange.request.left > 0 {
            conn.want_send(stream).expect("it is open");
        }
        true
    }

    fn turn_server(&mut self) -> bool {
        let Some((stream, capacity)) = self.server.conn.next_writable() else { return false };
        let exchange = find(&mut self.exchanges, stream);
        // What HEAD is answered with goes nowhere and needs no window.
        let capacity = if exchange.head { u32::MAX } else { capacity };
        let (data, end) = exchange.response.next(capacity, &mut self.filler);
        let (conn, out) = (&mut self.server.conn, &mut self.server.out);
        if capacity & 1 == 1 && !exchange.head {
            let splice = conn.send_data_splice(stream, data.len(), end, out).expect("it is open");
            assert_eq!(splice.len, data.len().min(1 << 14));
            assert_eq!(splice.len, data.len(), "content of a turn is short here");
            out.splice(splice.at..splice.at, data.iter().copied());
        } else {
            assert_eq!(conn.send_data(stream, &data, end, out), Ok(data.len()));
        }
        if exchange.response.note(&data) {
            conn.send_trailers(stream, [("x-end", "yes")], out).expect("it is open");
        } else if exchange.response.left > 0 {
            conn.want_send(stream).expect("it is open");
        }
        true
    }

    fn release(&mut self, operand: u8, server: bool) {
        let Some(index) = self.chosen(operand) else { return };
        let exchange = &mut self.exchanges[index];
        let message = if server { &mut exchange.request } else { &mut exchange.response };
        let part = message.credit.min(u32::from(operand >> 3) * 16 + 1);
        if part == 0 {
            return;
        }
        message.credit -= part;
        let (result, gone) = if server {
            let result = self.server.conn.release(exchange.stream, part, &mut self.server.out);
            (result, exchange.server_gone)
        } else {
            let result = self.client.conn.release(exchange.stream, part, &mut self.client.out);
            (result, exchange.client_gone)
        };
        assert_eq!(result, if gone { Err(SendError::NoStream) } else { Ok(()) }, "{exchange:?}");
    }

    fn reset(&mut self, operand: u8) {
        let Some(index) = self.chosen(operand) else { return };
        let exchange = &mut self.exchanges[index];
        let stream = exchange.stream;
        let gives_up = operand & 0x10 != 0;
        if operand & 8 == 0 {
            if !exchange.surfaced || exchange.server_gone {
                return;
            }
            let (conn, out) = (&mut self.server.conn, &mut self.server.out);
            // It may be over by itself.
            let _ = if gives_up {
                conn.done(stream, out)
            } else {
                conn.reset(stream, ErrorCode::CANCEL, out)
            };
            exchange.server_gone = true;
        } else if !exchange.client_gone {
            let (conn, out) = (&mut self.client.conn, &mut self.client.out);
            let _ = if gives_up {
                conn.done(stream, out)
            } else {
                conn.reset(stream, ErrorCode::CANCEL, out)
            };
            exchange.client_gone = true;
        }
    }

    fn change_settings(&mut self, operand: u8) {
        let number = u32::from(operand >> 4);
        let change = |settings: &mut h2_proto::Settings| match operand >> 1 & 3 {
            0 => settings.window_bytes = number * 20,
            1 => settings.header_table_bytes = number * 40,
            2 => settings.frame_bytes_max = 16_384 + number,
            _ => settings.streams_max = number,
        };
        let result = if operand & 1 == 0 {
            self.server.conn.update_settings(change, &mut self.server.out)
        } else {
            self.client.conn.update_settings(change, &mut self.client.out)
        };
        let expected =
            matches!(result, Ok(()) | Err(SendError::TooManyUnacknowledged | SendError::Closed));
        assert!(expected, "{result:?}");
    }

    fn rarely(&mut self, operand: u8) {
        match operand & 7 {
            0 => drop(self.server.conn.ping([operand; 8], &mut self.server.out)),
            1 => drop(self.client.conn.ping([operand; 8], &mut self.client.out)),
            2 | 3 => {
                let Some(index) = self.chosen(operand >> 3) else { return };
                let stream = self.exchanges[index].stream;
                let priority = Priority { urgency: operand >> 5, incremental: operand & 1 == 0 };
                let _ = self.client.conn.set_priority(stream, priority, &mut self.client.out);
            }
            4 if operand & 0x38 == 0x20 => self.shut_server_down(),
            5 if operand & 0x38 == 0x20 => self.shut_client_down(),
            6 => self.server.conn.shrink(),
            _ => self.client.conn.shrink(),
        }
    }

    fn shut_server_down(&mut self) {
        self.server.conn.shutdown(&mut self.server.out);
    }

    fn shut_client_down(&mut self) {
        self.client.conn.shutdown(&mut self.client.out);
    }

    // ---- the network ----

    fn carry_to_server(&mut self, octets: usize) {
        let carried = self.client.take(octets);
        for piece in carried.chunks(if self.drips { 1 } else { usize::MAX }) {
            self.server.input.extend_from_slice(piece);
            self.pull_server();
        }
        self.pull_server();
    }

    fn carry_to_client(&mut self, octets: usize) {
        let carried = self.server.take(octets);
        for piece in carried.chunks(if self.drips { 1 } else { usize::MAX }) {
            self.client.input.extend_from_slice(piece);
            self.pull_client();
        }
        self.pull_client();
    }

    fn pull_server(&mut self) {
        let End { conn, out, input, fields, .. } = &mut self.server;
        let mut rest = input.as_slice();
        loop {
            let event = match conn.next_event(&mut rest, fields, out) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => panic!("the server refuses what the client sent: {error}"),
            };
            match event {
                Event::Request { stream, head, end_stream, .. } => {
                    let exchange = find(&mut self.exchanges, stream);
                    assert!(!exchange.surfaced && !exchange.denied, "{exchange:?}");
                    let number = exchange.number.to_string();
                    assert_eq!(head.field("x-number"), Some(number.as_bytes()));
                    assert_eq!(head.path(), Some(&b"/a?b"[..]));
                    exchange.surfaced = true;
                    if end_stream {
                        exchange.request.arrived(None);
                    }
                }
                Event::Data { stream, data, credit, end_stream } => {
                    let exchange = find(&mut self.exchanges, stream);
                    assert!(!exchange.server_gone);
                    exchange.request.got(data, credit, end_stream);
                }
                Event::Trailers { stream, fields } => {
                    find(&mut self.exchanges, stream).request.arrived(Some(fields));
                }
                Event::Reset { stream, .. } => {
                    let exchange = find(&mut self.exchanges, stream);
                    exchange.server_gone = true;
                    conn.done(stream, out).expect("it was surfaced");
                }
                _ => {}
            }
        }
        self.paused |= conn.is_paused();
        assert!(rest.is_empty() || conn.is_paused() || conn.phase() == Phase::Closed);
        let used = input.len() - rest.len();
        input.drain(..used);
    }

    fn pull_client(&mut self) {
        let End { conn, out, input, fields, .. } = &mut self.client;
        let mut rest = input.as_slice();
        loop {
            let event = match conn.next_event(&mut rest, fields, out) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => panic!("the client refuses what the server sent: {error}"),
            };
            match event {
                Event::Response { stream, head, end_stream } => {
                    let exchange = find(&mut self.exchanges, stream);
                    assert!(!exchange.client_gone && exchange.response.begun);
                    assert_eq!(head.field("x-answer"), Some(&b"indexed as well"[..]));
                    if end_stream {
                        exchange.response.arrived(None);
                    }
                }
                Event::Data { stream, data, credit, end_stream } => {
                    let exchange = find(&mut self.exchanges, stream);
                    assert!(!exchange.client_gone);
                    if exchange.head {
                        assert!(data.is_empty());
                        exchange.response.received.clone_from(&exchange.response.content);
                    }
                    exchange.response.got(data, credit, end_stream);
                }
                Event::Trailers { stream, fields } => {
                    let exchange = find(&mut self.exchanges, stream);
                    if exchange.head {
                        exchange.response.received.clone_from(&exchange.response.content);
                    }
                    exchange.response.arrived(Some(fields));
                }
                Event::Reset { stream, verdict, .. } => {
                    let exchange = find(&mut self.exchanges, stream);
                    exchange.client_gone = true;
                    exchange.denied = verdict == Verdict::NotProcessed;
                    assert!(!exchange.denied || !exchange.surfaced, "it was processed");
                    conn.done(stream, out).expect("it was surfaced");
                }
                _ => {}
            }
        }
        self.paused |= conn.is_paused();
        assert!(rest.is_empty() || conn.is_paused() || conn.phase() == Phase::Closed);
        let used = input.len() - rest.len();
        input.drain(..used);
    }

    // ---- the end ----

    /// Both applications end what they began, and the network carries all.
    fn settle(&mut self) {
        // Nothing that was asked for is forbidden for ever.
        let out = &mut self.server.out;
        let limits = |settings: &mut h2_proto::Settings| {
            settings.streams_max = settings.streams_max.max(1);
            settings.window_bytes = settings.window_bytes.max(16);
        };
        let mut server_told = self.server.conn.update_settings(limits, out).is_ok();
        let (mut client_told, mut quiet_rounds) = (false, 0);
        for _ in 0..20_000 {
            let before = (self.server.sent.len(), self.client.sent.len());
            if !server_told {
                let out = &mut self.server.out;
                server_told = self.server.conn.update_settings(limits, out).is_ok();
            }
            if !client_told {
                let change = |settings: &mut h2_proto::Settings| {
                    settings.window_bytes = settings.window_bytes.max(16);
                };
                client_told =
                    self.client.conn.update_settings(change, &mut self.client.out).is_ok();
            }
            self.finish_messages();
            while self.turn_client() || self.turn_server() {}
            self.carry_to_server(usize::MAX);
            self.carry_to_client(usize::MAX);
            let quiet = before == (self.server.sent.len(), self.client.sent.len());
            if quiet && self.exchanges.iter().all(Exchange::is_over) {
                break;
            }
            // What was kept while input paused moves without the network.
            quiet_rounds = if quiet { quiet_rounds + 1 } else { 0 };
            if quiet_rounds > 2 {
                let left: Vec<_> = self.exchanges.iter().filter(|it| !it.is_over()).collect();
                panic!(
                    "nobody goes on: {left:?}\n{}\n{}",
                    self.client.conn.snapshot(),
                    self.server.conn.snapshot()
                );
            }
        }
        for (snapshot, window) in
            [self.server.conn.snapshot(), self.client.conn.snapshot()].into_iter().zip(self.window)
        {
            if snapshot.phase == Phase::Closed {
                continue;
            }
            assert_eq!((snapshot.peer_streams, snapshot.own_streams), (0, 0), "{snapshot}");
            assert_eq!((snapshot.pending, snapshot.unreleased_bytes), (0, 0), "{snapshot}");
            assert!(snapshot.receive_window > window / 2, "credit is lost: {snapshot}");
        }
    }

    fn finish_messages(&mut self) {
        for exchange in &mut self.exchanges {
            let stream = exchange.stream;
            let (conn, out) = (&mut self.client.conn, &mut self.client.out);
            if !exchange.client_gone && conn.phase() != Phase::Closed {
                let credit = core::mem::take(&mut exchange.response.credit);
                assert!(conn.release(stream, credit, out).is_ok() || credit == 0);
                if !exchange.request.ends {
                    exchange.request.ends = true;
                    // What waited when its client shut down is over, which is still to be told.
                    assert!(conn.want_send(stream).is_ok() || conn.is_draining());
                }
            }
            let (conn, out) = (&mut self.server.conn, &mut self.server.out);
            if exchange.surfaced && !exchange.server_gone && conn.phase() != Phase::Closed {
                let credit = core::mem::take(&mut exchange.request.credit);
                assert!(conn.release(stream, credit, out).is_ok() || credit == 0);
                if !exchange.response.begun {
                    let fields = [("x-answer", "indexed as well")];
                    conn.send_response(stream, 200, fields, false, out).expect("it is open");
                    exchange.response.begun = true;
                }
                if !exchange.response.ends {
                    exchange.response.ends = true;
                    conn.want_send(stream).expect("it is open");
                }
            }
        }
    }

    /// One more, if that is allowed: then the tables of both sides are the same.
    fn last_exchange(&mut self) {
        self.exchanges.clear();
        self.ask(0);
        if self.exchanges.is_empty() {
            return;
        }
        self.settle();
        let (client, server) = (self.client.conn.snapshot(), self.server.conn.snapshot());
        assert_eq!(client.encoder_table_bytes, server.decoder_table_bytes, "out of step");
        assert_eq!(server.encoder_table_bytes, client.decoder_table_bytes, "out of step");
    }

    fn end(&mut self, by_client: bool) {
        if by_client {
            self.client.conn.shutdown(&mut self.client.out);
        } else {
            self.shut_server_down();
        }
        for _ in 0..4 {
            self.carry_to_server(usize::MAX);
            self.carry_to_client(usize::MAX);
        }
        let phases = (self.client.conn.phase(), self.server.conn.phase());
        assert_eq!(phases, (Phase::Closed, Phase::Closed));
    }
}

fn find(exchanges: &mut [Exchange], stream: StreamId) -> &mut Exchange {
    exchanges.iter_mut().find(|it| it.stream == stream).expect("a stream that was opened")
}

impl<C: crate::h2_run::Connection> End<C> {
    fn new(conn: C, out: Vec<u8>) -> Self {
        Self { conn, out, input: Vec::new(), fields: FieldBuf::new(), sent: Vec::new() }
    }

    /// What the network takes of the output.
    fn take(&mut self, octets: usize) -> Vec<u8> {
        let octets = octets.min(self.out.len());
        let carried: Vec<u8> = self.out.drain(..octets).collect();
        self.conn.wrote(octets);
        assert_eq!(self.conn.unsent(), self.out.len() as u64);
        self.sent.extend_from_slice(&carried);
        carried
    }
}

impl Message {
    /// Content for a turn, and whether it is the end of the message.
    fn next(&self, capacity: u32, filler: &mut u8) -> (Vec<u8>, bool) {
        let octets = self.left.min(capacity as usize).min(1 << 14);
        let mut next = || {
            *filler = filler.wrapping_add(1);
            *filler
        };
        let data = (0..octets).map(|_| next()).collect();
        (data, self.ends && octets == self.left && !self.trailer)
    }

    /// It was accepted; whether trailers are due.
    fn note(&mut self, data: &[u8]) -> bool {
        self.content.extend_from_slice(data);
        self.left -= data.len();
        self.complete = self.ends && self.left == 0;
        self.complete && self.trailer
    }

    /// It arrived at the other side.
    fn got(&mut self, data: &[u8], credit: u32, end: bool) {
        assert!(!self.over && (!data.is_empty() || end));
        self.received.extend_from_slice(data);
        self.credit += credit;
        assert!(self.content.starts_with(&self.received), "other content");
        if end {
            self.arrived(None);
        }
    }

    fn arrived(&mut self, trailers: Option<&FieldBuf>) {
        assert!(!self.over && self.complete);
        assert_eq!(self.received, self.content);
        assert_eq!(self.trailer, trailers.is_some());
        if let Some(trailers) = trailers {
            assert_eq!(trailers.value("x-end"), Some(&b"yes"[..]));
        }
        self.over = true;
    }
}
