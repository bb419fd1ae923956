//! The one place where threads wait for memory, with the semantics of a futex: [`wait`] sleeps while a word
//! has an expected value, [`wake`] wakes those who wait on a word, and [`Waiting`] is what a future waits with.
//! Waiters of every context (OS threads, threads of any engine, futures) stand in one queue for each address, in the order in which they came.
//!
//! `Mutex`, `Condvar`, channels, `park` and `join` stand on this, as std's stand on the kernel's futex.
//!
//! The argument for its correctness stands in `README.md` beside this file; `tests/model.rs` checks it.

mod bucket;
#[cfg(loom)]
pub mod model;
mod table;
mod waiter;
mod waiting;
mod wakers;

use crate::Instant;
#[cfg(not(loom))]
use crate::context;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicU32};
#[cfg(not(loom))]
use table::TABLE;
#[cfg(not(loom))]
pub use waiting::Waiting;

/// Why a [`wait`] ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Wait {
    /// A [`wake`] chose this waiter: it was counted there, and nobody else got that wake.
    Woken,
    /// The word did not have the expected value; the thread did not wait.
    Changed,
    /// The deadline passed, and no wake chose this waiter.
    TimedOut,
    /// The flag of [`wait_interruptible`] was up, and no wake chose this waiter.
    Interrupted,
}

/// Waits on `word` while it holds `expected`, until a [`wake`] on the same word or until `deadline` (on the
/// clock of the calling context; `None` waits for ever).
///
/// The comparison and the start of the wait are one step with respect to `wake`: a thread that changes the
/// word and then wakes it cannot be missed. It never ends for no reason, but a word that is reused for
/// something else can bring a wake that was meant for that.
#[cfg(not(loom))]
pub fn wait(word: &AtomicU32, expected: u32, deadline: Option<Instant>) -> Wait {
    context::parking(|context| TABLE.wait(word, expected, deadline, None, context))
}

/// As [`wait`], but ends as well once `interrupt` is up: whoever raises it wakes the thread's
/// [`waker`](crate::context::Context::waker) afterwards.
///
/// For operations that may fail when their thread is cancelled (I/O, sleeps); locks, parks and joins must
/// not, and use `wait`.
#[cfg(not(loom))]
pub fn wait_interruptible(
    word: &AtomicU32,
    expected: u32,
    deadline: Option<Instant>,
    interrupt: &AtomicBool,
) -> Wait {
    context::parking(|context| TABLE.wait(word, expected, deadline, Some(interrupt), context))
}

/// Wakes up to `count` of those who wait on `word`, the longest waiting first; returns how many.
///
/// The word may be gone by now: its address is all that is used.
#[cfg(not(loom))]
pub fn wake(word: *const AtomicU32, count: usize) -> usize {
    TABLE.wake(word.addr(), count)
}

/// Wakes up to `wake_count` of those who wait on `from`, and lets the others wait on `to` from now on, behind
/// those who already do. Returns how many were woken and how many were moved.
///
/// The comparison with `expected` is one step with the move: if `from` holds something else, nothing happens
/// and the answer is `None`. A condition variable that wakes everybody moves all but one to its mutex, which
/// only one of them can have.
#[cfg(not(loom))]
pub fn requeue(
    from: &AtomicU32,
    expected: u32,
    to: *const AtomicU32,
    wake_count: usize,
) -> Option<(usize, usize)> {
    TABLE.requeue(from, expected, to.addr(), wake_count)
}

/// Forgets all waiters.
///
/// # Safety
///
/// The calling thread is the only one of the process, and is not in this module.
#[cfg(not(loom))]
pub(crate) unsafe fn reset() {
    waiting::forget();
    // SAFETY: the caller's promise.
    unsafe { TABLE.reset() };
}
