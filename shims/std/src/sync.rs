//! [`std::sync`] with standin's locks and channels. `Arc`, the atomics and the errors are std's.

pub use ::std::sync::*;
#[allow(deprecated)]
pub use standin::sync::ONCE_INIT;
pub use standin::sync::{
    Barrier, BarrierWaitResult, Condvar, LazyLock, Mutex, MutexGuard, Once, OnceLock, OnceState,
    RwLock, RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult,
};

pub mod mpsc {
    //! [`std::sync::mpsc`] with standin's channels. The errors are std's.

    pub use ::std::sync::mpsc::*;
    pub use standin::sync::mpsc::{
        IntoIter, Iter, Receiver, Sender, SyncSender, TryIter, channel, sync_channel,
    };
}
