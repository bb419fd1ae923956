//! What a thread and its handle share: the closure until it runs, the result when it ran, and the word that
//! a join waits for.

use crate::engine::Main;
use crate::sync::ticket::Ticket;
use standin_core::wait_queue;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::thread::Result;

pub(super) struct Packet<F, T> {
    /// The thread's own, until it took it out.
    closure: UnsafeCell<Option<F>>,
    outcome: Outcome<T>,
}

/// The part that does not depend on the closure.
pub(super) struct Outcome<T> {
    /// [`RUNNING`], or the bits below.
    state: AtomicU32,
    /// The thread's own until the state is `FINISHED`, the handle's afterwards.
    result: UnsafeCell<Option<Result<T>>>,
    scope: Option<Arc<ScopeData>>,
}

// SAFETY: the comments on the fields say which thread uses which cell when; the state's release and acquire
// order the two. `F` and `T` move between threads only.
unsafe impl<F: Send, T: Send> Sync for Packet<F, T> {}
// SAFETY: as above.
unsafe impl<F: Send, T: Send> Send for Packet<F, T> {}

const RUNNING: u32 = 0;
/// Somebody waits for the end.
const AWAITED: u32 = 1;
/// The thread is done with it.
const FINISHED: u32 = 2;
/// The handle is.
const DETACHED: u32 = 4;

impl<F, T> Packet<F, T> {
    pub(super) fn new(closure: F, scope: Option<Arc<ScopeData>>) -> Self {
        Self {
            closure: UnsafeCell::new(Some(closure)),
            outcome: Outcome {
                state: AtomicU32::new(RUNNING),
                result: UnsafeCell::new(None),
                scope,
            },
        }
    }
}

// SAFETY: the outcome is a field.
unsafe impl<F: FnOnce() -> T + Send, T: Send> Main for Packet<F, T> {
    fn run(&self) {
        // SAFETY: the contract calls `run` once, on the thread that the closure belongs to.
        let closure = unsafe { (*self.closure.get()).take() };
        let closure = closure.expect("the contract says that a thread runs once");
        let result = catch_unwind(AssertUnwindSafe(|| __rust_begin_short_backtrace(closure)));
        // SAFETY: the result is this thread's until `finish`.
        unsafe { *self.outcome.result.get() = Some(result) };
    }

    fn finish(&self) {
        self.outcome.finish();
    }

    fn abandon(&self) {
        // SAFETY: the contract calls it instead of `run`, and so the closure is the caller's.
        drop(unsafe { (*self.closure.get()).take() });
        self.outcome.finish();
    }

    fn outcome(&self) -> *const () {
        ptr::from_ref(&self.outcome).cast()
    }
}

/// Short backtraces, std's too, end at a function of this name: what is below does not help to find a panic.
#[inline(never)]
fn __rust_begin_short_backtrace<F: FnOnce() -> T, T>(closure: F) -> T {
    let result = closure();
    // Else the call above could become a jump, and this function disappear.
    std::hint::black_box(());
    result
}

impl<T> Outcome<T> {
    /// Parks the caller until the thread has finished. Does not end early, whatever happens.
    pub(super) fn wait(&self) {
        while let Some(ticket) = self.await_finish() {
            ticket.wait(None);
        }
    }

    /// What to wait for, if the thread has not finished. The wake at the end is for all who wait: who gives up has
    /// nothing to pass on.
    pub(super) fn await_finish(&self) -> Option<Ticket<'_>> {
        let state = self.state.load(Acquire);
        if state == RUNNING {
            // Fails if the thread finished just now, which the ticket shows, or another caller said the same.
            let _ = self
                .state
                .compare_exchange(RUNNING, AWAITED, Relaxed, Relaxed);
        }
        (state & FINISHED == 0).then(|| Ticket::new(&self.state, AWAITED))
    }

    pub(super) fn is_finished(&self) -> bool {
        self.state.load(Acquire) & FINISHED != 0
    }

    /// # Safety
    ///
    /// The thread has finished, and nobody else takes the result.
    pub(super) unsafe fn take(&self) -> Result<T> {
        // SAFETY: after the end of the thread the result is the handle's, which is the caller.
        unsafe { (*self.result.get()).take() }.expect("a thread that finished left a result")
    }

    /// The thread is done with it.
    fn finish(&self) {
        let before = self.state.fetch_or(FINISHED, AcqRel);
        if before & AWAITED != 0 {
            wait_queue::wake(&self.state, usize::MAX);
        }
        if before & DETACHED != 0 {
            // SAFETY: so is the handle, and this is the thread.
            unsafe { self.close() };
        }
    }

    /// The handle is done with it.
    pub(super) fn detach(&self) {
        let is_finished =
            self.is_finished() || self.state.fetch_or(DETACHED, AcqRel) & FINISHED != 0;
        if is_finished {
            // SAFETY: the thread is done with it, and this is the handle.
            unsafe { self.close() };
        }
    }

    /// Drops the result if nobody took it, and tells the scope. By the thread or its handle, whichever is done last: not
    /// by the last who knows of the thread, which may be long afterwards.
    ///
    /// # Safety
    ///
    /// Called once, by the only one who uses it.
    unsafe fn close(&self) {
        // SAFETY: the caller's promise.
        let result = unsafe { &mut *self.result.get() };
        let unhandled_panic = matches!(result, Some(Err(_)));
        // Nobody is left who could be told of a panic in here, as in std.
        if catch_unwind(AssertUnwindSafe(|| *result = None)).is_err() {
            eprintln!("fatal runtime error: thread result panicked on drop, aborting");
            std::process::abort();
        }
        if let Some(scope) = &self.scope {
            scope.leave(unhandled_panic);
        }
    }
}

/// How many threads of a scope there still are.
#[derive(Default)]
pub(super) struct ScopeData {
    running: AtomicU32,
    panicked: AtomicBool,
}

impl ScopeData {
    pub(super) fn enter(&self) {
        // As std: so many threads mean that somebody leaks them.
        if self.running.fetch_add(1, Relaxed) > u32::MAX / 2 {
            self.leave(false);
            panic!("too many running threads in thread scope");
        }
    }

    pub(super) fn leave(&self, panicked: bool) {
        if panicked {
            self.panicked.store(true, Relaxed);
        }
        let word: *const AtomicU32 = &self.running;
        if self.running.fetch_sub(1, Release) == 1 {
            wait_queue::wake(word, usize::MAX);
        }
    }

    /// Parks the caller until no thread of the scope is left.
    pub(super) fn wait(&self) {
        loop {
            match self.running.load(Acquire) {
                0 => return,
                running => {
                    let _ = wait_queue::wait(&self.running, running, None);
                }
            }
        }
    }

    pub(super) fn has_panicked(&self) -> bool {
        self.panicked.load(Relaxed)
    }
}
