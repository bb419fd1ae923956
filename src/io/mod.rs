//! Input and output, as [`std::io`], for every context: pipes and standard streams that park the green thread they
//! are used on, and block an OS thread as std's do.
//!
//! Everything else is std's own: the traits, the errors, the adapters, and the functions that are written above the
//! traits, [`read_to_string`] among them. [`IsTerminal`] is an own trait, because std's is sealed. [`copy`] is here,
//! because std's lets the kernel move the bytes of std's own types alone.
//!
//! # Standard streams
//!
//! [`stdin`], [`stdout`] and [`stderr`] have buffers and locks of their own beside std's: what a crate writes through
//! std's is in order with itself, and with what is written here wherever both have been flushed. Standard output is
//! flushed at each line, and at the end of the process as std does it.
//!
//! Where the pipe behind a stream is full, a thread that prints waits with the lock of that stream. On green threads the
//! others go on, until they print too. Two places wait for ever:
//!
//! - an async task of a current-thread runtime that prints by these macros, while a thread of the engine `async` on that
//!   runtime is in such a wait: the task blocks the only OS thread, and the other needs it to be polled. Print from
//!   threads of standin's, or in [`unblock`](crate::unblock);
//! - `let lock = stdout().lock(); blocking(|| println!(..))` on pinned threads and on `async`: the section is another OS
//!   thread there, for which the lock is somebody else's. Write to the lock, or release it before.
//!
//! The macros [`print!`](crate::print), [`println!`](crate::println), [`eprint!`](crate::eprint),
//! [`eprintln!`](crate::eprintln) and [`dbg!`](crate::dbg) write to these. Std's own macros are captured by the
//! harness of `#[test]`, by means that are open to std alone; these are not, and show what they print. They are imported
//! by name (`use standin::println;`): with a glob import of the crate the compiler finds std's as well, and says so.

mod copy;
mod input;
mod output;
mod pipe;
mod print;
mod standard;
mod terminal;

pub(crate) use copy::End;
pub use copy::copy;
pub use input::{Stdin, StdinLock, stdin};
pub use output::{Stderr, StderrLock, Stdout, StdoutLock, stderr, stdout};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub(crate) use pipe::{descriptor, readers, writers};
#[doc(hidden)]
pub use print::{_eprint, _print};
pub use std::io::*;
pub use terminal::IsTerminal;
