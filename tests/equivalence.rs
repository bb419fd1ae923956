//! The same program on std itself and on every engine, compared.
//!
//! Two kinds of programs, both generated as data, shrunk when they fail, and printed as Rust code:
//!
//! - Choreographies, whose result does not depend on the schedule: `generate.rs` makes them (`program.rs`,
//!   `repertoire.rs`), `plan.rs` turns each into a script a thread, `interpret/` runs them and notes what every
//!   thread observes, and `compare.rs` demands that all observe the same. `regressions.rs` keeps those that
//!   found something.
//! - Races (`racy/`), whose result does: each run is explained by an order of its calls or it fails, and those
//!   of small programs have to be among what a model's schedules give.
//!
//! They run on std, on every engine, and with the threads of one program on all engines by turns. `faulty/` is
//! a family with faults to choose, and `honesty.rs` demands that they are found.
//!
//! - `STANDIN_EQUIVALENCE_CASES`: how many programs of each kind, 200 by default.
//! - `STANDIN_EQUIVALENCE_SEED`: which ones; each run takes others, and prints its seed.
//! - `STANDIN_EQUIVALENCE_PATIENCE`: after how many seconds a program is taken to hang, 180 by default.

// The interpreter is compiled once for each family of shapes. That is the point.
#![allow(clippy::duplicate_mod)]
// A program exports nothing; `pub` says what a file offers to the others.
#![allow(unreachable_pub)]

#[path = "equivalence/compare.rs"]
mod compare;
#[path = "common/current.rs"]
mod current;
#[path = "equivalence/every_act.rs"]
mod every_act;
#[path = "equivalence/faulty/mod.rs"]
mod faulty;
#[path = "equivalence/generate.rs"]
mod generate;
#[path = "equivalence/honesty.rs"]
mod honesty;
#[cfg(feature = "may")]
#[path = "common/may.rs"]
mod may;
#[path = "equivalence/on_standin.rs"]
mod on_standin;
#[path = "equivalence/on_std.rs"]
mod on_std;
#[path = "equivalence/plan.rs"]
mod plan;
#[path = "equivalence/program.rs"]
mod program;
#[path = "behaviour/quiet.rs"]
mod quiet;
#[path = "equivalence/racy/mod.rs"]
mod racy;
#[path = "equivalence/regressions.rs"]
mod regressions;
#[path = "equivalence/repertoire.rs"]
mod repertoire;
#[path = "equivalence/suite.rs"]
mod suite;
#[path = "equivalence/trace.rs"]
mod trace;

use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    quiet::panics();
    // SAFETY: this program is the test of pinned threads. What its threads keep in thread-locals they keep in
    // standin's, std's locks are never held across a call that parks, and nothing parks while it unwinds.
    unsafe { standin::engine::green::accept_pinned() };
    let trials = [
        suite::ALL,
        racy::suite::ALL,
        regressions::ALL,
        racy::regressions::ALL,
        honesty::ALL,
        racy::honesty::ALL,
    ]
    .concat();
    let trials = trials
        .into_iter()
        .map(|(name, body)| Trial::test(name, move || quiet::catch(body).map_err(Failed::from)));
    #[cfg_attr(not(feature = "may"), allow(unused_mut, reason = "nothing is added"))]
    let mut trials: Vec<_> = trials.collect();
    #[cfg(feature = "may")]
    {
        may::accept();
        if !may::is_moved() {
            // There `may` is one of the families, in the place of `may-pinned`.
            trials.push(Trial::test("may_in_a_process_of_its_own", || {
                may::run_moved("programs_");
                Ok(())
            }));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
