//! The channel with room for a number of messages: a [`Ring`], and senders that wait for a free place.
//!
//! `waiting` counts the senders that decided to wait, less those for whom a wake was decided. Each
//! free place takes one off the count and wakes one. Of the senders that are asleep none is forgotten:
//! the count plus the wakes that are decided and not yet done is never less than their number. It may be
//! more, since a sender that saw the sequence advance before it slept needs no wake and leaves one over; the
//! next free place then wakes nobody, and takes the excess off.
//!
//! The count has a lock, which who sends and who receives takes only if senders wait. While the count is not zero the
//! ring says so to who takes a message: a sender makes it say so before it counts itself, in the section of the
//! lock in which it does, and only while there is no room; it is taken back in a section that leaves the count zero.
//!
//! A sender that was woken and finds the place taken by another waits again. The message that took the place
//! will be received, and that wakes the next.
//!
//! A sender may be a future, and be dropped while it waits. If no wake had chosen it, it takes one off the count,
//! and is itself one less that is asleep. If one had, its place may be free with nobody called to it, so it calls
//! the next, as the free place did.

use super::TrySendError;
use super::handle::Sides;
use super::inbox::Queue;
use super::ring::{self, Ring};
use super::signal::Signal;
use super::tail::Tail;
use crate::sync::lock::Lock;
use crate::sync::ticket::Ticket;

pub(super) struct Channel<T> {
    ring: Ring<T>,
    /// The receiver waits here.
    arrival: Signal,
    /// Senders wait here.
    space: Signal,
    waiting: Lock<usize>,
}

/// Why a message was not sent; it comes back.
enum Refused<'a, T> {
    Gone(T),
    /// The sender counts as waiting from now on.
    Full(Ticket<'a>, T),
}

impl<T> Channel<T> {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            ring: Ring::new(bound),
            arrival: Signal::new(),
            space: Signal::new(),
            waiting: Lock::new(0),
        }
    }

    #[inline]
    pub(super) fn send(&self, mut message: T) -> Result<(), T> {
        loop {
            match self.attempt_send(message) {
                Ok(()) => return Ok(()),
                Err(Refused::Gone(message)) => return Err(message),
                Err(Refused::Full(ticket, unsent)) => {
                    ticket.wait(None);
                    message = unsent;
                }
            }
        }
    }

    /// As [`send`](Self::send), for a future.
    pub(super) async fn send_async(&self, mut message: T) -> Result<(), T> {
        loop {
            match self.attempt_send(message) {
                Ok(()) => return Ok(()),
                Err(Refused::Gone(message)) => return Err(message),
                Err(Refused::Full(ticket, unsent)) => {
                    ticket
                        .wait_async(|chosen| self.sender_gave_up(chosen))
                        .await;
                    message = unsent;
                }
            }
        }
    }

    #[inline]
    fn attempt_send(&self, message: T) -> Result<(), Refused<'_, T>> {
        match self.push(message) {
            Ok(()) => Ok(()),
            Err(ring::Refused::ReceiverGone(message)) => Err(Refused::Gone(message)),
            Err(ring::Refused::Full(message)) => self.attempt_to_wait(message),
        }
    }

    /// There was no room.
    #[cold]
    fn attempt_to_wait(&self, mut message: T) -> Result<(), Refused<'_, T>> {
        loop {
            let mut waiting = self.waiting.lock();
            if self.ring.wait_for_room() {
                *waiting += 1;
                return Err(Refused::Full(self.space.ticket(), message));
            }
            drop(waiting);
            message = match self.push(message) {
                Ok(()) => return Ok(()),
                Err(ring::Refused::ReceiverGone(message)) => return Err(Refused::Gone(message)),
                Err(ring::Refused::Full(message)) => message,
            };
        }
    }

    /// A sender that waited is gone. If a wake had chosen it, its place is free for the next.
    fn sender_gave_up(&self, chosen: bool) {
        if chosen {
            self.call_sender();
        } else {
            let mut waiting = self.waiting.lock();
            *waiting = waiting.saturating_sub(1);
        }
    }

    #[inline]
    pub(super) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.push(message).map_err(|refused| match refused {
            ring::Refused::ReceiverGone(message) => TrySendError::Disconnected(message),
            ring::Refused::Full(message) => TrySendError::Full(message),
        })
    }

    #[inline]
    fn push(&self, message: T) -> Result<(), ring::Refused<T>> {
        if self.ring.push(message)? {
            self.call_receiver();
        }
        Ok(())
    }

    /// There is a free place for one of the senders that wait.
    #[cold]
    fn call_sender(&self) {
        let mut waiting = self.waiting.lock();
        let calls = *waiting > 0;
        if calls {
            *waiting -= 1;
            self.space.advance();
        }
        if *waiting == 0 {
            self.ring.nobody_waits();
        }
        drop(waiting);
        if calls {
            self.space.wake_one();
        }
    }
}

impl<T> Queue for Channel<T> {
    type Message = T;

    #[inline]
    fn tail(&self) -> &Tail {
        self.ring.tail()
    }

    #[inline]
    fn arrival(&self) -> &Signal {
        &self.arrival
    }

    #[inline]
    unsafe fn next(&self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { self.ring.next() }
    }

    #[inline]
    unsafe fn has_next(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.ring.has_next() }
    }

    #[inline]
    unsafe fn take(&self) -> Option<T> {
        // SAFETY: the caller's promise.
        let (message, senders_wait) = unsafe { self.ring.pop() }?;
        if senders_wait {
            self.call_sender();
        }
        Some(message)
    }
}

impl<T> Sides for Channel<T> {
    fn senders_gone(&self) {
        self.let_senders_go();
    }

    fn receiver_gone(&self) {
        let end = self.ring.tail().let_receiver_go().next();
        let mut waiting = self.waiting.lock();
        *waiting = 0;
        self.space.advance();
        self.ring.nobody_waits();
        drop(waiting);
        self.space.wake_all();
        // SAFETY: the receiver calls this as the last that it does; no more is claimed.
        unsafe { self.drop_rest(end) };
    }
}
