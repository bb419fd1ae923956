//! The signal mask of who starts a process, which the process inherits. The kernel has one for each OS thread, and a
//! blocking section may run on another one than its caller.

#[cfg(feature = "_pinned")]
mod signals;
#[cfg(not(feature = "_pinned"))]
#[path = "unchanged.rs"]
mod signals;

pub(super) use signals::SignalMask;
