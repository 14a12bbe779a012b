//! Goes everywhere, the last state found first, and looks whether every place has a way to the end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::thread;

use h2_proto::Phase;

use super::end::Scratch;
use super::rules::Rules;
use super::world::{Action, World};

/// How far a schedule may go until it has to be at the end.
const SCHEDULE_MAX: usize = 10_000;

/// What was seen.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// States that differ.
    pub states: usize,
    /// Ways from one to another.
    pub transitions: usize,
    /// The longest way from the first state that was gone.
    pub depth: usize,
    /// States in which both sides are closed.
    pub finished: usize,
    /// States in which a side does not read, because what the peer caused is not written.
    pub paused: usize,
    /// Whether there was nothing more to see.
    pub is_complete: bool,
    /// States from which a schedule was run to the end, because not all was seen.
    pub schedules: usize,
    /// The phases that either side was in.
    pub phases: [[bool; 5]; 2],
}

/// What has been seen, and how to get there.
struct Seen {
    states: HashMap<u64, u32>,
    /// Where each state was come to from first.
    from: Vec<(u32, Option<Action>)>,
    edges: Vec<(u32, u32)>,
    finished: Vec<u32>,
    /// What is tried now.
    current: (u32, Option<Action>),
}

impl Drop for Seen {
    fn drop(&mut self) {
        if thread::panicking() {
            let (mut at, last) = self.current;
            let mut way = vec![last];
            while let Some(&(before, action)) = self.from.get(at as usize)
                && action.is_some()
            {
                way.push(action);
                at = before;
            }
            let way: Vec<Action> = way.into_iter().rev().flatten().collect();
            eprintln!("the way there: {way:?}");
        }
    }
}

/// Explores a world until all or so many states are seen.
///
/// # Panics
/// If something does not hold in a state, if one has no way on and is no end, or if one has no way
/// to the end.
#[must_use]
pub fn explore(rules: &Rules, states_max: usize) -> Report {
    let mut scratch = Scratch::default();
    let mut seen = Seen {
        states: HashMap::new(),
        from: Vec::new(),
        edges: Vec::new(),
        finished: Vec::new(),
        current: (0, None),
    };
    let mut report = Report::default();
    let mut first = World::new(rules, &mut scratch);
    let print = first.check(rules, &scratch.frames);
    seen.states.insert(print, 0);
    seen.from.push((0, None));
    let mut stack = vec![(first, 0_u32, 0_usize)];
    while let Some((world, number, depth)) = stack.pop() {
        report.depth = report.depth.max(depth);
        for (side, phase) in world.phases().into_iter().enumerate() {
            report.phases[side][phase as usize] = true;
        }
        report.paused += usize::from(world.is_paused());
        let actions = world.actions(rules);
        if world.is_finished() {
            seen.finished.push(number);
        }
        assert!(!actions.is_empty() || world.is_finished(), "nothing can happen: {world:?}");
        for action in actions {
            seen.current = (number, Some(action));
            let mut next = world.clone();
            next.act(action, rules, &mut scratch);
            let print = next.check(rules, &scratch.frames);
            let count = seen.from.len() as u32;
            let to = match seen.states.entry(print) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(_) if seen.from.len() >= states_max => continue,
                Entry::Vacant(entry) => {
                    entry.insert(count);
                    seen.from.push((number, Some(action)));
                    stack.push((next, count, depth + 1));
                    count
                }
            };
            seen.edges.push((number, to));
        }
        if seen.from.len() >= states_max {
            break;
        }
    }
    report.states = seen.from.len();
    report.transitions = seen.edges.len();
    report.finished = seen.finished.len();
    report.is_complete = stack.is_empty() && report.states < states_max;
    if report.is_complete {
        every_state_ends(&seen);
    } else {
        for (world, number, _) in stack {
            seen.current = (number, None);
            run_to_the_end(world, rules, &mut scratch);
            report.schedules += 1;
        }
    }
    report
}

/// From the last states back: every one is reached.
fn every_state_ends(seen: &Seen) {
    let count = seen.from.len();
    let mut starts = vec![0_u32; count + 1];
    for &(_, to) in &seen.edges {
        starts[to as usize + 1] += 1;
    }
    for at in 0..count {
        starts[at + 1] += starts[at];
    }
    let mut next = starts.clone();
    let mut sources = vec![0_u32; seen.edges.len()];
    for &(from, to) in &seen.edges {
        let place = &mut next[to as usize];
        sources[*place as usize] = from;
        *place += 1;
    }
    let mut ends = vec![false; count];
    let mut queue = seen.finished.clone();
    queue.iter().for_each(|&at| ends[at as usize] = true);
    while let Some(at) = queue.pop() {
        let sources = &sources[starts[at as usize] as usize..starts[at as usize + 1] as usize];
        for &from in sources {
            if !core::mem::replace(&mut ends[from as usize], true) {
                queue.push(from);
            }
        }
    }
    let lost = ends.iter().filter(|ends| !**ends).count();
    assert_eq!(lost, 0, "states without a way to the end");
}

/// Everybody has a turn; nobody leaves, and nobody shuts down while anything else can happen.
fn run_to_the_end(mut world: World, rules: &Rules, scratch: &mut Scratch) {
    for step in 0..SCHEDULE_MAX {
        if world.is_finished() {
            assert_eq!(world.phases(), [Phase::Closed; 2]);
            return;
        }
        let actions = world.actions(rules);
        let progress: Vec<Action> = actions
            .iter()
            .copied()
            .filter(|it| !matches!(it, Action::Leave(..) | Action::Shutdown(_) | Action::Resize(_)))
            .collect();
        let chosen = if progress.is_empty() { &actions } else { &progress };
        assert!(!chosen.is_empty(), "nothing can happen: {world:?}");
        world.act(chosen[step % chosen.len()], rules, scratch);
        world.check(rules, &scratch.frames);
    }
    panic!("no end: {world:?}");
}
