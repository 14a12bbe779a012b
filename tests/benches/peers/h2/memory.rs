//! Row M3: what a connection holds while nothing happens on it, and for streams that are open.
//!
//! Octets that were asked for, without what an allocator adds, and the connection itself. Buffers
//! that the application lends to a connection are not the connection's.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::Server;
use super::crate_h2::CrateServer;
use super::nghttp2::CountedServer;
use super::ours::OurServer;
use super::script::{BATCH, Script};
use crate::amounts::Amounts;
use crate::harness::Options;
use crate::switched::counted;

const KIB: f64 = 1024.0;
/// Batches before a connection is idle: 1,100 requests.
const BATCHES: usize = 11;

static CONFIG: LazyLock<Arc<h1_proto::Config>> =
    LazyLock::new(|| Arc::new(h1_proto::Config::default()));

pub(crate) fn rows(options: &Options) -> bool {
    let line = |what, results, bar, goal| {
        Amounts { id: "M3", what, unit: "B", results, bar, goal }.print()
    };
    let mut held = true;
    for (what, parks) in [("h1 idle, parked", true), ("h1 idle", false)] {
        if Amounts::wanted(options, "M3", what) {
            let bars = parks.then_some((0.5 * KIB, 0.25 * KIB)).unzip();
            held &= line(what, vec![("ours", h1(parks))], bars.0, bars.1);
        }
    }
    for (what, parks) in [("h2 idle, parked", true), ("h2 idle", false)] {
        if Amounts::wanted(options, "M3", what) {
            let results = vec![
                ("ours", idle::<OurServer>(parks, Script::new())),
                ("nghttp2", idle::<CountedServer>(parks, Script::new())),
                ("h2", idle::<CrateServer>(parks, Script::new())),
            ];
            let bars = parks.then_some((5.0 * KIB, 3.0 * KIB)).unzip();
            held &= line(what, results, bars.0, bars.1);
        }
    }
    if Amounts::wanted(options, "M3", "h2 full table") {
        let results = vec![
            ("ours", idle::<OurServer>(true, Script::filling())),
            ("nghttp2", idle::<CountedServer>(true, Script::filling())),
            ("h2", idle::<CrateServer>(true, Script::filling())),
        ];
        line("h2 full table", results, None, None);
    }
    if Amounts::wanted(options, "M3", "h2 new") {
        let results = vec![
            ("ours", new::<OurServer>()),
            ("nghttp2", new::<CountedServer>()),
            ("h2", new::<CrateServer>()),
        ];
        line("h2 new", results, None, None);
    }
    if Amounts::wanted(options, "M3", "h2 open stream") {
        let results = vec![
            ("ours", open::<OurServer>()),
            ("nghttp2", open::<CountedServer>()),
            ("h2", open::<CrateServer>()),
        ];
        line("h2 open stream", results, None, None);
    }
    held
}

/// What a server holds after this was done with it.
fn octets<S: Server>(work: impl FnOnce(&mut S)) -> f64 {
    // What is made once for all is nobody's.
    drop(S::new());
    let (server, asked) = counted(|| {
        let mut server = S::new();
        work(&mut server);
        server
    });
    let heap = server.own_memory().map_or(asked.held, |it| it.0);
    (S::SIZE + heap) as f64
}

fn new<S: Server>() -> f64 {
    octets::<S>(|server| {
        let (_, first) = Script::new();
        server.serve(&first, &mut Vec::new());
        server.idle(true);
    })
}

fn idle<S: Server>(parks: bool, (mut script, first): (Script, Vec<u8>)) -> f64 {
    octets::<S>(|server| {
        server.serve(&first, &mut Vec::new());
        for _ in 0..BATCHES {
            assert_eq!(server.serve(script.batch(), &mut Vec::new()), BATCH);
        }
        server.idle(parks);
    })
}

/// For each of a batch of streams that are open at once.
fn open<S: Server>() -> f64 {
    let open = octets::<S>(|server| {
        let (mut script, first) = Script::new();
        server.serve(&first, &mut Vec::new());
        server.hold(script.batch(), &mut Vec::new());
    });
    (open - new::<S>()) / BATCH as f64
}

/// The same for HTTP/1.1: requests one by one, as a load generator sends them.
fn h1(parks: bool) -> f64 {
    let config = CONFIG.clone();
    let (conn, asked) = counted(|| {
        let mut conn = h1_proto::ServerConnection::new(config, Duration::ZERO);
        let (mut head, mut out) = (h1_proto::Head::new(), Vec::new());
        for _ in 0..BATCHES * BATCH {
            // In two pieces, so that something has to be kept.
            let (one, other) = crate::inputs::REQUEST_170.split_at(100);
            for mut input in [one, other] {
                while let Some(event) = conn.next_event(&mut input, &mut head).expect("good") {
                    if let h1_proto::Event::Head { .. } = event {
                        conn.respond(200, &[("server", "a")], b"Hello, World!", &mut out)
                            .expect("an answer is owed");
                    }
                }
            }
            conn.advance(Duration::ZERO).expect("in time");
            conn.wrote(out.len());
            out.clear();
        }
        if parks {
            conn.shrink();
        }
        conn
    });
    (size_of_val(&conn) + asked.held) as f64
}
