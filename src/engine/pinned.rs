//! The promise that pinned threads ask of a program.

#[cfg(feature = "_fibers")]
use super::is_forked;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

static ACCEPTED: AtomicBool = AtomicBool::new(false);

/// Allows pinned threads in this process: those engines spawn from now on whose threads share thread-local
/// storage.
///
/// Pinned threads of one OS thread interleave in the same thread-local storage, at every call that parks:
/// socket operations, sleeps, locks, channels, joins of this crate.
///
/// # Safety
///
/// In this program no code that runs in a pinned thread
///
/// - keeps a pointer or reference that it got through a thread-local (one declared by std's `thread_local!`,
///   or one of C) across a call that parks, or relies on the value to be the same afterwards; standin's own
///   [`thread_local!`](crate::thread_local) is exempt, because its values belong to the thread;
/// - holds a lock that standin does not know (std's, `parking_lot`'s, a C library's) across a call that
///   parks: the next thread that wants it may be on the same OS thread, which then waits for itself;
/// - waits for another thread by anything that standin does not know (std's `mpsc`, `thread::park`);
/// - parks while it unwinds (in a destructor): std counts panics in a thread-local, so other threads would
///   seem to panic.
pub unsafe fn accept() {
    ACCEPTED.store(true, Release);
}

pub(super) fn accepted(engine: &str) -> io::Result<()> {
    if ACCEPTED.load(Acquire) {
        return Ok(());
    }
    let others = match engine.strip_suffix("-pinned") {
        Some(free @ ("green" | "async")) => format!("the engine {free} needs no promise"),
        _ => "the engines green, async and threads need no promise".to_owned(),
    };
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "cannot use {engine}: pinned threads share thread-local storage, so the program has to promise first, \
             by calling standin::engine::accept_pinned, that nothing in it minds; {others}"
        ),
    ))
}

/// Adds the way out to the error of a spawn on `engine`, where this machine cannot run free threads at all.
#[cfg(feature = "_fibers")]
pub(super) fn instead_of(engine: &str, error: io::Error) -> io::Error {
    if engine.ends_with("-pinned") || error.kind() != io::ErrorKind::Unsupported || is_forked() {
        return error;
    }
    io::Error::new(
        error.kind(),
        format!(
            "{error}; the engine {engine}-pinned needs no such storage, but a promise of the program: see \
             standin::engine::accept_pinned; the engine threads works everywhere"
        ),
    )
}
