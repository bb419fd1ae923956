//! Anonymous pipes.

use crate::engine::here;
use crate::engine::socket::{Direction, Handle};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// Both ends of a new pipe, which no child process inherits. This corresponds to [`std::io::pipe`].
///
/// # Errors
///
/// As std's.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((
        PipeReader(Handle::new(reader)),
        PipeWriter(Handle::new(writer)),
    ))
}

/// What ends of pipes have in common, a child's among them.
impl<S: AsFd> Handle<S> {
    /// For an end that comes from elsewhere. Its mode is the kernel's alone, which each operation asks: there is no
    /// method for it, so its user may change it by the descriptor at any time.
    pub(crate) fn adopt_end(end: S) -> Self {
        let handle = Self::adopt(end);
        handle.shared().set_nonblocking(false);
        handle
    }

    /// Has operations wait, whatever mode the user gave the descriptor.
    pub(crate) fn set_blocking(&self) -> io::Result<()> {
        self.shared()
            .set_nonblocking_unless_forced(self.std().as_fd(), false)
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(buffer)])
    }

    pub(crate) fn read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        here().read(self.as_ref(), buffers, self.limit(Direction::Read))
    }

    pub(crate) fn write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buffer)])
    }

    pub(crate) fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        here().write(self.as_ref(), buffers, self.limit(Direction::Write))
    }
}

/// The end of a pipe that is read from. This corresponds to [`std::io::PipeReader`].
///
/// A read parks the green thread that it is called on, and blocks an OS thread; an interrupting signal is never
/// seen. In a cancelled thread it fails.
pub struct PipeReader(Handle<io::PipeReader>);

impl PipeReader {
    /// This corresponds to [`std::io::PipeReader::try_clone`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_clone(&self) -> io::Result<Self> {
        let clone = self.0.std().try_clone()?;
        Ok(Self(Handle::sharing(clone, self.0.shared().clone())))
    }
}

/// The end of a pipe that is written to. This corresponds to [`std::io::PipeWriter`].
///
/// A write parks the green thread that it is called on while the pipe is full, and blocks an OS thread; an
/// interrupting signal is never seen. In a cancelled thread it fails.
pub struct PipeWriter(Handle<io::PipeWriter>);

impl PipeWriter {
    /// This corresponds to [`std::io::PipeWriter::try_clone`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_clone(&self) -> io::Result<Self> {
        let clone = self.0.std().try_clone()?;
        Ok(Self(Handle::sharing(clone, self.0.shared().clone())))
    }
}

/// Ends that are read from, or references to them.
macro_rules! readers {
    ($($end:ty),*) => {$(
        impl std::io::Read for $end {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.0.read(buffer)
            }

            fn read_vectored(&mut self, buffers: &mut [std::io::IoSliceMut<'_>]) -> std::io::Result<usize> {
                self.0.read_vectored(buffers)
            }
        }
    )*};
}

/// Ends that are written to, or references to them.
macro_rules! writers {
    ($($end:ty),*) => {$(
        impl std::io::Write for $end {
            fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
                self.0.write(buffer)
            }

            fn write_vectored(&mut self, buffers: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                self.0.write_vectored(buffers)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    )*};
}

pub(crate) use {readers, writers};

readers!(PipeReader, &PipeReader);
writers!(PipeWriter, &PipeWriter);

/// The ways in and out of a tuple struct around a [`Handle`] of std's type: std's type, and descriptors.
macro_rules! descriptor {
    ($own:ident, $std:ty) => {
        impl From<$std> for $own {
            /// Keeps the mode that the descriptor has.
            fn from(end: $std) -> Self {
                Self($crate::engine::socket::Handle::adopt_end(end))
            }
        }

        impl From<$own> for $std {
            /// The descriptor is in the mode that its user gave it.
            fn from(end: $own) -> Self {
                end.0.into_std()
            }
        }

        impl From<OwnedFd> for $own {
            fn from(fd: OwnedFd) -> Self {
                <$std>::from(fd).into()
            }
        }

        impl From<$own> for OwnedFd {
            fn from(end: $own) -> Self {
                <$std>::from(end).into()
            }
        }

        impl AsFd for $own {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.lend().as_fd()
            }
        }

        impl $crate::io::End for $own {
            fn is_alone(&self) -> bool {
                self.0.is_alone()
            }
        }

        impl AsRawFd for $own {
            fn as_raw_fd(&self) -> RawFd {
                self.0.lend().as_raw_fd()
            }
        }

        impl IntoRawFd for $own {
            fn into_raw_fd(self) -> RawFd {
                OwnedFd::from(self).into_raw_fd()
            }
        }

        impl fmt::Debug for $own {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.std().fmt(f)
            }
        }

        // As std's: a panic in an operation leaves the pipe as the kernel has it.
        impl std::panic::UnwindSafe for $own {}
        impl std::panic::RefUnwindSafe for $own {}
    };
}

pub(crate) use descriptor;

descriptor!(PipeReader, io::PipeReader);
descriptor!(PipeWriter, io::PipeWriter);

impl FromRawFd for PipeReader {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: the caller owns an open descriptor.
        unsafe { OwnedFd::from_raw_fd(fd) }.into()
    }
}

impl FromRawFd for PipeWriter {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: the caller owns an open descriptor.
        unsafe { OwnedFd::from_raw_fd(fd) }.into()
    }
}
