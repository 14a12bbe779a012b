//! A client and a server plugged into each other, in memory and in virtual time.
//!
//! Writes are cut and delayed by a seeded generator; order is kept, as TCP does. Nothing sleeps:
//! when nobody can go on, the time jumps to the next arrival or deadline.

use core::time::Duration;

use h1_proto::{
    ClientConnection, Config, ConnectionError, Event, Head, NextStep, ServerConnection,
};

use crate::endpoint::Endpoint;
use crate::rng::Rng;

/// Steps after which a run counts as endless.
const STEPS_MAX: usize = 200_000;

/// What runs on top of a connection.
pub trait App<C> {
    /// Something happened; it may be answered at once.
    fn on_event(&mut self, event: &Event<'_, '_>, conn: &mut C, out: &mut Vec<u8>, now: Duration);

    /// Once a wake: send what is ready.
    fn pump(&mut self, conn: &mut C, out: &mut Vec<u8>, now: Duration);

    /// When `pump` has something to do without input.
    fn deadline(&self) -> Option<Duration> {
        None
    }
}

/// One end: a connection, its application, and the wire towards it.
#[derive(Debug)]
pub struct Side<C, A> {
    /// The connection.
    pub conn: C,
    /// What runs on it.
    pub app: A,
    /// The first error of the peer.
    pub error: Option<ConnectionError>,
    /// When it closed the transport.
    pub closed: Option<Duration>,
    head: Head,
    input: Vec<u8>,
    out: Vec<u8>,
    /// What is on the way here, oldest first, with its time of arrival.
    wire: Vec<(Duration, Packet)>,
    /// It has shut down its sending half.
    shut: bool,
}

#[derive(Debug)]
enum Packet {
    Octets(Vec<u8>),
    /// The other side sends no more.
    End,
}

/// Both ends.
#[derive(Debug)]
pub struct Pair<S, C> {
    /// The server's end.
    pub server: Side<ServerConnection, S>,
    /// The client's end.
    pub client: Side<ClientConnection, C>,
    /// What time it is.
    pub now: Duration,
    wires: Wires,
}

/// How writes become arrivals.
#[derive(Debug)]
struct Wires {
    rng: Rng,
    latency_max: Duration,
}

impl<S: App<ServerConnection>, C: App<ClientConnection>> Pair<S, C> {
    /// A connection that was just established, at time 0.
    pub fn new(
        (server, server_app): (Config, S),
        (client, client_app): (Config, C),
        seed: u64,
        latency_max: Duration,
    ) -> Self {
        let now = Duration::ZERO;
        Self {
            server: Side::new(ServerConnection::new(server, now), server_app),
            client: Side::new(ClientConnection::new(client, now), client_app),
            now,
            wires: Wires { rng: Rng::new(seed), latency_max },
        }
    }

    /// Runs until both have closed or nobody waits for anything.
    ///
    /// # Panics
    /// If that does not come.
    pub fn run(&mut self) {
        self.run_while(|_| true);
    }

    /// Runs for as long as the condition holds.
    ///
    /// # Panics
    /// If it never ends.
    pub fn run_while(&mut self, condition: impl Fn(&Self) -> bool) {
        for _ in 0..STEPS_MAX {
            if !condition(self) || !self.step() {
                return;
            }
        }
        panic!("no end at {:?}", self.now);
    }

    /// One wake of each side, or the time jumps. False if nothing is waited for.
    pub fn step(&mut self) -> bool {
        let Self { server, client, now, wires } = self;
        let moved = server.wake(*now, wires, &mut client.wire);
        let moved = client.wake(*now, wires, &mut server.wire) || moved;
        if moved {
            return true;
        }
        let Some(next) = [server.next_wake(), client.next_wake()].into_iter().flatten().min()
        else {
            return false;
        };
        assert!(next > *now, "a side asks to be woken at {next:?}, which is past");
        *now = next;
        true
    }
}

impl<C: Endpoint, A: App<C>> Side<C, A> {
    fn new(conn: C, app: A) -> Self {
        Self {
            conn,
            app,
            error: None,
            closed: None,
            head: Head::new(),
            input: Vec::new(),
            out: Vec::new(),
            wire: Vec::new(),
            shut: false,
        }
    }

    /// The loop of every driver, once. Whether anything moved.
    fn wake(
        &mut self,
        now: Duration,
        wires: &mut Wires,
        peer: &mut Vec<(Duration, Packet)>,
    ) -> bool {
        if self.closed.is_some() {
            return false;
        }
        let read = self.read(now);
        self.pull(now);
        self.app.pump(&mut self.conn, &mut self.out, now);
        // What ends with a deadline (the wait for a 100) may set the application free.
        let due = self.conn.next_deadline().is_some_and(|at| at <= now);
        if let Err(error) = self.conn.advance(now) {
            self.fail(error);
        }
        let wrote = self.write(now, wires, peer);
        let step = self.conn.next_step();
        let over = match step {
            NextStep::Linger { until, .. } => now >= until,
            NextStep::Close => true,
            _ => false,
        };
        if matches!(step, NextStep::Linger { .. } | NextStep::Close) && !self.shut {
            self.shut = true;
            peer.push((wires.arrival(now, peer), Packet::End));
        }
        if over {
            self.closed = Some(now);
        }
        read || due || wrote || over
    }

    fn read(&mut self, now: Duration) -> bool {
        let step = self.conn.next_step();
        let reads = matches!(step, NextStep::Read | NextStep::Linger { .. });
        if !reads || self.wire.first().is_none_or(|(at, _)| *at > now) {
            return false;
        }
        self.conn.arrived(now);
        match self.wire.remove(0).1 {
            Packet::Octets(octets) if step == NextStep::Read => self.input.extend(octets),
            Packet::Octets(_) => {}
            Packet::End => self.conn.eof(),
        }
        true
    }

    fn pull(&mut self, now: Duration) {
        let mut rest = self.input.as_slice();
        let error = loop {
            match self.conn.next_event(&mut rest, &mut self.head) {
                Ok(Some(event)) => {
                    self.app.on_event(&event, &mut self.conn, &mut self.out, now);
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        if let Some(error) = error {
            self.fail(error);
        }
    }

    fn fail(&mut self, error: ConnectionError) {
        if self.error.is_none() {
            self.conn.on_error(&error, &mut self.out);
            self.error = Some(error);
        }
    }

    /// The transport takes a part of the output.
    fn write(
        &mut self,
        now: Duration,
        wires: &mut Wires,
        peer: &mut Vec<(Duration, Packet)>,
    ) -> bool {
        if self.out.is_empty() {
            return false;
        }
        let takes = wires.piece(self.out.len());
        let octets: Vec<u8> = self.out.drain(..takes).collect();
        self.conn.wrote(takes);
        peer.push((wires.arrival(now, peer), Packet::Octets(octets)));
        true
    }

    fn next_wake(&self) -> Option<Duration> {
        if self.closed.is_some() {
            return None;
        }
        let step = self.conn.next_step();
        let reads = matches!(step, NextStep::Read | NextStep::Linger { .. });
        let arrival = self.wire.first().filter(|_| reads).map(|(at, _)| *at);
        let linger = match step {
            NextStep::Linger { until, .. } => Some(until),
            _ => None,
        };
        let waits = [arrival, linger, self.conn.next_deadline(), self.app.deadline()];
        waits.into_iter().flatten().min()
    }
}

impl Wires {
    /// How much of a write is taken: often all, sometimes an octet.
    fn piece(&mut self, octets: usize) -> usize {
        match self.rng.below(4) {
            0 => 1,
            1 => 1 + self.rng.below(octets),
            _ => octets,
        }
    }

    /// When it arrives: never before what went earlier.
    fn arrival(&mut self, now: Duration, wire: &[(Duration, Packet)]) -> Duration {
        let micros = usize::try_from(self.latency_max.as_micros()).unwrap_or(usize::MAX - 1);
        let delay = Duration::from_micros(1 + self.rng.below(micros + 1) as u64);
        (now + delay).max(wire.last().map_or(Duration::ZERO, |(at, _)| *at))
    }
}
