//! The future that a thread is to its runtime: each poll resumes the thread's stack, until it leaves it for
//! something that the runtime wakes it for.

use super::section::Aside;
use super::task::{Command, Polled, Task};
use super::{clock, runtimes, stacks};
use crate::coroutine::Kind;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Sleep;

/// `README.md` in this folder argues why no wake-up is lost and no stack is resumed twice.
pub(super) struct Running {
    /// `None` once the thread has ended, or was given to somebody else.
    task: Option<Arc<Task>>,
    state: State,
    /// The timer of the last park that had a deadline. It may go off when nobody waits for it any more: then the
    /// thread is resumed for no reason. Structurally pinned.
    sleep: Option<Sleep>,
}

/// Where the thread is between two polls.
pub(super) enum State {
    /// It has not run yet, or let others run.
    Ready,
    Parked,
    /// It waits for this future, which lies on its stack; and whether its token came meanwhile.
    Waiting(NonNull<Polled>, bool),
    /// It runs on an OS thread of the blocking pool.
    Aside(Arc<Aside>),
}

// SAFETY: the future that a thread waits for is `Send`, and nobody touches it but whoever polls the thread. A pinned
// thread's future belongs to a runtime that one OS thread drives, so it is always polled there.
unsafe impl Send for Running {}

impl Running {
    pub(super) fn new(task: Arc<Task>) -> Self {
        Self::from(task, State::Ready)
    }

    fn from(task: Arc<Task>, state: State) -> Self {
        Self {
            task: Some(task),
            state,
            sleep: None,
        }
    }

    /// The fields, of which `sleep` stays where it is.
    fn project(
        self: Pin<&mut Self>,
    ) -> (&mut Option<Arc<Task>>, &mut State, Pin<&mut Option<Sleep>>) {
        // SAFETY: only `sleep` is ever pinned; it is pinned again here, and never moved out.
        unsafe {
            let this = self.get_unchecked_mut();
            (
                &mut this.task,
                &mut this.state,
                Pin::new_unchecked(&mut this.sleep),
            )
        }
    }
}

impl Future for Running {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (place, state, mut sleep) = self.project();
        let task = place
            .as_ref()
            .expect("a thread is not polled after its end");
        task.polled_by(context.waker());
        loop {
            let command = match state {
                State::Ready => run(task, false),
                State::Parked => {
                    // Whatever the reason: a park may end for none.
                    task.parking.resume();
                    run(task, false)
                }
                State::Waiting(future, token) => {
                    *token |= task.parking.resume();
                    // SAFETY: it lies on the stack of the thread, which waits until it is ready.
                    if unsafe { future.as_mut() }
                        .as_mut()
                        .poll(context)
                        .is_pending()
                    {
                        if task.parking.commit() {
                            return Poll::Pending;
                        }
                        // Somebody woke the thread meanwhile, perhaps because it was cancelled.
                        continue;
                    }
                    run(task, *token)
                }
                State::Aside(aside) => match aside.take() {
                    Some(command) => command,
                    None => return Poll::Pending,
                },
            };
            *state = match command {
                Command::Park => {
                    if let Some(deadline) = task.deadline.take()
                        && clock::arm(sleep.as_mut(), deadline, context).is_ready()
                    {
                        State::Parked
                    } else if task.parking.commit() {
                        *state = State::Parked;
                        return Poll::Pending;
                    } else {
                        State::Parked
                    }
                }
                Command::Yield => {
                    *state = State::Ready;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Command::Section => State::Aside(Aside::start(task)),
                Command::Poll(future) => State::Waiting(future, false),
                Command::Finished => {
                    if let Some(task) = place.take() {
                        end(&task);
                    }
                    return Poll::Ready(());
                }
            };
        }
    }
}

/// Runs the thread until it leaves its stack; with the token if it `has_token`.
fn run(task: &Arc<Task>, has_token: bool) -> Command {
    if has_token {
        // It was for the next park.
        task.parking.wake();
    }
    task.bind(|| stacks::take(task.kind(), task.class()));
    task.is_aside.set(false);
    // SAFETY: the future has the thread, and it is bound. The runtime of a pinned thread is driven by one OS thread.
    unsafe { task.resume() }
}

/// A thread has ended. By whoever has it.
fn end(task: &Task) {
    if let Some(fiber) = task.unbind() {
        stacks::give(task.kind(), fiber, task.runtime());
    }
    stacks::release(task.kind(), task.class());
    task.forget_poller();
}

impl Drop for Running {
    /// The runtime does not poll the thread any more: it shuts down.
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        match std::mem::replace(&mut self.state, State::Ready) {
            State::Aside(aside) => {
                if let Some(command) = aside.abandon() {
                    rescue(task, command);
                }
            }
            state => go_on(task, state),
        }
    }
}

/// Lets a thread whose runtime is gone, and that left its stack with `command`, go on elsewhere.
pub(super) fn rescue(task: Arc<Task>, command: Command) {
    let state = match command {
        Command::Park => State::Parked,
        Command::Yield => State::Ready,
        Command::Poll(future) => State::Waiting(future, false),
        Command::Finished => return end(&task),
        // It finds that there is no OS thread for it.
        Command::Section => State::Ready,
    };
    go_on(task, state);
}

/// Lets the engine's own runtime poll the thread, which is cancelled: its I/O fails, its sleeps end, and it leaves
/// its frames by ordinary returns.
fn go_on(task: Arc<Task>, state: State) {
    debug_assert!(task.kind() == Kind::Free, "home runtimes live for ever");
    task.control().cancel();
    match runtimes::own() {
        Ok(runtime) => {
            let handle = runtime.handle().clone();
            task.move_to(runtime);
            handle.spawn(Running::from(task, state));
        }
        Err(error) => {
            eprintln!(
                "standin: the runtime of the thread {:?} was shut down, and it cannot go on on one of the engine's \
                 own ({error}); whoever waits for it waits for ever",
                task.control().name().unwrap_or("<unnamed>")
            );
            std::mem::forget(task);
        }
    }
}
