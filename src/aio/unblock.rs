//! Async code waits for sync-style code.

use super::Join;
use crate::engine::Engine;
use crate::thread::{Builder, Thread};
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs sync-style code for async code: a future, for any executor, of what `f` returns.
///
/// The first poll spawns a thread that calls `f`, on the engine that [`thread::spawn`](crate::thread::spawn) uses
/// there; [`unblock_on`] says on which. On an engine other than `threads` that is no OS thread, so thousands may run
/// at a time.
///
/// Dropping the future cancels the thread ([`Thread::cancel`]): its socket operations fail from then on and its
/// sleeps end, so that `f` returns early, and what it returns is dropped. Nothing is unwound or torn down; code that
/// ignores the flag runs on, with nobody waiting for it.
///
/// # Panics
///
/// When polled: with the panic of `f`; if the thread cannot be started; or after it was ready.
///
/// ```
/// use standin::{thread, time::Duration, unblock};
///
/// async fn answer() -> u32 {
///     unblock(|| {
///         thread::sleep(Duration::from_millis(1));
///         42
///     })
///     .await
/// }
/// assert_eq!(standin::block_on(answer()), 42);
/// ```
pub fn unblock<F, T>(f: F) -> Unblock<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Unblock(State::Fresh(None, f))
}

/// As [`unblock`], on the engine that the caller says.
///
/// # Panics
///
/// As [`unblock`].
pub fn unblock_on<F, T>(engine: Engine, f: F) -> Unblock<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Unblock(State::Fresh(Some(engine), f))
}

/// The future of [`unblock`].
#[must_use = "futures do nothing unless they are polled"]
pub struct Unblock<F, T>(State<F, T>);

enum State<F, T> {
    Fresh(Option<Engine>, F),
    Running(Running<T>),
    Done,
}

struct Running<T> {
    join: Pin<Box<Join<T>>>,
    thread: Thread,
}

/// Nothing of it is pinned in place.
impl<F, T> Unpin for Unblock<F, T> {}

impl<F, T> Future for Unblock<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut running = match std::mem::replace(&mut self.0, State::Done) {
            State::Fresh(engine, f) => {
                start(engine, f).unwrap_or_else(|error| panic!("failed to spawn thread: {error}"))
            }
            State::Running(running) => running,
            State::Done => panic!("`Unblock` was polled after it was ready"),
        };
        match running.join.as_mut().poll(context) {
            Poll::Pending => {
                self.0 = State::Running(running);
                Poll::Pending
            }
            Poll::Ready(Ok(value)) => Poll::Ready(value),
            Poll::Ready(Err(panic)) => resume_unwind(panic),
        }
    }
}

fn start<F, T>(engine: Option<Engine>, f: F) -> io::Result<Running<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let handle = match engine {
        Some(engine) => engine.spawn(f),
        None => Builder::new().spawn(f),
    }?;
    Ok(Running {
        thread: handle.thread().clone(),
        join: Box::pin(handle.into_future()),
    })
}

impl<F, T> Drop for Unblock<F, T> {
    fn drop(&mut self) {
        if let State::Running(running) = &self.0 {
            running.thread.cancel();
        }
    }
}

impl<F, T> fmt::Debug for Unblock<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unblock").finish_non_exhaustive()
    }
}
