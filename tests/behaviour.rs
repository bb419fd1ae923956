//! What std promises, checked on std itself and on every engine with the same bodies.
//!
//! The bodies in `behaviour/` are plain functions that know only `super::shapes`, so they are compiled twice:
//! with std's modules and with standin's. Each becomes one test an engine, with the engine in its name:
//! `green::mpsc_receive_waits`. A body that fails on `std` is wrong itself.

// That is the point.
#![allow(clippy::duplicate_mod)]
// A program exports nothing; `pub` says what a file offers to the others.
#![allow(unreachable_pub)]

#[path = "common/current.rs"]
mod current;
#[cfg(feature = "may")]
#[path = "common/may.rs"]
mod may;
#[path = "behaviour/on_standin.rs"]
mod on_standin;
#[path = "behaviour/on_std.rs"]
mod on_std;
#[path = "behaviour/quiet.rs"]
mod quiet;
#[path = "behaviour/watchdog.rs"]
mod watchdog;

use libtest_mimic::{Arguments, Failed, Trial};
use standin::engine::{self, Engine};
use std::process::ExitCode;

/// A test body.
type Body = fn();

fn main() -> ExitCode {
    quiet::panics();
    // SAFETY: this program is the test of pinned threads; no body uses a thread-local or a lock of std's own
    // across a call that parks, and those that would park while they unwind do not run there.
    unsafe { engine::green::accept_pinned() };
    let mut trials = Vec::new();
    #[cfg(feature = "may")]
    {
        may::accept();
        if !may::is_moved() {
            trials.push(Trial::test("may_in_a_process_of_its_own", || {
                may::run_moved("may::");
                Ok(())
            }));
        }
    }
    for (name, body) in on_std::bodies::all() {
        trials.push(trial("std", name, body));
    }
    for engine in engine::all() {
        for (name, body) in on_standin::bodies::all() {
            trials.push(trial(engine.name(), name, move || on(engine, body)));
        }
    }
    // `async` is the engine's own multi-thread runtime.
    for (name, body) in on_standin::bodies::all() {
        trials.push(trial("async-current", name, move || {
            let _entered = current::enter();
            on(engine::ASYNC, body);
        }));
    }
    // Threads of the default engine seen from plain OS threads: waiters of both kinds meet.
    for (name, body) in on_standin::bodies::all() {
        trials.push(trial("outside", name, body));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn on(engine: Engine, body: Body) {
    engine.run(body);
}

fn trial(engine: &str, name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    let name = format!("{engine}::{name}");
    Trial::test(name.clone(), move || {
        let _watched = watchdog::watch(name);
        quiet::catch(body).map_err(Failed::from)
    })
}
