//! Engines: the ways of running threads, and the contract that all of them fulfil.
//!
//! A program chooses with Cargo features which engines exist, and at run time which of them
//! [`thread::spawn`](crate::thread::spawn) uses: inside a thread of an engine that engine, elsewhere the
//! process's default (see [`default`]). [`Engine::spawn`] and [`Engine::run`] are explicit.
//!
//! ```
//! use standin::{engine, thread};
//!
//! for engine in engine::all() {
//!     let sum = engine.run(|| {
//!         let threads: Vec<_> = (0..10).map(|n| thread::spawn(move || n * n)).collect();
//!         threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>()
//!     });
//!     assert_eq!(sum, 285, "on {engine}");
//! }
//! ```

mod address;
#[cfg(feature = "async")]
pub(crate) mod attempts;
#[cfg(feature = "_pinned")]
mod child;
#[cfg(doctest)]
mod compile_fail;
mod contract;
mod control;
#[cfg(feature = "_fibers")]
mod descriptors;
#[cfg(feature = "_pinned")]
mod elsewhere;
#[cfg(any(feature = "green", feature = "may"))]
mod epoll;
#[cfg(feature = "_fibers")]
mod fiber;
#[cfg(feature = "_fibers")]
mod fork;
#[cfg(feature = "green")]
pub mod green;
mod interrupt;
mod kernel;
#[cfg(feature = "may")]
pub mod may;
mod new_thread;
mod operations;
mod os_context;
#[cfg(feature = "_pinned")]
mod parking;
#[cfg(any(feature = "green", feature = "may"))]
mod permit;
#[cfg(feature = "_pinned")]
mod pinned;
pub(crate) mod pthread;
mod readiness;
mod record;
mod registry;
mod seat;
pub(crate) mod socket;
mod source;
mod threads;
#[cfg(feature = "async")]
pub mod tokio;
pub(crate) mod transfer;
#[cfg(feature = "_pinned")]
mod workers;

pub use address::Address;
pub use contract::{BoxedFuture, Contract, Sleep, Socket, Spawn};
pub use control::Control;
pub(crate) use control::Identity;
pub use new_thread::{Finished, NewThread};
pub(crate) use operations::Backoff;
#[cfg(feature = "_pinned")]
pub use pinned::accept as accept_pinned;
pub use readiness::Readiness;
pub(crate) use record::Main;
pub use registry::{all, default, named, set_default};
pub use socket::{Limit, SocketRef};
pub use source::{Interest, Registered, Source};
pub use standin_core::{Instant, context};

use crate::thread::{Builder, JoinHandle};
use std::fmt;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe, resume_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// A handle to one way of running threads.
#[derive(Clone, Copy)]
pub struct Engine(&'static dyn Contract);

/// An OS thread for each thread.
#[cfg(feature = "threads")]
pub const THREADS: Engine = OS;
/// Green threads, each with thread-local storage of its own: sound for every program. Linux with glibc on
/// x86-64; elsewhere spawning fails with an error that says so.
#[cfg(feature = "green")]
pub const GREEN: Engine = Engine(&green::FREE);
/// Green threads that share their OS thread's thread-local storage and never leave it: half the memory, but
/// spawning fails until the program made the promise of [`green::accept_pinned`].
#[cfg(feature = "green")]
pub const GREEN_PINNED: Engine = Engine(&green::PINNED);

/// Threads that are tasks of a tokio runtime, each with thread-local storage of its own: sound for every program.
/// Linux with glibc on x86-64; elsewhere spawning fails with an error that says so.
#[cfg(feature = "async")]
pub const ASYNC: Engine = Engine(&tokio::FREE);
/// Threads that are tasks of tokio runtimes of the engine's own, share their OS thread's thread-local storage and
/// never leave it: spawning fails until the program made the promise of [`tokio::accept_pinned`].
#[cfg(feature = "async")]
pub const ASYNC_PINNED: Engine = Engine(&tokio::PINNED);

/// Threads that are coroutines of the crate `may`. They share thread-local storage and move between OS threads:
/// spawning fails until the program made the promise of [`may::accept_moved`].
#[cfg(feature = "may")]
pub const MAY: Engine = Engine(&may::MOVED);
/// Threads that are coroutines of the crate `may` on a single worker, which they never leave: spawning fails until the
/// program made the promise of [`accept_pinned`].
#[cfg(feature = "may")]
pub const MAY_PINNED: Engine = Engine(&may::PINNED);

/// What serves plain OS threads, whether or not `threads` is compiled.
pub(crate) const OS: Engine = Engine(&threads::Threads);

impl Engine {
    /// A handle to an engine from outside this crate.
    pub const fn new(engine: &'static dyn Contract) -> Self {
        Self(engine)
    }

    /// The name by which [`named`] and `STANDIN_ENGINE` know it.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The operations.
    pub fn contract(self) -> &'static dyn Contract {
        self.0
    }

    /// Spawns a thread of this engine, from any context.
    ///
    /// # Errors
    ///
    /// What keeps the engine from starting it, as [`Builder::spawn`].
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Builder::new().spawn_on(self, f)
    }

    /// Runs `f` in a thread of this engine, waits for it, and returns what it returned. What `f` spawns
    /// belongs to the same engine, and goes on when `run` returns.
    ///
    /// # Panics
    ///
    /// With the panic of `f`, or if the thread could not be started.
    pub fn run<F, T>(self, f: F) -> T
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        let result = crate::thread::scope(|scope| {
            Builder::new()
                .spawn_scoped_on(self, scope, f)
                .unwrap_or_else(|error| panic!("cannot run a thread of the engine {self}: {error}"))
                .join()
        });
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// What an engine does is behind locks of its own, and no panic of a thread leaves them in disorder.
impl UnwindSafe for Engine {}
impl RefUnwindSafe for Engine {}

impl PartialEq for Engine {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Engine {}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engine").field(&self.name()).finish()
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// This process was forked after an engine with fibers had been started.
static IS_FORKED: AtomicBool = AtomicBool::new(false);

/// Whether this process was forked after an engine with fibers had been started: it is not to look at it.
#[inline]
pub(crate) fn is_forked() -> bool {
    IS_FORKED.load(Relaxed)
}

/// The engine whose operations serve the calling context.
pub(crate) fn here() -> &'static dyn Contract {
    if is_forked() {
        // No reactor came along.
        return OS.0;
    }
    Control::current(|control| control.and_then(|control| control.engine()))
        .unwrap_or(OS)
        .0
}

/// Whether the caller has an OS thread for itself: blocked, it stops nobody and takes nothing that others may need.
pub(crate) fn is_os_thread() -> bool {
    Engine(here()) == OS
}

/// Runs `section`, which may block its OS thread for long, so that the other threads of the engine go on.
///
/// On a plain OS thread, and on the engine `threads`, it is just called. While it runs, what it calls blocks
/// the OS thread. It must be `Send`: pinned green threads cannot leave their OS thread, so another one runs
/// it for them, on which [`thread::current`](crate::thread::current) and thread-locals are not theirs, and
/// which their cancellation does not reach.
///
/// # Errors
///
/// No OS thread could be had for it, or for those that go on meanwhile; it was not called.
///
/// # Panics
///
/// With the panic of `section`.
pub fn blocking<F, T>(section: F) -> io::Result<T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let mut section = Some(section);
    let mut result = None;
    here().blocking(&mut || {
        if let Some(section) = section.take() {
            result = Some(std::panic::catch_unwind(std::panic::AssertUnwindSafe(
                section,
            )));
        }
    })?;
    match result.expect("the contract says that a section that did not fail was called") {
        Ok(value) => Ok(value),
        Err(panic) => resume_unwind(panic),
    }
}

/// The error of socket operations in a thread that was cancelled. Its kind is `Other`: callers retry
/// `Interrupted`. [`is_cancelled`] recognises it.
pub fn cancelled() -> io::Error {
    io::Error::other(Cancelled)
}

/// Whether an error says that its thread was cancelled.
pub fn is_cancelled(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Cancelled>())
}

#[derive(Debug)]
struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the thread was cancelled, so its I/O ends here; return from the thread")
    }
}

impl std::error::Error for Cancelled {}
