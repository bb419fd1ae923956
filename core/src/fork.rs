//! What becomes of this crate, and of what stands on it, in a child process that was forked and does not `exec`.
//!
//! Only the thread that forked exists there. The others may have been in the middle of the wait queue, and those
//! that wait will never come back. So the child begins with an empty queue, as it does with the kernel's own.
//! The thread that forked is in no section of this crate, and waits for nothing.

use crate::wait_queue;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// What is run in a child, by its one thread, before `fork` returns.
pub type Handler = unsafe extern "C" fn();

unsafe extern "C" {
    fn pthread_atfork(
        prepare: Option<Handler>,
        parent: Option<Handler>,
        child: Option<Handler>,
    ) -> i32;
}

/// Runs `handler` in every child that is forked from now on.
///
/// # Errors
///
/// There is no memory to remember it.
pub fn in_child(handler: Handler) -> io::Result<()> {
    // SAFETY: a handler is a function, and stays there.
    match unsafe { pthread_atfork(None, None, Some(handler)) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// To be called before a thread waits.
pub(crate) fn watch() {
    static IS_WATCHED: AtomicBool = AtomicBool::new(false);
    if !IS_WATCHED.load(Relaxed) && !IS_WATCHED.swap(true, Relaxed) {
        in_child(forget_waiters).expect("there is memory to register for forks");
    }
}

unsafe extern "C" fn forget_waiters() {
    // SAFETY: in the child of a fork there is one thread, which runs this.
    unsafe { wait_queue::reset() };
}
