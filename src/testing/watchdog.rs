//! Ends the process if a run hangs, and says which.
//!
//! One OS thread watches all runs. It and its lock are std's: whatever is wrong with an engine, they go on.
//! `run.rs` relies on it.

use std::io::{self, Write as _};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How long a run may take unless the test or `STANDIN_TESTING_LIMIT` says otherwise: ten minutes.
///
/// Each run of a body on one engine has this for itself.
pub const LIMIT: Duration = Duration::from_secs(600);

const VARIABLE: &str = "STANDIN_TESTING_LIMIT";

/// What the environment says, else [`LIMIT`]; `None` for no limit.
///
/// # Panics
///
/// If the environment variable is neither a number of seconds nor `none`.
pub(super) fn default_limit() -> Option<Duration> {
    let Some(value) = std::env::var_os(VARIABLE) else {
        return Some(LIMIT);
    };
    let value = value.to_string_lossy();
    match (&*value, value.parse()) {
        ("none", _) => None,
        (_, Ok(seconds)) if seconds > 0 => Some(Duration::from_secs(seconds)),
        _ => panic!(
            "the environment variable {VARIABLE} is {value:?}: it has to be a number of seconds from 1 up, or \
             `none`; unset it for {LIMIT:?}"
        ),
    }
}

/// A run that is watched until this is dropped.
pub(super) struct Watched(u64);

/// Watches a run; `what` says what it is if it hangs.
pub(super) fn watch(limit: Option<Duration>, what: impl FnOnce() -> String) -> Option<Watched> {
    static STARTED: Once = Once::new();
    let limit = limit?;
    // So far away that the clock cannot say it is no limit.
    let deadline = Instant::now().checked_add(limit)?;
    STARTED.call_once(|| {
        thread::Builder::new()
            .name("standin-testing".to_owned())
            .spawn(patrol)
            .unwrap_or_else(|error| {
                panic!("cannot start the thread that finds out if a test hangs: {error}")
            });
    });
    let mut runs = runs();
    runs.last += 1;
    let number = runs.last;
    runs.watched.push(Run {
        number,
        deadline,
        what: format!("{}: no end after {limit:?}", what()),
    });
    CHANGED.notify_one();
    Some(Watched(number))
}

impl Drop for Watched {
    fn drop(&mut self) {
        runs().watched.retain(|run| run.number != self.0);
    }
}

struct Runs {
    last: u64,
    watched: Vec<Run>,
}

struct Run {
    number: u64,
    deadline: Instant,
    what: String,
}

static RUNS: Mutex<Runs> = Mutex::new(Runs {
    last: 0,
    watched: Vec::new(),
});
/// A run was added.
static CHANGED: Condvar = Condvar::new();

fn runs() -> MutexGuard<'static, Runs> {
    RUNS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn patrol() {
    let mut runs = runs();
    loop {
        let now = Instant::now();
        let next = runs.watched.iter().min_by_key(|run| run.deadline);
        runs = match next {
            None => CHANGED.wait(runs).unwrap_or_else(PoisonError::into_inner),
            Some(run) if run.deadline <= now => {
                let what = run.what.clone();
                // Others may end meanwhile.
                drop(runs);
                end(what);
            }
            Some(run) => {
                let left = run.deadline - now;
                let (runs, _) = CHANGED
                    .wait_timeout(runs, left)
                    .unwrap_or_else(PoisonError::into_inner);
                runs
            }
        };
    }
}

/// Tells and aborts. Standard error may be locked by the very thread that hangs, so it is not waited for long.
fn end(what: String) -> ! {
    let (done, told) = mpsc::channel();
    let teller = thread::Builder::new().spawn(move || {
        // Not `eprintln`, which a test harness would capture and the abort would lose.
        let _ = writeln!(
            io::stderr(),
            "standin::testing: it hangs: {what}\n\
             Its threads cannot be ended, so the process is aborted. If it is only slow, give it a longer limit, \
             or set {VARIABLE} to a number of seconds, or to `none` to look at it with a debugger."
        );
        let _ = done.send(());
    });
    if teller.is_ok() {
        let _ = told.recv_timeout(Duration::from_secs(5));
    }
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::{VARIABLE, runs, watch};
    use std::time::Duration;

    #[test]
    fn a_run_is_watched_until_it_ends() {
        let ours = || {
            let text = "a run of this test";
            runs()
                .watched
                .iter()
                .filter(|run| run.what.starts_with(text))
                .count()
        };
        let limit = Some(Duration::from_secs(3_600));
        let what = || "a run of this test".to_owned();
        let first = watch(limit, what);
        let second = watch(limit, what);
        assert!(first.is_some() && ours() == 2, "see {VARIABLE}");
        drop(first);
        assert_eq!(ours(), 1);
        drop(second);
        assert_eq!(ours(), 0);
        assert!(watch(None, what).is_none(), "there is no limit");
        assert!(watch(Some(Duration::MAX), what).is_none(), "it never comes");
    }
}
