//! The place of a message, and the number of the one that lies there.

#[cfg(loom)]
use loom::cell::UnsafeCell;
#[cfg(loom)]
use loom::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
#[cfg(not(loom))]
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

/// # Invariant
///
/// *turn*: the message belongs to the sender that claimed a number which lies here, until it has stored the number
/// after it in `written`; then to the receiver, until that lets the senders have the place again. Since each number
/// is claimed once, what `written` says tells those of a place apart.
pub(super) struct Slot<T> {
    /// The number after that of the message that was written last; zero if none was. All bytes zero are a new slot.
    written: AtomicU64,
    message: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: *turn*: a message belongs to one thread at a time, and moves between threads.
unsafe impl<T: Send> Sync for Slot<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Slot<T> {}

impl<T> Slot<T> {
    #[inline]
    pub(super) fn new() -> Self {
        Self {
            written: AtomicU64::new(0),
            message: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// # Safety
    ///
    /// The caller claimed the number, it lies here, and the message before it was taken.
    #[inline]
    pub(super) unsafe fn write(&self, number: u64, message: T) {
        // SAFETY: *turn*: the caller's, by its promise.
        unsafe { (*self.place()).write(message) };
        self.written.store(number + 1, Release);
    }

    /// Whether the message with that number is here.
    #[inline]
    pub(super) fn has(&self, number: u64) -> bool {
        self.written.load(Acquire) == number + 1
    }

    /// # Safety
    ///
    /// The caller is the receiver, [`has`](Self::has) said so to it, and it takes the message once.
    #[inline]
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: *turn*: written, and the caller's.
        unsafe { (*self.place()).assume_init_read() }
    }

    #[inline]
    fn place(&self) -> *mut MaybeUninit<T> {
        #[cfg(loom)]
        return self.message.with_mut(|place| place);
        #[cfg(not(loom))]
        self.message.get()
    }
}
