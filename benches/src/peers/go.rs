//! Go: a program of its own, `go/main.go`, that the Go compiler builds where it is installed.
//! The process of a sample becomes that program, which prints the sample itself.

use crate::meter::Sample;
use crate::process;
use crate::workload::{BATCH_OF_SPAWNER, CAPACITY, Kind, PIECE, Peer, SEEDS, SENDERS, SPAWNERS};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

pub(crate) const NAME: &str = "go";

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/peers/go/main.go");
/// Where Cargo lets benches keep files.
const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/standin-bench-go");

pub(super) struct Go;

/// The version of the Go compiler, if there is one.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("go").arg("version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // As in "go version go1.24.1 linux/amd64".
    let word = text.split_whitespace().nth(2)?;
    Some(word.trim_start_matches("go").to_string())
}

/// Builds the program.
pub(super) fn build() -> io::Result<()> {
    let mut command = Command::new("go");
    // Neither a module around it nor another compiler, which Go would download.
    command
        .env("GO111MODULE", "off")
        .env("GOTOOLCHAIN", "local");
    let status = command.args(["build", "-o", PROGRAM, SOURCE]).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "`go build {SOURCE}` ended with {status}"
        ))),
    }
}

/// Becomes the program, with a workload and its numbers; returns only if that fails.
fn become_program(workload: &str, numbers: &[u64]) -> io::Error {
    let mut command = Command::new(PROGRAM);
    match process::workers() {
        Ok(Some(workers)) => drop(command.env("GOMAXPROCS", workers.to_string())),
        Ok(None) => {}
        Err(error) => return error,
    }
    let numbers = numbers.iter().map(u64::to_string);
    command.arg(workload).args(numbers).exec()
}

impl Peer for Go {
    fn name(&self) -> &'static str {
        NAME
    }

    fn at_most(&self, kind: Kind) -> u64 {
        match kind {
            // It ends a process that has 10,000 OS threads.
            Kind::BlockingSleep => 5_000,
            _ => u64::MAX,
        }
    }

    fn sleep(&self, n: u64, warm_ups: u64) -> io::Result<Sample> {
        Err(become_program("sleep", &[n, warm_ups]))
    }

    fn park(&self, n: u64) -> io::Result<Sample> {
        Err(become_program("park", &[n]))
    }

    fn blocking_sleep(&self, n: u64) -> io::Result<Sample> {
        Err(become_program("blocking-sleep", &[n]))
    }

    fn spawn(&self, n: u64, at_once: u64) -> io::Result<Sample> {
        Err(become_program("spawn", &[n, at_once]))
    }

    fn spawn_from_many(&self, n: u64) -> io::Result<Sample> {
        Err(become_program(
            "spawn-from-many",
            &[n, SPAWNERS, BATCH_OF_SPAWNER],
        ))
    }

    fn yield_in_turn(&self, n: u64) -> io::Result<Sample> {
        Err(become_program("yield", &[n]))
    }

    fn channel(&self, pairs: u64, n: u64) -> io::Result<Sample> {
        Err(become_program("channel", &[n, pairs]))
    }

    fn send_to_one(&self, n: u64) -> io::Result<Sample> {
        Err(become_program(
            "send-to-one",
            &[n, SENDERS, CAPACITY as u64],
        ))
    }

    fn compute(&self, n: u64) -> io::Result<Sample> {
        Err(become_program("compute", &[n, PIECE, SEEDS]))
    }

    fn fetch(&self, n: u64, port: u16) -> io::Result<Sample> {
        Err(become_program("fetch", &[n, port.into()]))
    }

    fn echo(&self, _listening: fn(u16)) -> io::Result<()> {
        Err(become_program("echo", &[]))
    }
}
