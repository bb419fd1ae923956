//! The mutex without a value and without poison: one word of three states. `Mutex`, `Condvar` and the
//! channels stand on it; it stands on the wait queue.
//!
//! The shape is the one of std's futex mutex. The third state says that somebody may sleep, so that an
//! uncontended unlock is one exchange and never looks at the wait queue.

use super::ticket::Ticket;
use standin_core::{fault, wait_queue};
use std::hint;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and threads may wait: the holder wakes one of them when it unlocks.
const CONTENDED: u32 = 2;

/// How often a thread looks at a held lock before it parks. It helps only where the holder runs on another
/// processor; where it waits for this one, every look is wasted, so the number is small.
const SPINS: u32 = 64;

/// # Invariant
///
/// *chain*: while a thread waits on `state`, the state is [`CONTENDED`], or some thread that was woken has
/// yet to pass through [`lock_contended`](Self::lock_contended), which makes it so. Each unlock of the
/// contended state wakes one thread, and so the waiting threads are woken one after another.
///
/// A future that waits is a thread in this. Dropped before a wake chose it, it leaves the state `CONTENDED`,
/// with perhaps nobody asleep: at worst an unlock looks at an empty queue. Dropped after a wake chose it, it is
/// the one that has yet to pass; it wakes the next, who is then that one. If it finds nobody asleep, there is
/// nobody for whom anything has to hold: who comes to wait later made the state `CONTENDED` just before.
pub(super) struct FutexMutex {
    state: AtomicU32,
}

impl FutexMutex {
    #[inline]
    pub(super) const fn new() -> Self {
        Self {
            state: AtomicU32::new(FREE),
        }
    }

    #[inline]
    pub(super) fn lock(&self) {
        if !self.try_lock() {
            self.lock_after_spinning();
        }
    }

    #[inline]
    pub(super) fn try_lock(&self) -> bool {
        self.state
            .compare_exchange(FREE, HELD, Acquire, Relaxed)
            .is_ok()
    }

    /// # Safety
    ///
    /// The caller holds the lock.
    #[inline]
    pub(super) unsafe fn unlock(&self) {
        let word = self.word();
        // After the exchange another thread may lock, unlock and free the mutex: only its address is used.
        if self.state.swap(FREE, Release) == CONTENDED {
            wake_one(word);
        }
    }

    /// Locks, and leaves the state that makes the unlock wake somebody: for a thread that was woken while
    /// others may be waiting behind it on [`word`](Self::word).
    pub(super) fn lock_contended(&self) {
        while let Err(ticket) = self.attempt_contended() {
            ticket.wait(None);
        }
    }

    /// As [`lock`](Self::lock), for a future. It does not spin: an executor has other tasks to run.
    pub(super) async fn lock_async(&self) {
        if self.try_lock() {
            return;
        }
        while let Err(ticket) = self.attempt_contended() {
            let gave_up = |chosen| {
                if chosen {
                    wake_one(self.word());
                }
            };
            ticket.wait_async(gave_up).await;
        }
    }

    fn attempt_contended(&self) -> Result<(), Ticket<'_>> {
        if self.state.swap(CONTENDED, Acquire) == FREE {
            Ok(())
        } else {
            Err(Ticket::new(&self.state, CONTENDED))
        }
    }

    /// Where threads that wait for the lock wait; for requeueing threads onto it.
    pub(super) fn word(&self) -> *const AtomicU32 {
        &raw const self.state
    }

    #[cold]
    fn lock_after_spinning(&self) {
        if fault::happens("two-holders", 10) {
            return;
        }
        // A contended lock is not spun for: those who wait came earlier.
        for _ in 0..SPINS {
            match self.state.load(Relaxed) {
                FREE if self.try_lock() => return,
                CONTENDED => break,
                _ => hint::spin_loop(),
            }
        }
        self.lock_contended();
    }
}

#[cold]
fn wake_one(word: *const AtomicU32) {
    wait_queue::wake(word, 1);
}
