//! Gets OS threads out of `poll` when one of them is cancelled: one descriptor for the whole process.
//!
//! Cancelling is rare, so it may cost: all that poll are woken, and those that were not meant poll again.

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Readable while a cancellation is under way. Made when a thread that can be cancelled first waits.
static DESCRIPTOR: OnceLock<OwnedFd> = OnceLock::new();
/// Held to subscribe, and for a whole cancellation.
static GATE: Mutex<()> = Mutex::new(());
static SUBSCRIBERS: AtomicUsize = AtomicUsize::new(0);

/// One thread's use of the descriptor; it must look at its flag after it subscribed and before it polls.
pub(super) struct Subscription(&'static OwnedFd);

pub(super) fn subscribe() -> io::Result<Subscription> {
    let _gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
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
    let _gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
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
