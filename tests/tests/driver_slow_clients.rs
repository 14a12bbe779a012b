//! A thousand clients that waste a server's time, each in its own way: every one is ended by the deadline
//! that is there for it while others are served. Once in paused time with all defaults, where HTTP/2 has
//! its test in `driver_h2_time`, and once on real sockets.

mod driver_h2_client;
mod driver_slow_clients_ways;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use driver_h2_client::{Client, SECOND};
use driver_slow_clients_ways::{HTTP1, HTTP2, Routes, Way, end};
use driver_tokio::{Server, Settings, Stop};
use h2_proto::ErrorCode;
use h2_proto::testing::{Frame, bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::{TcpSocket, TcpStream};

/// Clients that waste time.
const WASTERS: usize = 1000;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(50);

/// A request of HTTP/1.1 and its answer.
async fn ask<I: AsyncRead + AsyncWrite + Unpin>(io: &mut I) {
    io.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok") {
        assert!(io.read_buf(&mut answer).await.unwrap() > 0, "{}", answer.escape_ascii());
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_that_waste_time_end_in_time_while_others_are_served() {
    let server = Server::new(Routes);
    let stop = Stop::new();
    let begin = tokio::time::Instant::now();
    let mut wasters = Vec::new();
    for way in HTTP1.iter().cycle().take(WASTERS) {
        // Less than the core's progress in the time of a deadline.
        let (client, io) = duplex(1000);
        let (server, stop) = (server.clone(), stop.clone());
        let serving = tokio::spawn(async move {
            let ended = server.serve_connection(io, &stop).await;
            (end(&ended.outcome), begin.elapsed().as_secs())
        });
        wasters.push((way, tokio::spawn(way.waste(client, SECOND)), serving));
    }
    let (mut client, io) = duplex(64 << 10);
    let good = tokio::spawn(async move { server.serve_connection(io, &stop).await.outcome });
    for _ in 0..60 {
        ask(&mut client).await;
        tokio::time::sleep(SECOND).await;
    }
    for (way, wasting, serving) in wasters {
        assert!(serving.is_finished(), "{}", way.name);
        let (ended, seconds) = serving.await.unwrap();
        assert_eq!(ended, way.end, "{}", way.name);
        assert!((way.seconds.0..=way.seconds.1).contains(&seconds), "{}: {seconds} s", way.name);
        if wasting.is_finished() {
            let heard = wasting.await.unwrap();
            let heard = heard.escape_ascii().to_string();
            assert!(heard.starts_with(way.hears), "{}: {heard}", way.name);
            assert!(!way.hears.is_empty() || heard.is_empty(), "{}: {heard}", way.name);
        } else {
            // It does not look so far.
            wasting.abort();
            assert_eq!(way.end, "Send", "{}", way.name);
        }
    }
    drop(client);
    assert_eq!(good.await.unwrap().label(), "client_closed");
}

/// Silent clients whose streams were reset by a deadline: the reset is no octet of theirs.
#[tokio::test(start_paused = true)]
async fn a_client_whose_streams_are_reset_by_deadlines_ends_like_any_idle_one() {
    for (first, seconds) in [
        // 30 s for the window, then 60 s of idleness.
        (vec![Frame::get(1, "/sends"), Frame::get(3, "/sends")], 90),
        // 20 s for the content.
        (vec![Frame::request(1, "POST", "/"), Frame::data(1, "some")], 80),
    ] {
        let (client, io) = duplex(64 << 10);
        let mut h2_config = h2_proto::Config::default();
        h2_config.body_timeout = Some(20 * SECOND);
        let server = Server::new(Routes).h2_config(h2_config);
        let begin = tokio::time::Instant::now();
        let serving = tokio::spawn(async move { server.serve_connection(io, &Stop::new()).await });
        let mut client = Client::new(client);
        (client.polite, client.grants) = (false, false);
        client.greet(&[]).await;
        client.send([Frame::settings_ack()]).await;
        client.write(&bytes(first)).await;
        let ended = tokio::time::timeout(3600 * SECOND, client.rest()).await;
        assert_eq!(ended, Ok(Some(ErrorCode::NO_ERROR)), "{}", client.story());
        assert_eq!(begin.elapsed().as_secs(), seconds);
        drop(client);
        assert_eq!(serving.await.unwrap().outcome.label(), "closed");
    }
}

// ---- on real sockets ----

/// How many may waste time at once, with two descriptors each, beside another test.
fn wasters() -> usize {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        const OTHERS: u64 = 200;
        let limit = getrlimit(Resource::Nofile);
        let all = Rlimit { current: limit.maximum, ..limit };
        let allowed = if setrlimit(Resource::Nofile, all).is_ok() { all } else { limit };
        let most = (allowed.current.unwrap_or(u64::MAX).saturating_sub(OTHERS) / 4) as usize;
        if most < WASTERS {
            println!("descriptors are limited: {most} clients instead of {WASTERS}");
        }
        most.min(WASTERS)
    }
    #[cfg(not(target_os = "linux"))]
    {
        50
    }
}

/// Time in which all connect, and of most deadlines.
const TIMEOUT: Duration = Duration::from_secs(2);

/// With deadlines of so much; less for what may be a preface, so that the next has to say, and more for idle
/// connections, which those that are served are between two requests.
fn server() -> Server<Routes> {
    let mut config = h1_proto::Config::default();
    for timeout in [&mut config.head_timeout, &mut config.body_timeout, &mut config.send_timeout] {
        *timeout = TIMEOUT;
    }
    config.keep_alive_timeout = 2 * TIMEOUT;
    config.output_bytes_max = 64 << 10;
    let mut h2_config = h2_proto::Config::default();
    for timeout in [
        &mut h2_config.preface_timeout,
        &mut h2_config.settings_timeout,
        &mut h2_config.header_block_timeout,
        &mut h2_config.send_timeout,
    ] {
        *timeout = TIMEOUT;
    }
    (h2_config.body_timeout, h2_config.idle_timeout) = (Some(TIMEOUT), Some(2 * TIMEOUT));
    h2_config.output_bytes_max = 64 << 10;
    let mut settings = Settings::default();
    settings.sniff_timeout = TIMEOUT / 2;
    settings.backlog = 1024;
    Server::new(Routes).config(config).h2_config(h2_config).settings(settings)
}

/// With a small buffer, so that what it does not read is soon in the server.
async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(address).await.unwrap()
}

/// Asks again and again until it is over; how often.
async fn ask_by(http2: bool, address: SocketAddr, over: Arc<AtomicBool>, asked: Arc<AtomicUsize>) {
    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
    if http2 {
        client.greet(&[]).await;
    }
    while !over.load(Ordering::Relaxed) {
        let asking = async {
            if http2 {
                let stream = 2 * asked.load(Ordering::Relaxed) as u32 + 1;
                client.get(stream, "/").await;
                assert_eq!(client.answer(stream).await.text(), "ok");
                client.forget();
            } else {
                ask(&mut client.io).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("an answer");
        asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(SECOND / 100).await;
    }
}

async fn besieged(http2: bool, ways: &'static [Way]) {
    let count = wasters();
    let ends = Arc::new(Mutex::new(Vec::new()));
    let (seen, begin) = (Arc::clone(&ends), Instant::now());
    let server = server().on_end(move |ended| {
        seen.lock().unwrap().push((end(&ended.outcome), begin.elapsed()));
    });
    let listener = server.listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let stopping = stop.clone();
    let serving = tokio::spawn(async move { server.serve(listener, &stopping).await });
    let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let good = tokio::spawn(ask_by(http2, address, Arc::clone(&over), Arc::clone(&asked)));
    let (mut wasters, mut expected) = (Vec::new(), BTreeMap::new());
    for way in ways.iter().cycle().take(count) {
        let stream = connect(address).await;
        wasters.push(tokio::spawn(way.waste(stream, SECOND / 20)));
        *expected.entry(way.end.to_owned()).or_insert(0) += 1;
    }
    while ends.lock().unwrap().len() < count {
        assert!(!good.is_finished(), "others are not served");
        assert!(begin.elapsed() < PATIENCE, "{:?}", tally(&ends.lock().unwrap()));
        tokio::time::sleep(SECOND / 10).await;
    }
    let besieged = asked.load(Ordering::Relaxed);
    let ends = ends.lock().unwrap().clone();
    println!("{besieged} answers in {:?}; {:?}", begin.elapsed(), tally(&ends));
    let counts: BTreeMap<_, _> = tally(&ends).into_iter().map(|(end, it)| (end, it.0)).collect();
    assert_eq!(counts, expected);
    // Not before its time, which began when it came.
    assert!(ends.iter().all(|(_, at)| *at >= TIMEOUT), "{:?}", tally(&ends));
    // And it goes on.
    while asked.load(Ordering::Relaxed) < besieged + 10 {
        assert!(!good.is_finished() && begin.elapsed() < 2 * PATIENCE);
        tokio::time::sleep(SECOND / 100).await;
    }
    assert!(besieged > 10, "{besieged} answers");
    over.store(true, Ordering::Relaxed);
    good.await.unwrap();
    for waster in wasters {
        waster.abort();
    }
    stop.drain();
    tokio::time::timeout(PATIENCE, serving).await.expect("it ends").unwrap();
}

/// How many ended in each way, the first and the last.
fn tally(ends: &[(String, Duration)]) -> BTreeMap<String, (usize, Duration, Duration)> {
    let mut tally = BTreeMap::new();
    for (end, at) in ends {
        let of = tally.entry(end.clone()).or_insert((0, *at, *at));
        *of = (of.0 + 1, of.1.min(*at), of.2.max(*at));
    }
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sockets_that_waste_time_on_http1() {
    besieged(false, &HTTP1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sockets_that_waste_time_on_http2() {
    besieged(true, &HTTP2).await;
}
