//! standin beside its peers: OS threads, may, tokio on both of its runtimes, and standin's
//! engines `green`, `async`, their pinned kinds and `threads`, on the same workloads in one run.
//!
//!     cargo bench -p standin-benches --bench compare
//!     cargo bench -p standin-benches --bench compare -- --quick
//!     cargo bench -p standin-benches --bench compare -- w1 echo --peers may,green --rounds 5
//!
//! The tables on standard output are Markdown; progress goes to standard error. The full run
//! takes less than six minutes, `--quick` less than one. Under `cargo test --benches` all of
//! it runs once at a tiny size, which measures nothing but shows that it works.
//!
//! `workload.rs` says what is measured, `peers/` how each peer does it.

mod child;
mod delay;
mod figures;
mod load;
mod meter;
mod options;
mod peers;
mod process;
mod report;
mod rounds;
mod workload;

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
    match options::parse() {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(options)) => {
            report::head(&options);
            let results = rounds::run(&options);
            report::tables(&options, &results);
            match results.iter().any(|result| result.failed()) {
                true => ExitCode::FAILURE,
                false => ExitCode::SUCCESS,
            }
        }
        Err(error) => {
            eprintln!("compare: error: {error}");
            eprintln!("{}", options::usage());
            ExitCode::from(2)
        }
    }
}

/// A process that `child.rs` starts.
fn child(words: &[&str]) -> Result<(), Box<dyn Error>> {
    process::prepare()?;
    match *words {
        ["sample", peer, workload, n, port] => {
            let peer = peers::named(peer).ok_or("no such peer")?;
            let workload = workload::named(workload).ok_or("no such workload")?;
            if let Some(core) = workload.core {
                process::pin(core)?;
            }
            let sample = workload.kind.measure(peer, n.parse()?, port.parse()?)?;
            println!("{sample}");
        }
        ["echo", peer] => {
            process::pin(0)?;
            let peer = peers::named(peer).ok_or("no such peer")?;
            peer.echo(child::listening)?;
        }
        ["load", port, server, connections, window] => {
            process::pin(1)?;
            let window = Duration::from_millis(window.parse()?);
            let sample = load::run(port.parse()?, server.parse()?, connections.parse()?, window)?;
            println!("{sample}");
        }
        ["delay"] => {
            process::pin(1)?;
            delay::serve(child::listening)?;
        }
        _ => return Err("wrong arguments of a child process".into()),
    }
    Ok(())
}
