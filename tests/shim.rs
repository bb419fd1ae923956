//! The std shim as its users meet it: the crates in `tests/crates`, one of each edition, know nothing of
//! standin but one line in their `Cargo.toml`. They are built and run here, without an engine and with each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// At most so many OS threads for the five hundred conversations, which are a thousand threads. It is a dozen where
/// the cores are free; where they are busy, a processor whose machine gets no core goes to another one.
#[cfg(feature = "green")]
const FEW: usize = 64;
/// The processors that the engine gets, so that the machine's number does not decide.
const WORKERS: &str = "4";

/// Every edition, and what its crate says beside what all of them say.
const EDITIONS: [(&str, &str); 4] = [
    ("2015", "locals kept: 100"),
    ("2018", "jobs: 19900"),
    ("2021", "scoped: 20\nrelayed: 100"),
    ("2024", "names: one and other"),
];

#[test]
fn without_an_engine_it_is_std() {
    let crates = build(None);
    assert_eq!(run(&crates, "identity"), "same types\n");
    for (edition, own) in EDITIONS {
        let os_threads = converse(&crates, edition, own);
        assert!(
            os_threads > 1000,
            "edition {edition} had {os_threads} OS threads"
        );
    }
}

#[cfg(feature = "threads")]
#[test]
fn with_threads_each_is_an_os_thread() {
    let crates = build(Some("threads"));
    for (edition, own) in EDITIONS {
        let os_threads = converse(&crates, edition, own);
        assert!(
            os_threads > 1000,
            "edition {edition} had {os_threads} OS threads"
        );
    }
}

#[cfg(feature = "green")]
#[test]
fn with_green_a_thousand_threads_are_few_os_threads() {
    let crates = build(Some("green"));
    for (edition, own) in EDITIONS {
        let os_threads = converse(&crates, edition, own);
        assert!(
            os_threads <= FEW,
            "edition {edition} had {os_threads} OS threads"
        );
    }
}

/// Runs the crate of an edition, which panics where something is wrong, and returns how many OS threads it
/// had when all conversations were going on.
fn converse(crates: &Path, edition: &str, own: &str) -> usize {
    let output = run(crates, &format!("edition-{edition}"));
    let expected = format!("edition: {edition}\n{own}\nsum of the answers: 249500\nOS threads: ");
    let os_threads = output.strip_prefix(&expected);
    os_threads
        .and_then(|count| count.trim().parse().ok())
        .unwrap_or_else(|| panic!("expected {expected:?} and a number, got {output:?}"))
}

/// Runs a program; returns what it printed.
fn run(crates: &Path, program: &str) -> String {
    let mut command = Command::new(crates.join(program));
    command
        .env_remove("STANDIN_ENGINE")
        .env("STANDIN_WORKERS", WORKERS);
    let output = command.output().expect("the program was built");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} ended with {}: {errors}",
        output.status
    );
    String::from_utf8(output.stdout).expect("the program prints text")
}

/// Builds the crates, with the engine if there is one; returns the folder with the programs.
fn build(engine: Option<&str>) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crates");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tests-crates");
    let target = target.join(engine.unwrap_or("none"));
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--offline", "--workspace"])
        .current_dir(&crates);
    cargo
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("CARGO_BUILD_TARGET");
    if let Some(engine) = engine {
        // Types that are not std's are the very point of an engine.
        cargo.args(["--features", engine, "--exclude", "identity"]);
    }

    static LOCK_FILE: Mutex<()> = Mutex::new(());
    let _guard = LOCK_FILE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    // The same versions of all dependencies, so what this test was built with is all that is needed.
    let lock_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    fs::copy(&lock_file, crates.join("Cargo.lock"))
        .unwrap_or_else(|error| panic!("cannot copy {}: {error}", lock_file.display()));
    let output = cargo.output().expect("cargo can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{cargo:?} failed:\n{errors}");
    target.join("debug")
}
