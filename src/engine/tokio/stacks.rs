//! The stacks of this engine's threads.

use super::runtimes::Member;
use super::{cache, local, task};
use crate::coroutine::free::Primed;
use crate::coroutine::{Fiber, Kind, Pool, SizeClass, Suspender};
use crate::engine::record;
use std::io;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::time::Duration;
use tokio::runtime::Handle;

static FREE: Pool = Pool::new(Kind::Free, task::entry);
static PINNED: Pool = Pool::new(Kind::Pinned, task::entry);

fn pool(kind: Kind) -> &'static Pool {
    match kind {
        Kind::Free => &FREE,
        Kind::Pinned => &PINNED,
    }
}

/// What each free thread finds in its thread-locals: tokio's, set up, and in no runtime yet. `None` if it cannot be
/// copied; then each thread sets it up for itself, which takes longer than all the rest of a short one.
pub(super) fn primed() -> Option<&'static Primed> {
    static PRIMED: OnceLock<Option<Primed>> = OnceLock::new();
    PRIMED.get_or_init(prime).as_ref()
}

/// On an OS thread's own block.
fn prime() -> Option<Primed> {
    static PRIMER: Pool = Pool::new(Kind::Free, primer);
    // Without memory for it, free threads do not start either.
    let class = PRIMER.reserve(None).ok()?.keep();
    let mut fiber = PRIMER.take(class);
    let mut primed: Option<Primed> = None;
    local::prepare_os_thread();
    // SAFETY: what the fiber expects, which nobody uses meanwhile; the OS thread is prepared.
    unsafe { fiber.resume((&raw mut primed).cast()) };
    PRIMER.give(fiber);
    PRIMER.release(class);
    primed
}

fn primer(suspender: &Suspender, first: *mut ()) -> ! {
    /// Sets up what tokio keeps for each OS thread. As long as no runtime is entered that owns nothing.
    fn prime() {
        let _ = Handle::try_current();
    }
    // SAFETY: a free fiber that has not run a thread.
    let primed = unsafe { Primed::by(prime) };
    // SAFETY: what `prime` resumed it with.
    unsafe { first.cast::<Option<Primed>>().write(primed) };
    loop {
        suspender.suspend(ptr::null_mut());
    }
}

/// Counts one more thread; whoever gets the class calls [`release`] once.
pub(super) fn reserve(kind: Kind, stack_size: Option<usize>) -> io::Result<SizeClass> {
    Ok(pool(kind).reserve(stack_size)?.keep())
}

pub(super) fn release(kind: Kind, class: SizeClass) {
    pool(kind).release(class);
}

/// Whether a warm pool has run out of stacks.
pub(super) fn are_outgrown(kind: Kind, class: SizeClass) -> bool {
    pool(kind).is_outgrown(class)
}

/// A stack for a thread that was counted.
pub(super) fn take(kind: Kind, class: SizeClass) -> Fiber {
    cache::take(pool(kind), kind, class)
}

/// Takes a stack back; once it has rested for some time, its memory goes to the system.
pub(super) fn give(kind: Kind, fiber: Fiber, runtime: &Member) {
    cache::give(pool(kind), kind, fiber);
    if !TRIMMER.load(Relaxed) && !TRIMMER.swap(true, AcqRel) {
        drop(runtime.handle().spawn(trim()));
    }
}

/// How long stacks rest before their memory is given back.
const REST: Duration = Duration::from_secs(1);

/// Whether somebody is there who will look at the pools.
static TRIMMER: AtomicBool = AtomicBool::new(false);

async fn trim() {
    /// The next stack that is given brings the next one. Also when a runtime that shuts down drops this.
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            TRIMMER.store(false, Release);
        }
    }
    let _done = Done;
    while FREE.is_untrimmed() || PINNED.is_untrimmed() {
        tokio::time::sleep(REST).await;
        // It takes a while if there are many. It fails only if the runtime shuts down.
        let trim = || {
            FREE.trim();
            PINNED.trim();
            record::trim();
        };
        let _ = tokio::task::spawn_blocking(trim).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ASYNC;
    use std::mem::forget;
    use std::sync::mpsc;

    /// If this fails with a new version of tokio or of libc, threads are right as before, but slower to spawn.
    #[test]
    fn what_tokio_keeps_can_be_copied() {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(primed().is_some()))
            .join()
            .expect("it does not panic")
            .expect("somebody receives");
        assert_eq!(receiver.recv(), Ok(true));
    }

    /// One stack serves them all: what one leaves in tokio's thread-locals is not the next one's.
    #[test]
    fn each_thread_is_in_its_own_runtime() {
        let other = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime without drivers");
        let other = other.handle();
        let own = || Handle::current().id();
        let first = ASYNC.run(own);
        assert_ne!(first, other.id());
        for _ in 0..10 {
            ASYNC.run(|| {
                forget(other.enter());
                assert_eq!(own(), other.id());
            });
            assert_eq!(ASYNC.run(own), first);
        }
    }
}
