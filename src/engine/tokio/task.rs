//! A thread of this engine, as whoever polls it knows it.

use super::poller::Poller;
use super::runtimes::Member;
use super::{local, stacks};
use crate::coroutine::free::{self, Primed};
use crate::coroutine::{Fiber, Kind, SizeClass, Suspender};
use crate::engine::fiber::{self, OnFiber};
use crate::engine::fork::{self, OnOsThread};
use crate::engine::parking::Parking;
use crate::engine::record::{Own, Placed, WakePlaced};
use crate::engine::{Control, NewThread};
use standin_core::Instant;
use standin_core::context::{self, Context};
use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::Waker;

/// How many operations may succeed without waiting before the thread lets others run: as many as tokio allows its
/// own tasks.
const BUDGET: u32 = 128;

/// # Invariants
///
/// - *one place*: a thread that has not ended either runs (on its own stack), or belongs to the future that polls
///   it (`running.rs`), or to the blocking-pool job that it runs on. Whoever has it is the only one that uses its
///   cells.
pub(super) struct Task {
    pub(super) parking: Parking,
    pub(super) poller: Poller,
    /// What it is bound to from its first run to its end.
    fiber: UnsafeCell<Option<Fiber>>,
    suspender: Cell<*const Suspender>,
    /// What it will run, until it does.
    fresh: Cell<Option<NewThread>>,
    budget: Cell<u32>,
    /// Until when it parks.
    pub(super) deadline: Cell<Option<Instant>>,
    /// The block of the OS thread that runs it, or did last.
    home: Cell<usize>,
    /// Whether that is one of the blocking pool.
    pub(super) is_aside: Cell<bool>,
    /// It is in a blocking section.
    pub(super) in_section: Cell<bool>,
    runtime: UnsafeCell<Member>,
    class: SizeClass,
    kind: Kind,
    control: Own<Task>,
}

// SAFETY: *one place* says who uses the cells, and moving from one place to the next synchronises (tokio polls a
// future under an exclusive state of its own, and hands jobs to its pool through a lock). The rest is `Sync`.
unsafe impl Sync for Task {}
// SAFETY: as above; what a thread runs is `Send`.
unsafe impl Send for Task {}

/// A future that the runtime polls for a thread, which waits for it. It lies on the thread's stack.
pub(super) type Polled = Pin<&'static mut (dyn Future<Output = ()> + Send)>;

/// Why a thread left its stack.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    /// It parks, unless it has the token.
    Park,
    /// It lets others run.
    Yield,
    /// It is about to block its OS thread, and wants one for that.
    Section,
    /// It has ended.
    Finished,
    /// It waits for a future.
    Poll(NonNull<Polled>),
}

/// What a pointer to a future is not.
const PARK: usize = 1;
const YIELD: usize = 2;
const SECTION: usize = 3;
const FINISHED: usize = 4;

impl Command {
    fn encode(self) -> *mut () {
        match self {
            Self::Park => ptr::without_provenance_mut(PARK),
            Self::Yield => ptr::without_provenance_mut(YIELD),
            Self::Section => ptr::without_provenance_mut(SECTION),
            Self::Finished => ptr::without_provenance_mut(FINISHED),
            Self::Poll(future) => future.as_ptr().cast(),
        }
    }

    fn decode(value: *mut ()) -> Self {
        match value.addr() {
            PARK => Self::Park,
            YIELD => Self::Yield,
            SECTION => Self::Section,
            FINISHED => Self::Finished,
            _ => Self::Poll(NonNull::new(value.cast()).expect("a thread suspended with null")),
        }
    }
}

impl Task {
    pub(super) fn new(
        kind: Kind,
        class: SizeClass,
        runtime: Member,
        thread: NewThread,
    ) -> Placed<Self> {
        let control = thread.control().clone();
        let make = |control| Self {
            parking: Parking::new(),
            poller: Poller::new(),
            fiber: UnsafeCell::new(None),
            suspender: Cell::new(ptr::null()),
            control,
            fresh: Cell::new(Some(thread)),
            budget: Cell::new(BUDGET),
            deadline: Cell::new(None),
            home: Cell::new(0),
            is_aside: Cell::new(false),
            in_section: Cell::new(false),
            runtime: UnsafeCell::new(runtime),
            class,
            kind,
        };
        // SAFETY: it is about to be started.
        unsafe { Placed::new(control, make) }
    }

    /// The thread of this engine that the caller runs on.
    pub(super) fn current<R>(f: impl FnOnce(Option<&Task>) -> R) -> R {
        // SAFETY: a task is set only while its thread runs, and is alive then.
        f(unsafe { local::task().as_ref() })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    pub(super) fn class(&self) -> SizeClass {
        self.class
    }

    /// The runtime that polls it. By the thread, or whoever has it.
    pub(super) fn runtime(&self) -> &Member {
        // SAFETY: *one place*; it changes only in `move_to`, whose caller has the thread.
        unsafe { &*self.runtime.get() }
    }

    /// Says that another runtime polls it from now on. By whoever has it; the thread does not run.
    pub(super) fn move_to(&self, runtime: Member) {
        // SAFETY: *one place*: nobody looks at it now.
        let before = unsafe { std::mem::replace(&mut *self.runtime.get(), runtime) };
        drop(before);
    }

    /// Lets the runtime poll the thread's future.
    pub(super) fn wake_poller(&self) {
        at_home(|| self.poller.wake());
    }

    /// Makes it runnable if it is parked; else its next park returns at once.
    fn notify(&self) {
        if self.parking.wake() && !fork::is_child() {
            self.wake_poller();
        }
    }

    /// Gives it the fiber that it will run on. By whoever has it, before it runs first.
    pub(super) fn bind(&self, fiber: Fiber) {
        let name = self
            .control
            .name()
            .map(|name| NonNull::from(name.as_bytes()));
        // SAFETY: the task holds the control, and so the name, for as long as it has the fiber; *one place*.
        unsafe {
            fiber.set_owner(name);
            *self.fiber.get() = Some(fiber);
        }
    }

    /// Takes the fiber of a thread that has ended. By whoever has it.
    pub(super) fn unbind(&self) -> Option<Fiber> {
        // SAFETY: *one place*.
        let fiber = unsafe { (*self.fiber.get()).take() }?;
        // SAFETY: no name is always valid.
        unsafe { fiber.set_owner(None) };
        Some(fiber)
    }

    /// Lets it do as much as it may before it lets others run. By whoever has it, at each of its turns.
    pub(super) fn begin_turn(&self) {
        self.budget.set(BUDGET);
    }

    /// Runs the thread until it leaves its stack.
    ///
    /// # Safety
    ///
    /// The caller has the thread, which is bound to a fiber and has not ended; if it is pinned, this is its OS
    /// thread.
    pub(super) unsafe fn resume(&self) -> Command {
        local::prepare_os_thread();
        self.home.set(free::home());
        // SAFETY: *one place*, and the caller's promise.
        let fiber = unsafe { (*self.fiber.get()).as_mut().unwrap_unchecked() };
        let is_pinned = self.kind == Kind::Pinned;
        if is_pinned {
            local::set_task(self);
            // SAFETY: the thread runs on this OS thread from here until it is replaced below.
            unsafe { context::replace(Some(fiber::as_context(self))) };
        }
        // SAFETY: a fiber that is between two threads takes a task; one in the middle of a thread ignores the
        // value. The OS thread is prepared, and pinned threads stay on theirs.
        let value = unsafe { fiber.resume(ptr::from_ref(self).cast_mut().cast()) };
        if is_pinned {
            local::set_task(ptr::null());
            // SAFETY: the plain OS thread needs no context.
            unsafe { context::replace(None) };
        }
        if fork::is_child() {
            self.end_in_child(fiber.block());
        }
        Command::decode(value)
    }

    /// Leaves the stack; returns when the thread is resumed. On the thread itself.
    pub(super) fn suspend(&self, command: Command) {
        // SAFETY: the suspender lives at the base of the stack that the thread runs on.
        unsafe { (*self.suspender.get()).suspend(command.encode()) };
    }

    /// All that a thread does in the child of a fork is to end: what polled it there is the parent's.
    #[cold]
    fn end_in_child(&self, block: usize) -> ! {
        // SAFETY: the thread has stopped, and this is the OS thread that it ran on.
        unsafe { fork::end(self.home.get(), block) };
        fork::end_os_thread()
    }
}

/// Calls `f` on the block of the calling OS thread, where tokio finds what it knows of it: what is woken or spawned
/// there goes into the worker's own queue, and not through one that all share and that takes a system call to tell
/// of. `f` uses no thread-locals but tokio's, and does not park.
pub(super) fn at_home<R>(f: impl FnOnce() -> R) -> R {
    let home = Task::current(|task| match task {
        Some(task) if task.kind == Kind::Free => task.home.get(),
        _ => 0,
    });
    if home == 0 {
        return f();
    }
    let block = free::home();
    // SAFETY: the thread runs on this OS thread, whose own block nobody else uses meanwhile; what runs there means
    // the OS thread, or nobody in particular.
    unsafe { free::move_to(home) };
    let result = f();
    // SAFETY: the thread's own block, on which nobody else can be.
    unsafe { free::move_to(block) };
    result
}

impl Context for Task {
    fn park(&self, deadline: Option<Instant>) -> bool {
        if !self.parking.take_token() {
            self.deadline.set(deadline);
            self.suspend(Command::Park);
        }
        false
    }

    fn yield_now(&self) {
        self.suspend(Command::Yield);
    }

    fn progress(&self) {
        match self.budget.get() {
            0 => self.suspend(Command::Yield),
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

impl WakePlaced for Task {
    fn wake(this: &Placed<Self>) {
        this.notify();
    }
}

impl OnFiber for Task {
    fn kind(&self) -> Kind {
        self.kind
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

    fn primed(&self) -> Option<&'static Primed> {
        stacks::primed()
    }

    /// The runtime's context, so that tokio's own functions work on the thread. A pinned one is in it already.
    fn enter(&self) -> impl Sized {
        (self.kind == Kind::Free).then(|| self.runtime().driver().enter())
    }
}

impl OnOsThread for Task {
    fn home(&self) -> Option<usize> {
        (self.kind == Kind::Free).then(|| self.home.get())
    }

    fn forked(&self) {}

    fn in_section(&self) -> &Cell<bool> {
        &self.in_section
    }

    fn control(&self) -> &Control {
        &self.control
    }
}

/// What runs on every fiber: one thread after another.
pub(super) fn entry(suspender: &Suspender, first: *mut ()) -> ! {
    let mut task: *const Task = first.cast();
    // SAFETY: the task is alive.
    if unsafe { &*task }.kind == Kind::Free
        && let Some(primed) = stacks::primed()
    {
        // SAFETY: on a free fiber that has not run a thread.
        unsafe { free::reset(Some(primed)) };
    }
    loop {
        // SAFETY: a fiber that is between two threads is resumed with a task that was just bound to it, and that
        // is alive until whoever has it sees `Finished`.
        unsafe { fiber::run(&*task, suspender) };
        task = suspender.suspend(Command::Finished.encode()).cast();
    }
}
