//! Where the threads of one side of a channel wait for the other: a sequence number on the wait queue.
//!
//! The channel's state says whether anybody waits. [`ticket`](Signal::ticket) and
//! [`advance`](Signal::advance) are called with the channel's lock held, [`wait`](Signal::wait) and the
//! wakes without it. Why no wake is lost stands in the documentation of `mpsc`.

use standin_core::Instant;
use standin_core::wait_queue::{self, Wait};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

pub(super) struct Signal {
    sequence: AtomicU32,
}

/// What the sequence was when its owner decided to wait.
#[derive(Clone, Copy)]
pub(super) struct Ticket(u32);

impl Signal {
    pub(super) const fn new() -> Self {
        Self {
            sequence: AtomicU32::new(0),
        }
    }

    /// To be taken under the lock, when the state says that the thread waits.
    #[inline]
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.sequence.load(Relaxed))
    }

    /// Ends the tickets taken so far; the caller wakes once it has unlocked.
    #[inline]
    pub(super) fn advance(&self) {
        self.sequence
            .store(self.sequence.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Parks until a wake, or not at all if the sequence was advanced since; false if the deadline passed.
    pub(super) fn wait(&self, ticket: Ticket, deadline: Option<Instant>) -> bool {
        wait_queue::wait(&self.sequence, ticket.0, deadline) != Wait::TimedOut
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
