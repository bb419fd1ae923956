//! The tokio runtime around the caller, for futures that need one.

use crate::engine::Control;
use crate::engine::tokio::default_runtime;
use std::mem::forget;
use std::task::{Context, Poll, Waker};
use tokio::runtime::{EnterGuard, Handle};
use tokio::task::coop;

/// Makes sure that the calling thread is in the context of a runtime until the guard is dropped: the one that it is
/// in already, else the process's.
///
/// # Panics
///
/// If the process's runtime is to be made, and cannot be.
pub(crate) fn enter() -> Option<EnterGuard<'static>> {
    if Handle::try_current().is_ok() {
        return None;
    }
    let entered = match default_runtime() {
        Ok(handle) => handle.enter(),
        Err(error) => panic!("{error}"),
    };
    let is_shared = Control::current(|control| {
        let engine = control?.engine()?;
        Some(engine.contract().shares_locals())
    });
    if is_shared == Some(true) {
        // It stands in the OS thread's thread-locals, and the next thread there may leave the context before this one
        // does. So the OS thread stays in it.
        forget(entered);
        return None;
    }
    Some(entered)
}

/// More than any task is allowed to do before it lets others run: tokio counts in a byte.
const MORE_THAN_A_BUDGET: u32 = 256;

/// Whether the caller is being polled by a runtime, so that to block its OS thread would stop that.
///
/// Nothing tells so, but what a runtime polls has a budget, and what it merely lends an OS thread to
/// (`spawn_blocking`, `block_in_place`) has not. So this uses it up. The caller is about to fail if there is one.
pub(super) fn is_polled() -> bool {
    if Handle::try_current().is_err() {
        return false;
    }
    let mut context = Context::from_waker(Waker::noop());
    (0..MORE_THAN_A_BUDGET).any(|_| match coop::poll_proceed(&mut context) {
        Poll::Pending => true,
        Poll::Ready(step) => {
            step.made_progress();
            false
        }
    })
}
