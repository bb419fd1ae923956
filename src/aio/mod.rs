//! Sync and async together: sync-style code and async code in one program, neither of them rewritten.
//!
//! Sync-style code waits for a future by [`block_on`]:
//!
//! ```
//! use standin::{block_on, thread};
//!
//! async fn client(n: u32) -> u32 {
//!     2 * n
//! }
//!
//! let threads: Vec<_> = (0..3).map(|n| thread::spawn(move || block_on(client(n)))).collect();
//! let answers: Vec<u32> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
//! assert_eq!(answers, [0, 2, 4]);
//! ```
//!
//! Async code, on whichever executor, waits for sync-style code by [`unblock`]. One that runs on tokio:
//!
//! ```
//! use standin::{thread, time::Duration, unblock};
//!
//! fn library(n: u32) -> u32 {
//!     thread::sleep(Duration::from_millis(1));
//!     2 * n
//! }
//!
//! let runtime = tokio::runtime::Runtime::new().unwrap();
//! let answer = runtime.block_on(async { unblock(|| library(21)).await });
//! assert_eq!(answer, 42);
//! ```
//!
//! Both sides use the same locks, channels and joins: threads by std's methods, async code by those that end in
//! `_async` ([`MutexExt`], [`RwLockExt`], [`ReceiverExt`], [`SyncSenderExt`]) and by `.await` on a
//! [`JoinHandle`](crate::thread::JoinHandle). All wait in one queue.
//!
//! ```
//! use standin::aio::{MutexExt, ReceiverExt};
//! use standin::sync::{Arc, Mutex, mpsc};
//! use standin::thread;
//!
//! let total = Arc::new(Mutex::new(0));
//! let (sender, mut receiver) = mpsc::channel();
//! let counted = total.clone();
//! let thread = thread::spawn(move || {
//!     *counted.lock().unwrap() += 1;
//!     sender.send("counted").unwrap();
//! });
//! standin::block_on(async {
//!     assert_eq!(receiver.recv_async().await, Ok("counted"));
//!     *total.lock_async().await.unwrap() += 1;
//!     thread.await.unwrap();
//! });
//! assert_eq!(*total.lock().unwrap(), 2);
//! ```
//!
//! # Who may call what from where
//!
//! | | OS thread | green thread | `async` thread | task of tokio | task of another executor |
//! |---|---|---|---|---|---|
//! | [`block_on`], [`try_block_on`] | blocks | parks | parks, and the runtime polls the future | **panics**, with the way out | **blocks the executor's OS thread** |
//! | [`block_on_local`] | blocks | parks | parks, and polls the future itself | **panics**, with the way out | **blocks the executor's OS thread** |
//! | `JoinHandle::join`, `Mutex::lock`, `recv`, `thread::sleep`, sockets, and what else blocks in std | blocks | parks | parks | **blocks the worker** | **blocks the executor's OS thread** |
//! | [`unblock`]`(..).await`, `JoinHandle.await`, `lock_async`, `recv_async` | in `block_on` | in `block_on` | in `block_on` | waits | waits |
//! | `tokio::spawn`, tokio's sockets and timers | in `block_on` | in `block_on` | works | works | panics, with tokio's message |
//!
//! An OS thread stays one in `spawn_blocking`, in `block_in_place` and in `Runtime::enter`: there everything may block.
//! Engine `threads`: as an OS thread. What `block_on` does for futures of tokio needs the feature `async`.
//!
//! A future under `block_on` is async code, so the last two columns hold for what it calls. On the engine `async` it is
//! the runtime that polls it: there `block_on` within it panics, and what it spawns or unblocks is of the process's
//! default engine. Elsewhere the thread itself polls it.
//!
//! Tokio's sockets and timers want their runtime when they are made, so they are made inside of the future:
//! `block_on(async { tokio::time::sleep(pause).await })`, not `block_on(tokio::time::sleep(pause))`, which panics on OS
//! threads and green ones with tokio's message.
//!
//! # What a mistake gets
//!
//! | mistake | what it gets |
//! |---|---|
//! | `block_on` in a task that tokio polls (of either runtime, of a `LocalSet`, `Runtime::block_on`'s own future) | a panic that says: `.await` it, or move the code that blocks into `unblock` |
//! | the same in `tokio::task::unconstrained`, after a `block_in_place` of the same poll, on another executor | *not detected*: the OS thread is blocked; for ever, if the future needs it |
//! | a call that blocks (a lock, a receive, a join, a socket) in an async task | *not detected*: as with std's, the OS thread is blocked, and its tasks wait |
//! | the same for a thread of the engine `async` that is a task of that runtime | *not detected*: may wait for ever, on several workers too, because what a worker spawned last runs there and nowhere else |
//! | `standin::println!` in a task of a current-thread runtime that has `async` threads too | *not detected*: blocks the OS thread while one of these has the stream's [lock](crate::io#standard-streams); for ever, if that one waits for a full pipe |
//! | a [`sync::MutexGuard`](crate::sync::MutexGuard) across an `.await` | the future is not `Send`; the guard of `lock_async` may be held |
//! | `std::sync::Mutex`, tokio's `blocking_lock`, `Handle::block_on`, or another crate's `block_on` in an `async` thread | *not detected*: blocks the worker; nothing gives its tasks to another one, as the monitor of `green` does |
//! | a current-thread runtime that is entered, and that nobody is in `block_on` of | *not detected*: what waits for it waits for ever |
//! | [`unblock`] that is not polled | nothing is run; the compiler warns |
//!
//! # Cancellation
//!
//! Cancellation is a flag; no frame is ever torn down.
//!
//! - **From async to sync.** A future of `unblock` that is dropped (a timeout, `abort`, a client that went away) cancels
//!   its thread. Its socket operations then fail with [`cancelled`](crate::engine::cancelled), its sleeps end, a future
//!   in [`try_block_on`] is dropped; so the closure returns, and what it returns is dropped. Locks, joins, receives and
//!   `block_on` wait on. Code that ignores the flag runs on, with nobody waiting for it. What the closure spawned is not
//!   cancelled.
//! - **From sync to async.** A thread that is cancelled in `try_block_on` drops the future, and gets the error that
//!   [`is_cancelled`](crate::engine::is_cancelled) recognises. In `block_on` it waits on.
//! - A future of `JoinHandle` that is dropped leaves the thread alone, as a dropped handle does. One of `lock_async`,
//!   `recv_async` and the like takes neither the lock nor a message with it.
//!
//! # Panics
//!
//! A panic of a future is raised by `block_on`, in the thread that called it; a panic of a closure by the `.await` of
//! its `unblock`, in the task; a panic of a thread is the `Err` of its `JoinHandle`, joined or awaited. A guard that is
//! dropped by a panic poisons its lock for both sides.
//!
//! # Which runtime, and its end
//!
//! An `async` thread is a task of the runtime of the thread that spawned it, else of the one that the caller is in, else
//! of the one that was handed over (`engine::tokio::set_runtime`), else of the engine's own. A
//! future in `block_on` finds the runtime that the caller is in, else the last two. When a runtime shuts down, its
//! `async` threads go on on the engine's own, cancelled; a future in `block_on` that uses the old one panics with tokio's
//! message. The module `engine::tokio` says more.

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
