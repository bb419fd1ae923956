//! The channel with room for a number of messages: a ring, and senders that wait for a free place.
//!
//! `waiting_senders` counts the senders that decided to wait, less those for whom a wake was decided. Each
//! free place takes one off the count and wakes one. Of the senders that are asleep none is forgotten:
//! the count plus the wakes that are decided and not yet done is never less than their number. It may be
//! more, since a sender that saw the sequence advance before it slept needs no wake and leaves one over; the
//! next free place then wakes nobody, and takes the excess off.
//!
//! A sender that was woken and finds the place taken by another waits again. The message that took the place
//! will be received, and that wakes the next.
//!
//! A sender may be a future, and be dropped while it waits. If no wake had chosen it, it takes one off the count,
//! and is itself one less that is asleep. If one had, its place may be free with nobody called to it, so it calls
//! the next, as the free place did.

use super::handle::Sides;
use super::signal::Signal;
use super::{Attempt, RecvTimeoutError, TryRecvError, TrySendError};
use crate::sync::lock::{Guard, Lock};
use crate::sync::ticket::Ticket;
use std::collections::VecDeque;
use std::mem;

/// Up to this size the ring is made at once.
const PREALLOCATED_BYTES: usize = 64 * 1024;

pub(super) struct Channel<T> {
    /// At least one.
    bound: usize,
    state: Lock<State<T>>,
    /// The receiver waits here.
    arrival: Signal,
    /// Senders wait here.
    space: Signal,
}

struct State<T> {
    ring: VecDeque<T>,
    receiver_waits: bool,
    waiting_senders: usize,
    senders_gone: bool,
    receiver_gone: bool,
}

/// Why a message was not sent; it comes back.
enum Refused<'a, T> {
    Gone(T),
    /// The sender counts as waiting from now on.
    Full(Ticket<'a>, T),
}

impl<T> Channel<T> {
    pub(super) fn new(bound: usize) -> Self {
        let preallocated = PREALLOCATED_BYTES / size_of::<T>().max(1);
        Self {
            bound,
            state: Lock::new(State {
                ring: VecDeque::with_capacity(bound.min(preallocated)),
                receiver_waits: false,
                waiting_senders: 0,
                senders_gone: false,
                receiver_gone: false,
            }),
            arrival: Signal::new(),
            space: Signal::new(),
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
        let mut state = self.state.lock();
        if state.receiver_gone {
            return Err(Refused::Gone(message));
        }
        if state.ring.len() < self.bound {
            self.push(state, message);
            return Ok(());
        }
        state.waiting_senders += 1;
        Err(Refused::Full(self.space.ticket(), message))
    }

    /// A sender that waited is gone. If a wake had chosen it, its place is free for the next.
    fn sender_gave_up(&self, chosen: bool) {
        let mut state = self.state.lock();
        if chosen {
            self.unlock_and_call_sender(state);
        } else {
            state.waiting_senders = state.waiting_senders.saturating_sub(1);
        }
    }

    #[inline]
    pub(super) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let state = self.state.lock();
        if state.receiver_gone {
            Err(TrySendError::Disconnected(message))
        } else if state.ring.len() < self.bound {
            self.push(state, message);
            Ok(())
        } else {
            Err(TrySendError::Full(message))
        }
    }

    #[inline]
    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.pop(self.state.lock()).map_err(|state| {
            if state.senders_gone {
                TryRecvError::Disconnected
            } else {
                TryRecvError::Empty
            }
        })
    }

    #[inline]
    pub(super) fn attempt(&self, timed_out: bool) -> Attempt<'_, T> {
        let mut state = match self.pop(self.state.lock()) {
            Ok(message) => return Attempt::Break(Ok(message)),
            Err(state) => state,
        };
        if state.senders_gone {
            return Attempt::Break(Err(RecvTimeoutError::Disconnected));
        }
        state.receiver_waits = !timed_out;
        if timed_out {
            return Attempt::Break(Err(RecvTimeoutError::Timeout));
        }
        Attempt::Continue(self.arrival.ticket())
    }

    #[inline]
    fn push(&self, mut state: Guard<'_, State<T>>, message: T) {
        state.ring.push_back(message);
        self.unlock_and_call_receiver(state);
    }

    /// Takes the oldest message and calls a sender to its place; the lock again if there is none.
    #[inline]
    fn pop<'a>(&self, mut state: Guard<'a, State<T>>) -> Result<T, Guard<'a, State<T>>> {
        let Some(message) = state.ring.pop_front() else {
            return Err(state);
        };
        self.unlock_and_call_sender(state);
        Ok(message)
    }

    #[inline]
    fn unlock_and_call_sender(&self, mut state: Guard<'_, State<T>>) {
        let waits = state.waiting_senders > 0;
        if waits {
            state.waiting_senders -= 1;
            self.space.advance();
        }
        drop(state);
        if waits {
            self.space.wake_one();
        }
    }

    #[inline]
    fn unlock_and_call_receiver(&self, mut state: Guard<'_, State<T>>) {
        let waits = mem::take(&mut state.receiver_waits);
        if waits {
            self.arrival.advance();
        }
        drop(state);
        if waits {
            self.arrival.wake_one();
        }
    }
}

impl<T> Sides for Channel<T> {
    fn senders_gone(&self) {
        let mut state = self.state.lock();
        state.senders_gone = true;
        self.unlock_and_call_receiver(state);
    }

    fn receiver_gone(&self) {
        let mut state = self.state.lock();
        state.receiver_gone = true;
        let rest = mem::take(&mut state.ring);
        self.space.advance();
        drop(state);
        self.space.wake_all();
        drop(rest);
    }
}
