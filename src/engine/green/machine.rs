//! A machine: an OS thread that runs the green threads of the processor that it holds.

use super::local;
use super::processor::Processor;
use super::scheduler::Shared;
use super::task::Task;
use crate::coroutine::{Kind, free};
use standin_core::context;
use std::ops::ControlFlow;
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

/// A thread that left its stack, and what is to become of it. Until that is settled nobody else can run it.
type Stopped = (*const Task, Command);

/// Runs the threads of `processor` until one of them takes this OS thread away from it.
///
/// Moving to another thread-local block is most of the cost of a switch, so between two free threads the
/// machine does not go home, if all there is to do is to take the next one out of a queue. It goes from block
/// to block, and at every moment it has the thread on whose block it is: one that stopped is queued, or may
/// be woken, only after the machine has moved on. So a block never has two users, not even a signal handler's.
/// What the machine does away from home uses no thread-locals, makes no system call and does not allocate:
/// it would find another thread's values.
pub(super) fn run(processor: &'static Processor) {
    local::set_processor(processor);
    let shared = processor.shared();
    let home = free::home();
    let mut stopped: Option<Stopped> = None;
    loop {
        // After a blocking section the processor is another machine's: its queues are not to be looked at.
        let has_left = matches!(stopped, Some((_, Command::Left)));
        let at_hand = if has_left {
            None
        } else {
            processor.next_at_hand(shared)
        };
        // SAFETY: it came out of a queue of this processor, so it is alive and ours.
        let is_direct = at_hand.is_some_and(|task| unsafe { (*task).is_started() });
        let is_simple = stopped.is_none_or(|(_, command)| {
            matches!(command, Command::Park | Command::Yield) && processor.has_room_at_hand(shared)
        });
        let next = if is_direct && is_simple {
            at_hand.expect("it was looked at")
        } else {
            // SAFETY: this OS thread's own block.
            unsafe { free::move_to(home) };
            if let Some((task, command)) = stopped.take()
                // SAFETY: the thread stopped on this machine, which has it.
                && unsafe { settle_at_home(processor, task, command) }.is_break()
            {
                break;
            }
            let next = at_hand.unwrap_or_else(|| processor.next());
            // SAFETY: as above; the machine holds the processor.
            unsafe { bind(processor, &*next) };
            next
        };
        // SAFETY: the task is ours and has a fiber.
        let command = unsafe { resume(processor, shared, &*next, stopped) };
        stopped = Some((next, command));
    }
    local::set_processor(ptr::null());
}

/// Runs a thread until it leaves its stack; on the way settles the one that stopped before.
///
/// # Safety
///
/// The caller holds the processor and has both tasks; `task` has a fiber. Afterwards it still has `task`.
#[inline]
unsafe fn resume(
    processor: &'static Processor,
    shared: &Shared,
    task: &Task,
    stopped: Option<Stopped>,
) -> Command {
    // SAFETY: the cell is ours, and nobody else has the fiber.
    let fiber = unsafe { (*task.fiber.get()).as_mut().unwrap_unchecked() };
    // SAFETY: nobody else runs on the fiber's block, and until the switch nothing below cares whose it is.
    unsafe { fiber.enter() };
    if let Some((before, command)) = stopped {
        // SAFETY: it is ours until it is queued, or until it may be woken. Its block was left just now.
        let has_token = command == Command::Park && !unsafe { (*before).parking.commit() };
        if has_token || command == Command::Yield {
            processor.put_back_at_hand(before);
        }
    }
    task.resumed_by(processor);
    let is_pinned = shared.kind == Kind::Pinned;
    if is_pinned {
        local::set_task(task);
        // SAFETY: the thread runs on this OS thread from here until it is replaced below.
        unsafe { context::replace(Some(task.as_context())) };
    }
    // SAFETY: a fiber that is between two threads takes a task; one in the middle of a thread ignores the
    // value. Machines have an alternate signal stack, and pinned threads stay on their processor, which stays
    // on its machine.
    let command = Command::decode(unsafe { fiber.switch(ptr::from_ref(task).cast_mut().cast()) });
    if is_pinned {
        local::set_task(ptr::null());
        // SAFETY: the plain OS thread needs no context.
        unsafe { context::replace(None) };
    }
    command
}

/// Settles a thread that stopped, when the machine is on its own block. Breaks if the processor is not this
/// machine's any more.
///
/// # Safety
///
/// The task stopped on this machine with this command. It may be gone afterwards.
#[inline(never)]
unsafe fn settle_at_home(
    processor: &'static Processor,
    task: *const Task,
    command: Command,
) -> ControlFlow<()> {
    // SAFETY: the task is ours until it is queued, or until it may be woken, which is the last thing here.
    let this = unsafe { &*task };
    match command {
        Command::Park => {
            if !this.parking.commit() {
                this.scheduler.ready(task);
            }
        }
        Command::Yield => this.scheduler.ready(task),
        // SAFETY: the caller's promise.
        Command::Finished => unsafe { bury(processor, task) },
        Command::Left => {
            local::set_processor(ptr::null());
            this.scheduler.inject(task);
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}

/// Gives a task the fiber that it will run on, if it has none yet.
///
/// # Safety
///
/// The task is the caller's; the caller holds the processor.
#[inline(never)]
unsafe fn bind(processor: &'static Processor, task: &Task) {
    if task.is_started() {
        return;
    }
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
