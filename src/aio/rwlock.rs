//! Reader-writer locks in async code: the same [`sync::RwLock`], waited for by futures and by threads.

use crate::sync;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, PoisonError};

/// Waiting for a [`RwLock`](sync::RwLock) in async code.
///
/// The futures are `Send` if `T` is `Send` and `Sync`. They may be dropped at any time: then the lock goes to
/// others who wait. As long as a future is neither polled nor dropped after it was woken, others may wait for it;
/// so a task must not wait for anything else that needs this lock while it keeps such a future unpolled.
pub trait RwLockExt<T: ?Sized> {
    /// As [`RwLock::read`](sync::RwLock::read), for a future, with a guard that may be held across an `.await`.
    ///
    /// # Errors
    ///
    /// The guard as well, in a [`PoisonError`], if a writer panicked.
    ///
    /// # Panics
    ///
    /// With more than a billion readers at once.
    fn read_async<'a>(&'a self) -> impl Future<Output = LockResult<RwLockReadGuard<'a, T>>>
    where
        T: 'a;

    /// As [`RwLock::write`](sync::RwLock::write), for a future, with a guard that may be held across an `.await`.
    ///
    /// # Errors
    ///
    /// The guard as well, in a [`PoisonError`], if a writer panicked.
    fn write_async<'a>(&'a self) -> impl Future<Output = LockResult<RwLockWriteGuard<'a, T>>>
    where
        T: 'a;
}

impl<T: ?Sized> RwLockExt<T> for sync::RwLock<T> {
    async fn read_async<'a>(&'a self) -> LockResult<RwLockReadGuard<'a, T>>
    where
        T: 'a,
    {
        match self.read_in_task().await {
            Ok(guard) => Ok(RwLockReadGuard(guard)),
            Err(poisoned) => Err(PoisonError::new(RwLockReadGuard(poisoned.into_inner()))),
        }
    }

    async fn write_async<'a>(&'a self) -> LockResult<RwLockWriteGuard<'a, T>>
    where
        T: 'a,
    {
        match self.write_in_task().await {
            Ok(guard) => Ok(RwLockWriteGuard(guard)),
            Err(poisoned) => Err(PoisonError::new(RwLockWriteGuard(poisoned.into_inner()))),
        }
    }
}

/// The right to read the value of a [`RwLock`](sync::RwLock), as [`sync::RwLockReadGuard`], but a task may take it
/// along to another thread. Dropping it unlocks.
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized>(sync::RwLockReadGuard<'a, T>);

// SAFETY: *held* in `sync/rwlock.rs`: the guard gives shared references to the value and may be anywhere, since
// the lock does not know who holds it.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The right to write the value of a [`RwLock`](sync::RwLock), as [`sync::RwLockWriteGuard`], but a task may take it
/// along to another thread. Dropping it unlocks, and poisons if the dropping thread panics.
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized>(sync::RwLockWriteGuard<'a, T>);

// SAFETY: *held* in `sync/rwlock.rs`: the guard is the one way to the value and may be anywhere, since the lock
// does not know who holds it. The value moves with it.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// As [`sync::RwLockWriteGuard::downgrade`].
    pub fn downgrade(s: Self) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard(sync::RwLockWriteGuard::downgrade(s.0))
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
