//! Sync-style code and async code in one program, neither of them rewritten.

#[cfg(feature = "async")]
mod ambient;
mod block_on;
mod channel;
mod join;
mod mutex;
#[cfg(feature = "async")]
mod runtime;
mod rwlock;
mod unblock;

pub use block_on::{block_on, block_on_local, try_block_on};
pub use channel::{ReceiverExt, SyncSenderExt};
pub use join::{Join, ScopedJoin};
pub use mutex::{MutexExt, MutexGuard};
#[cfg(feature = "async")]
pub use runtime::{
    AsSocket, BlockingSection, ByteStream, Runtime, Sleep, Socket, Spawn, SpawnExt, Stream, Task,
    TaskError,
};
pub use rwlock::{RwLockExt, RwLockReadGuard, RwLockWriteGuard};
pub use unblock::{Unblock, unblock, unblock_on};

#[cfg(feature = "async")]
pub(crate) use ambient::enter as enter_runtime;
pub(crate) use block_on::poll_here;
#[cfg(feature = "async")]
pub(crate) use runtime::sleeping;
