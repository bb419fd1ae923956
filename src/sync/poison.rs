//! Poison: the mark that a lock keeps when a thread panicked while it held it. `Mutex` and `RwLock` use it.
//!
//! The flag guards no data of its own: it is written before the unlock and read after the lock, which order
//! the accesses, so they are relaxed.

use standin_core::fault;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{LockResult, PoisonError};
use std::thread;

pub(super) struct Flag {
    poisoned: AtomicBool,
}

/// Whether the thread was panicking already when it locked: such a thread does not poison, because its
/// panic happened elsewhere.
pub(super) struct Guard {
    panicking: bool,
}

impl Flag {
    #[inline]
    pub(super) const fn new() -> Self {
        Self {
            poisoned: AtomicBool::new(false),
        }
    }

    /// To be called after a lock that lets its holder change the value.
    #[inline]
    pub(super) fn guard(&self) -> LockResult<Guard> {
        let panicking = thread::panicking();
        self.wrap(Guard { panicking })
    }

    /// To be called before the unlock, with what [`guard`](Self::guard) gave.
    #[inline]
    pub(super) fn done(&self, guard: &Guard) {
        if !guard.panicking && thread::panicking() && !fault::is_planted("no-poison") {
            self.poisoned.store(true, Relaxed);
        }
    }

    /// `value` as the result of a lock operation.
    #[inline]
    pub(super) fn wrap<T>(&self, value: T) -> LockResult<T> {
        if self.get() {
            Err(PoisonError::new(value))
        } else {
            Ok(value)
        }
    }

    #[inline]
    pub(super) fn get(&self) -> bool {
        self.poisoned.load(Relaxed)
    }

    #[inline]
    pub(super) fn clear(&self) {
        self.poisoned.store(false, Relaxed);
    }
}

/// Changes the value that a lock operation gave, poisoned or not.
#[inline]
pub(super) fn map<T, U>(result: LockResult<T>, f: impl FnOnce(T) -> U) -> LockResult<U> {
    match result {
        Ok(value) => Ok(f(value)),
        Err(poisoned) => Err(PoisonError::new(f(poisoned.into_inner()))),
    }
}
