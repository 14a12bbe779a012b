//! Rows H2a, H2b, H2c and H2f: requests and their answers.

use std::hint::black_box;

use super::crate_h2::{CrateClient, CrateServer};
use super::nghttp2::{CountedClient, CountedServer, Nghttp2Client, Nghttp2Server};
use super::ours::{OurClient, OurServer};
use super::script::{BATCH, PATHS, Script, answers};
use super::{Client, Server};
use crate::amounts::Amounts;
use crate::harness::{Contender, Limit, Options, Row, timed};
use crate::switched::counted;

/// Batches that go before what counts.
const WARM: usize = 10;

pub(crate) fn rows(options: &Options) -> bool {
    let bar = Some(Limit::Times(0.6, "nghttp2"));
    let goal = Some(Limit::Times(0.3, "nghttp2"));
    let row = |id, what: &str, contenders| {
        let what = what.to_owned();
        options.run(Row { id, what, operations: BATCH, octets: None, contenders, bar, goal })
    };
    let mut held = true;
    if options.wants("H2a server, 100") {
        held &= row(
            "H2a",
            "server, 100",
            vec![many::<OurServer>(), many::<Nghttp2Server>(), many::<CrateServer>()],
        );
    }
    if options.wants("H2b server, 1") {
        held &= row(
            "H2b",
            "server, 1",
            vec![single::<OurServer>(), single::<Nghttp2Server>(), single::<CrateServer>()],
        );
    }
    if options.wants("H2c pair, 100") {
        held &= row(
            "H2c",
            "pair, 100",
            vec![
                pair::<OurClient, OurServer>(),
                pair::<Nghttp2Client, Nghttp2Server>(),
                pair::<CrateClient, CrateServer>(),
            ],
        );
    }
    held & allocations(options)
}

/// A server that has answered some batches, rightly; and who goes on asking.
pub(crate) fn warm<S: Server>() -> (S, Script) {
    let mut server = S::new();
    let (mut script, first) = Script::new();
    let (mut out, mut sent) = (Vec::new(), Vec::new());
    let mut count = server.serve(&first, &mut out);
    sent.append(&mut out);
    for _ in 0..WARM {
        count += server.serve(script.batch(), &mut out);
        sent.append(&mut out);
    }
    assert_eq!((count, answers(&sent)), (1 + WARM * BATCH, 1 + WARM * BATCH), "{}", S::NAME);
    (server, script)
}

fn many<'a, S: Server + 'a>() -> Contender<'a> {
    let (mut server, mut script) = warm::<S>();
    let mut out = Vec::with_capacity(64 << 10);
    Contender::new(S::NAME, move || {
        let batch = script.batch();
        out.clear();
        let time = timed(|| assert_eq!(server.serve(black_box(batch), &mut out), BATCH));
        black_box(&out);
        time
    })
}

fn single<'a, S: Server + 'a>() -> Contender<'a> {
    let (mut server, mut script) = warm::<S>();
    let mut out = Vec::with_capacity(64 << 10);
    Contender::new(S::NAME, move || {
        let requests: Vec<&[u8]> = script.requests().collect();
        timed(|| {
            for request in requests {
                out.clear();
                assert_eq!(server.serve(black_box(request), &mut out), 1);
                black_box(&out);
            }
        })
    })
}

/// A client and a server, and what is on the way between them.
struct Pair<C, S> {
    client: C,
    server: S,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
}

impl<C: Client, S: Server> Pair<C, S> {
    fn new() -> Self {
        let mut to_server = Vec::new();
        let client = C::new(&mut to_server);
        let mut pair = Self { client, server: S::new(), to_server, to_client: Vec::new() };
        // The greetings first: nothing has to wait for how many streams are allowed.
        assert_eq!(pair.settle(), (0, 0));
        for _ in 0..WARM {
            pair.exchange();
        }
        pair
    }

    /// A batch of requests, and all answers.
    fn exchange(&mut self) {
        self.client.ask(&PATHS, &mut self.to_server);
        assert_eq!(self.settle(), (BATCH, BATCH), "{}", S::NAME);
    }

    /// Until nothing is on the way: requests that came, and responses that ended.
    fn settle(&mut self) -> (usize, usize) {
        let (mut asked, mut ended) = (0, 0);
        while !self.to_server.is_empty() {
            asked += self.server.serve(&self.to_server, &mut self.to_client);
            self.to_server.clear();
            ended += self.client.take(&self.to_client, &mut self.to_server);
            self.to_client.clear();
        }
        (asked, ended)
    }
}

fn pair<'a, C: Client + 'a, S: Server + 'a>() -> Contender<'a> {
    let mut pair = Pair::<C, S>::new();
    Contender::new(S::NAME, move || timed(|| pair.exchange()))
}

// ---- allocations ----

fn allocations(options: &Options) -> bool {
    let mut held = true;
    let line = |what, results: [(&'static str, f64); 3]| {
        let results = results.to_vec();
        Amounts { id: "H2f", what, unit: "blocks", results, bar: Some(0.0), goal: Some(0.0) }
    };
    if Amounts::wanted(options, "H2f", "server") {
        let results = [
            ("ours", of_server::<OurServer>()),
            ("nghttp2", of_server::<CountedServer>()),
            ("h2", of_server::<CrateServer>()),
        ];
        held &= line("server", results).print();
    }
    if Amounts::wanted(options, "H2f", "pair") {
        let results = [
            ("ours", of_pair::<OurClient, OurServer>()),
            ("nghttp2", of_pair::<CountedClient, CountedServer>()),
            ("h2", of_pair::<CrateClient, CrateServer>()),
        ];
        held &= line("pair", results).print();
    }
    held
}

/// Blocks a request, of so many batches; its own and those of Rust.
fn blocks(own: impl Fn() -> u64, batches: usize, work: impl FnOnce()) -> f64 {
    let before = own();
    let ((), asked) = counted(work);
    (asked.blocks + own() - before) as f64 / (batches * BATCH) as f64
}

fn of_server<S: Server>() -> f64 {
    let (server, mut script) = warm::<S>();
    let server = std::cell::RefCell::new(server);
    let mut out = Vec::with_capacity(64 << 10);
    let own = || server.borrow().own_memory().map_or(0, |it| it.1);
    blocks(own, WARM, || {
        for _ in 0..WARM {
            out.clear();
            server.borrow_mut().serve(script.batch(), &mut out);
        }
    })
}

fn of_pair<C: Client, S: Server>() -> f64 {
    let pair = std::cell::RefCell::new(Pair::<C, S>::new());
    let own = || {
        let pair = pair.borrow();
        let own = [pair.client.own_memory(), pair.server.own_memory()];
        own.into_iter().flatten().map(|it| it.1).sum()
    };
    blocks(own, WARM, || (0..WARM).for_each(|_| pair.borrow_mut().exchange()))
}
