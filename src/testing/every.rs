//! One body, on every engine.

use super::outcome::Outcome;
use super::place::{self, Place};
use super::report::{Report, names};
use super::run::{Runner, name_of_caller};
use super::watchdog;
use std::fmt::Write as _;
use std::panic::Location;
use std::time::Duration;

/// Runs `f` on every engine, one after another, each time in a thread of that engine. With no engine
/// compiled, it runs once on a plain OS thread.
///
/// What `f` spawns by `standin::thread` belongs to the same engine. Threads that `f` does not join go on while
/// the next engine has its turn.
///
/// The [`Report`] says which engines ran and which were skipped, as standard error does.
///
/// # Panics
///
/// If `f` panicked on some engine or could not be run there, after it ran on all: with the names of the
/// engines, and each panic's message.
///
/// # Aborts
///
/// If `f` does not end: see [What hangs](super#what-hangs). [`on_every_engine_within`] sets the limit.
#[track_caller]
pub fn on_every_engine<F: Fn() + Sync>(f: F) -> Report {
    every(watchdog::default_limit(), f)
}

/// As [`on_every_engine`], with a limit for each engine.
///
/// # Panics
///
/// As [`on_every_engine`].
#[track_caller]
pub fn on_every_engine_within<F: Fn() + Sync>(limit: Duration, f: F) -> Report {
    every(Some(limit), f)
}

#[track_caller]
fn every<F: Fn() + Sync>(limit: Option<Duration>, f: F) -> Report {
    let runner = Runner {
        limit,
        caller: Location::caller(),
        name: name_of_caller(),
        note: None,
    };
    let places = place::engines();
    let mut passed: Vec<Place> = Vec::new();
    let mut failures = String::new();
    for place in &places {
        match runner.run(*place, &f) {
            Ok(Outcome::Returned(())) => passed.push(*place),
            Ok(Outcome::Panicked(panic)) => {
                let _ = write!(failures, "\non {place}: {panic}");
            }
            Err(error) => {
                let _ = write!(failures, "\non {place}: cannot be run: {error}");
            }
        }
    }
    let report = Report::all(places);
    report.tell();
    assert!(
        failures.is_empty() && !passed.is_empty(),
        "failed on {} of {} engines{failures}\npassed on: {}\n{report}",
        report.ran().len() - passed.len(),
        report.ran().len(),
        names(&passed),
    );
    report
}
