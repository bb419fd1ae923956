//! An epoll instance in which descriptors are registered once and edge-triggered: the reactor of the green engine,
//! and that of the engine `may`. `source.rs` argues that no wake-up is lost.

use super::Source;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How many events are taken from the kernel at once: what they touch is still in the caches when their threads run.
const EVENTS: usize = 64;
/// The token of what is no source; sources are not at address 0.
const NO_SOURCE: u64 = 0;

pub(super) struct Epoll(OwnedFd);

impl Epoll {
    /// # Errors
    ///
    /// Also of kind `Unsupported`, where the system has no `epoll_pwait2`, or a sandbox forbids it.
    pub(super) fn new() -> io::Result<Self> {
        let this = Self(epoll::create(CreateFlags::CLOEXEC)?);
        // There is nothing to wait for yet: only whether it can be done.
        match this.poll(&mut Vec::with_capacity(1), Some(&Timespec::default())) {
            Ok(_) | Err(Errno::INTR) => Ok(this),
            Err(error) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!(
                    "cannot wait for events by epoll_pwait2: {error}; it takes Linux 5.11 or later, and a sandbox \
                     (or Valgrind) that knows the call; the engines threads and async do without"
                ),
            )),
        }
    }

    fn poll(&self, buffer: &mut Vec<Event>, timeout: Option<&Timespec>) -> Result<usize, Errno> {
        epoll::wait(&self.0, spare_capacity(buffer), timeout)
    }

    /// Waits for events, at most `timeout` nanoseconds (`None`: as long as it takes). Whether there may be more at
    /// once.
    pub(super) fn wait(&self, timeout: Option<u64>, buffer: &mut Vec<Event>) -> bool {
        let timeout = timeout.map(|nanoseconds| Timespec {
            tv_sec: (nanoseconds / 1_000_000_000) as i64,
            tv_nsec: (nanoseconds % 1_000_000_000) as i64,
        });
        buffer.clear();
        buffer.reserve(EVENTS);
        match self.poll(buffer, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => {
                panic!("epoll_wait failed on a descriptor of the scheduler's own: {error}")
            }
        }
        buffer.len() == buffer.capacity()
    }

    pub(super) fn register(&self, fd: BorrowedFd<'_>, source: &'static Source) -> io::Result<()> {
        let flags =
            EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::PRI | EventFlags::ET;
        let token = EventData::new_u64(source.token());
        match epoll::add(&self.0, fd, token, flags) {
            // The kernel knows a socket and a number, and keeps them until the socket is closed everywhere:
            // another descriptor of the same socket has got the number of one that was closed.
            Err(Errno::EXIST) => Ok(epoll::modify(&self.0, fd, token, flags)?),
            added => Ok(added?),
        }
    }

    /// Lets each edge of `fd`, which is no source's, end a wait.
    #[cfg(feature = "green")]
    pub(super) fn register_wake(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let token = EventData::new_u64(NO_SOURCE);
        Ok(epoll::add(
            &self.0,
            fd,
            token,
            EventFlags::IN | EventFlags::ET,
        )?)
    }

    pub(super) fn deregister(&self, fd: BorrowedFd<'_>) {
        // It fails if the descriptor is not registered here, which is what is wanted.
        let _ = epoll::delete(&self.0, fd);
    }
}

/// Wakes whoever these events are for, which [`Epoll::wait`] returned.
pub(super) fn hand_out(events: &[Event]) {
    // What an event leads to has left the caches, one thing after another: so all are asked for before the first is used.
    for event in events {
        Source::prefetch(event.data.u64());
    }
    for event in events {
        // SAFETY: what is registered in an instance was registered with the token of a source.
        if let Some(source) = unsafe { source_of(event) } {
            let flags = event.flags;
            source.prefetch_seated(flags.contains(EventFlags::IN));
        }
    }
    for event in events {
        let flags = event.flags;
        let ended = EventFlags::HUP | EventFlags::ERR;
        // Nothing counts as drained from here on: no further edge need come for the end of a stream, and
        // a read stops short of urgent data although there is more behind it.
        let sticky = EventFlags::RDHUP | EventFlags::PRI | ended;
        // SAFETY: as above.
        if let Some(source) = unsafe { source_of(event) } {
            source.edge(
                flags.intersects(EventFlags::IN | sticky),
                flags.intersects(EventFlags::OUT | ended),
                flags.intersects(sticky),
            );
        }
    }
}

/// # Safety
///
/// The event is of an instance in which each source was registered with its token.
unsafe fn source_of(event: &Event) -> Option<&'static Source> {
    let token = event.data.u64();
    // SAFETY: the caller's promise.
    (token != NO_SOURCE).then(|| unsafe { Source::of_token(token) })?
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
