//! How a processor sleeps: in the kernel, for events and as the poller, or on a word of its own. Who wakes it need not
//! know which, nor whether it sleeps already: one word says so, and each side changes it by one read-modify-write.
//!
//! *Wake before the sleep*: the exchange in [`sleeps`](Nap::sleeps) fails, and the processor does not sleep. *After*:
//! the waker reads where it sleeps, and ends that. Both ends last: they cut short what is about to begin as well. One
//! that comes late cuts short the next sleep there, perhaps another processor's, for no reason.
//!
//! `core/tests/model_green.rs` checks it.

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

const AWAKE: u32 = 0;
/// Somebody woke it, and it has not taken notice yet.
const WOKEN: u32 = 1;
const IN_KERNEL: u32 = 2;
const ON_WORD: u32 = 3;

/// Where a processor sleeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bed {
    /// Where events arrive.
    Kernel = IN_KERNEL as isize,
    /// On its own word.
    Word = ON_WORD as isize,
}

pub(super) struct Nap {
    state: AtomicU32,
}

impl Nap {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU32::new(AWAKE),
        }
    }

    /// The processor goes to sleep there, unless it was woken before: then false, and it is awake.
    pub(super) fn sleeps(&self, bed: Bed) -> bool {
        let may = self
            .state
            .compare_exchange(AWAKE, bed as u32, AcqRel, Relaxed)
            .is_ok();
        if !may {
            self.is_up();
        }
        may
    }

    /// The processor is awake, for whatever reason.
    pub(super) fn is_up(&self) {
        // What was written before the wake is visible from here on.
        self.state.swap(AWAKE, Acquire);
    }

    /// Wakes the processor: where it sleeps, if that is for the caller to end.
    #[must_use]
    pub(super) fn wake(&self) -> Option<Bed> {
        match self.state.swap(WOKEN, AcqRel) {
            IN_KERNEL => Some(Bed::Kernel),
            ON_WORD => Some(Bed::Word),
            _ => None,
        }
    }
}
