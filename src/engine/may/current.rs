//! Which thread of this engine the caller is, and what standin finds on an OS thread that runs coroutines.
//!
//! A coroutine may be resumed on another OS thread than it left, and may's own waits suspend it without a word to the
//! engine. So what an OS thread has as its context is never a thread's own: it is the [`Dispatcher`], for ever, which
//! asks for the thread in the storage of the coroutine that is running. None of the functions that read thread-locals is
//! inlined: a caller that parks may go on on another OS thread, and must not keep an address from before.

use super::thread::{self, Thread};
use crate::engine::Instant;
use standin_core::context::{self, Context, OsThread};
use std::any::Any;
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::task::Waker;

may::coroutine_local!(static THREAD: Own = Own(Cell::new(ptr::null())));

/// The thread that a coroutine is, until that ends. may drops it with the coroutine.
struct Own(Cell<*const Thread>);

impl Drop for Own {
    fn drop(&mut self) {
        // SAFETY: a thread that has not ended is kept alive by its frames, which are there, if nobody's.
        if let Some(thread) = unsafe { self.0.get().as_ref() } {
            thread::abandoned(thread);
        }
    }
}

thread_local! {
    /// How an OS thread that runs coroutines parks outside of all threads of the engine.
    static OS_THREAD: OsThread = OsThread::new();
    /// Its address tells OS threads apart.
    static HERE: u8 = const { 0 };
}

/// The thread of this engine that the caller runs on. The pointer is valid until that thread ends.
#[inline(never)]
pub(super) fn thread() -> Option<NonNull<Thread>> {
    // Outside of coroutines the storage would be the OS thread's.
    if !may::coroutine::is_coroutine() {
        return None;
    }
    THREAD.with(|own| NonNull::new(own.0.get().cast_mut()))
}

/// Says which thread of this engine the calling coroutine is.
#[inline(never)]
pub(super) fn set_thread(thread: *const Thread) {
    THREAD.with(|own| own.0.set(thread));
}

/// Unlike that of any other OS thread that lives.
#[inline(never)]
pub(super) fn os_thread() -> usize {
    HERE.with(|here| ptr::from_ref(here).addr())
}

/// Lets standin find threads of this engine on the calling OS thread.
pub(super) fn install() {
    static DISPATCHER: Dispatcher = Dispatcher;
    let context: NonNull<dyn Context> = NonNull::from(&DISPATCHER as &dyn Context);
    // SAFETY: it lives for ever, and finds out whom it describes at each call.
    unsafe { context::replace(Some(context)) };
}

struct Dispatcher;

impl Dispatcher {
    fn with<R>(
        &self,
        of_thread: impl FnOnce(&Thread) -> R,
        of_os_thread: impl FnOnce(&OsThread) -> R,
    ) -> R {
        match thread() {
            // SAFETY: the caller is that thread, so it has not ended.
            Some(thread) => of_thread(unsafe { thread.as_ref() }),
            None => with_os_thread(of_os_thread),
        }
    }
}

#[inline(never)]
fn with_os_thread<R>(f: impl FnOnce(&OsThread) -> R) -> R {
    OS_THREAD.with(f)
}

impl Context for Dispatcher {
    fn park(&self, deadline: Option<Instant>) -> bool {
        self.with(
            |thread| {
                thread.park(deadline);
                false
            },
            |os_thread| os_thread.park(deadline),
        )
    }

    fn waker(&self) -> Waker {
        self.with(Thread::waker, OsThread::waker)
    }

    fn yield_now(&self) {
        self.with(Thread::yield_now, |_| std::thread::yield_now());
    }

    fn progress(&self) {
        if let Some(thread) = thread() {
            // SAFETY: the caller is that thread, so it has not ended.
            unsafe { thread.as_ref() }.progress();
        }
    }

    fn local(&self) -> Option<&(dyn Any + Send + Sync)> {
        // SAFETY: as above; what is returned is used by the calling thread, before it ends.
        thread().map(|thread| unsafe { thread.as_ref() }.control() as &(dyn Any + Send + Sync))
    }
}
