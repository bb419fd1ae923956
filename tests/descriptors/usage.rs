//! Whether threads that wait use processor time.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// How much the thread that measures uses meanwhile.
const REFERENCE: Duration = Duration::from_millis(100);

/// More than an OS thread uses between two waits that tries something again, and waits again, though nothing of
/// what it needs is in a cache any more.
const AN_ATTEMPT: Duration = Duration::from_micros(150);

/// Keeps this OS thread busy for a while, and says whether the rest of the process waited meanwhile.
///
/// A thread that tries again and again gets as much of the machine as this one, however busy the machine is, and
/// never gives it up by itself; one that waits gets next to nothing. One that tries again after a pause gets more
/// the longer this takes on a busy machine, but with a wait for each attempt. For processes of their own.
pub(crate) fn others_wait() -> Result<(), String> {
    let (all, own) = (used(ClockId::ProcessCPUTime), used(ClockId::ThreadCPUTime));
    let before = waits();
    let mut by_this = Duration::ZERO;
    while by_this < REFERENCE {
        by_this = used(ClockId::ThreadCPUTime) - own;
    }
    let by_others = (used(ClockId::ProcessCPUTime) - all).saturating_sub(by_this);
    let waits = waits() - before;
    if by_others < REFERENCE / 4 || by_others < waits * AN_ATTEMPT {
        Ok(())
    } else {
        Err(format!(
            "threads that wait used {by_others:?} between {waits} waits, while one that does not used {by_this:?}"
        ))
    }
}

fn used(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        time.tv_sec.try_into().expect("time passes"),
        time.tv_nsec.try_into().expect("less than a second"),
    )
}

/// How often the threads of this process have given up their processor to wait for something.
fn waits() -> u32 {
    // SAFETY: zeros are a valid value, and the pointer is to it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0);
        usage
    };
    usage.ru_nvcsw.try_into().expect("not that often in a test")
}
