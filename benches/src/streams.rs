//! Files and pipes of standin on every engine, beside std's on OS threads: sequential reads and
//! writes of a file that is in memory, copies, and pipes between two threads.
//!
//!     cargo bench -p standin-benches --bench streams
//!     cargo bench -p standin-benches --bench streams -- --rounds 101
//!
//! All of it in one process, in each round every piece of work, of each every peer in turn, not
//! always after the same other one. `x std` is the median of the ratios within each round. Ends
//! with status 1 if reads of a file cost more than [`BOUND`] x std's on an engine. Under `cargo
//! test --benches` each piece runs once at a tiny size, and nothing is compared.

// One body twice is what is measured.
#![allow(clippy::duplicate_mod)]

mod asked;
mod figures;
mod material;
#[path = "streams/on_standin.rs"]
mod on_standin;
#[path = "streams/on_std.rs"]
mod on_std;

use figures::{median, number};
use material::Material;
use standin::engine;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How much more sequential reads of a file may cost than std's.
const BOUND: f64 = 1.2;

/// The first one is std itself. The threads that the second one starts are of the default engine, so there an OS thread
/// and a green one talk to each other.
const PEERS: [&str; 7] = [
    "std",
    "standin, no engine's thread",
    "threads",
    "green",
    "green-pinned",
    "async",
    "async-pinned",
];

struct Work {
    what: &'static str,
    unit: &'static str,
    /// From seconds.
    value: fn(f64, &Material) -> f64,
    bound: Option<f64>,
}

/// In the order of `bodies::ALL`.
const WORK: [Work; 7] = [
    work("reads of 64 KiB, a file that is in memory", Some(BOUND)),
    work("writes of 64 KiB, a file that is in memory", None),
    work("`io::copy` from file to file", None),
    work("a pipe between two threads, in 64 KiB", None),
    Work {
        what: "a byte by a pipe to another thread, and back",
        unit: "µs a turn",
        value: |seconds, material| seconds / material.turns as f64 * 1e6,
        bound: None,
    },
    work("`io::copy` from a file to a TCP stream", None),
    work("`io::copy` from a pipe to a TCP stream", None),
];

const fn work(what: &'static str, bound: Option<f64>) -> Work {
    Work {
        what,
        unit: "µs a MiB",
        value: |seconds, material| {
            let mib = (material.bytes * material.passes) as f64 / (1 << 20) as f64;
            seconds / mib * 1e6
        },
        bound,
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("streams: error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    if has("--list") {
        // A test runner asks for the names of tests.
        return Ok(true);
    }
    accept();
    // Only `cargo bench` says `--bench`. Other words are then for test harnesses.
    if !has("--bench") || has("--test") {
        println!("only a smoke run: `cargo bench -p standin-benches --bench streams` measures");
        let samples = samples(&Arc::new(Material::new(4, 1, 10)?), 1)?;
        println!(
            "{} of {} ran",
            samples.iter().flatten().count(),
            PEERS.len() * WORK.len()
        );
        return Ok(true);
    }
    let rounds = asked::rounds(&words, 41)?;
    let material = Arc::new(Material::new(1_024, 1, 2_000)?);
    let samples = samples(&material, rounds)?;
    let held = WORK
        .iter()
        .zip(&samples)
        .map(|(work, samples)| report(work, samples, &material));
    Ok(held.filter(|held| !held).count() == 0)
}

fn accept() {
    // SAFETY: the bodies keep nothing in thread-locals, and hold no lock of std's, across a call that parks.
    unsafe { engine::accept_pinned() };
}

/// By work, peer and round.
fn samples(material: &Arc<Material>, rounds: usize) -> Result<Vec<Vec<Vec<f64>>>> {
    let mut samples = vec![vec![Vec::new(); PEERS.len()]; WORK.len()];
    for round in 0..rounds {
        if rounds > 1 {
            eprintln!("round {} of {rounds}", round + 1);
        }
        for (work, of_work) in samples.iter_mut().enumerate() {
            for n in 0..PEERS.len() {
                let peer = (round + n) % PEERS.len();
                let (what, name) = (WORK[work].what, PEERS[peer]);
                let seconds = measure(peer, work, material.clone())
                    .map_err(|error| format!("{what}, {name}: {error}"))?;
                of_work[peer].push((WORK[work].value)(seconds, material));
            }
        }
    }
    Ok(samples)
}

/// Each on a thread of its own.
fn measure(peer: usize, work: usize, material: Arc<Material>) -> Result<f64> {
    let std = on_std::bodies::ALL[work];
    let own = on_standin::bodies::ALL[work];
    let on_os_thread = |body: fn(&Material) -> Result<f64>, material: Arc<Material>| {
        let thread = std::thread::spawn(move || body(&material));
        thread.join().expect("no panic")
    };
    match PEERS[peer] {
        "std" => on_os_thread(std, material),
        name if name == PEERS[1] => on_os_thread(own, material),
        name => engine::named(name)?.run(move || own(&material)),
    }
}

/// Prints the table of one piece of work; whether its bound holds.
fn report(work: &Work, samples: &[Vec<f64>], material: &Material) -> bool {
    let mib = (material.bytes * material.passes) >> 20;
    match work.unit {
        "µs a MiB" => println!("\n## {}: {mib} MiB\n", work.what),
        _ => println!("\n## {}: {} times\n", work.what, material.turns),
    }
    println!("| peer | median, {} | x std | min..max |", work.unit);
    println!("|---|---:|---:|---:|");
    let mut held = true;
    for (peer, values) in PEERS.iter().zip(samples) {
        let ratios = values.iter().zip(&samples[0]).map(|(own, std)| own / std);
        let ratio = median(&sorted(ratios));
        let values = sorted(values.iter().copied());
        let (least, most) = (values.first().copied(), values.last().copied());
        let (middle, times) = (number(median(&values)), number(ratio));
        println!(
            "| {peer} | {middle} | {times} | {}..{} |",
            number(least),
            number(most)
        );
        if let (Some(bound), Some(ratio)) = (work.bound, ratio)
            && ratio > bound
        {
            eprintln!(
                "streams: error: {peer}: {} cost {ratio:.3} x std's, not {bound} at most",
                work.what
            );
            held = false;
        }
    }
    held
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}
