//! `Mutex` and its guard: a value, poison, and the raw futex mutex.

use super::futex_mutex::FutexMutex;
use super::poison;
use standin_core::context;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, TryLockError, TryLockResult};

/// Mutual exclusion for a value. Who waits for it parks in its own way: a green thread lets others run on
/// its processor, an OS thread blocks.
///
/// This corresponds to [`std::sync::Mutex`], with its poisoning, and without a difference that a program
/// can see. It is not fair, and a thread that locks it twice waits for ever.
///
/// ```
/// use standin::sync::Mutex;
/// use std::thread;
///
/// static TOTAL: Mutex<u32> = Mutex::new(0);
///
/// thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| *TOTAL.lock().unwrap() += 1);
///     }
/// });
/// assert_eq!(*TOTAL.lock().unwrap(), 4);
/// ```
pub struct Mutex<T: ?Sized> {
    raw: FutexMutex,
    poison: poison::Flag,
    /// # Invariant
    ///
    /// *held*: it is reached through a [`MutexGuard`], which exists only while `raw` is held for it, or
    /// through an exclusive borrow of the mutex. (`raw` does not know who holds it. The guard stays on its thread
    /// as std's does; the one in [`aio`](crate::aio) has it inside and does not.)
    value: UnsafeCell<T>,
}

// SAFETY: *held*: one thread at a time reaches the value, so sharing the mutex moves the value at most.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// SAFETY: the mutex owns its value and nothing else.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

// A panic while the lock was held leaves poison, which the next thread is told.
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

impl<T> Mutex<T> {
    /// A mutex that nobody holds. This corresponds to [`std::sync::Mutex::new`].
    #[inline]
    pub const fn new(value: T) -> Self {
        Self {
            raw: FutexMutex::new(),
            poison: poison::Flag::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Gives the value back. This corresponds to [`std::sync::Mutex::into_inner`].
    ///
    /// # Errors
    ///
    /// The value as well, in a [`PoisonError`](std::sync::PoisonError), if a holder panicked.
    pub fn into_inner(self) -> LockResult<T> {
        let value = self.value.into_inner();
        self.poison.wrap(value)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the mutex is free, and locks it. This corresponds to [`std::sync::Mutex::lock`].
    ///
    /// # Errors
    ///
    /// The guard as well, in a [`PoisonError`](std::sync::PoisonError), if a holder panicked.
    #[inline]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.raw.lock();
        // SAFETY: locked on the line above.
        unsafe { MutexGuard::new(self) }
    }

    /// As [`lock`](Self::lock), for a future.
    pub(crate) async fn lock_in_task(&self) -> LockResult<MutexGuard<'_, T>> {
        self.raw.lock_async().await;
        // SAFETY: locked on the line above.
        unsafe { MutexGuard::new(self) }
    }

    /// Locks the mutex if it is free. This corresponds to [`std::sync::Mutex::try_lock`].
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if it is held; [`TryLockError::Poisoned`] with the guard if a holder
    /// panicked.
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        if self.raw.try_lock() {
            // SAFETY: locked on the line above.
            Ok(unsafe { MutexGuard::new(self) }?)
        } else {
            // The caller may try until it succeeds.
            context::progress();
            Err(TryLockError::WouldBlock)
        }
    }

    /// Whether a holder panicked. This corresponds to [`std::sync::Mutex::is_poisoned`].
    ///
    /// The answer may be out of date at once if another thread holds the mutex.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poison.get()
    }

    /// Takes the poison away, after the value was set right. This corresponds to
    /// [`std::sync::Mutex::clear_poison`].
    #[inline]
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The value, which nobody else can reach while the mutex is borrowed exclusively. This corresponds to
    /// [`std::sync::Mutex::get_mut`].
    ///
    /// # Errors
    ///
    /// The reference as well, in a [`PoisonError`](std::sync::PoisonError), if a holder panicked.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let value = self.value.get_mut();
        self.poison.wrap(value)
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => output.field("data", &&*guard),
            Err(TryLockError::Poisoned(poisoned)) => output.field("data", &&**poisoned.get_ref()),
            Err(TryLockError::WouldBlock) => output.field("data", &"<locked>"),
        };
        output.field("poisoned", &self.is_poisoned());
        output.finish_non_exhaustive()
    }
}

/// The right to the value of a [`Mutex`]; dropping it unlocks. This corresponds to
/// [`std::sync::MutexGuard`].
///
/// It stays on the thread that locked:
///
/// ```compile_fail,E0277
/// use standin::sync::Mutex;
///
/// fn assert_send<T: Send>(_: T) {}
/// assert_send(Mutex::new(0).lock().unwrap());
/// ```
#[must_use = "if unused the Mutex will immediately unlock"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    poison: poison::Guard,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives shared references to the value only.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// # Safety
    ///
    /// The caller has locked `mutex.raw`, for this guard.
    #[inline]
    unsafe fn new(mutex: &'a Mutex<T>) -> LockResult<Self> {
        poison::map(mutex.poison.guard(), |poison| Self {
            mutex,
            poison,
            not_send: PhantomData,
        })
    }

    /// The raw mutex, which this guard holds.
    pub(super) fn raw(&self) -> &'a FutexMutex {
        &self.mutex.raw
    }

    /// Whether a holder panicked.
    pub(super) fn is_poisoned(&self) -> bool {
        self.mutex.poison.get()
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: *held*: this guard is the only way to the value.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: *held*: this guard is the only way to the value, and it is borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.poison.done(&self.poison);
        // SAFETY: *held*: the mutex was locked for this guard.
        unsafe { self.mutex.raw.unlock() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
