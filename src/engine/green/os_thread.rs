//! What the monitor asks the system about the OS thread of a machine.

use crate::coroutine::free;
#[cfg(target_os = "linux")]
use rustix::fs::{Mode, OFlags};
#[cfg(target_os = "linux")]
use std::ffi::CStr;
#[cfg(target_os = "linux")]
use std::io::Write;
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
        self.state() == Some(b'R')
    }

    /// The letter that the kernel has for what it does. Allocates nothing: the monitor looks also where there is no
    /// memory, and where its own first allocation would need another arena.
    fn state(&self) -> Option<u8> {
        let mut path = [0; 64];
        write!(&mut path[..], "/proc/self/task/{}/stat\0", self.thread()).ok()?;
        let path = CStr::from_bytes_until_nul(&path).ok()?;
        let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let mut line = [0; 256];
        let length = rustix::io::read(&file, &mut line).ok()?;
        // `number (name) state ...`, and the name may contain anything.
        let name_end = line[..length].iter().rposition(|&byte| byte == b')')?;
        line.get(name_end + 2).copied()
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
