//! What several test programs share: parts of a test in processes of their own, waiting for
//! conditions, and raw sockets.

#![allow(dead_code, reason = "no test program uses all of it")]

#[cfg(feature = "async")]
pub(crate) mod current;
pub(crate) mod isolated;
pub(crate) mod limit;
#[cfg(feature = "may")]
pub(crate) mod may;
pub(crate) mod reads;
pub(crate) mod wait;
pub(crate) mod watch;
