//! Making and reading directories.

use super::{FileType, Metadata, aside};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};

/// How a directory is made. This corresponds to [`std::fs::DirBuilder`].
pub struct DirBuilder(std::fs::DirBuilder);

impl DirBuilder {
    /// This corresponds to [`std::fs::DirBuilder::new`].
    #[expect(clippy::new_without_default, reason = "std's has none")]
    #[must_use]
    pub fn new() -> Self {
        Self(std::fs::DirBuilder::new())
    }

    /// This corresponds to [`std::fs::DirBuilder::recursive`].
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.0.recursive(recursive);
        self
    }

    /// This corresponds to [`std::fs::DirBuilder::create`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn create<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        let path = path.as_ref();
        aside(|| self.0.create(path))
    }
}

impl DirBuilderExt for DirBuilder {
    fn mode(&mut self, mode: u32) -> &mut Self {
        self.0.mode(mode);
        self
    }
}

impl fmt::Debug for DirBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// This corresponds to [`std::fs::read_dir`].
///
/// # Errors
///
/// As std's.
pub fn read_dir<P: AsRef<Path>>(path: P) -> io::Result<ReadDir> {
    let path = path.as_ref();
    let std = aside(|| std::fs::read_dir(path))?;
    Ok(ReadDir {
        std,
        ahead: VecDeque::new(),
        has_ended: false,
    })
}

/// How many entries are read at once.
const AHEAD: usize = 64;

/// The entries of a directory. This corresponds to [`std::fs::ReadDir`].
///
/// Some are read ahead, as std does with those of one system call.
pub struct ReadDir {
    std: std::fs::ReadDir,
    ahead: VecDeque<io::Result<DirEntry>>,
    /// Nothing more is read: after the last entry, and after an error, as in std.
    has_ended: bool,
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        if self.ahead.is_empty() && !self.has_ended {
            let std = &mut self.std;
            let read = || Ok(std.take(AHEAD).map(|entry| entry.map(DirEntry)).collect());
            // Also by an error of the section: whoever skips errors would be given it for ever.
            self.ahead = aside(read).unwrap_or_else(|error| VecDeque::from([Err(error)]));
            self.has_ended = self.ahead.len() < AHEAD;
        }
        self.ahead.pop_front()
    }
}

// Errors that were read ahead are handed out as they are.
impl UnwindSafe for ReadDir {}
impl RefUnwindSafe for ReadDir {}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}

/// An entry of a directory. This corresponds to [`std::fs::DirEntry`].
pub struct DirEntry(std::fs::DirEntry);

impl DirEntry {
    /// This corresponds to [`std::fs::DirEntry::path`].
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// This corresponds to [`std::fs::DirEntry::metadata`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn metadata(&self) -> io::Result<Metadata> {
        aside(|| self.0.metadata())
    }

    /// This corresponds to [`std::fs::DirEntry::file_type`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn file_type(&self) -> io::Result<FileType> {
        aside(|| self.0.file_type())
    }

    /// This corresponds to [`std::fs::DirEntry::file_name`].
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }
}

impl DirEntryExt for DirEntry {
    fn ino(&self) -> u64 {
        self.0.ino()
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
