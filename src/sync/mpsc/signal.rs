//! Where the threads of one side of a channel wait for the other: a sequence number on the wait queue.
//!
//! The channel's state says whether anybody waits. [`ticket`](Signal::ticket) and
//! [`advance`](Signal::advance) are called with the channel's lock held; the wait with the ticket and the
//! wakes happen without it. Why no wake is lost stands in the documentation of `mpsc`.

use crate::sync::ticket::Ticket;
use standin_core::wait_queue;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

pub(super) struct Signal {
    sequence: AtomicU32,
}

impl Signal {
    pub(super) const fn new() -> Self {
        Self {
            sequence: AtomicU32::new(0),
        }
    }

    /// To be taken under the lock, when the state says that the thread waits.
    #[inline]
    pub(super) fn ticket(&self) -> Ticket<'_> {
        Ticket::new(&self.sequence, self.sequence.load(Relaxed))
    }

    /// Ends the tickets taken so far; the caller wakes once it has unlocked.
    #[inline]
    pub(super) fn advance(&self) {
        self.sequence
            .store(self.sequence.load(Relaxed).wrapping_add(1), Relaxed);
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
