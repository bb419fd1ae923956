//! Why this machine or this build cannot run free threads.

use std::{fmt, io};

/// What is missing for threads with thread-local storage of their own.
///
/// The way out, pinned threads, is for the engine to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsupported {
    missing: String,
    /// Nothing is known yet: the test needs what the system does not grant right now.
    is_for_now: bool,
}

impl Unsupported {
    pub(super) fn new(missing: impl Into<String>) -> Unsupported {
        Unsupported {
            missing: missing.into(),
            is_for_now: false,
        }
    }

    /// The test could not be made, and has to be made again.
    pub(super) fn for_now(lacking: impl Into<String>) -> Unsupported {
        Unsupported {
            missing: lacking.into(),
            is_for_now: true,
        }
    }

    pub(super) fn is_for_now(&self) -> bool {
        self.is_for_now
    }

    /// As an error of whoever needs free threads.
    pub(super) fn into_error(self) -> io::Error {
        let kind = match self.is_for_now {
            true => io::ErrorKind::OutOfMemory,
            false => io::ErrorKind::Unsupported,
        };
        io::Error::new(kind, self)
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_for_now {
            return write!(
                f,
                "cannot test whether green threads with their own thread-local storage run here: {}; \
                 free some memory or raise the limits on it (RLIMIT_AS, `ulimit -v`) and on threads \
                 (RLIMIT_NPROC, `ulimit -u`), then try again",
                self.missing
            );
        }
        write!(
            f,
            "green threads with their own thread-local storage cannot run here: {}",
            self.missing
        )
    }
}

impl std::error::Error for Unsupported {}
