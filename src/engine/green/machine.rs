//! A machine: an OS thread that runs the green threads of the processor that it holds.

use super::local;
use super::processor::Processor;
use super::task::Task;
use crate::coroutine::Kind;
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
pub(super) fn run(processor: &'static Processor) {
    local::set_processor(processor);
    loop {
        let task = processor.next();
        // SAFETY: it came out of a queue of this processor, so it is alive and ours.
        if !unsafe { execute(processor, task) } {
            break;
        }
    }
    local::set_processor(ptr::null());
}

/// Runs a thread until it leaves its stack. False if the processor is not this machine's any more.
///
/// # Safety
///
/// The task is alive and the caller's, and the caller holds the processor.
unsafe fn execute(processor: &'static Processor, task: *const Task) -> bool {
    // SAFETY: the caller's promise; where the task may be gone, below, it is not used any more.
    let this = unsafe { &*task };
    // SAFETY: the task is ours until it is in another place.
    let fiber = unsafe { &mut *this.fiber.get() };
    let fiber = fiber.get_or_insert_with(|| {
        let fiber = processor.take_fiber(this.class);
        let name = this.control.name().map(|name| NonNull::from(name.as_bytes()));
        // SAFETY: the task holds the control, and so the name, for as long as it has the fiber.
        unsafe { fiber.set_owner(name) };
        fiber
    });
    this.resumed_by(processor);
    let is_pinned = this.scheduler.kind() == Kind::Pinned;
    if is_pinned {
        local::set_task(task);
        // SAFETY: the thread runs on this OS thread from here until it is replaced below.
        unsafe { context::replace(Some(this.as_context())) };
    }
    // SAFETY: a fresh fiber, or one between two threads, takes a task; one in the middle of a thread ignores
    // the value. Machines have an alternate signal stack, and pinned threads stay on their processor, which
    // stays on its machine.
    let command = Command::decode(unsafe { fiber.resume(task.cast_mut().cast()) });
    if is_pinned {
        local::set_task(ptr::null());
        // SAFETY: the plain OS thread needs no context.
        unsafe { context::replace(None) };
    }
    match command {
        Command::Park => {
            if !this.parking.commit() {
                processor.put_back(task);
            }
        }
        Command::Yield => processor.put_back(task),
        Command::Finished => {
            // SAFETY: the thread has ended, so the cell is ours alone, and so is the scheduler's reference.
            unsafe {
                if let Some(fiber) = (*this.fiber.get()).take() {
                    fiber.set_owner(None);
                    processor.give_fiber(fiber);
                }
                this.scheduler.ended(this.class);
                drop(Arc::from_raw(task));
            }
        }
        Command::Left => {
            this.scheduler.inject(task);
            return false;
        }
    }
    true
}
