//! The context of a plain OS thread: parking is a futex wait.

use crate::Instant;
use crate::context::Context;
use crate::sys::Futex;
use std::sync::Arc;
use std::task::{Wake, Waker};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{AcqRel, Acquire};
#[cfg(not(loom))]
use std::sync::atomic::Ordering::{AcqRel, Acquire};

const EMPTY: u32 = 0;
const NOTIFIED: u32 = 1;
const PARKED: u32 = 2;

/// One parking place; an OS thread has one for as long as it waits for anything.
pub(crate) struct OsParker {
    state: Futex,
}

impl OsParker {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Futex::new(EMPTY),
        })
    }

    /// Parks the calling OS thread; returns on a wake (also an earlier one), the deadline, or for no reason.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        if self
            .state
            .compare_exchange(EMPTY, PARKED, Acquire, Acquire)
            .is_ok()
        {
            self.state.wait(PARKED, deadline);
        }
        self.state.swap(EMPTY, AcqRel);
    }

    fn unpark(&self) {
        if self.state.swap(NOTIFIED, AcqRel) == PARKED {
            self.state.wake_one();
        }
    }
}

impl Wake for OsParker {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.unpark();
    }
}

/// The context of an OS thread: what a thread that no engine made parks by, and what an engine uses that
/// gives each of its threads an OS thread.
pub struct OsThread(pub(crate) Arc<OsParker>);

impl OsThread {
    /// A parking place of its own; only one OS thread parks on it.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(OsParker::new())
    }
}

impl Context for OsThread {
    fn park(&self, deadline: Option<Instant>) -> bool {
        self.0.park(deadline);
        false
    }

    fn waker(&self) -> Waker {
        self.0.clone().into()
    }
}
