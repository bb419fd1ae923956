//! What becomes of the wait queue in a child process that was forked and does not `exec`.
//!
//! Only the thread that forked exists there. The others may have been in the middle of the queue, and those
//! that wait will never come back. So the child begins with an empty queue, as it does with the kernel's own.
//! The thread that forked is in no section of this crate, and waits for nothing.

use crate::wait_queue;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

unsafe extern "C" {
    fn pthread_atfork(
        prepare: Option<unsafe extern "C" fn()>,
        parent: Option<unsafe extern "C" fn()>,
        child: Option<unsafe extern "C" fn()>,
    ) -> i32;
}

static IS_WATCHED: AtomicBool = AtomicBool::new(false);

/// To be called before a thread waits.
pub(crate) fn watch() {
    if IS_WATCHED.load(Relaxed) || IS_WATCHED.swap(true, Relaxed) {
        return;
    }
    // SAFETY: the handler does what may be done in a child.
    let result = unsafe { pthread_atfork(None, None, Some(in_child)) };
    assert_eq!(result, 0, "there is no memory to register for forks");
}

unsafe extern "C" fn in_child() {
    // SAFETY: in the child of a fork there is one thread, which runs this.
    unsafe { wait_queue::reset() };
}
