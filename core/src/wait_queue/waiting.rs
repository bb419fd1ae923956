//! A future's place in the queue: the node lies inside of the future, which is pinned, in the place of a thread's
//! stack.

use super::Wait;
use super::table::{Left, Table};
use super::waiter::Waiter;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering::Acquire};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, Ordering::Acquire};

/// Waits on a word as [`wait`](super::wait) does, for a future: it stands in the same queue, in the order in which
/// it came, and [`wake`](super::wake) counts it as it counts a thread.
///
/// Dropped while it waits, it leaves the queue. If a wake had chosen it and nobody polled it since, the drop wakes
/// the next who waits on the same word (the one that it was moved to, if it was): a wake is never lost with a
/// future. What follows from that is for the user to see to: whoever wakes one waiter must want *some* waiter to
/// look, not this one.
///
/// One that is leaked (pinned and then never dropped) waits for ever, and the wake that chooses it is lost.
#[cfg(not(loom))]
pub struct Waiting(Place);

#[cfg(not(loom))]
impl Waiting {
    /// Not waiting yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Place::new())
    }

    /// `Ready` with [`Wait::Woken`] once a [`wake`](super::wake) chose this waiter, with [`Wait::Changed`] if
    /// `word` does not hold `expected`.
    ///
    /// The first poll compares and begins to wait, which is one step with respect to `wake`. Later ones only leave
    /// the waker of their context in the place of the earlier one: they look neither at `word` nor at `expected`,
    /// which are to be the same. After `Ready` the next poll is a first one again, on any word.
    ///
    /// In the child of a fork nobody waits. A poll of one that waited in the parent is a first one again.
    pub fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        word: &AtomicU32,
        expected: u32,
    ) -> Poll<Wait> {
        // SAFETY: a field that is pinned when the whole is: nothing else hands out a reference to it.
        let place = unsafe { self.map_unchecked_mut(|waiting| &mut waiting.0) };
        place.poll(&super::TABLE, cx, word, expected)
    }

    /// Ends the wait, as the drop does, but passes no wake on: true says that one had chosen this waiter, and that
    /// it is the caller's to see to now. The next poll is a first one again.
    ///
    /// For those who have more to do in the place of a waiter that goes than to wake the next.
    #[must_use = "a wake that chose this waiter is lost with the answer"]
    pub fn leave(self: Pin<&mut Self>) -> bool {
        // SAFETY: as in `poll`.
        let place = unsafe { self.map_unchecked_mut(|waiting| &mut waiting.0) };
        place.leave(&super::TABLE).is_some()
    }
}

#[cfg(not(loom))]
impl Default for Waiting {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(not(loom))]
impl Drop for Waiting {
    fn drop(&mut self) {
        // SAFETY: it is pinned if it was ever polled, and is not moved any more.
        unsafe { Pin::new_unchecked(&mut self.0) }.pass_on(&super::TABLE);
    }
}

/// [`Waiting`], in a table that the caller gives.
pub(super) struct Place {
    /// While it waits, and until somebody looks after it was woken.
    ///
    /// # Invariant
    ///
    /// *pinned*: it is made, and may be linked, only where it is pinned. It is replaced and dropped only when it
    /// is not linked and no waker is at it (*alive* in `waiter.rs`).
    waiter: Option<Waiter>,
    /// The process in which it began to wait: [`process`] then.
    process: u32,
    _pinned: PhantomPinned,
}

// SAFETY: `waiter.rs` says who touches the node when, by locks and by what is pinned, not by threads; its waker is
// `Send`, and its pointers are followed under locks only.
unsafe impl Send for Place {}
// SAFETY: a shared reference to it is of no use.
unsafe impl Sync for Place {}

impl Place {
    pub(super) const fn new() -> Self {
        Self {
            waiter: None,
            process: 0,
            _pinned: PhantomPinned,
        }
    }

    pub(super) fn poll(
        self: Pin<&mut Self>,
        table: &Table,
        cx: &mut Context<'_>,
        word: &AtomicU32,
        expected: u32,
    ) -> Poll<Wait> {
        // SAFETY: nothing is moved out of it; *pinned*: the waiter is replaced when it is not linked.
        let this = unsafe { self.get_unchecked_mut() };
        match &this.waiter {
            Some(waiter) if this.process == process() => {
                if !waiter.is_woken() {
                    let (left, _unneeded) = table.stay_or_leave(waiter, cx.waker().clone());
                    if left == Left::Unchosen {
                        return Poll::Pending;
                    }
                }
                this.waiter = None;
                Poll::Ready(Wait::Woken)
            }
            _ => this.begin(table, cx, word, expected),
        }
    }

    /// A first poll.
    fn begin(
        &mut self,
        table: &Table,
        cx: &mut Context<'_>,
        word: &AtomicU32,
        expected: u32,
    ) -> Poll<Wait> {
        self.waiter = None;
        if word.load(Acquire) != expected {
            return Poll::Ready(Wait::Changed);
        }
        self.process = process();
        let address = std::ptr::from_ref(word).addr();
        let waiter = self.waiter.insert(Waiter::new(address, cx.waker().clone()));
        // SAFETY: it is new, and *pinned*: from here on it lives until it is unlinked, in its poll or its drop.
        if unsafe { table.enter(waiter, word, expected) } {
            return Poll::Pending;
        }
        self.waiter = None;
        Poll::Ready(Wait::Changed)
    }

    /// To be called when it is dropped.
    pub(super) fn pass_on(self: Pin<&mut Self>, table: &Table) {
        if let Some(address) = self.leave(table) {
            table.wake(address, 1);
        }
    }

    /// Waits no more; the address that it waited on at last, if a wake had chosen it and no poll said so.
    fn leave(self: Pin<&mut Self>, table: &Table) -> Option<usize> {
        // SAFETY: nothing is moved out of it; *pinned*: the waiter is taken out when it is not linked.
        let this = unsafe { self.get_unchecked_mut() };
        let waiter = this.waiter.as_ref()?;
        let chosen =
            this.process == process() && (waiter.is_woken() || table.leave(waiter) == Left::Chosen);
        let address = waiter.origin();
        this.waiter = None;
        chosen.then_some(address)
    }
}

/// Counts the forks that lie between this process and the first one that waited. A node that was linked in
/// another process stands in no list of this one, and the nodes that it names may be gone.
#[cfg(not(loom))]
static PROCESS: AtomicU32 = AtomicU32::new(0);

#[cfg(not(loom))]
fn process() -> u32 {
    PROCESS.load(std::sync::atomic::Ordering::Relaxed)
}

#[cfg(loom)]
fn process() -> u32 {
    0
}

/// In the child of a fork: nobody waits any more.
#[cfg(not(loom))]
pub(super) fn forget() {
    PROCESS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
}
