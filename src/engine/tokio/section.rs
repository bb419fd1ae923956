//! Blocking sections, on OS threads of the runtime's blocking pool.
//!
//! A free thread goes there itself, stack and thread-local block and all, and stays until it next leaves its stack:
//! several sections in a row take one move. A pinned thread stays, and its section alone goes.

use super::running;
use super::task::{Command, Task};
use crate::coroutine::Kind;
use crate::engine::os_context::OsContext;
use crate::engine::record::Placed;
use crate::engine::{elsewhere, fork};
use standin_core::context::{self, Context};
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

/// Runs `section` as the contract says.
pub(super) fn run(task: &Task, section: &mut (dyn FnMut() + Send)) -> io::Result<()> {
    if task.in_section.get() {
        // This OS thread may be blocked.
        section();
        return Ok(());
    }
    match task.kind() {
        Kind::Free => here(task, section),
        Kind::Pinned => elsewhere::run(section, |job| start(task, job), refused),
    }
}

fn here(task: &Task, section: &mut (dyn FnMut() + Send)) -> io::Result<()> {
    if !task.is_aside.get() {
        task.suspend(Command::Section);
        if !task.is_aside.get() {
            return Err(refused());
        }
    }
    let own = OsContext::new(task.control().clone());
    task.in_section.set(true);
    // A cancellation wakes whatever the thread parks by: in the section, that is the OS thread.
    task.control().bind(own.waker());
    let as_context: NonNull<dyn Context> = NonNull::from(&own as &dyn Context);
    // SAFETY: the context lives until it is replaced, and describes this thread until then.
    let before = unsafe { context::replace(Some(as_context)) };
    section();
    if fork::is_child() {
        // It was not when the section began, or the thread would be in a longer one.
        fork::live_on(task.control());
        return Ok(());
    }
    // SAFETY: the thread's own context, which was there before.
    unsafe { context::replace(before) };
    task.control().bind(task.waker());
    task.in_section.set(false);
    Ok(())
}

fn refused() -> io::Error {
    io::Error::new(
        io::ErrorKind::WouldBlock,
        "cannot run a blocking section: the tokio runtime has no OS thread for it, because it shuts down or because \
         the system grants no more of them (RLIMIT_NPROC, `ulimit -u`; RLIMIT_AS, `ulimit -v`)",
    )
}

/// Lets the blocking pool of the thread's runtime call or drop `job`.
fn start(task: &Task, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let handle = task.runtime().handle();
    // It panics if the system grants no OS thread and there is none; the job is dropped then.
    catch_unwind(AssertUnwindSafe(|| drop(handle.spawn_blocking(job)))).map_err(|_| refused())
}

/// A thread that runs on an OS thread of the blocking pool, as the future that polls it sees it.
pub(super) struct Aside {
    state: AtomicU8,
    /// Why it left its stack: of the job until the state is `STOPPED`, of whoever has the thread afterwards.
    command: Cell<Option<Command>>,
}

/// It runs, or is about to.
const RUNS: u8 = 0;
/// It has left its stack.
const STOPPED: u8 = 1;
/// As `RUNS`, and no future polls it any more.
const ABANDONED: u8 = 2;

// SAFETY: the comment on the cell says who uses it, and the state's release and acquire order the two.
unsafe impl Sync for Aside {}
// SAFETY: as above; the future in a command is `Send`.
unsafe impl Send for Aside {}

impl Aside {
    /// Resumes the thread, which the caller has, on another OS thread. Where there is none it stops at once, and
    /// finds that it is not there.
    pub(super) fn start(task: &Placed<Task>) -> Arc<Self> {
        let aside = Arc::new(Self {
            state: AtomicU8::new(RUNS),
            command: Cell::new(None),
        });
        let job = Job(Some((task.clone(), aside.clone())));
        let _ = start(task, move || job.run());
        aside
    }

    /// Why the thread stopped; the caller has it then. `None` while it runs: it wakes its poller when it stops.
    pub(super) fn take(&self) -> Option<Command> {
        (self.state.load(Acquire) == STOPPED)
            .then(|| self.command.take())
            .flatten()
    }

    /// As [`take`](Self::take), by a future that goes: where the thread still runs, the job sees to it afterwards.
    pub(super) fn abandon(&self) -> Option<Command> {
        match self
            .state
            .compare_exchange(RUNS, ABANDONED, AcqRel, Acquire)
        {
            Ok(_) => None,
            Err(_) => self.command.take(),
        }
    }
}

/// What the blocking pool runs, or drops.
struct Job(Option<(Placed<Task>, Arc<Aside>)>);

// SAFETY: a free thread may be resumed by any OS thread.
unsafe impl Send for Job {}

impl Job {
    fn run(mut self) {
        if let Some((task, aside)) = self.0.take() {
            task.is_aside.set(true);
            task.begin_turn();
            // SAFETY: the future gave the thread to this job; it has run before, so it is bound.
            let command = unsafe { task.resume() };
            stopped(task, &aside, command);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some((task, aside)) = self.0.take() {
            // It goes on where it was.
            stopped(task, &aside, Command::Yield);
        }
    }
}

fn stopped(task: Placed<Task>, aside: &Aside, command: Command) {
    aside.command.set(Some(command));
    match aside.state.swap(STOPPED, AcqRel) {
        ABANDONED => running::rescue(task, command),
        _ => task.wake_poller(),
    }
}
