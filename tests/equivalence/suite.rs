//! Generated programs, on everything.

use super::compare::{self, Family, GENEROUS, Patience};
use super::generate::programs;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Every test of this file with its name.
pub const ALL: &[(&str, fn())] = &[("generated_programs_agree", generated_programs_agree)];

fn generated_programs_agree() {
    let (cases, seed) = (cases(), seed());
    println!("{cases} programs of the seed {seed}");
    let families = Family::all();
    let result = agree(&families, cases, seed, GENEROUS);
    println!(
        "what they did on each family:\n{}",
        compare::table(&families)
    );
    if let Err(failure) = result {
        panic!("{failure}");
    }
    // Of most things there are several in each program, and of the rarest one in ten.
    compare::enough(&families, cases / 20).unwrap();
}

/// How many programs of each kind.
pub fn cases() -> u64 {
    number("STANDIN_EQUIVALENCE_CASES").unwrap_or(200).max(1)
}

pub fn seed() -> u64 {
    number("STANDIN_EQUIVALENCE_SEED").unwrap_or_else(|| RandomState::new().hash_one(()))
}

/// What an environment variable says, if it is there.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{variable}={text:?}: {error}; it wants a number")),
    )
}

/// Generates programs and compares what the families make of them.
///
/// # Errors
///
/// The smallest program found on which they differ, as code, and how they differ.
pub fn agree(
    families: &[Arc<Family>],
    cases: u64,
    seed: u64,
    patience: Patience,
) -> Result<(), String> {
    tried::begin();
    let run = runner(cases, seed, patience).run(&programs(), |program| {
        tried::one();
        compare::check(&program, families, patience).map_err(tried::failed)
    });
    run.map_err(|error| match error {
        TestError::Fail(difference, program) => format!(
            "{difference}after {} programs of STANDIN_EQUIVALENCE_SEED={seed}, at this program:\n{program:?}",
            tried::count()
        ),
        TestError::Abort(reason) => format!("no program could be generated: {reason}"),
    })
}

/// How many programs a test has tried, up to the first that failed: those that it is shrunk to do not count. A
/// test generates its programs on a thread of its own.
pub mod tried {
    use proptest::test_runner::TestCaseError;
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<u64> = const { Cell::new(0) };
        static HAS_FAILED: Cell<bool> = const { Cell::new(false) };
    }

    pub fn begin() {
        COUNT.set(0);
        HAS_FAILED.set(false);
    }

    pub fn one() {
        COUNT.set(COUNT.get() + u64::from(!HAS_FAILED.get()));
    }

    pub fn failed(problem: String) -> TestCaseError {
        HAS_FAILED.set(true);
        TestCaseError::fail(problem)
    }

    pub fn count() -> u64 {
        COUNT.get()
    }
}

/// What generates so many programs, the same ones for the same seed.
pub fn runner(cases: u64, seed: u64, patience: Patience) -> TestRunner {
    let config = Config {
        cases: cases.try_into().expect("fewer than 2^32 programs"),
        failure_persistence: None,
        // A wrong family is only to be found; a hang would cost its limit at every step.
        max_shrink_iters: if let Patience::Fail(_) = patience {
            0
        } else {
            1_000
        },
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}
