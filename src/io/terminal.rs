//! Whether a descriptor is a terminal.

use super::{Stderr, StderrLock, Stdin, StdinLock, Stdout, StdoutLock};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// This corresponds to [`std::io::IsTerminal`], which is sealed: a trait of its own, for the streams of this module,
/// and for what std's is implemented for.
pub trait IsTerminal: sealed::Sealed {
    /// This corresponds to [`std::io::IsTerminal::is_terminal`].
    fn is_terminal(&self) -> bool;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// For types that lend std's view of their descriptor.
macro_rules! by_std {
    ($($type:ty),*) => {$(
        impl sealed::Sealed for $type {}
        impl IsTerminal for $type {
            fn is_terminal(&self) -> bool {
                io::IsTerminal::is_terminal(self)
            }
        }
    )*};
}

/// For types that lend a descriptor.
macro_rules! by_descriptor {
    ($($type:ty),*) => {$(
        impl sealed::Sealed for $type {}
        impl IsTerminal for $type {
            fn is_terminal(&self) -> bool {
                io::IsTerminal::is_terminal(&std::os::fd::AsFd::as_fd(self))
            }
        }
    )*};
}

by_std!(std::fs::File, BorrowedFd<'_>, OwnedFd);
by_std!(
    io::Stdin,
    io::StdinLock<'_>,
    io::Stdout,
    io::StdoutLock<'_>,
    io::Stderr,
    io::StderrLock<'_>
);
by_descriptor!(
    crate::fs::File,
    Stdin,
    StdinLock<'_>,
    Stdout,
    StdoutLock<'_>,
    Stderr,
    StderrLock<'_>
);
