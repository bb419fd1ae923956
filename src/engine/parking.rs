//! Whether a thread on a stack of its own runs, is parked, or was woken: one word. `core/tests/model_green.rs`
//! checks it.
//!
//! A thread that parks first leaves its stack, and only then does whoever resumed it (a machine of the green
//! engine, a poll of the async one) say that it is parked: nobody can resume it before it has stopped. A wake
//! that comes earlier leaves the token, and the thread runs on at once.

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed},
};
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// It runs, or is ready to.
const RUNNING: u32 = 0;
/// As `RUNNING`, with the token.
const NOTIFIED: u32 = 1;
/// It has left its stack, and runs when somebody wakes it.
const PARKED: u32 = 2;

pub(super) struct Parking(AtomicU32);

impl Parking {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(RUNNING))
    }

    /// Takes the token if it is there. By the thread itself: before it parks, and after it was resumed.
    #[inline]
    pub(super) fn take_token(&self) -> bool {
        // Read-only where there is none, which is the common case before a park.
        self.0.load(Relaxed) == NOTIFIED && self.0.swap(RUNNING, AcqRel) == NOTIFIED
    }

    /// Says that the thread is parked; false if the token came before, so that it has to run on. By whoever
    /// resumed it, after the thread has left its stack: with true, somebody else may run it already.
    pub(super) fn commit(&self) -> bool {
        self.0
            .compare_exchange(RUNNING, PARKED, AcqRel, Acquire)
            .is_ok()
    }

    /// Whether it is parked, and nobody woke it.
    #[cfg(feature = "may")]
    pub(super) fn is_parked(&self) -> bool {
        self.0.load(Acquire) == PARKED
    }

    /// Says that a parked thread runs, although perhaps nobody woke it; true if somebody did. By whoever resumes
    /// it, and only where nobody else can.
    #[cfg(any(loom, feature = "async", feature = "may"))]
    pub(super) fn resume(&self) -> bool {
        self.0.swap(RUNNING, AcqRel) == NOTIFIED
    }

    /// As [`wake`](Self::wake), but what was parked runs without the token then, as if it had taken it: one change of the
    /// word less. For threads that are made ready through a queue, by which whoever resumes them sees what was done before;
    /// they ask for the token after each park all the same, since it may have come later.
    #[cfg(any(loom, feature = "green"))]
    pub(super) fn wake_to_queue(&self) -> bool {
        let is_parked = self.0.load(Relaxed) == PARKED
            && self
                .0
                .compare_exchange(PARKED, RUNNING, AcqRel, Relaxed)
                .is_ok();
        is_parked || self.wake()
    }

    /// Leaves the token; true if the caller has to make the thread ready. By anybody.
    pub(super) fn wake(&self) -> bool {
        self.0.swap(NOTIFIED, AcqRel) == PARKED
    }
}
