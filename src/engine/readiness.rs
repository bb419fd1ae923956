//! Sockets for engines that can wait until a descriptor is ready: try the operation first, wait only if it
//! would block. Whoever implements [`Readiness`] gets [`Socket`] for it.

use super::address::Address;
use super::operations::{self, Look, Wait, would_block};
use super::socket::{Limit, Patience, SocketRef};
use super::source::{Interest, Registered, Source};
use super::{Control, Socket, kernel, transfer};
use standin_core::{context, fault};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};

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

    /// Whether closing the last descriptor of a socket ends its registration by itself, so that
    /// [`deregister`](Self::deregister) need not be called then.
    fn forgets_what_is_closed(&self) -> bool {
        false
    }

    /// A thread of this engine is about to wait, or a future, which may be polled anywhere: the place to ask for what
    /// is reported only to who asked.
    fn before_wait(&self, fd: BorrowedFd<'_>, source: &'static Source, interest: Interest) {
        let _ = (fd, source, interest);
    }

    /// The reactor that serves the calling thread, for an engine that has several which know nothing of each
    /// other: a descriptor is registered with each of them that a thread ever waited for it by. `None` is the one
    /// that was asked.
    fn of_caller(&self) -> Option<&'static dyn Readiness> {
        None
    }

    /// Registers `socket` for futures, as [`Socket::registered`] says, where the engine has several reactors, or one
    /// that has to be started first. `None` is the reactor that was asked.
    ///
    /// # Errors
    ///
    /// Those of [`register`](Self::register), and what keeps the reactor from being started.
    fn registered_for_future(
        &'static self,
        socket: SocketRef<'_>,
        interest: Interest,
    ) -> io::Result<Option<Registered>> {
        let _ = (socket, interest);
        Ok(None)
    }
}

impl<R: Readiness> Socket for R {
    fn connect(
        &'static self,
        socket: SocketRef<'_>,
        address: &Address,
        limit: Limit,
    ) -> io::Result<()> {
        operations::connect(Edges::of(self), socket, address, limit)
    }

    fn accept(
        &'static self,
        listener: SocketRef<'_>,
        limit: Limit,
    ) -> io::Result<(OwnedFd, Address)> {
        operations::accept(Edges::of(self), listener, limit)
    }

    fn receive(
        &'static self,
        socket: SocketRef<'_>,
        buffer: &mut [u8],
        peek: bool,
        limit: Limit,
    ) -> io::Result<usize> {
        operations::receive(Edges::of(self), socket, buffer, peek, limit)
    }

    fn receive_vectored(
        &'static self,
        socket: SocketRef<'_>,
        buffers: &mut [IoSliceMut<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        operations::receive_vectored(Edges::of(self), socket, buffers, limit)
    }

    fn receive_from(
        &'static self,
        socket: SocketRef<'_>,
        buffer: &mut [u8],
        peek: bool,
        limit: Limit,
    ) -> io::Result<(usize, Address)> {
        operations::receive_from(Edges::of(self), socket, buffer, peek, limit)
    }

    fn send(
        &'static self,
        socket: SocketRef<'_>,
        buffer: &[u8],
        limit: Limit,
    ) -> io::Result<usize> {
        operations::send(Edges::of(self), socket, buffer, limit)
    }

    fn send_vectored(
        &'static self,
        socket: SocketRef<'_>,
        buffers: &[IoSlice<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        operations::send_vectored(Edges::of(self), socket, buffers, limit)
    }

    fn send_to(
        &'static self,
        socket: SocketRef<'_>,
        buffer: &[u8],
        address: &Address,
        limit: Limit,
    ) -> io::Result<usize> {
        operations::send_to(Edges::of(self), socket, buffer, address, limit)
    }

    fn read(
        &'static self,
        descriptor: SocketRef<'_>,
        buffers: &mut [IoSliceMut<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        transfer::read(Edges::of(self), descriptor, buffers, limit)
    }

    fn write(
        &'static self,
        descriptor: SocketRef<'_>,
        buffers: &[IoSlice<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        transfer::write(Edges::of(self), descriptor, buffers, limit)
    }

    fn ready(
        &'static self,
        descriptor: SocketRef<'_>,
        interest: Interest,
        limit: Limit,
    ) -> io::Result<()> {
        transfer::ready(Edges::of(self), descriptor, interest, limit)
    }

    fn registered(
        &'static self,
        socket: SocketRef<'_>,
        interest: Interest,
    ) -> io::Result<Option<Registered>> {
        match self.registered_for_future(socket, interest)? {
            Some(registered) => Ok(Some(registered)),
            None => socket.registered_with(self, interest).map(Some),
        }
    }

    fn shutdown(&'static self, socket: SocketRef<'_>, how: Shutdown) -> io::Result<()> {
        kernel::shutdown(socket, how)
    }
}

/// Waiting for an edge from the reactor of an engine.
#[derive(Clone, Copy)]
struct Edges(&'static dyn Readiness);

impl Edges {
    /// Generic, so that an engine with one reactor is not asked for it at each operation.
    fn of<R: Readiness>(engine: &'static R) -> Self {
        Self(engine.of_caller().unwrap_or(engine))
    }
}

impl Wait for Edges {
    fn may_block(self) -> bool {
        false
    }

    fn retry<T>(
        self,
        socket: SocketRef<'_>,
        interest: Interest,
        patience: &mut Patience,
        mut once: impl FnMut(bool) -> io::Result<T>,
        drains: impl Fn(&T) -> bool,
    ) -> io::Result<T> {
        Control::check_cancellation()?;
        let mut source = socket.registration.find(self.0);
        let mut look = Look::new();
        loop {
            // Read before the operation is tried: an edge that comes later ends the wait below.
            let seen = source.map_or(0, |source| source.seen(interest));
            // An edge is seen only when the processor asks the kernel, and whoever does not wait need not get
            // there: it has to ask itself.
            let in_vain = patience.may_wait()
                && interest == Interest::Read
                && source.is_some_and(|source| source.is_drained(seen))
                && socket.shared.short_is_all();
            if !in_vain {
                match once(source.is_some_and(Source::has_ended)) {
                    Ok(value) => {
                        if let Some(source) = source
                            && (drains(&value) || fault::is_planted("stale-drained"))
                            && socket.shared.short_is_all()
                        {
                            source.set_drained(seen);
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
                    let (added, seen) = socket.registration.add(self.0, socket.fd, interest)?;
                    source = Some(added);
                    seen.map(|seen| (added, seen))
                }
            };
            if let Some((source, seen)) = wait_from {
                self.0.before_wait(socket.fd, source, interest);
                let until = look.until(socket, interest, deadline);
                if !source.wait(interest, seen, until)? && until == deadline {
                    return Err(would_block());
                }
            }
        }
    }
}
