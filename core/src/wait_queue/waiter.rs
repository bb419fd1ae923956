//! One thread that waits: a node on its own stack, linked into the queue of the address that it waits on.

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

/// A node in a bucket's lists.
///
/// # Invariants
///
/// - *linked*: `links` is read and written only under the lock of the bucket that `address` hashes to;
///   `address` is written only under the locks of both the old and the new one.
/// - *alive*: the node lives until its thread saw `woken`, or took it out of the lists itself under that lock.
/// - *waker*: belongs to the waiting thread until the node is linked, to whoever unlinked it afterwards.
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

    pub(super) fn is_woken(&self) -> bool {
        self.woken.load(Acquire)
    }

    /// Wakes the thread of a node that the caller unlinked. The node may be gone when this returns.
    ///
    /// # Safety
    ///
    /// `this` is alive, and the caller is the one that unlinked it.
    pub(super) unsafe fn wake(this: *const Self) {
        // SAFETY: alive until `woken` is set below; the *waker* invariant makes the cell the caller's.
        let waker = unsafe {
            let waker = (*(*this).waker.get()).take();
            (*this).woken.store(true, Release);
            waker
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
