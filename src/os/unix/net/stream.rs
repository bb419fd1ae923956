//! A Unix stream.

use super::SocketAddr;
use crate::engine::socket::{Direction, Handle};
use crate::engine::{Address, Limit, here};
use crate::net::Shutdown;
use crate::net::conversions::conversions;
use crate::time::Duration;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;

/// A connected stream between two processes of one machine. This corresponds to
/// [`std::os::unix::net::UnixStream`].
///
/// Reads and writes park the green thread that they are called on, and block an OS thread; an interrupting
/// signal is never seen. In a cancelled thread they fail.
pub struct UnixStream(Handle<StdStream>);

impl UnixStream {
    /// This corresponds to [`std::os::unix::net::UnixStream::connect`].
    ///
    /// It waits while the listener's queue is full. The kernel does not say when there is room, so a thread
    /// that can be cancelled asks again after pauses of at most 10 ms.
    ///
    /// # Errors
    ///
    /// As std's: `InvalidInput` for a path that is too long, or that has a zero in it.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        Self::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// As [`connect`](Self::connect). This corresponds to [`std::os::unix::net::UnixStream::connect_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn connect_addr(socket_addr: &SocketAddr) -> io::Result<UnixStream> {
        let address = socket_addr.clone().into();
        let stream = Self::unconnected(&address)?;
        here().connect(stream.0.as_ref(), &address, Limit::None)?;
        Ok(stream)
    }

    /// One that can be connected to `address`.
    pub(crate) fn unconnected(address: &Address) -> io::Result<Self> {
        Handle::unconnected(address).map(Self)
    }

    /// This corresponds to [`std::os::unix::net::UnixStream::pair`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = StdStream::pair()?;
        Ok((Self(Handle::new(one)), Self(Handle::new(other))))
    }

    /// A socket that a listener accepted. Unlike TCP's it has nothing from the listener.
    pub(super) fn accepted(fd: OwnedFd) -> Self {
        Self(Handle::new(fd.into()))
    }

    /// Another descriptor of the same socket, with which it shares timeouts and mode. This corresponds to
    /// [`std::os::unix::net::UnixStream::try_clone`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_clone(&self) -> io::Result<UnixStream> {
        let clone = self.0.std().try_clone()?;
        Ok(Self(Handle::sharing(clone, self.0.shared().clone())))
    }

    /// This corresponds to [`std::os::unix::net::UnixStream::local_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.std().local_addr()
    }

    /// This corresponds to [`std::os::unix::net::UnixStream::peer_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.std().peer_addr()
    }

    /// This corresponds to [`std::os::unix::net::UnixStream::set_read_timeout`]; a read that takes longer fails
    /// with `WouldBlock`.
    ///
    /// # Errors
    ///
    /// As std's: `InvalidInput` for zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.std().set_read_timeout(timeout)?;
        self.0.shared().set_timeout(Direction::Read, timeout);
        Ok(())
    }

    /// This corresponds to [`std::os::unix::net::UnixStream::set_write_timeout`]; a write that takes longer fails
    /// with `WouldBlock`.
    ///
    /// # Errors
    ///
    /// As std's: `InvalidInput` for zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.std().set_write_timeout(timeout)?;
        self.0.shared().set_timeout(Direction::Write, timeout);
        Ok(())
    }

    /// This corresponds to [`std::os::unix::net::UnixStream::read_timeout`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.std().read_timeout()
    }

    /// This corresponds to [`std::os::unix::net::UnixStream::write_timeout`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.std().write_timeout()
    }

    /// This corresponds to [`std::os::unix::net::UnixStream::set_nonblocking`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.0.std().set_nonblocking(nonblocking)?;
        self.0.shared().set_nonblocking(nonblocking);
        Ok(())
    }

    /// This corresponds to [`std::os::unix::net::UnixStream::take_error`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.std().take_error()
    }

    /// This corresponds to [`std::os::unix::net::UnixStream::shutdown`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        here().shutdown(self.0.as_ref(), how)
    }
}

impl Read for UnixStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

impl Read for &UnixStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = self.0.limit(Direction::Read);
        here().receive(self.0.as_ref(), buffer, false, limit)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        // The kernel's `readv`, which std calls, asks the socket nothing then; `recvmsg` would wait.
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        here().receive_vectored(self.0.as_ref(), buffers, self.0.limit(Direction::Read))
    }
}

impl Write for UnixStream {
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

impl Write for &UnixStream {
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

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.std().fmt(f)
    }
}

conversions!(UnixStream, StdStream);
