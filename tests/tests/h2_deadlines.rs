//! Deadlines of HTTP/2 that one has to ask for: keep-alive by PING, and the age of a connection; and those
//! that are set to other values.

use std::time::Duration;

use h2_proto::testing::{Frame, FrameLog, bytes, client_bytes};
use h2_proto::{Config, Deadline, ErrorKind, Event, FieldBuf, Phase, ServerConnection, StreamId};

const S: Duration = Duration::from_secs(1);

/// A server past the greeting at time 0, with empty buffers.
fn server(config: Config) -> (ServerConnection, Vec<u8>, FieldBuf) {
    let (mut out, mut fields) = (Vec::new(), FieldBuf::new());
    let mut conn = ServerConnection::new(config, Duration::ZERO, &mut out);
    let input = client_bytes([Frame::settings([]), Frame::settings_ack()]);
    let mut rest = &input[..];
    while conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some() {}
    conn.advance(Duration::ZERO, &mut out).unwrap();
    conn.wrote(out.len());
    out.clear();
    (conn, out, fields)
}

fn log(out: &[u8]) -> String {
    let mut log = FrameLog::server();
    log.feed(out);
    log.to_string()
}

#[test]
fn keep_alive_asks_measures_and_gives_up() {
    let mut config = Config::default();
    config.ping_interval = Some(10 * S);
    config.idle_timeout = None;
    let (mut conn, mut out, mut fields) = server(config);
    assert_eq!(conn.next_deadline(), Some(10 * S));
    conn.advance(10 * S, &mut out).unwrap();
    let payload: [u8; 8] = out[9..].try_into().expect("a PING and nothing else");
    conn.wrote(out.len());
    out.clear();
    // Its answer tells the time of the round trip.
    conn.arrived(10 * S + Duration::from_millis(30));
    let answer = [&[0, 0, 8, 6, 1, 0, 0, 0, 0][..], &payload].concat();
    let mut rest = &answer[..];
    let event = conn.next_event(&mut rest, &mut fields, &mut out).unwrap();
    let expected = Duration::from_millis(30);
    assert!(matches!(event, Some(Event::Pong { rtt, .. }) if rtt == expected), "{event:?}");
    assert!(conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_none());
    // The next one is not answered.
    conn.advance(11 * S, &mut out).unwrap();
    let asked = conn.next_deadline().unwrap();
    conn.advance(asked, &mut out).unwrap();
    assert_eq!(out.len(), 17);
    conn.wrote(17);
    out.clear();
    assert!(conn.next_event(&mut &b""[..], &mut fields, &mut out).unwrap().is_none());
    assert_eq!(conn.next_deadline(), Some(asked + 20 * S));
    let error = conn.advance(asked + 20 * S, &mut out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline(Deadline::KeepAlive));
}

#[test]
fn an_old_connection_shuts_down() {
    let mut config = Config::default();
    config.age_max = Some(100 * S);
    config.idle_timeout = None;
    let (mut conn, mut out, _) = server(config);
    assert_eq!(conn.next_deadline(), Some(100 * S));
    conn.advance(99 * S, &mut out).unwrap();
    assert!(!conn.is_draining() && out.is_empty());
    conn.advance(100 * S, &mut out).unwrap();
    assert!(conn.is_draining() && conn.phase() == Phase::Open);
    assert!(log(&out).starts_with("GOAWAY last=2147483647 NO_ERROR"), "{}", log(&out));
}

/// Streams go on, and nobody is told before both sides have greeted.
#[test]
fn age_cuts_nothing() {
    let mut config = Config::default();
    config.age_max = Some(100 * S);
    config.idle_timeout = None;
    let (mut conn, mut out, mut fields) = server(config.clone());
    let get = bytes([Frame::get(1, "/")]);
    assert!(conn.next_event(&mut &*get, &mut fields, &mut out).unwrap().is_some());
    conn.advance(100 * S, &mut out).unwrap();
    conn.wrote(out.len());
    out.clear();
    assert_eq!(conn.next_deadline(), None);
    conn.advance(1000 * S, &mut out).unwrap();
    conn.send_response(StreamId::new(1), 204, [("x", "y")], true, &mut out).unwrap();
    // A client that does not say that it has heard is not waited for without end.
    conn.wrote(out.len());
    conn.advance(1001 * S, &mut out).unwrap();
    let end = conn.next_deadline().unwrap();
    assert_eq!(end, 1001 * S + config.drain_timeout);
    conn.advance(end, &mut out).unwrap();
    assert_eq!(conn.phase(), Phase::Closed);

    config.age_max = Some(S);
    out.clear();
    let mut conn = ServerConnection::with_prior_knowledge(config, Duration::ZERO);
    assert_eq!(conn.next_deadline(), Some(10 * S));
    conn.advance(5 * S, &mut out).unwrap();
    assert!(!conn.is_draining() && out.is_empty());
    let greeting = client_bytes([Frame::settings([]), Frame::settings_ack()]);
    let mut rest = greeting.as_slice();
    while conn.next_event(&mut rest, &mut fields, &mut out).unwrap().is_some() {}
    out.clear();
    conn.advance(5 * S, &mut out).unwrap();
    assert!(log(&out).starts_with("GOAWAY last=2147483647 NO_ERROR"), "{}", log(&out));
}

#[test]
fn timeouts_of_other_lengths_are_used() {
    let mut config = Config::default();
    config.preface_timeout = 3 * S;
    let conn = ServerConnection::new(config, Duration::ZERO, &mut Vec::new());
    assert_eq!(conn.next_deadline(), Some(3 * S));
    let mut config = Config::default();
    config.idle_timeout = Some(7 * S);
    assert_eq!(server(config).0.next_deadline(), Some(7 * S));
}
