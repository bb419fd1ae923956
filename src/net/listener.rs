//! A TCP listener.

use super::address::{ToSocketAddrs, first_that};
use super::conversions::conversions;
use super::{SocketAddr, TcpStream};
use crate::engine::socket::{Direction, Handle};
use crate::engine::{Address, here};
use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::TcpListener as StdListener;
use std::os::fd::{AsFd, OwnedFd};

/// A listening socket. This corresponds to [`std::net::TcpListener`].
///
/// Several threads, of any kind, can accept from it and from its clones. Once a green thread did, its
/// descriptor is non-blocking underneath; `accept` hides that, and the conversions undo it.
pub struct TcpListener(Handle<StdListener>);

impl TcpListener {
    /// This corresponds to [`std::net::TcpListener::bind`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        first_that(address, |address| {
            StdListener::bind(address).map(|listener| Self(Handle::tcp(listener)))
        })
    }

    /// This corresponds to [`std::net::TcpListener::local_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.std().local_addr()
    }

    /// Another descriptor of the same socket, with which it shares its mode. This corresponds to
    /// [`std::net::TcpListener::try_clone`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_clone(&self) -> io::Result<Self> {
        let clone = self.0.std().try_clone()?;
        Ok(Self(Handle::sharing(clone, self.0.shared().clone())))
    }

    /// This corresponds to [`std::net::TcpListener::accept`].
    ///
    /// # Errors
    ///
    /// As std's; also when the process has no descriptor left (`EMFILE`): the connection stays in the queue.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let limit = self.0.limit(Direction::Read);
        self.accepted(here().accept(self.0.as_ref(), limit)?)
    }

    /// What an engine accepted for this listener.
    pub(crate) fn accepted(
        &self,
        (fd, address): (OwnedFd, Address),
    ) -> io::Result<(TcpStream, SocketAddr)> {
        let stream = TcpStream::accepted(fd, self.0.shared());
        Ok((stream, address.into_inet()?))
    }

    /// This corresponds to [`std::net::TcpListener::incoming`].
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// This corresponds to [`std::net::TcpListener::set_ttl`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.std().set_ttl(ttl)
    }

    /// This corresponds to [`std::net::TcpListener::ttl`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.std().ttl()
    }

    /// This corresponds to [`std::net::TcpListener::set_only_v6`], which has no effect on a bound socket.
    ///
    /// # Errors
    ///
    /// As std's.
    #[deprecated(note = "a listener is bound, and then the kernel refuses it, as std's")]
    #[allow(deprecated)]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.0.std().set_only_v6(only_v6)
    }

    /// This corresponds to [`std::net::TcpListener::only_v6`].
    ///
    /// # Errors
    ///
    /// As std's.
    #[deprecated(note = "a listener is bound, and then it cannot be set, as std's")]
    #[allow(deprecated)]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.0.std().only_v6()
    }

    /// This corresponds to [`std::net::TcpListener::take_error`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.std().take_error()
    }

    /// This corresponds to [`std::net::TcpListener::set_nonblocking`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.0
            .shared()
            .set_nonblocking_unless_forced(self.0.std().as_fd(), nonblocking)
    }
}

/// The connections of a listener, without end. This corresponds to [`std::net::Incoming`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.std().fmt(f)
    }
}

conversions!(TcpListener, StdListener);
