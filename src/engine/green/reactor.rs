//! A processor's window to the kernel: an epoll instance, in which descriptors are registered once and
//! edge-triggered, and an event counter by which other OS threads wake whoever waits for it.
//!
//! `README.md` in this folder argues that no wake-up is lost.

use crate::engine::Source;
use crate::engine::epoll::Epoll;
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
        let epoll = Epoll::new()?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Edge-triggered, each write is an event, and the counter need never be read.
        epoll.register_wake(wake.as_fd())?;
        Ok(Self { epoll, wake })
    }

    /// Ends the wait of the machine that is in [`wait`](Self::wait), or the next one.
    pub(super) fn wake(&self) {
        // It fails only when the counter is full, after 2^64 wakes.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Waits for events, at most `timeout` nanoseconds (`None`: as long as it takes), and wakes whoever they
    /// are for.
    pub(super) fn wait(&self, timeout: Option<u64>, buffer: &mut Vec<Event>) {
        self.epoll.wait(timeout, buffer);
    }

    pub(super) fn register(&self, fd: BorrowedFd<'_>, source: &'static Source) -> io::Result<()> {
        self.epoll.register(fd, source)
    }

    pub(super) fn deregister(&self, fd: BorrowedFd<'_>) {
        self.epoll.deregister(fd);
    }
}
