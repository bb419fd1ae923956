//! [`std::process`] with child processes that are waited for without an OS thread.

pub use ::std::process::*;
pub use standin::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
