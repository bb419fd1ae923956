//! A future that runs by itself, as whoever spawned it knows it.

use standin_core::Lock;
use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A future that was spawned ([`SpawnExt::spawn_task`](super::SpawnExt::spawn_task)): itself a future, of how that
/// one ended. Dropped, it lets the other run on.
#[must_use = "dropped, it lets the future run on with nobody waiting for it"]
pub struct Task<T>(Arc<Shared<T>>);

impl<T> Task<T> {
    /// Has the future dropped, before it is polled again. It ends with an error that says so, unless it is ready
    /// before.
    pub fn cancel(&self) {
        let runner = {
            let mut state = self.0.state.lock();
            state.is_cancelled = true;
            state.runner.take()
        };
        if let Some(runner) = runner {
            runner.wake();
        }
    }

    /// Whether the future is ready, or was dropped.
    pub fn is_finished(&self) -> bool {
        self.0.state.lock().is_finished
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    /// # Panics
    ///
    /// After it was ready.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = context.waker().clone();
        let mut state = self.0.state.lock();
        if state.is_finished {
            let outcome = state.outcome.take();
            drop(state);
            return Poll::Ready(outcome.expect("`Task` was polled after it was ready"));
        }
        let before = state.awaiter.replace(waker);
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

/// Why there is no output of a [`Task`].
pub struct TaskError(Reason);

enum Reason {
    /// In a lock, as it need not be `Sync`.
    Panicked(Lock<Box<dyn Any + Send>>),
    Dropped,
}

impl TaskError {
    fn panicked(panic: Box<dyn Any + Send>) -> Self {
        Self(Reason::Panicked(Lock::new(panic)))
    }

    /// Whether the future was dropped before it was ready: it was cancelled, or its runtime shut down.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0, Reason::Dropped)
    }

    /// The panic of the future.
    ///
    /// # Errors
    ///
    /// The error itself, if there was none.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.0 {
            Reason::Panicked(panic) => Ok(std::mem::replace(&mut *panic.lock(), Box::new(()))),
            Reason::Dropped => Err(self),
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Panicked(panic) => {
                let panic = panic.lock();
                let message = panic
                    .downcast_ref::<&str>()
                    .copied()
                    .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                match message {
                    Some(message) => write!(f, "the spawned future panicked: {message}"),
                    None => f.write_str("the spawned future panicked"),
                }
            }
            Reason::Dropped => f.write_str(
                "the spawned future was dropped before it was ready: it was cancelled, or its runtime shut down",
            ),
        }
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskError({self})")
    }
}

impl std::error::Error for TaskError {}

impl From<TaskError> for io::Error {
    fn from(error: TaskError) -> Self {
        Self::other(error)
    }
}

struct Shared<T> {
    state: Lock<State<T>>,
}

struct State<T> {
    /// Until somebody takes it.
    outcome: Option<Result<T, TaskError>>,
    is_finished: bool,
    is_cancelled: bool,
    /// Who waits for the outcome.
    awaiter: Option<Waker>,
    /// Who polls the future.
    runner: Option<Waker>,
}

/// Ends a [`Task`]; dropped before, it says that there is no output.
struct Promise<T>(Arc<Shared<T>>);

impl<T> Promise<T> {
    /// Ends the task, the first time.
    fn finish(&self, outcome: Result<T, TaskError>) {
        let mut state = self.0.state.lock();
        if state.is_finished {
            return;
        }
        state.outcome = Some(outcome);
        state.is_finished = true;
        let (awaiter, runner) = (state.awaiter.take(), state.runner.take());
        drop(state);
        drop(runner);
        if let Some(awaiter) = awaiter {
            awaiter.wake();
        }
    }

    /// Whether the task was cancelled; if it is later, `runner` is woken.
    fn is_cancelled_or_wakes(&self, runner: &Waker) -> bool {
        let runner = runner.clone();
        let mut state = self.0.state.lock();
        if state.is_cancelled {
            return true;
        }
        let before = state.runner.replace(runner);
        drop(state);
        drop(before);
        false
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.finish(Err(TaskError(Reason::Dropped)));
    }
}

/// The task of `future`, and what polls it.
pub(super) fn new<F>(future: F) -> (Task<F::Output>, impl Future<Output = ()> + Send + 'static)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let shared = Arc::new(Shared {
        state: Lock::new(State {
            outcome: None,
            is_finished: false,
            is_cancelled: false,
            awaiter: None,
            runner: None,
        }),
    });
    let run = Run {
        future: Some(Box::pin(future)),
        promise: Promise(shared.clone()),
    };
    (Task(shared), run)
}

/// Polls a spawned future. Neither that nor dropping it unwinds.
struct Run<F: Future> {
    /// `None` once it has ended.
    future: Option<Pin<Box<F>>>,
    /// Dropped after the future.
    promise: Promise<F::Output>,
}

impl<F: Future> Run<F> {
    /// Drops the future; the panic of that, if there is one.
    fn end(&mut self) -> Option<TaskError> {
        let future = self.future.take()?;
        catch_unwind(AssertUnwindSafe(|| drop(future)))
            .err()
            .map(TaskError::panicked)
    }
}

impl<F: Future> Future for Run<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.promise.is_cancelled_or_wakes(context.waker()) {
            let error = this.end().unwrap_or(TaskError(Reason::Dropped));
            this.promise.finish(Err(error));
            return Poll::Ready(());
        }
        let Some(future) = &mut this.future else {
            return Poll::Ready(());
        };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => match this.end() {
                None => this.promise.finish(Ok(output)),
                Some(error) => this.promise.finish(Err(error)),
            },
            Err(panic) => {
                // Of two panics the first counts.
                let _ = this.end();
                this.promise.finish(Err(TaskError::panicked(panic)));
            }
        }
        Poll::Ready(())
    }
}

impl<F: Future> Drop for Run<F> {
    fn drop(&mut self) {
        if let Some(error) = self.end() {
            self.promise.finish(Err(error));
        }
    }
}
