//! Which core runs what: the server one, the load another.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of a run, if there are two that we may use.
#[derive(Clone, Copy)]
pub(crate) struct Cores(Option<(usize, usize)>);

impl Cores {
    /// Takes the first two, and moves this process and what it starts to the second one.
    pub(crate) fn take() -> Self {
        let Ok(allowed) = sched_getaffinity(None) else {
            return Self::none("they cannot be asked for");
        };
        let mut usable = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let (Some(server), Some(load)) = (usable.next(), usable.next()) else {
            return Self::none("there is one");
        };
        match pin(load) {
            Ok(()) => Self(Some((server, load))),
            Err(error) => Self::none(&error.to_string()),
        }
    }

    fn none(why: &str) -> Self {
        println!("no cores of their own for server and load ({why}): figures are rough");
        Self(None)
    }

    /// Does this on the server's core: a process that is started so stays there.
    pub(crate) fn on_server<T>(self, start: impl FnOnce() -> T) -> T {
        let Some((server, load)) = self.0 else { return start() };
        pin(server).expect("it was allowed");
        let started = start();
        pin(load).expect("it was allowed");
        started
    }
}

fn pin(core: usize) -> rustix::io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set)
}
