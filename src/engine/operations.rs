//! The socket operations, written once for both ways of waiting: [`Blocking`](super::kernel::Blocking) the
//! OS thread, and parking until a reactor sees an edge ([`readiness`](super::readiness)).
//!
//! # Where waiting for the socket is in vain
//!
//! Two operations on Unix sockets depend on somebody else's queue, and their own socket never tells when
//! there is room again: connecting to a listener whose backlog is full, and sending a datagram to an address
//! whose socket has a full queue. Such a socket polls as writable all the time, and each failing attempt of
//! the second even raises an edge of its own. (A *connected* datagram socket waits in its peer's queue, and
//! is told.) The kernel wakes only who is blocked in the system call. A blocking section could do that, but
//! would take an OS thread for every thread that waits, for as long as it takes, and could not be cancelled.
//! So those two attempt again [at times](retry_at_times).
//!
//! # Where an end is not announced
//!
//! When the sending side of a Unix socket is shut down, by a clone or by its peer that reads no more, the
//! kernel ends a blocked send with `EPIPE`. To who waits for the socket to be writable it says nothing while
//! the queue is full: there is neither an edge nor does `poll` return. So who waits to write to a Unix socket
//! [looks again](Look) after a while.
//!
//! # Where a non-blocking call does not say that it is over
//!
//! When the receiving side of a datagram socket is shut down, a blocking receive ends with 0 bytes, and a
//! non-blocking one fails with `EAGAIN` for ever; so does `accept` on a Unix listener, which ends with
//! `EINVAL`. [`unless_shut_down`] makes up for that.

use super::address::Address;
use super::kernel;
use super::socket::{Limit, Patience, SocketRef};
use super::source::Interest;
use super::{Control, here};
use rustix::io::Errno;
use standin_core::{Instant, context, wait_queue};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// How a thread waits.
pub(super) trait Wait: Copy {
    /// Whether the system call itself may block the caller. Then the kernel applies the socket's own mode and
    /// timeouts.
    fn may_block(self) -> bool;

    /// Calls `once`, which must not block, until it succeeds or fails for good, and waits in between until the
    /// socket may be ready. It is told whether an end of the socket, or an error, was announced: false is no
    /// proof. `drains` says of a result whether the operation took all there was.
    fn retry<T>(
        self,
        socket: SocketRef<'_>,
        interest: Interest,
        patience: &mut Patience,
        once: impl FnMut(bool) -> io::Result<T>,
        drains: impl Fn(&T) -> bool,
    ) -> io::Result<T>;
}

/// How a single system call is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// As the mode of the descriptor says.
    Blocking,
    Nonblocking,
}

pub(super) fn connect(
    wait: impl Wait,
    socket: SocketRef<'_>,
    address: &Address,
    limit: Limit,
) -> io::Result<()> {
    Control::check_cancellation()?;
    let to = address.to_kernel()?;
    let mut patience = Patience::new(limit);
    let connected = match address {
        Address::Inet(_) => {
            socket.force_nonblocking()?;
            if kernel::start_connect(socket.fd(), &to)? {
                context::progress();
                Ok(())
            } else {
                let once = |_| kernel::connect_result(socket.fd());
                wait.retry(socket, Interest::Write, &mut patience, once, |()| false)
            }
        }
        Address::Unix(_) if wait.may_block() && limit == Limit::None => {
            socket.restore_mode();
            until_not_interrupted(|| kernel::connect_once(socket.fd(), &to))
        }
        Address::Unix(_) => {
            socket.force_nonblocking()?;
            retry_at_times(&mut patience, || kernel::connect_once(socket.fd(), &to))
        }
    };
    connected.map_err(|error| connect_error(error, limit))?;
    socket.restore_mode();
    Ok(())
}

/// A connect that ran out of time has the error of std's `connect_timeout`.
fn connect_error(error: io::Error, limit: Limit) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock if limit != Limit::Immediate => {
            io::Error::new(io::ErrorKind::TimedOut, "connection timed out")
        }
        _ => error,
    }
}

pub(super) fn accept(
    wait: impl Wait,
    listener: SocketRef<'_>,
    limit: Limit,
) -> io::Result<(OwnedFd, Address)> {
    let mut patience = Patience::new(limit);
    if !listener.is_forced_nonblocking() {
        let call = || kernel::accept_once(listener.fd());
        match in_system_call(wait, listener, &mut patience, call) {
            None => {}
            // An engine may have made it non-blocking meanwhile.
            Some(Err(error))
                if error.kind() == io::ErrorKind::WouldBlock && limit != Limit::Immediate => {}
            Some(done) => return done,
        }
    }
    // There is no flag for a single call. Two threads that poll and then accept would block the loser.
    let once = |ended| {
        listener.force_nonblocking()?;
        let once = || kernel::accept_once(listener.fd());
        unless_shut_down(listener, ended, once, || Err(Errno::INVAL.into()))
    };
    wait.retry(listener, Interest::Read, &mut patience, once, |_| false)
}

pub(super) fn receive(
    wait: impl Wait,
    socket: SocketRef<'_>,
    buffer: &mut [u8],
    peek: bool,
    limit: Limit,
) -> io::Result<usize> {
    let length = buffer.len();
    take(
        wait,
        socket,
        limit,
        |fd, call| kernel::receive_once(fd, buffer, peek, call),
        || Ok(0),
        // A peek takes nothing, and says nothing about what a read would find.
        |&got| !peek && got > 0 && got < length,
    )
}

pub(super) fn receive_vectored(
    wait: impl Wait,
    socket: SocketRef<'_>,
    buffers: &mut [IoSliceMut<'_>],
    limit: Limit,
) -> io::Result<usize> {
    // Of those that the kernel takes: to fill them all, with more to come, drains nothing.
    let buffers = kernel::limit_len_mut(buffers);
    let length: usize = buffers.iter().map(|buffer| buffer.len()).sum();
    take(
        wait,
        socket,
        limit,
        |fd, call| kernel::receive_vectored_once(fd, buffers, call),
        || Ok(0),
        |&got| got > 0 && got < length,
    )
}

pub(super) fn receive_from(
    wait: impl Wait,
    socket: SocketRef<'_>,
    buffer: &mut [u8],
    peek: bool,
    limit: Limit,
) -> io::Result<(usize, Address)> {
    take(
        wait,
        socket,
        limit,
        |fd, call| kernel::receive_from_once(fd, buffer, peek, call),
        || Ok((0, Address::of_kernel(None)?)),
        |_| false,
    )
}

/// An operation that receives something by one system call; `end` is what it returns at the end.
fn take<T>(
    wait: impl Wait,
    socket: SocketRef<'_>,
    limit: Limit,
    mut once: impl FnMut(BorrowedFd<'_>, Call) -> io::Result<T>,
    end: impl Fn() -> io::Result<T>,
    drains: impl Fn(&T) -> bool,
) -> io::Result<T> {
    let fd = socket.fd();
    let patience = &mut Patience::new(limit);
    if let Some(done) = in_system_call(wait, socket, patience, || once(fd, Call::Blocking)) {
        return done;
    }
    let once = |ended| unless_shut_down(socket, ended, || once(fd, Call::Nonblocking), &end);
    wait.retry(socket, Interest::Read, patience, once, drains)
}

/// Calls `once`, which receives, and `end` in its place if it would block although the receiving side is shut
/// down. To a user who made the socket non-blocking, that is `WouldBlock` as with std: then nothing was waited
/// for, and nothing announced.
fn unless_shut_down<T>(
    socket: SocketRef<'_>,
    ended: bool,
    mut once: impl FnMut() -> io::Result<T>,
    end: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let would_block = |done: &io::Result<T>| {
        done.as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    };
    let done = once();
    if !ended || !would_block(&done) || !kernel::is_receiving_shut_down(socket.fd())? {
        return done;
    }
    // What came before the shutdown is received first.
    let done = once();
    if would_block(&done) { end() } else { done }
}

pub(super) fn send(
    wait: impl Wait,
    socket: SocketRef<'_>,
    buffer: &[u8],
    limit: Limit,
) -> io::Result<usize> {
    give_all(wait, socket, buffer.len(), limit, |sent, call| {
        kernel::send_once(socket.fd(), &buffer[sent..], call)
    })
}

pub(super) fn send_vectored(
    wait: impl Wait,
    socket: SocketRef<'_>,
    buffers: &[IoSlice<'_>],
    limit: Limit,
) -> io::Result<usize> {
    let buffers = kernel::limit_len(buffers);
    let length = buffers.iter().map(|buffer| buffer.len()).sum();
    give_all(wait, socket, length, limit, |sent, call| {
        if sent == 0 {
            return kernel::send_vectored_once(socket.fd(), buffers, call);
        }
        let mut rest = buffers.to_vec();
        let mut rest = &mut rest[..];
        IoSlice::advance_slices(&mut rest, sent);
        kernel::send_vectored_once(socket.fd(), rest, call)
    })
}

/// Sends `length` bytes; `once` sends some of those that come after the first so many.
fn give_all(
    wait: impl Wait,
    socket: SocketRef<'_>,
    length: usize,
    limit: Limit,
    once: impl Fn(usize, Call) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut patience = Patience::new(limit);
    if let Some(done) = in_system_call(wait, socket, &mut patience, || once(0, Call::Blocking)) {
        return done;
    }
    let mut sent = 0;
    loop {
        // The first time even if there is nothing to send: to a datagram socket that is a message.
        let once = |_| once(sent, Call::Nonblocking);
        match wait.retry(socket, Interest::Write, &mut patience, once, |_| false) {
            Ok(some) => sent += some,
            Err(_) if sent > 0 => return Ok(sent),
            Err(error) => return Err(error),
        }
        if sent >= length || !patience.may_wait() {
            return Ok(sent);
        }
    }
}

pub(super) fn send_to(
    wait: impl Wait,
    socket: SocketRef<'_>,
    buffer: &[u8],
    address: &Address,
    limit: Limit,
) -> io::Result<usize> {
    let to = address.to_kernel()?;
    let once = |call| kernel::send_to_once(socket.fd(), buffer, &to, call);
    let mut patience = Patience::new(limit);
    if let Some(done) = in_system_call(wait, socket, &mut patience, || once(Call::Blocking)) {
        return done;
    }
    match address {
        Address::Inet(_) => {
            let once = |_| once(Call::Nonblocking);
            wait.retry(socket, Interest::Write, &mut patience, once, |_| false)
        }
        Address::Unix(_) => retry_at_times(&mut patience, || once(Call::Nonblocking)),
    }
}

/// The first pause of [`retry_at_times`]: about what it takes another thread to run and take something out of
/// its queue.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
/// The longest: a hundred attempts a second cost nothing that can be noticed.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Pauses between attempts, each twice as long as the one before.
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = LONGEST_PAUSE.min(pause * 2);
        pause
    }

    /// Parks the calling thread for the next pause, on the clock of its engine. A cancellation does not end that.
    pub(crate) fn park(&mut self) {
        let next = context::now().checked_add(self.next());
        // A wake that was meant for what lay there before may end it early.
        let _ = wait_queue::wait(&AtomicU32::new(0), 0, next);
    }
}

/// As [`Wait::retry`], where nothing tells when to attempt again: after the pauses of a [`Backoff`]. The thread sleeps meanwhile, on the clock of its engine, and a cancellation ends that.
fn retry_at_times<T>(
    patience: &mut Patience,
    mut once: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut backoff = Backoff::new();
    loop {
        Control::check_cancellation()?;
        match until_not_interrupted(&mut once) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => {
                context::progress();
                return done;
            }
        }
        if !patience.may_wait() {
            // Whoever polls may do so for ever.
            context::progress();
            return Err(would_block());
        }
        let (now, deadline) = (context::now(), patience.deadline());
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(would_block());
        }
        let next = now.checked_add(backoff.next());
        here().sleep_until(next.into_iter().chain(deadline).min());
    }
}

/// The first look comes after this, the others each after twice the time of the one before, at most.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// When a thread that waits for a socket tries again although nothing was announced.
pub(super) struct Look(Duration);

impl Look {
    pub(super) fn new() -> Self {
        Self(FIRST_LOOK)
    }

    /// Until when to wait: the deadline, or the next look if that comes before.
    pub(super) fn until(
        &mut self,
        socket: SocketRef<'_>,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> Option<Instant> {
        let Some(pause) = self.pause(socket, interest) else {
            return deadline;
        };
        let look = context::now().checked_add(pause);
        look.into_iter().chain(deadline).min()
    }

    /// How long to wait for the next look, where there is one.
    pub(super) fn pause(&mut self, socket: SocketRef<'_>, interest: Interest) -> Option<Duration> {
        if interest == Interest::Read
            || socket.shared.short_is_all()
            || !kernel::is_unix(socket.fd())
        {
            return None;
        }
        Some(self.next())
    }

    pub(super) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = LONGEST_LOOK.min(pause * 2);
        pause
    }
}

/// The system call that blocks a plain OS thread, with the timeout that the kernel knows. `None` if the thread is
/// to wait otherwise: it is no such thread, or a signal came, after which the kernel would begin the timeout anew; or
/// it is not to wait at all, although the descriptor is a blocking one.
pub(super) fn in_system_call<T>(
    wait: impl Wait,
    socket: SocketRef<'_>,
    patience: &mut Patience,
    mut call: impl FnMut() -> io::Result<T>,
) -> Option<io::Result<T>> {
    if !wait.may_block() || !patience.may_wait() && !socket.shared.is_nonblocking() {
        return None;
    }
    let has_deadline = patience.deadline().is_some();
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                if has_deadline {
                    return None;
                }
            }
            done => return Some(done),
        }
    }
}

/// std's sockets return `Interrupted` from some calls and not from others; here none does.
pub(super) fn until_not_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// What std's sockets return when a timeout passed, or when they are non-blocking.
pub(super) fn would_block() -> io::Error {
    Errno::AGAIN.into()
}
