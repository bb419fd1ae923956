//! Streams for code that is written against tokio's or futures' I/O traits.

use super::socket::Receive;
use super::{AsSocket, Runtime};
use crate::engine::attempts::{Attempts, Operation};
use crate::engine::{Engine, Interest, Limit, SocketRef};
use crate::net::{Shutdown, TcpStream};
use crate::os::unix::net::UnixStream;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// A socket that is a stream of bytes: [`TcpStream`] and [`UnixStream`].
pub trait ByteStream: AsSocket {}

impl ByteStream for TcpStream {}
impl ByteStream for UnixStream {}

/// A stream that implements tokio's and futures' `AsyncRead` and `AsyncWrite`.
///
/// What it needs to wait is made once; a poll allocates nothing. As with tokio's own sockets, the reactor by which it
/// waits is that of the place where it first had to: on `async` the tokio runtime that polled it then.
///
/// ```
/// use standin::aio::{Runtime, Stream};
/// use std::net::SocketAddr;
///
/// async fn open(runtime: &dyn Runtime, address: SocketAddr) -> std::io::Result<impl tokio::io::AsyncRead> {
///     Ok(Stream::new(runtime, runtime.connect(address).await?))
/// }
/// ```
pub struct Stream<S: ByteStream> {
    engine: Engine,
    state: Pin<Box<State<S>>>,
}

struct State<S> {
    // Before the socket: they are dropped first. Structurally pinned.
    read: Attempts,
    write: Attempts,
    /// `None` only while it is taken apart.
    socket: Option<S>,
}

impl<S> State<S> {
    fn socket(&self) -> &S {
        self.socket
            .as_ref()
            .expect("a stream has its socket until it is taken apart")
    }
}

impl<S: ByteStream> Stream<S> {
    /// A stream whose operations are those of `runtime`.
    pub fn new<R: Runtime + ?Sized>(runtime: &R, socket: S) -> Self {
        Self {
            engine: runtime.engine(),
            state: Box::pin(State {
                read: Attempts::new(Interest::Read),
                write: Attempts::new(Interest::Write),
                socket: Some(socket),
            }),
        }
    }

    /// The socket.
    pub fn get_ref(&self) -> &S {
        self.state.socket()
    }

    /// The socket back.
    pub fn into_inner(mut self) -> S {
        // SAFETY: this field is not pinned, and the others stay where they are until they are dropped.
        let state = unsafe { self.state.as_mut().get_unchecked_mut() };
        state
            .socket
            .take()
            .expect("a stream has its socket until it is taken apart")
    }

    fn poll_read_into(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // Even where nothing has come.
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let engine = self.engine;
        let (read, socket) = self.reading();
        let mut receive = Receive {
            engine,
            socket,
            buffer,
            peek: false,
        };
        read.poll(context, engine, socket, &mut receive)
    }

    fn poll_read_into_several(
        &mut self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let engine = self.engine;
        let (read, socket) = self.reading();
        let mut receive = ReceiveVectored {
            engine,
            socket,
            buffers,
        };
        read.poll(context, engine, socket, &mut receive)
    }

    fn poll_write_from(
        &mut self,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // Even a broken connection takes nothing.
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let engine = self.engine;
        let contract = engine.contract();
        let (write, socket) = self.writing();
        let mut send = || match buffers {
            [buffer] => contract.send(socket, buffer, Limit::Immediate),
            _ => contract.send_vectored(socket, buffers, Limit::Immediate),
        };
        write.poll(context, engine, socket, &mut send)
    }

    fn shut_down(&self) -> Poll<io::Result<()>> {
        let socket = self.state.socket().as_socket();
        Poll::Ready(self.engine.contract().shutdown(socket, Shutdown::Write))
    }

    fn reading(&mut self) -> (Pin<&mut Attempts>, SocketRef<'_>) {
        // SAFETY: the field is pinned again, and nothing is moved.
        unsafe {
            let state = self.state.as_mut().get_unchecked_mut();
            let socket = state.socket.as_ref();
            let socket = socket.expect("a stream has its socket until it is taken apart");
            (Pin::new_unchecked(&mut state.read), socket.as_socket())
        }
    }

    fn writing(&mut self) -> (Pin<&mut Attempts>, SocketRef<'_>) {
        // SAFETY: as above.
        unsafe {
            let state = self.state.as_mut().get_unchecked_mut();
            let socket = state.socket.as_ref();
            let socket = socket.expect("a stream has its socket until it is taken apart");
            (Pin::new_unchecked(&mut state.write), socket.as_socket())
        }
    }
}

struct ReceiveVectored<'a, 'b> {
    engine: Engine,
    socket: SocketRef<'a>,
    buffers: &'a mut [IoSliceMut<'b>],
}

impl Operation for ReceiveVectored<'_, '_> {
    type Output = usize;

    fn attempt(&mut self) -> io::Result<usize> {
        let contract = self.engine.contract();
        contract.receive_vectored(self.socket, self.buffers, Limit::Immediate)
    }

    fn end(&mut self) -> io::Result<usize> {
        Ok(0)
    }
}

impl<S: ByteStream> tokio::io::AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let got = ready!(self.poll_read_into(context, buffer.initialize_unfilled()))?;
        buffer.advance(got);
        Poll::Ready(Ok(()))
    }
}

impl<S: ByteStream> tokio::io::AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_from(context, &[IoSlice::new(buffer)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_from(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Shuts the direction down.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down()
    }
}

impl<S: ByteStream> futures_io::AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_into(context, buffer)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_into_several(context, buffers)
    }
}

impl<S: ByteStream> futures_io::AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_from(context, &[IoSlice::new(buffer)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_from(context, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Shuts the direction down.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down()
    }
}

impl<S: ByteStream + fmt::Debug> fmt::Debug for Stream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("engine", &self.engine)
            .field("socket", self.state.socket())
            .finish()
    }
}
