//! What only some systems have, as [`std::os`]: std's own modules, with Unix sockets for every context in the
//! place of std's.
//!
//! `os::fd` and everything that is not said here are std's. So is [`os::unix::thread`](std::os::unix::thread):
//! its `JoinHandleExt` is not implemented for [`JoinHandle`](crate::thread::JoinHandle), because a green
//! thread has no `pthread_t`. It runs on OS threads that others use too, now on this one and now on that, and
//! what can be done with a `pthread_t` (a signal, an affinity, a join) would be done to them.

pub use std::os::*;

pub mod linux;
pub mod unix;
