//! A lock that the thread which holds it may take again: for the standard streams, as in std.

use super::futex_mutex::FutexMutex;
use crate::thread::current_id;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// It has no poison: what a panic leaves behind is whole, or is not protected by this.
pub(crate) struct ReentrantLock<T> {
    mutex: FutexMutex,
    /// Who holds it; [`NOBODY`] otherwise. A thread finds its own id there only if it wrote it, so the order in which
    /// others see it does not matter.
    owner: AtomicU64,
    /// How often the owner took it. The owner alone touches it.
    depth: UnsafeCell<usize>,
    value: T,
}

/// No thread's id.
const NOBODY: u64 = 0;

// SAFETY: one thread at a time has the value, by shared reference.
unsafe impl<T: Send> Sync for ReentrantLock<T> {}

impl<T> ReentrantLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            mutex: FutexMutex::new(),
            owner: AtomicU64::new(NOBODY),
            depth: UnsafeCell::new(0),
            value,
        }
    }

    pub(crate) fn lock(&self) -> ReentrantLockGuard<'_, T> {
        let me = current_id().get();
        if self.owner.load(Relaxed) != me {
            self.mutex.lock();
            self.owner.store(me, Relaxed);
        }
        // SAFETY: the calling thread holds the lock.
        unsafe { self.deeper() }
    }

    /// `None` if another thread holds it.
    pub(crate) fn try_lock(&self) -> Option<ReentrantLockGuard<'_, T>> {
        let me = current_id().get();
        if self.owner.load(Relaxed) != me {
            if !self.mutex.try_lock() {
                return None;
            }
            self.owner.store(me, Relaxed);
        }
        // SAFETY: the calling thread holds the lock.
        Some(unsafe { self.deeper() })
    }

    /// # Safety
    ///
    /// The calling thread holds the lock.
    unsafe fn deeper(&self) -> ReentrantLockGuard<'_, T> {
        // SAFETY: the caller's promise; nobody else touches the depth.
        unsafe { *self.depth.get() += 1 };
        ReentrantLockGuard {
            lock: self,
            stays: PhantomData,
        }
    }
}

/// The lock is held as often as there are guards.
pub(crate) struct ReentrantLockGuard<'a, T> {
    lock: &'a ReentrantLock<T>,
    /// It is the thread's.
    stays: PhantomData<*const ()>,
}

impl<T> Deref for ReentrantLockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.lock.value
    }
}

impl<T> Drop for ReentrantLockGuard<'_, T> {
    fn drop(&mut self) {
        let depth = self.lock.depth.get();
        // SAFETY: a guard does not leave its thread, which holds the lock.
        let is_last = unsafe {
            *depth -= 1;
            *depth == 0
        };
        if is_last {
            self.lock.owner.store(NOBODY, Relaxed);
            // SAFETY: the thread holds the lock, by this guard alone.
            unsafe { self.lock.mutex.unlock() };
        }
    }
}
