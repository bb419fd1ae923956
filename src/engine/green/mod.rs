//! The green engine: green threads on a work-stealing scheduler of standin's own.
//!
//! There is a fixed number of processors, one an available core (`STANDIN_WORKERS` overrides it). A machine,
//! an OS thread, holds a processor and runs the green threads in its queues; in a blocking section it gives
//! the processor to another machine. Timers belong to the processor; readiness (epoll, edge-triggered) is one instance's
//! for all of them. `README.md` in this folder argues why no thread is lost on the way.
//!
//! # Two kinds
//!
//! *Free* threads ([`GREEN`](super::GREEN)) have thread-local storage of their own, switched together with
//! their stack. For all code they are threads, and they may move between OS threads whenever they park. This
//! needs Linux with glibc on x86-64; elsewhere spawning fails.
//!
//! *Pinned* threads ([`GREEN_PINNED`](super::GREEN_PINNED)) share their OS thread's storage and never leave
//! it. They take half the memory; see [`accept_pinned`] for what they ask of the program.
//!
//! # A fork without exec
//!
//! A child process that was forked by `fork(2)`, and not by [`std::process::Command`], has one thread, the one that
//! called it. It goes on in the child, a green thread too, with its OS thread for itself: locks, channels among the
//! child's own threads, sleeps and sockets block it. [`thread::spawn`](crate::thread::spawn) of a green thread is
//! an error there, if green threads had been started before the fork; the engine `threads` works. As after any
//! fork, a lock of the program that another thread held stays held for ever, and so does an object of this crate
//! that another thread was just in the middle of.
//!
//! # Stacks
//!
//! 192 KiB less about a page by default, with a guard of 64 KiB, and half of each for pinned threads; memory is taken as it is
//! touched.
//! [`Builder::stack_size`](crate::thread::Builder::stack_size) and `RUST_MIN_STACK` change it. A thread that
//! overflows its stack is named, and the process aborts, as in std.

mod barrier;
mod blocked;
mod capture;
mod hold;
mod idle;
mod list;
mod local;
mod machine;
mod monitor;
mod nap;
mod os_thread;
mod poller;
mod processor;
mod reactor;
mod relay;
mod reserve;
mod ring;
mod scheduler;
mod section;
mod task;
mod timers;

use super::{
    Contract, Interest, NewThread, Readiness, Registered, Sleep, SocketRef, Source, Spawn, pinned,
};
use crate::coroutine::Kind;
use crate::engine::fork::OnOsThread;
use scheduler::Scheduler;
use std::io;
use std::os::fd::BorrowedFd;
use task::Task;

pub use super::pinned::accept as accept_pinned;
pub use blocked::{Backtrace, Blocked, on_blocked};

/// Green threads of one kind.
pub(super) struct Green {
    scheduler: Scheduler,
}

pub(super) static FREE: Green = Green {
    scheduler: Scheduler::new(Kind::Free),
};
pub(super) static PINNED: Green = Green {
    scheduler: Scheduler::new(Kind::Pinned),
};

/// Calls `f` if the caller is a green thread.
pub(super) fn current(f: impl FnOnce(&dyn OnOsThread)) {
    Task::current(|task| {
        if let Some(task) = task {
            f(task);
        }
    });
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Free => "green",
        Kind::Pinned => "green-pinned",
    }
}

impl Contract for Green {
    fn name(&self) -> &'static str {
        name_of(self.scheduler.kind())
    }

    fn shares_locals(&self) -> bool {
        self.scheduler.kind() == Kind::Pinned
    }
}

impl Sleep for Green {}

impl Spawn for Green {
    fn start(&'static self, thread: NewThread) -> io::Result<Option<std::thread::JoinHandle<()>>> {
        if self.scheduler.kind() == Kind::Pinned {
            pinned::accepted(self.name())?;
        }
        self.scheduler
            .spawn(thread)
            .map(|()| None)
            .map_err(|error| pinned::instead_of(self.name(), error))
    }

    fn blocking(&self, section: &mut (dyn FnMut() + Send)) -> io::Result<()> {
        Task::current(|task| match task {
            Some(task) => section::run(task, section),
            None => {
                section();
                Ok(())
            }
        })
    }
}

impl Readiness for Green {
    fn register(&self, fd: BorrowedFd<'_>, source: &'static Source) -> io::Result<()> {
        self.scheduler.shared().reactor.register(fd, source)
    }

    fn deregister(&self, fd: BorrowedFd<'_>, _: &'static Source) {
        self.scheduler.shared().reactor.deregister(fd);
    }

    fn forgets_what_is_closed(&self) -> bool {
        true
    }

    fn registered_for_future(
        &'static self,
        _: SocketRef<'_>,
        _: Interest,
    ) -> io::Result<Option<Registered>> {
        // A future may come before the first thread.
        self.scheduler.start()?;
        Ok(None)
    }
}
