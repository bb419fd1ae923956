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
//! | `thread` | `spawn`, `Builder`, `JoinHandle`, `scope`, `Scope`, `ScopedJoinHandle`, `current`, `Thread`, `ThreadId`, `park`, `park_timeout`, `park_timeout_ms`, `sleep`, `sleep_ms`, `yield_now`, `LocalKey`, `AccessError` |
//! | `sync` | `Mutex`, `MutexGuard`, `RwLock`, `RwLockReadGuard`, `RwLockWriteGuard`, `Condvar`, `WaitTimeoutResult`, `Barrier`, `BarrierWaitResult`, `Once`, `OnceState`, `ONCE_INIT`, `OnceLock`, `LazyLock` |
//! | `sync::mpsc` | `channel`, `Sender`, `sync_channel`, `SyncSender`, `Receiver`, `Iter`, `TryIter`, `IntoIter` |
//! | `net` | `TcpStream`, `TcpListener`, `Incoming`, `UdpSocket`, `ToSocketAddrs` (host names are resolved aside) |
//! | `time` | `Instant` |
//! | `io` | `stdin`, `Stdin`, `StdinLock`, `stdout`, `Stdout`, `StdoutLock`, `stderr`, `Stderr`, `StderrLock`, `pipe`, `PipeReader`, `PipeWriter`, `copy`, `IsTerminal` (a trait of its own) |
//! | `process` | `Command`, `Child`, `ChildStdin`, `ChildStdout`, `ChildStderr`, `Stdio` |
//! | `fs` | `File`, `OpenOptions`, `DirBuilder`, `ReadDir`, `DirEntry`, `canonicalize`, `copy`, `create_dir`, `create_dir_all`, `exists`, `hard_link`, `metadata`, `read`, `read_dir`, `read_link`, `read_to_string`, `remove_dir`, `remove_dir_all`, `remove_file`, `rename`, `set_permissions`, `soft_link`, `symlink_metadata`, `write` (what may wait for a disk is done aside) |
//! | `os::unix::fs` | `chown`, `chroot`, `fchown`, `lchown`, `symlink`; the traits are std's own, and implemented for the types above |
//! | `os::unix::net` | `UnixStream`, `UnixListener`, `Incoming`, `UnixDatagram` |
//! | `os::unix::process` | `CommandExt` (a trait of its own) |
//! | `os::linux::net` | `TcpStreamExt` (a trait of its own) |
//! | `macros` | `thread_local!`, `print!`, `println!`, `eprint!`, `eprintln!`, `dbg!`, by path and from the prelude |
//!
//! # What is still std's
//!
//! Everything else. It works, and where it blocks it blocks the OS thread. The list above is complete; of std 1.95 these
//! are not in it and may wait, all of them for a disk:
//!
//! - the methods of `path::Path` that ask the file system (`exists`, `try_exists`, `is_file`, `is_dir`, `is_symlink`,
//!   `metadata`, `symlink_metadata`, `canonicalize`, `read_link`, `read_dir`): `Path` is std's own. What `Path::read_dir`
//!   returns is std's too, not the `fs::ReadDir` of this crate: say `fs::read_dir(path)`;
//! - `env::{current_dir, set_current_dir, current_exe, home_dir}` and `thread::available_parallelism`;
//! - `backtrace::Backtrace`, which reads the program's debug information when it is shown, under a lock of std's.
//!
//! So is an item of a newer std than this crate knows: it is there at once, works, and blocks the OS thread.
//! `standin::engine::blocking` runs a call aside that does so for long.
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
//! `io::copy` asks the kernel to move the bytes where std does (`standin::io::copy` says between what), but not below an
//! adapter: with a `BufReader` or a `Take` around a file it goes through a buffer. What is left in a `BufReader` within
//! a `Take` can differ by that.
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
//! - files, pipes, child processes, their streams, `Command` and `Stdio` convert by `From` in both directions. `Arc<File>` does not
//!   implement `Read`, `Write` and `Seek`, as std's does: only std could say so. `&File` does;
//! - `io::IsTerminal` and `os::unix::process::CommandExt` are traits of their own, because std's are sealed.
//!
//! Std's own, and so the same for every crate, are all errors (`io::Error`, `sync::PoisonError`,
//! `sync::TryLockError`, those of the channels), `thread::Result`, the addresses, `net::Shutdown`, `Arc` and
//! the atomics, and the traits of `io`.
//!
//! Without a feature nothing of this applies: every type is std's.
//!
//! `standin::migration` says how a program moves to standin, how to see what still blocks, and how to get back.
//!
//! # A macro that a renamed crate exports
//!
//! `::std::...` in it means whatever `std` is where it is used. A macro that needs the shim there says
//! `$crate::...` and re-exports what it needs, as with any other dependency.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

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
