//! What the calling code runs on right now: a plain OS thread, or a thread of some engine.
//!
//! The wait queue asks it how to park; the std-shaped modules ask it whose operations to use. An engine sets
//! it while one of its threads runs, and so registers itself: nothing here names an engine.

use crate::Instant;
use crate::os::OsParker;
pub use crate::os::OsThread;
use std::any::Any;
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

/// The parking contract: what an engine supplies for each of its threads.
///
/// A context holds one token, at first absent.
///
/// - [`park`](Self::park) is called on the thread itself only. If the token is there it takes it and returns
///   at once; otherwise it stops the thread until the token comes or the deadline passes. It may return for
///   no reason; callers look at their condition again. It never unwinds, and never returns early because the
///   thread was cancelled.
/// - Waking a [`waker`](Self::waker) leaves the token and makes the thread runnable. It works from any
///   context, also while the thread runs, is on its way to sleep, or is gone; it neither parks, blocks nor
///   unwinds, and what was written before the wake is visible after the park that it ended.
pub trait Context {
    /// Stops the calling thread until its token comes or until `deadline`, on this context's clock. Whether the
    /// deadline has passed for sure: `true` saves the caller a look at the clock, `false` says nothing.
    fn park(&self, deadline: Option<Instant>) -> bool;

    /// A handle that leaves this thread's token.
    fn waker(&self) -> Waker;

    /// Lets other threads run. Called on the thread itself.
    fn yield_now(&self) {
        std::thread::yield_now();
    }

    /// An operation that may wait did not have to. A thread for which this goes on and on should let others
    /// run now and then.
    fn progress(&self) {}

    /// Now, on the clock that [`park`](Self::park) takes its deadline from.
    fn now(&self) -> Instant {
        Instant::system()
    }

    /// What the layer above keeps for each thread of an engine.
    fn local(&self) -> Option<&(dyn Any + Send + Sync)> {
        None
    }
}

thread_local! {
    static CURRENT: Cell<Option<NonNull<dyn Context>>> = const { Cell::new(None) };
    /// Made when an OS thread first waits.
    static OS_THREAD: Arc<OsParker> = OsParker::new();
}

/// Never inlined: a caller may be on another OS thread after it parked, and must not keep the address of a
/// thread-local from before.
#[inline(never)]
fn get() -> Option<NonNull<dyn Context>> {
    CURRENT.get()
}

/// Makes `context` what [`current`] returns on this thread (or this thread-local block), and returns what
/// was before; `None` is the plain OS thread.
///
/// # Safety
///
/// `context` must stay valid, and the calling code must run on the thread that it describes, until it is
/// replaced and every call of [`current`] or [`parking`] that found it has returned: a thread that is parked
/// inside of one still uses its context, whatever its OS thread runs meanwhile.
#[inline(never)]
pub unsafe fn replace(context: Option<NonNull<dyn Context>>) -> Option<NonNull<dyn Context>> {
    CURRENT.replace(context)
}

/// Calls `f` with the context of the engine's thread that the caller runs on, or with `None` on a plain OS
/// thread.
#[inline]
pub fn current<R>(f: impl FnOnce(Option<&dyn Context>) -> R) -> R {
    // SAFETY: `replace` was promised that the context is valid while its thread runs, and this is that thread.
    f(get().map(|context| unsafe { context.as_ref() }))
}

/// Calls `f` with what parks the caller: its engine's context, or the OS thread itself.
pub fn parking<R>(f: impl FnOnce(&dyn Context) -> R) -> R {
    current(|context| match context {
        Some(context) => f(context),
        None => {
            // While the thread's own locals are destroyed, a place of its own for this once.
            let thread = OS_THREAD
                .try_with(Arc::clone)
                .unwrap_or_else(|_| OsParker::new());
            f(&OsThread(thread))
        }
    })
}

/// To be called by every operation that may wait, when it did not: see [`Context::progress`].
#[inline]
pub fn progress() {
    current(|context| {
        if let Some(context) = context {
            context.progress();
        }
    });
}

/// Now, on the clock of the calling context.
pub fn now() -> Instant {
    current(|context| context.map_or_else(Instant::system, Context::now))
}
