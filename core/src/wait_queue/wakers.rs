//! The wakers of those whom a wake chose, taken out under a lock and woken without it.

use std::task::Waker;

/// So many waits end in one section of a bucket's lock. One in a model, so that every longer wake goes the way of
/// a long one.
pub(super) const ROOM: usize = if cfg!(loom) { 1 } else { 8 };

pub(super) struct Wakers {
    wakers: [Option<Waker>; ROOM],
    count: usize,
}

impl Wakers {
    pub(super) const fn new() -> Self {
        Self {
            wakers: [const { None }; ROOM],
            count: 0,
        }
    }

    /// How many more go in.
    pub(super) fn room(&self) -> usize {
        ROOM - self.count
    }

    /// # Panics
    ///
    /// If there is no room.
    pub(super) fn push(&mut self, waker: Waker) {
        self.wakers[self.count] = Some(waker);
        self.count += 1;
    }

    /// Wakes them in order. With a waker that unwinds the others stay, for another call.
    pub(super) fn wake(&mut self) {
        for waker in &mut self.wakers[..self.count] {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
        self.count = 0;
    }
}
