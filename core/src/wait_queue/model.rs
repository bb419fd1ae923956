//! The wait queue as the model checker sees it: the same table with two buckets, on loom's atomics, made
//! anew for every execution. Exists under `--cfg loom` only.

use super::table::Table;
use super::waiting::Place;
use super::{Instant, Wait};
use crate::context::Context;
use crate::os::OsThread;
use loom::sync::atomic::{AtomicBool, AtomicU32};
use std::ops::Deref;
use std::pin::Pin;
use std::task::Poll;

/// A wait queue of its own.
pub struct WaitQueue(Table);

impl WaitQueue {
    /// With nobody in it.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Table::new())
    }

    /// As [`wait_queue::wait`](super), in a context that the caller gives.
    pub fn wait(
        &self,
        word: &AtomicU32,
        expected: u32,
        deadline: Option<Instant>,
        context: &dyn Context,
    ) -> Wait {
        self.0.wait(word, expected, deadline, None, context)
    }

    /// As `wait_queue::wait_interruptible`.
    pub fn wait_interruptible(
        &self,
        word: &AtomicU32,
        expected: u32,
        interrupt: &AtomicBool,
        context: &dyn Context,
    ) -> Wait {
        self.0.wait(word, expected, None, Some(interrupt), context)
    }

    /// As `wait_queue::wake`.
    pub fn wake(&self, word: *const AtomicU32, count: usize) -> usize {
        self.0.wake(word.addr(), count)
    }

    /// As `wait_queue::requeue`.
    pub fn requeue(
        &self,
        from: &AtomicU32,
        expected: u32,
        to: *const AtomicU32,
        wake_count: usize,
    ) -> Option<(usize, usize)> {
        self.0.requeue(from, expected, to.addr(), wake_count)
    }
}

/// As `wait_queue::Waiting`, in a queue that the caller gives.
pub struct Waiting<Q: Deref<Target = WaitQueue>> {
    place: Place,
    queue: Q,
}

impl<Q: Deref<Target = WaitQueue>> Waiting<Q> {
    /// Not waiting yet.
    pub const fn new(queue: Q) -> Self {
        Self {
            place: Place::new(),
            queue,
        }
    }

    /// As `wait_queue::Waiting::poll`.
    pub fn poll(
        self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        word: &AtomicU32,
        expected: u32,
    ) -> Poll<Wait> {
        // SAFETY: the place is pinned when the whole is, and the queue is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let place = unsafe { Pin::new_unchecked(&mut this.place) };
        place.poll(&this.queue.0, cx, word, expected)
    }
}

impl<Q: Deref<Target = WaitQueue>> Drop for Waiting<Q> {
    fn drop(&mut self) {
        // A model that failed unwinds its threads wherever they are.
        if !std::thread::panicking() {
            // SAFETY: as in `poll`.
            unsafe { Pin::new_unchecked(&mut self.place) }.pass_on(&self.queue.0);
        }
    }
}

/// The context of a plain OS thread, on the modelled futex.
pub fn os_thread() -> impl Context {
    OsThread::new()
}
