//! A Unix datagram socket.

use super::SocketAddr;
use crate::engine::here;
use crate::engine::socket::{Direction, Handle};
use crate::net::Shutdown;
use crate::net::conversions::conversions;
use crate::time::Duration;
use std::fmt;
use std::io;
use std::os::unix::net::UnixDatagram as StdDatagram;
use std::path::Path;

/// A datagram socket. This corresponds to [`std::os::unix::net::UnixDatagram`].
///
/// Receiving parks the green thread that it is called on, and blocks an OS thread, and so does sending to a
/// socket whose queue is full; an interrupting signal is never seen. In a cancelled thread both fail.
pub struct UnixDatagram(Handle<StdDatagram>);

impl UnixDatagram {
    /// This corresponds to [`std::os::unix::net::UnixDatagram::bind`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        Ok(Self(Handle::new(StdDatagram::bind(path)?)))
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::bind_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixDatagram> {
        Ok(Self(Handle::new(StdDatagram::bind_addr(socket_addr)?)))
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::unbound`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn unbound() -> io::Result<UnixDatagram> {
        Ok(Self(Handle::new(StdDatagram::unbound()?)))
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::pair`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = StdDatagram::pair()?;
        Ok((Self(Handle::new(one)), Self(Handle::new(other))))
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::connect`], which waits for nobody.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.0.std().connect(path)
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::connect_addr`], which waits for nobody.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn connect_addr(&self, socket_addr: &SocketAddr) -> io::Result<()> {
        self.0.std().connect_addr(socket_addr)
    }

    /// Another descriptor of the same socket, with which it shares timeouts and mode. This corresponds to
    /// [`std::os::unix::net::UnixDatagram::try_clone`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_clone(&self) -> io::Result<UnixDatagram> {
        let clone = self.0.std().try_clone()?;
        Ok(Self(Handle::sharing(clone, self.0.shared().clone())))
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::local_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.std().local_addr()
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::peer_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.std().peer_addr()
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::recv_from`].
    ///
    /// # Errors
    ///
    /// As std's: `WouldBlock` after the read timeout, or if the socket is non-blocking. `InvalidInput` if the
    /// sender's path is longer than std allows for, 107 bytes.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let limit = self.0.limit(Direction::Read);
        let (got, from) = here().receive_from(self.0.as_ref(), buffer, false, limit)?;
        Ok((got, from.into_unix()?))
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::recv`].
    ///
    /// # Errors
    ///
    /// As std's: `WouldBlock` after the read timeout, or if the socket is non-blocking.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = self.0.limit(Direction::Read);
        here().receive(self.0.as_ref(), buffer, false, limit)
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::send_to`].
    ///
    /// It waits while the receiver's queue is full. The kernel does not say when there is room, so a thread
    /// that can be cancelled asks again after pauses of at most 10 ms; [`send`](Self::send) is told.
    ///
    /// # Errors
    ///
    /// As std's: `WouldBlock` after the write timeout, or if the socket is non-blocking; `InvalidInput` for a
    /// path that is too long, or that has a zero in it.
    pub fn send_to<P: AsRef<Path>>(&self, buffer: &[u8], path: P) -> io::Result<usize> {
        self.send_to_addr(buffer, &SocketAddr::from_pathname(path)?)
    }

    /// As [`send_to`](Self::send_to). This corresponds to
    /// [`std::os::unix::net::UnixDatagram::send_to_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn send_to_addr(&self, buffer: &[u8], socket_addr: &SocketAddr) -> io::Result<usize> {
        let limit = self.0.limit(Direction::Write);
        here().send_to(self.0.as_ref(), buffer, &socket_addr.clone().into(), limit)
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::send`].
    ///
    /// # Errors
    ///
    /// As std's: `WouldBlock` after the write timeout, or if the socket is non-blocking.
    pub fn send(&self, buffer: &[u8]) -> io::Result<usize> {
        here().send(self.0.as_ref(), buffer, self.0.limit(Direction::Write))
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::set_read_timeout`]; a receive that takes longer fails
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

    /// This corresponds to [`std::os::unix::net::UnixDatagram::set_write_timeout`]; a send that takes longer fails
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

    /// This corresponds to [`std::os::unix::net::UnixDatagram::read_timeout`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.std().read_timeout()
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::write_timeout`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.std().write_timeout()
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::set_nonblocking`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.0.std().set_nonblocking(nonblocking)?;
        self.0.shared().set_nonblocking(nonblocking);
        Ok(())
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::take_error`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.std().take_error()
    }

    /// This corresponds to [`std::os::unix::net::UnixDatagram::shutdown`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        here().shutdown(self.0.as_ref(), how)
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.std().fmt(f)
    }
}

conversions!(UnixDatagram, StdDatagram);
