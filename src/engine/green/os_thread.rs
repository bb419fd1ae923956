//! What the monitor asks the system about the OS thread of a machine.

use crate::coroutine::free;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI32, AtomicUsize};

/// An OS thread, as the system knows it. It may have ended; then nothing is known of it.
pub(super) struct Id {
    thread: AtomicI32,
    clock: AtomicI32,
    /// Its thread-local block.
    block: AtomicUsize,
}

impl Id {
    pub(super) const fn new() -> Self {
        Self {
            thread: AtomicI32::new(0),
            clock: AtomicI32::new(0),
            block: AtomicUsize::new(0),
        }
    }

    /// It is the calling one, which runs on its own thread-local block.
    pub(super) fn set(&self) {
        self.block.store(free::home(), Relaxed);
        self.set_for_system();
    }

    pub(super) fn block(&self) -> usize {
        self.block.load(Relaxed)
    }

    pub(super) fn thread(&self) -> i32 {
        self.thread.load(Relaxed)
    }
}

#[cfg(target_os = "linux")]
impl Id {
    fn set_for_system(&self) {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        self.thread.store(thread, Relaxed);
        let mut clock = 0;
        // SAFETY: the calling thread, and a place for the answer.
        let result = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &mut clock) };
        self.clock
            .store(if result == 0 { clock } else { 0 }, Relaxed);
    }

    /// The time that it has had of a core so far, in nanoseconds; 0 if that is not known.
    pub(super) fn core_time(&self) -> u64 {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // 0 is the clock of the day: no thread's.
        let clock = self.clock.load(Relaxed);
        // SAFETY: a place for the answer; a clock that there is not is an error.
        if clock == 0 || unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
            return 0;
        }
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }

    /// Whether it runs, or waits for nothing but a core; false if that is not known.
    pub(super) fn is_runnable(&self) -> bool {
        let path = format!("/proc/self/task/{}/stat", self.thread());
        // `number (name) state ...`, and the name may contain anything.
        std::fs::read_to_string(path).is_ok_and(|line| {
            line.rsplit_once(')')
                .is_some_and(|(_, rest)| rest.trim_start().starts_with('R'))
        })
    }
}

#[cfg(not(target_os = "linux"))]
impl Id {
    fn set_for_system(&self) {}

    /// The time that it has had of a core so far, in nanoseconds; 0 if that is not known.
    pub(super) fn core_time(&self) -> u64 {
        0
    }

    /// Whether it runs, or waits for nothing but a core; false if that is not known.
    pub(super) fn is_runnable(&self) -> bool {
        false
    }
}
