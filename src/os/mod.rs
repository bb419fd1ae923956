//! What only some systems have, as [`std::os`]: std's own modules, with Unix sockets for every context in the
//! place of std's.
//!
//! `os::fd` and everything that is not said here are std's. Std's `JoinHandleExt` is implemented for
//! [`JoinHandle`](crate::thread::JoinHandle): [`unix::thread`] says what a green thread's `pthread_t` is good for.

pub use std::os::*;

pub mod linux;
pub mod unix;
