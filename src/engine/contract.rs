//! The contract: what an engine has to supply. The std-shaped modules are written above these traits and
//! name no engine; an engine can live in any crate (`examples/engine.rs` shows a small one).
//!
//! Parking and yielding are a part of the contract too. They are asked of each thread, not of the engine, and
//! lie in [`standin_core::context::Context`], below everything that waits.
//!
//! # Cancellation
//!
//! Cancelling a thread raises a flag ([`Control::cancel`]). The thread's socket operations then return an
//! error (see [`cancelled`](crate::engine::cancelled)), and its sleeps end early. Nothing else changes: no
//! lock, park, receive, join or blocking section ends early or unwinds, because code that relies on them
//! would be unsound otherwise. A thread that ignores the flag runs on.

use super::Control;
use super::address::Address;
use super::kernel::{self, Blocking};
use super::operations;
use super::socket::{Limit, SocketRef};
use super::source::{Interest, Registered};
use super::transfer;
use crate::engine::NewThread;
use standin_core::{Instant, context};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::thread::JoinHandle as OsJoinHandle;

/// One way of running threads.
pub trait Contract: Spawn + Sleep + Socket + Send + Sync {
    /// The name by which `STANDIN_ENGINE` and [`named`](super::named) know it.
    fn name(&self) -> &'static str;

    /// Whether its threads share thread-local storage with others, so that standin's own `thread_local!`
    /// has to keep their values apart. Such an engine calls [`Control::destroy_locals`] for a thread whose
    /// destructors are to run.
    fn shares_locals(&self) -> bool {
        false
    }
}

/// Starting threads, and what they ask of their scheduler.
pub trait Spawn {
    /// Starts a thread that calls [`NewThread::run`] once.
    ///
    /// While it runs, the current [`Context`](context::Context) is one of this engine's own, whose `local`
    /// is the `Control` of the thread, and whose waker was given to [`Control::bind`] first. After `run`
    /// the engine runs the thread's thread-local destructors, which may park, and then drops what `run`
    /// returned: that ends the join.
    ///
    /// Returns the OS thread where the thread has one for itself, so that a join from an OS thread waits for
    /// its end as well.
    ///
    /// # Errors
    ///
    /// What kept the thread from being started; then it never runs, and `thread` is dropped.
    fn start(&'static self, thread: NewThread) -> io::Result<Option<OsJoinHandle<()>>>;

    /// Calls `section`, which may block its OS thread for long, exactly once, so that other threads go on
    /// meanwhile; returns when it is done. Called on a thread of this engine; `section` does not unwind.
    ///
    /// # Errors
    ///
    /// The section was not called: no OS thread could be had for it or for those that go on.
    fn blocking(&self, section: &mut (dyn FnMut() + Send)) -> io::Result<()>;

    /// Polls `future` until it is ready; the calling thread, which is one of this engine, waits meanwhile. Does
    /// not end early. The future is polled by the thread itself, or by whoever else the engine has for it; it
    /// does not unwind.
    fn block_on(&self, future: Pin<&mut (dyn Future<Output = ()> + Send)>) {
        crate::aio::poll_here(future);
    }

    /// Runs `future` to its end, for an engine that has something cheaper for that than a thread. Others give it
    /// back, and it is waited for by a thread of theirs. It does not unwind when it is polled or dropped.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_future(&'static self, future: BoxedFuture) -> io::Result<Option<BoxedFuture>> {
        Ok(Some(future))
    }
}

/// A future of no output, for whoever polls it.
pub type BoxedFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The engine's clock.
pub trait Sleep {
    /// Now. The clock never goes back, and is the one that the contexts of this engine use.
    fn now(&self) -> Instant {
        Instant::system()
    }

    /// A future that is ready when `deadline` has passed, not before, for an engine that has timers for futures. For
    /// others a thread of theirs waits for all the deadlines.
    fn timer(&'static self, deadline: Instant) -> Option<BoxedFuture> {
        let _ = deadline;
        None
    }

    /// Returns when `deadline` has passed, not before, unless the thread is cancelled. `None` sleeps for ever.
    fn sleep_until(&self, deadline: Option<Instant>) {
        context::parking(|thread| {
            while deadline.is_none_or(|deadline| thread.now() < deadline)
                && !Control::cancellation()
                && !thread.park(deadline)
            {}
        });
    }
}

/// Socket operations, each as long as its [`Limit`] allows.
///
/// A [`SocketRef`] is a descriptor in the mode that std leaves it in (blocking, unless said otherwise), and
/// what its clones share. The provided methods ask the kernel and block the OS thread: they are right for an
/// engine that gives each thread an OS thread. An engine that can wait for readiness implements
/// [`Readiness`](super::Readiness) instead and gets all of this; one with a network of its own implements
/// every method.
///
/// A socket is a stream, or keeps messages (datagrams) apart. A message is sent whole or not at all; a buffer
/// that is too small for one that is received gets its beginning, and the rest is lost. An empty message is a
/// message: it waits for room as others do, and who receives it gets 0 bytes.
///
/// All of them return the errors that std's do: a limit that passed is `WouldBlock` (`TimedOut` for
/// `connect`, unless it was [`Limit::Immediate`]), an interrupting signal is never seen, and `SIGPIPE` is never raised.
pub trait Socket {
    /// Connects a stream socket that was just made, as std's
    /// [`TcpStream::connect`](std::net::TcpStream::connect) does for one address. It is blocking afterwards.
    ///
    /// With [`Limit::Immediate`] it begins, and is `WouldBlock` if that takes longer: whoever asks again once the
    /// socket is writable is told how it went.
    fn connect(
        &'static self,
        socket: SocketRef<'_>,
        address: &Address,
        limit: Limit,
    ) -> io::Result<()> {
        operations::connect(Blocking, socket, address, limit)
    }

    /// The next connection of a listener, in blocking mode and closed on exec, and where it comes from.
    fn accept(
        &'static self,
        listener: SocketRef<'_>,
        limit: Limit,
    ) -> io::Result<(OwnedFd, Address)> {
        operations::accept(Blocking, listener, limit)
    }

    /// Some bytes of a stream, 0 at its end; or the next message. With `peek` they stay where they are.
    fn receive(
        &'static self,
        socket: SocketRef<'_>,
        buffer: &mut [u8],
        peek: bool,
        limit: Limit,
    ) -> io::Result<usize> {
        operations::receive(Blocking, socket, buffer, peek, limit)
    }

    /// As [`receive`](Self::receive), into several buffers.
    fn receive_vectored(
        &'static self,
        socket: SocketRef<'_>,
        buffers: &mut [IoSliceMut<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        operations::receive_vectored(Blocking, socket, buffers, limit)
    }

    /// The next message, and who sent it.
    fn receive_from(
        &'static self,
        socket: SocketRef<'_>,
        buffer: &mut [u8],
        peek: bool,
        limit: Limit,
    ) -> io::Result<(usize, Address)> {
        operations::receive_from(Blocking, socket, buffer, peek, limit)
    }

    /// Sends to whom the socket is connected to. To a stream: all of `buffer` as a blocking kernel call does,
    /// unless the limit or an error ends it; then what was sent, or the error if nothing was. Otherwise one
    /// message.
    fn send(
        &'static self,
        socket: SocketRef<'_>,
        buffer: &[u8],
        limit: Limit,
    ) -> io::Result<usize> {
        operations::send(Blocking, socket, buffer, limit)
    }

    /// As [`send`](Self::send), from several buffers, of which no more than the first 1,024 need count.
    fn send_vectored(
        &'static self,
        socket: SocketRef<'_>,
        buffers: &[IoSlice<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        operations::send_vectored(Blocking, socket, buffers, limit)
    }

    /// Sends one message to `address`.
    fn send_to(
        &'static self,
        socket: SocketRef<'_>,
        buffer: &[u8],
        address: &Address,
        limit: Limit,
    ) -> io::Result<usize> {
        operations::send_to(Blocking, socket, buffer, address, limit)
    }

    /// Makes sure that the reactor of this engine knows `socket`, so that a future, which may be polled anywhere,
    /// can wait for it: see [`SocketRef::registered_with`]. `None` is an engine without one; futures then wait by
    /// the reactor of a tokio runtime.
    ///
    /// # Errors
    ///
    /// What the system says; the operation that wanted to wait fails with it.
    fn registered(
        &'static self,
        socket: SocketRef<'_>,
        interest: Interest,
    ) -> io::Result<Option<Registered>> {
        let _ = (socket, interest);
        Ok(None)
    }

    /// Some bytes of a descriptor that is no socket, such as a pipe, 0 at its end.
    fn read(
        &'static self,
        descriptor: SocketRef<'_>,
        buffers: &mut [IoSliceMut<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        transfer::read(Blocking, descriptor, buffers, limit)
    }

    /// Writes to a descriptor that is no socket, such as a pipe: all of `buffers` as a blocking kernel call does,
    /// unless the limit or an error ends it; then what was written, or the error if nothing was. Of the buffers no
    /// more than the first 1,024 need count. Unlike a socket it may raise `SIGPIPE`, which Rust programs ignore.
    fn write(
        &'static self,
        descriptor: SocketRef<'_>,
        buffers: &[IoSlice<'_>],
        limit: Limit,
    ) -> io::Result<usize> {
        transfer::write(Blocking, descriptor, buffers, limit)
    }

    /// Waits until a descriptor that can be polled is ready, or at its end. It may be so no more when the caller
    /// looks.
    ///
    /// # Errors
    ///
    /// Also what the system says to a descriptor that cannot be waited for, such as that of a regular file.
    fn ready(
        &'static self,
        descriptor: SocketRef<'_>,
        interest: Interest,
        limit: Limit,
    ) -> io::Result<()> {
        transfer::ready(Blocking, descriptor, interest, limit)
    }

    /// Shuts one or both directions down.
    fn shutdown(&'static self, socket: SocketRef<'_>, how: Shutdown) -> io::Result<()> {
        kernel::shutdown(socket, how)
    }
}
