//! The waiters whose addresses hash to the same place: a list of addresses, each with its queue of waiters.
//!
//! Two levels, so that a hundred thousand waiters on one address do not stand in the way of another that
//! happens to hash to the same bucket. The first waiter on an address stands for the address.

use super::waiter::Waiter;
use std::ptr;

pub(super) struct Bucket {
    /// The first waiter on the first address, or null.
    first: *const Waiter,
}

// SAFETY: the nodes are reached only through the bucket, which is behind a lock (*linked* in `waiter.rs`).
unsafe impl Send for Bucket {}

/// Nodes that were unlinked and are to be woken once the lock is free, chained by `next`.
pub(super) struct Unlinked {
    first: *const Waiter,
    last: *const Waiter,
    count: usize,
}

impl Bucket {
    pub(super) const fn new() -> Self {
        Self { first: ptr::null() }
    }

    /// Appends a waiter to the queue of its address.
    ///
    /// # Safety
    ///
    /// `waiter` is not linked, its address hashes to this bucket, and it stays alive until it is unlinked.
    pub(super) unsafe fn push(&mut self, waiter: &Waiter) {
        let head = self.head(waiter.address());
        let links = &waiter.links;
        links.linked.set(true);
        links.next.set(ptr::null());
        if head.is_null() {
            links.previous.set(ptr::null());
            links.last.set(waiter);
            links.previous_address.set(ptr::null());
            links.next_address.set(self.first);
            // SAFETY: linked nodes are alive, and their links are ours under the bucket's lock.
            if let Some(next) = unsafe { self.first.as_ref() } {
                next.links.previous_address.set(waiter);
            }
            self.first = waiter;
        } else {
            // SAFETY: linked nodes are alive, and their links are ours under the bucket's lock.
            unsafe {
                let last = (*head).links.last.replace(waiter);
                (*last).links.next.set(waiter);
                links.previous.set(last);
            }
        }
    }

    /// Unlinks up to `count` waiters on `address`, the longest waiting first, into `out`.
    pub(super) fn pop(&mut self, address: usize, count: usize, out: &mut Unlinked) -> usize {
        let head = self.head(address);
        let mut popped = 0;
        let mut waiter = head;
        while popped < count && !waiter.is_null() {
            // SAFETY: linked nodes are alive, and their links are ours under the bucket's lock.
            waiter = unsafe {
                let next = (*waiter).links.next.get();
                (*waiter).links.linked.set(false);
                out.push(&*waiter);
                next
            };
            popped += 1;
        }
        if popped > 0 {
            // SAFETY: `head` is alive until `out` is woken, and `waiter`, where not null, is linked.
            unsafe { self.replace_head(&*head, waiter) };
        }
        popped
    }

    /// Takes one waiter out; false if it was not linked any more.
    ///
    /// # Safety
    ///
    /// `waiter` is alive, and its address hashes to this bucket.
    pub(super) unsafe fn remove(&mut self, waiter: &Waiter) -> bool {
        let links = &waiter.links;
        if !links.linked.replace(false) {
            return false;
        }
        let (previous, next) = (links.previous.get(), links.next.get());
        // SAFETY: linked nodes are alive, and their links are ours under the bucket's lock.
        unsafe {
            if previous.is_null() {
                self.replace_head(waiter, next);
            } else {
                (*previous).links.next.set(next);
                match next.as_ref() {
                    Some(next) => next.links.previous.set(previous),
                    None => (*self.head(waiter.address())).links.last.set(previous),
                }
            }
        }
        true
    }

    /// Lets `new`, a later waiter on the same address, stand for the address in the place of `old`, which
    /// was unlinked; with null the address has no waiters any more.
    ///
    /// # Safety
    ///
    /// Both are alive, and `new` is linked behind `old` with nobody between them who still is.
    unsafe fn replace_head(&mut self, old: &Waiter, new: *const Waiter) {
        let (previous, next) = (
            old.links.previous_address.get(),
            old.links.next_address.get(),
        );
        // SAFETY: the first waiters of the addresses around are linked, so alive.
        let (previous_head, next_head) = unsafe { (previous.as_ref(), next.as_ref()) };
        // SAFETY: the caller's promise.
        let replacement = match unsafe { new.as_ref() } {
            Some(head) => {
                head.links.previous.set(ptr::null());
                head.links.last.set(old.links.last.get());
                head.links.previous_address.set(previous);
                head.links.next_address.set(next);
                (new, new)
            }
            None => (next, previous),
        };
        match previous_head {
            Some(head) => head.links.next_address.set(replacement.0),
            None => self.first = replacement.0,
        }
        if let Some(head) = next_head {
            head.links.previous_address.set(replacement.1);
        }
    }

    /// The first waiter on `address`, or null.
    fn head(&self, address: usize) -> *const Waiter {
        let mut head = self.first;
        // SAFETY: linked nodes are alive, and their links are ours under the bucket's lock.
        while let Some(waiter) = unsafe { head.as_ref() } {
            if waiter.address() == address {
                break;
            }
            head = waiter.links.next_address.get();
        }
        head
    }
}

impl Unlinked {
    pub(super) const fn new() -> Self {
        Self {
            first: ptr::null(),
            last: ptr::null(),
            count: 0,
        }
    }

    fn push(&mut self, waiter: &Waiter) {
        waiter.links.next.set(ptr::null());
        // SAFETY: nodes in this chain are alive, since nobody but its owner can wake them.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.links.next.set(waiter),
            None => self.first = waiter,
        }
        self.last = waiter;
        self.count += 1;
    }

    /// Takes the first node out of the chain.
    pub(super) fn pop(&mut self) -> Option<*const Waiter> {
        // SAFETY: nodes in this chain are alive, since nobody but its owner can wake them.
        let first = unsafe { self.first.as_ref() }?;
        self.first = first.links.next.get();
        if self.first.is_null() {
            self.last = ptr::null();
        }
        Some(first)
    }

    /// Wakes them all, in order; returns how many there were.
    pub(super) fn wake(mut self) -> usize {
        while let Some(waiter) = self.pop() {
            // SAFETY: this chain's owner unlinked it, and took it out of the chain before the wake.
            unsafe { Waiter::wake(waiter) };
        }
        self.count
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
