//! No engine but `threads`: a process is started on the OS thread of who starts it.

/// The signals that an OS thread does not take now.
pub(in crate::process) struct SignalMask;

impl SignalMask {
    /// That of the calling OS thread.
    pub(in crate::process) fn current() -> Self {
        Self
    }

    /// Calls `f` with this mask.
    pub(in crate::process) fn during<T>(&self, f: impl FnOnce() -> T) -> T {
        f()
    }
}
