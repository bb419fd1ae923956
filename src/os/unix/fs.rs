//! What only Unix has of files, as [`std::os::unix::fs`]. The traits are std's own, and implemented for the types of
//! [`fs`](crate::fs).

pub use std::os::unix::fs::*;

use crate::fs::aside;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// This corresponds to [`std::os::unix::fs::symlink`].
///
/// # Errors
///
/// As std's.
pub fn symlink<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    let (original, link) = (original.as_ref(), link.as_ref());
    aside(|| std::os::unix::fs::symlink(original, link))
}

/// This corresponds to [`std::os::unix::fs::chown`].
///
/// # Errors
///
/// As std's.
pub fn chown<P: AsRef<Path>>(path: P, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    let path = path.as_ref();
    aside(|| std::os::unix::fs::chown(path, user, group))
}

/// This corresponds to [`std::os::unix::fs::fchown`].
///
/// # Errors
///
/// As std's.
pub fn fchown<F: AsFd>(file: F, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    let file = file.as_fd();
    aside(|| std::os::unix::fs::fchown(file, user, group))
}

/// This corresponds to [`std::os::unix::fs::lchown`].
///
/// # Errors
///
/// As std's.
pub fn lchown<P: AsRef<Path>>(path: P, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    let path = path.as_ref();
    aside(|| std::os::unix::fs::lchown(path, user, group))
}

/// This corresponds to [`std::os::unix::fs::chroot`].
///
/// # Errors
///
/// As std's.
pub fn chroot<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    aside(|| std::os::unix::fs::chroot(path))
}
