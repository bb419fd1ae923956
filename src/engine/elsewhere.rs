//! A blocking section of a pinned thread: those that are pinned with it cannot follow it, so it runs on another OS
//! thread, and the thread parks meanwhile.

use standin_core::wait_queue;
use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

/// What another OS thread is to do. Dropped without having been called, it says so to the thread that waits.
pub(super) type Job = Box<dyn FnOnce() + Send>;

const WAITED_FOR: u32 = 0;
const DONE: u32 = 1;
const REFUSED: u32 = 2;

/// Runs `section` by means of `start`, which lets another OS thread call or drop what it is given.
///
/// # Errors
///
/// That of `start`; or `refused`, if the job was dropped. The section was not called then.
pub(super) fn run(
    section: &mut (dyn FnMut() + Send),
    start: impl FnOnce(Job) -> io::Result<()>,
    refused: impl FnOnce() -> io::Error,
) -> io::Result<()> {
    let state = AtomicU32::new(WAITED_FOR);
    let section: *mut (dyn FnMut() + Send + '_) = section;
    // SAFETY: only the lifetime changes: the wait below does not end before the errand is done with it.
    let section: *mut (dyn FnMut() + Send + 'static) = unsafe { std::mem::transmute(section) };
    let errand = Errand {
        section,
        state: &state,
        outcome: REFUSED,
    };
    let started = start(Box::new(move || errand.run()));
    while state.load(Acquire) == WAITED_FOR {
        let _ = wait_queue::wait(&state, WAITED_FOR, None);
    }
    started?;
    match state.load(Acquire) {
        DONE => Ok(()),
        _ => Err(refused()),
    }
}

struct Errand {
    section: *mut (dyn FnMut() + Send),
    state: *const AtomicU32,
    outcome: u32,
}

// SAFETY: the section is `Send`, and the state is an atomic; both outlive the errand, which says last of all that
// it is gone.
unsafe impl Send for Errand {}

impl Errand {
    fn run(mut self) {
        // SAFETY: alive, and used by nobody else, until the errand is dropped.
        unsafe { (*self.section)() };
        self.outcome = DONE;
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        // SAFETY: alive until it is set; the word's address alone is used afterwards.
        unsafe { (*self.state).store(self.outcome, Release) };
        wait_queue::wake(self.state, 1);
    }
}
