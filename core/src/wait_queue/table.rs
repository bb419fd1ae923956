//! The buckets, and the operations on them.

use super::Wait;
use super::bucket::{Bucket, Unlinked};
use super::waiter::Waiter;
use super::wakers::{ROOM, Wakers};
use crate::Instant;
use crate::context::Context;
use crate::fault;
use crate::lock::{Guard, Lock};
use std::task::Waker;
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
        let waiter = Waiter::new(std::ptr::from_ref(word).addr(), context.waker());
        // SAFETY: new, and this function does not return before it is unlinked.
        if !unsafe { self.enter(&waiter, word, expected) } {
            return Wait::Changed;
        }
        let deadline = match deadline {
            Some(deadline) if fault::is_planted("early-timeout") => {
                deadline.checked_sub(Duration::from_millis(1))
            }
            deadline => deadline,
        };
        let linked = Linked;
        let mut is_late = false;
        let result = loop {
            if waiter.is_woken() {
                break Wait::Woken;
            }
            let given_up = if interrupt.is_some_and(|flag| flag.load(Acquire)) {
                Some(Wait::Interrupted)
            } else if is_late || deadline.is_some_and(|deadline| deadline <= context.now()) {
                Some(Wait::TimedOut)
            } else {
                None
            };
            if let Some(reason) = given_up {
                break match self.leave(&waiter) {
                    Left::Unchosen => reason,
                    Left::Chosen => Wait::Woken,
                };
            }
            is_late = context.park(deadline);
        };
        std::mem::forget(linked);
        result
    }

    /// Links a waiter on `word` if that holds `expected`; the answer says whether it did.
    ///
    /// # Safety
    ///
    /// The waiter is new, its address is the word's, and it stays alive until it is unlinked.
    pub(super) unsafe fn enter(&self, waiter: &Waiter, word: &AtomicU32, expected: u32) -> bool {
        #[cfg(not(loom))]
        crate::fork::watch();
        let mut bucket = self.lock(waiter.address());
        let holds = word.load(Acquire) == expected;
        if holds {
            // SAFETY: the caller's promise; the bucket is the one of the address.
            unsafe { bucket.push(waiter) };
        }
        holds
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
        let mut chosen = Chosen::new(self, address);
        let count = self
            .lock(address)
            .choose(address, count, &mut chosen.wakers);
        chosen.wake(count);
        count
    }

    pub(super) fn requeue(
        &self,
        from: &AtomicU32,
        expected: u32,
        to: usize,
        wake_count: usize,
    ) -> Option<(usize, usize)> {
        let address = std::ptr::from_ref(from).addr();
        let mut chosen = Chosen::new(self, address);
        let mut moved = Unlinked::new();
        let (woken_count, moved_count) = {
            let (mut source, mut target) = self.lock_two(address, to);
            if from.load(Acquire) != expected {
                return None;
            }
            let woken_count = source.choose(address, wake_count, &mut chosen.wakers);
            source.pop(address, usize::MAX, &mut moved);
            let target = target.as_mut().unwrap_or(&mut source);
            (woken_count, target.link(&mut moved, to))
        };
        chosen.wake(woken_count);
        Some((woken_count, moved_count))
    }

    /// Ends the wait of a waiter that gives up, unless a wake has chosen it. In either case nobody else touches
    /// the node any more.
    pub(super) fn leave(&self, waiter: &Waiter) -> Left {
        let mut bucket = self.lock_of(waiter);
        let chosen = waiter.is_chosen();
        // SAFETY: the waiter is the caller's, and of this bucket.
        if unsafe { bucket.remove(waiter) } && !chosen {
            Left::Unchosen
        } else {
            Left::Chosen
        }
    }

    /// Lets a waiter be woken by `waker` from now on, unless a wake has chosen it, after which it leaves as
    /// [`leave`](Self::leave) says. The waker that is not needed any more comes back with the answer, since its
    /// drop is anybody's code and must not run in here.
    pub(super) fn stay_or_leave(&self, waiter: &Waiter, waker: Waker) -> (Left, Option<Waker>) {
        let mut bucket = self.lock_of(waiter);
        if waiter.is_chosen() || !waiter.links.linked.get() {
            // SAFETY: the waiter is the caller's, and of this bucket.
            unsafe { bucket.remove(waiter) };
            return (Left::Chosen, Some(waker));
        }
        // SAFETY: the bucket is locked.
        (Left::Unchosen, unsafe { waiter.replace_waker(Some(waker)) })
    }

    /// Locks the bucket that the waiter is in, or was in when it was unlinked.
    fn lock_of(&self, waiter: &Waiter) -> Guard<'_, Bucket> {
        loop {
            let address = waiter.address();
            let bucket = self.lock(address);
            // A requeue changes the address under this lock: with it held, and unchanged, it is the right one.
            if waiter.address() == address {
                return bucket;
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

/// How a waiter left the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// No wake had chosen it, and none will.
    Unchosen,
    /// A wake had chosen it, and counted it.
    Chosen,
}

/// Those whom one wake chose. A waker may be anybody's code: it may drop or poll other futures that the same wake
/// chose, or unwind, and the others are woken all the same.
struct Chosen<'a> {
    table: &'a Table,
    address: usize,
    wakers: Wakers,
    /// How many stand in the queue of the chosen, at most: some leave it themselves.
    rest: usize,
}

impl<'a> Chosen<'a> {
    fn new(table: &'a Table, address: usize) -> Self {
        Self {
            table,
            address,
            wakers: Wakers::new(),
            rest: 0,
        }
    }

    /// Wakes so many; those that `wakers` has are the first of them.
    fn wake(&mut self, count: usize) {
        self.rest = count - (ROOM - self.wakers.room());
        self.wake_all();
    }

    fn wake_all(&mut self) {
        loop {
            self.wakers.wake();
            if self.rest == 0 {
                return;
            }
            let ended =
                self.table
                    .lock(self.address)
                    .end_chosen(self.address, self.rest, &mut self.wakers);
            // None: those who are left went by themselves, or another wake on this address has ended them.
            self.rest = if ended == 0 { 0 } else { self.rest - ended };
        }
    }
}

impl Drop for Chosen<'_> {
    fn drop(&mut self) {
        // There is something left only if a waker unwound; if a second one does, the process aborts. (A model that
        // failed unwinds its threads wherever they are.)
        if !cfg!(loom) {
            self.wake_all();
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
    let hash = ((address & !super::waiter::CHOSEN) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
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
