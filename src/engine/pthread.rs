//! What `pthread_self` returns on a thread, told to whoever has a handle to it.

use crate::sync::ticket::Ticket;
use standin_core::wait_queue;
use std::os::unix::thread::RawPthread;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicUsize};

/// A cell that the thread fills when it begins.
pub(crate) struct Pthread {
    /// [`UNKNOWN`], [`AWAITED`] or [`KNOWN`].
    state: AtomicU32,
    /// Written once, before the state is `KNOWN`; 0 if the thread has none.
    value: AtomicUsize,
}

const UNKNOWN: u32 = 0;
const AWAITED: u32 = 1;
const KNOWN: u32 = 2;

impl Pthread {
    pub(crate) const fn new() -> Self {
        Self {
            state: AtomicU32::new(UNKNOWN),
            value: AtomicUsize::new(0),
        }
    }

    /// Called on the thread itself, before its own code; the first call counts. `None` if it has none that it could
    /// hand out.
    #[inline]
    pub(super) fn announce(&self, own: Option<RawPthread>) {
        if self.state.load(Relaxed) == KNOWN {
            return;
        }
        self.value.store(own.map_or(0, |own| own as usize), Relaxed);
        if self.state.swap(KNOWN, Release) == AWAITED {
            wait_queue::wake(&self.state, usize::MAX);
        }
    }

    /// Parks the caller until the thread has begun. `None` if the engine gives its threads none.
    pub(crate) fn wait(&self) -> Option<RawPthread> {
        loop {
            match self.state.load(Acquire) {
                KNOWN => break,
                UNKNOWN => {
                    // Fails if it has begun just now, or another caller said the same.
                    let _ = self
                        .state
                        .compare_exchange(UNKNOWN, AWAITED, Relaxed, Relaxed);
                }
                _ => {
                    Ticket::new(&self.state, AWAITED).wait(None);
                }
            }
        }
        match self.value.load(Relaxed) {
            0 => None,
            value => Some(value as RawPthread),
        }
    }
}
