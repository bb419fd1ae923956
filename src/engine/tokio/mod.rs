//! The engine `async`: threads that are tasks of a tokio runtime.
//!
//! A thread of this engine ([`ASYNC`](super::ASYNC)) has a stack and thread-local storage of its own, as on the green
//! engine; but what runs it is a task: each poll resumes its stack, and where it parks, it leaves its waker. Its
//! sockets use the runtime's I/O driver, its sleeps the runtime's timer, its blocking sections the runtime's blocking
//! pool. So blocking code and async code share one runtime. This needs Linux with glibc on x86-64.
//!
//! # Which runtime
//!
//! A thread is a task of
//!
//! 1. the runtime of the thread that spawned it, if that is one of this engine;
//! 2. else the runtime whose context the caller is in (`Handle::try_current`);
//! 3. else the one that the program handed over ([`set_runtime`]);
//! 4. else one that the engine makes, with a worker an available core (`STANDIN_WORKERS` overrides it).
//!
//! Any runtime will do that has its I/O and time drivers (`enable_all`), multi-thread or current-thread; where a
//! driver is missing, what needs it panics with tokio's message. A current-thread runtime runs threads only while
//! somebody is in its `block_on`, as it does tasks.
//!
//! # Inside of a thread
//!
//! The runtime's context is entered: `tokio::spawn`, `Handle::current`, tokio's sockets and timers work. A future is
//! waited for by [`block_on`](crate::block_on); the runtime polls it as one of its tasks, with a task's budget, between
//! resumptions of the thread. tokio's own `Handle::block_on` and `block_in_place` block the worker: tokio cannot tell
//! that they are called on one.
//!
//! A blocking section waits for an OS thread of the runtime's blocking pool: 512 at most, unless the runtime was built
//! otherwise, and fewer if the system grants no more. Sections that wait for each other need as many.
//!
//! # When a runtime shuts down
//!
//! Its threads, those that are parked and those that are ready, go on on the engine's own runtime, with the
//! cancellation flag up: their socket operations fail, their sleeps end, and so they leave their frames by ordinary
//! returns, and joins return. One that ignores the flag runs on. No stack is freed or unwound. A thread that waits for
//! a future of the runtime sees what the future makes of the end of its runtime (tokio's own panic, as a rule).
//!
//! # Pinned threads
//!
//! Threads of [`ASYNC_PINNED`](super::ASYNC_PINNED) share their OS thread's thread-local storage and never leave it.
//! They are tasks of current-thread runtimes that the engine makes and drives by itself. See [`accept_pinned`].

mod cache;
mod clock;
mod driver;
mod local;
mod making;
mod poller;
mod running;
mod runtimes;
mod section;
mod stacks;
mod task;

use super::fork::OnOsThread;
use super::{
    BoxedFuture, Contract, Instant, Interest, NewThread, Readiness, Registered, Sleep, SocketRef,
    Source, Spawn, fork, pinned,
};
use crate::coroutine::Kind;
use running::Running;
use standin_core::context::{self, Context as _};
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::ptr::NonNull;
use task::{Command, Polled, Task};

pub use super::pinned::accept as accept_pinned;
pub use runtimes::{default_runtime, set_runtime};

/// Threads of one kind.
pub(super) struct Tokio(Kind);

pub(super) static FREE: Tokio = Tokio(Kind::Free);
pub(super) static PINNED: Tokio = Tokio(Kind::Pinned);

/// Calls `f` if the caller is a thread of this engine.
pub(super) fn current(f: impl FnOnce(&dyn OnOsThread)) {
    Task::current(|task| {
        if let Some(task) = task {
            f(task);
        }
    });
}

/// Makes sure that the driver of the runtime around the caller, else of the default one, knows `socket`.
pub(super) fn registered(socket: SocketRef<'_>, interest: Interest) -> io::Result<Registered> {
    let runtime = runtimes::for_future()?;
    socket.registered_with(runtime.driver(), interest)
}

impl Contract for Tokio {
    fn name(&self) -> &'static str {
        match self.0 {
            Kind::Free => "async",
            Kind::Pinned => "async-pinned",
        }
    }

    fn shares_locals(&self) -> bool {
        self.0 == Kind::Pinned
    }
}

impl Sleep for Tokio {
    fn timer(&'static self, deadline: Instant) -> Option<BoxedFuture> {
        Some(Box::pin(clock::passed(deadline)))
    }
}

impl Spawn for Tokio {
    fn start(&'static self, thread: NewThread) -> io::Result<Option<std::thread::JoinHandle<()>>> {
        if fork::is_child() {
            return Err(fork::refused(self.name()));
        }
        if self.0 == Kind::Pinned {
            pinned::accepted(self.name())?;
        }
        fork::watch()?;
        let class = stacks::reserve(self.0, thread.stack_size())
            .map_err(|error| pinned::instead_of(self.name(), error))?;
        let runtime =
            runtimes::for_thread(self.0).inspect_err(|_| stacks::release(self.0, class))?;
        let task = Task::new(self.0, class, runtime, thread);
        let handle = task.runtime().handle().clone();
        task::at_home(|| drop(handle.spawn(Running::new(task))));
        // A thread that only spawns lets them run now and then: what they leave is warm for the next. Not a pinned
        // one, for which each call that may park is part of its program's promise.
        // And not where there are more of them at once than there ever were: then each of them needs a stack of its
        // own, and the next time they are all there.
        let is_free = Task::current(|task| task.is_some_and(|task| task.kind() == Kind::Free));
        if is_free && !stacks::are_outgrown(self.0, class) {
            context::progress();
        }
        Ok(None)
    }

    /// A plain task: the runtime would poll it for a thread too, which would only add a stack.
    fn start_future(&'static self, future: BoxedFuture) -> io::Result<Option<BoxedFuture>> {
        if fork::is_child() {
            return Err(fork::refused(self.name()));
        }
        if self.0 == Kind::Pinned {
            pinned::accepted(self.name())?;
        }
        let runtime = runtimes::for_thread(self.0)?;
        task::at_home(|| drop(runtime.handle().spawn(future)));
        Ok(None)
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

    /// The runtime polls the future, as one of its tasks.
    fn block_on(&self, future: Pin<&mut (dyn Future<Output = ()> + Send)>) {
        Task::current(|task| match task.filter(|task| !task.in_section.get()) {
            Some(task) => {
                // It may be ready at once, and the next one as well.
                task.progress();
                let future: Pin<&mut (dyn Future<Output = ()> + Send + '_)> = future;
                // SAFETY: only the lifetime changes: the thread is not resumed before the future is ready, and nobody
                // polls it then.
                let mut future: Polled = unsafe { std::mem::transmute(future) };
                task.suspend(Command::Poll(NonNull::from(&mut future)));
            }
            None => crate::aio::poll_here(future),
        });
    }
}

impl Readiness for Tokio {
    fn register(&self, _: BorrowedFd<'_>, _: &'static Source) -> io::Result<()> {
        unreachable!("the driver of the calling thread's runtime registers")
    }

    fn deregister(&self, _: BorrowedFd<'_>, _: &'static Source) {
        unreachable!("the driver that registered a descriptor deregisters it")
    }

    fn of_caller(&self) -> Option<&'static dyn Readiness> {
        Task::current(|task| task.map(|task| task.runtime().driver() as &dyn Readiness))
    }

    fn registered_for_future(
        &'static self,
        socket: SocketRef<'_>,
        interest: Interest,
    ) -> io::Result<Option<Registered>> {
        registered(socket, interest).map(Some)
    }
}
