//! A mutex on the raw futex, for the short critical sections of this crate and of the engines.

use crate::sys::{Futex, UnsafeCell};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
#[cfg(not(loom))]
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and others may sleep: the holder wakes one of them.
const CONTENDED: u32 = 2;

/// How often a thread looks at a held lock before it sleeps. Sections are a few dozen instructions, so a
/// holder that runs is done by then; one that was descheduled is not worth waiting for.
#[cfg(not(loom))]
const SPINS: u32 = 64;
#[cfg(loom)]
const SPINS: u32 = 1;

/// A lock that blocks the OS thread, whatever runs on it.
///
/// No code may park or call a user's code while it holds one.
pub struct Lock<T> {
    state: Futex,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands out one reference at a time, so sharing it moves the value between threads at most.
unsafe impl<T: Send> Sync for Lock<T> {}
// SAFETY: as for the value itself.
unsafe impl<T: Send> Send for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self {
            state: Futex::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    /// A free lock.
    #[cfg(loom)]
    #[allow(clippy::missing_const_for_fn)]
    pub fn new(value: T) -> Self {
        Self {
            state: Futex::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the lock, which is free again when the guard is dropped.
    pub fn lock(&self) -> Guard<'_, T> {
        if self
            .state
            .compare_exchange(FREE, HELD, Acquire, Relaxed)
            .is_err()
        {
            self.lock_contended();
        }
        Guard(self, PhantomData)
    }

    /// Runs `section` with the lock held; it is free again also if `section` unwinds.
    pub fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        section(&mut self.lock())
    }

    /// Makes it a free lock that holds `value`, whoever held it before. What it held is forgotten, not dropped.
    ///
    /// # Safety
    ///
    /// The calling thread is the only one that can use the lock, and does not hold it: in the child of a fork,
    /// where another thread may have held it, and may have been in the middle of changing the value.
    #[cfg(not(loom))]
    pub unsafe fn reset(&self, value: T) {
        // SAFETY: the caller's promise: nobody else uses the value.
        unsafe { self.value.get().write(value) };
        self.state.store(FREE, Relaxed);
    }

    #[cold]
    fn lock_contended(&self) {
        for _ in 0..SPINS {
            if self.state.load(Relaxed) == FREE
                && self
                    .state
                    .compare_exchange(FREE, HELD, Acquire, Relaxed)
                    .is_ok()
            {
                return;
            }
            std::hint::spin_loop();
        }
        // From here on the state says CONTENDED even if nobody else sleeps: one wake too many is cheap.
        while self.state.swap(CONTENDED, Acquire) != FREE {
            self.state.wait(CONTENDED, None);
        }
    }
}

/// Frees the lock when dropped. Shared between threads, or sent, where a `&mut T` could be.
pub struct Guard<'a, T>(&'a Lock<T>, PhantomData<&'a mut T>);

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: a guard exists only while its lock is held, by the one thread that has the guard.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: a guard exists only while its lock is held, by the one thread that has the guard.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if self.0.state.swap(FREE, Release) == CONTENDED {
            self.0.state.wake_one();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Lock;

    #[test]
    fn sections_exclude_each_other() {
        static COUNT: Lock<u64> = Lock::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        COUNT.with(|count| *count += 1);
                    }
                });
            }
        });
        assert_eq!(COUNT.with(|count| *count), 80_000);
    }

    #[test]
    fn a_panic_releases_the_lock() {
        let lock = Lock::new(1);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            lock.with(|_| std::panic::resume_unwind(Box::new(())));
        }));
        assert!(caught.is_err());
        assert_eq!(lock.with(|value| *value), 1);
    }
}
