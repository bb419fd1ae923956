//! Mutexes in async code: the same [`sync::Mutex`], waited for by futures and by threads in one queue.

use crate::sync;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, PoisonError};

/// Waiting for a [`Mutex`](sync::Mutex) in async code.
pub trait MutexExt<T: ?Sized> {
    /// As [`Mutex::lock`](sync::Mutex::lock), for a future, with a guard that may be held across an `.await`.
    ///
    /// The future is `Send` if `T` is. It may be dropped at any time: then the mutex goes to another who waits.
    /// As long as it is neither polled nor dropped after it was woken, those who came behind it wait for it; so a
    /// task must not wait for anything else that needs this mutex while it keeps such a future unpolled.
    ///
    /// # Errors
    ///
    /// The guard as well, in a [`PoisonError`], if a holder panicked.
    ///
    /// ```
    /// use standin::aio::MutexExt;
    /// use standin::sync::Mutex;
    ///
    /// static TOTAL: Mutex<u32> = Mutex::new(0);
    ///
    /// standin::block_on(async { *TOTAL.lock_async().await.unwrap() += 1 });
    /// *TOTAL.lock().unwrap() += 1;
    /// assert_eq!(*TOTAL.lock().unwrap(), 2);
    /// ```
    fn lock_async<'a>(&'a self) -> impl Future<Output = LockResult<MutexGuard<'a, T>>>
    where
        T: 'a;
}

impl<T: ?Sized> MutexExt<T> for sync::Mutex<T> {
    async fn lock_async<'a>(&'a self) -> LockResult<MutexGuard<'a, T>>
    where
        T: 'a,
    {
        match self.lock_in_task().await {
            Ok(guard) => Ok(MutexGuard(guard)),
            Err(poisoned) => Err(PoisonError::new(MutexGuard(poisoned.into_inner()))),
        }
    }
}

/// The right to the value of a [`Mutex`](sync::Mutex), as [`sync::MutexGuard`], but a task may take it along to
/// another thread. Dropping it unlocks, and poisons if the dropping thread panics.
#[must_use = "if unused the Mutex will immediately unlock"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized>(sync::MutexGuard<'a, T>);

// SAFETY: *held* in `sync/mutex.rs`: the guard is the one way to the value and may be anywhere, since the lock
// does not know who holds it. The value moves with it.
unsafe impl<T: ?Sized + Send> Send for MutexGuard<'_, T> {}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
