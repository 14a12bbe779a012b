//! Two ends that send much to each other over a transport that holds little.
use core::time::Duration;
use std::collections::VecDeque;

use h2_proto::{ClientConnection, Config, Event, FieldBuf, RequestLine, ServerConnection};

const NONE: [(&str, &str); 0] = [];

struct Pipe {
    octets: VecDeque<u8>,
    room: usize,
}
impl Pipe {
    fn put(&mut self, out: &mut Vec<u8>) -> usize {
        let n = out.len().min(self.room - self.octets.len());
        self.octets.extend(out.drain(..n));
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
    let (mut up, mut down) =
        (Pipe { octets: VecDeque::new(), room }, Pipe { octets: VecDeque::new(), room });
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
            sin.extend(up.octets.drain(..));
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
            cin.extend(down.octets.drain(..));
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
