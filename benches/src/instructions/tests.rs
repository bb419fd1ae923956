//! What is said of counts that differ from the baseline.

// The bench uses what these tests do not.
#![allow(dead_code)]

#[path = "baseline.rs"]
mod baseline;

use baseline::{BAND, Count, Counts, Environment};

const FILE: &str = include_str!("../../instructions.md");

/// A yield is 200 instructions, a lock 20.
fn counts(of_yield: f64, of_lock: f64) -> Counts {
    let count = |operation: &str, instructions| Count {
        operation: operation.to_owned(),
        place: "green-pinned".to_owned(),
        instructions,
    };
    Counts {
        environment: Environment {
            compiler: "rustc 1.95.0 (59807616e 2026-04-14)".to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            libc: "glibc 2.36".to_owned(),
        },
        counts: vec![count("yield", of_yield), count("lock", of_lock)],
    }
}

#[test]
fn the_committed_file_is_as_it_is_written() {
    let counts: Counts = FILE.parse().unwrap();
    assert!(!counts.counts.is_empty());
    assert_eq!(counts.to_string(), FILE);
    assert_eq!(counts.complaints(&counts), [""; 0]);
}

#[test]
fn within_the_band_nothing_is_said() {
    let baseline = counts(200.0, 20.0);
    for factor in [1.0 - 0.9 * BAND, 1.0, 1.0 + 0.9 * BAND] {
        let now = counts(200.0 * factor, 20.0 * factor);
        assert_eq!(baseline.complaints(&now), [""; 0]);
    }
}

#[test]
fn more_and_less_are_named_with_both_counts() {
    let baseline = counts(200.0, 20.0);
    assert_eq!(
        baseline.complaints(&counts(210.0, 20.0)),
        [
            "yield (green-pinned): 210.0 instructions, the baseline has 200.0: +5.0 %, outside the band of 2 %; \
             find out what it is for"
        ]
    );
    assert_eq!(
        baseline.complaints(&counts(200.0, 19.0)),
        [
            "lock (green-pinned): 19.0 instructions, the baseline has 20.0: -5.0 %, outside the band of 2 %; \
             a new baseline keeps it so"
        ]
    );
    assert_eq!(baseline.complaints(&counts(220.0, 22.0)).len(), 2);
}

#[test]
fn a_count_that_is_no_number_is_not_within_the_band() {
    assert_eq!(
        counts(200.0, 20.0)
            .complaints(&counts(f64::NAN, 20.0))
            .len(),
        1
    );
    assert_eq!(counts(0.0, 20.0).complaints(&counts(0.0, 20.0)).len(), 1);
}

#[test]
fn an_operation_on_one_side_alone_is_named() {
    let all = counts(200.0, 20.0);
    let mut one = all.clone();
    one.counts.pop();
    let not_counted = all.complaints(&one);
    assert_eq!(
        not_counted,
        ["lock (green-pinned): 20.0 instructions in the baseline: it was not counted"]
    );
    let new = one.complaints(&all);
    assert_eq!(
        new,
        ["lock (green-pinned): 20.0 instructions: it is not in the baseline"]
    );
}

#[test]
fn another_compiler_fails_whatever_the_counts_are() {
    let baseline = counts(200.0, 20.0);
    let mut now = baseline.clone();
    now.environment.compiler = "rustc 1.96.0".to_owned();
    now.environment.libc = "glibc 2.41".to_owned();
    let complaints = baseline.complaints(&now);
    assert_eq!(complaints.len(), 1);
    for text in ["rustc 1.95.0", "rustc 1.96.0", "glibc 2.36", "glibc 2.41"] {
        assert!(complaints[0].contains(text), "{complaints:?}");
    }
}

#[test]
fn what_cannot_be_read_is_quoted() {
    let without_a_number = FILE.replacen("| green-pinned | ", "| green-pinned | about ", 1);
    let error = without_a_number.parse::<Counts>().unwrap_err();
    assert!(error.contains("| green-pinned | about "), "{error}");
    let without_a_compiler = FILE.replace("- compiler: ", "- with ");
    let error = without_a_compiler.parse::<Counts>().unwrap_err();
    assert!(error.contains("- compiler: "), "{error}");
}
