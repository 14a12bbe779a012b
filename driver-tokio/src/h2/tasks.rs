//! The handlers of a connection that are at work: futures in boxes that are used again.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use h2_proto::StreamId;

use super::ready::{Ready, TaskWaker};

/// See the module.
pub(crate) struct Tasks<F> {
    tasks: Vec<Task<F>>,
    free: Vec<u32>,
    ready: Arc<Ready>,
}

struct Task<F> {
    future: Pin<Box<Option<F>>>,
    stream: StreamId,
    woken: Arc<TaskWaker>,
    waker: Waker,
}

/// A task that came to its end; no output if it panicked.
pub(crate) struct Finished<T> {
    pub(crate) stream: StreamId,
    pub(crate) output: Option<T>,
}

impl<F: Future> Tasks<F> {
    pub(crate) fn new(ready: Arc<Ready>) -> Self {
        Self { tasks: Vec::new(), free: Vec::new(), ready }
    }

    /// The index that the next task will have.
    pub(crate) fn next_index(&self) -> u32 {
        // Streams are far fewer than 2^32.
        self.free.last().copied().unwrap_or(self.tasks.len() as u32)
    }

    /// Takes up a task; it is not polled yet.
    pub(crate) fn start(&mut self, stream: StreamId, future: F) -> u32 {
        let index = self.next_index();
        if let Some(task) = self.tasks.get_mut(index as usize) {
            self.free.pop();
            task.stream = stream;
            task.future.set(Some(future));
            return index;
        }
        let woken = TaskWaker::new(&self.ready, index);
        let waker = Waker::from(Arc::clone(&woken));
        self.tasks.push(Task { future: Box::pin(Some(future)), stream, woken, waker });
        index
    }

    /// Polls a task, if it is there.
    pub(crate) fn poll(&mut self, index: u32) -> Option<Finished<F::Output>> {
        let task = self.tasks.get_mut(index as usize)?;
        task.woken.polled();
        let future = task.future.as_mut().as_pin_mut()?;
        let mut cx = Context::from_waker(&task.waker);
        // Its state is dropped after a panic, so nobody sees it broken.
        let output = match catch_unwind(AssertUnwindSafe(|| future.poll(&mut cx))) {
            Ok(Poll::Pending) => return None,
            Ok(Poll::Ready(output)) => Some(output),
            Err(_) => None,
        };
        let stream = task.stream;
        self.stop(index);
        Some(Finished { stream, output })
    }

    /// Drops a task.
    pub(crate) fn stop(&mut self, index: u32) {
        if let Some(task) = self.tasks.get_mut(index as usize)
            && task.future.is_some()
        {
            // What it drops may panic, too.
            let _ = catch_unwind(AssertUnwindSafe(|| task.future.set(None)));
            self.free.push(index);
        }
    }

    /// Gives back what is not in use, if nothing is.
    pub(crate) fn shrink(&mut self) {
        if self.free.len() == self.tasks.len() {
            self.tasks = Vec::new();
            self.free = Vec::new();
        }
    }
}

impl<F> Drop for Tasks<F> {
    fn drop(&mut self) {
        for task in &mut self.tasks {
            // What a handler drops may panic.
            let _ = catch_unwind(AssertUnwindSafe(|| task.future.set(None)));
        }
    }
}
