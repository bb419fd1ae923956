//! The buckets, and the operations on them.

use super::Wait;
use super::bucket::{Bucket, Unlinked};
use super::waiter::Waiter;
use crate::Instant;
use crate::context::Context;
use crate::fault;
use crate::lock::{Guard, Lock};
use std::time::Duration;

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering::Acquire};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Acquire};

/// 16 bytes each, touched only where something waits: a few waiters a bucket at a million waiting threads.
#[cfg(not(loom))]
const BUCKETS: usize = 1 << 14;
#[cfg(loom)]
const BUCKETS: usize = 2;

#[cfg(not(loom))]
pub(super) static TABLE: Table = Table {
    buckets: [const { Lock::new(Bucket::new()) }; BUCKETS],
};

pub(super) struct Table {
    buckets: [Lock<Bucket>; BUCKETS],
}

impl Table {
    #[cfg(loom)]
    pub(super) fn new() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Lock::new(Bucket::new())),
        }
    }

    pub(super) fn wait(
        &self,
        word: &AtomicU32,
        expected: u32,
        deadline: Option<Instant>,
        interrupt: Option<&AtomicBool>,
        context: &dyn Context,
    ) -> Wait {
        if word.load(Acquire) != expected {
            return Wait::Changed;
        }
        #[cfg(not(loom))]
        crate::fork::watch();
        let address = std::ptr::from_ref(word).addr();
        let waiter = Waiter::new(address, context.waker());
        {
            let mut bucket = self.lock(address);
            if word.load(Acquire) != expected {
                return Wait::Changed;
            }
            // SAFETY: new, of this bucket, and this function does not return before it is unlinked.
            unsafe { bucket.push(&waiter) };
        }
        let deadline = match deadline {
            Some(deadline) if fault::is_planted("early-timeout") => {
                deadline.checked_sub(Duration::from_millis(1))
            }
            deadline => deadline,
        };
        let linked = Linked;
        let (mut deadline, mut interrupt) = (deadline, interrupt);
        let result = loop {
            if waiter.is_woken() {
                break Wait::Woken;
            }
            let given_up = if interrupt.is_some_and(|flag| flag.load(Acquire)) {
                Some(Wait::Interrupted)
            } else if deadline.is_some_and(|deadline| deadline <= context.now()) {
                Some(Wait::TimedOut)
            } else {
                None
            };
            if let Some(reason) = given_up {
                if self.remove(&waiter) {
                    break reason;
                }
                // A wake has chosen this waiter and is about to say so; until then it still uses the node.
                (deadline, interrupt) = (None, None);
            }
            context.park(deadline);
        };
        std::mem::forget(linked);
        result
    }

    /// Forgets all waiters.
    ///
    /// # Safety
    ///
    /// The calling thread is the only one of the process, and holds no lock of the table.
    #[cfg(not(loom))]
    pub(super) unsafe fn reset(&self) {
        for bucket in &self.buckets {
            // SAFETY: the caller's promise; the nodes are not touched.
            unsafe { bucket.reset(Bucket::new()) };
        }
    }

    pub(super) fn wake(&self, address: usize, count: usize) -> usize {
        if fault::happens("lost-wake", 100) {
            return 0;
        }
        let mut unlinked = Unlinked::new();
        self.lock(address).pop(address, count, &mut unlinked);
        unlinked.wake()
    }

    pub(super) fn requeue(
        &self,
        from: &AtomicU32,
        expected: u32,
        to: usize,
        wake_count: usize,
    ) -> Option<(usize, usize)> {
        let address = std::ptr::from_ref(from).addr();
        let mut woken = Unlinked::new();
        let mut moved = Unlinked::new();
        let mut moved_count = 0;
        {
            let (mut source, mut target) = self.lock_two(address, to);
            if from.load(Acquire) != expected {
                return None;
            }
            source.pop(address, wake_count, &mut woken);
            source.pop(address, usize::MAX, &mut moved);
            let target = target.as_mut().unwrap_or(&mut source);
            while let Some(waiter) = moved.pop() {
                // SAFETY: unlinked above, so alive until it is linked again and the locks are free.
                unsafe {
                    (*waiter).set_address(to);
                    target.push(&*waiter);
                }
                moved_count += 1;
            }
        }
        Some((woken.wake(), moved_count))
    }

    /// Takes a waiter out that gave up; false if a wake has unlinked it.
    fn remove(&self, waiter: &Waiter) -> bool {
        loop {
            let address = waiter.address();
            let mut bucket = self.lock(address);
            // A requeue changes the address under this lock: with it held, and unchanged, it is the right one.
            if waiter.address() == address {
                // SAFETY: the waiter is the caller's, and of this bucket.
                return unsafe { bucket.remove(waiter) };
            }
        }
    }

    fn lock(&self, address: usize) -> Guard<'_, Bucket> {
        self.buckets[index(address)].lock()
    }

    /// Locks two buckets, the one with the lower index first; the second is `None` if they are the same.
    fn lock_two(
        &self,
        first: usize,
        second: usize,
    ) -> (Guard<'_, Bucket>, Option<Guard<'_, Bucket>>) {
        let (first, second) = (index(first), index(second));
        if first == second {
            (self.buckets[first].lock(), None)
        } else if first < second {
            let guard = self.buckets[first].lock();
            (guard, Some(self.buckets[second].lock()))
        } else {
            let guard = self.buckets[second].lock();
            (self.buckets[first].lock(), Some(guard))
        }
    }
}

/// Stands while others can reach the node on this stack. A context is safe code and must not unwind out of
/// `park` or `now`; one that does would free the node under them, so the process ends: a panic that meets
/// an unwinding aborts.
struct Linked;

impl Drop for Linked {
    fn drop(&mut self) {
        // A model that failed unwinds its threads wherever they are.
        if !cfg!(loom) {
            panic!(
                "a context unwound out of `park` or `now` while its thread waited; the contract forbids it"
            );
        }
    }
}

/// Multiplies by the golden ratio; the high bits depend on all bits of the address.
#[cfg(not(loom))]
pub(super) fn index(address: usize) -> usize {
    let hash = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> (64 - BUCKETS.trailing_zeros())) as usize
}

/// Lines of 64 bytes alternate between the buckets. A model replays its decisions from one execution to the
/// next, so which words share a bucket must not depend on where the allocator put them.
#[cfg(loom)]
pub(super) fn index(address: usize) -> usize {
    address / 64 % BUCKETS
}

#[cfg(all(test, not(loom)))]
mod tests;
