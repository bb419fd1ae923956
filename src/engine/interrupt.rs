//! Gets OS threads out of `poll` when one of them is cancelled: one descriptor for the whole process.
//!
//! Cancelling is rare, so it may cost: all that poll are woken, and those that were not meant poll again.

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::DupFlags;
use standin_core::{Lock, fork};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Readable while a cancellation is under way. Made with the first thread that can be cancelled.
static DESCRIPTOR: OnceLock<OwnedFd> = OnceLock::new();
/// Held to subscribe, and for a whole cancellation.
static GATE: Lock<()> = Lock::new(());
static SUBSCRIBERS: AtomicUsize = AtomicUsize::new(0);

/// Makes the descriptor, so that no operation of a thread that can be cancelled fails for want of one.
///
/// # Errors
///
/// The process, or the system, has none left.
pub(super) fn prepare() -> io::Result<()> {
    let _gate = GATE.lock();
    descriptor().map(drop)
}

/// With the gate held.
fn descriptor() -> io::Result<&'static OwnedFd> {
    if let Some(descriptor) = DESCRIPTOR.get() {
        return Ok(descriptor);
    }
    let made = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|error| {
        let error = io::Error::from(error);
        let message = format!(
            "cannot make the descriptor by which OS threads are cancelled: {error}; the process needs one for \
             all of them: raise the limit (RLIMIT_NOFILE, `ulimit -n`)"
        );
        io::Error::new(error.kind(), message)
    })?;
    fork::in_child(reset)?;
    Ok(DESCRIPTOR.get_or_init(|| made))
}

/// One thread's use of the descriptor; it must look at its flag after it subscribed and before it polls.
pub(super) struct Subscription(&'static OwnedFd);

pub(super) fn subscribe() -> io::Result<Subscription> {
    let _gate = GATE.lock();
    let descriptor = descriptor()?;
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

/// In the child of a fork: nobody polls, and the descriptor is the parent's as well. It gets another one under the
/// same number.
unsafe extern "C" fn reset() {
    // SAFETY: the one thread of the process runs this, and is not in this module.
    unsafe { GATE.reset(()) };
    SUBSCRIBERS.store(0, Relaxed);
    let Some(descriptor) = DESCRIPTOR.get() else {
        return;
    };
    // SAFETY: whoever has the number goes on to use it, and gets another descriptor under it below.
    let mut number = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(descriptor.as_raw_fd()) });
    // Closed first: there may be no other number free.
    // SAFETY: nobody else is there who could take the number before it is in use again.
    unsafe { rustix::io::close(number.as_raw_fd()) };
    if let Ok(own) = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK) {
        if own.as_raw_fd() == number.as_raw_fd() {
            std::mem::forget(own);
        } else {
            // It fails only for numbers that cannot be open.
            let _ = rustix::io::dup3(&own, &mut number, DupFlags::CLOEXEC);
        }
    }
}
