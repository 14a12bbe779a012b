//! The handlers of a connection that are at work: futures in boxes that are used again, polled on the
//! connection's task, or, where that is wanted, each on one of its own once it had to wait.

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use h2_proto::StreamId;
use tokio::task::{AbortHandle, JoinSet};

use super::ready::{Ready, TaskWaker};
use crate::scratch::one_first;

/// See the module.
pub(crate) struct Tasks<F: Future> {
    tasks: Vec<Task<F>>,
    free: Vec<u32>,
    ready: Arc<Ready>,
    /// Whether those that wait move.
    moves: bool,
    /// There once one has moved.
    moved: Option<JoinSet<(u32, Finished<F::Output>)>>,
}

/// Where a handler is while it is at work.
type Place<F> = Pin<Box<Option<F>>>;

struct Task<F> {
    /// None once it was left to another connection.
    future: Option<Place<F>>,
    stream: StreamId,
    woken: Arc<TaskWaker>,
    waker: Waker,
    moved: Option<AbortHandle>,
}

thread_local! {
    /// A place that the connections of a thread leave each other: an `Option<Place<F>>`, as the handlers
    /// of one server are of one type.
    static LEFT: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// A task that came to its end; no output if it panicked.
pub(crate) struct Finished<T> {
    pub(crate) stream: StreamId,
    pub(crate) output: Option<T>,
}

impl<F: Future<Output: Send> + Send + 'static> Tasks<F> {
    pub(crate) fn new(ready: Arc<Ready>, moves: bool) -> Self {
        Self { tasks: Vec::new(), free: Vec::new(), ready, moves, moved: None }
    }

    /// The index that the next task will have.
    pub(crate) fn next_index(&self) -> u32 {
        // Streams are far fewer than 2^32.
        self.free.last().copied().unwrap_or(self.tasks.len() as u32)
    }

    /// Takes up the task that is made; it is not polled yet.
    #[inline]
    pub(crate) fn start(&mut self, stream: StreamId, make: impl FnOnce() -> F) -> u32 {
        let index = self.next_index();
        if self.free.pop().is_none() {
            self.add(index, stream);
        }
        if let Some(task) = self.tasks.get_mut(index as usize) {
            task.stream = stream;
            let place = task.future.get_or_insert_with(take_left);
            if place.is_some() {
                debug_assert!(false, "a task that is at work is not free");
                return index;
            }
            // Known to be empty, the place has nothing to drop: the future is made where it stays.
            place.set(Some(make()));
        }
        index
    }

    fn add(&mut self, index: u32, stream: StreamId) {
        let woken = TaskWaker::new(&self.ready, index);
        let waker = Waker::from(Arc::clone(&woken));
        one_first(&mut self.tasks);
        self.tasks.push(Task { future: None, stream, woken, waker, moved: None });
    }

    /// Polls a task, if it is there.
    pub(crate) fn poll(&mut self, index: u32) -> Option<Finished<F::Output>> {
        let task = self.tasks.get_mut(index as usize)?;
        task.woken.polled();
        let mut cx = Context::from_waker(&task.waker);
        let Poll::Ready(output) = poll(&mut task.future, &mut cx)? else {
            if self.moves {
                self.give_away(index);
            }
            return None;
        };
        let stream = task.stream;
        self.stop(index);
        Some(Finished { stream, output })
    }

    /// Lets a task go on by itself.
    fn give_away(&mut self, index: u32) {
        let Some(task) = self.tasks.get_mut(index as usize) else { return };
        let mut future = task.future.take();
        let stream = task.stream;
        let going_on = async move {
            let output = poll_fn(|cx| poll(&mut future, cx).unwrap_or(Poll::Ready(None))).await;
            (index, Finished { stream, output })
        };
        task.moved = Some(self.moved.get_or_insert_default().spawn(going_on));
    }

    /// The next of those that went on by themselves to come to its end.
    pub(crate) fn poll_moved(&mut self, cx: &mut Context<'_>) -> Option<Finished<F::Output>> {
        let joining = self.moved.as_mut()?;
        while let Poll::Ready(Some(joined)) = joining.poll_join_next(cx) {
            // Whoever was stopped has nothing to say.
            if let Ok((index, finished)) = joined
                && let Some(task) = self.tasks.get_mut(index as usize)
                && task.stream == finished.stream
                && task.moved.take().is_some()
            {
                self.free.push(index);
                return Some(finished);
            }
        }
        None
    }

    /// Stops those that went on by themselves, and waits until they have stopped: one that is at work on
    /// another thread is let go of where it waits next.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(moved) = &mut self.moved else { return Poll::Ready(()) };
        moved.abort_all();
        while ready!(moved.poll_join_next(cx)).is_some() {}
        Poll::Ready(())
    }

    /// Drops a task.
    pub(crate) fn stop(&mut self, index: u32) {
        let Some(task) = self.tasks.get_mut(index as usize) else { return };
        if let Some(moved) = task.moved.take() {
            moved.abort();
            self.free.push(index);
        } else if let Some(future) = &mut task.future
            && future.is_some()
        {
            // What it drops may panic, too.
            let _ = catch_unwind(AssertUnwindSafe(|| future.set(None)));
            self.free.push(index);
        }
    }

    /// Leaves the place of the handler that was last done to another connection, unless there is one
    /// already. Whether there was any.
    pub(crate) fn leave(&mut self) -> bool {
        let Some(&last) = self.free.last() else { return false };
        let Some(task) = self.tasks.get_mut(last as usize) else { return false };
        LEFT.with_borrow_mut(|left| {
            match left.as_mut().and_then(|left| left.downcast_mut::<Option<Place<F>>>()) {
                Some(Some(_)) => {}
                Some(none) => *none = task.future.take(),
                None => *left = Some(Box::new(task.future.take())),
            }
        });
        true
    }

    /// Gives back what is not in use, if nothing is.
    pub(crate) fn shrink(&mut self) {
        if self.free.len() == self.tasks.len() {
            self.tasks = Vec::new();
            self.free = Vec::new();
        }
    }
}

/// A place that was left, or a new one.
fn take_left<F: 'static>() -> Place<F> {
    let left =
        LEFT.with_borrow_mut(|left| left.as_mut()?.downcast_mut::<Option<Place<F>>>()?.take());
    left.unwrap_or_else(|| Box::pin(None))
}

/// Polls a future that may panic: its state is dropped then, so nobody sees it broken.
fn poll<F: Future>(
    future: &mut Option<Place<F>>,
    cx: &mut Context<'_>,
) -> Option<Poll<Option<F::Output>>> {
    let running = future.as_mut()?.as_mut().as_pin_mut()?;
    match catch_unwind(AssertUnwindSafe(|| running.poll(cx))) {
        Ok(Poll::Pending) => Some(Poll::Pending),
        Ok(Poll::Ready(output)) => Some(Poll::Ready(Some(output))),
        Err(_) => Some(Poll::Ready(None)),
    }
}

impl<F: Future> Drop for Tasks<F> {
    fn drop(&mut self) {
        for task in &mut self.tasks {
            // What a handler drops may panic.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(task.future.take())));
        }
    }
}
