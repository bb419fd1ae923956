//! Locks, condition variables, one-time initialisation and channels: the shapes of [`std::sync`], over the
//! wait queue of `standin-core`. A thread that waits here parks in its own way, and threads of every
//! engine, plain OS threads among them, may share one lock or one channel.
//!
//! Own types are those that wait: [`Mutex`], [`RwLock`], [`Condvar`], [`Once`], [`OnceLock`], [`LazyLock`],
//! [`Barrier`], [`mpsc`], with their guards and results. Everything else is std's own, re-exported: [`Arc`],
//! [`Weak`], [`atomic`], [`PoisonError`], [`TryLockError`], [`LockResult`], [`TryLockResult`], and the
//! errors of the channels. So a signature that names an error of std takes one of these locks too.
//!
//! All constructors that are `const` in std are `const` here, so statics work. Poisoning follows std's
//! rules. What std keeps behind unstable features is not here.
//!
//! `wait_queue::{wait, wake, requeue}` and the clock of the calling context are all that this module relies
//! on: it names no engine, and blocks nowhere else.

mod barrier;
mod condvar;
mod futex_mutex;
mod futex_rwlock;
mod lazy_lock;
mod lock;
pub mod mpsc;
mod mutex;
mod once;
mod once_lock;
mod poison;
pub(crate) mod reentrant_lock;
mod rwlock;
#[cfg(test)]
mod tests;
pub(crate) mod ticket;

pub use self::barrier::{Barrier, BarrierWaitResult};
pub use self::condvar::{Condvar, WaitTimeoutResult};
pub use self::lazy_lock::LazyLock;
pub use self::mutex::{Mutex, MutexGuard};
#[allow(deprecated)]
pub use self::once::ONCE_INIT;
pub use self::once::{Once, OnceState};
pub use self::once_lock::OnceLock;
pub use self::rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak, atomic};
