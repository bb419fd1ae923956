//! A thread on a fiber, from its first instruction to its last: what the engines share that give threads a stack
//! of their own.

use super::control::Control;
use super::new_thread::NewThread;
use crate::coroutine::free::{self, Primed};
use crate::coroutine::{Kind, Suspender};
use standin_core::context::{self, Context};
use standin_core::fault;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

/// What an engine keeps for such a thread.
pub(super) trait OnFiber: Context + Sized {
    fn kind(&self) -> Kind;

    fn control(&self) -> &Control;

    /// What it runs; asked once, on the fiber.
    fn take(&self) -> NewThread;

    /// What its stack stops by, valid until the thread has ended.
    fn set_suspender(&self, suspender: *const Suspender);

    /// Says on the running thread-local block which thread that is; null if it is none any more.
    fn set_local(thread: *const Self);

    /// What the next thread on the fiber is to find in its thread-locals, if not fresh ones.
    fn primed(&self) -> Option<&'static Primed> {
        None
    }

    /// On the fiber before the thread's own code; what it returns is dropped after that, and before the thread's
    /// locals.
    fn enter(&self) -> impl Sized {}
}

/// The context of a thread, for as long as [`context::replace`] asks.
pub(super) fn as_context<T: OnFiber>(thread: &T) -> NonNull<dyn Context> {
    let context: NonNull<dyn Context + '_> = NonNull::from(thread as &dyn Context);
    // SAFETY: only the lifetime changes; `context::replace` has its own rules for it.
    unsafe { std::mem::transmute(context) }
}

/// Runs a thread, its destructors included. On return another thread can run on the fiber.
///
/// # Safety
///
/// The thread is bound to the fiber that this runs on, was not run before, and stays valid until it has ended.
pub(super) unsafe fn run<T: OnFiber>(thread: &T, suspender: &Suspender) {
    let is_free = thread.kind() == Kind::Free;
    thread.set_suspender(suspender);
    if is_free {
        T::set_local(thread);
        // SAFETY: the block is this thread's until its end, where this is taken back.
        unsafe { context::replace(Some(as_context(thread))) };
    }
    // SAFETY: it has no preconditions.
    let own = unsafe { libc::pthread_self() };
    thread.control().pthread().announce(Some(own));
    let entered = thread.enter();
    let finished = thread.take().run();
    // Before the thread's locals, in which it may stand. It panics if the thread left its own things there in disorder,
    // and says so by that; what it then leaves behind goes with the block's next beginning.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(entered)));
    let finished = if fault::is_planted("early-join") {
        drop(finished);
        None
    } else {
        Some(finished)
    };
    // Twice: the result of a thread that nobody joins is dropped with `finished`, and its destructor may use
    // thread-locals again.
    destroy_locals(thread, is_free);
    drop(finished);
    destroy_locals(thread, is_free);
    if is_free {
        // SAFETY: the plain OS thread needs no context; nothing of the thread is left on this block.
        unsafe {
            context::replace(None);
            T::set_local(ptr::null());
            if !fault::is_planted("stale-local") {
                free::reset(thread.primed());
            }
        }
    }
}

fn destroy_locals<T: OnFiber>(thread: &T, is_free: bool) {
    if is_free {
        // SAFETY: on the thread's own fiber, at its end. Destructors may park: the context is still set.
        unsafe { free::run_destructors() };
    } else {
        thread.control().destroy_locals();
    }
}
