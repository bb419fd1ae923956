//! The future that a thread is to its runtime: each poll resumes the thread's stack, until it leaves it for
//! something that the runtime wakes it for.

use super::section::Aside;
use super::task::{Command, Polled, Task};
use super::{clock, runtimes, stacks};
use crate::coroutine::{Hot, Kind};
use crate::engine::record::Placed;
use crate::prefetch;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Sleep;

/// `README.md` in this folder argues why no wake-up is lost and no stack is resumed twice.
pub(super) struct Running {
    /// `None` once the thread has ended, or was given to somebody else.
    task: Option<Placed<Task>>,
    state: State,
    /// What the thread touches first, once it has a stack.
    hot: Option<Hot>,
    /// The timer of the last park that had a deadline. It may go off when nobody waits for it any more: then the
    /// thread is resumed for no reason.
    ///
    /// *pinned*: when the whole is; no reference to it is handed out otherwise.
    sleep: Option<Sleep>,
}

/// Where the thread is between two polls.
pub(super) enum State {
    /// It has not run yet.
    Fresh,
    /// It let others run.
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
    pub(super) fn new(task: Placed<Task>) -> Self {
        Self::from(task, State::Fresh)
    }

    fn from(task: Placed<Task>, state: State) -> Self {
        Self {
            task: Some(task),
            state,
            hot: None,
            sleep: None,
        }
    }

    /// Asks for all that the next resumption touches, most of which has left the caches if the thread was away long.
    fn prefetch(&self) {
        if let (Some(task), Some(hot)) = (&self.task, self.hot) {
            hot.prefetch();
            prefetch::lines(Placed::as_ptr(task).addr(), size_of::<Task>());
        }
    }
}

impl Future for Running {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved out of it but what is not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        this.prefetch();
        // SAFETY: *pinned*.
        let mut sleep = unsafe { Pin::new_unchecked(&mut this.sleep) };
        let task = this
            .task
            .as_ref()
            .expect("a thread is not polled after its end");
        task.poller.set(context.waker());
        task.begin_turn();
        loop {
            let command = match &mut this.state {
                State::Fresh => {
                    if task.kind() == Kind::Free {
                        // Here: a thread must not have to run another fiber for it.
                        let _ = stacks::primed();
                    }
                    let fiber = stacks::take(task.kind(), task.class());
                    this.hot = Some(fiber.hot(task.kind()));
                    task.bind(fiber);
                    run(task)
                }
                State::Ready => run(task),
                State::Parked => {
                    // Whatever the reason: a park may end for none.
                    task.parking.resume();
                    run(task)
                }
                State::Waiting(future, token) => {
                    *token |= task.parking.resume();
                    // SAFETY: it lies on the stack of the thread, which waits until it is ready.
                    let future = unsafe { future.as_mut() }.as_mut();
                    if future.poll(context).is_pending() {
                        if task.parking.commit() {
                            return Poll::Pending;
                        }
                        // Somebody woke the thread meanwhile, perhaps because it was cancelled.
                        continue;
                    }
                    if *token {
                        // It is for the next park.
                        task.parking.wake();
                    }
                    run(task)
                }
                State::Aside(aside) => match aside.take() {
                    Some(command) => command,
                    None => return Poll::Pending,
                },
            };
            match command {
                Command::Park => {
                    this.state = State::Parked;
                    let deadline = task.deadline.take();
                    let is_over = deadline.is_some_and(|deadline| {
                        clock::arm(sleep.as_mut(), deadline, context).is_ready()
                    });
                    if !is_over && task.parking.commit() {
                        return Poll::Pending;
                    }
                }
                Command::Yield => {
                    this.state = State::Ready;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Command::Section => this.state = State::Aside(Aside::start(task)),
                Command::Poll(future) => this.state = State::Waiting(future, false),
                Command::Finished => {
                    end(task);
                    this.task = None;
                    return Poll::Ready(());
                }
            }
        }
    }
}

/// Runs the thread until it leaves its stack.
fn run(task: &Task) -> Command {
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
pub(super) fn rescue(task: Placed<Task>, command: Command) {
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
fn go_on(task: Placed<Task>, state: State) {
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
