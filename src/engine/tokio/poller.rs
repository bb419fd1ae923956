//! What makes a runtime poll a thread's future again.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::task::Waker;

/// The waker of the tokio task that a thread is. It is the same at every poll, until the thread's runtime shuts down
/// and another one polls it. Earlier ones are kept, since somebody may be about to use them: there are one or two.
pub(super) struct Poller {
    first: OnceLock<Waker>,
    later: AtomicPtr<Later>,
}

struct Later {
    waker: Waker,
    before: *mut Later,
}

impl Poller {
    pub(super) fn new() -> Self {
        Self {
            first: OnceLock::new(),
            later: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Whom to wake from now on. By one caller at a time: whoever polls.
    pub(super) fn set(&self, waker: &Waker) {
        match self.get() {
            None => drop(self.first.set(waker.clone())),
            Some(known) if known.will_wake(waker) => {}
            Some(_) => {
                let later = Box::into_raw(Box::new(Later {
                    waker: waker.clone(),
                    before: self.later.load(Acquire),
                }));
                self.later.store(later, Release);
            }
        }
    }

    /// Wakes it, if there is one. By anybody.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.get() {
            waker.wake_by_ref();
        }
    }

    fn get(&self) -> Option<&Waker> {
        // SAFETY: none is freed before the poller itself.
        match unsafe { self.later.load(Acquire).as_ref() } {
            Some(later) => Some(&later.waker),
            None => self.first.get(),
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        let mut later = *self.later.get_mut();
        while !later.is_null() {
            // SAFETY: it came from a box, and nobody else has the poller any more.
            later = unsafe { Box::from_raw(later) }.before;
        }
    }
}
