//! Where the threads of one side of a channel wait for the other: a sequence number on the wait queue.
//!
//! The channel's state says whether anybody waits. Who waits takes its [`ticket`](Signal::ticket) before it says so
//! there, or in the same section of a lock; who is told so [`advances`](Signal::advance) before it wakes. Why no wake is
//! lost stands in the documentation of `mpsc`.

use crate::sync::ticket::Ticket;
use standin_core::wait_queue;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

pub(super) struct Signal {
    sequence: AtomicU32,
}

impl Signal {
    pub(super) const fn new() -> Self {
        Self {
            sequence: AtomicU32::new(0),
        }
    }

    /// Who takes it sees all that was done before the sequence advanced to where it is.
    #[inline]
    pub(super) fn ticket(&self) -> Ticket<'_> {
        Ticket::new(&self.sequence, self.sequence.load(Acquire))
    }

    /// Ends the tickets taken so far; the caller wakes afterwards, without any lock.
    #[inline]
    pub(super) fn advance(&self) {
        self.sequence.fetch_add(1, Release);
    }

    #[cold]
    pub(super) fn wake_one(&self) {
        wait_queue::wake(&self.sequence, 1);
    }

    #[cold]
    pub(super) fn wake_all(&self) {
        wait_queue::wake(&self.sequence, usize::MAX);
    }
}
