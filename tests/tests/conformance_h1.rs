//! What every server that is built on this has to do, from end to end and in virtual time.

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, Event, NextStep, OwnedEvent, ServerConnection, Verdict,
};
use tests::desk::Desk;
use tests::pair::{App, Pair};

const CONNECTIONS: usize = 1000;
const SECOND: Duration = Duration::from_secs(1);
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers each request with the same greeting.
#[derive(Debug)]
struct Hello;

impl App<ServerConnection> for Hello {
    fn on_event(
        &mut self,
        event: &Event<'_, '_>,
        conn: &mut ServerConnection,
        out: &mut Vec<u8>,
        _: Duration,
    ) {
        if let Event::Head { .. } = event {
            conn.respond(200, [("content-type", "text/plain")], b"Hello, world!", out).unwrap();
        }
    }

    fn pump(&mut self, _: &mut ServerConnection, _: &mut Vec<u8>, _: Duration) {}
}

/// Asks some times, one after the other, and keeps what comes.
#[derive(Debug, Default)]
struct Asker {
    times: usize,
    events: Vec<OwnedEvent>,
}

impl App<ClientConnection> for Asker {
    fn on_event(
        &mut self,
        event: &Event<'_, '_>,
        _: &mut ClientConnection,
        _: &mut Vec<u8>,
        _: Duration,
    ) {
        match (event, self.events.last_mut()) {
            (Event::Data(more), Some(OwnedEvent::Data(data))) => data.extend_from_slice(more),
            _ => self.events.push(event.to_owned()),
        }
    }

    fn pump(&mut self, conn: &mut ClientConnection, out: &mut Vec<u8>, _: Duration) {
        if self.times > 0 && conn.is_idle() {
            self.times -= 1;
            conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, out).unwrap();
        }
    }
}

#[test]
fn hello_world() {
    let asker = Asker { times: 3, ..Asker::default() };
    let servers = (Config::default(), Hello);
    let mut pair = Pair::new(servers, (Config::client(), asker), 1, SECOND / 10);
    pair.run();
    assert_eq!((&pair.client.error, pair.server.conn.requests()), (&None, 3));
    let events: Vec<_> = pair.client.app.events.iter().map(ToString::to_string).collect();
    let exchange = [
        "head HTTP/1.1 200 OK [content-type: text/plain, content-length: 13], content 13 octets",
        "data \"Hello, world!\"",
        "end",
    ];
    assert_eq!(events, exchange.repeat(3));
    // The server was the first to tire of waiting for a fourth, and told nobody off.
    assert!(pair.server.closed.is_some_and(|at| at > 5 * SECOND && at < 7 * SECOND));
    assert!(pair.client.closed.is_some_and(|at| at < 7 * SECOND));
    assert_eq!(pair.server.error.map(|error| error.rule()), Some("keep_alive_timeout"));
    assert_eq!(pair.client.conn.unfinished().count(), 0);
}

/// A server with room for so many connections, as an accept loop sees it.
struct Pool {
    now: Duration,
    slots: Vec<Desk<ServerConnection>>,
}

impl Pool {
    fn accept(&mut self) -> Option<&mut Desk<ServerConnection>> {
        if self.slots.len() >= CONNECTIONS {
            return None;
        }
        let mut desk = Desk::server(Config::default());
        desk.conn = ServerConnection::new(Config::default(), self.now);
        desk.now = self.now;
        self.slots.push(desk);
        self.slots.last_mut()
    }

    /// Time passes; what is over leaves, its answer sent and its lingering done.
    fn pass(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        let mut farewells = Vec::new();
        self.slots.retain_mut(|desk| {
            desk.tick(time);
            let said = desk.take();
            let over = match desk.conn.next_step() {
                NextStep::Close => true,
                NextStep::Linger { until, .. } => {
                    assert!(until <= self.now + 5 * SECOND);
                    true
                }
                _ => false,
            };
            if over {
                farewells.push(said);
            }
            !over
        });
        farewells
    }
}

#[test]
fn slow_loris_pool_exhaustion() {
    let mut pool = Pool { now: Duration::ZERO, slots: Vec::new() };
    for _ in 0..CONNECTIONS {
        pool.accept().expect("there is room");
    }
    assert!(pool.accept().is_none(), "the pool is exhausted");
    // Each drips one octet of a head that never ends, every second.
    let mut evicted = Vec::new();
    let mut seconds = 0;
    while pool.slots.len() == CONNECTIONS {
        for desk in &mut pool.slots {
            let drip = GET.as_bytes()[seconds];
            assert_eq!(desk.feed([drip]), []);
        }
        seconds += 1;
        evicted = pool.pass(SECOND);
        assert!(seconds < 20, "they hold the pool");
    }
    assert_eq!((seconds, evicted.len()), (5, CONNECTIONS));
    assert!(evicted.iter().all(|said| said.starts_with("HTTP/1.1 408 ")));
    // And now an honest client is served.
    let desk = pool.accept().expect("there is room again");
    assert_eq!(desk.feed(GET).len(), 2);
    desk.conn.respond(200, [("x", "y")], b"ok", &mut desk.out).unwrap();
    assert!(desk.take().ends_with("ok"));
}

#[test]
fn slow_bodies_and_slow_readers_exhaust_no_pool_either() {
    let mut pool = Pool { now: Duration::ZERO, slots: Vec::new() };
    for index in 0..CONNECTIONS {
        let desk = pool.accept().expect("there is room");
        if index % 2 == 0 {
            desk.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\nx");
        } else {
            desk.feed(GET);
            desk.conn.respond(200, [("x", "y")], &[b'x'; 99_999], &mut desk.out).unwrap();
        }
    }
    // The readers take one octet a second, the writers send one.
    let mut left = CONNECTIONS;
    for _ in 0..31 {
        pool.now += SECOND;
        pool.slots.retain_mut(|desk| {
            desk.now = pool.now;
            if desk.conn.unsent() == 0 {
                desk.feed("x");
            } else {
                desk.conn.wrote(1);
                desk.tick(Duration::ZERO);
            }
            desk.error.is_none()
        });
        left = pool.slots.len();
    }
    assert_eq!(left, 0, "at {:?}", pool.now);
}

#[test]
fn graceful_shutdown() {
    let mut pool = Pool { now: Duration::ZERO, slots: Vec::new() };
    for index in 0..CONNECTIONS {
        let desk = pool.accept().expect("there is room");
        match index % 5 {
            // Never asked anything.
            0 => {}
            // Idle between two requests.
            1 => {
                desk.feed(GET);
                desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
                assert!(!desk.take().contains("close"));
            }
            // A request waits for its answer, another one behind it.
            2 => assert_eq!(desk.feed(GET.repeat(2)).len(), 2),
            // An answer is under way.
            3 => {
                desk.feed(GET);
                let (conn, out) = (&mut desk.conn, &mut desk.out);
                conn.send_response(200, [("x", "y")], BodyLength::Chunked, out).unwrap();
                desk.take();
            }
            // An application that never answers.
            _ => assert_eq!(desk.feed(GET).len(), 2),
        }
    }
    for desk in &mut pool.slots {
        desk.conn.drain();
    }
    let share = CONNECTIONS / 5;

    // What was idle is gone at once, in silence.
    let gone = pool.pass(Duration::ZERO);
    assert_eq!(gone, vec![""; 2 * share]);

    // What is owed is answered, and says that it is the last.
    for desk in &mut pool.slots {
        let waits_for_two = !desk.input.is_empty();
        if waits_for_two {
            desk.conn.respond(200, [("x", "y")], b"ok", &mut desk.out).unwrap();
            assert_eq!(desk.pull(), [], "the one behind is not begun");
        } else if desk.conn.send_data(b"bye", &mut desk.out).is_ok() {
            desk.conn.finish(&mut desk.out).unwrap();
        }
    }
    let answered = pool.pass(SECOND);
    assert_eq!(answered.len(), 2 * share);
    let with_close = answered.iter().filter(|said| said.contains("connection: close\r\n")).count();
    let finished = answered.iter().filter(|said| said.ends_with("bye\r\n0\r\n\r\n")).count();
    assert_eq!((with_close, finished), (share, share));

    // What never ends is ended, at its deadline and not before.
    assert_eq!(pool.pass(28 * SECOND).len(), 0);
    assert_eq!(pool.pass(SECOND).len(), share);
    assert_eq!(pool.slots.len(), 0);
}

#[test]
fn graceful_shutdown_drops_no_answer() {
    for seed in 0..50 {
        let asker = Asker { times: usize::MAX, ..Asker::default() };
        let (server, client) = ((Config::default(), Hello), (Config::client(), asker));
        let mut pair = Pair::new(server, client, seed, SECOND / 10);
        pair.run_while(|pair| pair.now < 3 * SECOND);
        pair.server.conn.drain();
        pair.client.app.times = 0;
        pair.run();
        // Every request has its answer, or none of it was acted on.
        let answered =
            pair.client.app.events.iter().filter(|event| matches!(event, OwnedEvent::End { .. }));
        assert_eq!(answered.count(), pair.server.conn.requests() as usize, "seed {seed}");
        let verdicts: Vec<_> = pair.client.conn.unfinished().map(|(_, verdict)| verdict).collect();
        assert!(!verdicts.contains(&Verdict::Processed), "seed {seed}: {verdicts:?}");
        assert!(pair.client.closed.is_some() && pair.server.closed.is_some());
    }
}
