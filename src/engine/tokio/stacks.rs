//! The stacks of this engine's threads.

use super::runtimes::Member;
use super::task;
use crate::coroutine::{Fiber, Kind, Pool, SizeClass};
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::time::Duration;

static FREE: Pool = Pool::new(Kind::Free, task::entry);
static PINNED: Pool = Pool::new(Kind::Pinned, task::entry);

fn pool(kind: Kind) -> &'static Pool {
    match kind {
        Kind::Free => &FREE,
        Kind::Pinned => &PINNED,
    }
}

/// Counts one more thread; whoever gets the class calls [`release`] once.
pub(super) fn reserve(kind: Kind, stack_size: Option<usize>) -> io::Result<SizeClass> {
    Ok(pool(kind).reserve(stack_size)?.keep())
}

pub(super) fn release(kind: Kind, class: SizeClass) {
    pool(kind).release(class);
}

/// A stack for a thread that was counted.
pub(super) fn take(kind: Kind, class: SizeClass) -> Fiber {
    pool(kind).take(class)
}

/// Takes a stack back; once it has rested for some time, its memory goes to the system.
pub(super) fn give(kind: Kind, fiber: Fiber, runtime: &Member) {
    pool(kind).give(fiber);
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
        let _ = tokio::task::spawn_blocking(|| FREE.trim() + PINNED.trim()).await;
    }
}
