//! The project's side of a benchmark against its peers, over one small protocol.
//!
//!     bench --engine green|async|threads|green-pinned|async-pinned|may-pinned|may WORKLOAD [N [PORT]]
//!
//! A task workload prints one line of JSON; a server prints `LISTENING PORT` and ends by
//! itself after `BENCH_MAX_S` seconds (120). `tasks.rs` and `servers.rs` say what each does.
//!
//! The code is what a user would write on std: no workload knows the engine that it is on.

#[path = "../common/descriptors.rs"]
mod descriptors;
#[path = "../common/engines.rs"]
mod engines;
mod meter;
mod servers;
mod tasks;

use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: error: {error}");
            eprintln!(
                "usage: bench --engine {} WORKLOAD [N [PORT]]",
                engines::names().join("|")
            );
            eprintln!("tasks: w1 w1warm park w2 w3spawn w3yield w3chan w6; servers: echo http");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let mut engine = engines::names()[0].to_string();
    if words.first().is_some_and(|word| word == "--engine") {
        words.remove(0);
        engine = (!words.is_empty())
            .then(|| words.remove(0))
            .ok_or("--engine needs a name")?;
    }
    let workload = words.first().ok_or("which workload?")?.clone();
    let number = |i: usize, what: &str| match words.get(i) {
        None => Ok(None),
        Some(word) => match word.parse::<u64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("{what} {word:?} is not a number")),
        },
    };
    let (n, port) = (number(1, "N")?, number(2, "PORT")?);

    descriptors::raise_limit();
    if let Some(server) = servers::named(&workload) {
        return Ok(engines::run(&engine, server)??);
    }
    let (default, task) = tasks::named(&workload).ok_or("there is no such workload")?;
    let task = tasks::Task {
        name: engine.clone(),
        n: n.unwrap_or(default),
        port: port.map(u16::try_from).transpose()?,
        run: task,
    };
    engines::run(&engine, move || task.run())?;
    Ok(())
}
