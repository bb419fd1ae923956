//! A machine: an OS thread that runs the green threads of the processor that it holds.

use super::local;
use super::processor::Processor;
use super::scheduler::Shared;
use super::task::Task;
use crate::coroutine::{Kind, free};
use standin_core::context;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// Why a green thread left its stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(super) enum Command {
    /// It parks, unless it has the token.
    Park = 1,
    /// It lets others run.
    Yield = 2,
    /// It has ended.
    Finished = 3,
    /// It comes out of a blocking section: the machine has no processor any more.
    Left = 4,
}

impl Command {
    pub(super) fn encode(self) -> *mut () {
        ptr::without_provenance_mut(self as usize)
    }

    fn decode(value: *mut ()) -> Self {
        match value.addr() {
            1 => Self::Park,
            2 => Self::Yield,
            3 => Self::Finished,
            4 => Self::Left,
            other => unreachable!("a green thread suspended with {other}, which is no command"),
        }
    }
}

/// Runs the threads of `processor` until one of them takes this OS thread away from it.
///
/// After a free thread the OS thread runs on that thread's thread-local block until it comes home. Between two
/// threads it does not, if all there is to do is to take the next one out of a queue: that part of the
/// scheduler uses no thread-locals and does not allocate. Everything else comes home first.
pub(super) fn run(processor: &'static Processor) {
    local::set_processor(processor);
    let shared = processor.shared();
    let home = free::home();
    let mut next = processor.next();
    loop {
        // SAFETY: it came out of a queue of this processor, so it is alive and ours; home is ours.
        if !unsafe { execute(processor, shared, next, home) } {
            break;
        }
        next = processor.next_at_hand(shared).unwrap_or_else(|| {
            // SAFETY: this OS thread's own block.
            unsafe { free::come_home(home) };
            processor.next()
        });
    }
    local::set_processor(ptr::null());
}

/// Runs a thread until it leaves its stack. False if the processor is not this machine's any more, and then
/// the machine is home.
///
/// # Safety
///
/// The task is alive and the caller's, and the caller holds the processor. `home` is the block of the calling
/// OS thread. The caller may be away from it, and is afterwards, if the thread is a free one.
unsafe fn execute(
    processor: &'static Processor,
    shared: &Shared,
    task: *const Task,
    home: usize,
) -> bool {
    // SAFETY: the caller's promise; where the task may be gone, below, it is not used any more.
    let this = unsafe { &*task };
    if !this.is_started() {
        // SAFETY: the caller's promise.
        unsafe {
            free::come_home(home);
            bind(processor, this);
        }
    }
    this.resumed_by(processor);
    let is_pinned = this.scheduler.kind() == Kind::Pinned;
    if is_pinned {
        local::set_task(task);
        // SAFETY: the thread runs on this OS thread from here until it is replaced below.
        unsafe { context::replace(Some(this.as_context())) };
    }
    // SAFETY: a fresh fiber, or one between two threads, takes a task; one in the middle of a thread ignores
    // the value. Machines have an alternate signal stack, and pinned threads stay on their processor, which
    // stays on its machine. The task has a fiber, ours until it is in another place. What runs before this OS
    // thread comes home touches no thread-local.
    let command = Command::decode(unsafe {
        let fiber = (*this.fiber.get()).as_mut().unwrap_unchecked();
        fiber.resume_away(task.cast_mut().cast())
    });
    if is_pinned {
        local::set_task(ptr::null());
        // SAFETY: the plain OS thread needs no context.
        unsafe { context::replace(None) };
    }
    match command {
        Command::Park if this.parking.commit() => {}
        Command::Park | Command::Yield => {
            if !processor.put_back_at_hand(shared, task) {
                // SAFETY: this OS thread's own block.
                unsafe { free::come_home(home) };
                this.scheduler.ready(task);
            }
        }
        Command::Finished => {
            // SAFETY: this OS thread's own block; the thread has ended.
            unsafe {
                free::come_home(home);
                bury(processor, task);
            }
        }
        Command::Left => {
            // SAFETY: this OS thread's own block.
            unsafe { free::come_home(home) };
            this.scheduler.inject(task);
            return false;
        }
    }
    true
}

/// Gives a task the fiber that it will run on.
///
/// # Safety
///
/// The task is the caller's, and has none; the caller holds the processor.
#[inline(never)]
unsafe fn bind(processor: &'static Processor, task: &Task) {
    let fiber = processor.take_fiber(task.class);
    let name = task
        .control
        .name()
        .map(|name| NonNull::from(name.as_bytes()));
    // SAFETY: the task holds the control, and so the name, for as long as it has the fiber; the cell is the
    // caller's.
    unsafe {
        fiber.set_owner(name);
        *task.fiber.get() = Some(fiber);
    }
}

/// Takes the fiber of a thread that has ended, and the scheduler's reference.
///
/// # Safety
///
/// The thread has ended on a machine that holds the processor, which is the caller.
#[inline(never)]
unsafe fn bury(processor: &'static Processor, task: *const Task) {
    // SAFETY: the cell is the caller's alone, and the reference was the scheduler's.
    unsafe {
        if let Some(fiber) = (*(*task).fiber.get()).take() {
            fiber.set_owner(None);
            processor.give_fiber(fiber);
        }
        (*task).scheduler.ended((*task).class);
        drop(Arc::from_raw(task));
    }
}
