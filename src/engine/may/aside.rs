//! OS threads for blocking sections: those of a worker would stop what is queued there.

use crate::engine::elsewhere::Job;
use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an OS thread waits for another section.
const REST: Duration = Duration::from_secs(10);

struct Reserve {
    jobs: VecDeque<Job>,
    /// How many OS threads wait for a job.
    idle: usize,
}

static RESERVE: Mutex<Reserve> = Mutex::new(Reserve {
    jobs: VecDeque::new(),
    idle: 0,
});
static CAME: Condvar = Condvar::new();

/// Lets an OS thread call `job`.
///
/// # Errors
///
/// There is none for it; it was dropped.
pub(super) fn run(job: Job) -> io::Result<()> {
    let mut reserve = lock();
    if reserve.jobs.len() < reserve.idle {
        reserve.jobs.push_back(job);
        drop(reserve);
        CAME.notify_one();
        return Ok(());
    }
    drop(reserve);
    let thread = std::thread::Builder::new().name("standin-may-section".into());
    match thread.spawn(move || serve(job)) {
        Ok(_) => Ok(()),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!(
                "cannot run a blocking section of the engine may: the system grants no OS thread for it ({error}; \
                 RLIMIT_NPROC, `ulimit -u`; RLIMIT_AS, `ulimit -v`)"
            ),
        )),
    }
}

fn serve(job: Job) {
    job();
    let mut reserve = lock();
    reserve.idle += 1;
    loop {
        if let Some(job) = reserve.jobs.pop_front() {
            reserve.idle -= 1;
            drop(reserve);
            job();
            reserve = lock();
            reserve.idle += 1;
            continue;
        }
        let waited = CAME.wait_timeout(reserve, REST);
        let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        reserve = guard;
        if timeout.timed_out() && reserve.jobs.is_empty() {
            reserve.idle -= 1;
            return;
        }
    }
}

fn lock() -> MutexGuard<'static, Reserve> {
    RESERVE.lock().unwrap_or_else(PoisonError::into_inner)
}
