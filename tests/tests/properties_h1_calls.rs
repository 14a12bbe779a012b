//! No order of calls breaks a connection of HTTP/1.1, whatever its peer sends.

mod properties_h1_made;

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, ConnectionError, Deadline, ErrorKind, Event, Head,
    ServerConnection,
};
use properties_h1_made::{Mess, assert_bounded, below, check};
use quickcheck::{Arbitrary, Gen};
use tests::endpoint::Endpoint;

/// One call.
#[derive(Clone, Debug)]
enum Call {
    Feed(Mess),
    Pull,
    Eof,
    Respond(u16),
    Informational(u16),
    Begin(u16, BodyLength),
    Data(u8),
    Splice(u8),
    Finish,
    Trailers,
    Abandon,
    Abort,
    Drain,
    CloseAfter,
    Request(&'static str, BodyLength),
    RespondError,
    Wrote(u16),
    Arrived(u16),
    Advance(u16),
    Shrink,
}

impl Arbitrary for Call {
    fn arbitrary(g: &mut Gen) -> Self {
        let status = *g.choose(&[0, 100, 101, 103, 199, 200, 204, 304, 404, 999, 1000]).unwrap();
        let lengths = [
            BodyLength::None,
            BodyLength::Known(0),
            BodyLength::Known(20),
            BodyLength::Chunked,
            BodyLength::UntilClose,
        ];
        let body = *g.choose(&lengths).unwrap();
        match below(g, 33) {
            0..=6 => Self::Feed(Mess::arbitrary(g)),
            7..=9 => Self::Pull,
            10 => Self::Eof,
            11..=13 => Self::Respond(status),
            14 => Self::Informational(status),
            15..=16 => Self::Begin(status, body),
            17 => Self::Data(u8::arbitrary(g)),
            18 => Self::Splice(u8::arbitrary(g)),
            19..=20 => Self::Finish,
            21 => Self::Trailers,
            22 => Self::Abandon,
            23 => Self::Abort,
            24 => Self::Drain,
            25 => Self::CloseAfter,
            26 | 27 => {
                let method = *g.choose(&["GET", "HEAD", "POST", "CONNECT", "G T"]).unwrap();
                Self::Request(method, body)
            }
            28 => Self::RespondError,
            29 => Self::Wrote(u16::arbitrary(g)),
            30 => Self::Arrived(u16::arbitrary(g)),
            31 => Self::Advance(u16::arbitrary(g)),
            _ => Self::Shrink,
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match self {
            Self::Feed(mess) => Box::new(mess.shrink().map(Self::Feed)),
            _ => quickcheck::empty_shrinker(),
        }
    }
}

/// A small configuration, so that limits and deadlines are met.
fn tight(mut config: Config) -> Config {
    (config.output_bytes_max, config.unread_body_bytes_max) = (200, 10);
    (config.requests_max, config.pipeline_max) = (Some(5), 3);
    (config.head_timeout, config.body_timeout) =
        (Duration::from_millis(90), Duration::from_millis(70));
    config.send_timeout = Duration::from_millis(110);
    config
}

/// A connection under calls, with what must be true of it after each.
struct Bench<C> {
    conn: C,
    input: Vec<u8>,
    head: Head,
    out: Vec<u8>,
    fed: usize,
    now: Duration,
    error: Option<ConnectionError>,
    unsent: u64,
}

impl<C: Endpoint> Bench<C> {
    fn new(conn: C) -> Self {
        Self {
            conn,
            input: Vec::new(),
            head: Head::new(),
            out: Vec::new(),
            fed: 0,
            now: Duration::ZERO,
            error: None,
            unsent: 0,
        }
    }

    /// Pulls to the end. One error is the same for ever.
    fn pull(&mut self) {
        let mut rest = self.input.as_slice();
        loop {
            match self.conn.next_event(&mut rest, &mut self.head) {
                Ok(Some(event)) => {
                    assert_eq!(self.error, None, "{event} behind an error");
                    if let Event::Data(data) = event {
                        assert!(!data.is_empty());
                    }
                }
                Ok(None) => {
                    assert!(rest.is_empty() || self.conn.is_paused(), "waits for nothing");
                    assert_eq!(self.error, None, "the error was told before");
                    break;
                }
                Err(error) => {
                    assert_eq!(*self.error.get_or_insert_with(|| error.clone()), error);
                    break;
                }
            }
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
    }

    fn time(&mut self, millis: u16) {
        self.now += Duration::from_millis(u64::from(millis % 64));
        if let Err(error) = self.conn.advance(self.now) {
            // Behind the first error only the output and the end of it all are waited for.
            let late =
                matches!(error.kind(), ErrorKind::Deadline(Deadline::Send | Deadline::Drain));
            assert!(self.error.is_none() || late, "{error} behind {:?}", self.error);
            let _ = self.error.get_or_insert(error);
        }
        let next = self.conn.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "a driver would spin: {next:?}");
    }

    /// After a call to send: an error has changed nothing, and what was appended is accounted.
    fn sent<T, E>(&mut self, before: usize, promised: usize, result: &Result<T, E>, unsent: u64) {
        let appended = self.out.len() - before + promised;
        assert!(result.is_ok() || appended == 0, "a refused call wrote something");
        assert_eq!(unsent, self.unsent + appended as u64);
        self.unsent = unsent;
    }
}

#[test]
fn no_order_of_calls_breaks_a_server() {
    fn property(calls: Vec<Call>) {
        let conn = ServerConnection::new(tight(Config::default()), Duration::ZERO);
        let mut bench = Bench::new(conn);
        let content = [b'x'; 255];
        for call in calls {
            let (before, mut promised) = (bench.out.len(), 0);
            let (conn, out) = (&mut bench.conn, &mut bench.out);
            let result = match call {
                Call::Feed(Mess(octets)) => {
                    bench.fed += octets.len();
                    bench.input.extend_from_slice(&octets);
                    bench.pull();
                    Ok(())
                }
                Call::Pull => {
                    bench.pull();
                    Ok(())
                }
                Call::Eof => {
                    conn.eof();
                    bench.pull();
                    Ok(())
                }
                Call::Respond(status) => conn.respond(status, [("x", "y")], b"hello", out),
                Call::Informational(status) => conn.send_informational(status, [("x", "y")], out),
                Call::Begin(status, body) => {
                    conn.send_response(status, [("upgrade", "x")], body, out)
                }
                Call::Data(octets) => {
                    conn.send_data(&content[..usize::from(octets)], out).map(|_| ())
                }
                Call::Splice(octets) => conn.send_data_splice(octets.into(), out).map(|splice| {
                    promised = splice.len;
                }),
                Call::Finish => conn.finish(out),
                Call::Trailers => conn.send_trailers([("x", "y")], out),
                Call::Abandon => {
                    conn.abandon_body();
                    Ok(())
                }
                Call::Abort => {
                    conn.abort_response();
                    Ok(())
                }
                Call::Drain => {
                    conn.drain();
                    Ok(())
                }
                Call::CloseAfter => {
                    conn.close_after();
                    Ok(())
                }
                Call::RespondError => {
                    if let Some(error) = &bench.error {
                        conn.respond_error(error, out);
                    }
                    Ok(())
                }
                Call::Wrote(octets) => {
                    let octets = u64::from(octets).min(bench.unsent);
                    conn.wrote(usize::try_from(octets).unwrap());
                    bench.unsent -= octets;
                    Ok(())
                }
                Call::Arrived(millis) => {
                    bench.now += Duration::from_millis(u64::from(millis % 8));
                    conn.arrived(bench.now);
                    Ok(())
                }
                Call::Advance(millis) => {
                    bench.time(millis);
                    Ok(())
                }
                Call::Shrink => {
                    conn.shrink();
                    Ok(())
                }
                Call::Request(..) => Ok(()),
            };
            let unsent = bench.conn.unsent();
            bench.sent(before, promised, &result, unsent);
            assert_bounded(&bench.conn, bench.fed);
            let _ = bench.conn.next_step();
        }
    }
    check(6000, 60, property as fn(Vec<Call>));
}

#[test]
fn no_order_of_calls_breaks_a_client() {
    fn property(calls: Vec<Call>) {
        let conn = ClientConnection::new(tight(Config::client()), Duration::ZERO);
        let mut bench = Bench::new(conn);
        let content = [b'x'; 255];
        for call in calls {
            let (before, mut promised) = (bench.out.len(), 0);
            let (conn, out) = (&mut bench.conn, &mut bench.out);
            let result = match call {
                Call::Feed(Mess(octets)) => {
                    bench.fed += octets.len();
                    bench.input.extend_from_slice(&octets);
                    bench.pull();
                    Ok(())
                }
                Call::Pull => {
                    bench.pull();
                    Ok(())
                }
                Call::Eof => {
                    conn.eof();
                    bench.pull();
                    Ok(())
                }
                Call::Request(method, body) => {
                    let target = if method == "CONNECT" { "a:1" } else { "/" };
                    let fields = [("host", if method == "CONNECT" { "a:1" } else { "a" })];
                    let able = conn.can_send_request();
                    let sent = conn.send_request((method, target), fields, body, out);
                    assert!(able || sent.is_err(), "it said that it cannot");
                    sent.map(|_| ())
                }
                Call::Respond(_) => {
                    let fields = [("host", "a"), ("upgrade", "x"), ("connection", "upgrade")];
                    conn.send_request(("GET", "/"), fields, BodyLength::None, out).map(|_| ())
                }
                Call::Begin(..) => {
                    let fields = [("host", "a"), ("expect", "100-continue")];
                    let body = BodyLength::Chunked;
                    conn.send_request(("PUT", "/"), fields, body, out).map(|_| ())
                }
                Call::Data(octets) => {
                    conn.send_data(&content[..usize::from(octets)], out).map(|_| ())
                }
                Call::Splice(octets) => conn.send_data_splice(octets.into(), out).map(|splice| {
                    promised = splice.len;
                }),
                Call::Finish => conn.finish(out),
                Call::Trailers => conn.send_trailers([("x", "y")], out),
                Call::Abandon | Call::Abort => {
                    conn.abandon_request();
                    Ok(())
                }
                Call::Drain => {
                    conn.drain();
                    Ok(())
                }
                Call::Wrote(octets) => {
                    let octets = u64::from(octets).min(bench.unsent);
                    conn.wrote(usize::try_from(octets).unwrap());
                    bench.unsent -= octets;
                    Ok(())
                }
                Call::Arrived(millis) => {
                    bench.now += Duration::from_millis(u64::from(millis % 8));
                    conn.arrived(bench.now);
                    Ok(())
                }
                Call::Advance(millis) => {
                    bench.time(millis);
                    Ok(())
                }
                Call::Shrink => {
                    conn.shrink();
                    Ok(())
                }
                Call::RespondError | Call::Informational(_) | Call::CloseAfter => Ok(()),
            };
            let unsent = bench.conn.unsent();
            bench.sent(before, promised, &result, unsent);
            assert_bounded(&bench.conn, bench.fed);
            assert_eq!(bench.conn.unfinished().count(), bench.conn.in_flight());
            assert!(bench.conn.in_flight() <= 3);
            let _ = bench.conn.next_step();
        }
    }
    check(6000, 60, property as fn(Vec<Call>));
}
