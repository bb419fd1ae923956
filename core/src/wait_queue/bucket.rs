//! The waiters whose addresses hash to the same place: a list of addresses, each with its queue of waiters.
//!
//! Two levels, so that a hundred thousand waiters on one address do not stand in the way of another that
//! happens to hash to the same bucket. The first waiter on an address stands for the address.

use super::waiter::{CHOSEN, Waiter};
use super::wakers::Wakers;
use std::ptr;

pub(super) struct Bucket {
    /// The first waiter on the first address, or null.
    first: *const Waiter,
}

// SAFETY: the nodes are reached only through the bucket, which is behind a lock (*linked* in `waiter.rs`).
unsafe impl Send for Bucket {}

/// Nodes that were unlinked and not yet told so, or linked again, chained by `next`: the lock is held as long as
/// there are any.
pub(super) struct Unlinked {
    first: *const Waiter,
    last: *const Waiter,
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
            // SAFETY: `head` is alive, since nobody was told yet that it is unlinked, and `waiter`, where not null, is linked.
            unsafe { self.replace_head(&*head, waiter) };
        }
        popped
    }

    /// Chooses up to `count` waiters on `address`, the longest waiting first, and returns how many. The wait of
    /// as many as `wakers` has room for has ended when this returns. The others stand in a queue of their own
    /// ([`CHOSEN`]): the next [`end_chosen`](Self::end_chosen) goes on with them.
    pub(super) fn choose(&mut self, address: usize, count: usize, wakers: &mut Wakers) -> usize {
        let ended = self.end(address, count, wakers);
        let mut others = Unlinked::new();
        let rest = self.pop(address, count - ended, &mut others);
        self.link(&mut others, address | CHOSEN);
        ended + rest
    }

    /// Ends the wait of chosen waiters, as many as `wakers` has room for, of up to `count`; returns how many.
    pub(super) fn end_chosen(
        &mut self,
        address: usize,
        count: usize,
        wakers: &mut Wakers,
    ) -> usize {
        self.end(address | CHOSEN, count, wakers)
    }

    fn end(&mut self, address: usize, count: usize, wakers: &mut Wakers) -> usize {
        let mut unlinked = Unlinked::new();
        let ended = self.pop(address, count.min(wakers.room()), &mut unlinked);
        while let Some(waiter) = unlinked.pop() {
            // SAFETY: unlinked above, in the section that this is called in.
            wakers.push(unsafe { Waiter::end(waiter) });
        }
        ended
    }

    /// Appends waiters to the queue of `address`, which is one of this bucket's.
    pub(super) fn link(&mut self, unlinked: &mut Unlinked, address: usize) -> usize {
        let mut count = 0;
        while let Some(waiter) = unlinked.pop() {
            // SAFETY: nodes in the chain are alive, and stay so until they are unlinked again; both buckets,
            // or the one, are locked.
            unsafe {
                (*waiter).set_address(address);
                self.push(&*waiter);
            }
            count += 1;
        }
        count
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
        }
    }

    fn push(&mut self, waiter: &Waiter) {
        waiter.links.next.set(ptr::null());
        // SAFETY: nodes in this chain are alive, since its owner holds the lock and told nobody.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.links.next.set(waiter),
            None => self.first = waiter,
        }
        self.last = waiter;
    }

    /// Takes the first node out of the chain.
    pub(super) fn pop(&mut self) -> Option<*const Waiter> {
        // SAFETY: nodes in this chain are alive, since its owner holds the lock and told nobody.
        let first = unsafe { self.first.as_ref() }?;
        self.first = first.links.next.get();
        if self.first.is_null() {
            self.last = ptr::null();
        }
        Some(first)
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
