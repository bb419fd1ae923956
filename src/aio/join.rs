//! Joins in async code: the handle of a thread is awaited.

use crate::thread::{JoinHandle, Joinable, ScopedJoinHandle};
use standin_core::wait_queue::Waiting;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::Result;

/// The end of a thread, as a future: what `.await` on a [`JoinHandle`] waits for.
///
/// Its output is what [`JoinHandle::join`] returns: the thread's value, or its panic. Dropped, it lets the thread
/// go on, as the handle does. Of an OS thread it waits for the closure and the destructors of
/// [`thread_local!`](crate::thread_local), not for the end of the OS thread itself, which would block.
///
/// # Panics
///
/// If it is polled after it was ready.
///
/// ```
/// use standin::thread;
///
/// let thread = thread::spawn(|| 42);
/// assert_eq!(standin::block_on(async { thread.await.unwrap() }), 42);
/// ```
#[must_use = "futures do nothing unless they are polled"]
pub struct Join<T>(Joining<'static, T>);

/// As [`Join`], for a thread of a scope.
#[must_use = "futures do nothing unless they are polled"]
pub struct ScopedJoin<'scope, T>(Joining<'scope, T>);

impl<T> IntoFuture for JoinHandle<T> {
    type Output = Result<T>;
    type IntoFuture = Join<T>;

    fn into_future(self) -> Join<T> {
        Join(Joining::new(self.0))
    }
}

impl<'scope, T> IntoFuture for ScopedJoinHandle<'scope, T> {
    type Output = Result<T>;
    type IntoFuture = ScopedJoin<'scope, T>;

    fn into_future(self) -> ScopedJoin<'scope, T> {
        ScopedJoin(Joining::new(self.0))
    }
}

impl<T> Future for Join<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        // SAFETY: a field that is pinned when the whole is: no reference to it is handed out otherwise.
        unsafe { self.map_unchecked_mut(|join| &mut join.0) }.poll(cx)
    }
}

impl<T> Future for ScopedJoin<'_, T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        // SAFETY: a field that is pinned when the whole is: no reference to it is handed out otherwise.
        unsafe { self.map_unchecked_mut(|join| &mut join.0) }.poll(cx)
    }
}

impl<T> fmt::Debug for Join<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ScopedJoin<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoin").finish_non_exhaustive()
    }
}

struct Joining<'scope, T> {
    /// Pinned when the whole is. Before the handle: it waits on a word that the handle keeps.
    waiting: Waiting,
    thread: Joinable<'scope, T>,
}

impl<'scope, T> Joining<'scope, T> {
    fn new(thread: Joinable<'scope, T>) -> Self {
        Self {
            waiting: Waiting::new(),
            thread,
        }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        // SAFETY: nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: pinned when the whole is; no reference to it is handed out otherwise.
        let waiting = unsafe { Pin::new_unchecked(&mut this.waiting) };
        this.thread.poll_join(waiting, cx)
    }
}
