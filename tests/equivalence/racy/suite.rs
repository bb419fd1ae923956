//! Racy programs on everything: each run is checked by itself, and those of small programs against the model.

use super::generate::races;
use super::model::{self, Answers};
use super::program::Race;
use super::tally;
use crate::compare::{Family, GENEROUS, Patience};
use crate::suite::{cases, runner, seed, tried};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestError;
use std::collections::HashSet;
use std::sync::Arc;

/// Every test of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("racy_programs_are_explained", racy_programs_are_explained),
    (
        "racy_small_programs_do_what_the_model_does",
        racy_small_programs_do_what_the_model_does,
    ),
];

/// How often a program runs on a family: schedules differ.
const TIMES: usize = 4;
/// Of fewer programs not every rare answer can be asked for: some seeds have none that gives it.
const MANY: u64 = 1000;
const TIMES_SMALL: usize = 15;
/// No small program has as many points.
pub const LIMIT: usize = 400_000;

fn racy_programs_are_explained() {
    let (cases, seed) = (cases(), seed());
    println!("{cases} racy programs of the seed {seed}, {TIMES} times each");
    let families = Family::all();
    let result = explained(&families, cases, seed, GENEROUS);
    println!("what they did on each family:\n{}", tally::table(&families));
    if let Err(failure) = result {
        panic!("{failure}");
    }
    tally::enough(&families, cases / 20, cases >= MANY).unwrap();
}

/// Generates programs and checks what the families make of them.
///
/// # Errors
///
/// The smallest program found that does what it may not, as code, and what that is.
pub fn explained(
    families: &[Arc<Family>],
    cases: u64,
    seed: u64,
    patience: Patience,
) -> Result<(), String> {
    tried::begin();
    let run = runner(cases, seed, patience).run(&races(4, 8), |race| {
        tried::one();
        check(&race, families, TIMES, patience).map_err(tried::failed)
    });
    run.map_err(|error| match error {
        TestError::Fail(problem, race) => format!(
            "{problem}\nafter {} programs of STANDIN_EQUIVALENCE_SEED={seed}, at this program:\n{race:?}",
            tried::count()
        ),
        TestError::Abort(reason) => format!("no program could be generated: {reason}"),
    })
}

/// Runs a racy program on all families, several times, and looks whether each run is explained.
///
/// # Errors
///
/// The family, and what it did.
pub fn check(
    race: &Race,
    families: &[Arc<Family>],
    times: usize,
    patience: Patience,
) -> Result<(), String> {
    let race = Arc::new(race.clone());
    for family in families {
        for _ in 0..times {
            let history = family.race(&race, patience)?;
            family.tally.add(&history);
            history
                .check(&race)
                .map_err(|problem| format!("{}: {problem}", family.name))?;
        }
    }
    Ok(())
}

fn racy_small_programs_do_what_the_model_does() {
    let (cases, seed) = (cases() / 2 + 1, seed());
    println!("{cases} small racy programs of the seed {seed}, {TIMES_SMALL} times each");
    let families = Family::all();
    let report =
        modelled(&families, cases, seed, GENEROUS).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{report}");
}

/// Generates small programs, goes through all their schedules, and looks whether what the families do is
/// among what comes of those. Returns how much of it was seen.
///
/// # Errors
///
/// A program, and what it may not do.
pub fn modelled(
    families: &[Arc<Family>],
    cases: u64,
    seed: u64,
    patience: Patience,
) -> Result<String, String> {
    let mut runner = runner(cases, seed, patience);
    let mut allowed = 0;
    let mut seen = vec![0; families.len()];
    tried::begin();
    for _ in 0..cases {
        tried::one();
        let tree = races(3, 3)
            .new_tree(&mut runner)
            .map_err(|reason| reason.to_string())?;
        let race = Arc::new(tree.current());
        let outcomes =
            model::outcomes(&race, LIMIT).map_err(|large| format!("{large}: {race:?}"))?;
        allowed += outcomes.len();
        for (family, seen) in families.iter().zip(&mut seen) {
            let found = among(&race, family, &outcomes, patience);
            *seen += found.map_err(|problem| {
                format!(
                    "{problem}\nafter {} programs of STANDIN_EQUIVALENCE_SEED={seed}, at this program:\n{race:?}",
                    tried::count()
                )
            })?;
        }
    }
    let names = families
        .iter()
        .zip(seen)
        .map(|(family, seen)| format!("{seen} on {}", family.name));
    let names: Vec<_> = names.collect();
    Ok(format!(
        "{allowed} outcomes are allowed; seen were {}",
        names.join(", ")
    ))
}

/// How many of a program's outcomes a family shows.
///
/// # Errors
///
/// One that is not among them.
pub fn among(
    race: &Arc<Race>,
    family: &Arc<Family>,
    outcomes: &HashSet<Answers>,
    patience: Patience,
) -> Result<usize, String> {
    let mut seen = HashSet::new();
    for _ in 0..TIMES_SMALL {
        let history = family.race(race, patience)?;
        history
            .check(race)
            .map_err(|problem| format!("{}: {problem}", family.name))?;
        let answers = history.answers();
        if !outcomes.contains(&answers) {
            return Err(format!(
                "{}: none of the {} schedules gives {answers:?}",
                family.name,
                outcomes.len()
            ));
        }
        seen.insert(answers);
    }
    Ok(seen.len())
}
