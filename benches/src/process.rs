//! What the kernel knows and decides about a process: CPU time, memory, cores, descriptors.

use rustix::process::{Resource, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::time::Duration;

/// Memory of a process: what is resident, and its page tables, which are resident as well but
/// stand in no such sum.
pub(crate) struct Memory {
    pub(crate) now_kib: u64,
    pub(crate) peak_kib: u64,
}

/// # Errors
///
/// The process has ended, or `/proc` does not say.
pub(crate) fn memory(process: u32) -> io::Result<Memory> {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path)?;
    let kib = |key: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.ok_or_else(|| io::Error::other(format!("cannot measure memory: no {key} in {path}")))
    };
    let (resident, peak, tables) = (kib("VmRSS")?, kib("VmHWM")?, kib("VmPTE")?);
    Ok(Memory {
        now_kib: resident + tables,
        // The mark is brought up to date only now and then.
        peak_kib: peak.max(resident) + tables,
    })
}

/// The CPU time of a process until now, of all its threads, also of ended ones.
///
/// # Errors
///
/// The process has ended.
pub(crate) fn cpu_time(process: u32) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: the pointer is to a local of the type that the function writes.
    let error = unsafe { libc::clock_getcpuclockid(process as libc::pid_t, &mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a local of the type that the function writes.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Keeps this thread, and those that it will start, on one core: the `index`th of those that
/// it may use, counted round.
pub(crate) fn pin(index: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect();
    let mut one = CpuSet::new();
    one.set(cores[index % cores.len()]);
    Ok(sched_setaffinity(None, &one)?)
}

/// The environment variable that says how many workers a peer has.
pub(crate) const WORKERS: &str = "STANDIN_WORKERS";

/// How many workers the peer is to have; `None` leaves it to the peer.
///
/// # Errors
///
/// The environment names no number.
pub(crate) fn workers() -> io::Result<Option<usize>> {
    match std::env::var(WORKERS) {
        Ok(workers) => workers.parse().map(Some).map_err(|_| {
            io::Error::other(format!(
                "{WORKERS} is {workers:?}, and has to be a number of workers"
            ))
        }),
        Err(_) => Ok(None),
    }
}

/// Prepares a child process: as many descriptors as it may have, and no life after its parent.
pub(crate) fn prepare() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // "Unlimited" is refused for descriptors. If there are too few then, the workload says so.
    let _ = setrlimit(Resource::Nofile, limit);
    Ok(())
}
