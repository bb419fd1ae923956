//! Short waits for what another OS thread does right now.

#[cfg(loom)]
use loom::{hint::spin_loop, thread::yield_now};
#[cfg(not(loom))]
use std::{hint::spin_loop, thread::yield_now};

/// The longest pause between two looks, as a power of two.
#[cfg(not(loom))]
const LONGEST: u32 = 6;
#[cfg(loom)]
const LONGEST: u32 = 0;

/// Pauses between looks: longer each time, and then for as long as other OS threads have something to do.
pub(super) struct Spin {
    pauses: u32,
}

impl Spin {
    #[inline]
    pub(super) fn new() -> Self {
        Self { pauses: 0 }
    }

    /// For something that is certain to come, and that no other code has to run for than what does it.
    #[cold]
    pub(super) fn pause(&mut self) {
        if self.pauses <= LONGEST {
            for _ in 0..1 << self.pauses {
                spin_loop();
            }
        } else {
            yield_now();
        }
        self.pauses = self.pauses.saturating_add(1);
    }

    /// How many pauses there were.
    pub(super) fn count(&self) -> u32 {
        self.pauses
    }
}
