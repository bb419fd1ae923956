//! A value behind a [`FutexMutex`], without poison: for the state of the channels, whose critical sections
//! run no code of the user.

use super::futex_mutex::FutexMutex;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// # Invariant
///
/// *held*: `value` is reached only through a [`Guard`], and a guard exists only while `mutex` is held.
pub(super) struct Lock<T> {
    mutex: FutexMutex,
    value: UnsafeCell<T>,
}

// SAFETY: *held*: one thread at a time reaches the value, so sharing the lock moves the value at most.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(super) const fn new(value: T) -> Self {
        Self {
            mutex: FutexMutex::new(),
            value: UnsafeCell::new(value),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> Guard<'_, T> {
        self.mutex.lock();
        Guard {
            lock: self,
            not_send: PhantomData,
        }
    }
}

/// Unlocks when dropped, also in an unwind.
pub(super) struct Guard<'a, T> {
    lock: &'a Lock<T>,
    not_send: PhantomData<*const ()>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: *held*: this guard is the only way to the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: *held*: this guard is the only way to the value, and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: *held*: the guard was made by the thread that locked, and stays there.
        unsafe { self.lock.mutex.unlock() }
    }
}
