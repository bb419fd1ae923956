//! Why this machine or this build cannot run free threads.

use std::fmt;

/// What is missing for threads with thread-local storage of their own.
///
/// The way out, pinned threads, is for the engine to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsupported {
    missing: String,
}

impl Unsupported {
    pub(super) fn new(missing: impl Into<String>) -> Unsupported {
        Unsupported {
            missing: missing.into(),
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "green threads with their own thread-local storage cannot run here: {}",
            self.missing
        )
    }
}

impl std::error::Error for Unsupported {}
