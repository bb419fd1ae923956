//! Standard input.

use super::standard::{StdinRaw, descriptor};
use crate::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::fmt;
use std::io::{self, BufRead, BufReader, IoSliceMut, Lines, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// A handle to the standard input, and its buffer, which all handles share. This corresponds to [`std::io::Stdin`].
///
/// The buffer is not the one of std's own: what either has read ahead, the other does not see.
pub struct Stdin {
    inner: &'static Mutex<BufReader<StdinRaw>>,
}

/// What std's has room for.
const CAPACITY: usize = 8 * 1024;

/// The standard input. This corresponds to [`std::io::stdin`].
///
/// A read parks the green thread that it is called on while there is nothing, and blocks an OS thread. In a cancelled
/// thread it fails, if it would have to wait.
#[must_use]
pub fn stdin() -> Stdin {
    static STDIN: OnceLock<Mutex<BufReader<StdinRaw>>> = OnceLock::new();
    Stdin {
        inner: STDIN.get_or_init(|| Mutex::new(BufReader::with_capacity(CAPACITY, StdinRaw))),
    }
}

impl Stdin {
    /// Parks while another thread holds it. This corresponds to [`std::io::Stdin::lock`].
    pub fn lock(&self) -> StdinLock<'static> {
        StdinLock {
            inner: self.inner.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// This corresponds to [`std::io::Stdin::read_line`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn read_line(&self, buffer: &mut String) -> io::Result<usize> {
        self.lock().read_line(buffer)
    }

    /// This corresponds to [`std::io::Stdin::lines`].
    #[must_use = "`self` will be dropped if the result is not used"]
    pub fn lines(self) -> Lines<StdinLock<'static>> {
        self.lock().lines()
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.lock().read_vectored(buffers)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        self.lock().read_to_end(buffer)
    }

    fn read_to_string(&mut self, buffer: &mut String) -> io::Result<usize> {
        self.lock().read_to_string(buffer)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.lock().read_exact(buffer)
    }
}

impl Read for &Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.lock().read_vectored(buffers)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        self.lock().read_to_end(buffer)
    }

    fn read_to_string(&mut self, buffer: &mut String) -> io::Result<usize> {
        self.lock().read_to_string(buffer)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.lock().read_exact(buffer)
    }
}

/// The standard input for one thread alone, until it is dropped. This corresponds to [`std::io::StdinLock`].
#[must_use = "if unused stdin will immediately unlock"]
pub struct StdinLock<'a> {
    inner: MutexGuard<'a, BufReader<StdinRaw>>,
}

impl Read for StdinLock<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.inner.read_vectored(buffers)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        self.inner.read_to_end(buffer)
    }

    fn read_to_string(&mut self, buffer: &mut String) -> io::Result<usize> {
        self.inner.read_to_string(buffer)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(buffer)
    }
}

impl BufRead for StdinLock<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }

    fn read_until(&mut self, byte: u8, buffer: &mut Vec<u8>) -> io::Result<usize> {
        self.inner.read_until(byte, buffer)
    }

    fn read_line(&mut self, buffer: &mut String) -> io::Result<usize> {
        self.inner.read_line(buffer)
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}

impl fmt::Debug for StdinLock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdinLock").finish_non_exhaustive()
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        descriptor(0)
    }
}

impl AsFd for StdinLock<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        descriptor(0)
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        0
    }
}

impl AsRawFd for StdinLock<'_> {
    fn as_raw_fd(&self) -> RawFd {
        0
    }
}
