//! The runtimes whose tasks the threads of this engine are.

use super::driver::Driver;
use super::making;
use super::task::Task;
use crate::coroutine::Kind;
use crate::engine::{descriptors, workers};
use crate::switches;
use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::runtime::Handle;

/// A runtime, counted: as long as there is a member, its driver knows its handle.
pub(super) struct Member(&'static Driver);

impl Member {
    /// What serves the runtime's descriptors. It lives for ever, but may serve another runtime later.
    pub(super) fn driver(&self) -> &'static Driver {
        self.0
    }

    pub(super) fn handle(&self) -> &Handle {
        self.0.handle()
    }
}

impl Clone for Member {
    fn clone(&self) -> Self {
        // More members than addresses there cannot be.
        self.0.members.fetch_add(1, Relaxed);
        Self(self.0)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if self.0.members.fetch_sub(1, AcqRel) == 1 {
            let known = lock(&KNOWN);
            // SAFETY: the lock is held.
            let handle = unsafe { self.0.leave() };
            // Outside of the lock: it may be the last of the runtime.
            drop(known);
            drop(handle);
        }
    }
}

/// Every driver that there ever was. They are used again, for other runtimes.
static KNOWN: Mutex<Vec<&'static Driver>> = Mutex::new(Vec::new());

/// The runtime that `handle` belongs to.
fn member_of(handle: &Handle) -> Member {
    let mut known = lock(&KNOWN);
    let id = handle.id();
    // SAFETY: the lock is held.
    let same = known.iter().find(|driver| unsafe { driver.is_of(id) });
    let unused = || known.iter().find(|driver| driver.is_unused());
    let driver = match same.or_else(unused) {
        Some(driver) => *driver,
        None => {
            let driver: &'static Driver = Box::leak(Box::new(Driver::new()));
            known.push(driver);
            driver
        }
    };
    // SAFETY: the lock is held; it serves this runtime, or none.
    unsafe { driver.serve(handle) };
    driver.members.fetch_add(1, Relaxed);
    Member(driver)
}

/// The runtime for a thread that is spawned here.
pub(super) fn for_thread(kind: Kind) -> io::Result<Member> {
    if kind == Kind::Pinned {
        return home();
    }
    let of_parent = Task::current(|task| {
        let task = task.filter(|task| task.kind() == Kind::Free)?;
        Some(task.runtime().clone())
    });
    if let Some(member) = of_parent {
        return Ok(member);
    }
    let is_pinned = Task::current(|task| task.is_some());
    match Handle::try_current() {
        // The home of a pinned thread is for pinned threads.
        Ok(handle) if !is_pinned => Ok(member_of(&handle)),
        _ => default_runtime().map(member_of),
    }
}

/// The runtime whose driver serves a future that is polled here.
pub(super) fn for_future() -> io::Result<Member> {
    match Handle::try_current() {
        Ok(handle) => Ok(member_of(&handle)),
        Err(_) => default_runtime().map(member_of),
    }
}

static HANDED_OVER: OnceLock<Handle> = OnceLock::new();

/// Makes a runtime the process's default one: what [`default_runtime`] returns. For the program itself, before
/// anything asks.
///
/// It needs tokio's I/O and time drivers (`enable_all`). It has to be driven: a current-thread runtime runs only
/// while somebody is in its `block_on`.
///
/// # Errors
///
/// `AlreadyExists` if another one was handed over, or the engine has made its own.
pub fn set_runtime(handle: Handle) -> io::Result<()> {
    let _making = lock(&MAKING);
    let is_made = OWN.get().is_some() && HANDED_OVER.get().is_none();
    if !is_made && HANDED_OVER.get_or_init(|| handle.clone()).id() == handle.id() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "cannot make this tokio runtime the default one: there is one already; hand it over before the first \
         thread of the engine async is spawned, and before the first future is waited for, outside of a runtime",
    ))
}

/// The runtime for those who are in none: the one that the program handed over with [`set_runtime`], else one that
/// the engine makes now and keeps for ever, with a worker an available core (`STANDIN_WORKERS` overrides it).
///
/// # Errors
///
/// It could not be made: no descriptors, no OS threads, or `STANDIN_WORKERS` is no number of workers.
pub fn default_runtime() -> io::Result<&'static Handle> {
    match HANDED_OVER.get() {
        Some(handle) => Ok(handle),
        None => own_handle(),
    }
}

static OWN: OnceLock<Handle> = OnceLock::new();
/// Held while [`OWN`] is made, or another default.
static MAKING: Mutex<()> = Mutex::new(());

/// The engine's own runtime, which lives for ever.
pub(super) fn own() -> io::Result<Member> {
    own_handle().map(member_of)
}

fn own_handle() -> io::Result<&'static Handle> {
    if let Some(handle) = OWN.get() {
        return Ok(handle);
    }
    let _making = lock(&MAKING);
    if let Some(handle) = OWN.get() {
        return Ok(handle);
    }
    descriptors::make_room_if_alone();
    let unmade = |error| unmade("the runtime of the engine async", error);
    let handle = making::make(count_workers()?, "standin-async").map_err(unmade)?;
    Ok(OWN.get_or_init(|| handle))
}

/// The home of the next pinned thread: they take turns.
fn home() -> io::Result<Member> {
    static HOMES: OnceLock<Vec<Member>> = OnceLock::new();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let homes = match HOMES.get() {
        Some(homes) => homes,
        None => {
            let _making = lock(&MAKING);
            match HOMES.get() {
                Some(homes) => homes,
                None => {
                    let made = make_homes(count_workers()?);
                    let made = made.map_err(|error| {
                        unmade("the runtimes of the engine async-pinned", error)
                    })?;
                    HOMES.get_or_init(|| made)
                }
            }
        }
    };
    Ok(homes[NEXT.fetch_add(1, Relaxed) % homes.len()].clone())
}

/// So many homes, those of an earlier attempt among them.
fn make_homes(count: usize) -> io::Result<Vec<Member>> {
    static MADE: Mutex<Vec<Member>> = Mutex::new(Vec::new());
    descriptors::make_room_if_alone();
    let mut made = lock(&MADE);
    while made.len() < count {
        made.push(member_of(&making::make_driven("standin-async-home")?));
    }
    Ok(std::mem::take(&mut made))
}

fn count_workers() -> io::Result<usize> {
    switches::get().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    workers::workers()
}

fn unmade(what: &str, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!(
            "cannot make {what}: {error}; it takes a few descriptors and an OS thread a worker: raise the limits \
             (RLIMIT_NOFILE, `ulimit -n`; RLIMIT_NPROC, `ulimit -u`; RLIMIT_AS, `ulimit -v`), set STANDIN_WORKERS to have fewer workers, or \
             hand a runtime over with standin::engine::tokio::set_runtime"
        ),
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
