//! Generated programs, on everything.

use super::compare::{self, Family, GENEROUS, Patience};
use super::generate::programs;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Every test of this file with its name.
pub const ALL: &[(&str, fn())] = &[("generated_programs_agree", generated_programs_agree)];

fn generated_programs_agree() {
    let cases = number("STANDIN_EQUIVALENCE_CASES").unwrap_or(300).max(1);
    let seed =
        number("STANDIN_EQUIVALENCE_SEED").unwrap_or_else(|| RandomState::new().hash_one(()));
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

fn number(variable: &str) -> Option<u64> {
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
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let run = runner.run(&programs(), |program| {
        compare::check(&program, families, patience).map_err(TestCaseError::fail)
    });
    run.map_err(|error| match error {
        TestError::Fail(difference, program) => {
            format!("{difference}STANDIN_EQUIVALENCE_SEED={seed}, and this program:\n{program:?}")
        }
        TestError::Abort(reason) => format!("no program could be generated: {reason}"),
    })
}
