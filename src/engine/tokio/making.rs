//! Making runtimes where OS threads may be short.
//!
//! Of the workers of a multi-thread runtime, tokio starts one after the other; if the system refuses one, it panics,
//! and its unwinding waits for those that have started, which wait for work: for ever. So each worker stops at a
//! [`Gate`] before its first work, and leaves if the gate stays shut.

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime that lives for ever, with so many workers, or as many of them as there are OS threads for.
pub(super) fn make(workers: usize, name: &'static str) -> io::Result<Handle> {
    let mut wanted = workers;
    loop {
        match granted(wanted)? {
            // It needs no locks of its own.
            1 => return make_driven(name),
            workers => match make_multi(workers, move || name.into(), PATIENCE) {
                Ok(runtime) => {
                    let handle = runtime.handle().clone();
                    // Dropped, it would shut down.
                    std::mem::forget(runtime);
                    return Ok(handle);
                }
                // Others took an OS thread meanwhile.
                Err(error) if error.kind() == ErrorKind::WouldBlock => wanted = workers - 1,
                Err(error) => return Err(error),
            },
        }
    }
}

/// A current-thread runtime that an OS thread drives for ever.
pub(super) fn make_driven(name: &str) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}

/// As many of so many OS threads as the system grants, at least one.
fn granted(workers: usize) -> io::Result<usize> {
    let gate = Gate::new();
    let mut refused = None;
    let granted = std::thread::scope(|scope| {
        // All of them are there at once.
        let granted = (0..workers).map_while(|_| {
            let thread = std::thread::Builder::new().spawn_scoped(scope, || gate.wait(None));
            thread.map_err(|error| refused = Some(error)).ok()
        });
        let granted = granted.count();
        gate.set(State::Open);
        granted
    });
    match refused {
        Some(error) if granted == 0 => Err(error),
        _ => Ok(granted),
    }
}

/// How long a worker waits for the others to start, which is a matter of microseconds. Only where one is refused is
/// this time waited for, and only there is it no mistake to leave.
const PATIENCE: Duration = Duration::from_secs(2);

/// A runtime with exactly so many workers. `WouldBlock`: there are not enough OS threads.
fn make_multi(
    workers: usize,
    name: impl Fn() -> String + Send + Sync + 'static,
    patience: Duration,
) -> io::Result<Runtime> {
    let gate = Arc::new(Gate::new());
    let start = {
        let gate = gate.clone();
        move || {
            if gate.wait(Some(patience)) == State::Left {
                // Past `run`, which would not return. Nothing is printed.
                resume_unwind(Box::new("a worker that is not needed"));
            }
        }
    };
    let made = catch_unwind(AssertUnwindSafe(|| {
        Builder::new_multi_thread()
            .worker_threads(workers)
            .thread_name_fn(name)
            .on_thread_start(start)
            .enable_all()
            .build()
    }));
    let refused = "the system refused an OS thread to a worker";
    let runtime = made.map_err(|_| io::Error::new(ErrorKind::WouldBlock, refused))??;
    match gate.set(State::Open) {
        State::Open => Ok(runtime),
        // This thread was stopped for long, and some are gone.
        _ => {
            runtime.shutdown_background();
            let gone = "workers waited too long for the others";
            Err(io::Error::new(ErrorKind::WouldBlock, gone))
        }
    }
}

/// What threads wait at until all of them are there, or never will be.
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Shut,
    /// All may pass, for ever.
    Open,
    /// Somebody lost patience: all leave.
    Left,
}

impl Gate {
    fn new() -> Self {
        Self {
            state: Mutex::new(State::Shut),
            changed: Condvar::new(),
        }
    }

    /// What it becomes, once, and what it is then.
    fn set(&self, to: State) -> State {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Shut {
            *state = to;
            self.changed.notify_all();
        }
        *state
    }

    /// Waits until it is no longer shut; leaves after `patience`.
    fn wait(&self, patience: Option<Duration>) -> State {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_shut = |state: &mut State| *state == State::Shut;
        match patience {
            None => {
                let state = self.changed.wait_while(state, is_shut);
                *state.unwrap_or_else(PoisonError::into_inner)
            }
            Some(patience) => {
                let waited = self.changed.wait_timeout_while(state, patience, is_shut);
                drop(waited);
                self.set(State::Left)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorKind, make, make_multi};
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Duration;

    /// No thread has a name with a zero in it: the third worker cannot start.
    fn no_third() -> impl Fn() -> String + Send + Sync + 'static {
        let named = AtomicUsize::new(0);
        move || ["first", "second", "no\0name"][named.fetch_add(1, Relaxed).min(2)].into()
    }

    #[test]
    fn a_worker_that_is_refused_is_an_error() {
        let error =
            make_multi(4, no_third(), Duration::from_millis(1)).expect_err("three is too many");
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
    }

    #[test]
    fn workers_that_lose_patience_are_none() {
        // Whether it is lost in time is a matter of luck: either way there are all, or there is an error.
        for _ in 0..50 {
            match make_multi(3, || "worker".into(), Duration::ZERO) {
                Ok(runtime) => {
                    assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).ok(), Some(1))
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
        }
    }

    #[test]
    fn all_that_are_granted_work() {
        let handle = make(3, "worker").expect("there are three OS threads");
        assert_eq!(handle.metrics().num_workers(), 3);
        assert_eq!(handle.block_on(handle.spawn(async { 1 })).ok(), Some(1));
    }
}
