//! Two ends that send much to each other over a transport that holds little.
use core::time::Duration;

use h2_proto::testing::{Frame, bytes, client_bytes};
use h2_proto::{
    ClientConnection, Config, Event, FieldBuf, RequestLine, ServerConnection, StreamId,
};

const NONE: [(&str, &str); 0] = [];

struct Pipe {
    octets: Vec<u8>,
    room: usize,
}
impl Pipe {
    fn put(&mut self, out: &mut Vec<u8>) -> usize {
        let n = out.len().min(self.room - self.octets.len());
        self.octets.extend_from_slice(&out[..n]);
        out.drain(..n);
        n
    }
}

fn run(room: usize, streams: usize, window: u32) -> (u64, bool) {
    let mut config = Config::default();
    config.connection_window_bytes = 1 << 20;
    config.stream_window_bytes = window;
    let (mut so, mut co) = (Vec::new(), Vec::new());
    let mut server = ServerConnection::new(config.clone(), Duration::ZERO, &mut so);
    let mut client = ClientConnection::new(config, Duration::ZERO, &mut co);
    let (mut up, mut down) = (Pipe { octets: Vec::new(), room }, Pipe { octets: Vec::new(), room });
    let mut fields = FieldBuf::new();
    let (mut sin, mut cin): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    let content = vec![0; 16_384];
    let mut total = 0u64;
    let mut idle = 0;
    for n in 0.. {
        if total > if cfg!(debug_assertions) { 32 << 20 } else { 256 << 20 } {
            break;
        }
        if n == 0 {
            for _ in 0..streams {
                let line = RequestLine::new("POST", "http", "a", "/");
                let s = client.send_request(line, NONE.iter(), false, &mut co).unwrap();
                let _ = client.want_send(s);
            }
        }
        let before = total;
        // Server: read what is there unless paused, pull, pump, write.
        if !server.is_paused() {
            sin.append(&mut up.octets);
        }
        let mut rest = sin.as_slice();
        while let Some(event) = server.next_event(&mut rest, &mut fields, &mut so).unwrap() {
            match event {
                Event::Request { stream, .. } => {
                    server.send_response(stream, 200, NONE, false, &mut so).unwrap();
                    server.want_send(stream).unwrap();
                }
                Event::Data { data, .. } => total += data.len() as u64,
                _ => {}
            }
        }
        let used = sin.len() - rest.len();
        sin.drain(..used);
        while let Some((s, _)) = server.next_writable() {
            server.send_data(s, &content, false, &mut so).unwrap();
            server.want_send(s).unwrap();
        }
        let w = down.put(&mut so);
        server.wrote(w);
        let mut moved = w;
        if !client.is_paused() {
            cin.append(&mut down.octets);
        }
        let mut rest = cin.as_slice();
        while let Some(event) = client.next_event(&mut rest, &mut fields, &mut co).unwrap() {
            if let Event::Data { data, .. } = event {
                total += data.len() as u64;
            }
        }
        let used = cin.len() - rest.len();
        cin.drain(..used);
        while let Some((s, _)) = client.next_writable() {
            client.send_data(s, &content, false, &mut co).unwrap();
            client.want_send(s).unwrap();
        }
        let w = up.put(&mut co);
        client.wrote(w);
        moved += w;
        if total == before && moved == 0 {
            idle += 1
        } else {
            idle = 0
        }
        if idle > 10 {
            eprintln!(
                "room {room}: stuck after {n} rounds, {total} octets; paused: server {}, client {}; unsent {} {}",
                server.is_paused(),
                client.is_paused(),
                server.unsent(),
                client.unsent()
            );
            let caused = |out: &[u8]| {
                // The queue may begin within a frame: look for WINDOW_UPDATE headers.
                out.windows(9).filter(|it| it[..5] == [0, 0, 4, 8, 0]).count()
            };
            eprintln!(
                "WINDOW_UPDATE frames unsent: server {}, client {}",
                caused(&so),
                caused(&co)
            );
            return (total, true);
        }
    }
    (total, false)
}

#[test]
fn two_ends_that_send_to_each_other_never_stand_still() {
    let mut stuck = 0;
    for room in [1 << 10, 4 << 10, 16 << 10, 64 << 10] {
        for streams in [1, 8, 100] {
            let (total, dead) = run(room, streams, 65_536);
            eprintln!("room {room} streams {streams}: {total} octets, stuck {dead}");
            stuck += u32::from(dead);
        }
    }
    assert_eq!(stuck, 0);
}

/// A pause lasts until what the peer caused is written, and not for what the caller sends.
#[test]
fn what_the_caller_sends_never_pauses_input() {
    let (mut out, mut fields) = (Vec::new(), FieldBuf::new());
    let mut conn = ServerConnection::new(Config::default(), Duration::ZERO, &mut out);
    let mut input = client_bytes([Frame::settings([]), Frame::settings_ack(), Frame::get(1, "/")]);
    let mut pull = |conn: &mut ServerConnection, octets: &[u8], out: &mut Vec<u8>| {
        let mut rest = octets;
        while conn.next_event(&mut rest, &mut fields, out).unwrap().is_some() {}
        assert!(rest.is_empty());
    };
    pull(&mut conn, &input, &mut out);
    conn.wrote(out.len());
    out.clear();
    // 9 octets, 255 x 17, and a 431 of 27: more than 4,352 of them.
    input = bytes(
        [Frame::settings([])]
            .into_iter()
            .chain((0..255).map(|_| Frame::ping([1; 8])))
            .chain([Frame::headers_of_block(3, [0x82; 200])]),
    );
    pull(&mut conn, &input, &mut out);
    assert!(conn.is_paused());
    let caused = out.len();
    conn.send_response(StreamId::new(1), 200, [("a", "b")], false, &mut out).unwrap();
    assert!(conn.send_data(StreamId::new(1), &[0; 50_000], false, &mut out).unwrap() > 40_000);
    // The transport takes the first frame, then all that the peer caused.
    conn.wrote(9);
    conn.wrote(caused - 9);
    assert!(!conn.is_paused(), "all that the peer caused is written");
}
