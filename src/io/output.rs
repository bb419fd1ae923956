//! Standard output and standard error.

use super::standard::{IS_EXITING, StderrRaw, StdoutRaw, descriptor};
use crate::sync::OnceLock;
use crate::sync::reentrant_lock::{ReentrantLock, ReentrantLockGuard};
use std::cell::RefCell;
use std::fmt;
use std::io::{self, IoSlice, LineWriter, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::Ordering::Relaxed;

/// A handle to the standard output, and its buffer, which all handles share. This corresponds to
/// [`std::io::Stdout`].
///
/// It is written at each line, when it is flushed, and at the end of the process.
pub struct Stdout {
    inner: &'static ReentrantLock<RefCell<LineWriter<StdoutRaw>>>,
}

static STDOUT: OnceLock<ReentrantLock<RefCell<LineWriter<StdoutRaw>>>> = OnceLock::new();

/// The standard output. This corresponds to [`std::io::stdout`].
///
/// A write parks the green thread that it is called on while there is no room, and blocks an OS thread. It is made
/// also in a cancelled thread.
#[must_use]
pub fn stdout() -> Stdout {
    Stdout {
        inner: STDOUT.get_or_init(|| {
            // SAFETY: a function that takes nothing and does not unwind. It fails for want of memory only; then what
            // is in the buffer at the end is lost.
            unsafe { atexit(flush_at_exit) };
            ReentrantLock::new(RefCell::new(LineWriter::new(StdoutRaw)))
        }),
    }
}

unsafe extern "C" {
    fn atexit(handler: extern "C" fn()) -> i32;
}

/// What std does before the process ends: the buffer is written, and what comes after it is not kept back.
extern "C" fn flush_at_exit() {
    IS_EXITING.store(true, Relaxed);
    // Whoever holds the lock may hold it for ever.
    if let Some(lock) = STDOUT.get().and_then(ReentrantLock::try_lock)
        && let Ok(mut writer) = lock.try_borrow_mut()
    {
        *writer = LineWriter::with_capacity(0, StdoutRaw);
    }
}

impl Stdout {
    /// Parks while another thread holds it; the thread that does may take it again. This corresponds to
    /// [`std::io::Stdout::lock`].
    pub fn lock(&self) -> StdoutLock<'static> {
        StdoutLock {
            inner: self.inner.lock(),
        }
    }
}

/// The standard output for one thread alone, until it is dropped. This corresponds to [`std::io::StdoutLock`].
#[must_use = "if unused stdout will immediately unlock"]
pub struct StdoutLock<'a> {
    inner: ReentrantLockGuard<'a, RefCell<LineWriter<StdoutRaw>>>,
}

/// A handle to the standard error, which has no buffer. This corresponds to [`std::io::Stderr`].
pub struct Stderr {
    inner: &'static ReentrantLock<RefCell<StderrRaw>>,
}

/// The standard error. This corresponds to [`std::io::stderr`].
///
/// A write parks the green thread that it is called on while there is no room, and blocks an OS thread. It is made
/// also in a cancelled thread.
#[must_use]
pub fn stderr() -> Stderr {
    static STDERR: ReentrantLock<RefCell<StderrRaw>> = ReentrantLock::new(RefCell::new(StderrRaw));
    Stderr { inner: &STDERR }
}

impl Stderr {
    /// Parks while another thread holds it; the thread that does may take it again. This corresponds to
    /// [`std::io::Stderr::lock`].
    pub fn lock(&self) -> StderrLock<'static> {
        StderrLock {
            inner: self.inner.lock(),
        }
    }
}

/// The standard error for one thread alone, until it is dropped. This corresponds to [`std::io::StderrLock`].
#[must_use = "if unused stderr will immediately unlock"]
pub struct StderrLock<'a> {
    inner: ReentrantLockGuard<'a, RefCell<StderrRaw>>,
}

/// The traits of a handle and its lock, which are the same for both streams.
macro_rules! stream {
    ($handle:ident, $lock:ident, $number:literal) => {
        impl Write for $handle {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                (&*self).write(buffer)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                (&*self).write_vectored(buffers)
            }

            fn flush(&mut self) -> io::Result<()> {
                (&*self).flush()
            }

            fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
                (&*self).write_all(buffer)
            }

            fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> io::Result<()> {
                (&*self).write_fmt(arguments)
            }
        }

        // The lock is held for the whole of a call, so that what it writes stays together.
        impl Write for &$handle {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                self.lock().write(buffer)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                self.lock().write_vectored(buffers)
            }

            fn flush(&mut self) -> io::Result<()> {
                self.lock().flush()
            }

            fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
                self.lock().write_all(buffer)
            }

            fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> io::Result<()> {
                self.lock().write_fmt(arguments)
            }
        }

        impl Write for $lock<'_> {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                self.inner.borrow_mut().write(buffer)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                self.inner.borrow_mut().write_vectored(buffers)
            }

            fn flush(&mut self) -> io::Result<()> {
                self.inner.borrow_mut().flush()
            }

            fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
                self.inner.borrow_mut().write_all(buffer)
            }
        }

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle)).finish_non_exhaustive()
            }
        }

        impl fmt::Debug for $lock<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($lock)).finish_non_exhaustive()
            }
        }

        impl AsFd for $handle {
            fn as_fd(&self) -> BorrowedFd<'_> {
                descriptor($number)
            }
        }

        impl AsFd for $lock<'_> {
            fn as_fd(&self) -> BorrowedFd<'_> {
                descriptor($number)
            }
        }

        impl AsRawFd for $handle {
            fn as_raw_fd(&self) -> RawFd {
                $number
            }
        }

        impl AsRawFd for $lock<'_> {
            fn as_raw_fd(&self) -> RawFd {
                $number
            }
        }

        // As std's.
        impl UnwindSafe for $handle {}
        impl RefUnwindSafe for $handle {}
        impl UnwindSafe for $lock<'_> {}
        impl RefUnwindSafe for $lock<'_> {}
    };
}

stream!(Stdout, StdoutLock, 1);
stream!(Stderr, StderrLock, 2);
