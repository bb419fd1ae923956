//! One that waits: a node on a thread's own stack, or inside of a future, linked into the queue of the address
//! that it waits on.

use crate::sys::{Cell, UnsafeCell};
use std::ptr;
use std::task::Waker;

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// Added to an address, which is a multiple of four: the queue of those whom a wake on that address has chosen
/// and is about to wake. It lies in the same bucket.
pub(super) const CHOSEN: usize = 1;

/// A node in a bucket's lists.
///
/// # Invariants
///
/// - *linked*: `links` is read and written only under the lock of the bucket that `address` hashes to;
///   `address` is written only under the locks of both the old and the new one.
/// - *alive*: while the node is linked it lives. It is unlinked under that lock, by a waker that also stores
///   `woken` in the same section, or by its owner; its owner lets it end only after it saw `woken` or took the
///   lock and found it unlinked.
/// - *waker*: belongs to the owner until the node is linked, and to whoever has the bucket's lock until it is
///   unlinked; afterwards it is the owner's again.
pub(super) struct Waiter {
    address: AtomicUsize,
    woken: AtomicBool,
    waker: UnsafeCell<Option<Waker>>,
    pub(super) links: Links,
}

/// Where a node stands. See `bucket.rs` for the two lists.
pub(super) struct Links {
    /// In the lists of a bucket.
    pub(super) linked: Cell<bool>,
    /// The next and previous waiter on the same address.
    pub(super) next: Cell<*const Waiter>,
    pub(super) previous: Cell<*const Waiter>,
    /// Of the first waiter on an address only: the last one, and the first ones of the addresses around it.
    pub(super) last: Cell<*const Waiter>,
    pub(super) next_address: Cell<*const Waiter>,
    pub(super) previous_address: Cell<*const Waiter>,
}

impl Waiter {
    pub(super) fn new(address: usize, waker: Waker) -> Self {
        Self {
            address: AtomicUsize::new(address),
            woken: AtomicBool::new(false),
            waker: UnsafeCell::new(Some(waker)),
            links: Links {
                linked: Cell::new(false),
                next: Cell::new(ptr::null()),
                previous: Cell::new(ptr::null()),
                last: Cell::new(ptr::null()),
                next_address: Cell::new(ptr::null()),
                previous_address: Cell::new(ptr::null()),
            },
        }
    }

    /// The address that it waits on; it can change until the bucket is locked.
    pub(super) fn address(&self) -> usize {
        self.address.load(Relaxed)
    }

    pub(super) fn set_address(&self, address: usize) {
        self.address.store(address, Relaxed);
    }

    /// Whether it stands among the chosen. Only an answer under the lock lasts.
    pub(super) fn is_chosen(&self) -> bool {
        self.address() & CHOSEN != 0
    }

    /// The address that it waits on; if it was chosen, the one that the wake was for.
    pub(super) fn origin(&self) -> usize {
        self.address() & !CHOSEN
    }

    pub(super) fn is_woken(&self) -> bool {
        self.woken.load(Acquire)
    }

    /// Puts another waker in the place of the one that is there.
    ///
    /// # Safety
    ///
    /// The caller has the lock of the bucket that the node is linked in, or is the owner of one that is not.
    pub(super) unsafe fn replace_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        // SAFETY: the *waker* invariant makes the cell the caller's.
        std::mem::replace(unsafe { &mut *self.waker.get() }, waker)
    }

    /// Ends the wait of a node that the caller unlinked; the waker is for the caller to wake without the lock.
    /// The node may be gone when this returns.
    ///
    /// # Safety
    ///
    /// `this` is alive, and the caller unlinked it in this section of its bucket's lock.
    pub(super) unsafe fn end(this: *const Self) -> Waker {
        // SAFETY: alive until `woken` is set below; the *waker* invariant makes the cell the caller's.
        unsafe {
            let waker = (*this).replace_waker(None);
            (*this).woken.store(true, Release);
            waker.expect("a linked node has a waker")
        }
    }
}
