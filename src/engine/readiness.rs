//! Sockets for engines that can wait until a descriptor is ready: try the operation first, wait only if it
//! would block. Whoever implements [`Readiness`] gets [`Socket`] for it.

use super::socket::{Limit, Shared, SocketRef, set_descriptor_nonblocking};
use super::source::{Interest, Source};
use super::{Control, Socket, kernel, source};
use standin_core::context;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// What an engine with a reactor supplies.
pub trait Readiness: Send + Sync {
    /// From now on calls [`Source::edge`] whenever `fd` may have become ready, at least once for what it is
    /// ready for already.
    ///
    /// # Errors
    ///
    /// What the system says; the operation that wanted to wait fails with it.
    fn register(&self, fd: BorrowedFd<'_>, source: &'static Source) -> io::Result<()>;

    /// No more edges for `fd`. One that is on its way may still come.
    fn deregister(&self, fd: BorrowedFd<'_>, source: &'static Source);

    /// A thread of this engine is about to wait: the place to bring a descriptor and its waiters together.
    fn before_wait(&self, fd: BorrowedFd<'_>, source: &'static Source) {
        let _ = (fd, source);
    }

    /// An operation succeeded without waiting. A thread for which this goes on and on should yield.
    fn progress(&self) {}
}

impl<R: Readiness> Socket for R {
    fn connect(&'static self, address: &SocketAddr, timeout: Option<Duration>) -> io::Result<OwnedFd> {
        Control::check_cancellation()?;
        let fd = kernel::stream_socket(address, true)?;
        if !kernel::start_connect(&fd, address)? {
            let shared = Shared::new();
            let registration = source::Registration::new();
            let socket = SocketRef { fd: fd.as_fd(), shared: &shared, registration: &registration };
            let limit = timeout.map_or(Limit::None, Limit::After);
            let connected = perform(self, socket, Interest::Write, limit, kernel::connect_result, |()| false);
            // The registration lives as long as the descriptor does, and that goes on as a stream of its own.
            registration.release(fd.as_fd(), true);
            connected.map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => kernel::connect_timed_out(),
                _ => error,
            })?;
        }
        set_descriptor_nonblocking(fd.as_fd(), false)?;
        Ok(fd)
    }

    fn accept(&'static self, listener: SocketRef<'_>, limit: Limit) -> io::Result<(OwnedFd, SocketAddr)> {
        // There is no flag for a single call. Two threads that poll and then accept would block the loser.
        if !listener.is_forced_nonblocking() {
            listener.shared.set_forced(true);
            set_descriptor_nonblocking(listener.fd, true)?;
        }
        perform(self, listener, Interest::Read, limit, kernel::accept_once, |_| false)
    }

    fn receive(
        &'static self,
        socket: SocketRef<'_>,
        buffer: &mut [u8],
        peek: bool,
        limit: Limit,
    ) -> io::Result<usize> {
        let length = buffer.len();
        let once = |fd: BorrowedFd<'_>| kernel::receive_once(fd, buffer, peek);
        // A peek takes nothing, and says nothing about what a read would find.
        perform(self, socket, Interest::Read, limit, once, |&got| !peek && got > 0 && got < length)
    }

    fn receive_vectored(
        &'static self,
        socket: SocketRef<'_>,
        buffers: &mut [IoSliceMut<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        let length: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let once = |fd: BorrowedFd<'_>| kernel::receive_vectored_once(fd, buffers);
        perform(self, socket, Interest::Read, limit, once, |&got| got > 0 && got < length)
    }

    fn send(&'static self, socket: SocketRef<'_>, buffer: &[u8], limit: Limit) -> io::Result<usize> {
        let mut sent = 0;
        loop {
            let rest = &buffer[sent..];
            let once = |fd: BorrowedFd<'_>| kernel::send_once(fd, rest);
            match perform(self, socket, Interest::Write, limit, once, |&got| got < rest.len()) {
                Ok(some) => sent += some,
                Err(_) if sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
            if sent == buffer.len() || limit == Limit::Immediate {
                return Ok(sent);
            }
        }
    }

    fn send_vectored(
        &'static self,
        socket: SocketRef<'_>,
        buffers: &[IoSlice<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        let once = |fd: BorrowedFd<'_>| kernel::send_vectored_once(fd, buffers);
        perform(self, socket, Interest::Write, limit, once, |_| false)
    }

    fn shutdown(&'static self, socket: SocketRef<'_>, how: Shutdown) -> io::Result<()> {
        kernel::shutdown(socket, how)
    }
}

/// Calls `once`, which must not block, until it succeeds or fails for good. `drains` says of a result whether
/// the operation took all there was.
fn perform<T>(
    engine: &'static dyn Readiness,
    socket: SocketRef<'_>,
    interest: Interest,
    limit: Limit,
    mut once: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    drains: impl Fn(&T) -> bool,
) -> io::Result<T> {
    Control::check_cancellation()?;
    let mut source = socket.registration.find(engine);
    let mut deadline = None;
    loop {
        // Read before the operation is tried: an edge that comes later ends the wait below.
        let seen = source.map_or(0, |source| source.seen(interest));
        if !source.is_some_and(|source| source.is_drained(interest, seen)) {
            match once(socket.fd) {
                Ok(value) => {
                    if let Some(source) = source
                        && drains(&value)
                    {
                        source.set_drained(interest, seen);
                    }
                    engine.progress();
                    return Ok(value);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
        if limit == Limit::Immediate {
            return Err(would_block());
        }
        if let Limit::After(timeout) = limit
            && deadline.is_none()
        {
            deadline = context::now().checked_add(timeout);
        }
        let wait_from = match source {
            Some(source) => Some((source, seen)),
            None => {
                let (added, seen) = socket.registration.add(engine, socket.fd, interest)?;
                source = Some(added);
                seen.map(|seen| (added, seen))
            }
        };
        if let Some((source, seen)) = wait_from {
            engine.before_wait(socket.fd, source);
            if !source.wait(interest, seen, deadline)? {
                return Err(would_block());
            }
        }
    }
}

/// What std's sockets return when a timeout passed, or when they are non-blocking.
fn would_block() -> io::Error {
    rustix::io::Errno::AGAIN.into()
}

