//! A socket as an engine sees it.

use super::address::Address;
use super::kernel;
use super::readiness::Readiness;
use super::source::{Interest, Registered, Registration};
use standin_core::{Instant, Lock, context};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How long an operation may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Not at all: the user made the socket non-blocking.
    Immediate,
    /// This long, then it fails with `WouldBlock`.
    After(Duration),
    /// As long as it takes.
    None,
}

/// A limit, and the deadline that it became when its operation first had to wait: an operation of several
/// steps has one deadline for all of them, as in the kernel.
pub(super) struct Patience {
    limit: Limit,
    deadline: Option<Option<Instant>>,
}

impl Patience {
    pub(super) fn new(limit: Limit) -> Self {
        Self {
            limit,
            deadline: None,
        }
    }

    /// Whether the operation may wait at all.
    pub(super) fn may_wait(&self) -> bool {
        self.limit != Limit::Immediate
    }

    /// How long it waits; `None` is for ever.
    pub(super) fn deadline(&mut self) -> Option<Instant> {
        let limit = self.limit;
        *self.deadline.get_or_insert_with(|| match limit {
            Limit::Immediate => Some(context::now()),
            Limit::After(timeout) => context::now().checked_add(timeout),
            Limit::None => None,
        })
    }
}

/// A descriptor, what its clones share, and what engines know of this one.
#[derive(Clone, Copy)]
pub struct SocketRef<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    pub(crate) shared: &'a Shared,
    pub(crate) registration: &'a Registration,
}

impl<'a> SocketRef<'a> {
    /// The descriptor.
    pub fn fd(self) -> BorrowedFd<'a> {
        self.fd
    }

    /// Whether the descriptor itself is non-blocking although its user sees a blocking one.
    pub fn is_forced_nonblocking(self) -> bool {
        self.shared.is_forced()
    }

    /// Registers the descriptor with `reactor`, unless it is already: for an engine that implements
    /// [`Socket::registered`](super::Socket::registered).
    ///
    /// # Errors
    ///
    /// Those of [`Readiness::register`].
    pub fn registered_with(
        self,
        reactor: &'static dyn Readiness,
        interest: Interest,
    ) -> io::Result<Registered> {
        let (source, before) = match self.registration.find(reactor) {
            Some(source) => (source, None),
            None => self.registration.add(reactor, self.fd, interest)?,
        };
        Ok(Registered {
            reactor,
            source,
            before,
        })
    }

    /// Makes the descriptor itself non-blocking, for an operation that has no flag for a single call. Asked
    /// before each attempt: a clone that went back to std may have undone it.
    pub(super) fn force_nonblocking(self) -> io::Result<()> {
        if !self.shared.is_forced() {
            let _changing = self.shared.changing.lock();
            set_descriptor_nonblocking(self.fd, true)?;
            self.shared.set(FORCED, true);
        }
        Ok(())
    }

    /// Gives the descriptor the mode that its user sees.
    pub(super) fn restore_mode(self) {
        self.shared.restore_mode(self.fd);
    }
}

/// The mode that a user gave a socket: with the kernel it belongs to the socket, not to a descriptor, so
/// clones share it. The kernel's own timeouts and flag are set as well, for OS threads and for whoever the
/// descriptor is handed to; this is the copy that costs no system call.
pub(crate) struct Shared {
    read_timeout: AtomicU64,
    write_timeout: AtomicU64,
    flags: AtomicU64,
    /// Held while the descriptor's own mode is changed together with the flags.
    changing: Lock<()>,
}

/// The user made it non-blocking.
const NONBLOCKING: u64 = 1;
/// An engine made the descriptor non-blocking, because there is no flag for a single call.
const FORCED: u64 = 2;
/// A read that returns less than was asked for left nothing behind, and the next byte raises an edge.
const SHORT_IS_ALL: u64 = 4;

/// Which of the two timeouts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Shared {
    pub(crate) const fn new() -> Self {
        Self {
            read_timeout: AtomicU64::new(0),
            write_timeout: AtomicU64::new(0),
            flags: AtomicU64::new(0),
            changing: Lock::new(()),
        }
    }

    /// For a connection that this listener accepted: Linux hands the timeouts on, but not the mode.
    pub(crate) fn of_accepted(&self, socket: BorrowedFd<'_>) -> Self {
        let shared = Self::new();
        for direction in [Direction::Read, Direction::Write] {
            shared
                .timeout(direction)
                .store(self.timeout(direction).load(Relaxed), Relaxed);
        }
        // What somebody changed of the listener is handed on, too.
        let short_is_all = self.short_is_all() || kernel::is_plain_tcp(socket);
        shared.set(SHORT_IS_ALL, short_is_all);
        shared
    }

    /// Whether a short read empties the socket. That is so for TCP as it comes from the kernel, and may not
    /// be once somebody else had the descriptor.
    pub(crate) fn short_is_all(&self) -> bool {
        self.flags.load(Relaxed) & SHORT_IS_ALL != 0
    }

    pub(crate) fn limit(&self, direction: Direction) -> Limit {
        if self.is_nonblocking() {
            return Limit::Immediate;
        }
        match self.timeout(direction).load(Relaxed) {
            0 => Limit::None,
            nanoseconds => Limit::After(Duration::from_nanos(nanoseconds)),
        }
    }

    pub(crate) fn set_timeout(&self, direction: Direction, timeout: Option<Duration>) {
        let nanoseconds = timeout.map_or(0, |timeout| {
            timeout.as_nanos().try_into().unwrap_or(u64::MAX)
        });
        self.timeout(direction).store(nanoseconds, Relaxed);
    }

    pub(crate) fn is_nonblocking(&self) -> bool {
        self.flags.load(Relaxed) & NONBLOCKING != 0
    }

    pub(crate) fn set_nonblocking(&self, nonblocking: bool) {
        self.set(NONBLOCKING, nonblocking);
    }

    fn is_forced(&self) -> bool {
        self.flags.load(Relaxed) & FORCED != 0
    }

    /// As `set_nonblocking`, for a socket whose descriptor may be non-blocking already, whatever its user
    /// sees.
    pub(crate) fn set_nonblocking_unless_forced(
        &self,
        fd: BorrowedFd<'_>,
        nonblocking: bool,
    ) -> io::Result<()> {
        let _changing = self.changing.lock();
        if !self.is_forced() {
            set_descriptor_nonblocking(fd, nonblocking)?;
        }
        self.set_nonblocking(nonblocking);
        Ok(())
    }

    /// Gives the descriptor the mode that its user sees.
    fn restore_mode(&self, fd: BorrowedFd<'_>) {
        let _changing = self.changing.lock();
        if self.is_forced() {
            // Fails only for a descriptor that is not open.
            let _ = set_descriptor_nonblocking(fd, self.is_nonblocking());
            self.set(FORCED, false);
        }
    }

    fn set(&self, flag: u64, on: bool) {
        if on {
            self.flags.fetch_or(flag, Relaxed);
        } else {
            self.flags.fetch_and(!flag, Relaxed);
        }
    }

    fn timeout(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::Read => &self.read_timeout,
            Direction::Write => &self.write_timeout,
        }
    }
}

/// A std socket that engines can wait for: what the std-shaped socket types are made of.
pub(crate) struct Handle<S: AsFd> {
    /// `None` only while it is being taken apart.
    socket: Option<S>,
    shared: Arc<Shared>,
    registration: Registration,
}

impl<S: AsFd> Handle<S> {
    /// For a socket that is in the mode in which sockets are made.
    pub(crate) fn new(socket: S) -> Self {
        Self::sharing(socket, Arc::new(Shared::new()))
    }

    /// For a TCP socket that was just made here.
    pub(crate) fn tcp(socket: S) -> Self {
        let handle = Self::new(socket);
        handle.shared.set(SHORT_IS_ALL, true);
        handle
    }

    /// A stream socket that can be connected to `address`. Until it is, its descriptor is non-blocking.
    pub(crate) fn unconnected(address: &Address) -> io::Result<Self>
    where
        S: From<OwnedFd>,
    {
        let socket = kernel::stream_socket(address)?.into();
        let handle = match address {
            Address::Inet(_) => Self::tcp(socket),
            Address::Unix(_) => Self::new(socket),
        };
        handle.shared.set(FORCED, true);
        Ok(handle)
    }

    /// For another descriptor of the same socket.
    pub(crate) fn sharing(socket: S, shared: Arc<Shared>) -> Self {
        Self {
            socket: Some(socket),
            shared,
            registration: Registration::new(),
        }
    }

    /// For a socket that comes from elsewhere: its mode is asked of the kernel.
    pub(crate) fn adopt(socket: S) -> Self {
        use rustix::net::sockopt::{Timeout, socket_timeout};
        let shared = Shared::new();
        let fd = socket.as_fd();
        // What the kernel refuses to tell (a descriptor that is no socket) is told by the first operation.
        if let Ok(flags) = rustix::fs::fcntl_getfl(fd) {
            shared.set_nonblocking(flags.contains(rustix::fs::OFlags::NONBLOCK));
        }
        shared.set_timeout(
            Direction::Read,
            socket_timeout(fd, Timeout::Recv).ok().flatten(),
        );
        shared.set_timeout(
            Direction::Write,
            socket_timeout(fd, Timeout::Send).ok().flatten(),
        );
        Self::sharing(socket, Arc::new(shared))
    }

    pub(crate) fn std(&self) -> &S {
        self.socket
            .as_ref()
            .expect("a handle has its socket until it is taken apart")
    }

    /// The socket, for somebody who may do with its descriptor whatever the kernel allows.
    pub(crate) fn lend(&self) -> &S {
        if self.shared.short_is_all() {
            self.shared.set(SHORT_IS_ALL, false);
        }
        self.std()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether the descriptor blocks as its user sees it, and has no clones by which an engine could change that.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.shared) == 1 && !self.shared.is_forced()
    }

    pub(crate) fn as_ref(&self) -> SocketRef<'_> {
        SocketRef {
            fd: self.std().as_fd(),
            shared: &self.shared,
            registration: &self.registration,
        }
    }

    pub(crate) fn limit(&self, direction: Direction) -> Limit {
        self.shared.limit(direction)
    }

    /// The std socket, in the mode that its user sees, known to no engine any more.
    pub(crate) fn into_std(mut self) -> S {
        self.registration.release(self.std().as_fd(), false);
        self.shared.restore_mode(self.std().as_fd());
        self.socket
            .take()
            .expect("a handle has its socket until it is taken apart")
    }
}

impl<S: AsFd> Drop for Handle<S> {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            let is_last = Arc::strong_count(&self.shared) == 1;
            self.registration.release(socket.as_fd(), is_last);
        }
    }
}

/// Sets `O_NONBLOCK`.
pub(crate) fn set_descriptor_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> io::Result<()> {
    rustix::io::ioctl_fionbio(fd, nonblocking)?;
    Ok(())
}
