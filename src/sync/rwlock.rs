//! `RwLock` and its guards: a value, poison, and the raw reader-writer lock.

use super::futex_rwlock::FutexRwLock;
use super::poison;
use standin_core::context;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

/// A lock that many readers or one writer hold. Who waits for it parks in its own way.
///
/// This corresponds to [`std::sync::RwLock`]. Which of several waiting threads comes first is not promised;
/// as with std on Linux, a writer that waits keeps new readers out, so a thread that reads twice at once may
/// wait for ever. Only writers poison.
///
/// ```
/// use standin::sync::RwLock;
///
/// static LIMIT: RwLock<u32> = RwLock::new(5);
/// {
///     let (one, two) = (LIMIT.read().unwrap(), LIMIT.try_read().unwrap());
///     assert_eq!(*one + *two, 10);
/// }
/// *LIMIT.write().unwrap() += 1;
/// assert_eq!(*LIMIT.read().unwrap(), 6);
/// ```
pub struct RwLock<T: ?Sized> {
    pub(super) raw: FutexRwLock,
    poison: poison::Flag,
    /// # Invariant
    ///
    /// *held*: it is read through a [`RwLockReadGuard`], which exists only while `raw` is held for it as a
    /// reader, written through a [`RwLockWriteGuard`], likewise as the writer, or reached through an
    /// exclusive borrow of the lock. (`raw` does not know who holds it. The guards stay on their thread as std's
    /// do; those in [`aio`](crate::aio) have them inside and do not.)
    value: UnsafeCell<T>,
}

// SAFETY: *held*: readers share references to the value (`Sync`), and a writer may move it (`Send`).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
// SAFETY: the lock owns its value and nothing else.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}

// A panic of a writer leaves poison, which the next thread is told.
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

impl<T> RwLock<T> {
    /// A lock that nobody holds. This corresponds to [`std::sync::RwLock::new`].
    #[inline]
    pub const fn new(value: T) -> Self {
        Self {
            raw: FutexRwLock::new(),
            poison: poison::Flag::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Gives the value back. This corresponds to [`std::sync::RwLock::into_inner`].
    ///
    /// # Errors
    ///
    /// The value as well, in a [`PoisonError`], if a writer panicked.
    pub fn into_inner(self) -> LockResult<T> {
        let value = self.value.into_inner();
        self.poison.wrap(value)
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until no writer holds the lock or waits for it, and holds it together with other readers. This
    /// corresponds to [`std::sync::RwLock::read`].
    ///
    /// # Errors
    ///
    /// The guard as well, in a [`PoisonError`], if a writer panicked.
    ///
    /// # Panics
    ///
    /// With more than a billion readers at once.
    #[inline]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.raw.read();
        // SAFETY: locked on the line above.
        unsafe { RwLockReadGuard::new(self) }
    }

    /// As [`read`](Self::read), for a future.
    pub(crate) async fn read_in_task(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.raw.read_async().await;
        // SAFETY: locked on the line above.
        unsafe { RwLockReadGuard::new(self) }
    }

    /// As [`write`](Self::write), for a future.
    pub(crate) async fn write_in_task(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.raw.write_async().await;
        // SAFETY: locked on the line above.
        unsafe { RwLockWriteGuard::new(self) }
    }

    /// Holds the lock as a reader if that is possible at once. This corresponds to
    /// [`std::sync::RwLock::try_read`].
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if a writer holds the lock or waits for it;
    /// [`TryLockError::Poisoned`] with the guard if a writer panicked.
    #[inline]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        if self.raw.try_read() {
            // SAFETY: locked on the line above.
            Ok(unsafe { RwLockReadGuard::new(self) }?)
        } else {
            // The caller may try until it succeeds.
            context::progress();
            Err(TryLockError::WouldBlock)
        }
    }

    /// Waits until nobody holds the lock, and holds it alone. This corresponds to
    /// [`std::sync::RwLock::write`].
    ///
    /// # Errors
    ///
    /// The guard as well, in a [`PoisonError`], if a writer panicked.
    #[inline]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.raw.write();
        // SAFETY: locked on the line above.
        unsafe { RwLockWriteGuard::new(self) }
    }

    /// Holds the lock alone if nobody holds it. This corresponds to [`std::sync::RwLock::try_write`].
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if somebody holds the lock; [`TryLockError::Poisoned`] with the guard if
    /// a writer panicked.
    #[inline]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        if self.raw.try_write() {
            // SAFETY: locked on the line above.
            Ok(unsafe { RwLockWriteGuard::new(self) }?)
        } else {
            // The caller may try until it succeeds.
            context::progress();
            Err(TryLockError::WouldBlock)
        }
    }

    /// Whether a writer panicked. This corresponds to [`std::sync::RwLock::is_poisoned`].
    ///
    /// The answer may be out of date at once if another thread writes.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poison.get()
    }

    /// Takes the poison away, after the value was set right. This corresponds to
    /// [`std::sync::RwLock::clear_poison`].
    #[inline]
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The value, which nobody else can reach while the lock is borrowed exclusively. This corresponds to
    /// [`std::sync::RwLock::get_mut`].
    ///
    /// # Errors
    ///
    /// The reference as well, in a [`PoisonError`], if a writer panicked.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let value = self.value.get_mut();
        self.poison.wrap(value)
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => output.field("data", &&*guard),
            Err(TryLockError::Poisoned(poisoned)) => output.field("data", &&**poisoned.get_ref()),
            Err(TryLockError::WouldBlock) => output.field("data", &format_args!("<locked>")),
        };
        output.field("poisoned", &self.is_poisoned());
        output.finish_non_exhaustive()
    }
}

/// The right to read the value of a [`RwLock`]; dropping it unlocks. This corresponds to
/// [`std::sync::RwLockReadGuard`].
///
/// It stays on the thread that locked:
///
/// ```compile_fail,E0277
/// use standin::sync::RwLock;
///
/// fn assert_send<T: Send>(_: T) {}
/// assert_send(RwLock::new(0).read().unwrap());
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized + 'a> {
    // A pointer, which also keeps the guard from being sent: a reference would say that the value does not
    // change until the end of a function that takes the guard, although it unlocks before.
    value: NonNull<T>,
    raw: &'a FutexRwLock,
}

// SAFETY: a shared guard gives shared references to the value only.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// # Safety
    ///
    /// The caller has locked `lock.raw` as a reader, for this guard.
    #[inline]
    unsafe fn new(lock: &'a RwLock<T>) -> LockResult<Self> {
        // SAFETY: the address of a field is not null.
        let value = unsafe { NonNull::new_unchecked(lock.value.get()) };
        lock.poison.wrap(Self {
            value,
            raw: &lock.raw,
        })
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: *held*: while readers hold the lock nobody writes the value.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: *held*: the lock was taken for this guard.
        unsafe { self.raw.unlock_read() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The right to write the value of a [`RwLock`]; dropping it unlocks. This corresponds to
/// [`std::sync::RwLockWriteGuard`].
///
/// It stays on the thread that locked:
///
/// ```compile_fail,E0277
/// use standin::sync::RwLock;
///
/// fn assert_send<T: Send>(_: T) {}
/// assert_send(RwLock::new(0).write().unwrap());
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    poison: poison::Guard,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives shared references to the value only.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// # Safety
    ///
    /// The caller has locked `lock.raw` as the writer, for this guard.
    #[inline]
    unsafe fn new(lock: &'a RwLock<T>) -> LockResult<Self> {
        poison::map(lock.poison.guard(), |poison| Self {
            lock,
            poison,
            not_send: PhantomData,
        })
    }

    /// Goes from writing to reading, with no other writer between; readers that wait come in. This
    /// corresponds to [`std::sync::RwLockWriteGuard::downgrade`].
    pub fn downgrade(s: Self) -> RwLockReadGuard<'a, T> {
        let lock = s.lock;
        mem::forget(s);
        // SAFETY: *held*: the lock was taken for this guard, as the writer; the guard is gone now.
        unsafe { lock.raw.downgrade() };
        // SAFETY: a reader since the line above.
        unsafe { RwLockReadGuard::new(lock) }.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: *held*: this guard is the only way to the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: *held*: this guard is the only way to the value, and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.poison.done(&self.poison);
        // SAFETY: *held*: the lock was taken for this guard.
        unsafe { self.lock.raw.unlock_write() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
