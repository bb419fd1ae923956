//! A listener for Unix streams.

use super::{SocketAddr, UnixStream};
use crate::engine::socket::{Direction, Handle};
use crate::engine::{Address, here};
use crate::net::conversions::conversions;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;

/// A listening socket. This corresponds to [`std::os::unix::net::UnixListener`].
///
/// Several threads, of any kind, can accept from it and from its clones. Once a green thread did, its
/// descriptor is non-blocking underneath; `accept` hides that, and the conversions undo it.
pub struct UnixListener(Handle<StdListener>);

impl UnixListener {
    /// This corresponds to [`std::os::unix::net::UnixListener::bind`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        Ok(Self(Handle::new(StdListener::bind(path)?)))
    }

    /// This corresponds to [`std::os::unix::net::UnixListener::bind_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixListener> {
        Ok(Self(Handle::new(StdListener::bind_addr(socket_addr)?)))
    }

    /// This corresponds to [`std::os::unix::net::UnixListener::accept`].
    ///
    /// # Errors
    ///
    /// As std's; also when the process has no descriptor left (`EMFILE`): the connection stays in the queue.
    /// `InvalidInput` if the peer's path is longer than std allows for, 107 bytes.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let limit = self.0.limit(Direction::Read);
        Self::accepted(here().accept(self.0.as_ref(), limit)?)
    }

    /// What an engine accepted for a listener.
    pub(crate) fn accepted(
        (fd, address): (OwnedFd, Address),
    ) -> io::Result<(UnixStream, SocketAddr)> {
        Ok((UnixStream::accepted(fd), address.into_unix()?))
    }

    /// Another descriptor of the same socket, with which it shares its mode. This corresponds to
    /// [`std::os::unix::net::UnixListener::try_clone`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_clone(&self) -> io::Result<UnixListener> {
        let clone = self.0.std().try_clone()?;
        Ok(Self(Handle::sharing(clone, self.0.shared().clone())))
    }

    /// This corresponds to [`std::os::unix::net::UnixListener::local_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.std().local_addr()
    }

    /// This corresponds to [`std::os::unix::net::UnixListener::set_nonblocking`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.0
            .shared()
            .set_nonblocking_unless_forced(self.0.std().as_fd(), nonblocking)
    }

    /// This corresponds to [`std::os::unix::net::UnixListener::take_error`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.std().take_error()
    }

    /// This corresponds to [`std::os::unix::net::UnixListener::incoming`].
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

/// The connections of a listener, without end. This corresponds to [`std::os::unix::net::Incoming`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.std().fmt(f)
    }
}

conversions!(UnixListener, StdListener);
