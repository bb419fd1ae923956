//! Threads, as [`std::thread`], on whichever engine: see [`engine`] for which one
//! [`spawn`] uses.
//!
//! `Result`, [`panicking`] and [`available_parallelism`] are std's own. On green threads
//! [`std::thread::current`] describes the same thread as [`current`] as long as they are free; standin's own
//! is right everywhere.
//!
//! # Panic messages
//!
//! A panic is reported with the name of the thread, as std does it. Std itself knows the names of OS threads
//! only, so the first spawn on an engine that makes others replaces the panic hook, if it is std's default one
//! then, by one that prints the same. A hook of the program's own, set before or afterwards, stays in force as
//! it is; it gets the name from [`current`]. The number after the name is the OS thread's that the thread ran
//! on. What such a thread reports goes to the standard error itself, also where a test harness captures what
//! OS threads report; and the harness's own hook, which it sets unless `--nocapture` is given, is not
//! replaced.

mod builder;
mod current;
mod handle;
mod local;
mod packet;
pub(crate) mod panic_hook;
mod park;
mod scoped;

pub use builder::Builder;
pub(crate) use current::current_id;
pub use current::{Thread, ThreadId, current};
pub use handle::JoinHandle;
pub(crate) use handle::Joinable;
pub(crate) use local::Locals;
pub use local::{AccessError, LocalKey};
#[allow(deprecated)]
pub use park::park_timeout_ms;
pub use park::{park, park_timeout};
pub use scoped::{Scope, ScopedJoinHandle, scope};
pub use std::thread::{Result, available_parallelism, panicking};

use crate::engine;
use crate::time::Duration;
use standin_core::context;

/// Spawns a thread, of the engine that the caller's own thread belongs to, or of the process's default
/// engine. This corresponds to [`std::thread::spawn`].
///
/// # Panics
///
/// If the thread cannot be started, also because `STANDIN_ENGINE` names no usable engine; [`Builder::spawn`]
/// returns the error instead.
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new()
        .spawn(f)
        .unwrap_or_else(|error| panic!("failed to spawn thread: {error}"))
}

/// Lets other threads of the engine run. This corresponds to [`std::thread::yield_now`].
pub fn yield_now() {
    context::current(|context| match context {
        Some(context) => context.yield_now(),
        None => std::thread::yield_now(),
    });
}

/// Sleeps at least as long as `duration`, on the engine's clock. This corresponds to [`std::thread::sleep`].
///
/// A cancelled thread does not sleep any longer.
pub fn sleep(duration: Duration) {
    if duration.is_zero() {
        // The caller may do this until something has happened.
        context::progress();
    } else {
        engine::here().sleep_until(context::now().checked_add(duration));
    }
}

/// [`sleep`] in milliseconds. This corresponds to [`std::thread::sleep_ms`].
#[deprecated(note = "replaced by `standin::thread::sleep`, as std's is by its own")]
pub fn sleep_ms(milliseconds: u32) {
    sleep(Duration::from_millis(milliseconds.into()));
}

/// Cancellation, which std has not.
impl Thread {
    /// Raises the thread's cancellation flag: its socket operations fail from now on (with an error that
    /// [`engine::is_cancelled`] recognises), and its sleeps end early. Nothing else is affected.
    ///
    /// An OS thread that no engine made ignores it.
    pub fn cancel(&self) {
        self.control().cancel();
    }

    /// Whether the thread was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.control().is_cancelled()
    }
}
