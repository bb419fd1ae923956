//! The seat of the thread that waits for a descriptor. Nearly always there is one at most; then whoever has news for it need
//! not look for it in the wait queue, whose memory, and that of the waiter on its thread's stack, have left the caches.
//!
//! # Why no wake-up is lost
//!
//! Who waits sits down, and then looks whether there is news; who has news says so, and then looks who sits there. All four
//! are sequentially consistent, so one of the two sees the other (the argument of Dekker's algorithm). Who sits is taken out of
//! the seat by one only: by itself, or by who calls it, so what stands there is owned by one at a time. Model: `core/tests/model_green.rs`.

use std::ptr::{self, NonNull};

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
    fence,
};
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
};

/// Holds a pointer that is owned, like a waker.
pub(super) struct Seat<T>(AtomicPtr<T>);

impl<T> Seat<T> {
    pub(super) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Sits down; false if somebody sits there. Look for news next.
    pub(super) fn take(&self, who: NonNull<T>) -> bool {
        let has_it = self
            .0
            .compare_exchange(ptr::null_mut(), who.as_ptr(), SeqCst, Relaxed)
            .is_ok();
        in_order();
        has_it
    }

    /// Gets up; false if somebody has called it, and has the pointer.
    pub(super) fn leave(&self, who: NonNull<T>) -> bool {
        self.0
            .compare_exchange(who.as_ptr(), ptr::null_mut(), Acquire, Relaxed)
            .is_ok()
    }

    /// Takes out who sits there, after there was news.
    pub(super) fn call(&self) -> Option<NonNull<T>> {
        in_order();
        if self.0.load(SeqCst).is_null() {
            return None;
        }
        NonNull::new(self.0.swap(ptr::null_mut(), AcqRel))
    }

    /// Who sits there, and may be gone.
    #[allow(dead_code, reason = "asked by engines with a reactor of standin's own")]
    pub(super) fn peek(&self) -> *const T {
        self.0.load(Relaxed)
    }
}

/// loom knows sequential consistency of fences only.
fn in_order() {
    #[cfg(loom)]
    fence(SeqCst);
}
