//! The engine `may`: threads that are coroutines of the crate [`may`].
//!
//! For a program that runs on `may` already, and wants code in std's shapes beside its coroutines. A thread of this
//! engine is a coroutine of may's scheduler: it is spawned, parked and made ready by may, on may's workers. Its sockets
//! are registered with an epoll instance of the engine's, for which one coroutine waits by [`may::io::WaitIo`]; so its
//! I/O is waited for by may's own workers. Its deadlines are on a timer thread of the engine's.
//!
//! This module is the user's documentation; `README.md` in this folder says why no thread is lost, and what of may is
//! relied on.
//!
//! # Two forms, of which a process has one
//!
//! may's coroutines share the thread-local storage of the OS thread that they run on. Both forms are an `unsafe` choice,
//! and neither is ever a default: `STANDIN_ENGINE=may` is an error until the program has made it.
//!
//! - [`MAY`](super::MAY): as many workers as may has, and whoever has nothing to do takes a coroutine from another. A
//!   thread that has begun may go on on another OS thread after any call that parks. See [`accept_moved`].
//! - [`MAY_PINNED`](super::MAY_PINNED): may has one worker, and no thread ever leaves it. It asks for the promise of
//!   pinned threads alone, [`accept_pinned`](super::accept_pinned).
//!
//! may has one scheduler in a process, which is configured before it starts. `may-pinned` makes it start with one worker.
//! Once the program has called [`accept_moved`], or has started may with more workers by itself, `may-pinned` cannot be
//! used any more: an error says so. `may` can be used with whatever number of workers may has; `STANDIN_WORKERS` sets it
//! where this engine is the one that starts may, else `may::config().set_workers` does.
//!
//! # How it is known that a pinned thread never moves
//!
//! may 0.3 resumes a coroutine on one of its workers, on its timer thread after a wait with a timeout of may's own, and
//! on whichever OS thread calls `spawn_local`. The engine uses neither timeouts of may's nor `spawn_local`, so with one
//! worker that worker remains. When the engine starts it lets coroutines run for every number of a worker, and they have
//! to run on one OS thread. And each time that a thread of `may-pinned` begins or goes on it compares the OS thread with
//! the one before: the process is aborted if they differ, before any other code runs. `tests/may.rs` lets thousands of
//! threads park in every way and counts the moves: there are some on `may`, and none on `may-pinned`.
//!
//! So a thread of `may-pinned` must not wait with a timeout by may itself (`may::coroutine::sleep`, `park_timeout`, the
//! timeouts of may's sockets and channels): it would be on may's timer thread afterwards, and the process is aborted at
//! the next call of standin that parks.
//!
//! # Stacks
//!
//! [`Builder::stack_size`](crate::thread::Builder::stack_size), else `RUST_MIN_STACK`, else what the program told may
//! (`may::config().set_stack_size`, in words), else 192 KiB as on the other engines: may's own default of 32 KiB is too
//! little for what std does when it prints a backtrace. may keeps a stack for the next coroutine only if it has the size
//! of its configuration; the others are mapped and unmapped each time. So a program that spawns much tells may, before
//! may starts: `may::config().set_stack_size(0x6000)` is 192 KiB.
//!
//! The guard is one page, and a larger frame can reach over it. An overflow that is caught ends the process: by may,
//! with the exit code 1, if the last words of the stack were written, and else by the engine, which aborts and names the
//! thread. A thread that used its stack to the last words, but no further, ends the process too when it ends.
//!
//! Each stack takes two mappings, so a process has about 32,500 threads at the default `vm.max_map_count` of 65,530; a
//! spawn beyond that is an error.
//!
//! # What else is different from the engines of standin's own
//!
//! - may pins its workers to cores, unless the program calls `may::config().set_worker_pin(false)`, and they look for work
//!   every 10 ms (`may::config().set_timeout_ns`).
//! - A worker that computes, or that is blocked, stops what is queued there. Blocking sections
//!   ([`engine::blocking`](super::blocking)) run on OS threads of the engine's.
//! - `thread_local!` of std, `std::thread::current()`, `errno` and the count of panics are the OS thread's.
//!   [`standin::thread_local!`](crate::thread_local) and [`thread::current`](crate::thread::current) are the thread's.
//! - A coroutine that was not spawned by standin is to standin a plain OS thread: its calls block a worker.
//! - The coroutine of a thread must not be cancelled by may's `Coroutine::cancel`: may cancels by a panic, at a place where
//!   std's promises exclude one. [`JoinHandle::thread`](crate::thread::JoinHandle::thread) has `cancel`, which raises
//!   a flag.
//! - A fork without `exec` leaves the child the thread that called it, with its OS thread for itself, and no more threads
//!   can be spawned on this engine there.

mod aside;
mod current;
mod scheduler;
mod stack;
mod thread;
mod timers;

use super::permit::Permit;
use super::{
    Contract, Interest, NewThread, Readiness, Registered, Sleep, SocketRef, Source, Spawn, child,
    elsewhere, pinned,
};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use thread::Thread;

/// Threads of one form.
pub(super) struct May(Form);

pub(super) static MOVED: May = May(Form::Moved);
pub(super) static PINNED: May = May(Form::Pinned);

/// Whether a thread that has begun may go on on another OS thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Moved,
    Pinned,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Moved => "may",
            Self::Pinned => "may-pinned",
        }
    }
}

static MOVED_ACCEPTED: AtomicBool = AtomicBool::new(false);

/// Allows threads of the engine [`MAY`](super::MAY) in this process. They share thread-local storage as pinned threads
/// do, and go on on another OS thread, with other thread-locals, after any call that parks.
///
/// The promise is about all code that runs in such a thread, and so about each child: what a thread of this engine spawns
/// ([`thread::spawn`](crate::thread::spawn), a scope, a pool of a library that uses standin) is a thread of this engine
/// too.
///
/// # Safety
///
/// In this program no code that runs in a thread of the engine `may`
///
/// - does anything that [`accept_pinned`](super::accept_pinned) forbids to pinned threads: keeps a pointer or reference
///   through a thread-local across a call that parks, holds a lock that standin does not know across one, waits for
///   another thread by anything that standin does not know, or parks while it unwinds;
/// - keeps across a call that parks what belongs to its OS thread: the address of a thread-local, `errno`, a guard that
///   must be dropped where it was made (a lock of std's or of `parking_lot`, an entered runtime or span), a handle of a C
///   library that may be used by one thread alone, or any other value that is not `Send`, if the OS thread that uses it
///   makes a difference;
/// - relies on a thread-local that it wrote before a call that parks to be there after it. That holds for the compiler as
///   well: a function that uses one thread-local of std's before and after such a call may have computed its address once.
///   So the two uses stand in different functions, which are not inlined. Values of standin's own
///   [`thread_local!`](crate::thread_local) belong to the thread, and are exempt from all of this.
pub unsafe fn accept_moved() {
    MOVED_ACCEPTED.store(true, Release);
}

/// Whether the program may use the engine with this name, which is one of this module's.
pub(super) fn accepted(name: &str) -> io::Result<()> {
    let moved = MOVED_ACCEPTED.load(Acquire);
    if name == Form::Pinned.name() {
        pinned::accepted(name)?;
        // Where it runs with one worker already it goes on.
        return match scheduler::has_one_worker().unwrap_or(!moved) {
            true => Ok(()),
            false => Err(scheduler::several_workers()),
        };
    }
    if moved {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "cannot use may: its threads move between OS threads and share their thread-local storage, so the program has \
         to promise first, by calling standin::engine::may::accept_moved, that nothing in it minds; the engine \
         may-pinned needs the promise of pinned threads alone, and green, async and threads need none",
    ))
}

impl Contract for May {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn shares_locals(&self) -> bool {
        true
    }
}

impl Sleep for May {}

impl Spawn for May {
    fn start(&'static self, thread: NewThread) -> io::Result<Option<std::thread::JoinHandle<()>>> {
        if scheduler::is_child() {
            return Err(child::refused(self.name()));
        }
        accepted(self.name())?;
        scheduler::start(self.0)?;
        Thread::spawn(self.0, thread)?;
        Ok(None)
    }

    fn blocking(&self, section: &mut (dyn FnMut() + Send)) -> io::Result<()> {
        if current::thread().is_none() || scheduler::is_child() {
            section();
            return Ok(());
        }
        let _permit = Permit::acquire();
        elsewhere::run(section, aside::run, || {
            unreachable!("an OS thread for sections runs what it is given")
        })
    }
}

impl Readiness for May {
    fn register(&self, fd: BorrowedFd<'_>, source: &'static Source) -> io::Result<()> {
        scheduler::reactor().register(fd, source)
    }

    fn deregister(&self, fd: BorrowedFd<'_>, _: &'static Source) {
        scheduler::reactor().deregister(fd);
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
        accepted(self.name())?;
        scheduler::start(self.0)?;
        Ok(None)
    }
}
