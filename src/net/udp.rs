//! A UDP socket.

use super::address::{ToSocketAddrs, first_that};
use super::conversions::conversions;
use super::{Ipv4Addr, Ipv6Addr, SocketAddr};
use crate::engine::here;
use crate::engine::socket::{Direction, Handle};
use crate::time::Duration;
use std::fmt;
use std::io;
use std::net::UdpSocket as StdSocket;

/// A UDP socket. This corresponds to [`std::net::UdpSocket`].
///
/// Receiving parks the green thread that it is called on, and blocks an OS thread, and so does sending where
/// the kernel has no room; an interrupting signal is never seen. In a cancelled thread both fail.
pub struct UdpSocket(Handle<StdSocket>);

impl UdpSocket {
    /// This corresponds to [`std::net::UdpSocket::bind`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn bind<A: ToSocketAddrs>(address: A) -> io::Result<UdpSocket> {
        first_that(address, |address| {
            StdSocket::bind(address).map(|socket| Self(Handle::new(socket)))
        })
    }

    /// This corresponds to [`std::net::UdpSocket::recv_from`].
    ///
    /// # Errors
    ///
    /// As std's: `WouldBlock` after the read timeout, or if the socket is non-blocking.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive_from(buffer, false)
    }

    /// This corresponds to [`std::net::UdpSocket::peek_from`].
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive_from(buffer, true)
    }

    fn receive_from(&self, buffer: &mut [u8], peek: bool) -> io::Result<(usize, SocketAddr)> {
        let limit = self.0.limit(Direction::Read);
        let (got, from) = here().receive_from(self.0.as_ref(), buffer, peek, limit)?;
        Ok((got, from.into_inet()?))
    }

    /// Sends to the first address that `address` resolves to. This corresponds to
    /// [`std::net::UdpSocket::send_to`].
    ///
    /// # Errors
    ///
    /// As std's: `InvalidInput` if there is no address; `WouldBlock` after the write timeout, or if the socket
    /// is non-blocking.
    pub fn send_to<A: ToSocketAddrs>(&self, buffer: &[u8], address: A) -> io::Result<usize> {
        let Some(to) = address.to_socket_addrs()?.next() else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no addresses to send data to",
            ));
        };
        let limit = self.0.limit(Direction::Write);
        here().send_to(self.0.as_ref(), buffer, &to.into(), limit)
    }

    /// This corresponds to [`std::net::UdpSocket::peer_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.std().peer_addr()
    }

    /// This corresponds to [`std::net::UdpSocket::local_addr`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.std().local_addr()
    }

    /// Another descriptor of the same socket, with which it shares timeouts and mode. This corresponds to
    /// [`std::net::UdpSocket::try_clone`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        let clone = self.0.std().try_clone()?;
        Ok(Self(Handle::sharing(clone, self.0.shared().clone())))
    }

    /// This corresponds to [`std::net::UdpSocket::set_read_timeout`].
    ///
    /// # Errors
    ///
    /// As std's: `InvalidInput` for zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.std().set_read_timeout(timeout)?;
        self.0.shared().set_timeout(Direction::Read, timeout);
        Ok(())
    }

    /// This corresponds to [`std::net::UdpSocket::set_write_timeout`].
    ///
    /// # Errors
    ///
    /// As std's: `InvalidInput` for zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.std().set_write_timeout(timeout)?;
        self.0.shared().set_timeout(Direction::Write, timeout);
        Ok(())
    }

    /// This corresponds to [`std::net::UdpSocket::read_timeout`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.std().read_timeout()
    }

    /// This corresponds to [`std::net::UdpSocket::write_timeout`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.std().write_timeout()
    }

    /// This corresponds to [`std::net::UdpSocket::set_broadcast`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.0.std().set_broadcast(broadcast)
    }

    /// This corresponds to [`std::net::UdpSocket::broadcast`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.0.std().broadcast()
    }

    /// This corresponds to [`std::net::UdpSocket::set_multicast_loop_v4`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_multicast_loop_v4(&self, multicast_loop_v4: bool) -> io::Result<()> {
        self.0.std().set_multicast_loop_v4(multicast_loop_v4)
    }

    /// This corresponds to [`std::net::UdpSocket::multicast_loop_v4`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.0.std().multicast_loop_v4()
    }

    /// This corresponds to [`std::net::UdpSocket::set_multicast_ttl_v4`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_multicast_ttl_v4(&self, multicast_ttl_v4: u32) -> io::Result<()> {
        self.0.std().set_multicast_ttl_v4(multicast_ttl_v4)
    }

    /// This corresponds to [`std::net::UdpSocket::multicast_ttl_v4`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.0.std().multicast_ttl_v4()
    }

    /// This corresponds to [`std::net::UdpSocket::set_multicast_loop_v6`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_multicast_loop_v6(&self, multicast_loop_v6: bool) -> io::Result<()> {
        self.0.std().set_multicast_loop_v6(multicast_loop_v6)
    }

    /// This corresponds to [`std::net::UdpSocket::multicast_loop_v6`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.0.std().multicast_loop_v6()
    }

    /// This corresponds to [`std::net::UdpSocket::set_ttl`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.std().set_ttl(ttl)
    }

    /// This corresponds to [`std::net::UdpSocket::ttl`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.std().ttl()
    }

    /// This corresponds to [`std::net::UdpSocket::join_multicast_v4`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn join_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.0.std().join_multicast_v4(multiaddr, interface)
    }

    /// This corresponds to [`std::net::UdpSocket::join_multicast_v6`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.std().join_multicast_v6(multiaddr, interface)
    }

    /// This corresponds to [`std::net::UdpSocket::leave_multicast_v4`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.0.std().leave_multicast_v4(multiaddr, interface)
    }

    /// This corresponds to [`std::net::UdpSocket::leave_multicast_v6`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.std().leave_multicast_v6(multiaddr, interface)
    }

    /// This corresponds to [`std::net::UdpSocket::take_error`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.std().take_error()
    }

    /// This corresponds to [`std::net::UdpSocket::connect`], which waits for nobody.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn connect<A: ToSocketAddrs>(&self, address: A) -> io::Result<()> {
        first_that(address, |address| self.0.std().connect(address))
    }

    /// This corresponds to [`std::net::UdpSocket::send`].
    ///
    /// # Errors
    ///
    /// As std's: `WouldBlock` after the write timeout, or if the socket is non-blocking.
    pub fn send(&self, buffer: &[u8]) -> io::Result<usize> {
        here().send(self.0.as_ref(), buffer, self.0.limit(Direction::Write))
    }

    /// This corresponds to [`std::net::UdpSocket::recv`].
    ///
    /// # Errors
    ///
    /// As std's: `WouldBlock` after the read timeout, or if the socket is non-blocking.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        here().receive(
            self.0.as_ref(),
            buffer,
            false,
            self.0.limit(Direction::Read),
        )
    }

    /// This corresponds to [`std::net::UdpSocket::peek`].
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        here().receive(self.0.as_ref(), buffer, true, self.0.limit(Direction::Read))
    }

    /// This corresponds to [`std::net::UdpSocket::set_nonblocking`].
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

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.std().fmt(f)
    }
}

conversions!(UdpSocket, StdSocket);
