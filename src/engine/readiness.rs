//! Sockets for engines that can wait until a descriptor is ready: try the operation first, wait only if it
//! would block. Whoever implements [`Readiness`] gets [`Socket`] for it.

use super::socket::{Limit, Patience, Shared, SocketRef, set_descriptor_nonblocking};
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
}

impl<R: Readiness> Socket for R {
    fn connect(
        &'static self,
        address: &SocketAddr,
        timeout: Option<Duration>,
    ) -> io::Result<OwnedFd> {
        Control::check_cancellation()?;
        let fd = kernel::stream_socket(address, true)?;
        if !kernel::start_connect(&fd, address)? {
            let shared = Shared::new();
            let registration = source::Registration::new();
            let socket = SocketRef {
                fd: fd.as_fd(),
                shared: &shared,
                registration: &registration,
            };
            let mut patience = Patience::new(timeout.map_or(Limit::None, Limit::After));
            let connected = perform(
                self,
                socket,
                Interest::Write,
                &mut patience,
                kernel::connect_result,
                |()| false,
            );
            // The registration lives as long as the descriptor does, and that goes on as a stream of its own.
            registration.release(fd.as_fd(), true);
            connected.map_err(kernel::connect_error)?;
        }
        set_descriptor_nonblocking(fd.as_fd(), false)?;
        Ok(fd)
    }

    fn accept(
        &'static self,
        listener: SocketRef<'_>,
        limit: Limit,
    ) -> io::Result<(OwnedFd, SocketAddr)> {
        // There is no flag for a single call. Two threads that poll and then accept would block the loser.
        let once = |fd: BorrowedFd<'_>| {
            listener.force_nonblocking()?;
            kernel::accept_once(fd)
        };
        perform(
            self,
            listener,
            Interest::Read,
            &mut Patience::new(limit),
            once,
            |_| false,
        )
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
        let drains = |&got: &usize| !peek && got > 0 && got < length;
        perform(
            self,
            socket,
            Interest::Read,
            &mut Patience::new(limit),
            once,
            drains,
        )
    }

    fn receive_vectored(
        &'static self,
        socket: SocketRef<'_>,
        buffers: &mut [IoSliceMut<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        // Of those that the kernel takes: to fill them all, with more to come, drains nothing.
        let buffers = kernel::limit_len_mut(buffers);
        let length: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let once = |fd: BorrowedFd<'_>| kernel::receive_vectored_once(fd, buffers);
        let drains = |&got: &usize| got > 0 && got < length;
        perform(
            self,
            socket,
            Interest::Read,
            &mut Patience::new(limit),
            once,
            drains,
        )
    }

    fn send(
        &'static self,
        socket: SocketRef<'_>,
        buffer: &[u8],
        limit: Limit,
    ) -> io::Result<usize> {
        if buffer.is_empty() {
            // There is always room for nothing.
            Control::check_cancellation()?;
            return kernel::send_once(socket.fd, buffer);
        }
        let mut patience = Patience::new(limit);
        let mut sent = 0;
        loop {
            let rest = &buffer[sent..];
            let once = |fd: BorrowedFd<'_>| kernel::send_once(fd, rest);
            match perform(self, socket, Interest::Write, &mut patience, once, |&got| {
                got < rest.len()
            }) {
                Ok(some) => sent += some,
                Err(_) if sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
            if sent == buffer.len() || !patience.may_wait() {
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
        perform(
            self,
            socket,
            Interest::Write,
            &mut Patience::new(limit),
            once,
            |_| false,
        )
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
    patience: &mut Patience,
    mut once: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    drains: impl Fn(&T) -> bool,
) -> io::Result<T> {
    Control::check_cancellation()?;
    let mut source = socket.registration.find(engine);
    loop {
        // Read before the operation is tried: an edge that comes later ends the wait below.
        let seen = source.map_or(0, |source| source.seen(interest));
        // An edge is seen only when the processor asks the kernel, and whoever does not wait need not get
        // there: it has to ask itself.
        if !patience.may_wait() || !source.is_some_and(|source| source.is_drained(interest, seen)) {
            match once(socket.fd) {
                Ok(value) => {
                    if let Some(source) = source
                        && drains(&value)
                    {
                        source.set_drained(interest, seen);
                    }
                    context::progress();
                    return Ok(value);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
        if !patience.may_wait() {
            // Whoever polls may do so for ever.
            context::progress();
            return Err(would_block());
        }
        let deadline = patience.deadline();
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
