//! The same program on std itself and on every engine, compared.
//!
//! `generate.rs` makes programs (`program.rs`) whose result does not depend on the schedule, `plan.rs` turns
//! each into a script a thread, `interpret/` runs them and notes what every thread observes, and `compare.rs`
//! demands that all observe the same. A program that fails is shrunk and printed as Rust code, for
//! `regressions.rs`.
//!
//! - `STANDIN_EQUIVALENCE_CASES`: how many programs, 300 by default.
//! - `STANDIN_EQUIVALENCE_SEED`: which ones; each run takes others, and prints its seed.

// The interpreter is compiled once for each family of shapes. That is the point.
#![allow(clippy::duplicate_mod)]
// A program exports nothing; `pub` says what a file offers to the others.
#![allow(unreachable_pub)]

#[path = "equivalence/compare.rs"]
mod compare;
#[path = "equivalence/faulty/mod.rs"]
mod faulty;
#[path = "equivalence/generate.rs"]
mod generate;
#[path = "equivalence/honesty.rs"]
mod honesty;
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
#[path = "equivalence/regressions.rs"]
mod regressions;
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
    let trials = [suite::ALL, regressions::ALL, honesty::ALL].concat();
    let trials = trials
        .into_iter()
        .map(|(name, body)| Trial::test(name, move || quiet::catch(body).map_err(Failed::from)));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
