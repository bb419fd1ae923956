//! Gets OS threads out of `poll` when one of them is cancelled: one descriptor for the whole process.
//!
//! Cancelling is rare, so it may cost: all that poll are woken, and those that were not meant poll again.

use rustix::event::{EventfdFlags, eventfd};
use standin_core::Lock;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
#[cfg(feature = "green")]
use {
    rustix::io::DupFlags,
    std::mem::ManuallyDrop,
    std::os::fd::{AsRawFd, FromRawFd},
};

/// Readable while a cancellation is under way. Made when a thread that can be cancelled first waits.
static DESCRIPTOR: OnceLock<OwnedFd> = OnceLock::new();
/// Held to subscribe, and for a whole cancellation.
static GATE: Lock<()> = Lock::new(());
static SUBSCRIBERS: AtomicUsize = AtomicUsize::new(0);

/// One thread's use of the descriptor; it must look at its flag after it subscribed and before it polls.
pub(super) struct Subscription(&'static OwnedFd);

pub(super) fn subscribe() -> io::Result<Subscription> {
    let _gate = GATE.lock();
    let descriptor = match DESCRIPTOR.get() {
        Some(descriptor) => descriptor,
        None => {
            let made = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            DESCRIPTOR.get_or_init(|| made)
        }
    };
    SUBSCRIBERS.fetch_add(1, Relaxed);
    Ok(Subscription(descriptor))
}

impl AsFd for Subscription {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        SUBSCRIBERS.fetch_sub(1, Release);
    }
}

/// Wakes every subscriber. A thread that subscribes later sees the flag that was raised before this call.
pub(super) fn all() {
    let _gate = GATE.lock();
    let Some(descriptor) = DESCRIPTOR.get() else {
        return;
    };
    // An event counter takes a write unless it is about to overflow, and gives it back when read: with one
    // writer, under the gate, neither call can fail.
    let _ = rustix::io::write(descriptor, &1u64.to_ne_bytes());
    while SUBSCRIBERS.load(Acquire) != 0 {
        std::thread::yield_now();
    }
    let _ = rustix::io::read(descriptor, &mut [0; 8]);
}

/// In the child of a fork: nobody polls, and the descriptor is the parent's as well.
///
/// # Safety
///
/// The calling thread is the only one of the process, and is not in this module.
#[cfg(feature = "green")]
pub(super) unsafe fn reset() {
    // SAFETY: the caller's promise.
    unsafe { GATE.reset(()) };
    SUBSCRIBERS.store(0, Relaxed);
    if let Some(descriptor) = DESCRIPTOR.get()
        && let Ok(own) = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
    {
        // SAFETY: dropping it would close the number, which `DESCRIPTOR` owns; it is forgotten.
        let mut number = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(descriptor.as_raw_fd()) });
        // It keeps the number, so whoever has it need not know. It fails only for numbers that are not open.
        let _ = rustix::io::dup3(&own, &mut number, DupFlags::CLOEXEC);
    }
}
