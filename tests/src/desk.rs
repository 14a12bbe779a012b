//! A connection on a desk: a test feeds it by hand and is its clock.

use core::time::Duration;

use h1_proto::{ClientConnection, Config, ConnectionError, Head, OwnedEvent, ServerConnection};

use crate::endpoint::Endpoint;

/// One connection with its buffers, at a time that the test sets.
#[derive(Debug)]
pub struct Desk<C> {
    /// The connection.
    pub conn: C,
    /// Output that the transport has not taken.
    pub out: Vec<u8>,
    /// Input that the connection has not used.
    pub input: Vec<u8>,
    /// The first error, which was answered as its side does.
    pub error: Option<ConnectionError>,
    /// What time it is.
    pub now: Duration,
    head: Head,
}

impl Desk<ServerConnection> {
    /// A server at time 0.
    #[must_use]
    pub fn server(config: Config) -> Self {
        Self::around(ServerConnection::new(config, Duration::ZERO))
    }
}

impl Desk<ClientConnection> {
    /// A client at time 0.
    #[must_use]
    pub fn client(config: Config) -> Self {
        Self::around(ClientConnection::new(config, Duration::ZERO))
    }
}

impl<C: Endpoint> Desk<C> {
    fn around(conn: C) -> Self {
        Self {
            conn,
            out: Vec::new(),
            input: Vec::new(),
            error: None,
            now: Duration::ZERO,
            head: Head::new(),
        }
    }

    /// Octets arrive: pulls all events, then tells the time.
    pub fn feed(&mut self, octets: impl AsRef<[u8]>) -> Vec<OwnedEvent> {
        self.input.extend_from_slice(octets.as_ref());
        self.conn.arrived(self.now);
        let events = self.pull();
        self.tick(Duration::ZERO);
        events
    }

    /// Pulls all events of the input that is there.
    pub fn pull(&mut self) -> Vec<OwnedEvent> {
        let mut events = Vec::new();
        let mut rest = self.input.as_slice();
        let error = loop {
            match self.conn.next_event(&mut rest, &mut self.head) {
                Ok(Some(event)) => events.push(event.to_owned()),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        self.fail(error);
        events
    }

    /// The peer sends no more.
    pub fn eof(&mut self) -> Vec<OwnedEvent> {
        self.conn.eof();
        self.feed("")
    }

    /// Time passes. Whether nothing expired.
    pub fn tick(&mut self, time: Duration) -> bool {
        self.now += time;
        let error = self.conn.advance(self.now).err();
        let fine = error.is_none();
        self.fail(error);
        fine
    }

    /// Waits for the next deadline, whatever it is, and lets it pass.
    ///
    /// # Panics
    /// If nothing is waited for.
    pub fn wait(&mut self) -> Duration {
        let until = self.conn.next_deadline().expect("something is waited for");
        assert!(until > self.now, "a deadline that has passed would keep a driver spinning");
        self.tick(until - self.now);
        until
    }

    /// The transport takes all of the output.
    pub fn take(&mut self) -> String {
        self.conn.wrote(self.out.len());
        String::from_utf8_lossy(&core::mem::take(&mut self.out)).into_owned()
    }

    fn fail(&mut self, error: Option<ConnectionError>) {
        if let Some(error) = error
            && self.error.is_none()
        {
            self.conn.on_error(&error, &mut self.out);
            self.error = Some(error);
        }
    }
}
