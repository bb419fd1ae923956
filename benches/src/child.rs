//! Child processes: each sample is taken in one of its own, so that no peer finds memory,
//! threads or file descriptors that another one left.
//!
//! A child is this same program with other arguments (see `compare.rs`); it says what it has
//! to say in lines on its standard output. Every wait for a child has a time limit.

use crate::meter::Sample;
use crate::process;
use crate::workload::{Kind, Peer, Size, Workload};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long the client of `echo` counts requests, by size, in milliseconds.
const WINDOW: [u64; 3] = [1_500, 400, 20];
const LISTENING: &str = "listening ";
/// How a child's last line begins that could not do its work.
pub(crate) const ERROR: &str = "error: ";
/// The first argument of every child.
pub(crate) const WORD: &str = "child";
/// The second one, where the child may use every core.
pub(crate) const ANY_CORE: &str = "any";

/// Who does the work: a peer, and how many workers it has; `None` leaves it to the peer.
#[derive(Clone, Copy)]
pub(crate) struct Contestant {
    pub(crate) peer: &'static dyn Peer,
    pub(crate) workers: Option<usize>,
}

impl Contestant {
    /// Takes one sample, with the servers and clients that it needs.
    ///
    /// # Errors
    ///
    /// What kept the peer from it, also that it took longer than `limit`.
    pub(crate) fn sample(
        &self,
        workload: &Workload,
        size: Size,
        limit: Duration,
    ) -> io::Result<Sample> {
        let end = Instant::now() + limit;
        let n = self.count(workload, size).to_string();
        let client_core = workload.core.map(|core| core + 1);
        let line = match workload.kind {
            Kind::Echo => {
                let mut server = self.start(workload, &["echo", self.peer.name()])?;
                let port = server.port(end)?;
                let window = WINDOW[size as usize].to_string();
                let process = server.0.id().to_string();
                Child::start(client_core, None, &["load", &port, &process, &n, &window])?
                    .end(end)?
            }
            Kind::Fetch => {
                let mut server = Child::start(client_core, None, &["delay"])?;
                let port = server.port(end)?;
                self.start(
                    workload,
                    &["sample", self.peer.name(), workload.name, &n, &port],
                )?
                .end(end)?
            }
            _ => self
                .start(
                    workload,
                    &["sample", self.peer.name(), workload.name, &n, "0"],
                )?
                .end(end)?,
        };
        line.trim_end().parse()
    }

    /// How many things it does.
    pub(crate) fn count(&self, workload: &Workload, size: Size) -> u64 {
        workload.size(size).min(self.peer.at_most(workload.kind))
    }

    /// Starts its process.
    fn start(&self, workload: &Workload, words: &[&str]) -> io::Result<Child> {
        let core = match self.workers {
            Some(1) if !self.peer.has_workers() => Some(0),
            _ => workload.core,
        };
        Child::start(core, self.workers, words)
    }
}

/// What a server child prints when it listens.
pub(crate) fn listening(port: u16) {
    println!("{LISTENING}{port}");
}

/// A child process. It is killed when this is dropped.
struct Child(std::process::Child);

impl Child {
    /// With the environment of this process, but for the number of workers.
    fn start(core: Option<usize>, workers: Option<usize>, words: &[&str]) -> io::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        if let Some(workers) = workers {
            command.env(process::WORKERS, workers.to_string());
        }
        let child = command
            .arg(WORD)
            .arg(core.map_or(ANY_CORE.to_string(), |core| core.to_string()))
            .args(words)
            // With all mappings taken, printing a backtrace can wait for itself.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Child(child))
    }

    /// The port that the child listens on, as text.
    fn port(&mut self, end: Instant) -> io::Result<String> {
        let mut output = String::new();
        while !output.ends_with('\n') {
            if self.read(&mut output, end)? == 0 {
                return Err(io::Error::other("a server ended before it listened"));
            }
        }
        match output.trim_end().strip_prefix(LISTENING) {
            Some(port) => Ok(port.to_string()),
            None => Err(io::Error::other(format!("a server said {output:?}"))),
        }
    }

    /// Waits for the child's end; what it printed.
    fn end(mut self, end: Instant) -> io::Result<String> {
        let mut output = String::new();
        while self.read(&mut output, end)? > 0 {}
        let status = self.0.wait()?;
        match output.strip_prefix(ERROR) {
            Some(error) => Err(io::Error::other(error.trim_end())),
            None if status.success() => Ok(output),
            None => Err(io::Error::other(format!("the process ended with {status}"))),
        }
    }

    /// Appends what the child prints next; 0 when it will print nothing more.
    fn read(&mut self, output: &mut String, end: Instant) -> io::Result<usize> {
        let Some(stdout) = self.0.stdout.as_mut() else {
            return Ok(0);
        };
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut descriptors = [PollFd::new(&*stdout, PollFlags::IN)];
        if poll(&mut descriptors, Some(&timeout))? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "did not end in the time allowed",
            ));
        }
        let mut bytes = [0; 1024];
        let length = stdout.read(&mut bytes)?;
        output.push_str(&String::from_utf8_lossy(&bytes[..length]));
        Ok(length)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // An error says that it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
