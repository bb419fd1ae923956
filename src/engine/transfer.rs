//! What is no socket but can be waited for: pipes, and whatever else a reactor takes. Written once for both ways of
//! waiting, as [`operations`](super::operations) are.
//!
//! # How a single call does not block
//!
//! Sockets have a flag for that (`MSG_DONTWAIT`). For pipes `preadv2` and `pwritev2` have one (`RWF_NOWAIT`) since
//! Linux 6.4, and it is used where it is known: a pipe is often shared with another process, which would find it
//! non-blocking if its mode were changed. Where the kernel refuses the flag (older ones, and named pipes), the
//! descriptor is made non-blocking until it is handed out, as listeners are.

use super::kernel;
use super::operations::{Wait, in_system_call, until_not_interrupted};
use super::socket::{Limit, Patience, SocketRef};
use super::source::Interest;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, ReadWriteFlags};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

pub(super) fn read(
    wait: impl Wait,
    descriptor: SocketRef<'_>,
    buffers: &mut [IoSliceMut<'_>],
    limit: Limit,
) -> io::Result<usize> {
    let buffers = kernel::limit_len_mut(buffers);
    let fd = descriptor.fd();
    let patience = &mut Patience::new(limit);
    let call = || Ok(rustix::io::readv(fd, buffers)?);
    if let Some(done) = blocking(wait, descriptor, patience, call) {
        return done;
    }
    let once = |_| settled(descriptor, read_at_once(descriptor, buffers));
    match wait.retry(descriptor, Interest::Read, patience, once, |_| false) {
        Err(error) if cannot_be_waited_for(&error) => aside(|| rustix::io::readv(fd, buffers)),
        done => done?,
    }
}

/// As a blocking kernel call, it ends when all is written, unless the limit or an error ends it.
pub(super) fn write(
    wait: impl Wait,
    descriptor: SocketRef<'_>,
    buffers: &[IoSlice<'_>],
    limit: Limit,
) -> io::Result<usize> {
    let buffers = kernel::limit_len(buffers);
    let length: usize = buffers.iter().map(|buffer| buffer.len()).sum();
    let fd = descriptor.fd();
    let patience = &mut Patience::new(limit);
    let call = || Ok(rustix::io::writev(fd, buffers)?);
    if let Some(done) = blocking(wait, descriptor, patience, call) {
        return done;
    }
    let mut rest = buffers.to_vec();
    let mut rest = &mut rest[..];
    let mut written = 0;
    loop {
        let once = |_| settled(descriptor, write_at_once(descriptor, rest));
        let done = wait.retry(descriptor, Interest::Write, patience, once, |_| false);
        let done = match done {
            Err(error) if cannot_be_waited_for(&error) => aside(|| rustix::io::writev(fd, rest)),
            done => done.flatten(),
        };
        match done {
            Ok(some) => {
                written += some;
                IoSlice::advance_slices(&mut rest, some);
            }
            Err(_) if written > 0 => return Ok(written),
            Err(error) => return Err(error),
        }
        if written >= length || !patience.may_wait() {
            return Ok(written);
        }
    }
}

/// Whether the error is a reactor's that does not take the descriptor: that of a regular file, whose bytes are not in
/// memory yet.
fn cannot_be_waited_for(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::PERM.raw_os_error())
}

/// The plain call, in a blocking section.
fn aside(mut call: impl FnMut() -> rustix::io::Result<usize> + Send) -> io::Result<usize> {
    super::blocking(|| until_not_interrupted(|| Ok(call()?)))?
}

/// Waits until the descriptor is ready, or at its end.
pub(super) fn ready(
    wait: impl Wait,
    descriptor: SocketRef<'_>,
    interest: Interest,
    limit: Limit,
) -> io::Result<()> {
    let once = |_| is_ready(descriptor.fd(), interest);
    let patience = &mut Patience::new(limit);
    wait.retry(descriptor, interest, patience, once, |()| false)
}

/// The plain call, on a plain OS thread. `None` if the thread is to wait otherwise.
fn blocking(
    wait: impl Wait,
    descriptor: SocketRef<'_>,
    patience: &mut Patience,
    call: impl FnMut() -> io::Result<usize>,
) -> Option<io::Result<usize>> {
    if descriptor.is_forced_nonblocking() {
        return None;
    }
    let done = in_system_call(wait, descriptor, patience, call)?;
    match &done {
        // An engine may have made it non-blocking meanwhile.
        Err(error)
            if error.kind() == io::ErrorKind::WouldBlock && descriptor.is_forced_nonblocking() =>
        {
            None
        }
        _ => Some(done),
    }
}

/// Tells `WouldBlock` that is to be waited for, as an error, from one that the user gets, as a result: a pipe has no
/// method for its mode, so its user sets it by the descriptor.
fn settled(descriptor: SocketRef<'_>, done: io::Result<usize>) -> io::Result<io::Result<usize>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && is_nonblocking(descriptor)? => {
            Ok(Err(error))
        }
        done => done.map(Ok),
    }
}

/// Whether its user made it non-blocking.
fn is_nonblocking(descriptor: SocketRef<'_>) -> io::Result<bool> {
    let forced = descriptor.is_forced_nonblocking();
    Ok(!forced && fcntl_getfl(descriptor.fd())?.contains(OFlags::NONBLOCK))
}

fn read_at_once(descriptor: SocketRef<'_>, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    if let Some(done) = read_without_waiting(descriptor.fd(), buffers) {
        return done;
    }
    if !is_nonblocking(descriptor)? {
        descriptor.force_nonblocking()?;
    }
    Ok(rustix::io::readv(descriptor.fd(), buffers)?)
}

fn write_at_once(descriptor: SocketRef<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    if let Some(done) = write_without_waiting(descriptor.fd(), buffers) {
        return done;
    }
    if !is_nonblocking(descriptor)? {
        descriptor.force_nonblocking()?;
    }
    Ok(rustix::io::writev(descriptor.fd(), buffers)?)
}

/// Where the position of the descriptor itself is meant, also of one that has none.
const HERE: u64 = u64::MAX;

/// Reads what is there, or fails with `WouldBlock`, whatever the mode of the descriptor. `None` if the kernel has no
/// such read for it.
pub(crate) fn read_without_waiting(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
) -> Option<io::Result<usize>> {
    known(rustix::io::preadv2(
        fd,
        buffers,
        HERE,
        ReadWriteFlags::NOWAIT,
    ))
}

/// Writes what there is room for, or fails with `WouldBlock`, whatever the mode of the descriptor. `None` if the
/// kernel has no such write for it.
pub(crate) fn write_without_waiting(
    fd: BorrowedFd<'_>,
    buffers: &[IoSlice<'_>],
) -> Option<io::Result<usize>> {
    known(rustix::io::pwritev2(
        fd,
        buffers,
        HERE,
        ReadWriteFlags::NOWAIT,
    ))
}

fn known(done: rustix::io::Result<usize>) -> Option<io::Result<usize>> {
    match done {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => None,
        done => Some(done.map_err(io::Error::from)),
    }
}

/// `WouldBlock` if it is not. What is wrong with the descriptor, whoever uses it is told.
pub(crate) fn is_ready(fd: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
    let events = match interest {
        Interest::Read => PollFlags::IN,
        Interest::Write => PollFlags::OUT,
    };
    let mut fds = [PollFd::from_borrowed_fd(fd, events)];
    match rustix::event::poll(&mut fds, Some(&Timespec::default()))? {
        0 => Err(Errno::AGAIN.into()),
        _ => Ok(()),
    }
}
