//! Short green threads leave nothing behind: after ten million of them, in batches of a
//! thousand, resident memory is within 5% of what it was after one million. Ends with status 1
//! if it is not.
//!
//!     cargo bench -p standin-benches --bench memory
//!
//! Under `cargo test --benches` it spawns a thousandth of that, and compares nothing.

use standin::engine::{self, green};
use standin::thread::{self, JoinHandle};
use std::error::Error;
use std::io;
use std::process::{Command, ExitCode};

const KINDS: [&str; 2] = ["green", "green-pinned"];
const BATCH: usize = 1_000;
/// Batches until each of the two looks.
const LOOKS: [usize; 2] = [1_000, 10_000];
const SMOKE: [usize; 2] = [1, 10];
/// How much more may be resident at the second look.
const BOUND: f64 = 1.05;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    if has("--list") {
        // A test runner asks for the names of tests.
        return ExitCode::SUCCESS;
    }
    // Only `cargo bench` says `--bench`.
    let smoke = !has("--bench") || has("--test");
    let held = match words.first().map(String::as_str) {
        Some("child") => {
            let looks = if has("smoke") { SMOKE } else { LOOKS };
            watch(&words[1], looks, !has("smoke"))
        }
        _ => both(smoke),
    };
    match held {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("memory: error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Each kind in a process of its own: neither finds memory that the other one left.
fn both(smoke: bool) -> Result<bool, Box<dyn Error>> {
    let mut held = true;
    for kind in KINDS {
        let size = if smoke { "smoke" } else { "full" };
        let program = std::env::current_exe()?;
        let status = Command::new(program).args(["child", kind, size]).status()?;
        held &= status.success();
    }
    Ok(held)
}

/// Spawns and joins; whether the bound held.
fn watch(kind: &str, looks: [usize; 2], compare: bool) -> Result<bool, Box<dyn Error>> {
    // SAFETY: the threads are empty, and the one that spawns them uses no thread-local and no
    // lock, and waits by standin's `join` alone.
    unsafe { green::accept_pinned() }
    let [first, second] = engine::named(kind)?.run(|| -> io::Result<[u64; 2]> {
        batches(looks[0])?;
        let first = resident_kib()?;
        batches(looks[1] - looks[0])?;
        Ok([first, resident_kib()?])
    })?;
    let ratio = second as f64 / first as f64;
    let [few, many] = looks.map(|batches| batches * BATCH);
    println!(
        "{kind}: {first} KiB resident after {few} threads, {second} KiB after {many}: x {ratio:.3}"
    );
    let held = !compare || ratio <= BOUND;
    if !held {
        eprintln!("memory: error: {kind} may grow to x {BOUND}, not more");
    }
    Ok(held)
}

fn batches(count: usize) -> io::Result<()> {
    for _ in 0..count {
        let spawned = (0..BATCH).map(|_| thread::Builder::new().spawn(|| ()));
        let threads: Vec<JoinHandle<()>> = spawned.collect::<io::Result<_>>()?;
        for thread in threads {
            thread.join().expect("an empty thread does not panic");
        }
    }
    Ok(())
}

/// What is resident of this process, exactly: the sums in `status` lag behind by some hundred
/// KiB a core.
fn resident_kib() -> io::Result<u64> {
    let path = "/proc/self/smaps_rollup";
    let rollup = std::fs::read_to_string(path)?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("cannot measure memory: no Rss in {path}")))
}
