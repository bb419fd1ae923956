//! What the tests on real threads share: ways to see where a thread stands without looking at a clock, and
//! a context that is not the plain OS thread's.

#![allow(
    dead_code,
    reason = "each test file is a program of its own and uses a part"
)]

use standin_core::context::{self, Context};
use standin_core::{Instant, wait_queue};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

/// How many wait on `word`: moves them to where they are, which keeps their order.
pub(crate) fn waiting_on(word: &AtomicU32) -> usize {
    loop {
        if let Some((woken, waiting)) = wait_queue::requeue(word, word.load(Relaxed), word, 0) {
            assert_eq!(woken, 0);
            return waiting;
        }
    }
}

/// Yields until so many wait on `word`.
pub(crate) fn until_waiting(word: &AtomicU32, count: usize) {
    while waiting_on(word) != count {
        thread::yield_now();
    }
}

/// Lets everybody go when it is dropped, so that a test that fails does not hang on its own threads.
pub(crate) struct Release<'a, const N: usize>(pub(crate) [&'a AtomicU32; N]);

impl<const N: usize> Drop for Release<'_, N> {
    fn drop(&mut self) {
        for word in self.0 {
            word.store(u32::MAX, Relaxed);
            wait_queue::wake(word, usize::MAX);
        }
    }
}

/// Takes one off a count when its thread ends, by a panic too.
pub(crate) struct Leave<'a>(pub(crate) &'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What a test's thread runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// The plain OS thread.
    Os,
    /// [`Parker`], as an engine would set it.
    Engine,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::Os, Kind::Engine];

impl Kind {
    /// Runs `f` with this kind of context set.
    pub(crate) fn enter<R>(self, f: impl FnOnce() -> R) -> R {
        match self {
            Self::Os => f(),
            Self::Engine => with_context(&Parker::new(), f),
        }
    }
}

/// Runs `f` with `context` set, and restores what was there.
pub(crate) fn with_context<R>(context: &dyn Context, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<NonNull<dyn Context>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: it was set on this thread before, and outlives the frame that set it.
            unsafe { context::replace(self.0) };
        }
    }
    // SAFETY: only the lifetime changes; `Restore` takes it back before `context` can end.
    let context = unsafe {
        std::mem::transmute::<NonNull<dyn Context + '_>, NonNull<dyn Context>>(context.into())
    };
    // SAFETY: valid until `Restore` takes it back on this thread, after every call in `f` has returned.
    let _restore = Restore(unsafe { context::replace(Some(context)) });
    f()
}

/// The parking contract on std's own `park`, on the system's clock.
pub(crate) struct Parker(Arc<Handle>);

struct Handle(Thread);

impl Parker {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Handle(thread::current())))
    }
}

impl Context for Parker {
    fn park(&self, deadline: Option<Instant>) -> bool {
        match deadline {
            None => thread::park(),
            Some(deadline) => thread::park_timeout(deadline.saturating_since(Instant::system())),
        }
        false
    }

    fn waker(&self) -> Waker {
        self.0.clone().into()
    }
}

impl Wake for Handle {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A small generator, the same numbers on every run: the threads' timing is random enough.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % bound
    }
}
