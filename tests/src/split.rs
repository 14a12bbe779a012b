//! Split invariance: however the transport cuts the octets, the same happens.
//!
//! [`server`], [`client`] and [`chunked`] run a machine over one input in many cuts (whole, octet
//! by octet, and in two pieces at every place), with a scripted caller that answers the events. The
//! buffer for heads is a new one at first, and later the one of the run before, which knows its field lines.
//! Events (adjacent data merged), output, error and next step have to be the same each time; what
//! they are is for the test to say.

use core::fmt;
use core::time::Duration;

use h1_proto::{
    BodyLength, ChunkedDecoder, ClientConnection, Config, ConnectionError, Decoded, ErrorKind,
    Event, Head, NextStep, OwnedEvent, ServerConnection, Verdict,
};

use crate::endpoint::Endpoint;

/// Up to so many octets every cut is tried; beyond, the ends and a sample between.
const CUTS_ALL_MAX: usize = 700;

/// Time does not pass within a run.
pub const START: Duration = Duration::from_secs(100);

/// What happened, whatever the cuts.
#[derive(Clone, PartialEq, Eq)]
pub struct Log {
    /// The events, adjacent data merged.
    pub events: Vec<OwnedEvent>,
    /// All that the connection sent.
    pub output: Vec<u8>,
    /// What ended it, if something did.
    pub error: Option<ConnectionError>,
    /// What the driver does at the end.
    pub next_step: NextStep,
    /// Input that was not used: the connection paused, closed or changed the protocol.
    pub left: Vec<u8>,
    /// On a client: what became of the requests without a complete response.
    pub unfinished: Vec<Verdict>,
}

impl Log {
    /// The kind of the error.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn kind(&self) -> ErrorKind {
        self.failure().kind()
    }

    /// The error.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn failure(&self) -> &ConnectionError {
        self.error.as_ref().unwrap_or_else(|| panic!("no error\n{self:?}"))
    }

    /// Asserts that a server refused the input with this status, said so, and closes.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn assert_refused(&self, status: u16) -> &Self {
        assert_eq!(self.failure().status(), Some(status), "{self:?}");
        assert_eq!(self.statuses().last(), Some(&status), "{self:?}");
        let answer = self.output_text();
        let answer = &answer[answer.rfind("HTTP/1.1 ").unwrap_or_default()..];
        assert!(answer.contains("\r\nconnection: close\r\n"), "{self:?}");
        assert!(
            matches!(self.next_step, NextStep::Linger { .. } | NextStep::Close),
            "closes: {self:?}"
        );
        self
    }

    /// Asserts that no error came.
    ///
    /// # Panics
    /// If one did.
    #[track_caller]
    pub fn assert_fine(&self) -> &Self {
        assert!(self.error.is_none(), "{self:?}");
        self
    }

    /// The heads of requests or final responses, in order.
    #[must_use]
    pub fn heads(&self) -> Vec<&Head> {
        let heads = self.events.iter().filter_map(|event| match event {
            OwnedEvent::Head { head, .. } => Some(head),
            _ => None,
        });
        heads.collect()
    }

    /// The framing of each message, in order.
    #[must_use]
    pub fn bodies(&self) -> Vec<BodyLength> {
        let body = |event: &OwnedEvent| match event {
            OwnedEvent::Head { body, .. } => Some(*body),
            _ => None,
        };
        self.events.iter().filter_map(body).collect()
    }

    /// The targets of the requests, in order.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        self.heads().iter().map(|head| lossy(head.target())).collect()
    }

    /// The statuses of interim responses received, in order.
    #[must_use]
    pub fn interim(&self) -> Vec<u16> {
        let status = |event: &OwnedEvent| match event {
            OwnedEvent::Informational(head) => Some(head.status()),
            _ => None,
        };
        self.events.iter().filter_map(status).collect()
    }

    /// The content of all messages, joined.
    #[must_use]
    pub fn content(&self) -> Vec<u8> {
        let mut content = Vec::new();
        for event in &self.events {
            if let OwnedEvent::Data(data) = event {
                content.extend_from_slice(data);
            }
        }
        content
    }

    /// The trailer sections of the messages that are complete, in order.
    #[must_use]
    pub fn ends(&self) -> Vec<&Head> {
        let ends = self.events.iter().filter_map(|event| match event {
            OwnedEvent::End { trailers } => Some(trailers),
            _ => None,
        });
        ends.collect()
    }

    /// Whether the protocol changed.
    #[must_use]
    pub fn upgraded(&self) -> bool {
        self.events.contains(&OwnedEvent::Upgraded)
    }

    /// The statuses of all responses in the output, interim ones included. Only for output whose
    /// content does not look like a status line.
    #[must_use]
    pub fn statuses(&self) -> Vec<u16> {
        statuses(&self.output)
    }

    /// The output as text.
    #[must_use]
    pub fn output_text(&self) -> String {
        lossy(&self.output)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.events {
            writeln!(f, "  {event}")?;
        }
        writeln!(f, "  sent \"{}\"", self.output.escape_ascii())?;
        writeln!(f, "  left \"{}\"", self.left.escape_ascii())?;
        if let Some(error) = &self.error {
            writeln!(f, "  {error:?}")?;
        }
        if !self.unfinished.is_empty() {
            writeln!(f, "  unfinished {:?}", self.unfinished)?;
        }
        write!(f, "  then {:?}", self.next_step)
    }
}

/// The statuses of the responses that these octets hold.
#[must_use]
pub fn statuses(output: &[u8]) -> Vec<u16> {
    let text = lossy(output);
    let lines = text.match_indices("HTTP/1.1 ").filter_map(|(at, _)| text.get(at + 9..at + 12));
    lines.filter_map(|digits| digits.parse().ok()).collect()
}

fn lossy(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Whether the peer closes its side after the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It stays open.
    Open,
    /// It sends no more.
    Eof,
}

/// A server with the default configuration whose client stays connected.
#[track_caller]
pub fn server(
    input: impl AsRef<[u8]>,
    caller: impl Fn(&Event<'_, '_>, &mut ServerConnection, &mut Vec<u8>),
) -> Log {
    server_with(Config::default(), Then::Open, input, caller)
}

/// A server over this input in all cuts, with its caller.
///
/// # Panics
/// If the cuts make a difference.
#[track_caller]
pub fn server_with(
    config: Config,
    then: Then,
    input: impl AsRef<[u8]>,
    caller: impl Fn(&Event<'_, '_>, &mut ServerConnection, &mut Vec<u8>),
) -> Log {
    let fresh = ServerConnection::new(config, START);
    every_cut(input.as_ref(), |pieces, head| {
        let mut conn = fresh.clone();
        run(&mut conn, pieces, then, Vec::new(), head, &caller)
    })
}

/// A client with the default configuration that has sent what `setup` says.
#[track_caller]
pub fn client(
    setup: impl Fn(&mut ClientConnection, &mut Vec<u8>),
    input: impl AsRef<[u8]>,
    then: Then,
) -> Log {
    client_with(Config::client(), setup, input, then, |_, _, _| {})
}

/// A client over this input in all cuts, after `setup`, with its caller.
///
/// # Panics
/// If the cuts make a difference.
#[track_caller]
pub fn client_with(
    config: Config,
    setup: impl Fn(&mut ClientConnection, &mut Vec<u8>),
    input: impl AsRef<[u8]>,
    then: Then,
    caller: impl Fn(&Event<'_, '_>, &mut ClientConnection, &mut Vec<u8>),
) -> Log {
    let fresh = ClientConnection::new(config, START);
    every_cut(input.as_ref(), |pieces, head| {
        let mut conn = fresh.clone();
        let mut out = Vec::new();
        setup(&mut conn, &mut out);
        conn.wrote(out.len());
        let mut log = run(&mut conn, pieces, then, out, head, &caller);
        log.unfinished = conn.unfinished().map(|(_, verdict)| verdict).collect();
        log
    })
}

/// A decoder alone over this input in all cuts: content, trailers and what is left as a log.
///
/// # Panics
/// If the cuts make a difference.
#[track_caller]
pub fn chunked(config: Config, input: impl AsRef<[u8]>) -> Log {
    let fresh = ChunkedDecoder::new(config);
    every_cut(input.as_ref(), |pieces, trailers| {
        let mut decoder = fresh.clone();
        let mut log = Log {
            events: Vec::new(),
            output: Vec::new(),
            error: None,
            next_step: NextStep::Read,
            left: Vec::new(),
            unfinished: Vec::new(),
        };
        for piece in pieces {
            let mut rest = *piece;
            loop {
                match decoder.decode(&mut rest, trailers) {
                    Ok(Decoded::Data(data)) => push(&mut log.events, &Event::Data(data)),
                    Ok(Decoded::NeedInput) => {
                        assert!(rest.is_empty(), "it wants more, so it has used what there was");
                        break;
                    }
                    Ok(Decoded::End) => {
                        if !matches!(log.events.last(), Some(OwnedEvent::End { .. })) {
                            push(&mut log.events, &Event::End { trailers });
                        }
                        log.left.extend_from_slice(rest);
                        break;
                    }
                    Err(error) => {
                        assert!(!decoder.is_complete());
                        log.error.get_or_insert(error);
                        break;
                    }
                }
            }
        }
        log
    })
}

/// Answers every request at once: 200, "ok".
pub fn ok_at_head(event: &Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>) {
    if let Event::Head { .. } = event {
        ok(conn, out);
    }
}

/// Answers every request when it is complete: 200, "ok".
pub fn ok_at_end(event: &Event<'_, '_>, conn: &mut ServerConnection, out: &mut Vec<u8>) {
    if let Event::End { .. } = event {
        ok(conn, out);
    }
}

/// Answers nothing.
pub fn silent(_: &Event<'_, '_>, _: &mut ServerConnection, _: &mut Vec<u8>) {}

fn ok(conn: &mut ServerConnection, out: &mut Vec<u8>) {
    conn.respond(200, [("x", "y")], b"ok", out).expect("an answer is owed");
}

#[track_caller]
fn every_cut(input: &[u8], mut run: impl FnMut(&[&[u8]], &mut Head) -> Log) -> Log {
    let mut head = Head::new();
    let whole = run(&[input], &mut head);
    let mut check = |pieces: &[&[u8]], head: &mut Head, how: &dyn fmt::Display| {
        let log = run(pieces, head);
        assert!(log == whole, "{how}:\n{log:?}\n\nwhole:\n{whole:?}");
    };
    let single: Vec<&[u8]> = input.chunks(1).collect();
    check(&single, &mut Head::new(), &"octet by octet");
    check(&[input], &mut head, &"again");
    check(&single, &mut head, &"octet by octet again");
    for cut in cuts(input.len()) {
        let (before, behind) = input.split_at(cut);
        check(&[before, behind], &mut head, &format_args!("cut at {cut}"));
    }
    whole
}

fn cuts(len: usize) -> impl Iterator<Item = usize> {
    let step = (len / CUTS_ALL_MAX).max(1);
    (1..len).filter(move |cut| cut % step == 0 || *cut < 64 || len - cut < 64)
}

/// Runs one connection over the pieces as a driver would, time standing still.
fn run<C: Endpoint>(
    conn: &mut C,
    pieces: &[&[u8]],
    then: Then,
    mut output: Vec<u8>,
    head: &mut Head,
    caller: &impl Fn(&Event<'_, '_>, &mut C, &mut Vec<u8>),
) -> Log {
    let mut events = Vec::new();
    let mut error = None;
    let mut input = Vec::new();
    let ends = usize::from(then == Then::Eof);
    for piece in pieces.iter().map(Some).chain(core::iter::repeat_n(None, ends)) {
        match piece {
            Some(octets) => input.extend_from_slice(octets),
            None => conn.eof(),
        }
        let mut out = Vec::new();
        let mut rest = input.as_slice();
        loop {
            match conn.next_event(&mut rest, head) {
                Ok(Some(event)) => {
                    push(&mut events, &event);
                    caller(&event, conn, &mut out);
                }
                Ok(None) => {
                    assert!(rest.is_empty() || conn.is_paused(), "input is left without a pause");
                    break;
                }
                Err(found) => {
                    conn.on_error(&found, &mut out);
                    let before = rest.len();
                    let again = conn.next_event(&mut rest, head);
                    assert!(
                        again.is_err_and(|again| again == found),
                        "the same error comes for ever"
                    );
                    assert_eq!(rest.len(), before, "nothing is parsed after an error");
                    error.get_or_insert(found);
                    break;
                }
            }
        }
        let used = input.len() - rest.len();
        input.drain(..used);
        conn.wrote(out.len());
        output.extend_from_slice(&out);
    }
    let fed: usize = pieces.iter().map(|piece| piece.len()).sum();
    assert!(conn.work() <= 4 * fed as u64 + 64, "work {} for {fed} octets", conn.work());
    Log {
        events,
        output,
        // Behind an error nothing is used, and how much was held before depends on the cut.
        left: if error.is_none() { input } else { Vec::new() },
        error,
        next_step: conn.next_step(),
        unfinished: Vec::new(),
    }
}

fn push(events: &mut Vec<OwnedEvent>, event: &Event<'_, '_>) {
    if let (Event::Data(more), Some(OwnedEvent::Data(data))) = (event, events.last_mut()) {
        data.extend_from_slice(more);
    } else {
        events.push(event.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "octet by octet")]
    fn a_caller_that_sees_the_cuts_is_found_out() {
        let input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";
        server(input, |event, conn, out| {
            if let Event::Data(data) = event {
                let interim = conn.send_informational(103, [("x", "y")], out);
                assert_eq!(interim, Ok(()), "{data:?}");
            }
        });
    }
}
