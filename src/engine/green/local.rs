//! What the scheduler keeps in thread-locals: which task runs here, and which machine this OS
//! thread is. Nothing else of the engine reads thread-locals, and none of these functions is inlined: a caller that
//! parks may go on on another OS thread, and must not keep an address from before.
//!
//! A free thread has a block of its own, so there the task is set once, when the thread starts; the machine is
//! what its task says. On an OS thread's own block (machines, pinned threads) the machine keeps both up to
//! date.

use super::machine::Machine;
use super::task::Task;
use std::cell::Cell;
use std::ptr::{self, NonNull};

thread_local! {
    static TASK: Cell<*const Task> = const { Cell::new(ptr::null()) };
    static MACHINE: Cell<*const Machine> = const { Cell::new(ptr::null()) };
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

/// Who runs on this OS thread.
pub(super) enum Here {
    Thread(NonNull<Task>),
    /// A machine, in the scheduler.
    Machine(&'static Machine),
    /// Nobody of the scheduler's.
    Elsewhere,
}

#[inline(never)]
pub(super) fn here() -> Here {
    if let Some(task) = NonNull::new(TASK.get().cast_mut()) {
        return Here::Thread(task);
    }
    // SAFETY: machines live for ever.
    match unsafe { MACHINE.get().as_ref() } {
        Some(machine) => Here::Machine(machine),
        None => Here::Elsewhere,
    }
}

#[inline(never)]
pub(super) fn set_machine(machine: *const Machine) {
    MACHINE.set(machine);
}
