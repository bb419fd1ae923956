//! What becomes of a thread with a stack of its own in a child that was forked without `exec`, whatever engine made
//! it: it lives on with its OS thread for itself.

use super::control::Control;
use super::os_context::OsContext;
use standin_core::context::{self, Context};
use std::io;
use std::ptr::NonNull;

/// The error of whoever wants a thread of this engine in a child.
pub(super) fn refused(engine: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!(
            "cannot spawn a thread of the engine {engine}: this process was forked after such threads had been \
             started, and none of what runs them came along; exec another program in the child, or spawn on the \
             engine threads there"
        ),
    )
}

/// The rest of a thread's life in the child. By the thread.
pub(super) fn live_on(control: &Control) {
    let own = Box::leak(Box::new(OsContext::new(control.clone())));
    // SAFETY: no other thread is there that could use it.
    unsafe { control.rebind_in_child(own.waker()) };
    let own: NonNull<dyn Context> = NonNull::from(&*own as &dyn Context);
    // SAFETY: it stays valid for ever, and describes this thread.
    unsafe { context::replace(Some(own)) };
}

/// Ends the calling OS thread, in the child, and the process with it if there is no other. For one whose frames belong
/// to somebody who would go on with what is the parent's.
#[cfg(any(feature = "async", feature = "may"))]
pub(super) fn end_os_thread() -> ! {
    let others = std::fs::read_dir("/proc/self/task").map_or(0, |threads| threads.skip(1).count());
    if others == 0 {
        std::process::exit(0);
    }
    // Its frames are left as they are. With the last OS thread the kernel ends the process.
    // SAFETY: the thread that ran here has ended; nobody waits for what is on this OS thread's stack.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("an OS thread that has ended goes on");
}
