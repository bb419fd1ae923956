//! Processes, as [`std::process`], for every context: starting one, waiting for its end and talking to it park the
//! green thread that they are called on, and block an OS thread as std's do.
//!
//! [`ExitStatus`], [`ExitCode`], [`Output`], [`exit`], [`abort`] and [`id`] are std's own, as are [`CommandArgs`] and
//! [`CommandEnvs`]. What a child inherits is what std lets it inherit: every descriptor that is made here is closed
//! when another program starts.
//!
//! ```
//! use standin::{process::Command, thread};
//!
//! let threads: Vec<_> = (0..10)
//!     .map(|n| thread::spawn(move || Command::new("echo").arg(n.to_string()).output()))
//!     .collect();
//! for (n, thread) in threads.into_iter().enumerate() {
//!     let output = thread.join().unwrap()?;
//!     assert_eq!(output.stdout, format!("{n}\n").into_bytes());
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # How a thread waits for a child
//!
//! By a descriptor of the child (`pidfd_open`), which a reactor finds ready once the child has ended. Where the system
//! refuses one, because there are too many or it knows none, the thread waits in a blocking section.
//!
//! A cancelled thread does not wait: it gets the error of other operations, and the child goes on.

mod child;
mod command;
mod mask;
mod output;
mod stdio;
mod streams;

pub use child::Child;
pub use command::Command;
pub use std::process::{
    CommandArgs, CommandEnvs, ExitCode, ExitStatus, Output, Termination, abort, exit, id,
};
pub use stdio::Stdio;
pub use streams::{ChildStderr, ChildStdin, ChildStdout};
