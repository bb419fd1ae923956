//! Finds out that a test hangs, which is how a lost wake-up shows, and says where.

use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::fs;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Nothing takes nearly as long: who is not done by then hangs.
pub(super) const HANGS: Duration = Duration::from_secs(300);

/// Ends the process, with a report, if it is not dropped in time.
pub(crate) struct Watch {
    _done: Sender<()>,
}

pub(crate) fn watch(test: &'static str) -> Watch {
    let (done, ended) = channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(HANGS) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{test} hangs: {}", state_of(std::process::id()));
            std::process::abort();
        }
    });
    Watch { _done: done }
}

/// Returns once `condition` holds of a child process, from an OS thread. If it never does, the child is ended, and what
/// it waited for is said.
pub(crate) fn until(child: u32, mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        if since.elapsed() >= HANGS {
            let state = state_of(child);
            let child = child.try_into().ok().and_then(Pid::from_raw);
            let _ = kill_process(child.expect("a process has a number"), Signal::KILL);
            panic!("the child hangs: {state}");
        }
        std::thread::yield_now();
    }
}

/// What the threads of a process wait for.
pub(super) fn state_of(process: u32) -> String {
    let mut state = String::new();
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return "it is gone".to_owned();
    };
    for thread in threads.flatten() {
        let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let (name, place, call) = (read("comm"), read("wchan"), read("syscall"));
        let _ = write!(
            state,
            "\n  {} in {place}, system call {}",
            name.trim(),
            call.trim()
        );
    }
    state
}
