//! `standin` stands in for `std`: code in plain blocking style runs unchanged on OS threads, on green threads or
//! inside tokio, and a Cargo feature chooses.
//!
//! ```
//! use standin::{sync::mpsc, thread, time::Duration};
//!
//! let (sender, receiver) = mpsc::channel();
//! for n in 0..1000 {
//!     let sender = sender.clone();
//!     thread::spawn(move || {
//!         thread::sleep(Duration::from_millis(10));
//!         sender.send(n).unwrap();
//!     });
//! }
//! drop(sender);
//! assert_eq!(receiver.iter().sum::<u32>(), 499_500);
//! ```
//!
//! # Features
//!
//! | feature | what `thread::spawn` makes |
//! |---|---|
//! | none (the default) | the modules below *are* std's: re-exports, nothing else is compiled |
//! | `threads` | an OS thread |
//! | `green` | a green thread: a small stack of its own, parked by switching stacks; the default where it is compiled |
//! | `async` | a task of a tokio runtime, with a small stack of its own; the default before `threads` |
//! | `may` | with the program's promise, a coroutine of the crate `may`: see `engine::may`. Never the default; brings `threads` |
//!
//! With an engine compiled, there is one type for every context: a blocking operation parks the green thread
//! that it is called on, and blocks an OS thread as std would. A channel connects all of them. The types are
//! then standin's own, not std's; they convert by `From` and through descriptors.
//!
//! The module `engine`, which is there with one, says how to choose an engine and what it has to supply.
//!
//! `block_on` waits for a future from sync-style code, and `unblock` runs sync-style code for async code; the module
//! `aio` says how the two go together.
//!
//! The module `migration` is for programs that exist: how far to go, how to see what still blocks, what to look out for.
//!
//! [`testing`] runs your own tests on every engine, and compares. Its strategies for proptest are there with
//! the feature `proptest`.

#[cfg(feature = "_engine")]
pub mod aio;
#[cfg(feature = "_fibers")]
pub(crate) mod coroutine;
#[cfg(feature = "_engine")]
pub mod engine;
#[cfg(feature = "_engine")]
pub mod fs;
#[cfg(feature = "_engine")]
pub mod io;
#[cfg(feature = "_engine")]
pub mod migration;
#[cfg(feature = "_engine")]
pub mod net;
#[cfg(feature = "_engine")]
pub mod os;
#[cfg(any(feature = "_fibers", feature = "may"))]
mod prefetch;
#[cfg(feature = "_engine")]
pub mod process;
#[cfg(feature = "_fibers")]
pub(crate) mod switches;
#[cfg(feature = "_engine")]
pub mod sync;
pub mod testing;
#[cfg(feature = "_engine")]
pub mod thread;
#[cfg(feature = "_engine")]
pub mod time;

#[cfg(not(feature = "_engine"))]
pub use std::{
    dbg, eprint, eprintln, fs, io, net, os, print, println, process, sync, thread, thread_local,
    time,
};

#[cfg(feature = "_engine")]
pub use aio::{block_on, block_on_local, try_block_on, unblock, unblock_on};

#[doc(hidden)]
pub extern crate std as __std;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
