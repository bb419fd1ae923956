//! standin's types where no green thread is: on OS threads that std started, beside std's own. What an engine adds to
//! each operation there (which context is this?) should cost a twentieth at most.
//!
//!     cargo bench -p standin-benches --bench plain
//!     cargo bench -p standin-benches --bench plain -- --rounds 1001
//!
//! All of it in one process, in each round every piece of work by both, not always by the same one first. `x std` is the
//! median of the ratios within each round. The status is 1 where a result is wrong, never for a time. Under `cargo
//! test --benches` each piece runs once at a tiny size, and nothing is compared.

// One body twice is what is measured.
#![allow(clippy::duplicate_mod)]

mod asked;
mod figures;
#[path = "plain/on_standin.rs"]
mod on_standin;
#[path = "plain/on_std.rs"]
mod on_std;

use figures::{median, number};
use std::error::Error;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What standin may cost, x std.
const BOUND: f64 = 1.05;
/// How much less is done in a smoke run.
const SMOKE: u64 = 1_000;

struct Work {
    what: &'static str,
    /// How often, in each round: a few milliseconds.
    n: u64,
}

/// In the order of `bodies::ALL`.
const WORK: [Work; 7] = [
    work("`Mutex`: lock and unlock, one thread", 400_000),
    work("`Mutex`: lock and unlock, two threads", 100_000),
    work("`mpsc::channel`: send and receive, one thread", 200_000),
    work(
        "`mpsc::sync_channel(100)`: send and receive, one thread",
        200_000,
    ),
    work("`mpsc::channel`: from thread to thread", 100_000),
    work("`mpsc::sync_channel(1)`: to a thread and back", 300),
    work("`TcpStream`: 64 bytes to a thread and back", 300),
];

const fn work(what: &'static str, n: u64) -> Work {
    Work { what, n }
}

/// The seconds that both took, by round.
#[derive(Default)]
struct Samples {
    std: Vec<f64>,
    standin: Vec<f64>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plain: error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    if has("--list") {
        // A test runner asks for the names of tests.
        return Ok(());
    }
    // Only `cargo bench` says `--bench`. Other words are then for test harnesses.
    if !has("--bench") || has("--test") {
        println!("only a smoke run: `cargo bench -p standin-benches --bench plain` measures");
        let samples = samples(1, SMOKE)?;
        println!("{} of {} ran", samples.len(), WORK.len());
        return Ok(());
    }
    let rounds = asked::rounds(&words, 201)?;
    let samples = samples(rounds, 1)?;
    println!("On OS threads, in {rounds} rounds; at most {BOUND} x std is the aim.\n");
    println!("| | std, ns | standin, ns | x std | min..max |");
    println!("|---|---:|---:|---:|---:|");
    WORK.iter()
        .zip(&samples)
        .for_each(|(work, samples)| report(work, samples));
    Ok(())
}

/// By work.
fn samples(rounds: usize, divisor: u64) -> Result<Vec<Samples>> {
    let mut samples: Vec<Samples> = WORK.iter().map(|_| Samples::default()).collect();
    for round in 0..rounds {
        for (index, (work, of_work)) in WORK.iter().zip(&mut samples).enumerate() {
            let n = (work.n / divisor).max(2);
            let mut std = || {
                on_std::bodies::ALL[index](n).map(|seconds| of_work.std.push(seconds / n as f64))
            };
            let mut standin = || {
                let seconds = on_standin::bodies::ALL[index](n);
                seconds.map(|seconds| of_work.standin.push(seconds / n as f64))
            };
            let both = match round % 2 {
                0 => std().and_then(|()| standin()),
                _ => standin().and_then(|()| std()),
            };
            both.map_err(|error| format!("{}: {error}", work.what))?;
        }
    }
    Ok(samples)
}

fn report(work: &Work, samples: &Samples) {
    let ratios = samples
        .standin
        .iter()
        .zip(&samples.std)
        .map(|(own, std)| own / std);
    let ratios = sorted(ratios);
    let nanoseconds =
        |seconds: &[f64]| number(median(&sorted(seconds.iter().map(|seconds| seconds * 1e9))));
    println!(
        "| {} | {} | {} | {} | {}..{} |",
        work.what,
        nanoseconds(&samples.std),
        nanoseconds(&samples.standin),
        number(median(&ratios)),
        number(ratios.first().copied()),
        number(ratios.last().copied())
    );
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}
