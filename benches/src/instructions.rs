//! A guard: how many instructions an operation takes, counted by callgrind and compared with
//! `benches/instructions.md`. Times differ from run to run and from machine to machine; counts do
//! not, so little more is noticed. Ends with status 1 if a count has left the band, upwards or
//! downwards, and if it cannot be compared.
//!
//!     just instructions
//!     just bless-instructions
//!
//! The second writes what is counted now into that file. Both build with `--cfg rustix_use_libc`:
//! rustix by itself looks for the kernel's vdso, which no process under valgrind has. With `cargo
//! test --bench instructions` every operation runs without valgrind, and nothing is counted.
//!
//! # What is counted
//!
//! The instructions of one OS thread between two requests to callgrind, for some operations and
//! for twice as many: the difference is without what comes before and after them. Callgrind's own
//! way of counting within one function (`--toggle-collect`) follows the stack pointer, and so goes
//! astray where stacks are switched. The kernel, the monitor and other OS threads do not count.
//! What comes in between nevertheless (the monitor may keep a machine waiting) makes a count
//! larger, so of a few the least is taken. Libc counts, with the allocator: what that takes depends
//! on all that it did before, so each operation is counted in a process of its own.
//!
//! # On which threads
//!
//! Pinned green threads on one processor; plain OS threads with standin's types; and the same with
//! std's. Free green threads cannot run there: valgrind does not know `wrfsbase`, by which they
//! change their thread-local block. Nearly all else they share with pinned ones, but not the
//! pause after each spawn.

// One body twice is what is counted.
#![allow(clippy::duplicate_mod)]

#[path = "instructions/baseline.rs"]
mod baseline;
#[path = "instructions/callgrind.rs"]
mod callgrind;
#[path = "instructions/on_standin.rs"]
mod on_standin;
#[path = "instructions/on_std.rs"]
mod on_std;
#[path = "instructions/operations.rs"]
mod operations;
#[path = "instructions/replaced.rs"]
mod replaced;
#[cfg(target_arch = "x86_64")]
#[path = "instructions/request/x86_64.rs"]
mod request;
#[cfg(not(target_arch = "x86_64"))]
#[path = "instructions/request/elsewhere.rs"]
mod request;
#[path = "instructions/table.rs"]
mod table;

use baseline::{Count, Counts, Environment};
use std::error::Error;
use std::ffi::CStr;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.md");
/// The folder of what callgrind writes.
const PROFILES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/instructions");

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match *words {
        // A test runner asks for the names of tests.
        _ if words.contains(&"--list") => Ok(true),
        [callgrind::CHILD, index] => operations::count(index).map(|()| true),
        // Only `cargo bench` says `--bench`, after the words that it was given.
        ["--bench"] => compare(),
        ["--bless", "--bench"] => bless(),
        _ if !words.contains(&"--bench") => {
            operations::run_all();
            Ok(true)
        }
        _ => Err(format!("no such arguments: {words:?}; `--bless` is the only one").into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all counts are what they were.
fn compare() -> Result<bool, Box<dyn Error>> {
    let baseline =
        fs::read_to_string(BASELINE).map_err(|error| format!("cannot read {BASELINE}: {error}"))?;
    let baseline: Counts = baseline.parse()?;
    let (counts, std) = count()?;
    table::print(&baseline, &counts, &std);
    let complaints = baseline.complaints(&counts);
    for complaint in &complaints {
        eprintln!("instructions: error: {complaint}");
    }
    if !complaints.is_empty() {
        eprintln!(
            "instructions: `just bless-instructions` takes these counts as the new baseline, to be \
             committed with the change that they come from. Where they come from, `callgrind_annotate` \
             says of the files in {}",
            PROFILES
        );
    }
    Ok(complaints.is_empty())
}

fn bless() -> Result<bool, Box<dyn Error>> {
    let (counts, std) = count()?;
    fs::write(BASELINE, counts.to_string())
        .map_err(|error| format!("cannot write {BASELINE}: {error}"))?;
    table::print(&counts, &counts, &std);
    println!("\nwritten to {BASELINE}");
    Ok(true)
}

/// The counts of now; and, to be shown beside them, std's.
fn count() -> Result<(Counts, Vec<Count>), Box<dyn Error>> {
    if !cfg!(rustix_use_libc) {
        return Err(
            "this build cannot run under valgrind: `just instructions` builds one that can".into(),
        );
    }
    let profiles = Path::new(PROFILES);
    // What is there is from an earlier run.
    match fs::remove_dir_all(profiles) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(profiles)?,
    }
    let counts = operations::count_all(profiles)?.into_iter();
    let (std, counts) = counts.partition(|count| count.place == operations::STD);
    let environment = environment();
    Ok((
        Counts {
            environment,
            counts,
        },
        std,
    ))
}

/// What else the counts depend on.
fn environment() -> Environment {
    // SAFETY: glibc's version is a constant of it, with a zero at its end.
    let libc = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    Environment {
        compiler: env!("BENCH_RUSTC").to_owned(),
        target: env!("BENCH_TARGET").to_owned(),
        libc: format!("glibc {}", libc.to_string_lossy()),
    }
}
