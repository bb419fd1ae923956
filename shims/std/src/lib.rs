//! std, with standin in the place of what blocks. A crate that renames it to `std` runs on green threads and
//! changes no source line:
//!
//! ```toml
//! [dependencies]
//! std = { package = "standin-std", version = "0.1", features = ["green"] }
//! ```
//!
//! Every `std::...` path of that crate then resolves to this one, in every edition, and so do the prelude and
//! the macros. It is `pub use ::std::*` and the overrides below. Crates that are not renamed, the
//! dependencies of a renamed one among them, keep std.
//!
//! # Features
//!
//! | feature | what `std::thread::spawn` makes in the renamed crate |
//! |---|---|
//! | none (the default) | what it always made: this crate is std, type for type |
//! | `threads` | an OS thread, with standin's types |
//! | `green` | a green thread; the default engine where it is compiled |
//! | `async` | a task of a tokio runtime; the default before `threads` |
//! | `may` | as `threads`, until the program chooses a coroutine of the crate `may`, with a promise: see standin's `engine::may` |
//!
//! Features add up over a build: if one renamed crate asks for `green`, all renamed crates get it. `main` and
//! tests start on an OS thread, as ever, so what blocks there blocks that one.
//!
//! # What is overridden
//!
//! With an engine, these park the green thread that they are called on, and block an OS thread as std's do:
//!
//! | module | items |
//! |---|---|
//! | `thread` | all of it but `Result`, `panicking` and `available_parallelism`, which are std's own |
//! | `sync` | `Mutex`, `RwLock`, `Condvar`, `Barrier`, `Once`, `OnceLock`, `LazyLock`, with their guards and results |
//! | `sync::mpsc` | `channel`, `sync_channel`, `Sender`, `SyncSender`, `Receiver` and the iterators |
//! | `net` | `TcpStream`, `TcpListener`, `Incoming`, `UdpSocket`, `ToSocketAddrs` (host names are resolved aside) |
//! | `os::unix::net` | `UnixStream`, `UnixListener`, `Incoming`, `UnixDatagram` |
//! | `os::linux::net` | `TcpStreamExt` |
//! | `time` | `Instant` |
//! | `io` | `stdin`, `stdout`, `stderr` and their locks, `pipe` and its ends; `IsTerminal`, a trait of its own |
//! | `process` | `Command`, `Child`, `Stdio` and the ends of a child's pipes |
//! | `os::unix::process` | `CommandExt` |
//! | `fs` | `File`, `OpenOptions`, `DirBuilder`, `ReadDir`, `DirEntry` and all functions: what may wait for a disk is done aside |
//! | `os::unix::fs` | the functions; the traits are std's own, and implemented for the types above |
//! | macros | `thread_local!`, `print!`, `println!`, `eprint!`, `eprintln!`, `dbg!`, by path and from the prelude |
//!
//! # What is still std's
//!
//! Everything else. It works, and where it blocks it blocks the OS thread, with every green thread that is
//! to run there. So is an item of a newer std than this crate knows. `standin::engine::blocking` runs such a call aside.
//!
//! Two things of std's see OS threads where a renamed crate sees threads:
//!
//! - what the kernel keeps for each OS thread is not a green thread's: the name that `top` and `pthread_getname_np`
//!   show (`Thread::name` is right, and so are panic messages), an affinity, a priority, a signal mask. A process
//!   inherits the mask that its starter sees. To give each thread a name in the kernel would cost a system call at
//!   each switch;
//! - a panic hook runs under a lock of std's. One that parks, because it prints or takes a lock, keeps `panic::set_hook`
//!   and `panic::take_hook` waiting, and these keep further panics waiting, each with its OS thread: on `async`, whose
//!   OS threads are few and not replaced, this may never end. Set hooks before threads are spawned.
//!
//! `io::copy` moves bytes through a buffer where std asks the kernel to, so what is left in a `BufReader` below it can
//! differ.
//!
//! # What changes type identity
//!
//! The overridden types are standin's, so a crate that is not renamed does not accept them: its
//! `std::net::TcpStream` is another type. Where they meet,
//!
//! - the sockets of `net` and `os::unix::net` convert by `From` in both directions, and through descriptors
//!   (`OwnedFd`, `AsFd`, `AsRawFd`). The renamed crate cannot name std's types as `std::...`; it gives the
//!   other crate `stream.into()`;
//! - locks, channels, threads and their handles do not convert: std has no constructor for it. Wrap the value
//!   on one side;
//! - `ToSocketAddrs` is a trait of its own with std's implementations. An own implementation of it is not one
//!   of std's;
//! - `os::linux::net::TcpStreamExt` is a trait of its own, because std's is sealed. A std stream does not have
//!   its methods;
//! - `os::unix::thread::JoinHandleExt` is std's, and `JoinHandle` implements it. What it says of a green thread is what
//!   `pthread_self` returns there, which nobody may join or detach, so `into_pthread_t` panics: standin's
//!   `os::unix::thread` says what else it is good for;
//! - `OnceLock` drops its value, but has no `impl Drop` of its own to be named in a bound: std's needs an unstable
//!   attribute (`may_dangle`), without which a `OnceLock` of references could not be dropped where std's can;
//! - `Instant` does not convert. `Duration` and `SystemTime` are std's own;
//! - files, pipes, child processes' streams and `Stdio` convert by `From` in both directions. `Arc<File>` does not
//!   implement `Read`, `Write` and `Seek`, as std's does: only std could say so. `&File` does;
//! - `io::IsTerminal` and `os::unix::process::CommandExt` are traits of their own, because std's are sealed.
//!
//! Std's own, and so the same for every crate, are all errors (`io::Error`, `sync::PoisonError`,
//! `sync::TryLockError`, those of the channels), `thread::Result`, the addresses, `net::Shutdown`, `Arc` and
//! the atomics, and the traits of `io`.
//!
//! Without a feature nothing of this applies: every type is std's.
//!
//! # A macro that a renamed crate exports
//!
//! `::std::...` in it means whatever `std` is where it is used. A macro that needs the shim there says
//! `$crate::...` and re-exports what it needs, as with any other dependency.

pub use ::std::*;

#[cfg(feature = "_engine")]
pub mod fs;
#[cfg(feature = "_engine")]
pub mod io;
#[cfg(feature = "_engine")]
pub mod net;
#[cfg(feature = "_engine")]
pub mod os;
#[cfg(feature = "_engine")]
pub mod prelude;
#[cfg(feature = "_engine")]
pub mod process;
#[cfg(feature = "_engine")]
pub mod sync;
#[cfg(feature = "_engine")]
pub mod thread;
#[cfg(feature = "_engine")]
pub mod time;

#[cfg(feature = "_engine")]
pub use standin::{dbg, eprint, eprintln, print, println, thread_local};
