//! Any calls in any order, right and wrong, on a connection of HTTP/2 of either role, with any octets
//! from its peer between them: nothing panics, and a call that is refused has changed nothing.

use core::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use h2_proto::{
    ClientConnection, Config, ErrorCode, FieldBuf, Priority, RequestLine, SendError,
    ServerConnection, Snapshot, StreamId,
};

const FIELDS: [(&str, &str); 6] = [
    ("content-type", "text/plain"),
    ("Content-Length", "5"),
    ("connection", "close"),
    ("te", "trailers"),
    ("bad name", "x"),
    ("x-value", "line\r\nbreak"),
];

/// A call, or what the other side and the transport do.
#[derive(Arbitrary, Debug)]
enum Call {
    Feed(Vec<u8>),
    Frame { kind: u8, flags: u8, stream: u8, payload: Vec<u8> },
    Greet,
    Eof,
    Head { stream: u8, status: u16, fields: u8, end: bool, interim: bool },
    Data { stream: u8, octets: u16, end: bool, splice: bool },
    Trailers { stream: u8, fields: u8 },
    WantSend { stream: u8 },
    NextWritable,
    Release { stream: u8, octets: u32 },
    Done { stream: u8 },
    Reset { stream: u8, code: u32 },
    Ping,
    Settings { which: u8, value: u32 },
    Priority { stream: u8, urgency: u8, incremental: bool },
    Shutdown,
    Wrote(u32),
    Advance(u32),
    Shrink,
}

/// Runs the harness.
///
/// # Panics
/// If something panics, or a refused call has changed something.
pub fn check(input: &[u8]) {
    let mut source = Unstructured::new(input);
    let Ok((manual, push, greets)) = source.arbitrary::<(bool, bool, bool)>() else { return };
    let mut calls = Vec::new();
    if greets {
        calls.push(Call::Greet);
    }
    while let (false, Ok(call)) = (source.is_empty(), source.arbitrary()) {
        calls.push(call);
    }
    let mut config = Config::default();
    (config.manual_release, config.push) = (manual, push);
    config.body_timeout = Some(Duration::from_secs(5));
    config.ping_interval = Some(Duration::from_secs(3));
    let mut out = Vec::new();
    let mut server = ServerConnection::new(config.clone(), Duration::ZERO, &mut out);
    run_server(&mut server, &mut out, &calls);
    out.clear();
    let mut client = ClientConnection::new(config, Duration::ZERO, &mut out);
    run_client(&mut client, &mut out, &calls);
}

/// A refusal has changed nothing.
fn settle(result: Result<(), SendError>, before: (usize, Snapshot), after: (usize, Snapshot)) {
    if let Err(error) = result {
        assert_eq!(before.0, after.0, "{error}: output");
        assert_eq!(before.1.to_string(), after.1.to_string(), "{error}");
    }
}

fn fields(mask: u8) -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    FIELDS.into_iter().enumerate().filter(move |(at, _)| mask & 1 << at != 0).map(|it| it.1)
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = (payload.len() as u32).to_be_bytes();
    [&[high, middle, low, kind, flags, 0, 0, 0, stream], payload].concat()
}

macro_rules! run {
    ($name:ident, $connection:ty, $greeting:expr, $head:expr) => {
        fn $name(conn: &mut $connection, out: &mut Vec<u8>, calls: &[Call]) {
            let (mut fields_of, mut input) = (FieldBuf::new(), Vec::new());
            let mut now = Duration::ZERO;
            let head: fn(&mut $connection, &Call, &mut Vec<u8>) -> Result<(), SendError> = $head;
            for call in calls {
                let before = (out.len(), conn.snapshot());
                let mut pulls = true;
                match call {
                    Call::Feed(octets) => input.extend_from_slice(octets),
                    Call::Frame { kind, flags, stream, payload } => {
                        input.extend(frame(*kind, *flags, *stream, payload));
                    }
                    Call::Greet => input.extend($greeting),
                    Call::Eof => conn.eof(),
                    _ => pulls = false,
                }
                if pulls {
                    let mut rest = &input[..];
                    while let Ok(Some(_)) = conn.next_event(&mut rest, &mut fields_of, out) {}
                    let used = input.len() - rest.len();
                    input.drain(..used);
                    continue;
                }
                let id = |stream: &u8| StreamId::new(u32::from(*stream));
                let result = match call {
                    Call::Head { .. } => head(conn, call, out),
                    Call::Data { stream, octets, end, splice: false } => {
                        let data = vec![0; usize::from(*octets)];
                        conn.send_data(id(stream), &data, *end, out).map(drop)
                    }
                    Call::Data { stream, octets, end, splice: true } => {
                        let octets = usize::from(*octets);
                        conn.send_data_splice(id(stream), octets, *end, out).map(drop)
                    }
                    Call::Trailers { stream, fields: mask } => {
                        conn.send_trailers(id(stream), fields(*mask), out)
                    }
                    Call::WantSend { stream } => conn.want_send(id(stream)),
                    Call::Release { stream, octets } => conn.release(id(stream), *octets, out),
                    Call::Done { stream } => conn.done(id(stream), out),
                    Call::Reset { stream, code } => conn.reset(id(stream), ErrorCode(*code), out),
                    Call::Ping => conn.ping([1; 8], out),
                    Call::Settings { which, value } => conn.update_settings(
                        |settings| match which % 4 {
                            0 => settings.window_bytes = *value,
                            1 => settings.frame_bytes_max = *value,
                            2 => settings.header_table_bytes = *value,
                            _ => settings.streams_max = *value,
                        },
                        out,
                    ),
                    Call::Priority { stream, urgency, incremental } => {
                        let priority = Priority { urgency: *urgency, incremental: *incremental };
                        conn.set_priority(id(stream), priority, out)
                    }
                    other => {
                        match other {
                            Call::NextWritable => drop(conn.next_writable()),
                            Call::Shutdown => conn.shutdown(out),
                            Call::Wrote(octets) => conn.wrote(*octets as usize),
                            Call::Advance(millis) => {
                                now += Duration::from_millis(u64::from(*millis));
                                let _ = conn.advance(now, out);
                            }
                            _ => conn.shrink(),
                        }
                        Ok(())
                    }
                };
                settle(result, before, (out.len(), conn.snapshot()));
            }
        }
    };
}

run!(
    run_server,
    ServerConnection,
    [&h2_proto::PREFACE[..], &frame(4, 0, 0, &[]), &frame(4, 1, 0, &[])].concat(),
    |conn, call, out| {
        let Call::Head { stream, status, fields: mask, end, interim } = call else { return Ok(()) };
        let (stream, status) = (StreamId::new(u32::from(*stream)), status % 1100);
        if *interim {
            conn.send_informational(stream, status, fields(*mask), out)
        } else {
            conn.send_response(stream, status, fields(*mask), *end, out)
        }
    }
);

run!(
    run_client,
    ClientConnection,
    [frame(4, 0, 0, &[]), frame(4, 1, 0, &[])].concat(),
    |conn, call, out| {
        let Call::Head { stream, fields: mask, end, interim, .. } = call else { return Ok(()) };
        let method = if *interim { "CONNECT" } else { "POST" };
        let path = if stream % 8 == 7 { "no path" } else { "/" };
        let line = RequestLine::new(method, "https", "a.example", path);
        conn.send_request(line, fields(*mask), *end, out).map(drop)
    }
);
