//! The ledger and those who do good work: with the default configuration they live, however much of
//! it they do. Time is virtual.
//!
//! What dies is in `h2_ledger_floods` and `attacks_h2_floods`.

use core::time::Duration;
use std::collections::VecDeque;

use h2_proto::{
    ClientConnection, Config, Event, FieldBuf, OwnedEvent, RequestLine, ServerConnection, StreamId,
};
use tests::frames::flag;
use tests::h2::{self, Desk, more};

/// So many times less where nothing is optimized.
const SLOW: u32 = if cfg!(debug_assertions) { 10 } else { 1 };

const TICK: Duration = Duration::from_millis(1);

// ---- a server in virtual time ----

/// A server with an application that takes its time.
struct Load {
    conn: ServerConnection,
    out: Vec<u8>,
    input: Vec<u8>,
    fields: FieldBuf,
    now: Duration,
    /// Streams that are to be answered, and when, in order.
    due: VecDeque<(Duration, StreamId)>,
    think: Duration,
    content: Vec<u8>,
    /// The most debt that there was.
    worst: u32,
    answered: u32,
    next: u32,
}

impl Load {
    fn new(think: Duration, content: usize) -> Self {
        let Desk { conn, .. } = Desk::server(Config::default());
        Self {
            conn,
            out: Vec::new(),
            input: Vec::new(),
            fields: FieldBuf::new(),
            now: Duration::ZERO,
            due: VecDeque::new(),
            think,
            content: vec![b'.'; content],
            worst: 0,
            answered: 0,
            next: 1,
        }
    }

    /// The client sends.
    fn send(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
    }

    /// The client begins a request; its stream.
    fn ask(&mut self, head: fn(u32) -> Vec<u8>) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.send(&head(stream));
        stream
    }

    /// What was sent arrives, what is due is answered, and a time passes.
    #[track_caller]
    fn pass(&mut self, time: Duration) {
        self.conn.arrived(self.now);
        let mut rest = self.input.as_slice();
        while let Some(event) =
            self.conn.next_event(&mut rest, &mut self.fields, &mut self.out).expect("it lives")
        {
            match event {
                Event::Request { stream, .. } => {
                    self.due.push_back((self.now + self.think, stream));
                }
                Event::Reset { stream, .. } => {
                    self.due.retain(|it| it.1 != stream);
                    self.conn.done(stream, &mut self.out).unwrap();
                }
                Event::Refused { .. } => panic!("{event}"),
                _ => {}
            }
        }
        assert!(rest.is_empty(), "it reads");
        self.input.clear();
        let mut read = 0;
        while let Some(&(_, stream)) = self.due.front().filter(|it| it.0 <= self.now) {
            self.due.pop_front();
            let fields = [("content-type", "text/plain")];
            let sent =
                self.conn.respond(stream, 200, fields, &self.content, &mut self.out).unwrap();
            assert_eq!(sent, self.content.len());
            self.answered += 1;
            read += sent as u32;
        }
        self.finish(time);
        // The client reads all of it, and announces that.
        if read > 0 {
            self.send(&h2::window_update(0, read));
        }
    }

    #[track_caller]
    fn finish(&mut self, time: Duration) {
        self.conn.wrote(self.out.len());
        self.out.clear();
        self.worst = self.worst.max(self.conn.debt());
        self.now += time;
        self.conn.advance(self.now, &mut self.out).expect("it lives");
    }

    /// It is far from dying.
    #[track_caller]
    fn is_fine(&self, worst: u32) {
        assert!(self.worst <= worst, "a debt of {}", self.worst);
    }
}

/// So many small requests every millisecond, answered at once.
fn small_requests(a_tick: u32, ticks: u32) {
    let mut load = Load::new(Duration::ZERO, 100);
    for _ in 0..ticks {
        for _ in 0..a_tick {
            load.ask(h2::get);
        }
        load.pass(TICK);
    }
    assert_eq!(load.answered, a_tick * ticks);
    load.is_fine(100);
}

#[test]
fn ten_thousand_requests_a_second_live() {
    small_requests(10, 120_000 / SLOW);
}

#[test]
fn a_hundred_thousand_requests_a_second_live() {
    small_requests(100, 6_000 / SLOW);
}

#[test]
fn hedged_calls_live() {
    // Each call is made twice over; the slower one is cancelled after 5 to 14 ms, before its answer.
    let mut load = Load::new(Duration::from_millis(15), 200);
    let call = |stream| [h2::post(stream), h2::data(stream, flag::END_STREAM, [0; 50])].concat();
    let mut cancels: VecDeque<(Duration, u32)> = VecDeque::new();
    for tick in 0..60_000 / SLOW {
        for _ in 0..2 {
            load.ask(call);
            let stream = load.ask(call);
            cancels.push_back((load.now + Duration::from_millis(5 + u64::from(tick % 5)), stream));
        }
        cancels.make_contiguous().sort();
        while let Some(&(_, stream)) = cancels.front().filter(|it| it.0 <= load.now) {
            cancels.pop_front();
            load.send(&h2::cancel(stream));
        }
        load.pass(TICK);
    }
    assert!(load.answered > 100_000 / SLOW);
    load.is_fine(2_000);
}

#[test]
fn keep_alive_pings_live() {
    // Every 10 seconds for a day, with nothing else; and every second beside calls.
    let mut load = Load::new(Duration::ZERO, 100);
    load.ask(h2::post);
    load.think = Duration::MAX;
    for _ in 0..8_640 {
        load.send(&h2::ping());
        load.pass(Duration::from_secs(10));
    }
    load.is_fine(100);
    let mut load = Load::new(Duration::from_millis(3), 100);
    for tick in 0..60_000 / SLOW {
        load.ask(h2::get);
        if tick % 1_000 == 0 {
            load.send(&h2::ping());
        }
        load.pass(TICK);
    }
    load.is_fine(100);
}

#[test]
fn pings_that_measure_an_upload_live() {
    // One every millisecond, beside the content that it measures.
    let mut load = Load::new(Duration::MAX / 2, 0);
    let stream = load.ask(h2::post);
    for _ in 0..60_000 / SLOW {
        load.send(&h2::data(stream, 0, [0; 1_000]));
        load.send(&h2::ping());
        load.pass(TICK);
    }
    load.is_fine(100);
}

/// A server sends content without end, in pieces as the client's windows allow; each piece is
/// followed by what `answer` says.
fn download(
    pieces: u32,
    window: u32,
    each: Duration,
    answer: impl Fn(u32, u32) -> Vec<u8>,
) -> Load {
    let mut load = Load::new(Duration::MAX / 2, 0);
    load.send(&h2::settings(&[(more::INITIAL_WINDOW_SIZE, window)]));
    let stream = load.ask(h2::get);
    load.pass(TICK);
    let id = StreamId::new(stream);
    load.conn.send_response(id, 200, [("a", "b")], false, &mut load.out).unwrap();
    load.conn.want_send(id).unwrap();
    let content = vec![b'.'; 1 << 16];
    for _ in 0..pieces {
        let mut sent = 0;
        while let Some((stream, _)) = load.conn.next_writable() {
            sent += load.conn.send_data(stream, &content, false, &mut load.out).unwrap();
        }
        assert!(sent > 0, "the window is open");
        load.finish(each);
        load.send(&answer(stream, sent as u32));
        load.pass(Duration::ZERO);
    }
    load
}

fn both_windows(stream: u32, octets: u32) -> Vec<u8> {
    [h2::window_update(stream, octets), h2::window_update(0, octets)].concat()
}

#[test]
fn a_slow_link_lives() {
    // A modem: packets of 536 octets, each announced on the stream and the connection.
    download(20_000, 536, Duration::from_millis(100), both_windows).is_fine(100);
    // A reader of 100 octets, ten times a second.
    download(20_000, 100, Duration::from_millis(100), both_windows).is_fine(1_000);
}

#[test]
fn a_fast_link_with_windows_of_one_packet_lives() {
    download(200_000 / SLOW, 1_460, Duration::from_micros(100), both_windows).is_fine(100);
}

#[test]
fn pings_that_measure_a_download_live() {
    // One every millisecond, while content goes the other way.
    let ping = |stream, octets| [both_windows(stream, octets), h2::ping()].concat();
    download(60_000 / SLOW, 16_000, TICK, ping).is_fine(1_000);
}

#[test]
fn small_messages_each_of_which_is_announced_live() {
    let mut load = Load::new(Duration::MAX / 2, 0);
    let stream = load.ask(h2::get);
    load.pass(TICK);
    let id = StreamId::new(stream);
    load.conn.send_response(id, 200, [("a", "b")], false, &mut load.out).unwrap();
    for _ in 0..60_000 / SLOW {
        assert_eq!(load.conn.send_data(id, &[0; 100], false, &mut load.out), Ok(100));
        load.finish(TICK);
        load.send(&both_windows(stream, 100));
        load.pass(Duration::ZERO);
    }
    load.is_fine(100);
}

#[test]
fn an_upload_in_crumbs_lives() {
    // A key that is pressed is a frame of one octet.
    let mut load = Load::new(Duration::MAX / 2, 0);
    let stream = load.ask(h2::post);
    for _ in 0..100_000 / SLOW {
        load.send(&h2::data(stream, 0, "x"));
        load.pass(TICK);
    }
    load.is_fine(100);
}

#[test]
fn long_polls_that_are_given_up_live() {
    // Fifty at a time; each is given up after five seconds and asked again, for an hour.
    let mut load = Load::new(Duration::MAX / 2, 0);
    let mut polls: VecDeque<u32> = (0..50).map(|_| load.ask(h2::get)).collect();
    for _ in 0..36_000 / SLOW {
        let stream = polls.pop_front().unwrap();
        load.send(&h2::cancel(stream));
        polls.push_back(load.ask(h2::get));
        load.pass(Duration::from_millis(100));
    }
    load.is_fine(1_000);
}

#[test]
fn a_browser_that_gives_most_of_its_pages_up_lives() {
    // Sixty requests a page, a page every two seconds for an hour; of six pages in ten only a
    // third is there when the reader goes on.
    let mut load = Load::new(Duration::from_millis(40), 1_000);
    for page in 0..1_800_u32 {
        let given_up = page % 10 < 6;
        let mut streams = Vec::new();
        for _ in 0..20 {
            streams.push(load.ask(h2::get));
        }
        load.pass(Duration::from_millis(30));
        let rest: Vec<u32> = (0..40).map(|_| load.ask(h2::get)).collect();
        load.pass(Duration::from_millis(10));
        if given_up {
            rest.iter().for_each(|stream| load.send(&h2::cancel(*stream)));
        }
        load.pass(Duration::from_millis(60));
        load.pass(Duration::from_millis(1_900));
    }
    assert!(load.answered >= 1_800 * 20);
    load.is_fine(2_000);
}

// ---- a client in virtual time ----

#[test]
fn a_server_that_sends_crumbs_and_asks_whether_we_live_lives() {
    // Tokens of a chat, a hundred a second, windows in between, a PING every ten seconds.
    let mut desk = Desk::client(Config::default());
    desk.get();
    desk.feed(h2::headers(1, 0, [0x88]));
    for tick in 0..60_000_u32 / SLOW {
        let events = desk.feed(h2::data(1, 0, "token"));
        assert!(matches!(events[..], [OwnedEvent::Data { .. }]));
        if tick % 1_000 == 0 {
            desk.feed([h2::ping(), h2::window_update(0, 100)].concat());
        }
        desk.take();
        assert!(desk.tick(Duration::from_millis(10)) && desk.conn.debt() < 100);
    }
}

/// A client of a server whose answers compress well: 10,000 a second.
#[test]
fn a_client_whose_answers_compress_well_lives() {
    const FIELDS: [(&str, &str); 5] = [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "0"),
        ("date", "Sat, 21 Nov 2026 08:12:31 GMT"),
        ("server", "example/1.0"),
        ("cache-control", "max-age=60"),
    ];
    let (mut up, mut down, mut fields) = (Vec::new(), Vec::new(), FieldBuf::new());
    let mut client = ClientConnection::new(Config::default(), Duration::ZERO, &mut up);
    let mut server = ServerConnection::new(Config::default(), Duration::ZERO, &mut down);
    for number in 0..40_000_u32 {
        let now = Duration::from_micros(100) * number;
        let line = RequestLine::new("GET", "https", "a.example", "/");
        client.send_request(line, [("accept", "*/*")], true, &mut up).unwrap();
        client.wrote(up.len());
        let mut input = &up[..];
        while let Some(event) = server.next_event(&mut input, &mut fields, &mut down).unwrap() {
            if let Event::Request { stream, .. } = event {
                server.send_response(stream, 200, FIELDS, true, &mut down).unwrap();
            }
        }
        server.advance(now, &mut down).unwrap();
        server.wrote(down.len());
        up.clear();
        let mut input = &down[..];
        while client.next_event(&mut input, &mut fields, &mut up).unwrap().is_some() {}
        client.advance(now, &mut up).unwrap();
        down.clear();
    }
    assert!(client.debt() < 100 && server.debt() < 100);
}
