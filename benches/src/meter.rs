//! What one measurement takes: wall time, CPU time, memory. And how a sample travels from
//! the process that took it to the one that reports it: as one line of text.

use crate::process;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// What was measured of `count` things.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    /// Seconds of CPU of the whole process of the peer, user and system.
    pub(crate) cpu: f64,
    /// How much the process grew: resident memory at its peak, and page tables.
    pub(crate) memory_kib: u64,
    pub(crate) count: u64,
    /// In `echo`, connections that had no answer while it was measured.
    pub(crate) silent: u64,
}

impl Sample {
    /// Seconds a thing.
    pub(crate) fn each(&self) -> f64 {
        self.seconds / self.count as f64
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sample {
            seconds,
            cpu,
            memory_kib,
            count,
            silent,
        } = self;
        write!(f, "sample {seconds} {cpu} {memory_kib} {count} {silent}")
    }
}

impl FromStr for Sample {
    type Err = io::Error;

    fn from_str(line: &str) -> io::Result<Sample> {
        let fields: Option<Vec<f64>> = line.strip_prefix("sample ").and_then(|fields| {
            let numbers = fields.split_whitespace().map(|field| field.parse().ok());
            numbers.collect()
        });
        match fields.as_deref() {
            Some([seconds, cpu, memory_kib, count, silent]) => Ok(Sample {
                seconds: *seconds,
                cpu: *cpu,
                memory_kib: *memory_kib as u64,
                count: *count as u64,
                silent: *silent as u64,
            }),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("expected a sample from a child process, found {line:?}"),
            )),
        }
    }
}

/// A measurement that runs, of this process or of another one.
pub(crate) struct Meter {
    process: u32,
    memory_kib: u64,
    cpu: Duration,
    start: Instant,
}

impl Meter {
    /// Begins to measure this process.
    pub(crate) fn start() -> io::Result<Meter> {
        // Sets the kernel's mark of the most resident memory back to what there is now.
        // Where that is not allowed, the mark of the start-up stands, which is nearly the same.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Meter::start_of(std::process::id())
    }

    /// Begins to measure another process.
    pub(crate) fn start_of(process: u32) -> io::Result<Meter> {
        Ok(Meter {
            process,
            memory_kib: process::memory(process)?.now_kib,
            cpu: process::cpu_time(process)?,
            start: Instant::now(),
        })
    }

    /// Ends it, after `count` things were done.
    pub(crate) fn stop(self, count: u64) -> io::Result<Sample> {
        let seconds = self.start.elapsed().as_secs_f64();
        let cpu = process::cpu_time(self.process)?.saturating_sub(self.cpu);
        let peak = process::memory(self.process)?.peak_kib;
        Ok(Sample {
            seconds,
            cpu: cpu.as_secs_f64(),
            memory_kib: peak.saturating_sub(self.memory_kib),
            count,
            silent: 0,
        })
    }
}
