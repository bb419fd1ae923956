//! A fork without `exec`, by a process that has threads on fibers.
//!
//! In the child only the thread that forked exists: nobody is there to run the others, and what the schedulers and
//! their reactors know is the parent's. So the child never looks at any of it again. The thread that forked has
//! its OS thread for itself: the rest of its life is one blocking section, in which locks, channels, sleeps and
//! sockets block the OS thread. Threads on fibers cannot be spawned there. When the thread ends, its OS thread
//! does, as a thread of std that forked would.
//!
//! # On whose block `fork` runs
//!
//! glibc takes whoever calls `fork` for the one thread that is left, and frees the stacks of all others: on a free
//! thread's block it would free the OS thread's own stack, to which whoever resumed the thread returns at the end.
//! So a free thread goes to its OS thread's block for the time of the call, and back before it returns. A signal
//! handler that runs meanwhile sees the OS thread's thread-locals.

use super::control::Control;
use crate::coroutine::free;
use std::cell::Cell;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

#[cfg(feature = "async")]
pub(super) use super::child::end_os_thread;
pub(super) use super::child::{live_on, refused};
pub(super) use super::{IS_FORKED as IS_CHILD, is_forked as is_child};

/// A thread that runs on a fiber, as a fork sees it.
pub(super) trait OnOsThread {
    /// The block of the OS thread that runs it; `None` if it is pinned, and so runs on that.
    fn home(&self) -> Option<usize>;

    /// In the child: what it does from now on concerns no scheduler.
    fn forked(&self);

    /// Whether it is in a blocking section.
    fn in_section(&self) -> &Cell<bool>;

    fn control(&self) -> &Control;
}

/// Calls `f` with the thread that the caller is, if it runs on a fiber.
fn with_current(f: impl Fn(&dyn OnOsThread)) {
    #[cfg(feature = "green")]
    super::green::current(&f);
    #[cfg(feature = "async")]
    super::tokio::current(&f);
}

thread_local! {
    /// The block of the free thread that forks on this OS thread; 0 if none does.
    static FORKING: Cell<usize> = const { Cell::new(0) };
}

/// Registers for forks. Before there is anything of an engine.
pub(super) fn watch() -> io::Result<()> {
    static RESULT: OnceLock<i32> = OnceLock::new();
    let result = *RESULT.get_or_init(|| {
        // SAFETY: the handlers do what may be done before a fork and in its child.
        unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) }
    });
    match result {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

unsafe extern "C" fn prepare() {
    if is_child() {
        // The thread that forked stands in for its OS thread already.
        return;
    }
    with_current(|thread| {
        if let Some(home) = thread.home() {
            let block = free::home();
            // SAFETY: the block of the OS thread that the thread runs on; what runs until the thread moves back
            // means the OS thread, or nobody in particular.
            unsafe { free::move_to(home) };
            set_forking(block);
        }
    });
}

unsafe extern "C" fn in_parent() {
    move_back();
}

unsafe extern "C" fn in_child() {
    let was_child = IS_CHILD.swap(true, Relaxed);
    move_back();
    with_current(|thread| {
        thread.forked();
        if !was_child && let Some(home) = thread.home() {
            // SAFETY: nobody else is there; the OS thread's block, and the one that the thread runs on.
            unsafe { free::stand_in_for(home, free::home()) };
        }
        // In a section it has what it needs, until that ends.
        if !thread.in_section().replace(true) {
            live_on(thread.control());
        }
    });
}

fn move_back() {
    let block = take_forking();
    if block != 0 {
        // SAFETY: the block that the thread came from, and that nobody else can have had.
        unsafe { free::move_to(block) };
    }
}

// Not inlined: the caller moves between blocks, and must not keep an address.
#[inline(never)]
fn set_forking(block: usize) {
    FORKING.set(block);
}

#[inline(never)]
fn take_forking() -> usize {
    FORKING.take()
}

/// A thread has ended in the child. By whoever resumed it, on the OS thread's own block, which is `home`.
///
/// # Safety
///
/// `block` is that of the thread's fiber; 0 if it is pinned.
pub(super) unsafe fn end(home: usize, block: usize) {
    if block != 0 {
        // SAFETY: the thread stood in for this OS thread since the fork.
        unsafe { free::step_back(home, block) };
    }
}
