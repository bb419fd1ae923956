//! [`std::thread`] with standin's threads. `Result`, `panicking` and `available_parallelism` are std's.

pub use ::std::thread::*;
pub use standin::thread::{
    AccessError, Builder, JoinHandle, LocalKey, Scope, ScopedJoinHandle, Thread, ThreadId, current,
    park, park_timeout, scope, sleep, spawn, yield_now,
};
#[allow(deprecated)]
pub use standin::thread::{park_timeout_ms, sleep_ms};
