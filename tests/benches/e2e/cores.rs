//! Which cores run what: the server some, the load others, as long as there are enough.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that we may use.
pub(crate) struct Machine(Vec<usize>);

/// The cores of a row, and the threads of its servers.
#[derive(Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) workers: usize,
    /// None if nothing is pinned.
    places: Option<Places>,
}

#[derive(Clone, Copy)]
struct Places {
    server: CpuSet,
    load: CpuSet,
}

impl Machine {
    pub(crate) fn ask() -> Self {
        let Ok(allowed) = sched_getaffinity(None) else { return Self(Vec::new()) };
        Self((0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect())
    }

    /// Gives the server as many cores as it has workers and the load one of its own, if there is one left;
    /// moves this process, and what it starts, there. Says so when cores are shared.
    pub(crate) fn cores(&self, workers: usize) -> Cores {
        let Self(usable) = self;
        let count = usable.len();
        if count < 2 {
            println!(
                "{count} cores that we know of: server and load share them, figures are rough"
            );
            return Cores { workers, places: None };
        }
        let server = usable.iter().take(workers);
        let load = if let Some(core) = usable.get(workers) {
            of(std::iter::once(core))
        } else {
            println!(
                "{count} cores for {workers} workers: server and load share them, so that requests per \
                 second and latencies say little; processor time does"
            );
            of(usable)
        };
        let places = Places { server: of(server), load };
        match sched_setaffinity(None, &places.load) {
            Ok(()) => Cores { workers, places: Some(places) },
            Err(error) => {
                println!("no cores of their own for server and load ({error}): figures are rough");
                Cores { workers, places: None }
            }
        }
    }
}

impl Cores {
    /// Does this on the server's cores: a process that is started so stays there.
    pub(crate) fn on_server<T>(self, start: impl FnOnce() -> T) -> T {
        let Some(places) = self.places else { return start() };
        sched_setaffinity(None, &places.server).expect("it was allowed");
        let started = start();
        sched_setaffinity(None, &places.load).expect("it was allowed");
        started
    }
}

fn of<'a>(cores: impl IntoIterator<Item = &'a usize>) -> CpuSet {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    set
}
