//! The system calls of sockets, each a single attempt, and how an OS thread waits for them.
//!
//! On an OS thread that no engine made, a blocking operation is the plain system call that std makes. The
//! threads of the `threads` engine can be cancelled, so they wait in `poll`, together with the descriptor
//! that a cancellation makes readable.

use super::address::Address;
use super::operations::{Call, Look, Wait, until_not_interrupted, would_block};
use super::socket::{Patience, SocketRef};
use super::source::Interest;
use super::{Control, interrupt};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{
    self, AddressFamily, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags,
    SocketAddrAny, SocketFlags, SocketType, sockopt,
};
use standin_core::{Instant, fault};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Waiting by blocking the OS thread.
#[derive(Clone, Copy)]
pub(super) struct Blocking;

impl Wait for Blocking {
    fn may_block(self) -> bool {
        Control::current(|control| control.is_none())
    }

    fn retry<T>(
        self,
        socket: SocketRef<'_>,
        interest: Interest,
        patience: &mut Patience,
        mut once: impl FnMut(bool) -> io::Result<T>,
        _drains: impl Fn(&T) -> bool,
    ) -> io::Result<T> {
        let events = match interest {
            Interest::Read => PollFlags::IN | PollFlags::RDHUP,
            Interest::Write => PollFlags::OUT,
        };
        let (mut ended, mut look) = (false, Look::new());
        loop {
            Control::check_cancellation()?;
            match until_not_interrupted(|| once(ended)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if !patience.may_wait() {
                return Err(would_block());
            }
            let deadline = patience.deadline();
            let until = look.until(socket, interest, deadline);
            match poll(socket.fd(), events, until)? {
                Some(came) => {
                    ended = came.intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR);
                }
                None if until == deadline => return Err(would_block()),
                None => {}
            }
        }
    }
}

/// Blocks until the descriptor has some of `events`, which are returned, or a signal or a cancellation came;
/// `None` if the deadline passed.
fn poll(
    fd: BorrowedFd<'_>,
    events: PollFlags,
    deadline: Option<Instant>,
) -> io::Result<Option<PollFlags>> {
    let timeout = match deadline {
        Some(deadline) => {
            let left = deadline.saturating_since(Instant::system());
            if left.is_zero() {
                return Ok(None);
            }
            // More seconds than the kernel can count are as good as for ever.
            left.try_into().ok()
        }
        None => None,
    };
    let own = PollFd::from_borrowed_fd(fd, events);
    if Control::current(|control| control.is_none()) {
        return polled(&mut [own], timeout.as_ref());
    }
    let interruption = interrupt::subscribe()?;
    if Control::cancellation() {
        return Ok(Some(PollFlags::empty()));
    }
    let interruption = PollFd::new(&interruption, PollFlags::IN);
    polled(&mut [own, interruption], timeout.as_ref())
}

/// What came for the first of them.
fn polled(fds: &mut [PollFd<'_>], timeout: Option<&Timespec>) -> io::Result<Option<PollFlags>> {
    match rustix::event::poll(fds, timeout) {
        Ok(_) => Ok(Some(fds[0].revents())),
        Err(Errno::INTR) => Ok(Some(PollFlags::empty())),
        Err(error) => Err(error.into()),
    }
}

/// Whether it is a Unix socket; what is no socket at all is none.
pub(super) fn is_unix(fd: BorrowedFd<'_>) -> bool {
    sockopt::socket_domain(fd).is_ok_and(|family| family == AddressFamily::UNIX)
}

/// Whether nothing more can come, except what is there already.
pub(super) fn is_receiving_shut_down(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::RDHUP)];
    rustix::event::poll(&mut fds, Some(&Timespec::default()))?;
    Ok(fds[0].revents().contains(PollFlags::RDHUP))
}

/// A stream socket of the family of `address`, non-blocking and closed on exec.
pub(super) fn stream_socket(address: &Address) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(net::socket_with(
        address.family(),
        SocketType::STREAM,
        flags,
        None,
    )?)
}

/// Connects, or starts to if the socket is non-blocking; false if it has to be waited for.
pub(super) fn start_connect(fd: BorrowedFd<'_>, address: &SocketAddrAny) -> io::Result<bool> {
    match net::connect(fd, address) {
        Ok(()) => Ok(true),
        // A signal does not stop what was started, be it now or by an earlier attempt.
        Err(Errno::INPROGRESS | Errno::INTR | Errno::ALREADY) => Ok(false),
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

/// Connects a Unix socket, which happens at once or not at all.
pub(super) fn connect_once(fd: BorrowedFd<'_>, address: &SocketAddrAny) -> io::Result<()> {
    Ok(net::connect(fd, address)?)
}

pub(super) fn accept_once(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, Address)> {
    let (connection, address) = net::acceptfrom_with(fd, SocketFlags::CLOEXEC)?;
    Ok((connection, Address::of_kernel(address)?))
}

pub(super) fn receive_once(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    peek: bool,
    call: Call,
) -> io::Result<usize> {
    match net::recv(fd, buffer, receive_flags(peek, call)) {
        Err(Errno::CONNRESET) if fault::is_planted("wrong-error-after-reset") => {
            Err(Errno::PIPE.into())
        }
        received => Ok(received?.0),
    }
}

pub(super) fn receive_from_once(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    peek: bool,
    call: Call,
) -> io::Result<(usize, Address)> {
    let (got, _, address) = net::recvfrom(fd, buffer, receive_flags(peek, call))?;
    Ok((got, Address::of_kernel(address)?))
}

pub(super) fn receive_vectored_once(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
    call: Call,
) -> io::Result<usize> {
    let mut ancillary = RecvAncillaryBuffer::default();
    let flags = receive_flags(false, call);
    Ok(net::recvmsg(fd, buffers, &mut ancillary, flags)?.bytes)
}

pub(super) fn send_once(fd: BorrowedFd<'_>, buffer: &[u8], call: Call) -> io::Result<usize> {
    Ok(net::send(fd, buffer, send_flags(call))?)
}

pub(super) fn send_to_once(
    fd: BorrowedFd<'_>,
    buffer: &[u8],
    address: &SocketAddrAny,
    call: Call,
) -> io::Result<usize> {
    Ok(net::sendto(fd, buffer, send_flags(call), address)?)
}

pub(super) fn send_vectored_once(
    fd: BorrowedFd<'_>,
    buffers: &[IoSlice<'_>],
    call: Call,
) -> io::Result<usize> {
    let mut ancillary = SendAncillaryBuffer::default();
    Ok(net::sendmsg(fd, buffers, &mut ancillary, send_flags(call))?)
}

pub(super) fn shutdown(socket: SocketRef<'_>, how: Shutdown) -> io::Result<()> {
    let how = match how {
        Shutdown::Read => net::Shutdown::Read,
        Shutdown::Write => net::Shutdown::Write,
        Shutdown::Both => net::Shutdown::Both,
    };
    Ok(net::shutdown(socket.fd(), how)?)
}

/// Whether it is a TCP socket that tells of its first byte. Others may have had it: as far as the kernel says.
#[cfg(all(feature = "_pinned", target_os = "linux"))]
pub(super) fn is_plain_tcp(socket: BorrowedFd<'_>) -> bool {
    let option = |option: libc::c_int| {
        let mut value: libc::c_int = 0;
        let mut length = size_of_val(&value) as libc::socklen_t;
        // SAFETY: the value is an integer of that length.
        let result = unsafe {
            libc::getsockopt(
                std::os::fd::AsRawFd::as_raw_fd(&socket),
                libc::SOL_SOCKET,
                option,
                (&raw mut value).cast(),
                &raw mut length,
            )
        };
        (result == 0).then_some(value)
    };
    option(libc::SO_PROTOCOL) == Some(libc::IPPROTO_TCP) && option(libc::SO_RCVLOWAT) == Some(1)
}

/// Only who waits for readiness would ask, and by what Linux says.
#[cfg(not(all(feature = "_pinned", target_os = "linux")))]
pub(super) fn is_plain_tcp(_: BorrowedFd<'_>) -> bool {
    false
}

fn receive_flags(peek: bool, call: Call) -> RecvFlags {
    let mut flags = RecvFlags::empty();
    flags.set(RecvFlags::PEEK, peek);
    flags.set(RecvFlags::DONTWAIT, call == Call::Nonblocking);
    flags
}

fn send_flags(call: Call) -> SendFlags {
    let mut flags = SendFlags::NOSIGNAL;
    flags.set(SendFlags::DONTWAIT, call == Call::Nonblocking);
    flags
}

/// The kernel takes no more than this many buffers a call; std passes no more either.
const MAX_BUFFERS: usize = 1024;

/// As many as the kernel takes.
pub(super) fn limit_len<'a, 'b>(buffers: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    &buffers[..buffers.len().min(MAX_BUFFERS)]
}

/// As many as the kernel takes.
pub(super) fn limit_len_mut<'a, 'b>(buffers: &'a mut [IoSliceMut<'b>]) -> &'a mut [IoSliceMut<'b>] {
    let length = buffers.len().min(MAX_BUFFERS);
    &mut buffers[..length]
}
