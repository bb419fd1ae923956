//! [`std::io`] with pipes and standard streams that park, and with [`IsTerminal`] for them: std's is sealed.

pub use ::std::io::*;
pub use standin::io::{
    IsTerminal, PipeReader, PipeWriter, Stderr, StderrLock, Stdin, StdinLock, Stdout, StdoutLock,
    pipe, stderr, stdin, stdout,
};
