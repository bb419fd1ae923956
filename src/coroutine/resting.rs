//! The fibers of one class that nobody uses, and the slots that nobody used yet.

use super::Kind;
use super::fiber::Fiber;
use super::slab::Slab;
use std::collections::TryReserveError;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;

/// A pool keeps it under a lock. Nothing here allocates but [`make_room`](Self::make_room), and nothing touches the
/// fibers' memory but the trim: it has long left the caches.
pub(super) struct Resting {
    /// The last one is the first to be used again. There is room for a fiber of every slot that is mapped.
    fibers: Vec<Fiber>,
    /// So many of them, from the first on, have not run since they were trimmed.
    trimmed: usize,
    /// The oldest slab with slots that were never used, and the newest.
    slab: *const Slab,
    last: *const Slab,
    /// How many slots of `slab` are in use.
    carved: usize,
}

// SAFETY: slabs are for ever, and may be used from any thread; the lock orders what else is here.
unsafe impl Send for Resting {}

impl Resting {
    pub(super) const fn new() -> Self {
        Self {
            fibers: Vec::new(),
            trimmed: 0,
            slab: ptr::null(),
            last: ptr::null(),
            carved: 0,
        }
    }

    /// Takes over memory for a list of as many fibers as there are slots; returns what it had.
    pub(super) fn make_room(&mut self, mut room: Vec<Fiber>) -> Vec<Fiber> {
        debug_assert!(room.capacity() >= self.fibers.len());
        room.append(&mut self.fibers);
        std::mem::replace(&mut self.fibers, room)
    }

    /// Memory for [`make_room`](Self::make_room).
    pub(super) fn room_for(slots: usize) -> Result<Vec<Fiber>, TryReserveError> {
        let mut room = Vec::new();
        room.try_reserve_exact(slots)?;
        Ok(room)
    }

    pub(super) fn append(&mut self, slab: &'static Slab) {
        // SAFETY: slabs are for ever.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.store(ptr::from_ref(slab).cast_mut(), Relaxed),
            None => self.slab = slab,
        }
        self.last = slab;
    }

    /// The fiber that rested for the shortest time. `kind` is that of all of them.
    pub(super) fn pop(&mut self, kind: Kind) -> Option<Fiber> {
        let fiber = self.fibers.pop()?;
        self.trimmed = self.trimmed.min(self.fibers.len());
        if let Some(next) = self.fibers.last() {
            // It may be the next to be taken, and has rested longer.
            next.hot(kind).prefetch();
        }
        Some(fiber)
    }

    pub(super) fn push(&mut self, fiber: Fiber) {
        debug_assert!(
            self.fibers.len() < self.fibers.capacity(),
            "more fibers than slots"
        );
        self.fibers.push(fiber);
    }

    pub(super) fn len(&self) -> usize {
        self.fibers.len()
    }

    /// Up to `count` slots that were never used, all of one slab.
    pub(super) fn carve(&mut self, count: usize) -> Option<(&'static Slab, Range<usize>)> {
        loop {
            // SAFETY: slabs are for ever.
            let slab: &'static Slab = unsafe { self.slab.as_ref() }?;
            let left = slab.slots() - self.carved;
            if left > 0 {
                let first = self.carved;
                let count = left.min(count);
                self.carved += count;
                return Some((slab, first..self.carved));
            }
            let next = slab.next.load(Relaxed);
            if next.is_null() {
                return None;
            }
            self.slab = next;
            self.carved = 0;
        }
    }

    /// Trims up to `most` of those that have run since they were trimmed. Returns the bytes released; `None` if all
    /// are trimmed.
    pub(super) fn trim(&mut self, most: usize) -> Option<usize> {
        let dirty = &self.fibers[self.trimmed..];
        let dirty = &dirty[..most.min(dirty.len())];
        if dirty.is_empty() {
            return None;
        }
        self.trimmed += dirty.len();
        let mut released = 0;
        for fiber in dirty {
            // SAFETY: a resting fiber is suspended, and nobody uses its stack.
            released += unsafe { fiber.discard_unused_stack() };
        }
        Some(released)
    }
}
