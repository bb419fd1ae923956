//! A machine: an OS thread that runs the green threads of the processor that it holds.

use super::barrier;
use super::hold::Hold;
use super::local;
use super::os_thread;
use super::processor::Processor;
use super::scheduler::Shared;
use super::task::Task;
use crate::coroutine::{Fiber, Kind, free};
use crate::engine::fiber::as_context;
use crate::engine::fork;
use crate::engine::record::Placed;
use standin_core::{Lock, context};
use std::ops::ControlFlow;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicPtr, AtomicU32};

/// Machines are never freed, only used again by another OS thread, so the monitor can look at one at any time.
pub(super) struct Machine {
    pub(super) hold: Hold,
    processor: AtomicPtr<Processor>,
    /// The thread that it runs, while it is outside of the scheduler.
    task: AtomicPtr<Task>,
    /// How many threads it has resumed: as long as this stays the same, so does the thread.
    turns: AtomicU32,
    os_thread: os_thread::Id,
}

static RESTING: Lock<Vec<&'static Machine>> = Lock::new(Vec::new());

impl Machine {
    /// For the calling OS thread, which runs `processor` from now on.
    fn begin(processor: &'static Processor) -> &'static Self {
        let resting = RESTING.lock().pop();
        let machine = resting.unwrap_or_else(|| {
            Box::leak(Box::new(Self {
                hold: Hold::new(barrier::kind()),
                processor: AtomicPtr::new(ptr::null_mut()),
                task: AtomicPtr::new(ptr::null_mut()),
                turns: AtomicU32::new(0),
                os_thread: os_thread::Id::new(),
            }))
        });
        machine.os_thread.set();
        machine
            .processor
            .store(ptr::from_ref(processor).cast_mut(), Relaxed);
        machine.hold.begin();
        processor.run_by(machine);
        machine
    }

    /// The processor that it holds, or the one that it lost.
    pub(super) fn processor(&self) -> &'static Processor {
        // SAFETY: processors live for ever, and a machine that anybody knows of has one.
        unsafe { &*self.processor.load(Relaxed) }
    }

    /// How many threads it has resumed.
    pub(super) fn turns(&self) -> u32 {
        self.turns.load(Relaxed)
    }

    /// The OS thread's own thread-local block.
    pub(super) fn home(&self) -> usize {
        self.os_thread.block()
    }

    /// The OS thread that it is.
    pub(super) fn os_thread(&self) -> &os_thread::Id {
        &self.os_thread
    }

    /// The thread that it runs.
    pub(super) fn task(&self) -> *const Task {
        self.task.load(Relaxed)
    }

    /// It runs this thread next. By the machine, or the thread that runs on it, inside.
    #[inline]
    pub(super) fn turns_to(&'static self, task: &Task) {
        task.resumed_by(self);
        self.task.store(ptr::from_ref(task).cast_mut(), Relaxed);
        // By one at a time.
        self.turns
            .store(self.turns.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// As `turns_to`, and leaves the scheduler for it. The processor is not to be touched until it
    /// has entered again.
    #[inline]
    fn leave_for(&'static self, task: &Task) {
        self.turns_to(task);
        self.hold.leave();
    }
}

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
            other => unreachable!("a green thread suspended with {other}, which is no command"),
        }
    }
}

/// A thread that left its stack, and what is to become of it. Until that is settled nobody else can run it.
type Stopped = (*const Task, Command);

/// Runs the threads of `processor`, until it is lost while one of them runs: the thread gave it away for a
/// blocking section, or the monitor took it.
///
/// Moving to another thread-local block is most of the cost of a switch, so between two free threads the
/// machine does not go home, if all there is to do is to take the next one out of a queue. It goes from block
/// to block, and at every moment it has the thread on whose block it is: one that stopped is queued, or may
/// be woken, only after the machine has moved on. So a block never has two users, not even a signal handler's.
/// What the machine does away from home uses no thread-locals, makes no system call and does not allocate:
/// it would find another thread's values. Under the same rules a thread that stops goes to the next one by itself
/// (`relay.rs`); then the machine, which waits for the fiber that it resumed, gets control back from another one.
pub(super) fn run(processor: &'static Processor) {
    let machine = Machine::begin(processor);
    local::set_machine(machine);
    let shared = processor.shared();
    // Pinned threads never leave the OS thread's own block.
    let home = (shared.kind == Kind::Free).then(free::home);
    let go_home = || {
        if let Some(home) = home {
            // SAFETY: this OS thread's own block.
            unsafe { free::move_to(home) };
        }
    };
    let mut stopped: Option<Stopped> = None;
    let last = loop {
        let at_hand = processor.next_for_machine(shared);
        // SAFETY: it came out of a queue of this processor, so it is alive and ours.
        let is_direct = at_hand.is_some_and(|task| unsafe { (*task).is_started() });
        let is_simple = stopped.is_none_or(|(_, command)| {
            command != Command::Finished && processor.has_room_at_hand(shared, command)
        });
        let next = if is_direct && is_simple {
            at_hand.expect("it was looked at")
        } else {
            go_home();
            processor.forget_dead();
            if let Some((task, command)) = stopped.take() {
                // SAFETY: the thread stopped on this machine, which has it.
                unsafe { settle_at_home(Some(processor), task, command) };
            }
            let next = at_hand.unwrap_or_else(|| processor.next());
            // SAFETY: as above; the machine holds the processor.
            unsafe { bind(processor, &*next) };
            next
        };
        // SAFETY: the task is ours and has a fiber.
        match unsafe { resume(machine, shared, &*next, stopped) } {
            // Perhaps not `next`, but one that ran after it, on its fiber or another one.
            ControlFlow::Continue(command) => stopped = Some((machine.task(), command)),
            ControlFlow::Break(command) => break (machine.task(), command),
        }
    };
    // The queues are another machine's now.
    machine.task.store(ptr::null_mut(), Relaxed);
    go_home();
    local::set_machine(ptr::null());
    if fork::is_child() {
        // All that a thread does there is to end, and what it leaves is nobody's.
        // SAFETY: nobody else is there to have changed it; a thread that has run has a fiber.
        let block = unsafe { (*(*last.0).fiber.get()).as_ref().map_or(0, Fiber::block) };
        // SAFETY: the thread stopped on this machine.
        unsafe { fork::end(machine.home(), block) };
        return;
    }
    // SAFETY: the thread stopped on this machine, which has it.
    unsafe { settle_at_home(None, last.0, last.1) };
    RESTING.lock().push(machine);
}

/// Runs a fiber until it, or one that it went to, leaves its stack for this one; on the way settles the one that stopped
/// before. Breaks if the processor was lost meanwhile.
///
/// # Safety
///
/// The machine is the caller's and holds its processor. The caller has both tasks; `task` has a fiber.
/// Afterwards it has the task that [`Machine::task`] says.
#[inline]
unsafe fn resume(
    machine: &'static Machine,
    shared: &Shared,
    task: &Task,
    stopped: Option<Stopped>,
) -> ControlFlow<Command, Command> {
    // SAFETY: the cell is ours, and nobody else has the fiber. When this returns, it may have another task, or run elsewhere.
    let mut fiber = unsafe { ptr::read((*task.fiber.get()).as_ref().unwrap_unchecked()) };
    // SAFETY: nobody else runs on the fiber's block, and until the switch nothing below cares whose it is.
    unsafe { fiber.enter() };
    if let Some((before, command)) = stopped {
        // SAFETY: it stopped on this machine, and its block was left just now.
        unsafe { settle_at_hand(machine.processor(), before, command) };
    }
    let is_pinned = shared.kind == Kind::Pinned;
    if is_pinned {
        local::set_task(task);
        // SAFETY: the thread runs on this OS thread from here until it is replaced below.
        unsafe { context::replace(Some(as_context(task))) };
    }
    machine.leave_for(task);
    // SAFETY: a fiber that is between two threads takes a task; one in the middle of a thread ignores the
    // value. Machines have an alternate signal stack, and pinned threads stay on their processor, which stays
    // on its machine.
    let command = Command::decode(unsafe { fiber.switch(ptr::from_ref(task).cast_mut().cast()) });
    if is_pinned {
        local::set_task(ptr::null());
        // SAFETY: the plain OS thread needs no context.
        unsafe { context::replace(None) };
    }
    if machine.hold.enter() {
        ControlFlow::Continue(command)
    } else {
        ControlFlow::Break(command)
    }
}

/// Settles a thread that stopped by a park or a yield, between two threads.
///
/// # Safety
///
/// The task stopped on the machine that holds the processor, and its block and stack were left. It may be gone afterwards.
/// The processor has room for it at hand.
#[inline(always)]
pub(super) unsafe fn settle_at_hand(processor: &Processor, before: *const Task, command: Command) {
    // SAFETY: the task is the caller's until it is queued, or until it may be woken.
    let has_token = command == Command::Park && !unsafe { (*before).parking.commit() };
    if has_token || command == Command::Yield {
        processor.put_back_at_hand(before);
    }
}

/// Settles a thread that stopped, when the machine is on its own block. `processor` is what the machine holds.
///
/// # Safety
///
/// The task stopped on this machine with this command. It may be gone afterwards.
#[inline(never)]
unsafe fn settle_at_home(
    processor: Option<&'static Processor>,
    task: *const Task,
    command: Command,
) {
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
    }
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
    // SAFETY: the caller's promise.
    unsafe { give_fiber_to(task, processor.take_fiber(task.class)) };
}

/// # Safety
///
/// The task is the caller's.
unsafe fn give_fiber_to(task: &Task, fiber: Fiber) {
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

/// A thread has ended. The next one, if it has not run yet and takes no more than to look into the processor's queues:
/// it runs on the same fiber at once, which saves two switches, and a fiber that has left the caches.
///
/// # Safety
///
/// On the fiber, which is between two threads; `task` was the last one, and the machine does not know yet.
#[inline(never)]
pub(super) unsafe fn succeed(task: &Task) -> Option<*const Task> {
    let machine = task.machine();
    // If it is lost, the machine finds that out as well. It is inside from here on, or until the thread begins.
    if !machine.hold.enter() {
        return None;
    }
    let processor = machine.processor();
    let shared = processor.shared();
    let next = processor.next_fresh_at_hand(shared, task.class)?;
    // SAFETY: both cells are the machine's, which waits for this fiber.
    unsafe {
        let fiber = (*task.fiber.get()).take();
        give_fiber_to(&*next, fiber.expect("this code runs on it"));
        task.scheduler.ended(task.class);
        // Freed by the machine: the fiber's thread-local block is as the next thread wants it.
        processor.keep_dead(task);
    }
    // SAFETY: it came out of a queue of this processor, so it is alive and the machine's.
    let next_task = unsafe { &*next };
    if shared.kind == Kind::Pinned {
        local::set_task(next);
        // SAFETY: the thread runs on this OS thread from here until the machine replaces it.
        unsafe { context::replace(Some(as_context(next_task))) };
    }
    machine.leave_for(next_task);
    Some(next)
}

/// Takes the fiber of a thread that has ended, and the scheduler's reference.
///
/// # Safety
///
/// The thread has ended on the machine that is the caller, and that holds `processor`.
#[inline(never)]
unsafe fn bury(processor: Option<&'static Processor>, task: *const Task) {
    // SAFETY: the cell is the caller's alone, and the reference was the scheduler's.
    unsafe {
        if let Some(fiber) = (*(*task).fiber.get()).take() {
            fiber.set_owner(None);
            match processor {
                Some(processor) => processor.give_fiber(fiber),
                None => (*task).scheduler.pool().give(fiber),
            }
        }
        (*task).scheduler.ended((*task).class);
        forget(task);
    }
}

/// Gives up the scheduler's reference.
///
/// # Safety
///
/// The thread has ended, and its fiber was taken from it. It may be gone afterwards.
pub(super) unsafe fn forget(task: *const Task) {
    // SAFETY: the caller's promise: it was kept at the spawn.
    drop(unsafe { Placed::from_raw(&(*task).control) });
}
