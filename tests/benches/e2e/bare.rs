//! The ceiling: sockets and an answer for each request, without a protocol.
//!
//! All requests of a connection are taken to be as long as its first one.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::speak::Counter;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\
    date: Sat, 21 Nov 2026 08:12:31 GMT\r\n\r\nHello, World!";

/// More than one read gives.
const ANSWERS_MAX: usize = 512;

const READ_BYTES: usize = 8 << 10;

fn counter() -> Counter {
    Counter::new(b"\r\n\r\n")
}

/// A task for each connection, with a buffer.
pub(crate) async fn tokio_loop(listener: tokio::net::TcpListener) -> io::Result<()> {
    let answers: &[u8] = ANSWER.repeat(ANSWERS_MAX).leak();
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut buffer = vec![0; READ_BYTES];
            let mut counter = counter();
            while let Ok(octets @ 1..) = stream.read(&mut buffer).await {
                let count = counter.count(&buffer[..octets]);
                if stream.write_all(&answers[..count * ANSWER.len()]).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// One loop over the system's readiness, one buffer for all.
pub(crate) fn epoll_loop(listener: std::net::TcpListener) -> io::Result<()> {
    const LISTENER: Token = Token(0);
    let answers = ANSWER.repeat(ANSWERS_MAX);
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut connections = HashMap::new();
    let mut buffer = vec![0; READ_BYTES];
    for next in 1.. {
        // Tokens are not given twice, and a round of accepts needs one at most for each turn.
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() != LISTENER {
                on_connection(event, &mut connections, &mut buffer, &answers);
                continue;
            }
            for place in 0.. {
                let Ok((mut stream, _)) = listener.accept() else { break };
                stream.set_nodelay(true)?;
                let token = Token(next << 16 | place);
                poll.registry().register(&mut stream, token, Interest::READABLE)?;
                connections.insert(token, (stream, counter()));
            }
        }
    }
    Ok(())
}

fn on_connection(
    event: &Event,
    connections: &mut HashMap<Token, (TcpStream, Counter)>,
    buffer: &mut [u8],
    answers: &[u8],
) {
    let Some((stream, counter)) = connections.get_mut(&event.token()) else { return };
    loop {
        let octets = match stream.read(buffer) {
            Ok(0) => break,
            Ok(octets) => octets,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => break,
        };
        let count = counter.count(&buffer[..octets]);
        // A client that reads takes so little at once.
        if stream.write_all(&answers[..count * ANSWER.len()]).is_err() {
            break;
        }
        // Less than there is place for: there is no more.
        if octets < buffer.len() {
            return;
        }
    }
    connections.remove(&event.token());
}
