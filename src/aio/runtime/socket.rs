//! Futures that wait for sockets.

use super::sleep::sleeping;
use crate::engine::Backoff;
use crate::engine::attempts::{Attempts, Operation};
use crate::engine::{Address, Engine, Interest, Limit, SocketRef};
use crate::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use crate::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use async_trait::async_trait;
use std::future::poll_fn;
use std::io;
use std::pin::pin;

/// A socket of this crate: every type of [`net`](crate::net) and of [`os::unix::net`](crate::os::unix::net).
pub trait AsSocket: Send + Sync {
    /// The socket as an engine sees it.
    fn as_socket(&self) -> SocketRef<'_>;
}

/// Socket operations, as [`engine::Socket`](crate::engine::Socket) has them, for futures.
///
/// They wait as long as it takes: neither the timeouts nor the mode that a user gave a socket count. Each can be
/// dropped while it waits, and then has done nothing: what was taken or sent was returned. The sockets are the same
/// that threads use, and both may use one at a time.
///
/// Where a future is polled by a thread itself (by [`block_on`](crate::block_on) on the engines that run it there)
/// and that thread is cancelled, it fails as the thread's own operations do.
#[async_trait]
pub trait Socket {
    /// Connects to `address`. Name resolution, which blocks, is for [`Spawn::run_blocking`](super::Spawn).
    ///
    /// # Errors
    ///
    /// As [`TcpStream::connect`]'s.
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream>;

    /// Connects to a listener of the same machine. While its queue is full it asks again after pauses of at most
    /// 10 ms.
    ///
    /// # Errors
    ///
    /// As [`UnixStream::connect`]'s.
    async fn connect_unix(&self, address: &UnixAddress) -> io::Result<UnixStream>;

    /// The next connection of a listener, and where it comes from.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::accept`]'s.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)>;

    /// As [`accept`](Self::accept).
    ///
    /// # Errors
    ///
    /// As [`UnixListener::accept`]'s.
    async fn accept_unix(&self, listener: &UnixListener) -> io::Result<(UnixStream, UnixAddress)>;

    /// Some bytes of a stream, 0 at its end; or the next message.
    ///
    /// # Errors
    ///
    /// As those of std's reads, but for `WouldBlock`.
    async fn receive(&self, socket: &dyn AsSocket, buffer: &mut [u8]) -> io::Result<usize>;

    /// As [`receive`](Self::receive), but what is received stays where it is.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    async fn peek(&self, socket: &dyn AsSocket, buffer: &mut [u8]) -> io::Result<usize>;

    /// The next message, and who sent it.
    ///
    /// # Errors
    ///
    /// As [`UdpSocket::recv_from`]'s, but for `WouldBlock`.
    async fn receive_from(
        &self,
        socket: &UdpSocket,
        buffer: &mut [u8],
    ) -> io::Result<(usize, SocketAddr)>;

    /// Sends some of `buffer` to a stream, as much as there is room for; or one message.
    ///
    /// # Errors
    ///
    /// As those of std's writes, but for `WouldBlock`.
    async fn send(&self, socket: &dyn AsSocket, buffer: &[u8]) -> io::Result<usize>;

    /// Sends one message to `address`.
    ///
    /// # Errors
    ///
    /// As [`UdpSocket::send_to`]'s, but for `WouldBlock`.
    async fn send_to(
        &self,
        socket: &UdpSocket,
        buffer: &[u8],
        address: SocketAddr,
    ) -> io::Result<usize>;

    /// Sends all of `buffer` to a stream. Dropped, it may have sent some of it: nobody is told how much.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    async fn send_all(&self, socket: &dyn AsSocket, mut buffer: &[u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.send(socket, buffer).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                sent => buffer = &buffer[sent..],
            }
        }
        Ok(())
    }

    /// Shuts one or both directions down, which waits for nobody.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::shutdown`]'s.
    fn shutdown(&self, socket: &dyn AsSocket, how: Shutdown) -> io::Result<()>;
}

#[async_trait]
impl Socket for Engine {
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let address = address.into();
        let stream = TcpStream::unconnected(&address)?;
        let socket = stream.as_socket();
        let connect = || self.contract().connect(socket, &address, Limit::Immediate);
        attempt(*self, socket, Interest::Write, connect).await?;
        Ok(stream)
    }

    async fn connect_unix(&self, address: &UnixAddress) -> io::Result<UnixStream> {
        let address = address.clone().into();
        let stream = UnixStream::unconnected(&address)?;
        let mut backoff = Backoff::new();
        loop {
            let socket = stream.as_socket();
            match self.contract().connect(socket, &address, Limit::Immediate) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done.map(|()| stream),
            }
            sleeping(*self, backoff.next()).await;
        }
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let accept = Accept(*self, listener.as_socket());
        listener.accepted(attempt(*self, accept.1, Interest::Read, accept).await?)
    }

    async fn accept_unix(&self, listener: &UnixListener) -> io::Result<(UnixStream, UnixAddress)> {
        let accept = Accept(*self, listener.as_socket());
        UnixListener::accepted(attempt(*self, accept.1, Interest::Read, accept).await?)
    }

    async fn receive(&self, socket: &dyn AsSocket, buffer: &mut [u8]) -> io::Result<usize> {
        let socket = socket.as_socket();
        let receive = Receive {
            engine: *self,
            socket,
            buffer,
            peek: false,
        };
        attempt(*self, socket, Interest::Read, receive).await
    }

    async fn peek(&self, socket: &dyn AsSocket, buffer: &mut [u8]) -> io::Result<usize> {
        let socket = socket.as_socket();
        let receive = Receive {
            engine: *self,
            socket,
            buffer,
            peek: true,
        };
        attempt(*self, socket, Interest::Read, receive).await
    }

    async fn receive_from(
        &self,
        socket: &UdpSocket,
        buffer: &mut [u8],
    ) -> io::Result<(usize, SocketAddr)> {
        let socket = socket.as_socket();
        let receive = || {
            let contract = self.contract();
            contract.receive_from(socket, buffer, false, Limit::Immediate)
        };
        let (got, from) = attempt(*self, socket, Interest::Read, receive).await?;
        Ok((got, from.into_inet()?))
    }

    async fn send(&self, socket: &dyn AsSocket, buffer: &[u8]) -> io::Result<usize> {
        let socket = socket.as_socket();
        let send = || self.contract().send(socket, buffer, Limit::Immediate);
        attempt(*self, socket, Interest::Write, send).await
    }

    async fn send_to(
        &self,
        socket: &UdpSocket,
        buffer: &[u8],
        address: SocketAddr,
    ) -> io::Result<usize> {
        let socket = socket.as_socket();
        let to = address.into();
        let send = || {
            let contract = self.contract();
            contract.send_to(socket, buffer, &to, Limit::Immediate)
        };
        attempt(*self, socket, Interest::Write, send).await
    }

    fn shutdown(&self, socket: &dyn AsSocket, how: Shutdown) -> io::Result<()> {
        self.contract().shutdown(socket.as_socket(), how)
    }
}

/// Attempts until it succeeds or fails for good.
async fn attempt<O: Operation>(
    engine: Engine,
    socket: SocketRef<'_>,
    interest: Interest,
    mut operation: O,
) -> io::Result<O::Output> {
    let mut attempts = pin!(Attempts::new(interest));
    poll_fn(|context| {
        attempts
            .as_mut()
            .poll(context, engine, socket, &mut operation)
    })
    .await
}

/// What [`Socket::receive`] and [`Socket::peek`] attempt.
pub(super) struct Receive<'a> {
    pub(super) engine: Engine,
    pub(super) socket: SocketRef<'a>,
    pub(super) buffer: &'a mut [u8],
    pub(super) peek: bool,
}

impl Operation for Receive<'_> {
    type Output = usize;

    fn attempt(&mut self) -> io::Result<usize> {
        let contract = self.engine.contract();
        contract.receive(self.socket, self.buffer, self.peek, Limit::Immediate)
    }

    fn drains(&self, &got: &usize) -> bool {
        !self.peek && got > 0 && got < self.buffer.len()
    }

    fn end(&mut self) -> io::Result<usize> {
        Ok(0)
    }
}

struct Accept<'a>(Engine, SocketRef<'a>);

impl Operation for Accept<'_> {
    type Output = (std::os::fd::OwnedFd, Address);

    fn attempt(&mut self) -> io::Result<Self::Output> {
        self.0.contract().accept(self.1, Limit::Immediate)
    }

    fn end(&mut self) -> io::Result<Self::Output> {
        Err(io::ErrorKind::InvalidInput.into())
    }
}
