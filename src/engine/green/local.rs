//! What the scheduler keeps in thread-locals: which task runs here, and which processor this OS thread
//! holds. Nothing else of the engine reads thread-locals, and none of these functions is inlined: a caller
//! that parks may go on on another OS thread, and must not keep an address from before.
//!
//! A free thread has a block of its own, so there the task is set once, when the thread starts; the
//! processor is what its task says. On an OS thread's own block (machines, pinned threads) the machine
//! keeps both up to date.

use super::processor::Processor;
use super::task::Task;
use std::cell::Cell;
use std::ptr;

thread_local! {
    static TASK: Cell<*const Task> = const { Cell::new(ptr::null()) };
    static PROCESSOR: Cell<*const Processor> = const { Cell::new(ptr::null()) };
}

/// The green thread that the caller runs on; null outside of all.
#[inline(never)]
pub(super) fn task() -> *const Task {
    TASK.get()
}

#[inline(never)]
pub(super) fn set_task(task: *const Task) {
    TASK.set(task);
}

/// The processor that the calling OS thread holds.
#[inline(never)]
pub(super) fn processor() -> Option<&'static Processor> {
    let task = TASK.get();
    // SAFETY: a task is set only while it runs, and processors live for ever.
    unsafe {
        match task.as_ref() {
            Some(task) => task.processor.get().as_ref(),
            None => PROCESSOR.get().as_ref(),
        }
    }
}

#[inline(never)]
pub(super) fn set_processor(processor: *const Processor) {
    PROCESSOR.set(processor);
}
