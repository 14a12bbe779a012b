//! One exchange, both ways, through both façades.

use std::time::Duration;

use h2_proto::buffered::{Client, Server};
use h2_proto::{Config, Event, OwnedEvent, Phase, RequestLine};

/// Moves what either side has to say to the other, until neither has.
fn shuttle(client: &mut Client, server: &mut Server) -> Vec<OwnedEvent> {
    let mut events = Vec::new();
    loop {
        let mut quiet = true;
        if let Some(octets) = client.poll_transmit() {
            server.feed_bytes(&octets);
            quiet = false;
        }
        while let Some((event, answer)) = server.poll_event().unwrap() {
            events.push(event.to_owned());
            if let Event::Request { stream, head, end_stream: true, .. } = event {
                assert_eq!(head.path(), Some(&b"/hello"[..]));
                let fields = [("content-type", "text/plain")];
                answer.conn.respond(stream, 200, fields.iter(), b"hi", answer.out).unwrap();
            }
        }
        if let Some(octets) = server.poll_transmit() {
            client.feed_bytes(&octets);
            quiet = false;
        }
        while let Some((event, _)) = client.poll_event().unwrap() {
            events.push(event.to_owned());
        }
        if quiet {
            return events;
        }
    }
}

#[test]
fn a_get_is_answered() {
    let mut server = Server::new(Config::default(), Duration::ZERO);
    let mut client = Client::new(Config::default(), Duration::ZERO);
    let line = RequestLine::new("GET", "https", "example.com", "/hello");
    let fields = [("accept", "*/*"), ("User-Agent", "test")];
    let stream = client.conn.send_request(line, fields.iter(), true, &mut client.out).unwrap();
    assert_eq!(client.conn.pending(), 1, "it waits for the server's settings");
    let events = shuttle(&mut client, &mut server);

    assert!(events.iter().any(|event| matches!(event,
        OwnedEvent::Request { fields, end_stream: true, .. }
            if fields.value("user-agent") == Some(b"test"))));
    assert!(events.iter().any(|event| matches!(event,
        OwnedEvent::Response { stream: it, end_stream: false, .. } if *it == stream)));
    assert!(events.iter().any(|event| matches!(event,
        OwnedEvent::Data { data, end_stream: true, .. } if data == b"hi")));
    assert_eq!((client.conn.phase(), server.conn.phase()), (Phase::Open, Phase::Open));
    let snapshot = server.conn.snapshot();
    assert_eq!((snapshot.peer_streams, snapshot.settings_unacknowledged), (0, 0));

    server.conn.shutdown(&mut server.out);
    let events = shuttle(&mut client, &mut server);
    assert!(events.iter().any(|event| matches!(event, OwnedEvent::GoAway { .. })));
    assert_eq!((client.conn.phase(), server.conn.phase()), (Phase::Closed, Phase::Closed));
}

/// RFC 9110 §8.6: no Content-Length in a 204 or an interim response.
#[test]
fn rfc9110_8_6_no_content_length_without_content() {
    let mut server = Server::new(Config::default(), Duration::ZERO);
    let mut client = Client::new(Config::default(), Duration::ZERO);
    client.feed_bytes(&server.poll_transmit().unwrap());
    while client.poll_event().unwrap().is_some() {}
    let line = RequestLine::new("GET", "https", "example.com", "/");
    client.conn.send_request(line, [("a", "b")].iter(), true, &mut client.out).unwrap();
    server.feed_bytes(&client.poll_transmit().unwrap());
    while let Some((event, answer)) = server.poll_event().unwrap() {
        let Event::Request { stream, .. } = event else { continue };
        let (conn, out) = (answer.conn, answer.out);
        let length = [("content-length", "0")];
        let refused = Err(h2_proto::SendError::BodyNotAllowed);
        assert_eq!(conn.send_response(stream, 204, &length, true, out), refused);
        assert_eq!(conn.send_informational(stream, 103, &length, out), refused);
        assert_eq!(conn.send_response(stream, 200, &length, true, out), Ok(()));
    }
}
