//! Engines with fibers: the section in which a process is started may run on another OS thread.

use std::mem::MaybeUninit;
use std::ptr;

/// The signals that an OS thread does not take now.
pub(in crate::process) struct SignalMask(libc::sigset_t);

impl SignalMask {
    /// That of the calling OS thread.
    pub(in crate::process) fn current() -> Self {
        Self(exchanged(ptr::null()))
    }

    /// Calls `f` with this mask on the calling OS thread, which has its own again afterwards.
    pub(in crate::process) fn during<T>(&self, f: impl FnOnce() -> T) -> T {
        struct Restore(libc::sigset_t);

        impl Drop for Restore {
            fn drop(&mut self) {
                exchanged(&self.0);
            }
        }

        let _restore = Restore(exchanged(&self.0));
        f()
    }
}

/// Sets `mask`, if it is not null, and returns what was set before.
fn exchanged(mask: *const libc::sigset_t) -> libc::sigset_t {
    let mut before = MaybeUninit::uninit();
    // SAFETY: `mask` is null or leads to a mask that the callers hold; `before` has room for one.
    let error = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, before.as_mut_ptr()) };
    assert_eq!(error, 0, "the arguments of pthread_sigmask are right");
    // SAFETY: the call succeeded, so it wrote the mask.
    unsafe { before.assume_init() }
}
