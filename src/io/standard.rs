//! The descriptors 0, 1 and 2: reading and writing them without blocking other threads.
//!
//! They are shared with other processes (the shell, the other end of a pipeline), so their mode is never changed. A
//! plain OS thread makes the plain system call. A thread of an engine
//!
//! 1. asks the kernel for what it can do at once (`RWF_NOWAIT`, which pipes, sockets and files know, whatever their
//!    mode);
//! 2. if that is nothing, waits by the reactor until there is something, and asks again;
//! 3. for what does not know the flag (terminals, named pipes), and what is always ready and yet does nothing at once (a
//!    file that a disk has to be asked for), waits by the reactor, if it can be waited for, and makes the plain call in
//!    a blocking section: another process may have been faster, and then the call blocks an OS thread, but no other
//!    thread of the engine.
//!
//! So nothing blocks the others, and nothing is lost: bytes that the kernel took are counted, those that it did not
//! take are offered again.
//!
//! For a wait a descriptor of its own is made and registered, and closed afterwards. So what is waited for is what the
//! number stands for now, although programs put something else there (`dup2`), and a reactor keeps no number that is
//! not standin's. Where that fails, because no descriptor is free, the call is made in a blocking section.
//!
//! # Cancellation
//!
//! A cancelled thread that waits for input gets the error of other operations. Its output is written nevertheless, in
//! a blocking section if it has to wait: a thread that cleans up may say so.
//!
//! # A mode that somebody else set
//!
//! Output is waited for also where the descriptor is non-blocking, as another process that shares it may have made
//! it: std's macros panic then. Input fails with `WouldBlock`, as std's.

use crate::engine::socket::Handle;
use crate::engine::transfer::{is_ready, read_without_waiting, write_without_waiting};
use crate::engine::{Control, Interest, Limit, blocking, here, is_cancelled};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;
use standin_core::context;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// Standard input, without a buffer.
pub(super) struct StdinRaw;
/// Standard output, without a buffer.
pub(super) struct StdoutRaw;
/// Standard error, which has no buffer.
pub(super) struct StderrRaw;

/// The process is about to end: whoever writes still does it by plain calls.
pub(super) static IS_EXITING: AtomicBool = AtomicBool::new(false);

/// A descriptor that std leaves open, or closed, as it found it.
pub(super) fn descriptor(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: std keeps these numbers for the standard streams, for the whole life of the process, and lends them
    // likewise.
    unsafe { BorrowedFd::borrow_raw(number) }
}

impl Read for StdinRaw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(buffer)])
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        unless_closed(input(descriptor(0), buffers), 0)
    }
}

impl Write for StdoutRaw {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buffer)])
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        unless_closed(output(descriptor(1), buffers), length(buffers))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for StderrRaw {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buffer)])
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        unless_closed(output(descriptor(2), buffers), length(buffers))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn length(buffers: &[IoSlice<'_>]) -> usize {
    buffers.iter().map(|buffer| buffer.len()).sum()
}

/// A stream that is closed takes everything, and has nothing, as std's.
fn unless_closed(done: io::Result<usize>, otherwise: usize) -> io::Result<usize> {
    match done {
        Err(error) if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) => Ok(otherwise),
        done => done,
    }
}

fn input(fd: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    if !is_parked_here() {
        return Ok(rustix::io::readv(fd, buffers)?);
    }
    let mut waits = Waits::new(fd, Interest::Read);
    loop {
        let may_ask_again = match read_without_waiting(fd, buffers) {
            Some(Err(error)) if error.kind() == ErrorKind::Interrupted => continue,
            // A file's plain call takes no notice of the mode, and any other's says that there is nothing.
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {
                !fcntl_getfl(fd)?.contains(OFlags::NONBLOCK) && waits.wait()?
            }
            Some(done) => return with_progress(done),
            None => {
                waits.wait()?;
                false
            }
        };
        if !may_ask_again {
            return blocking(|| uninterrupted(|| Ok(rustix::io::readv(fd, buffers)?)))?;
        }
    }
}

/// Who never has to wait lets others run now and then.
fn with_progress<T>(done: T) -> T {
    context::progress();
    done
}

/// All of it, as a blocking kernel call writes it, unless an error ends it.
fn output(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    if !is_parked_here() {
        return write_in_place(fd, buffers);
    }
    let mut rest = buffers.to_vec();
    let mut rest = &mut rest[..];
    let (length, mut written) = (length(buffers), 0);
    let mut waits = Waits::new(fd, Interest::Write);
    loop {
        let done = match write_without_waiting(fd, rest) {
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {
                // A cancelled thread does not wait here.
                if waits.wait().unwrap_or(false) {
                    continue;
                }
                write_aside(fd, rest)
            }
            Some(done) => with_progress(done),
            None => {
                let _ = waits.wait();
                write_aside(fd, rest)
            }
        };
        match done {
            Ok(some) => {
                written += some;
                IoSlice::advance_slices(&mut rest, some);
                if written >= length || some == 0 {
                    return Ok(written);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) if written > 0 => return Ok(written),
            Err(error) => return Err(error),
        }
    }
}

fn write_aside(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    blocking(|| uninterrupted(|| write_in_place(fd, buffers)))?
}

/// By a call that blocks the OS thread, also if somebody made the descriptor non-blocking.
fn write_in_place(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    loop {
        match rustix::io::writev(fd, buffers) {
            Err(Errno::AGAIN) => {
                let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
                rustix::event::poll(&mut fds, None)?;
            }
            done => return Ok(done?),
        }
    }
}

/// Which thread of the process a signal interrupts is not for a thread of an engine to know.
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Whether the calling thread is one of an engine.
fn is_parked_here() -> bool {
    !IS_EXITING.load(Relaxed) && Control::current(|control| control.is_some())
}

/// The waits of one operation.
struct Waits<'a> {
    fd: BorrowedFd<'a>,
    interest: Interest,
    /// It was ready the last time, although the kernel had just done nothing at once.
    was_ready: bool,
}

impl<'a> Waits<'a> {
    fn new(fd: BorrowedFd<'a>, interest: Interest) -> Self {
        Self {
            fd,
            interest,
            was_ready: false,
        }
    }

    /// Waits until the descriptor is ready; false if it cannot be waited for, or is ready time and again for nothing.
    ///
    /// # Errors
    ///
    /// The calling thread was cancelled.
    fn wait(&mut self) -> io::Result<bool> {
        if is_ready(self.fd, self.interest).is_ok() {
            // Once that is a matter of luck.
            return Ok(!std::mem::replace(&mut self.was_ready, true));
        }
        self.was_ready = false;
        let Ok(own) = self.fd.try_clone_to_owned() else {
            return Ok(false);
        };
        let handle = Handle::new(own);
        let done = here().ready(handle.as_ref(), self.interest, Limit::None);
        // The file is open elsewhere, so closing the descriptor does not end what the reactor knows.
        drop(handle.into_std());
        match done {
            Ok(()) => Ok(true),
            Err(error) if is_cancelled(&error) => Err(error),
            Err(_) => Ok(false),
        }
    }
}
