//! A generator of our own: octets that were made before, over sockets that stay open.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::{Asks, Shape};
use crate::process::Protocol;
use crate::speak::{self, Speak};

/// Runs what [`words`] says, and prints requests per second and two percentiles in microseconds.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let [protocol, address, numbers @ ..] = words else { return ExitCode::FAILURE };
    let protocol = if protocol == "h2" { Protocol::H2 } else { Protocol::H1 };
    let address = address.parse().expect("an address");
    let numbers: Vec<usize> = numbers.iter().map(|it| it.parse().expect("a number")).collect();
    let [connections, at_once, asks, requests] = numbers[..] else { return ExitCode::FAILURE };
    let shape = Shape { protocol, connections, at_once, asks: Asks::ALL[asks] };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|it| it.block_on(generate(shape, address, requests))) {
        Ok((per_second, mut latencies)) => {
            latencies.sort_unstable();
            let percentile = |it: usize| latencies[(latencies.len() - 1) * it / 100];
            println!("{per_second} {} {}", percentile(50), percentile(99));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What another process of this binary is told.
pub(crate) fn words(shape: Shape, address: SocketAddr, requests: usize) -> Vec<String> {
    let asks = shape.asks as usize;
    let numbers = [shape.connections, shape.at_once, asks, requests].map(|it| it.to_string());
    let before = ["--generate".to_owned(), shape.protocol.to_string(), address.to_string()];
    before.into_iter().chain(numbers).collect()
}

async fn generate(
    shape: Shape,
    address: SocketAddr,
    requests: usize,
) -> io::Result<(f64, Vec<u32>)> {
    let mut streams = Vec::new();
    for _ in 0..shape.connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let start = Instant::now();
    let mut tasks = Vec::new();
    for (index, stream) in streams.into_iter().enumerate() {
        let share =
            requests / shape.connections + usize::from(index < requests % shape.connections);
        let speak = speak::speaker(shape.protocol, shape.asks);
        tasks.push(tokio::spawn(converse(stream, speak, share, shape.at_once)));
    }
    let mut latencies = Vec::with_capacity(requests);
    for task in tasks {
        latencies.extend(task.await??);
    }
    Ok((requests as f64 / start.elapsed().as_secs_f64(), latencies))
}

/// Makes requests on one connection, as many at once as are allowed, until all are answered.
async fn converse(
    mut stream: TcpStream,
    mut speak: Box<dyn Speak>,
    share: usize,
    at_once: usize,
) -> io::Result<Vec<u32>> {
    let mut out = speak.greeting();
    let mut input = vec![0; 64 << 10];
    let mut begun = Vec::with_capacity(share);
    let mut latencies = Vec::with_capacity(share);
    while latencies.len() < share {
        let now = Instant::now();
        while begun.len() < share && begun.len() - latencies.len() < at_once {
            speak.request(&mut out);
            begun.push(now);
        }
        stream.write_all(&out).await?;
        out.clear();
        let octets = stream.read(&mut input).await?;
        if octets == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let now = Instant::now();
        speak.answers(&input[..octets], &mut |request| {
            latencies.push(now.duration_since(begun[request]).as_micros() as u32);
        })?;
    }
    Ok(latencies)
}
