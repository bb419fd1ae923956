//! An open file.

use super::{FileTimes, Metadata, OpenOptions, Permissions, TryLockError, aside};
use crate::engine::{self, Backoff};
use standin_core::context;
use std::fmt;
use std::fs::File as StdFile;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

/// An open file. This corresponds to [`std::fs::File`].
///
/// It converts to std's and back. An `Arc` of it does not implement the traits of `io`, as an `Arc` of std's does: only
/// std could say so. A reference does.
pub struct File(StdFile);

impl File {
    /// This corresponds to [`std::fs::File::open`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn open<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        let path = path.as_ref();
        aside(|| StdFile::open(path)).map(Self)
    }

    /// This corresponds to [`std::fs::File::create`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn create<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        let path = path.as_ref();
        aside(|| StdFile::create(path)).map(Self)
    }

    /// This corresponds to [`std::fs::File::create_new`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn create_new<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        let path = path.as_ref();
        aside(|| StdFile::create_new(path)).map(Self)
    }

    /// This corresponds to [`std::fs::File::options`].
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// This corresponds to [`std::fs::File::sync_all`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn sync_all(&self) -> io::Result<()> {
        aside(|| self.0.sync_all())
    }

    /// This corresponds to [`std::fs::File::sync_data`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn sync_data(&self) -> io::Result<()> {
        aside(|| self.0.sync_data())
    }

    /// This corresponds to [`std::fs::File::lock`].
    ///
    /// An OS thread waits in the kernel. Other threads ask again, after pauses of 50 µs to 10 ms: in the kernel they would
    /// keep the OS threads that whoever has the lock may need to go on. So they get the lock up to 10 ms later, and in any
    /// order; where others never leave it free for long, that can take long.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn lock(&self) -> io::Result<()> {
        locked(|| self.0.lock(), || self.0.try_lock())
    }

    /// This corresponds to [`std::fs::File::lock_shared`]. It waits as [`lock`](Self::lock) does.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn lock_shared(&self) -> io::Result<()> {
        locked(|| self.0.lock_shared(), || self.0.try_lock_shared())
    }

    /// This corresponds to [`std::fs::File::try_lock`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        self.0.try_lock()
    }

    /// This corresponds to [`std::fs::File::try_lock_shared`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_lock_shared(&self) -> Result<(), TryLockError> {
        self.0.try_lock_shared()
    }

    /// This corresponds to [`std::fs::File::unlock`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }

    /// This corresponds to [`std::fs::File::set_len`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        aside(|| self.0.set_len(size))
    }

    /// This corresponds to [`std::fs::File::metadata`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn metadata(&self) -> io::Result<Metadata> {
        aside(|| self.0.metadata())
    }

    /// This corresponds to [`std::fs::File::try_clone`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// This corresponds to [`std::fs::File::set_permissions`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        aside(|| self.0.set_permissions(permissions))
    }

    /// This corresponds to [`std::fs::File::set_times`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        aside(|| self.0.set_times(times))
    }

    /// This corresponds to [`std::fs::File::set_modified`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time))
    }
}

/// Takes a lock by `wait`, which blocks the OS thread, where that is right, and by `attempt` elsewhere.
fn locked(
    wait: impl FnOnce() -> io::Result<()>,
    mut attempt: impl FnMut() -> Result<(), TryLockError>,
) -> io::Result<()> {
    if engine::is_os_thread() {
        return wait();
    }
    let mut backoff = Backoff::new();
    loop {
        match attempt() {
            Err(TryLockError::WouldBlock) => backoff.park(),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {
                // Who only takes and leaves locks lets others run now and then.
                context::progress();
                return Ok(());
            }
        }
    }
}

/// What the kernel can read without waiting for a disk.
///
/// Writes have no such form: one that may not wait can end in the middle where `write` writes everything, and the rest of a
/// record would come after what others append meanwhile.
#[cfg(target_os = "linux")]
mod at_once {
    use rustix::io::{ReadWriteFlags, preadv2};
    use standin_core::context;
    use std::io::IoSliceMut;
    use std::os::fd::AsFd;

    /// Where the file stands, which then moves on.
    pub(super) const HERE: u64 = u64::MAX;

    /// `None`: it may wait, or the file cannot tell, or it is an error, which the call that waits has better words for.
    pub(super) fn read(
        file: impl AsFd,
        buffers: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> Option<usize> {
        let count = preadv2(file, buffers, offset, ReadWriteFlags::NOWAIT).ok()?;
        // Who has only such reads lets others run now and then.
        context::progress();
        Some(count)
    }
}

/// Elsewhere nobody knows.
#[cfg(not(target_os = "linux"))]
mod at_once {
    use std::io::IoSliceMut;
    use std::os::fd::AsFd;

    pub(super) const HERE: u64 = u64::MAX;

    pub(super) fn read(_: impl AsFd, _: &mut [IoSliceMut<'_>], _: u64) -> Option<usize> {
        None
    }
}

impl Read for &File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        at_once::read(&self.0, &mut [IoSliceMut::new(buffer)], at_once::HERE)
            .map_or_else(|| aside(|| (&self.0).read(buffer)), Ok)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        at_once::read(&self.0, buffers, at_once::HERE)
            .map_or_else(|| aside(|| (&self.0).read_vectored(buffers)), Ok)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        aside(|| (&self.0).read_to_end(buffer))
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        aside(|| (&self.0).read_to_string(text))
    }
}

impl Write for &File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        aside(|| (&self.0).write(bytes))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        aside(|| (&self.0).write_vectored(buffers))
    }

    /// There is nothing to do, as with std's.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&self.0).seek(to)
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buffer)
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(text)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self).seek(to)
    }
}

impl FileExt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let at_once = is_place(offset)
            .then(|| at_once::read(&self.0, &mut [IoSliceMut::new(buffer)], offset))
            .flatten();
        at_once.map_or_else(|| aside(|| self.0.read_at(buffer, offset)), Ok)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        aside(|| self.0.write_at(bytes, offset))
    }
}

/// Whether it can be an offset in a file; the others have meanings of their own, or none.
fn is_place(offset: u64) -> bool {
    i64::try_from(offset).is_ok()
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl IntoRawFd for File {
    fn into_raw_fd(self) -> RawFd {
        self.0.into_raw_fd()
    }
}

impl FromRawFd for File {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { StdFile::from_raw_fd(fd) })
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> Self {
        Self(fd.into())
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> Self {
        file.0.into()
    }
}

impl From<StdFile> for File {
    fn from(file: StdFile) -> Self {
        Self(file)
    }
}

impl From<File> for StdFile {
    fn from(file: File) -> Self {
        file.0
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Self {
        file.0.into()
    }
}
