//! The ready queue of a processor: a ring that its machine pushes to and pops from, and that others steal
//! the older half of. The algorithm is that of Go's scheduler (`runqput`, `runqget`, `runqgrab`), which
//! follows the steal-half work queues of Hendler and Shavit (2002).
//!
//! `tail` is written by the owner alone. `head` moves by compare-and-swap, so each entry is taken once: who
//! moves `head` over an entry has it. An entry is overwritten only after `head` moved past it, so what was
//! read before a successful swap was right. `core/tests/model_green.rs` checks it.
//!
//! Beside each entry there is a hint: an address that its user will touch. The owner looks at those of entries whose
//! turn comes soon ([`Ring::ahead`]), which it does not have yet, and which may be gone: so it asks the caches for that
//! memory, and does not read it.

use std::ptr;
use std::sync::atomic::AtomicUsize;

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

#[cfg(not(loom))]
const CAPACITY: u32 = 256;
#[cfg(loom)]
const CAPACITY: u32 = 4;

/// A bounded queue of pointers.
pub(super) struct Ring<T> {
    head: AtomicU32,
    tail: AtomicU32,
    entries: [AtomicPtr<T>; CAPACITY as usize],
    hints: [AtomicUsize; CAPACITY as usize],
}

impl<T> Ring<T> {
    pub(super) fn new() -> Self {
        Self {
            head: AtomicU32::new(0),
            tail: AtomicU32::new(0),
            entries: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            hints: std::array::from_fn(|_| AtomicUsize::new(0)),
        }
    }

    /// How many entries there are; another thread may be changing it.
    pub(super) fn len(&self) -> u32 {
        let head = self.head.load(Acquire);
        self.tail.load(Acquire).wrapping_sub(head).min(CAPACITY)
    }

    /// Whether the next entry would overflow. For the owner, who alone adds entries.
    pub(super) fn is_full(&self) -> bool {
        self.len() == CAPACITY
    }

    /// Appends an entry. If the ring is full, the older half and the entry go to `overflow`, in order.
    ///
    /// # Safety
    ///
    /// Only the owner calls it.
    pub(super) unsafe fn push(
        &self,
        entry: *const T,
        hint: usize,
        mut overflow: impl FnMut(*const T),
    ) {
        let tail = self.tail.load(Relaxed);
        loop {
            let head = self.head.load(Acquire);
            if tail.wrapping_sub(head) < CAPACITY {
                self.entry(tail).store(entry.cast_mut(), Relaxed);
                self.hint(tail).store(hint, Relaxed);
                self.tail.store(tail.wrapping_add(1), Release);
                return;
            }
            let mut half = [ptr::null::<T>(); CAPACITY as usize / 2];
            for (n, slot) in half.iter_mut().enumerate() {
                *slot = self.entry(head.wrapping_add(n as u32)).load(Relaxed);
            }
            let next = head.wrapping_add(CAPACITY / 2);
            if self
                .head
                .compare_exchange(head, next, AcqRel, Relaxed)
                .is_ok()
            {
                half.into_iter().for_each(&mut overflow);
                overflow(entry);
                return;
            }
        }
    }

    /// Takes the oldest entry.
    ///
    /// # Safety
    ///
    /// Only the owner calls it.
    pub(super) unsafe fn pop(&self) -> Option<*const T> {
        let tail = self.tail.load(Relaxed);
        loop {
            let head = self.head.load(Acquire);
            if head == tail {
                return None;
            }
            let entry = self.entry(head).load(Relaxed);
            let next = head.wrapping_add(1);
            if self
                .head
                .compare_exchange(head, next, AcqRel, Relaxed)
                .is_ok()
            {
                return Some(entry);
            }
        }
    }

    /// Moves the older half of `self`, rounded up, to `thief`, but for one entry that is returned.
    ///
    /// # Safety
    ///
    /// Only the owner of `thief` calls it, and `thief` is empty.
    pub(super) unsafe fn steal_into(&self, thief: &Ring<T>) -> Option<*const T> {
        let thief_tail = thief.tail.load(Relaxed);
        loop {
            let head = self.head.load(Acquire);
            let tail = self.tail.load(Acquire);
            let available = tail.wrapping_sub(head);
            let count = available - available / 2;
            if count == 0 {
                return None;
            }
            if count > CAPACITY / 2 {
                // The two were not read at the same time.
                continue;
            }
            for n in 0..count {
                let entry = self.entry(head.wrapping_add(n)).load(Relaxed);
                let hint = self.hint(head.wrapping_add(n)).load(Relaxed);
                let to = thief_tail.wrapping_add(n);
                thief.entry(to).store(entry, Relaxed);
                thief.hint(to).store(hint, Relaxed);
            }
            if self
                .head
                .compare_exchange(head, head.wrapping_add(count), AcqRel, Relaxed)
                .is_ok()
            {
                let last = thief_tail.wrapping_add(count - 1);
                let entry = thief.entry(last).load(Relaxed);
                thief.tail.store(last, Release);
                return Some(entry);
            }
        }
    }

    /// The hint of the entry behind the next one, and the entry behind that, if there are `least` entries or more: both
    /// perhaps another thread's by now, or of entries that are gone.
    pub(super) fn ahead(&self, least: u32) -> Option<(usize, *const T)> {
        let head = self.head.load(Relaxed);
        if self.tail.load(Relaxed).wrapping_sub(head) < least {
            return None;
        }
        let behind = self.entry(head.wrapping_add(2)).load(Relaxed);
        Some((self.hint(head.wrapping_add(1)).load(Relaxed), behind))
    }

    fn entry(&self, position: u32) -> &AtomicPtr<T> {
        &self.entries[(position % CAPACITY) as usize]
    }

    fn hint(&self, position: u32) -> &AtomicUsize {
        &self.hints[(position % CAPACITY) as usize]
    }
}
