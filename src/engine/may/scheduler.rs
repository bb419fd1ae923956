//! may's scheduler, of which there is one in a process: how it is configured and started, and what the engine adds to
//! it.

use super::thread::message;
use super::{Form, current, timers};
use crate::engine::epoll::{self, Epoll};
use crate::engine::{IS_FORKED, MAY, child, workers};
use crate::sync::{Mutex, OnceLock};
use crate::thread::panic_hook;
use may::config;
use may::coroutine::{self, Builder};
use may::io::{CoIo, WaitIo};
use rustix::event::epoll::Event;
use standin_core::{fork, wait_queue};
use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

struct Started {
    reactor: &'static Epoll,
    /// The OS thread of the one worker; 0 if there are several.
    home: usize,
}

static STARTED: OnceLock<Started> = OnceLock::new();

/// Starts may, if it has not been started yet, and what the engine adds to it.
///
/// # Errors
///
/// The environment is wrong, the system grants too few OS threads, descriptors or mappings; or `form` needs one worker,
/// and there are more.
pub(super) fn start(form: Form) -> io::Result<()> {
    let started = match STARTED.get() {
        Some(started) => started,
        None => first_start(form)?,
    };
    if form == Form::Pinned && started.home == 0 {
        return Err(several_workers());
    }
    Ok(())
}

pub(super) fn several_workers() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "cannot use may-pinned: its threads need may to have one worker, and it has more in this process, or may have: the \
         program called engine::may::accept_moved, or started may by itself; use the engine may, or let may-pinned start it",
    )
}

/// Whether may has one worker; `None` if it was not started by the engine.
pub(super) fn has_one_worker() -> Option<bool> {
    STARTED.get().map(|started| started.home != 0)
}

/// The OS thread of the one worker; 0 if there are several.
pub(super) fn home() -> usize {
    STARTED.get().map_or(0, |started| started.home)
}

/// For what an engine that has been started is asked.
pub(super) fn reactor() -> &'static Epoll {
    STARTED
        .get()
        .expect("descriptors are registered by threads, or after a start")
        .reactor
}

/// Wakes whoever the kernel has something for.
pub(super) fn look() {
    take_all(reactor(), &mut Vec::new());
}

fn take_all(reactor: &Epoll, events: &mut Vec<Event>) {
    loop {
        let may_be_more = reactor.wait(Some(0), events);
        epoll::hand_out(events);
        if !may_be_more {
            return;
        }
    }
}

fn first_start(form: Form) -> io::Result<&'static Started> {
    static STARTING: Mutex<()> = Mutex::new(());
    /// may has panicked while it started, and cannot start again.
    static IS_BROKEN: AtomicBool = AtomicBool::new(false);
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(started) = STARTED.get() {
        return Ok(started);
    }
    configure(form)?;
    watch_forks()?;
    timers::start()?;
    let explored = match IS_BROKEN.load(Relaxed) {
        true => Err("it failed before".to_owned()),
        false => wake_up().and_then(|()| explore()),
    };
    let home = explored.map_err(|why| {
        IS_BROKEN.store(true, Relaxed);
        io::Error::other(format!(
            "cannot start may, nor try again in this process: {why}"
        ))
    })?;
    let reactor = Box::leak(Box::new(Epoll::new()?));
    serve(reactor)?;
    Ok(STARTED.get_or_init(|| Started { reactor, home }))
}

/// Says how many workers may has, where that is not said yet.
fn configure(form: Form) -> io::Result<()> {
    let from_environment = workers::workers()?;
    match form {
        Form::Pinned => _ = config().set_workers(1),
        Form::Moved if std::env::var_os("STANDIN_WORKERS").is_some() => {
            config().set_workers(from_environment);
        }
        Form::Moved => {}
    }
    Ok(())
}

/// Lets may start. On an OS thread with a stack of the usual size: it takes more of it than a small thread has.
fn wake_up() -> Result<(), String> {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let thread = thread.spawn(|| {
        // The first coroutine puts a hook of may's over what it finds. Here even if the caller panics.
        panic_hook::name_threads(MAY);
        begin(Builder::new(), || ())
    });
    let thread = thread.map_err(|error| format!("no OS thread: {error}"))?;
    thread.join().expect("what panics is caught")
}

/// Lets coroutines run on may's workers, and one on its timer thread, where they leave what standin finds threads by.
/// Returns the OS thread that the workers are if it is one, else 0; or what may said when it could not start.
fn explore() -> Result<usize, String> {
    struct Found {
        left: AtomicU32,
        first: AtomicUsize,
        several: AtomicBool,
    }
    /// The least number of coroutines: if they all run on one OS thread there is no other.
    const LEAST: usize = 16;
    let count = LEAST.max(2 * config().get_workers());
    let found = Arc::new(Found {
        left: AtomicU32::new(count as u32 + 1),
        first: AtomicUsize::new(0),
        several: AtomicBool::new(config().get_workers() != 1),
    });
    let arrived = |found: &Found| {
        current::install();
        found.left.fetch_sub(1, Release);
        wait_queue::wake(&found.left, usize::MAX);
    };
    for id in 0..count {
        let found = found.clone();
        let body = move || {
            let here = current::os_thread();
            match found.first.compare_exchange(0, here, Relaxed, Relaxed) {
                Err(first) if first != here => found.several.store(true, Relaxed),
                _ => {}
            }
            arrived(&found);
        };
        begin(Builder::new().id(id), body)?;
    }
    let last = found.clone();
    let body = move || {
        // What waited so goes on on the timer thread.
        coroutine::sleep(Duration::from_nanos(1));
        arrived(&last);
    };
    begin(Builder::new(), body)?;
    loop {
        let left = found.left.load(Acquire);
        if left == 0 {
            break;
        }
        if coroutine::is_coroutine() {
            // One that standin did not spawn: blocked, it would stop its worker.
            coroutine::sleep(Duration::from_millis(1));
        } else {
            let _ = wait_queue::wait(&found.left, left, None);
        }
    }
    Ok(match found.several.load(Relaxed) {
        true => 0,
        false => found.first.load(Relaxed),
    })
}

/// Lets a coroutine wait for events of `reactor` by may's own I/O, and wake whoever they are for.
fn serve(reactor: &'static Epoll) -> io::Result<()> {
    /// In words: there is nothing on it but what waits.
    const STACK: usize = 8192;
    let waiting = CoIo::new(reactor.as_fd()).map_err(io::Error::from)?;
    spawn(STACK, move || {
        let mut events = Vec::new();
        loop {
            // Its flags are taken before the kernel is asked: an event after that ends the next wait.
            waiting.wait_io();
            take_all(reactor, &mut events);
        }
    })
}

/// Lets may run `body`, on a stack of so many words.
///
/// # Errors
///
/// There is no stack for it.
pub(super) fn spawn(words: usize, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let begun = match words.checked_mul(size_of::<usize>()) {
        Some(_) => begin(Builder::new().stack_size(words), body),
        None => Err("it is more than all addresses".to_owned()),
    };
    begun.map_err(|why| {
        let bytes = words.saturating_mul(size_of::<usize>());
        io::Error::new(
            io::ErrorKind::OutOfMemory,
            format!(
                "cannot spawn a thread of the engine may: no stack of {bytes} bytes: {why}; a stack takes two mappings \
                 and its address space: ask for less (Builder::stack_size, RUST_MIN_STACK), end other threads first, or \
                 raise the limit (sysctl vm.max_map_count; RLIMIT_AS, `ulimit -v`)"
            ),
        )
    })
}

/// Spawns a coroutine. Where the system refuses what it takes, may panics: the message is the error.
fn begin(coroutine: Builder, body: impl FnOnce() + Send + 'static) -> Result<(), String> {
    // SAFETY: what the engine's own code keeps in thread-locals is read by functions that are not inlined; for the
    // user's code the program made its promise. An overflow of the stack ends in its guard.
    let spawn = AssertUnwindSafe(|| unsafe { coroutine.spawn(body) });
    match panic_hook::silently(|| catch_unwind(spawn)) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(message(&*panic).to_owned()),
    }
}

static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Whether this process was forked after may had been started: it is not to look at it.
pub(super) fn is_child() -> bool {
    IS_CHILD.load(Relaxed)
}

fn watch_forks() -> io::Result<()> {
    static IS_WATCHED: OnceLock<()> = OnceLock::new();
    if IS_WATCHED.get().is_none() {
        fork::in_child(in_child)?;
        IS_WATCHED.get_or_init(|| ());
    }
    Ok(())
}

unsafe extern "C" fn in_child() {
    IS_CHILD.store(true, Relaxed);
    if let Some(thread) = current::thread() {
        // Not if it is a thread of another engine that forks, which does this itself.
        IS_FORKED.store(true, Relaxed);
        // SAFETY: the caller is that thread, and has not ended.
        child::live_on(unsafe { thread.as_ref() }.control());
    }
}
