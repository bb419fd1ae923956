//! The std shim as its users meet it: the crates in `tests/crates`, one of each edition, know nothing of
//! standin but one line in their `Cargo.toml`. They are built and run here, without an engine and with each.

mod common;

use common::watch::until;
use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// At most so many OS threads for the five hundred conversations, which are a thousand threads that wait.
#[cfg(any(feature = "green", feature = "async"))]
const FEW: usize = 16;
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
    assert_eq!(run(&crates, "identity", None), "same types\n");
    converse(&crates, None);
    print_lines(&crates, |os_threads| os_threads > 1000);
}

#[cfg(feature = "threads")]
#[test]
fn with_threads_each_is_an_os_thread() {
    let crates = build(Some("threads"));
    converse(&crates, None);
    print_lines(&crates, |os_threads| os_threads > 1000);
}

#[cfg(feature = "green")]
#[test]
fn with_green_a_thousand_threads_are_few_os_threads() {
    let crates = build(Some("green"));
    converse(&crates, Some(FEW));
    print_lines(&crates, |os_threads| os_threads <= FEW);
}

#[cfg(feature = "async")]
#[test]
fn with_async_a_thousand_threads_are_few_os_threads() {
    let crates = build(Some("async"));
    converse(&crates, Some(FEW));
    print_lines(&crates, |os_threads| os_threads <= FEW);
}

/// Runs the crates, which panic where something is wrong. Each has at most so many OS threads when all conversations are
/// going on, or one for each thread.
fn converse(crates: &Path, most: Option<usize>) {
    for (name, edition, own) in CRATES {
        let output = run(crates, name, most);
        let expected =
            format!("edition: {edition}\n{own}\nsum of the answers: 249500\nOS threads: ");
        let os_threads = output.strip_prefix(&expected);
        let os_threads: usize = os_threads
            .and_then(|count| count.trim().parse().ok())
            .unwrap_or_else(|| panic!("expected {expected:?} and a number, got {output:?}"));
        let is_right = match most {
            Some(most) => os_threads <= most,
            None => os_threads > 1000,
        };
        assert!(is_right, "{name} had {os_threads} OS threads");
    }
}

/// Runs the crate whose two thousand threads print five lines each to both streams. Nobody reads until both pipes are
/// full, and then in small pieces: who prints has to wait for that, and has as many OS threads as it should meanwhile.
/// Each line is whole, and those of a thread are in order.
fn print_lines(crates: &Path, is_right: impl Fn(usize) -> bool) {
    let mut command = Command::new(crates.join("lines"));
    command
        .env_remove("STANDIN_ENGINE")
        .env("STANDIN_WORKERS", WORKERS)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program was built");
    let stdout = child.stdout.take().expect("a pipe");
    let stderr = child.stderr.take().expect("a pipe");
    until(child.id(), || is_full(&stdout) && is_full(&stderr));
    let tasks = format!("/proc/{}/task", child.id());
    // They are started by and by, and those that the monitor took on go again.
    until(child.id(), || {
        is_right(fs::read_dir(&tasks).expect("it runs").count())
    });
    let streams = std::thread::scope(|scope| {
        let stdout = scope.spawn(|| in_small_pieces(stdout));
        let stderr = scope.spawn(|| in_small_pieces(stderr));
        [stdout, stderr].map(|stream| stream.join().expect("text"))
    });
    let status = child.wait().expect("it can be waited for");
    let [_, errors] = &streams;
    assert!(status.success(), "{status}: {errors}");
    let filler = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(2);
    for text in &streams {
        let mut next = vec![0; 2_000];
        // A debug build reports threads that keep the others waiting, between two lines.
        for line in text.lines().filter(|line| line.starts_with("line ")) {
            let thread = line
                .split(' ')
                .nth(1)
                .and_then(|number| number.parse().ok());
            let thread: usize = thread.unwrap_or_else(|| panic!("not a line: {line}"));
            let number = next[thread];
            assert_eq!(line, format!("line {thread} {number} {filler} end"));
            next[thread] += 1;
        }
        assert_eq!(next, [5; 2_000]);
    }
}

/// Whether there is no room for another line in the pipe.
fn is_full(pipe: impl AsFd) -> bool {
    let readable = rustix::io::ioctl_fionread(pipe).expect("a pipe");
    readable >= 65_536 - 4_096
}

fn in_small_pieces(mut pipe: impl Read) -> String {
    let (mut text, mut piece) = (Vec::new(), [0; 1_000]);
    loop {
        match pipe.read(&mut piece).expect("a pipe") {
            0 => return String::from_utf8(text).expect("the program prints text"),
            got => text.extend_from_slice(&piece[..got]),
        }
    }
}

/// Runs a program, with an argument if there is one; returns what it printed.
fn run(crates: &Path, program: &str, argument: Option<usize>) -> String {
    let mut command = Command::new(crates.join(program));
    command
        .args(argument.map(|argument| argument.to_string()))
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
