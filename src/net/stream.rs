//! A TCP connection.

use super::address::{ToSocketAddrs, first_that};
use super::conversions::conversions;
use super::{Shutdown, SocketAddr};
use crate::engine::socket::{Direction, Handle, Shared};
use crate::engine::{Address, Limit, here};
use crate::time::Duration;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::TcpStream as StdStream;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// A connected stream. This corresponds to [`std::net::TcpStream`].
///
/// Reads and writes park the green thread that they are called on, and block an OS thread; an interrupting
/// signal is never seen. In a cancelled thread they fail.
pub struct TcpStream(Handle<StdStream>);

impl TcpStream {
    /// This corresponds to [`std::net::TcpStream::connect`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn connect<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        first_that(address, |&address| {
            Self::connect_to(address.into(), Limit::None)
        })
    }

    /// This corresponds to [`std::net::TcpStream::connect_timeout`].
    ///
    /// # Errors
    ///
    /// As std's: `TimedOut` after `timeout`, `InvalidInput` if that is zero.
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        if timeout.is_zero() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "cannot set a 0 duration timeout",
            ));
        }
        Self::connect_to((*address).into(), Limit::After(timeout))
    }

    /// For options that this type has no method for.
    pub(crate) fn std(&self) -> &StdStream {
        self.0.std()
    }

    fn connect_to(address: Address, limit: Limit) -> io::Result<Self> {
        let stream = Self::unconnected(&address)?;
        here().connect(stream.0.as_ref(), &address, limit)?;
        Ok(stream)
    }

    /// One that can be connected to `address`.
    pub(crate) fn unconnected(address: &Address) -> io::Result<Self> {
        Handle::unconnected(address).map(Self)
    }

    /// A socket that a listener accepted, which has its timeouts.
    pub(super) fn accepted(fd: OwnedFd, listener: &Shared) -> Self {
        let shared = listener.of_accepted(fd.as_fd());
        Self(Handle::sharing(fd.into(), Arc::new(shared)))
    }

    /// This corresponds to [`std::net::TcpStream::peer_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.std().peer_addr()
    }

    /// This corresponds to [`std::net::TcpStream::local_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.std().local_addr()
    }

    /// This corresponds to [`std::net::TcpStream::shutdown`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        here().shutdown(self.0.as_ref(), how)
    }

    /// Another descriptor of the same socket, with which it shares timeouts and mode. This corresponds to
    /// [`std::net::TcpStream::try_clone`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_clone(&self) -> io::Result<Self> {
        let clone = self.0.std().try_clone()?;
        Ok(Self(Handle::sharing(clone, self.0.shared().clone())))
    }

    /// This corresponds to [`std::net::TcpStream::set_read_timeout`]; a read that takes longer fails with
    /// `WouldBlock`.
    ///
    /// # Errors
    ///
    /// As std's: `InvalidInput` for zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.std().set_read_timeout(timeout)?;
        self.0.shared().set_timeout(Direction::Read, timeout);
        Ok(())
    }

    /// This corresponds to [`std::net::TcpStream::set_write_timeout`]; a write that takes longer fails with
    /// `WouldBlock`.
    ///
    /// # Errors
    ///
    /// As std's: `InvalidInput` for zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.std().set_write_timeout(timeout)?;
        self.0.shared().set_timeout(Direction::Write, timeout);
        Ok(())
    }

    /// This corresponds to [`std::net::TcpStream::read_timeout`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.std().read_timeout()
    }

    /// This corresponds to [`std::net::TcpStream::write_timeout`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.std().write_timeout()
    }

    /// This corresponds to [`std::net::TcpStream::peek`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        here().receive(self.0.as_ref(), buffer, true, self.0.limit(Direction::Read))
    }

    /// This corresponds to [`std::net::TcpStream::set_nodelay`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.std().set_nodelay(nodelay)
    }

    /// This corresponds to [`std::net::TcpStream::nodelay`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.std().nodelay()
    }

    /// This corresponds to [`std::net::TcpStream::set_ttl`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.std().set_ttl(ttl)
    }

    /// This corresponds to [`std::net::TcpStream::ttl`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.std().ttl()
    }

    /// This corresponds to [`std::net::TcpStream::take_error`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.std().take_error()
    }

    /// This corresponds to [`std::net::TcpStream::set_nonblocking`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.0.std().set_nonblocking(nonblocking)?;
        self.0.shared().set_nonblocking(nonblocking);
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        here().receive(
            self.0.as_ref(),
            buffer,
            false,
            self.0.limit(Direction::Read),
        )
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        // The kernel's `readv`, which std calls, asks the socket nothing then; `recvmsg` would wait.
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        here().receive_vectored(self.0.as_ref(), buffers, self.0.limit(Direction::Read))
    }
}

impl Write for TcpStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&*self).write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for &TcpStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        here().send(self.0.as_ref(), buffer, self.0.limit(Direction::Write))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        // As `writev`: even a broken connection takes nothing.
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        here().send_vectored(self.0.as_ref(), buffers, self.0.limit(Direction::Write))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.std().fmt(f)
    }
}

conversions!(TcpStream, StdStream);

#[cfg(all(test, feature = "threads", feature = "_pinned", target_os = "linux"))]
mod tests {
    use crate::engine::THREADS;
    use crate::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    fn accepted(listener: &TcpListener) -> TcpStream {
        let address = listener.local_addr().expect("it is bound");
        let _near = TcpStream::connect(address).expect("it listens");
        listener.accept().expect("one has connected").0
    }

    /// Else each of its messages would take a read more.
    #[test]
    fn a_short_read_empties_what_a_listener_accepted_that_was_lent() {
        THREADS.run(|| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            assert!(accepted(&listener).0.shared().short_is_all());
            rustix::net::listen(listener.as_fd(), 100).expect("it is bound");
            assert!(accepted(&listener).0.shared().short_is_all());
            let from_std = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let stream = accepted(&from_std.into());
            assert!(stream.0.shared().short_is_all());
            let _lent = stream.as_fd();
            assert!(!stream.0.shared().short_is_all());
        });
    }
}
