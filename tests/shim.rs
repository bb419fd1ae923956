//! The std shim as its users meet it: the crates in `tests/crates`, one of each edition, know nothing of
//! standin but one line in their `Cargo.toml`. They are built and run here, without an engine and with each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// At most so many OS threads for the five hundred conversations, which are a thousand threads. It is a dozen where
/// the cores are free; where they are busy, a processor whose machine gets no core goes to another one.
#[cfg(any(feature = "green", feature = "async"))]
const FEW: usize = 64;
/// The processors that the engine gets, so that the machine's number does not decide.
const WORKERS: &str = "4";

/// A crate of every edition and one without a prelude, and what each says beside what all of them say.
const CRATES: [(&str, &str, &str); 5] = [
    ("edition-2015", "2015", "locals kept: 100"),
    ("edition-2018", "2018", "jobs: 19900"),
    ("edition-2021", "2021", "scoped: 20\nrelayed: 100"),
    ("edition-2024", "2024", "names: one and other"),
    ("no-std", "none", "counts kept: 100"),
];

#[test]
fn without_an_engine_it_is_std() {
    let crates = build(None);
    assert_eq!(run(&crates, "identity"), "same types\n");
    converse(&crates, |os_threads| os_threads > 1000);
}

#[cfg(feature = "threads")]
#[test]
fn with_threads_each_is_an_os_thread() {
    converse(&build(Some("threads")), |os_threads| os_threads > 1000);
}

#[cfg(feature = "green")]
#[test]
fn with_green_a_thousand_threads_are_few_os_threads() {
    converse(&build(Some("green")), |os_threads| os_threads <= FEW);
}

#[cfg(feature = "async")]
#[test]
fn with_async_a_thousand_threads_are_few_os_threads() {
    converse(&build(Some("async")), |os_threads| os_threads <= FEW);
}

/// Runs the crates, which panic where something is wrong. Each has as many OS threads as it should when all
/// conversations are going on.
fn converse(crates: &Path, is_right: impl Fn(usize) -> bool) {
    for (name, edition, own) in CRATES {
        let output = run(crates, name);
        let expected =
            format!("edition: {edition}\n{own}\nsum of the answers: 249500\nOS threads: ");
        let os_threads = output.strip_prefix(&expected);
        let os_threads = os_threads
            .and_then(|count| count.trim().parse().ok())
            .unwrap_or_else(|| panic!("expected {expected:?} and a number, got {output:?}"));
        assert!(is_right(os_threads), "{name} had {os_threads} OS threads");
    }
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
