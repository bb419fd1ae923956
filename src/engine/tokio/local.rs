//! What the engine keeps in thread-locals. None of these functions is inlined: a caller that parks may go on on
//! another OS thread, and must not keep an address from before.

use super::task::Task;
use crate::coroutine::overflow::{self, AltStack};
use std::cell::{Cell, RefCell};
use std::ptr;

thread_local! {
    /// The thread that runs on this thread-local block.
    static TASK: Cell<*const Task> = const { Cell::new(ptr::null()) };
    /// Whether `SIGNAL_STACK` is there.
    static IS_PREPARED: Cell<bool> = const { Cell::new(false) };
    static SIGNAL_STACK: RefCell<Option<AltStack>> = const { RefCell::new(None) };
}

/// The thread that the caller runs on; null outside of all.
#[inline(never)]
pub(super) fn task() -> *const Task {
    TASK.get()
}

#[inline(never)]
pub(super) fn set_task(task: *const Task) {
    TASK.set(task);
}

/// Makes the calling OS thread, on its own block, fit to resume threads. It keeps what it takes until it ends.
#[inline(never)]
pub(super) fn prepare_os_thread() {
    if !IS_PREPARED.get() {
        match overflow::prepare_os_thread() {
            Ok(stack) => SIGNAL_STACK.set(Some(stack)),
            Err(error) => {
                eprintln!(
                    "fatal runtime error: no signal stack for an OS thread that runs threads of the engine \
                     async: {error}, aborting"
                );
                std::process::abort();
            }
        }
        IS_PREPARED.set(true);
    }
}
