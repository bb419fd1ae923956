//! The other ends of a child's standard streams.

use crate::engine::socket::Handle;
use crate::io::{descriptor, readers, writers};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::process;

/// What a child reads. This corresponds to [`std::process::ChildStdin`].
///
/// A write parks the green thread that it is called on while the pipe is full, and blocks an OS thread. In a cancelled
/// thread it fails.
pub struct ChildStdin(Handle<process::ChildStdin>);

/// What a child writes to its standard output. This corresponds to [`std::process::ChildStdout`].
///
/// A read parks the green thread that it is called on, and blocks an OS thread. In a cancelled thread it fails.
pub struct ChildStdout(Handle<process::ChildStdout>);

/// What a child writes to its standard error. This corresponds to [`std::process::ChildStderr`].
///
/// A read parks the green thread that it is called on, and blocks an OS thread. In a cancelled thread it fails.
pub struct ChildStderr(Handle<process::ChildStderr>);

impl ChildStdin {
    /// One that was just made.
    pub(super) fn new(stream: process::ChildStdin) -> Self {
        Self(Handle::new(stream))
    }
}

impl ChildStdout {
    /// One that was just made.
    pub(super) fn new(stream: process::ChildStdout) -> Self {
        Self(Handle::new(stream))
    }

    /// Has reads wait, whatever mode the user gave the descriptor.
    pub(super) fn set_blocking(&self) -> io::Result<()> {
        self.0.set_blocking()
    }
}

impl ChildStderr {
    /// One that was just made.
    pub(super) fn new(stream: process::ChildStderr) -> Self {
        Self(Handle::new(stream))
    }

    /// Has reads wait, whatever mode the user gave the descriptor.
    pub(super) fn set_blocking(&self) -> io::Result<()> {
        self.0.set_blocking()
    }
}

readers!(ChildStdout, ChildStderr);
writers!(ChildStdin, &ChildStdin);
descriptor!(ChildStdin, process::ChildStdin);
descriptor!(ChildStdout, process::ChildStdout);
descriptor!(ChildStderr, process::ChildStderr);
