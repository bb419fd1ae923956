//! Files, as [`std::fs`]. What may wait for a disk parks the green thread that it is called on.
//!
//! The kernel has no readiness for files, so what may wait runs in a blocking section (`engine::blocking`), on an OS thread
//! The kernel has no readiness for files, so what may wait runs in a blocking section (`engine::blocking`), on an OS thread
//! that the other threads do not need. Reads of data that the kernel has in memory wait for nothing: on Linux they are
//! tried first in a way that does not wait (`RWF_NOWAIT`), and need no section where that succeeds. Writes always
//! take one: what does not wait may write a part where `write` writes everything.
//!
//! Who waits for a lock of a file takes no OS thread, but comes later than in std: see [`File::lock`].
//!
//! Where no OS thread is to be had for a section, an operation fails with that error, besides std's own. Cancellation does
//! not reach operations on files: they end by themselves. Closing a file is not counted as waiting.
//!
//! What does not wait is std's own: [`Metadata`], [`FileType`], [`Permissions`], [`FileTimes`], [`TryLockError`].

mod directory;
mod file;
mod options;

pub use directory::{DirBuilder, DirEntry, ReadDir, read_dir};
pub use file::File;
pub use options::OpenOptions;
pub use std::fs::{FileTimes, FileType, Metadata, Permissions, TryLockError};

use crate::engine;
use std::io;
use std::path::{Path, PathBuf};

/// Runs what may wait for a disk.
pub(crate) fn aside<T: Send>(operation: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    engine::blocking(operation)?
}

/// This corresponds to [`std::fs::canonicalize`].
///
/// # Errors
///
/// As std's.
pub fn canonicalize<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    let path = path.as_ref();
    aside(|| std::fs::canonicalize(path))
}

/// This corresponds to [`std::fs::copy`].
///
/// # Errors
///
/// As std's.
pub fn copy<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<u64> {
    let (from, to) = (from.as_ref(), to.as_ref());
    aside(|| std::fs::copy(from, to))
}

/// This corresponds to [`std::fs::create_dir`].
///
/// # Errors
///
/// As std's.
pub fn create_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    aside(|| std::fs::create_dir(path))
}

/// This corresponds to [`std::fs::create_dir_all`].
///
/// # Errors
///
/// As std's.
pub fn create_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    aside(|| std::fs::create_dir_all(path))
}

/// This corresponds to [`std::fs::exists`].
///
/// # Errors
///
/// As std's.
pub fn exists<P: AsRef<Path>>(path: P) -> io::Result<bool> {
    let path = path.as_ref();
    aside(|| std::fs::exists(path))
}

/// This corresponds to [`std::fs::hard_link`].
///
/// # Errors
///
/// As std's.
pub fn hard_link<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    let (original, link) = (original.as_ref(), link.as_ref());
    aside(|| std::fs::hard_link(original, link))
}

/// This corresponds to [`std::fs::metadata`].
///
/// # Errors
///
/// As std's.
pub fn metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    let path = path.as_ref();
    aside(|| std::fs::metadata(path))
}

/// This corresponds to [`std::fs::read`].
///
/// # Errors
///
/// As std's.
pub fn read<P: AsRef<Path>>(path: P) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    aside(|| std::fs::read(path))
}

/// This corresponds to [`std::fs::read_link`].
///
/// # Errors
///
/// As std's.
pub fn read_link<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    let path = path.as_ref();
    aside(|| std::fs::read_link(path))
}

/// This corresponds to [`std::fs::read_to_string`].
///
/// # Errors
///
/// As std's.
pub fn read_to_string<P: AsRef<Path>>(path: P) -> io::Result<String> {
    let path = path.as_ref();
    aside(|| std::fs::read_to_string(path))
}

/// This corresponds to [`std::fs::remove_dir`].
///
/// # Errors
///
/// As std's.
pub fn remove_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    aside(|| std::fs::remove_dir(path))
}

/// This corresponds to [`std::fs::remove_dir_all`].
///
/// # Errors
///
/// As std's.
pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    aside(|| std::fs::remove_dir_all(path))
}

/// This corresponds to [`std::fs::remove_file`].
///
/// # Errors
///
/// As std's.
pub fn remove_file<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    aside(|| std::fs::remove_file(path))
}

/// This corresponds to [`std::fs::rename`].
///
/// # Errors
///
/// As std's.
pub fn rename<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    aside(|| std::fs::rename(from, to))
}

/// This corresponds to [`std::fs::set_permissions`].
///
/// # Errors
///
/// As std's.
pub fn set_permissions<P: AsRef<Path>>(path: P, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref();
    aside(|| std::fs::set_permissions(path, permissions))
}

/// This corresponds to [`std::fs::soft_link`].
///
/// # Errors
///
/// As std's.
#[deprecated(note = "replaced with os::unix::fs::symlink")]
pub fn soft_link<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    crate::os::unix::fs::symlink(original, link)
}

/// This corresponds to [`std::fs::symlink_metadata`].
///
/// # Errors
///
/// As std's.
pub fn symlink_metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    let path = path.as_ref();
    aside(|| std::fs::symlink_metadata(path))
}

/// This corresponds to [`std::fs::write`].
///
/// # Errors
///
/// As std's.
pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> io::Result<()> {
    let (path, contents) = (path.as_ref(), contents.as_ref());
    aside(|| std::fs::write(path, contents))
}
