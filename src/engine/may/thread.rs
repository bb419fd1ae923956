//! A thread of this engine: a coroutine of may's, from its first instruction to its last, and how it parks.

use super::{Form, current, scheduler, stack, timers};
use crate::engine::parking::Parking;
use crate::engine::{Control, NewThread, child};
use may::coroutine;
use may::sync::Blocker;
use standin_core::Instant;
use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};

/// How many operations may succeed without waiting before the thread lets others run: as many as on the other engines.
const BUDGET: u32 = 128;
/// After so many turns a thread goes the long way round: see [`Thread::go_round`].
const TURNS: u32 = 128;
/// As how many a turn counts that took the whole budget.
const LONG_TURN: u32 = 16;

pub(super) struct Thread {
    parking: Parking,
    /// What its coroutine stops by, once it runs. Nobody else knows it, so it is unparked once for each time that
    /// `parking` was `PARKED`.
    blocker: OnceLock<Blocker>,
    /// Whoever found `PARKED` is done with the blocker.
    is_unparked: AtomicBool,
    control: Control,
    form: Form,
    /// The OS thread that a pinned one runs on. These cells are the thread's own.
    home: Cell<usize>,
    budget: Cell<u32>,
    turns: Cell<u32>,
}

// SAFETY: the cells are used by the thread itself alone; where it moves to another OS thread, may's queues order the two.
// The rest is `Sync`.
unsafe impl Sync for Thread {}
// SAFETY: as above.
unsafe impl Send for Thread {}

impl Thread {
    /// Lets may run `new`.
    pub(super) fn spawn(form: Form, new: NewThread) -> io::Result<()> {
        let words = stack::words(new.stack_size());
        let thread = Arc::new(Self {
            parking: Parking::new(),
            blocker: OnceLock::new(),
            is_unparked: AtomicBool::new(false),
            control: new.control().clone(),
            form,
            home: Cell::new(0),
            budget: Cell::new(BUDGET),
            turns: Cell::new(TURNS),
        });
        let control = thread.control.clone();
        control.bind(thread.clone().into());
        // Else the waker would keep the thread, and the thread what has the waker.
        scheduler::spawn(words, move || thread.run(new)).inspect_err(|_| control.unbind())
    }

    fn run(self: Arc<Self>, new: NewThread) {
        // What unwinds from here must not reach may, for which a panic is the end of a coroutine like any other.
        let ended = catch_unwind(AssertUnwindSafe(|| {
            self.begin();
            // SAFETY: it has no preconditions.
            let own = unsafe { libc::pthread_self() };
            self.control.pthread().announce(Some(own));
            let finished = new.run();
            // Twice: the result of a thread that nobody joins is dropped with `finished`, and its destructor may use
            // thread-locals again.
            self.control.destroy_locals();
            drop(finished);
            self.control.destroy_locals();
        }));
        if let Err(panic) = ended {
            abort(&format!(
                "thread result panicked on drop: {}",
                message(&*panic)
            ));
        }
        if scheduler::is_child() {
            child::end_os_thread();
        }
        current::set_thread(std::ptr::null());
    }

    /// On the coroutine, before the thread's own code.
    fn begin(&self) {
        let blocker = self.blocker.set(Blocker::new(true));
        debug_assert!(blocker.is_ok(), "a thread begins once");
        current::set_thread(self);
        self.home.set(scheduler::home());
        self.arrive();
    }

    /// To be called first whenever the coroutine was resumed: perhaps on another OS thread.
    fn arrive(&self) {
        self.check_home();
        current::install();
    }

    /// Ends the process if a pinned thread has left its OS thread. When it goes on; and when it stops, which may have
    /// taken it back.
    fn check_home(&self) {
        if self.form == Form::Pinned && current::os_thread() != self.home.get() {
            abort(
                "may resumed a thread of the engine may-pinned on another OS thread: may has more than one worker, or \
                 the thread waited with a timeout by may itself",
            );
        }
    }

    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    pub(super) fn waker(&self) -> Waker {
        self.to_arc().into()
    }

    /// A thread lies in an `Arc` always.
    fn to_arc(&self) -> Arc<Self> {
        // SAFETY: `spawn` makes all threads, and `run` keeps a reference for as long as anybody has `&self`.
        unsafe {
            Arc::increment_strong_count(self);
            Arc::from_raw(self)
        }
    }

    pub(super) fn park(&self, deadline: Option<Instant>) {
        if self.parking.take_token() {
            // Who finds its token each time does not stop, and may would look for nobody else.
            return self.progress();
        }
        let timer = deadline.map(|deadline| timers::arm(deadline, self.to_arc()));
        self.stop();
        drop(timer);
        if self.is_turn_over(1) {
            self.go_round();
        }
        // What timers left behind ends this park, and no later one. Whoever else woke it meanwhile did so before the park
        // returned.
        self.parking.take_token();
    }

    /// Stops until the token is there, and takes it.
    fn stop(&self) {
        self.check_home();
        if self.parking.commit() {
            let blocker = self.blocker.get().expect("set when the thread began");
            loop {
                // The one who finds `PARKED` unparks, once. There is no timeout, and cancellation is ignored: what it
                // returns says nothing.
                let _ = blocker.park(None);
                self.arrive();
                if !self.parking.is_parked() {
                    break;
                }
            }
            // It may have returned in the middle of the unpark, whose rest must not be taken for one of the next stop.
            while !self.is_unparked.swap(false, Acquire) {
                std::thread::yield_now();
            }
        }
        self.parking.resume();
    }

    /// Makes it runnable if it is parked; else its next park returns at once.
    pub(super) fn notify(&self) {
        // In the child of a fork the one thread parks otherwise.
        if self.parking.wake()
            && !scheduler::is_child()
            && let Some(blocker) = self.blocker.get()
        {
            blocker.unpark();
            self.is_unparked.store(true, Release);
        }
    }

    pub(super) fn yield_now(&self) {
        self.let_others_run(1);
    }

    fn let_others_run(&self, turns: u32) {
        self.check_home();
        coroutine::yield_now();
        self.arrive();
        if self.is_turn_over(turns) {
            self.parking.take_token();
            self.go_round();
            // This was no park: if somebody woke it, the next one is to end.
            self.parking.wake();
        }
    }

    pub(super) fn progress(&self) {
        match self.budget.get().checked_sub(1) {
            Some(left) => self.budget.set(left),
            None => self.let_others_run(LONG_TURN),
        }
    }

    /// Whether the thread, which stopped and goes on, is to let others run that may has not looked at.
    fn is_turn_over(&self, turns: u32) -> bool {
        self.budget.set(BUDGET);
        let left = self.turns.get().checked_sub(turns);
        self.turns.set(left.unwrap_or(TURNS));
        left.is_none()
    }

    /// A worker of may's looks at what other OS threads made ready, and asks the kernel for I/O, only when its own queue
    /// is empty. Threads that wake each other, or yield, could keep it from that for ever. So each of them goes the long
    /// way round now and then: it asks the kernel itself, and lets the timer thread wake it, which puts it behind those
    /// that the worker has not looked at.
    #[cold]
    fn go_round(&self) {
        scheduler::look();
        let timer = timers::arm(Instant::system(), self.to_arc());
        self.stop();
        drop(timer);
    }
}

impl Wake for Thread {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}

/// The coroutine of a thread is gone, and the thread has not ended. Its frames are left as they are, and nobody who waits
/// for it would ever know.
pub(super) fn abandoned(thread: &Thread) -> ! {
    abort(&format!(
        "the coroutine of the thread {:?} of the engine {} ended in the middle: it has overflowed its stack, or was \
         cancelled by may",
        thread.control.name().unwrap_or("<unnamed>"),
        thread.form.name()
    ));
}

fn abort(why: &str) -> ! {
    eprintln!("fatal runtime error: {why}, aborting");
    std::process::abort();
}

/// What a panic says.
pub(super) fn message(panic: &(dyn Any + Send)) -> &str {
    match panic.downcast_ref::<String>() {
        Some(text) => text,
        None => panic.downcast_ref::<&str>().copied().unwrap_or("a panic"),
    }
}
