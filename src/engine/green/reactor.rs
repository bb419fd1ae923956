//! A processor's window to the kernel: an epoll instance, in which descriptors are registered once and
//! edge-triggered, and an event counter by which other OS threads wake whoever waits for it.
//!
//! `README.md` in this folder argues that no wake-up is lost.

use crate::engine::Source;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// How many events are taken from the kernel at once.
const EVENTS: usize = 256;
/// The token of the event counter; sources are not at address 0.
const WAKE: u64 = 0;

pub(super) struct Reactor {
    epoll: OwnedFd,
    wake: OwnedFd,
}

impl Reactor {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Edge-triggered, each write is an event, and the counter need never be read.
        epoll::add(
            &epoll,
            &wake,
            EventData::new_u64(WAKE),
            EventFlags::IN | EventFlags::ET,
        )?;
        Ok(Self { epoll, wake })
    }

    /// Ends the wait of the machine that is in [`wait`](Self::wait), or the next one.
    pub(super) fn wake(&self) {
        // It fails only when the counter is full, after 2^64 wakes.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Waits for events, at most `timeout` nanoseconds (`None`: as long as it takes), and wakes whoever they
    /// are for.
    pub(super) fn wait(&self, timeout: Option<u64>, buffer: &mut Vec<epoll::Event>) {
        let timeout = timeout.map(|nanoseconds| Timespec {
            tv_sec: (nanoseconds / 1_000_000_000) as i64,
            tv_nsec: (nanoseconds % 1_000_000_000) as i64,
        });
        buffer.clear();
        buffer.reserve(EVENTS);
        match epoll::wait(&self.epoll, spare_capacity(buffer), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => {
                panic!("epoll_wait failed on a descriptor of the scheduler's own: {error}")
            }
        }
        for event in buffer.iter() {
            let (token, flags) = (event.data.u64(), event.flags);
            if token == WAKE {
                continue;
            }
            let ended = EventFlags::HUP | EventFlags::ERR;
            // Nothing counts as drained from here on: no further edge need come for the end of a stream, and
            // a read stops short of urgent data although there is more behind it.
            let sticky = EventFlags::RDHUP | EventFlags::PRI | ended;
            // SAFETY: what is registered here was registered with the token of a source.
            if let Some(source) = unsafe { Source::of_token(token) } {
                source.edge(
                    flags.intersects(EventFlags::IN | sticky),
                    flags.intersects(EventFlags::OUT | ended),
                    flags.intersects(sticky),
                );
            }
        }
    }

    pub(super) fn register(&self, fd: BorrowedFd<'_>, source: &'static Source) -> io::Result<()> {
        let flags =
            EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::PRI | EventFlags::ET;
        let token = EventData::new_u64(source.token());
        match epoll::add(&self.epoll, fd, token, flags) {
            // The kernel knows a socket and a number, and keeps them until the socket is closed everywhere:
            // another descriptor of the same socket has got the number of one that was closed.
            Err(Errno::EXIST) => Ok(epoll::modify(&self.epoll, fd, token, flags)?),
            added => Ok(added?),
        }
    }

    pub(super) fn deregister(&self, fd: BorrowedFd<'_>) {
        // It fails if the descriptor is not registered here, which is what is wanted.
        let _ = epoll::delete(&self.epoll, fd);
    }
}
