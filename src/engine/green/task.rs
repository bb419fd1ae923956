//! A green thread, as the scheduler knows it.

use super::local;
use super::machine::{self, Command, Machine};
use super::processor::nanoseconds;
use super::relay;
use super::scheduler::Scheduler;
use super::timers::Timer;
use crate::coroutine::{Fiber, Kind, SizeClass, Suspender};
use crate::engine::fiber::{self, OnFiber};
use crate::engine::fork::OnOsThread;
use crate::engine::parking::Parking;
use crate::engine::record::{Own, Placed, WakePlaced};
use crate::engine::{Control, NewThread};
use crate::prefetch;
use standin_core::Instant;
use standin_core::context::Context;
use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::ptr;
use std::task::Waker;

/// How many operations may succeed without waiting before the thread lets others run.
const BUDGET: u32 = 128;

/// # Invariants
///
/// - *alive*: the scheduler holds one reference from the spawn until the thread has ended. A task that is
///   in a queue, in a timer heap, parked or running has not ended.
/// - *one place*: a task that has not ended is either in exactly one queue, or running on one machine, or
///   parked. Whoever has it in that place (the queue's user, the machine or the thread itself, whoever won
///   [`Parking::wake`]) is the only one that uses its cells.
pub(super) struct Task {
    pub(super) parking: Parking,
    pub(super) timer: Timer,
    /// The next task in the queue that this one is in.
    pub(super) next: Cell<*const Task>,
    /// The machine that runs it, or did last. Pinned threads keep their first one.
    machine: Cell<*const Machine>,
    /// It is in a blocking section, and its machine has lost the processor.
    pub(super) in_section: Cell<bool>,
    /// What it is bound to from its first run to its end.
    pub(super) fiber: UnsafeCell<Option<Fiber>>,
    suspender: Cell<*const Suspender>,
    /// What it will run, until it does.
    fresh: Cell<Option<NewThread>>,
    budget: Cell<u32>,
    pub(super) class: SizeClass,
    pub(super) scheduler: &'static Scheduler,
    pub(super) control: Own<Task>,
}

// SAFETY: *one place* says who uses the cells, and moving from one place to the next synchronises (queues,
// locks, and the parking word acquire and release). The rest is `Sync` by itself.
unsafe impl Sync for Task {}
// SAFETY: as above; what a thread runs is `Send`.
unsafe impl Send for Task {}

impl Task {
    pub(super) fn new(
        scheduler: &'static Scheduler,
        class: SizeClass,
        thread: NewThread,
    ) -> Placed<Self> {
        let control = thread.control().clone();
        let make = |control| Self {
            parking: Parking::new(),
            timer: Timer::new(),
            next: Cell::new(ptr::null()),
            machine: Cell::new(ptr::null()),
            in_section: Cell::new(false),
            fiber: UnsafeCell::new(None),
            suspender: Cell::new(ptr::null()),
            control,
            fresh: Cell::new(Some(thread)),
            budget: Cell::new(BUDGET),
            class,
            scheduler,
        };
        // SAFETY: it is about to be started.
        unsafe { Placed::new(control, make) }
    }

    /// The green thread that the caller runs on.
    pub(super) fn current<R>(f: impl FnOnce(Option<&Task>) -> R) -> R {
        // SAFETY: a task is set only while it runs, and by *alive* is alive then.
        f(unsafe { local::task().as_ref() })
    }

    /// Whether it has a stack already. By whoever has it in its place.
    pub(super) fn is_started(&self) -> bool {
        // SAFETY: *one place*.
        unsafe { (*self.fiber.get()).is_some() }
    }

    /// Makes the thread ready if it is parked; else its next park returns at once.
    ///
    /// # Safety
    ///
    /// The task is alive; if the thread was parked it can have ended when this returns.
    pub(super) unsafe fn wake(task: *const Task) {
        // SAFETY: the caller's promise. Once `wake` said true the task is the caller's until it is queued.
        unsafe {
            if (*task).parking.wake_to_queue() {
                (*task).prefetch();
                (*task).scheduler.ready(task);
            }
        }
    }

    /// Asks for what a thread touches first when it is resumed, which has left the caches if it was away long. By
    /// whoever has it in its place: until its turn comes, the waits overlap with other work.
    pub(super) fn prefetch(&self) {
        // SAFETY: *one place*.
        if let Some(fiber) = unsafe { &*self.fiber.get() } {
            fiber.hot(self.kind()).prefetch();
        }
    }

    /// Asks for a task, which may be gone.
    pub(super) fn prefetch_record(task: *const Self) {
        prefetch::lines(task.addr(), size_of::<Self>());
    }

    /// What tells somebody who does not have the task where its memory is. By whoever has it in its place.
    pub(super) fn hint(&self) -> usize {
        // SAFETY: *one place*.
        unsafe { &*self.fiber.get() }
            .as_ref()
            .map_or(0, Fiber::address)
    }

    /// Called before each resumption.
    #[inline]
    pub(super) fn resumed_by(&self, machine: &'static Machine) {
        self.machine.set(machine);
        self.budget.set(BUDGET);
    }

    /// Whether its stack can be walked: not in the middle of a switch. For a signal handler on the OS thread that is in a
    /// turn of it.
    pub(super) fn is_unwindable(&self) -> bool {
        // SAFETY: null before the thread's first instruction; else that of the stack that the thread runs on.
        unsafe { self.suspender.get().as_ref() }.is_some_and(Suspender::is_running)
    }

    /// The machine that runs it, or did last. By whoever has the task in its place, and once it has run.
    #[inline]
    pub(super) fn machine(&self) -> &'static Machine {
        // SAFETY: machines live for ever.
        unsafe { &*self.machine.get() }
    }

    /// What the thread's stack is left by. On the thread itself.
    #[inline]
    pub(super) fn suspender(&self) -> &Suspender {
        // SAFETY: the suspender is that of the stack that the thread runs on.
        unsafe { &*self.suspender.get() }
    }

    /// Its budget is used up.
    #[cold]
    fn make_way(&self) {
        self.yield_now();
    }
}

impl Context for Task {
    fn park(&self, deadline: Option<Instant>) -> bool {
        if self.parking.take_token() {
            return false;
        }
        if let Some(deadline) = deadline {
            let nanoseconds = nanoseconds(deadline);
            let machine = self.machine();
            if machine.hold.enter() {
                // Still inside when the machine goes on, which looks at the timers before it sleeps.
                machine.processor().timers.arm(self, nanoseconds);
            } else {
                machine.processor().arm_from_outside(self, nanoseconds);
            }
        }
        relay::stop(self, Command::Park);
        let has_fired = deadline.is_some() && self.timer.disarm();
        self.parking.take_token();
        has_fired
    }

    fn yield_now(&self) {
        relay::stop(self, Command::Yield);
    }

    fn progress(&self) {
        match self.budget.get() {
            0 => self.make_way(),
            left => self.budget.set(left - 1),
        }
    }

    fn waker(&self) -> Waker {
        // SAFETY: it is in its place.
        unsafe { self.control.placed() }.into_waker()
    }

    fn local(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(&*self.control)
    }
}

impl OnFiber for Task {
    fn kind(&self) -> Kind {
        self.scheduler.kind()
    }

    fn control(&self) -> &Control {
        &self.control
    }

    fn take(&self) -> NewThread {
        self.fresh.take().expect("a task is run once")
    }

    fn set_suspender(&self, suspender: *const Suspender) {
        self.suspender.set(suspender);
    }

    fn set_local(thread: *const Self) {
        local::set_task(thread);
    }
}

impl OnOsThread for Task {
    fn home(&self) -> Option<usize> {
        (self.scheduler.kind() == Kind::Free).then(|| self.machine().home())
    }

    fn forked(&self) {
        self.machine().hold.give_up();
    }

    fn in_section(&self) -> &Cell<bool> {
        &self.in_section
    }

    fn control(&self) -> &Control {
        &self.control
    }
}

impl WakePlaced for Task {
    fn wake(this: &Placed<Self>) {
        // SAFETY: alive, since the waker holds a reference.
        unsafe { Task::wake(Placed::as_ptr(this)) };
    }
}

/// What runs on every fiber: one thread after another.
pub(super) fn entry(suspender: &Suspender, first: *mut ()) -> ! {
    let mut task: *const Task = first.cast();
    loop {
        // SAFETY: the machine resumes a fiber that is between two threads with a task that it just bound to
        // it, and that is alive until the machine sees `Finished`.
        unsafe { fiber::run(&*task, suspender) };
        // SAFETY: the thread has ended on this fiber, and the machine that runs it has not seen that yet.
        task = match unsafe { machine::succeed(&*task) } {
            Some(next) => next,
            None => suspender.suspend(Command::Finished.encode()).cast(),
        };
    }
}
