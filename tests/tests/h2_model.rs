//! Every state that a client and a server of HTTP/2 can get into together, in worlds that are small
//! enough to be gone through: up to three streams, windows of one and of two frames, both sides
//! sending content at once, streams given up, windows changed and connections shut down at any moment.
//!
//! In each state: no error on either side, whatever of a window is not open is in flight or in the
//! hands of the application, both sides agree on it, and every stream that can send has its turn. From
//! each state there is a way to the end, where both sides are closed and what nobody gave up came
//! through.
//!
//! `cargo test` looks at the first few thousand states of each world. All of them, in about a minute:
//!
//! ```text
//! cargo test --release -p tests --test h2_model -- --ignored --nocapture
//! ```

use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use tests::model::explore::{Report, explore};
use tests::model::rules::{CONNECTION_WINDOW, Rules};

/// States of each world in a quick run.
const QUICK: usize = 2_500;
/// More than any world has.
const ALL: usize = 20_000_000;

const FRAME: u32 = CONNECTION_WINDOW;
const HALF: u32 = CONNECTION_WINDOW / 2;

/// Windows of one frame, on the connection and on each of three streams.
const ONE_FRAME: Rules = Rules { name: "one frame", piece: FRAME, ..Rules::BASE };

/// The connection's window holds two frames, those of streams one or two.
const TWO_FRAMES: Rules = Rules { name: "two frames", piece: HALF, ..Rules::BASE };

const WORLDS: [Rules; 15] = [
    Rules { name: "one frame, a reset", resets: 1, ..ONE_FRAME },
    Rules {
        name: "a transport that takes its time, a reset",
        streams: 2,
        asked: 2,
        transport: true,
        caused_max: 13,
        resets: 1,
        ..ONE_FRAME
    },
    Rules { name: "two streams at a time, a reset", streams_max: 2, resets: 1, ..ONE_FRAME },
    Rules {
        name: "halves of frames, a reset",
        streams: 2,
        asked: 2,
        halves: true,
        resets: 1,
        shutdowns: [1, 0],
        ..TWO_FRAMES
    },
    Rules {
        name: "two frames, much content, three streams",
        pieces: [2, 1],
        window: [2, 1],
        shutdowns: [0, 1],
        ..TWO_FRAMES
    },
    Rules {
        name: "two resets, by done",
        streams: 2,
        asked: 2,
        resets: 2,
        by_done: true,
        ..ONE_FRAME
    },
    Rules {
        name: "two frames, more content than the windows of streams hold",
        streams: 2,
        asked: 2,
        pieces: [2, 2],
        shutdowns: [1, 0],
        ..TWO_FRAMES
    },
    Rules {
        name: "windows that become smaller, and negative",
        streams: 2,
        asked: 2,
        pieces: [3, 1],
        window: [1, 2],
        resizes: [0, 1],
        shutdowns: [0, 1],
        ..TWO_FRAMES
    },
    Rules {
        name: "windows that become larger",
        streams: 2,
        asked: 2,
        pieces: [2, 3],
        resizes: [1, 0],
        resized: 2,
        shutdowns: [1, 0],
        ..TWO_FRAMES
    },
    Rules {
        name: "two frames, more content than windows of two frames hold",
        streams: 2,
        asked: 2,
        pieces: [3, 3],
        window: [2, 2],
        shutdowns: [0, 1],
        ..TWO_FRAMES
    },
    Rules {
        name: "the greeting, a reset",
        streams: 2,
        asked: 0,
        greeted: false,
        resets: 1,
        ..ONE_FRAME
    },
    Rules { name: "the greeting", asked: 0, greeted: false, ..ONE_FRAME },
    ONE_FRAME,
    Rules { name: "a stream at a time", streams_max: 1, asked: 0, ..ONE_FRAME },
    Rules { name: "one and two frames", window: [1, 2], shutdowns: [1, 0], ..TWO_FRAMES },
];

/// Explores all worlds, two at a time.
fn explore_all(states_max: usize) -> Vec<(Rules, Report)> {
    let queue = Mutex::new(WORLDS.into_iter());
    let reports = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(rules) = queue.lock().unwrap().next() else { break };
                    let begun = Instant::now();
                    let report = explore(&rules, states_max);
                    println!("{}: {report:?}, {:.1?}", rules.name, begun.elapsed());
                    reports.lock().unwrap().push((rules, report));
                }
            });
        }
    });
    reports.into_inner().unwrap()
}

#[test]
fn a_part_of_every_world() {
    for (rules, report) in explore_all(QUICK) {
        assert_eq!(report.states, QUICK, "{}", rules.name);
        assert!(report.finished > 0 && report.schedules > 0, "{}", rules.name);
    }
}

#[test]
#[ignore = "24 million states: see the head of the file"]
fn all_of_every_world() {
    let begun = Instant::now();
    let reports = explore_all(ALL);
    let mut phases = [[false; 5]; 2];
    let mut paused = 0;
    for (rules, report) in &reports {
        assert!(report.is_complete, "{}", rules.name);
        for (all, these) in phases.iter_mut().flatten().zip(report.phases.iter().flatten()) {
            *all |= these;
        }
        paused += report.paused;
    }
    let states: usize = reports.iter().map(|it| it.1.states).sum();
    let transitions: usize = reports.iter().map(|it| it.1.transitions).sum();
    println!("{states} states, {transitions} transitions, {:.1?}", begun.elapsed());
    // The preface of a server is its SETTINGS, so a client has no phase between them.
    assert_eq!(phases, [[true, false, true, true, true], [true; 5]]);
    assert!(paused > 0, "input paused somewhere");
    assert!(states > 1_000_000);
}
