//! Socket operations by the kernel: the single attempts that readiness engines make, and the blocking ones
//! for OS threads.
//!
//! On an OS thread that no engine made, a blocking operation is the plain system call that std makes. The
//! threads of the `threads` engine can be cancelled, so they wait in `poll`, together with the descriptor
//! that a cancellation makes readable.

use super::socket::{Limit, Patience, SocketRef, set_descriptor_nonblocking};
use super::{Control, interrupt};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{
    self, AddressFamily, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags,
    SocketFlags, SocketType, sockopt,
};
use standin_core::Instant;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A stream socket of the family of `address`, closed on exec.
pub(super) fn stream_socket(address: &SocketAddr, nonblocking: bool) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let mut flags = SocketFlags::CLOEXEC;
    flags.set(SocketFlags::NONBLOCK, nonblocking);
    Ok(net::socket_with(family, SocketType::STREAM, flags, None)?)
}

/// Starts to connect a non-blocking socket; true if that is all.
pub(super) fn start_connect(fd: &OwnedFd, address: &SocketAddr) -> io::Result<bool> {
    match net::connect(fd, address) {
        Ok(()) => Ok(true),
        // A signal does not stop what was started.
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// How a connect that was started went; `WouldBlock` while it is under way.
pub(super) fn connect_result(fd: BorrowedFd<'_>) -> io::Result<()> {
    sockopt::socket_error(fd)??;
    match net::getpeername(fd) {
        Ok(_) => Ok(()),
        Err(Errno::NOTCONN) => {
            // The error may have come between the two questions.
            sockopt::socket_error(fd)??;
            Err(Errno::AGAIN.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// A connect that failed: one that ran out of time has the error of std's `connect_timeout`.
pub(super) fn connect_error(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, "connection timed out")
        }
        _ => error,
    }
}

pub(super) fn accept_once(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SocketAddr)> {
    let (connection, address) = net::acceptfrom_with(fd, SocketFlags::CLOEXEC)?;
    let address = address.map(SocketAddr::try_from).transpose()?;
    let address =
        address.ok_or_else(|| io::Error::other("the accepted connection has no address"))?;
    Ok((connection, address))
}

pub(super) fn receive_once(fd: BorrowedFd<'_>, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
    let mut flags = RecvFlags::DONTWAIT;
    flags.set(RecvFlags::PEEK, peek);
    Ok(net::recv(fd, buffer, flags)?.0)
}

pub(super) fn receive_vectored_once(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
) -> io::Result<usize> {
    let mut ancillary = RecvAncillaryBuffer::default();
    Ok(net::recvmsg(
        fd,
        limit_len_mut(buffers),
        &mut ancillary,
        RecvFlags::DONTWAIT,
    )?
    .bytes)
}

pub(super) fn send_once(fd: BorrowedFd<'_>, buffer: &[u8]) -> io::Result<usize> {
    Ok(net::send(
        fd,
        buffer,
        SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
    )?)
}

pub(super) fn send_vectored_once(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    Ok(net::sendmsg(
        fd,
        limit_len(buffers),
        &mut SendAncillaryBuffer::default(),
        flags,
    )?)
}

pub(super) fn shutdown(socket: SocketRef<'_>, how: Shutdown) -> io::Result<()> {
    let how = match how {
        Shutdown::Read => net::Shutdown::Read,
        Shutdown::Write => net::Shutdown::Write,
        Shutdown::Both => net::Shutdown::Both,
    };
    Ok(net::shutdown(socket.fd(), how)?)
}

/// The kernel takes no more than this many buffers a call; std passes no more either.
const MAX_BUFFERS: usize = 1024;

fn limit_len<'a, 'b>(buffers: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    &buffers[..buffers.len().min(MAX_BUFFERS)]
}

/// As many as the kernel takes.
pub(super) fn limit_len_mut<'a, 'b>(buffers: &'a mut [IoSliceMut<'b>]) -> &'a mut [IoSliceMut<'b>] {
    let length = buffers.len().min(MAX_BUFFERS);
    &mut buffers[..length]
}

pub(super) fn connect(address: &SocketAddr, timeout: Option<Duration>) -> io::Result<OwnedFd> {
    Control::check_cancellation()?;
    let fd = stream_socket(address, true)?;
    if !start_connect(&fd, address)? {
        let mut patience = Patience::new(timeout.map_or(Limit::None, Limit::After));
        let connected = block(fd.as_fd(), PollFlags::OUT, &mut patience, || {
            connect_result(fd.as_fd())
        });
        connected.map_err(connect_error)?;
    }
    set_descriptor_nonblocking(fd.as_fd(), false)?;
    Ok(fd)
}

pub(super) fn accept(listener: SocketRef<'_>, limit: Limit) -> io::Result<(OwnedFd, SocketAddr)> {
    let fd = listener.fd();
    if is_plain() && !listener.is_forced_nonblocking() {
        match until_not_interrupted(|| accept_once(fd)) {
            // An engine may have made it non-blocking meanwhile.
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock && limit != Limit::Immediate => {}
            done => return done,
        }
    }
    // `poll` first: the descriptor may be a blocking one, and then the next attempt blocks, but it also may
    // be one that another thread accepts from. Non-blocking, as readiness engines make it, it is right for all.
    block(fd, PollFlags::IN, &mut Patience::new(limit), || {
        listener.force_nonblocking()?;
        accept_once(fd)
    })
}

pub(super) fn receive(
    socket: SocketRef<'_>,
    buffer: &mut [u8],
    peek: bool,
    limit: Limit,
) -> io::Result<usize> {
    let fd = socket.fd();
    if is_plain() {
        let flags = if peek {
            RecvFlags::PEEK
        } else {
            RecvFlags::empty()
        };
        return until_not_interrupted(|| Ok(net::recv(fd, &mut *buffer, flags)?.0));
    }
    block(fd, PollFlags::IN, &mut Patience::new(limit), || {
        receive_once(fd, buffer, peek)
    })
}

pub(super) fn receive_vectored(
    socket: SocketRef<'_>,
    buffers: &mut [IoSliceMut<'_>],
    limit: Limit,
) -> io::Result<usize> {
    let fd = socket.fd();
    if is_plain() {
        return until_not_interrupted(|| Ok(rustix::io::readv(fd, limit_len_mut(buffers))?));
    }
    block(fd, PollFlags::IN, &mut Patience::new(limit), || {
        receive_vectored_once(fd, buffers)
    })
}

pub(super) fn send(socket: SocketRef<'_>, buffer: &[u8], limit: Limit) -> io::Result<usize> {
    let fd = socket.fd();
    if is_plain() {
        return until_not_interrupted(|| Ok(net::send(fd, buffer, SendFlags::NOSIGNAL)?));
    }
    let mut patience = Patience::new(limit);
    let mut sent = 0;
    loop {
        match block(fd, PollFlags::OUT, &mut patience, || {
            send_once(fd, &buffer[sent..])
        }) {
            Ok(some) => sent += some,
            Err(_) if sent > 0 => return Ok(sent),
            Err(error) => return Err(error),
        }
        if sent == buffer.len() || !patience.may_wait() {
            return Ok(sent);
        }
    }
}

pub(super) fn send_vectored(
    socket: SocketRef<'_>,
    buffers: &[IoSlice<'_>],
    limit: Limit,
) -> io::Result<usize> {
    let fd = socket.fd();
    if is_plain() {
        let flags = SendFlags::NOSIGNAL;
        return until_not_interrupted(|| {
            Ok(net::sendmsg(
                fd,
                limit_len(buffers),
                &mut SendAncillaryBuffer::default(),
                flags,
            )?)
        });
    }
    block(fd, PollFlags::OUT, &mut Patience::new(limit), || {
        send_vectored_once(fd, buffers)
    })
}

/// Whether the caller is an OS thread that no engine made, which cannot be cancelled. The kernel applies
/// the socket's own mode and timeouts then.
fn is_plain() -> bool {
    Control::current(|control| control.is_none())
}

/// std's sockets return `Interrupted` from some calls and not from others; here none does.
fn until_not_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Calls `once`, which must not block, until it succeeds or fails for good, and blocks the OS thread in
/// between until the descriptor has `events` or the thread is cancelled.
fn block<T>(
    fd: BorrowedFd<'_>,
    events: PollFlags,
    patience: &mut Patience,
    mut once: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    loop {
        Control::check_cancellation()?;
        match until_not_interrupted(&mut once) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        if !patience.may_wait() || !poll(fd, events, patience.deadline())? {
            return Err(Errno::AGAIN.into());
        }
    }
}

/// Blocks until the descriptor has `events`, a signal or a cancellation came, or the deadline passed (false).
fn poll(fd: BorrowedFd<'_>, events: PollFlags, deadline: Option<Instant>) -> io::Result<bool> {
    let timeout = match deadline {
        Some(deadline) => {
            let left = deadline.saturating_since(Instant::system());
            if left.is_zero() {
                return Ok(false);
            }
            // More seconds than the kernel can count are as good as for ever.
            left.try_into().ok()
        }
        None => None,
    };
    let interruption = interrupt::subscribe()?;
    if Control::cancellation() {
        return Ok(true);
    }
    let mut fds = [
        PollFd::from_borrowed_fd(fd, events),
        PollFd::new(&interruption, PollFlags::IN),
    ];
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
