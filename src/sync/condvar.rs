//! `Condvar`: a sequence number that every notification changes, and on which the waiting threads wait.
//!
//! # No notification is lost
//!
//! A thread reads the sequence while it still holds the mutex, and the wait queue lets it sleep only while
//! the sequence has that value. A notification that comes after the mutex was released changes the sequence
//! first and wakes then, so it finds the thread asleep or keeps it from falling asleep.
//!
//! # Nobody waits, nothing to do
//!
//! A thread counts itself in `waiters` while it holds the mutex, before it releases it. Whoever changes the
//! condition under the mutex and notifies afterwards comes later than that release, so it sees the count;
//! if it sees zero, nobody can have waited for what it changed. (Who changes the condition without the
//! mutex can be missed here as with std: the waiting thread may have looked at the condition already and
//! not yet counted itself.) A count that is too high, because a woken thread has not run yet, costs a look
//! at an empty queue.
//!
//! # Notifying all
//!
//! Of all the threads that `notify_all` wakes, one can have the mutex. So it wakes that one and lets the
//! wait queue move the others to the mutex, where each unlock wakes the next. The woken thread takes the
//! mutex in its contended state (*chain* in `futex_mutex.rs`): its unlock wakes the first of the moved
//! threads, which does the same, and so on to the last. A thread that was moved cannot tell who woke it;
//! so after the first move every woken thread of this condition variable locks that way (`MOVED`), and at
//! worst an unlock looks at an empty queue.
//!
//! A thread whose deadline passes while it waits on the mutex was not chosen by any wake, so the chain goes
//! past it. It reports that the time has passed, which is true.
//!
//! # Two mutexes
//!
//! std lets one condition variable serve several mutexes, so threads are moved only where all of them came
//! with the same. `mutex` remembers the first one; who comes with another one marks it `MIXED` for good and
//! then changes the sequence. A notifier changes the sequence, then reads `mutex`, then moves the threads
//! on the condition that the sequence is still its own. These are all sequentially consistent: if the
//! notifier reads `mutex` before the mark, then its own change of the sequence came before the one that
//! follows the mark, so from before that thread sleeps the condition does not hold, and nothing is moved.

use super::futex_mutex::FutexMutex;
use super::mutex::MutexGuard;
use super::poison;
use standin_core::wait_queue::Wait;
use standin_core::{Instant, context, fault, wait_queue};
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicPtr, AtomicU32};
use std::sync::{LockResult, PoisonError};
use std::time::Duration;

/// Set in the address of the mutex once threads were moved to it.
const MOVED: usize = 1;
/// In the place of a mutex: several mutexes were seen. Bears [`MOVED`], since that may have been lost.
const MIXED: *mut AtomicU32 = ptr::without_provenance_mut(MOVED);

/// Lets threads wait for a condition that a [`Mutex`](super::Mutex) guards.
///
/// This corresponds to [`std::sync::Condvar`]. Waits may end for no reason, as there; a condition variable
/// may be used with several mutexes, as with std on Linux.
pub struct Condvar {
    sequence: AtomicU32,
    waiters: AtomicU32,
    /// Null, the word of the one mutex that was used so far (perhaps with `MOVED`), or `MIXED`; only ever
    /// compared and given to the wait queue as an address.
    mutex: AtomicPtr<AtomicU32>,
}

impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}

impl Condvar {
    /// A condition variable that nobody waits on. This corresponds to [`std::sync::Condvar::new`].
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self {
            sequence: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            mutex: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Unlocks the mutex, waits for a notification, and locks it again. This corresponds to
    /// [`std::sync::Condvar::wait`]. It may return without a notification.
    ///
    /// # Errors
    ///
    /// The guard as well, in a [`PoisonError`], if the mutex is poisoned when it is locked again.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        poison::map(self.wait_until(guard, None), |(guard, _)| guard)
    }

    /// Waits as long as `condition` is true. This corresponds to [`std::sync::Condvar::wait_while`].
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: F,
    ) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Waits for a notification, but no longer than about `ms` milliseconds; the `bool` is false if the
    /// time is known to have passed. This corresponds to [`std::sync::Condvar::wait_timeout_ms`].
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    #[deprecated(note = "replaced by `Condvar::wait_timeout`")]
    pub fn wait_timeout_ms<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        ms: u32,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        let result = self.wait_timeout(guard, Duration::from_millis(ms.into()));
        poison::map(result, |(guard, result)| (guard, !result.timed_out()))
    }

    /// Waits for a notification, but no longer than about `dur`; never shorter, except for a notification
    /// or for no reason. This corresponds to [`std::sync::Condvar::wait_timeout`]. A time that ends beyond
    /// what the clock can represent is no limit.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        dur: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        self.wait_until(guard, context::now().checked_add(dur))
    }

    /// Waits as long as `condition` is true, but no longer than about `dur`. This corresponds to
    /// [`std::sync::Condvar::wait_timeout_while`]. The result says "timed out" only if the condition was
    /// still true after the time had passed.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        dur: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let deadline = context::now().checked_add(dur);
        while condition(&mut *guard) {
            if deadline.is_some_and(|deadline| deadline <= context::now()) {
                return Ok((guard, WaitTimeoutResult(true)));
            }
            guard = self.wait_until(guard, deadline)?.0;
        }
        Ok((guard, WaitTimeoutResult(false)))
    }

    /// Wakes one waiting thread, if there is one. This corresponds to [`std::sync::Condvar::notify_one`].
    #[inline]
    pub fn notify_one(&self) {
        if self.waiters.load(SeqCst) != 0 {
            self.sequence.fetch_add(1, SeqCst);
            wait_queue::wake(&self.sequence, 1);
        }
    }

    /// Wakes all waiting threads. This corresponds to [`std::sync::Condvar::notify_all`].
    #[inline]
    pub fn notify_all(&self) {
        let waiters = self.waiters.load(SeqCst);
        if waiters != 0 {
            self.wake_all(waiters);
        }
    }

    fn wake_all(&self, waiters: u32) {
        if waiters > 1 && fault::is_planted("one-too-few") {
            self.sequence.fetch_add(1, SeqCst);
            wait_queue::wake(&self.sequence, waiters as usize - 1);
            return;
        }
        let sequence = self.sequence.fetch_add(1, SeqCst).wrapping_add(1);
        if waiters > 1
            && let Some(mutex) = self.mutex_to_move_to()
            && wait_queue::requeue(&self.sequence, sequence, mutex, 1).is_some()
        {
            return;
        }
        wait_queue::wake(&self.sequence, usize::MAX);
    }

    /// Waits with the guard's mutex unlocked meanwhile, until a notification, the deadline, or for no
    /// reason.
    fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        // Should the engine unwind out of its parking, the guard must not unlock what it does not hold.
        let guard = ManuallyDrop::new(guard);
        let mutex = guard.raw();
        self.waiters.fetch_add(1, SeqCst);
        self.remember(mutex);
        let sequence = self.sequence.load(SeqCst);
        // SAFETY: the guard holds it, and is not used before it is locked again below.
        unsafe { mutex.unlock() };
        let wait = wait_queue::wait(&self.sequence, sequence, deadline);
        self.waiters.fetch_sub(1, Relaxed);
        // The mark is set before threads are moved, so a thread that was moved sees it.
        let may_have_moved = self.mutex.load(Relaxed).addr() & MOVED != 0;
        if may_have_moved && wait == Wait::Woken {
            mutex.lock_contended();
        } else {
            mutex.lock();
        }
        let guard = ManuallyDrop::into_inner(guard);
        let result = WaitTimeoutResult(wait == Wait::TimedOut);
        if guard.is_poisoned() {
            Err(PoisonError::new((guard, result)))
        } else {
            Ok((guard, result))
        }
    }

    /// Notes which mutex the threads of this condition variable come with.
    fn remember(&self, mutex: &FutexMutex) {
        let word = mutex.word().cast_mut();
        let known = match self.mutex.load(SeqCst) {
            known if known.is_null() => {
                match self.mutex.compare_exchange(known, word, SeqCst, SeqCst) {
                    Ok(_) => return,
                    Err(known) => known,
                }
            }
            known => known,
        };
        if known.addr() & !MOVED != word.addr() {
            self.mutex.store(MIXED, SeqCst);
            self.sequence.fetch_add(1, SeqCst);
        }
    }

    /// The mutex that all waiting threads came with, marked with `MOVED`; `None` if there are several.
    fn mutex_to_move_to(&self) -> Option<*const AtomicU32> {
        let known = self.mutex.load(SeqCst);
        if known.is_null() || known == MIXED {
            return None;
        }
        let marked = known.map_addr(|address| address | MOVED);
        if known != marked
            && let Err(changed) = self.mutex.compare_exchange(known, marked, SeqCst, SeqCst)
            && changed != marked
        {
            return None;
        }
        Some(marked.map_addr(|address| address & !MOVED))
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

/// Whether a wait with a time limit ended because of it. This corresponds to
/// [`std::sync::WaitTimeoutResult`], which cannot be made outside std.
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// True if the time is known to have passed. This corresponds to
    /// [`std::sync::WaitTimeoutResult::timed_out`].
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}
