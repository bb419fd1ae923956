//! What a child's standard streams are.

use super::{ChildStderr, ChildStdin, ChildStdout};
use crate::io::{PipeReader, PipeWriter, Stderr, Stdout};
use std::fmt;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::process::Stdio as StdStdio;

/// What a standard stream of a child is to be. This corresponds to [`std::process::Stdio`].
pub struct Stdio(StdStdio);

impl Stdio {
    /// A pipe, whose other end is in the [`Child`](super::Child). This corresponds to [`std::process::Stdio::piped`].
    #[must_use]
    pub fn piped() -> Stdio {
        Self(StdStdio::piped())
    }

    /// That of this process. This corresponds to [`std::process::Stdio::inherit`].
    #[must_use]
    pub fn inherit() -> Stdio {
        Self(StdStdio::inherit())
    }

    /// `/dev/null`. This corresponds to [`std::process::Stdio::null`].
    #[must_use]
    pub fn null() -> Stdio {
        Self(StdStdio::null())
    }

    pub(super) fn into_std(self) -> StdStdio {
        self.0
    }
}

impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<StdStdio> for Stdio {
    fn from(stdio: StdStdio) -> Self {
        Self(stdio)
    }
}

impl From<Stdio> for StdStdio {
    fn from(stdio: Stdio) -> Self {
        stdio.0
    }
}

impl FromRawFd for Stdio {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: the caller owns an open descriptor.
        Self(unsafe { StdStdio::from_raw_fd(fd) })
    }
}

/// By way of their descriptor, which gets the mode that its user sees.
macro_rules! descriptors {
    ($($type:ty),*) => {$(
        impl From<$type> for Stdio {
            fn from(stream: $type) -> Self {
                Self(OwnedFd::from(stream).into())
            }
        }
    )*};
}

descriptors!(
    OwnedFd,
    std::fs::File,
    crate::fs::File,
    PipeReader,
    PipeWriter,
    ChildStdin,
    ChildStdout,
    ChildStderr
);

impl From<Stdout> for Stdio {
    /// That of this process, as it is when the child starts.
    fn from(_: Stdout) -> Self {
        Self(std::io::stdout().into())
    }
}

impl From<Stderr> for Stdio {
    /// That of this process, as it is when the child starts.
    fn from(_: Stderr) -> Self {
        Self(std::io::stderr().into())
    }
}
