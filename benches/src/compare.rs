//! standin beside its peers: no runtime at all (`native`), OS threads, may, tokio on both of its runtimes, Go if its compiler
//! is installed, and standin's engines `green`, `async`, their pinned kinds and `threads`, on the
//! same workloads in one run.
//!
//!     cargo bench -p standin-benches --bench compare
//!     cargo bench -p standin-benches --bench compare -- --quick
//!     cargo bench -p standin-benches --bench compare -- w1 echo --peers may,green --rounds 5
//!     cargo bench -p standin-benches --bench compare -- --large
//!     cargo bench -p standin-benches --bench compare -- --scaling
//!
//! The tables on standard output are Markdown; progress goes to standard error. The full run
//! takes less than six minutes, `--quick` less than one. `--large` is for a hundred thousand
//! threads and a million, `--scaling` for two workers beside one. `--svg FOLDER` draws plots, and
//! `--readme FILE` writes the figures into a Markdown file (`publish.rs`): `just numbers` does both. The status is 1 where a peer
//! failed or was wrong, never for a time. Under `cargo test --benches` all of it runs once at a
//! tiny size, which measures nothing but shows that it works.
//!
//! `workload.rs` says what is measured, `peers/` how each peer does it.

mod chart;
mod child;
mod delay;
mod figures;
mod load;
mod machine;
mod meter;
mod options;
mod peers;
mod process;
mod publish;
mod report;
mod results;
mod rounds;
mod workload;
mod workloads;

use options::Options;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.first() {
        Some(&child::WORD) => match child(&words[1..]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("{}{error}", child::ERROR);
                ExitCode::FAILURE
            }
        },
        _ => compare(),
    }
}

/// The process that a user starts.
fn compare() -> ExitCode {
    let runs = match options::parse() {
        Ok(runs) => runs,
        Err(error) => {
            eprintln!("compare: error: {error}");
            eprintln!("{}", options::usage());
            return ExitCode::from(2);
        }
    };
    let mut status = ExitCode::SUCCESS;
    for options in &runs {
        if let Err(error) = run(options) {
            eprintln!("compare: error: {error}");
            status = ExitCode::FAILURE;
        }
    }
    status
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    peers::prepare(options)?;
    report::head(options);
    let results = rounds::run(options);
    report::tables(options, &results);
    publish::all(options, &results)?;
    match results.iter().filter(|result| result.failed()).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} failed", results.len()).into()),
    }
}

/// A process that `child.rs` starts.
fn child(words: &[&str]) -> Result<(), Box<dyn Error>> {
    let Some((core, words)) = words.split_first() else {
        return Err("a child process without arguments".into());
    };
    process::prepare()?;
    if *core != child::ANY_CORE {
        process::pin(core.parse()?)?;
    }
    match *words {
        ["sample", peer, workload, n, port] => {
            let peer = peers::named(peer).ok_or("no such peer")?;
            let workload = workloads::named(workload).ok_or("no such workload")?;
            let sample = workload.kind.measure(peer, n.parse()?, port.parse()?)?;
            println!("{sample}");
        }
        ["echo", peer] => {
            let peer = peers::named(peer).ok_or("no such peer")?;
            peer.echo(child::listening)?;
        }
        ["load", port, server, connections, window] => {
            let window = Duration::from_millis(window.parse()?);
            let sample = load::run(port.parse()?, server.parse()?, connections.parse()?, window)?;
            println!("{sample}");
        }
        ["delay"] => {
            delay::serve(child::listening)?;
        }
        _ => return Err("wrong arguments of a child process".into()),
    }
    Ok(())
}
