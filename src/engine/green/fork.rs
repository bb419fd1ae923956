//! A fork without `exec`.
//!
//! In the child only the thread that forked exists: there is no machine for the other green threads, and what
//! the scheduler and its reactors know is the parent's. So the child never looks at any of it again. The
//! thread that forked has its OS thread for itself: the rest of its life is one blocking section, in which
//! locks, channels, sleeps and sockets block the OS thread. Green threads cannot be spawned there. When the
//! thread ends, its OS thread does, as a thread of std that forked would.
//!
//! # On whose block `fork` runs
//!
//! glibc takes whoever calls `fork` for the one thread that is left, and frees the stacks of all others: on a free
//! thread's block it would free the OS thread's own stack, to which the machine returns at the end. So a free
//! thread goes to its OS thread's block for the time of the call, and back before it returns. A signal handler
//! that runs meanwhile sees the OS thread's thread-locals.

use super::local::{self, Here};
use super::machine::Machine;
use super::section::Section;
use super::task::Task;
use crate::coroutine::{Fiber, Kind, free};
use crate::engine::IS_CHILD_OF_GREEN;
use standin_core::context::{self, Context};
use std::io;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

pub(super) use crate::engine::is_child_of_green as is_child;

/// The error of whoever wants green threads in such a process.
pub(super) fn refused(kind: Kind) -> io::Error {
    let engine = super::name_of(kind);
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!(
            "cannot spawn a thread of the engine {engine}: this process was forked after green threads had been \
             started, and none of what runs them came along; exec another program in the child, or spawn on the \
             engine threads there"
        ),
    )
}

/// Registers for forks. Before there is anything of an engine.
pub(super) fn watch() -> io::Result<()> {
    static RESULT: OnceLock<i32> = OnceLock::new();
    let result = *RESULT.get_or_init(|| {
        // SAFETY: the handlers do what may be done before a fork and in its child.
        unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) }
    });
    match result {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

unsafe extern "C" fn prepare() {
    if is_child() {
        // The thread that forked stands in for its OS thread already.
        return;
    }
    if let Here::Thread(task) = local::here() {
        // SAFETY: a thread that runs is alive.
        let task = unsafe { task.as_ref() };
        if task.scheduler.kind() == Kind::Free {
            let block = free::home();
            // SAFETY: the block of the OS thread that the thread runs on; what runs until the thread moves back
            // means the OS thread, or nobody in particular.
            unsafe { free::move_to(task.machine().home()) };
            local::set_forking(block);
        }
    }
}

unsafe extern "C" fn in_parent() {
    move_back();
}

unsafe extern "C" fn in_child() {
    let was_child = IS_CHILD_OF_GREEN.swap(true, Relaxed);
    move_back();
    if let Here::Thread(task) = local::here() {
        // SAFETY: a thread that runs is alive.
        let task = unsafe { task.as_ref() };
        task.machine().hold.give_up();
        if task.scheduler.kind() == Kind::Free && !was_child {
            // SAFETY: nobody else is there; the OS thread's block, and the one that the thread runs on.
            unsafe { free::stand_in_for(task.machine().home(), free::home()) };
        }
        // In a section it has what it needs, until that ends.
        if !task.in_section.replace(true) {
            live_on(task);
        }
    }
}

fn move_back() {
    let block = local::take_forking();
    if block != 0 {
        // SAFETY: the block that the thread came from, and that nobody else can have had.
        unsafe { free::move_to(block) };
    }
}

/// The rest of a thread's life in the child. By the thread.
pub(super) fn live_on(task: &Task) {
    let section = Box::leak(Box::new(Section::new(task)));
    // SAFETY: no other thread is there that could use it.
    unsafe { task.control.rebind_in_child(section.waker()) };
    let section: NonNull<dyn Context> = NonNull::from(&*section as &dyn Context);
    // SAFETY: it stays valid for ever, and describes this thread.
    unsafe { context::replace(Some(section)) };
}

/// The thread of `machine` has ended in the child. By the machine, on its OS thread's own block.
///
/// # Safety
///
/// `task` is that thread.
pub(super) unsafe fn end(machine: &Machine, task: *const Task) {
    // SAFETY: nobody else is there to have changed it; a thread that has run has a fiber.
    let block = unsafe { (*(*task).fiber.get()).as_ref().map_or(0, Fiber::block) };
    if block != 0 {
        // SAFETY: the thread stood in for this OS thread since the fork.
        unsafe { free::step_back(machine.home(), block) };
    }
}
