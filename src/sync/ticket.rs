//! What one reads before it waits: a word of the wait queue, and the value at which it may sleep. Threads and
//! futures go the same ways through the locks and channels, and part only here.

use standin_core::Instant;
use standin_core::wait_queue::{self, Wait, Waiting};
use std::pin::Pin;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll, ready};

#[derive(Clone, Copy)]
pub(crate) struct Ticket<'a> {
    word: &'a AtomicU32,
    value: u32,
}

impl<'a> Ticket<'a> {
    #[inline]
    pub(crate) fn new(word: &'a AtomicU32, value: u32) -> Self {
        Self { word, value }
    }

    /// Parks until a wake, or not at all if the word was changed since; false if the deadline passed.
    pub(crate) fn wait(self, deadline: Option<Instant>) -> bool {
        wait_queue::wait(self.word, self.value, deadline) != Wait::TimedOut
    }

    /// As [`wait`](Self::wait), for a future. `gave_up` is called if it is dropped while it waits, and is told
    /// whether a wake had chosen it: that wake is then its to pass on.
    pub(crate) fn wait_async<F: FnMut(bool)>(self, gave_up: F) -> Waited<'a, F> {
        Waited {
            ticket: self,
            waiting: Waiting::new(),
            waits: false,
            gave_up,
        }
    }

    /// As [`wait`](Self::wait), for a future that has its place in the queue already.
    pub(crate) fn poll(self, waiting: Pin<&mut Waiting>, cx: &mut Context<'_>) -> Poll<()> {
        waiting.poll(cx, self.word, self.value).map(|_: Wait| ())
    }
}

/// See [`Ticket::wait_async`].
#[must_use = "futures do nothing unless they are polled"]
pub(crate) struct Waited<'a, F: FnMut(bool)> {
    ticket: Ticket<'a>,
    /// # Invariant
    ///
    /// *pinned*: when the whole is; no reference to it is handed out otherwise.
    waiting: Waiting,
    waits: bool,
    gave_up: F,
}

impl<F: FnMut(bool)> Future for Waited<'_, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        this.waits = true;
        // SAFETY: *pinned*.
        let waiting = unsafe { Pin::new_unchecked(&mut this.waiting) };
        ready!(this.ticket.poll(waiting, cx));
        this.waits = false;
        Poll::Ready(())
    }
}

impl<F: FnMut(bool)> Drop for Waited<'_, F> {
    fn drop(&mut self) {
        if self.waits {
            // SAFETY: *pinned*, since it was polled, and it is not moved any more.
            let chosen = unsafe { Pin::new_unchecked(&mut self.waiting) }.leave();
            (self.gave_up)(chosen);
        }
    }
}
