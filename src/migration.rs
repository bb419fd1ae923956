//! How a program that blocks moves to standin, how far, and how it gets back.
//!
//! This page is about programs and crates that exist. Whoever starts anew writes `use standin::{net, sync, thread, ..}` and
//! needs little of it.
//!
//! # Which depth
//!
//! Each reaches more code than the one before, and asks for more. One program can use several.
//!
//! | depth | what changes | what then parks | choose it for |
//! |---|---|---|---|
//! | an engine, explicitly | calls of [`engine`](crate::engine) or of [`Builder::spawn_on`](crate::thread::Builder::spawn_on) | what uses standin's modules, in those threads | one part of a program |
//! | the facade | `use std::..` becomes `use standin::..`, line by line | the lines that were changed | code of your own that is to say what it does |
//! | std renamed | one line of a `Cargo.toml` | the whole crate, its prelude and macros included | code of your own that is to stay as it is |
//! | overlays | copies of third-party crates with that same line, by `[patch]` | those crates | clients and servers that block: HTTP, databases |
//! | interposition (planned) | a line in `main` | what calls libc, std itself and C libraries included | what no source line reaches |
//!
//! Start with the depth that reaches the waiting. A program of its own code alone is done after the third. One that waits
//! in a crate from elsewhere (a database client, an HTTP client) needs that crate overlaid, or has its calls in
//! [`blocking`](crate::engine::blocking), or is content with what the [monitor](#what-still-blocks) does about them.
//!
//! ## The facade
//!
//! ```
//! // use std::{net::TcpStream, sync::Mutex, thread};
//! use standin::{net::TcpStream, sync::Mutex, thread};
//! # fn main() -> std::io::Result<()> {
//! let answers = Mutex::new(Vec::new());
//! let listener = standin::net::TcpListener::bind("127.0.0.1:0")?;
//! let server = listener.local_addr()?;
//! thread::scope(|scope| {
//!     for n in 0..100 {
//!         let answers = &answers;
//!         scope.spawn(move || {
//!             let stream = TcpStream::connect(server).unwrap();
//!             answers.lock().unwrap().push((n, stream.local_addr().unwrap()));
//!         });
//!     }
//!     for _ in 0..100 {
//!         listener.accept().unwrap();
//!     }
//! });
//! assert_eq!(answers.into_inner().unwrap().len(), 100);
//! # Ok(())
//! # }
//! ```
//!
//! Name the modules; a glob does not do (see [below](#pitfalls)).
//!
//! ## Std renamed
//!
//! ```toml
//! [dependencies]
//! std = { package = "standin-std", version = "0.1", features = ["green"] }
//! ```
//!
//! Or as a feature, so that the crate is an ordinary one without it:
//!
//! ```toml
//! [features]
//! green = ["dep:std", "std/green"]
//!
//! [dependencies]
//! std = { package = "standin-std", version = "0.1", optional = true }
//! ```
//!
//! The documentation of `standin-std` lists every item that it overrides, and says what publishing such a crate means.
//!
//! ## Overlays
//!
//! A third-party crate gets the same line without its author: copy its source (Cargo has it under `registry/src`), add the
//! line to the copy's `Cargo.toml`, and name the copy in your workspace:
//!
//! ```toml
//! [patch.crates-io]
//! some-client = { path = "overlays/some-client" }
//! ```
//!
//! - A crate that hands a socket to another one compiles only if both are overlaid, or neither.
//! - The copy is a path crate: its warnings are no longer capped, so `#![deny(warnings)]` in it may stop a build.
//! - What standin itself stands on cannot be overlaid: Cargo refuses the circle (`rustix`, `libc`, `corosensei`, `backtrace`;
//!   with `async` also `tokio` and what that stands on).
//! - It changes `Cargo.lock`. Look at Cargo's output to see that the copies were compiled.
//!
//! `tests/overlays` in the repository does all of this for `ureq`, `tiny_http`, `tungstenite` and `redis`.
//!
//! # What still blocks
//!
//! On the engine `green` a monitor finds each thread that keeps its OS thread for longer than 10 ms. The others go on, on
//! another OS thread; but each such thread costs one, so it is good to know of them. Debug builds print them; in release
//! builds the program asks:
//!
//! ```
//! # #[cfg(feature = "green")]
//! standin::engine::green::on_blocked(|blocked| {
//!     eprintln!("{blocked}");
//!     if let Some(backtrace) = blocked.backtrace() {
//!         eprintln!("{backtrace}");
//!     }
//! });
//! ```
//!
//! `STANDIN_WORKERS=2 cargo run --features green,threads --example culprits 50` (a debug build) printed twelve, of which
//! two are here, without the lines that give files, and without what is below the program's own code:
//!
//! ```text
//! standin: the green thread '<unnamed>' blocks its OS thread for 12 ms now, in a call that standin does not know; the others go on on another OS thread
//!    0: __GI___clock_nanosleep
//!    1: std::sys::thread::unix::sleep::nanosleep
//!    2: std::sys::thread::unix::sleep
//!    3: std::thread::functions::sleep
//!    4: culprits::culprits::{{closure}}
//! standin: the green thread '<unnamed>' computes for 10 ms now; the others go on on another OS thread
//!    0: core::core_arch::x86::sse2::_mm_pause
//!    1: core::hint::spin_loop
//!    2: culprits::culprits::{{closure}}
//! ```
//!
//! The first is std's own `thread::sleep`: an import that was not changed, or a crate that is not overlaid. Read a trace from
//! its top: the first frame that is not the kernel's, libc's or std's is whose line to change. Then:
//!
//! | what the trace shows | what to do |
//! |---|---|
//! | `std::..` in code of yours | rename, or change the import |
//! | `std::..` in a crate from elsewhere | overlay it |
//! | `parking_lot`, a lock or a channel of another crate | overlay it if it stands on std; else leave it, or use `sync` |
//! | a C library, a system call of your own | [`blocking`](crate::engine::blocking) around the call |
//! | your own loop | nothing, or [`yield_now`](crate::thread::yield_now) now and then |
//!
//! Where nothing blocks, the process has few OS threads: `ls /proc/PID/task | wc -l` is one a core and a handful more. On
//! `async` nobody watches: tokio gives a worker's tasks to nobody while one of them blocks it. Look for what blocks on
//! `green`, and run on `async` then.
//!
//! # What changes type identity
//!
//! With an engine compiled, the overridden types are standin's own. Everything else is std's, and so the same for every
//! crate.
//!
//! | | |
//! |---|---|
//! | std's own | `io::{Error, ErrorKind, Read, Write, Seek, BufRead, BufReader, BufWriter, ..}`, `time::{Duration, SystemTime}`, `net::{SocketAddr, IpAddr, Shutdown, ..}`, `path::{Path, PathBuf}`, `ffi`, `env`, `fs::{Metadata, FileType, Permissions, FileTimes}`, `process::{ExitStatus, ExitCode, Output}`, `sync::{Arc, Weak, atomic, PoisonError, TryLockError, LockResult}`, the errors of channels, `thread::Result` |
//! | standin's, converts both ways by `From`, and by `OwnedFd` | `net::{TcpStream, TcpListener, UdpSocket}`, `os::unix::net::{UnixStream, UnixListener, UnixDatagram}`, `fs::File`, `io::{PipeReader, PipeWriter}`, `process::{ChildStdin, ChildStdout, ChildStderr}` |
//! | standin's, converts both ways by `From` | `process::{Command, Child, Stdio}` |
//! | standin's, does not convert | locks, channels, threads and their handles, `time::Instant`, `fs::{OpenOptions, DirBuilder, ReadDir, DirEntry}`, the standard streams |
//!
//! ```
//! use standin::net::{TcpListener, TcpStream};
//! use std::os::fd::OwnedFd;
//! # fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let stream = TcpStream::connect(listener.local_addr()?)?;
//!
//! // To a crate that knows std alone, and back, in the middle of a conversation.
//! let theirs: std::net::TcpStream = stream.into();
//! let ours: TcpStream = theirs.into();
//! // By way of a descriptor: also where std's type cannot be named, because std is renamed.
//! let descriptor: OwnedFd = ours.into();
//! let ours = TcpStream::from(descriptor);
//! # drop(ours);
//! # Ok(())
//! # }
//! ```
//!
//! A conversion costs a system call or two: the descriptor leaves its reactor, and gets the mode that std expects. A value
//! that does not convert stays on its side: give the other crate a closure, a [`Duration`](std::time::Duration) instead of
//! an `Instant`.
//!
//! The compiler says it where two worlds meet. This is what a crate got that handed its std stream to one that was renamed:
//!
//! ```text
//!    = note: `TcpStream` and `standin::net::stream::TcpStream` have similar names, but are actually distinct types
//! ```
//!
//! # The way back
//!
//! - *The same program, at once*: compile `threads` as well, and start it with `STANDIN_ENGINE=threads`. Every thread is an
//!   OS thread then, with standin's types.
//! - *The same source*: take the features away. The facade is std then, type for type; so is a renamed std, and its line can
//!   stay.
//! - What keeps a source from that are the names that std has not: `standin::engine`, `block_on`, `aio`,
//!   `Thread::cancel`. Keep them in one place, behind the feature that your crate forwards to `standin/green`, as
//!   `engine::set_default` in `main` is.
//!
//! A library does best without any engine: it says `standin::..`, its users choose, and its tests run with `threads` and
//! without.
//!
//! # A newer std
//!
//! An item that the shim does not know is std's: it is there at once, works, and blocks the OS thread if it blocks. A new
//! *method* of an overridden type is missing until standin has it: the compiler says so. A new *trait impl* likewise.
//! In the facade a new item is missing as well, for it names what it re-exports; but in `io` and `os::unix::{fs, process,
//! thread}`, which have all that std's have.
//!
//! # Pitfalls
//!
//! **A glob import** finds std's macros in the prelude and standin's, and the compiler refuses to choose. Import by name:
//!
//! ```compile_fail,E0659
//! use standin::*;
//!
//! println!("whose?");
//! ```
//!
//! ```
//! use standin::{println, thread};
//!
//! println!("by {:?}", thread::current().id());
//! ```
//!
//! **Output in tests.** `#[test]` captures what std's own print macros print in OS threads, by means that only std has. What
//! standin's print is shown, as is the report of a panic on a green thread.
//!
//! **Standard streams** have buffers and locks of their own beside std's. Lines that threads print by standin's are whole; so
//! are those by std's; but one may stand in the middle of the other, and what a crate prints by std's comes when that buffer
//! is flushed. Input that one has read ahead the other does not get. Use one of them.
//!
//! **`main` and tests run on an OS thread**, as ever: what blocks there blocks that one. `engine::GREEN.run(|| ..)` has the
//! rest of `main` on a green one. The end of `main` ends the process.
//!
//! **Stacks** of green threads have 192 KiB, those of pinned ones 96, std's 2 MiB. Deep recursion (a parser, a `Drop` of a long list, `remove_dir_all`
//! of folders within folders, which std does a call a level) and large arrays want more; an overflow names the thread and aborts. Memory is taken as it is touched, so room costs only addresses:
//!
//! ```
//! use standin::thread::Builder;
//!
//! fn depth(n: u32) -> u32 {
//!     let frame = std::hint::black_box([0_u8; 1024]);
//!     if n == 0 { u32::from(frame[0]) } else { 1 + depth(n - 1) }
//! }
//! # fn main() -> std::io::Result<()> {
//! let deep = Builder::new().stack_size(16 << 20).spawn(|| depth(4000))?;
//! assert_eq!(deep.join().unwrap(), 4000);
//! # Ok(())
//! # }
//! ```
//!
//! `RUST_MIN_STACK` does it for all threads of a process.
//!
//! **`thread_local!`** of any crate is per green thread on free threads, with std's macro as well: a counter that was one of
//! a few OS threads' is then one of thousands, and a cache is made as often. On pinned threads it is so for standin's macro
//! alone; std's is shared by all threads of that OS thread, which is what their promise is about.
//!
//! **What the kernel keeps for an OS thread** (`gettid`, signal mask, priority, affinity, its name in `ps`) belongs to whichever one a
//! green thread runs on just now. `JoinHandleExt` says of a green thread what `pthread_self` returns on it; nobody may join
//! or detach that, so `into_pthread_t` panics.
//! [`ThreadId`](crate::thread::ThreadId) is standin's own type; a map by `std::thread::ThreadId` becomes one by this.
//!
//! **Signal handlers** run on the stack of whichever thread they interrupt, within its stack. As ever they may not park
//! or lock. `SIGURG` is the monitor's, unless the program handles it itself; then there are no backtraces.
//!
//! **`process::Command`** is unconcerned by how many threads there are. A closure for `pre_exec` runs in the forked child,
//! where nobody would wake it: it must not park. The kernel's parent of a child is the OS thread that started it, which on
//! all engines but `threads` may end before the thread that called does: a child that has set `PR_SET_PDEATHSIG` gets its
//! signal then. A `fork` without `exec` leaves the child one green thread, which blocks;
//! spawning green threads there is an error.
//!
//! **C code that blocks** (a database's own library, `getaddrinfo`, OpenSSL on its own socket) keeps its OS thread.
//! [`blocking`](crate::engine::blocking) tells the engine beforehand, which is cheaper than being found out:
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! # fn query_by_c(_: &str) -> u32 { 7 }
//! let rows = standin::engine::blocking(|| query_by_c("select .."))?;
//! # assert_eq!(rows, 7);
//! # Ok(())
//! # }
//! ```
//!
//! At most 512 such sections run at once, and others wait their turn: sections that wait for each other need to be fewer.
//!
//! **A crate with tokio inside** (a blocking client that runs a runtime on a thread of its own) is best left as it is: its
//! runtime keeps its OS thread, and who waits for it is a case for `blocking`, or uses the crate's async side with
//! [`block_on`](crate::block_on). Overlaid, its runtime would run on a green thread, and each `epoll_wait` would hold up a
//! processor for the 10 ms until the monitor sees it.
//!
//! **`parking_lot`** blocks the OS thread. Short sections are harmless; a lock that is held across a call that parks has
//! all who wait for it keep an OS thread each, and on pinned threads may wait for itself. Use [`sync`](crate::sync).
//!
//! **Unbounded parallelism.** An OS thread a job was a limit, by its price. With thousands of cheap ones the next limits are
//! descriptors (`ulimit -n`), the peer's backlog, and the other end's patience. Say how many may run at once.
