//! What threads have on Unix, as [`std::os::unix::thread`]: std's own trait, for standin's handles.

pub use std::os::unix::thread::*;

use crate::thread::JoinHandle;

/// # Threads that are no OS threads
///
/// `as_pthread_t` waits until the thread has begun, and is what `pthread_self` returns on it. For C code a free green
/// thread is a thread, so that is its own as long as it runs; but the kernel knows none of that name: what would reach
/// it there (a signal, an affinity, a priority) fails with `ESRCH`. A pinned thread has that of its OS thread, which
/// others run on as well, and a coroutine of the crate `may` that of the OS thread on which it began.
/// Nobody may join or detach it.
///
/// # Panics
///
/// - `into_pthread_t`, where the thread is no OS thread: it promises what has to be joined or detached.
/// - `as_pthread_t`, if the engine is not one of standin's own and did not hand out the OS thread.
impl<T> JoinHandleExt for JoinHandle<T> {
    fn as_pthread_t(&self) -> RawPthread {
        match self.0.os_thread() {
            Some(os_thread) => os_thread.as_pthread_t(),
            None => self.0.control().pthread().wait().unwrap_or_else(|| {
                refuse(
                    self,
                    "as_pthread_t: its engine gives its threads no pthread_t",
                )
            }),
        }
    }

    fn into_pthread_t(self) -> RawPthread {
        match self.0.into_os_thread() {
            Ok(os_thread) => os_thread.into_pthread_t(),
            Err(this) => refuse(
                &JoinHandle(this),
                "into_pthread_t: it is no OS thread, which could be joined or detached by its pthread_t",
            ),
        }
    }
}

fn refuse<T>(handle: &JoinHandle<T>, what: &str) -> ! {
    let thread = handle.thread();
    let name = thread.name().unwrap_or("<unnamed>");
    panic!(
        "the thread {name:?} ({:?}) was asked for {what}; join it by its handle, or spawn it on the engine `threads`",
        thread.id(),
    )
}
