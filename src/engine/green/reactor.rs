//! A scheduler's window to the kernel: one epoll instance for all processors, in which descriptors are registered once
//! and edge-triggered, and an event counter that ends the wait of the processor that is in it.
//!
//! It has one user at a time: whoever has the role of the poller (`poller.rs`). `README.md` in this folder argues that
//! no wake-up is lost.

use crate::engine::Source;
use crate::engine::epoll::{self, Epoll};
use rustix::event::epoll::Event;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub(super) struct Reactor {
    epoll: Epoll,
    wake: OwnedFd,
}

impl Reactor {
    pub(super) fn new() -> io::Result<Self> {
        Self::open().map_err(|error| {
            if error.kind() == io::ErrorKind::Unsupported {
                return error;
            }
            let message = format!(
                "cannot make the reactor of the scheduler for green threads: {error}; it takes two descriptors, \
                 however many processors there are: raise the limit (RLIMIT_NOFILE, `ulimit -n`), or close some before"
            );
            io::Error::new(error.kind(), message)
        })
    }

    fn open() -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Edge-triggered, each write is an event, and the counter need never be read.
        epoll.register_wake(wake.as_fd())?;
        Ok(Self { epoll, wake })
    }

    /// Ends the wait of whoever is in [`wait`](Self::wait), or the next one.
    pub(super) fn wake(&self) {
        // It fails only when the counter is full, after 2^64 wakes.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Waits for events, at most `timeout` nanoseconds (`None`: as long as it takes). By the poller.
    pub(super) fn wait(&self, timeout: Option<u64>, events: &mut Vec<Event>) {
        self.epoll.wait(timeout, events);
    }

    /// Wakes whoever the events are for. By anybody: two at once only make two edges of one.
    pub(super) fn hand_out(&self, events: &[Event]) {
        epoll::hand_out(events);
    }

    pub(super) fn register(&self, fd: BorrowedFd<'_>, source: &'static Source) -> io::Result<()> {
        self.epoll.register(fd, source)
    }

    pub(super) fn deregister(&self, fd: BorrowedFd<'_>) {
        self.epoll.deregister(fd);
    }
}
