//! From one thread to the next: a thread that stops looks into the queue by itself and, if all there is to do is to take the
//! next one out of it, goes to that one's stack. So between two threads there is one switch, and not the machine's stack
//! in between. What is due to the one that stopped (its park is committed, or it is queued again) is done by the next one
//! on its own stack, as the machine does it: *nobody can resume a thread before its stack was left.*
//!
//! The rules for what a machine may do away from home (`machine.rs`) hold here for the same reason. The move to the next
//! thread's block is a part of the switch of stacks, made on the machine's: a signal handler never finds the thread-locals of
//! one thread on the stack of another (`tests/signals`).
//!
//! For everything else the thread goes to its machine, which finds there what the thread was told
//! ([`Processor::leave_to_machine`]).
//!
//! [`Processor::leave_to_machine`]: super::processor::Processor::leave_to_machine

use super::local;
use super::machine::{self, Command, Machine};
use super::task::Task;
use crate::coroutine::{Fiber, Kind};
use crate::engine::fiber::as_context;
use standin_core::context;
use std::ptr;

/// The bits of a task's address that say why it stopped. A machine that resumes a thread passes an address without.
const COMMAND: usize = 0b11;
const _: () = assert!(align_of::<Task>() > COMMAND);

/// Stops the calling thread by a park or a yield; returns when it was resumed, on whichever machine.
// Inlined, and with it the switch: see `coroutine/switch`.
#[inline(always)]
pub(super) fn stop(task: &Task, command: Command) {
    let machine = task.machine();
    let received = match next(machine, command) {
        // SAFETY: the thread is inside, and has the next one, which has stopped before.
        Some(next) => unsafe { go_to(machine, task, &*next, command) },
        None => task.suspender().suspend(command.encode()),
    };
    if let Some((before, command)) = decode(received) {
        // Not the machine of above: the thread may have moved.
        let machine = task.machine();
        // SAFETY: it stopped on this machine, to go here, and had looked for room; this is another block and stack.
        unsafe { machine::settle_at_hand(machine.processor(), before, command) };
        machine.hold.leave();
    }
}

/// The next thread, if it can be gone to. It is the caller's, which is inside then.
#[inline(always)]
fn next(machine: &Machine, command: Command) -> Option<*const Task> {
    // If the processor is lost, the machine finds that out as well.
    if !machine.hold.enter() {
        return None;
    }
    let processor = machine.processor();
    let shared = processor.shared();
    let next = processor.next_at_hand(shared);
    // SAFETY: it came out of a queue of this processor, so it is alive and ours.
    let is_started = |next: &*const Task| unsafe { (**next).is_started() };
    if next.as_ref().is_some_and(is_started) && processor.has_room_at_hand(shared, command) {
        return next;
    }
    processor.leave_to_machine(next);
    None
}

/// Switches from the calling thread to `next`; returns what is passed to the caller when it is resumed.
///
/// # Safety
///
/// The caller is inside, runs `task` on `machine`, and has `next`, which has stopped in [`stop`].
#[inline(always)]
unsafe fn go_to(machine: &'static Machine, task: &Task, next: &Task, command: Command) -> *mut () {
    machine.turns_to(next);
    if next.scheduler.kind() == Kind::Pinned {
        local::set_task(next);
        // SAFETY: the thread runs on this OS thread from the switch on, until it is replaced.
        unsafe { context::replace(Some(as_context(next))) };
    }
    // SAFETY: the cell is the caller's, and nobody else has the fiber.
    let fiber: &Fiber = unsafe { (*next.fiber.get()).as_ref().unwrap_unchecked() };
    let passed = ptr::from_ref(task).map_addr(|address| address | command as usize);
    // SAFETY: nobody else runs on the fiber's block. The one who stopped there takes this word; machines have an alternate
    // signal stack, and pinned threads stay on their processor, which stays on its machine. Nobody gets at `task`, nor at
    // this stack, before `next` has settled it.
    unsafe { task.suspender().hand_over(fiber, passed.cast_mut().cast()) }
}

/// The thread that stopped to go to the one that received this, and by what; `None` from a machine.
#[inline(always)]
fn decode(received: *mut ()) -> Option<(*const Task, Command)> {
    let command = match received.addr() & COMMAND {
        0 => return None,
        bits if bits == Command::Park as usize => Command::Park,
        _ => Command::Yield,
    };
    let task = received.map_addr(|address| address & !COMMAND);
    Some((task.cast(), command))
}
